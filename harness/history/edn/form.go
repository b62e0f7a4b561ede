package edn

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// kind is what a form is.
type kind uint8

const (
	kindNil kind = iota
	kindBool
	kindInteger
	kindNumber // a float, a decimal, a ratio or a symbolic value such as ##NaN
	kindCharacter
	kindString  // what is between its quotes is the string
	kindEscaped // a string in which escapes have to be resolved
	kindKeyword
	kindSymbol
	kindList
	kindVector
	kindSet
	kindMap    // a key, its value, the next key …
	kindTagged // a tag, then the form that it is for
)

// node is a form. A form's parts follow it: nodes are in the order in which the
// forms begin, and a form is size nodes long, itself included.
type node struct {
	start, end uint32 // of its text, counted from the mark
	size       uint32
	kind       kind
}

// deepest is how deep forms may be nested, in each other and in discards.
const deepest = 200

// class says what a byte may be.
var class [256]uint8

const (
	isBlank uint8 = 1 << iota
	isToken       // of a symbol, keyword or number
	isString
	isDigit
)

func init() {
	for c := range 256 {
		switch {
		case c >= '0' && c <= '9':
			class[c] = isToken | isDigit
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= utf8.RuneSelf, bytes.IndexByte([]byte("*+!-_?$%&=<>./:#'|"), byte(c)) >= 0:
			class[c] = isToken
		case bytes.IndexByte([]byte(" \t\n\r\f\v,"), byte(c)) >= 0:
			class[c] = isBlank
		}
		if c != '"' && c != '\\' && c != 0 {
			class[c] |= isString
		}
	}
}

// parser reads forms. What it has read of the present operation is in nodes, and
// allocates nothing once there was an operation as large.
type parser struct {
	source
	nodes              []node
	json               bool // the input is JSON and not EDN
	scratch, unescaped []byte
	probe              *parser // looks into strings; see special
}

// begin drops the operation before: forms are counted from here.
func (p *parser) begin() {
	p.keep(p.pos)
	p.nodes = p.nodes[:0]
}

// forms makes a text the whole input.
func (p *parser) forms(text []byte, path string, row, column int) {
	p.text(text, path, row, column)
	p.nodes = p.nodes[:0]
}

// bytes is the text of a form.
func (p *parser) bytes(n int) []byte {
	return p.buf[p.mark+int(p.nodes[n].start) : p.mark+int(p.nodes[n].end)]
}

// at is the place of a form in buf.
func (p *parser) at(n int) int { return p.mark + int(p.nodes[n].start) }

// next is the node that follows a form and its parts.
func (p *parser) next(n int) int { return n + int(p.nodes[n].size) }

// leaf adds a form without parts, whose text ends at pos.
func (p *parser) leaf(k kind, start int) bool {
	p.nodes = append(p.nodes, node{start: uint32(start), end: uint32(p.pos - p.mark), size: 1, kind: k})
	return true
}

// peek is the byte that many after pos, and 0 at the end of the input.
func (p *parser) peek(ahead int) byte {
	for p.pos+ahead >= p.end {
		if !p.more() {
			return 0
		}
	}
	return p.buf[p.pos+ahead]
}

// blank skips blanks, comments and discarded forms. It returns false at the end
// of the input, and where something is wrong.
func (p *parser) blank(depth int) bool {
	for {
		c := p.buf[p.pos]
		switch {
		case class[c]&isBlank != 0:
			p.pos++
		case c == ';':
			if !p.comment() {
				return false
			}
		case c == '#':
			if p.peek(1) != '_' {
				return p.problem == nil
			}
			if !p.discard(depth) {
				return false
			}
		case c == 0 && p.pos >= p.end:
			if !p.more() {
				return false
			}
		default:
			return true
		}
	}
}

func (p *parser) comment() bool {
	for {
		if i := bytes.IndexByte(p.buf[p.pos:p.end], '\n'); i >= 0 {
			p.pos += i
			return true
		}
		p.pos = p.end
		if !p.more() {
			return false
		}
	}
}

// discard skips #_ and the form after it.
func (p *parser) discard(depth int) bool {
	if depth >= deepest {
		return p.tooDeep()
	}
	have := len(p.nodes)
	p.pos += 2
	if !p.blank(depth + 1) {
		return p.expected("a form to discard after #_")
	}
	ok := p.form(depth + 1)
	p.nodes = p.nodes[:have]
	return ok
}

func (p *parser) tooDeep() bool {
	return p.wrong(p.pos, "forms are nested more than %d deep: expected no history to be", deepest)
}

// form reads the form that begins at pos.
func (p *parser) form(depth int) bool {
	if depth >= deepest {
		return p.tooDeep()
	}
	start := p.pos - p.mark
	switch c := p.buf[p.pos]; c {
	case '{':
		return p.collection(kindMap, '}', 1, depth)
	case '[':
		return p.collection(kindVector, ']', 1, depth)
	case '(':
		return p.collection(kindList, ')', 1, depth)
	case '#':
		return p.dispatch(depth)
	case '"':
		return p.quoted()
	case '\\':
		return p.character()
	case ':':
		p.pos++
		p.token()
		if p.pos-p.mark-start < 2 {
			return p.expected("the name of a keyword after its colon")
		}
		return p.leaf(kindKeyword, start)
	case '\'', '|':
		return p.expected("a form")
	default:
		if class[c]&isToken == 0 {
			return p.expected("a form")
		}
		return p.word(start)
	}
}

// token skips what belongs to a symbol, keyword or number.
func (p *parser) token() {
	for {
		i := p.pos
		for class[p.buf[i]]&isToken != 0 {
			i++
		}
		p.pos = i
		if i < p.end || !p.more() {
			return
		}
	}
}

// word reads a number, a symbol, nil, true or false.
func (p *parser) word(start int) bool {
	p.token()
	text := p.buf[p.mark+start : p.pos]
	if c := text[0]; class[c]&isDigit != 0 || len(text) > 1 && (c == '-' || c == '+') && class[text[1]]&isDigit != 0 {
		k, ok := numeral(text)
		if !ok {
			return p.wrong(p.mark+start, "expected a number, found %q", clip(text))
		}
		return p.leaf(k, start)
	}
	switch string(text) {
	case "nil":
		return p.leaf(kindNil, start)
	case "true", "false":
		return p.leaf(kindBool, start)
	}
	return p.leaf(kindSymbol, start)
}

func clip(text []byte) []byte { return text[:min(len(text), 40)] }

// numeral says what kind of number a text is, which begins with a digit after an
// optional sign: digits, with N; a float with a fraction, an exponent or M; a ratio.
func numeral(text []byte) (kind, bool) {
	i := 0
	if text[0] == '-' || text[0] == '+' {
		i++
	}
	digits := func() bool {
		from := i
		for i < len(text) && class[text[i]]&isDigit != 0 {
			i++
		}
		return i > from
	}
	first := i
	digits()
	whole := text[first] != '0' || i == first+1
	if i == len(text) {
		return kindInteger, whole
	}
	switch text[i] {
	case 'N':
		return kindInteger, whole && i+1 == len(text)
	case '/':
		i++
		return kindNumber, digits() && i == len(text)
	case '.':
		i++
		digits()
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		i++
		if i < len(text) && (text[i] == '-' || text[i] == '+') {
			i++
		}
		if !digits() {
			return 0, false
		}
	}
	if i < len(text) && text[i] == 'M' {
		i++
	}
	return kindNumber, whole && i == len(text)
}

// collection reads forms up to the closing bracket. Its opening is so many bytes long.
func (p *parser) collection(k kind, closing byte, opening, depth int) bool {
	n, start := len(p.nodes), p.pos-p.mark
	p.nodes = append(p.nodes, node{start: uint32(start), kind: k})
	p.pos += opening
	parts := 0
	for ; ; parts++ {
		if !p.blank(depth + 1) {
			row, column := p.after(p.mark + start)
			return p.expected(fmt.Sprintf("%q, which closes what was opened at %d:%d", closing, row, column+1))
		}
		c := p.buf[p.pos]
		if c == closing {
			break
		}
		if c == ')' || c == ']' || c == '}' {
			return p.expected(fmt.Sprintf("%q", closing))
		}
		if !p.form(depth + 1) {
			return false
		}
	}
	if k == kindMap && parts%2 != 0 {
		return p.expected("a value for the last key of the map")
	}
	p.pos++
	p.nodes[n].end, p.nodes[n].size = uint32(p.pos-p.mark), uint32(len(p.nodes)-n)
	return true
}

// dispatch reads what begins with #: a set, a symbolic value, or a tag and its form.
func (p *parser) dispatch(depth int) bool {
	start := p.pos - p.mark
	switch c := p.peek(1); {
	case c == '{':
		return p.collection(kindSet, '}', 2, depth)
	case c == '#':
		p.pos += 2
		p.token()
		switch string(p.buf[p.mark+start : p.pos]) {
		case "##NaN", "##Inf", "##-Inf":
			return p.leaf(kindNumber, start)
		}
		return p.expectedAt(p.mark+start, "##NaN, ##Inf or ##-Inf")
	case class[c]&(isToken|isDigit) != isToken || c == '\'' || c == '<' || c == '=' || c == '_':
		return p.expected("a set, a tag or a discarded form after #")
	}
	n := len(p.nodes)
	p.nodes = append(p.nodes, node{start: uint32(start), kind: kindTagged})
	p.pos++
	p.token()
	p.leaf(kindSymbol, start+1)
	if !p.blank(depth + 1) {
		return p.expected("the form that the tag is for")
	}
	if !p.form(depth + 1) {
		return false
	}
	p.nodes[n].end, p.nodes[n].size = uint32(p.pos-p.mark), uint32(len(p.nodes)-n)
	return true
}

// quoted reads a string. The node's text is what is between the quotes.
func (p *parser) quoted() bool {
	start, k := p.pos-p.mark, kindString
	p.pos++
	for {
		i := p.pos
		for class[p.buf[i]]&isString != 0 {
			i++
		}
		p.pos = i
		switch {
		case p.buf[i] == '"':
			p.leaf(k, start+1)
			p.pos++
			return true
		case p.buf[i] == '\\':
			k = kindEscaped
			if !p.escape() {
				return false
			}
		case i < p.end:
			p.pos++ // a NUL in the string
		case !p.more():
			row, column := p.after(p.mark + start)
			return p.expected(fmt.Sprintf("the quote that ends the string which began at %d:%d", row, column+1))
		}
	}
}

// escape checks and skips an escape in a string.
func (p *parser) escape() bool {
	switch c := p.peek(1); {
	case c != 0 && bytes.IndexByte([]byte(`trnbf\"`), c) >= 0, p.json && c == '/':
		p.pos += 2
		return true
	case c == 'u':
		for i := 2; i < 6; i++ {
			if hex(p.peek(i)) < 0 {
				return p.expected("an escape of four hexadecimal digits, such as \\u00e9")
			}
		}
		p.pos += 6
		return true
	case c >= '0' && c <= '7' && !p.json:
		p.pos += 2
		for i := 0; i < 2 && p.peek(0) >= '0' && p.peek(0) <= '7'; i++ {
			p.pos++
		}
		return true
	}
	if p.json {
		return p.expected(`an escape that JSON knows, \b \f \n \r \t \" \\ \/ or \u0000`)
	}
	return p.expected(`an escape that EDN knows, \t \r \n \b \f \\ \" or \u0000`)
}

func hex(c byte) int32 {
	switch {
	case c >= '0' && c <= '9':
		return int32(c - '0')
	case c >= 'a' && c <= 'f':
		return int32(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int32(c-'A') + 10
	}
	return -1
}

// character reads a character: \a, \newline, \u0041, \o101.
func (p *parser) character() bool {
	start := p.pos - p.mark
	c := p.peek(1)
	if c <= ' ' || c == 0x7f {
		return p.expected("a character after the backslash")
	}
	p.pos += 2
	if class[c]&isToken != 0 {
		p.token()
	}
	if _, ok := runeOf(p.buf[p.mark+start+1 : p.pos]); !ok {
		return p.wrong(p.mark+start, "expected a character such as \\a, \\newline or \\u0041, found %q", clip(p.buf[p.mark+start:p.pos]))
	}
	return p.leaf(kindCharacter, start)
}

var characterNames = map[string]rune{
	"newline": '\n', "space": ' ', "tab": '\t', "return": '\r', "backspace": '\b', "formfeed": '\f',
}

// runeOf is the character that a text after a backslash stands for.
func runeOf(text []byte) (rune, bool) {
	if r, size := utf8.DecodeRune(text); size == len(text) && (r != utf8.RuneError || size == 3) {
		return r, true
	}
	if r, named := characterNames[string(text)]; named {
		return r, true
	}
	value := rune(0)
	switch {
	case text[0] == 'u' && len(text) == 5:
		for _, c := range text[1:] {
			if hex(c) < 0 {
				return 0, false
			}
			value = value<<4 | hex(c)
		}
		return value, true
	case text[0] == 'o' && len(text) >= 2 && len(text) <= 4:
		for _, c := range text[1:] {
			if c < '0' || c > '7' {
				return 0, false
			}
			value = value<<3 | rune(c-'0')
		}
		return value, value <= 0o377
	}
	return 0, false
}
