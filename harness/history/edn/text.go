package edn

import (
	"bytes"
	"math"
	"math/big"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/seatrial/seatrial/harness/history"
)

// A history knows integers and strings, and EDN knows more. What is neither an
// integer nor a string is kept as a string, its EDN text: the keyword :x as ":x",
// the vector [1 2] as "[1 2]". A string is kept as it is, unless it would be
// taken for such a text: the string ":x" is kept as "\":x\"", in its quotes. So
// two values have one text exactly if Clojure's = takes them for equal.

// text appends the EDN text of a form, the same for all ways to write it: a list
// is a vector, the elements of sets and maps are sorted by their texts.
func (p *parser) appendText(b []byte, n int) []byte {
	text := p.bytes(n)
	switch p.nodes[n].kind {
	case kindInteger:
		return append(b, integerText(text)...)
	case kindNumber:
		return appendNumber(b, text)
	case kindCharacter:
		return appendCharacter(b, text)
	case kindString, kindEscaped:
		return appendQuoted(b, p.content(n))
	case kindNil:
		return append(b, "nil"...) // null, in JSON
	case kindTagged:
		b = append(append(append(b, '#'), p.bytes(n+1)...), ' ')
		return p.appendText(b, n+2)
	case kindList, kindVector:
		b = append(b, '[')
		for i := n + 1; i < p.next(n); i = p.next(i) {
			if i > n+1 {
				b = append(b, ' ')
			}
			b = p.appendText(b, i)
		}
		return append(b, ']')
	case kindSet:
		return p.appendSorted(append(b, '#'), n, false)
	case kindMap:
		return p.appendSorted(b, n, true)
	default:
		return append(b, text...)
	}
}

// appendSorted appends the parts of a set or map in the order of their texts.
func (p *parser) appendSorted(b []byte, n int, pairs bool) []byte {
	var parts [][]byte
	for i := n + 1; i < p.next(n); i = p.next(i) {
		part := p.appendText(nil, i)
		if pairs {
			i = p.next(i)
			part = p.appendText(append(part, ' '), i)
		}
		parts = append(parts, part)
	}
	slices.SortFunc(parts, bytes.Compare)
	b = append(b, '{')
	for i, part := range parts {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, part...)
	}
	return append(b, '}')
}

// integerText is an integer without what makes no difference: + and N.
func integerText(text []byte) []byte {
	text = bytes.TrimSuffix(bytes.TrimPrefix(text, []byte{'+'}), []byte{'N'})
	if string(text) == "-0" {
		return text[1:]
	}
	return text
}

// longestRatio is up to how many digits a ratio is reduced.
const longestRatio = 100

// appendNumber appends a float as the shortest text that reads back to it, and a
// ratio reduced. Of decimals (1.50M) Clojure takes only those for equal that are
// written alike.
func appendNumber(b, text []byte) []byte {
	if bytes.IndexByte(text, '/') >= 0 {
		if ratio, ok := new(big.Rat).SetString(string(text)); ok && len(text) <= longestRatio {
			return append(b, ratio.RatString()...)
		}
		return append(b, text...)
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || text[0] == '#' {
		return append(b, text...)
	}
	from := len(b)
	b = strconv.AppendFloat(b, f, 'g', -1, 64)
	if !bytes.ContainsAny(b[from:], ".e") {
		b = append(b, ".0"...)
	}
	return b
}

func appendCharacter(b, text []byte) []byte {
	r, _ := runeOf(text[1:])
	b = append(b, '\\')
	for name, named := range characterNames {
		if named == r {
			return append(b, name...)
		}
	}
	if r <= ' ' || r == 0x7f || !utf8.ValidRune(r) {
		return appendUnicode(append(b, 'u'), r)
	}
	return utf8.AppendRune(b, r)
}

func appendUnicode(b []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(b, digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// appendQuoted appends a string as EDN. Bytes that are not UTF-8 stay as they are.
func appendQuoted(b, text []byte) []byte {
	b = append(b, '"')
	for _, c := range text {
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\t':
			b = append(b, `\t`...)
		case '\r':
			b = append(b, `\r`...)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// content is what a string says. It is good until the next call.
func (p *parser) content(n int) []byte {
	text := p.bytes(n)
	if p.nodes[n].kind != kindEscaped {
		return text
	}
	p.unescaped = appendUnescaped(p.unescaped[:0], text)
	return p.unescaped
}

// appendUnescaped resolves the escapes of a string that was read.
func appendUnescaped(b, text []byte) []byte {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			b = append(b, text[i])
			continue
		}
		i++
		switch c := text[i]; c {
		case 't':
			b = append(b, '\t')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'u':
			r := sixteen(text[i+1:])
			i += 4
			if r >= 0xd800 && r < 0xdc00 && len(text) > i+6 && text[i+1] == '\\' && text[i+2] == 'u' {
				if low := sixteen(text[i+3:]); low >= 0xdc00 && low < 0xe000 {
					r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
					i += 6
				}
			}
			b = appendRune(b, r)
		case '0', '1', '2', '3', '4', '5', '6', '7':
			r := rune(c - '0')
			for range 2 {
				if i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '7' {
					i++
					r = r<<3 | rune(text[i]-'0')
				}
			}
			b = appendRune(b, r)
		default:
			b = append(b, c)
		}
	}
	return b
}

func sixteen(text []byte) rune {
	return hex(text[0])<<12 | hex(text[1])<<8 | hex(text[2])<<4 | hex(text[3])
}

// appendRune appends a character, and half of a surrogate pair in the same manner:
// strings that differ must stay different.
func appendRune(b []byte, r rune) []byte {
	if r >= 0xd800 && r < 0xe000 {
		return append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6&0x3f), 0x80|byte(r&0x3f))
	}
	return utf8.AppendRune(b, r)
}

// integer is the value of an integer that fits into 64 bits.
func (p *parser) integer(n int) (int64, bool) {
	text := p.bytes(n)
	if len(text) <= 18 {
		value, i := int64(0), 0
		for ; i < len(text); i++ {
			digit := text[i] - '0'
			if digit > 9 {
				break
			}
			value = value*10 + int64(digit)
		}
		if i == len(text) {
			return value, true
		}
	}
	value, err := strconv.ParseInt(string(integerText(text)), 10, 64)
	return value, err == nil
}

// special reports whether a text is that of something else than a plain string: a
// string that reads so is kept in quotes. A key is always kept as a string, so
// there integers and nil are special too.
func (p *parser) special(text []byte, key bool) bool {
	if len(text) == 0 {
		return false
	}
	switch c := text[0]; {
	case c == 'n':
		return key && string(text) == "nil"
	case c == 't', c == 'f':
		return string(text) == "true" || string(text) == "false"
	case class[c]&isDigit != 0, c == '-':
		if !key && len(text) <= 18 && plainInteger(text) {
			return false
		}
	case bytes.IndexByte([]byte(`:#{[\'"`), c) < 0:
		return false
	}
	if p.probe == nil {
		p.probe = &parser{}
	}
	q := p.probe
	symbol := text[0] == '\''
	if symbol {
		text = text[1:]
	}
	q.forms(text, "", 1, 0)
	if len(text) == 0 || class[text[0]]&isBlank != 0 || !q.form(0) || q.pos < q.end {
		return false
	}
	switch k := q.nodes[0].kind; {
	case symbol:
		return k == kindSymbol
	case k == kindSymbol:
		return false
	case k == kindString || k == kindEscaped:
		content := slices.Clone(q.content(0))
		return bytes.Equal(appendQuoted(nil, content), text) && p.special(content, key)
	case k == kindInteger:
		n, fits := q.integer(0)
		if !key && fits && n <= history.MaxInt && n >= history.MinInt {
			return false
		}
	}
	return bytes.Equal(q.appendText(nil, 0), text)
}

func plainInteger(text []byte) bool {
	for i, c := range text {
		if class[c]&isDigit == 0 && (i > 0 || c != '-') {
			return false
		}
	}
	return true
}

// plain is the text that a form is kept as, where it is kept as a string. It is
// good until the next call.
func (p *parser) plain(n int, key bool) []byte {
	switch p.nodes[n].kind {
	case kindString, kindEscaped:
		text := p.content(n)
		if p.special(text, key) {
			return appendQuoted(nil, text)
		}
		return text
	case kindKeyword:
		return p.bytes(n)
	case kindSymbol:
		// A symbol has a mark, so that the string without one stays as it is.
		p.scratch = append(append(p.scratch[:0], '\''), p.bytes(n)...)
	default:
		p.scratch = p.appendText(p.scratch[:0], n)
	}
	return p.scratch
}

// written is the EDN of a text that [parser.plain] makes.
func (p *parser) written(b, text []byte, key bool) []byte {
	switch {
	case !p.special(text, key):
		return appendQuoted(b, text)
	case text[0] == '\'':
		return append(b, text[1:]...)
	default:
		return append(b, text...)
	}
}

// table numbers strings in the order in which they are first seen.
type table struct {
	names   []string
	numbers map[string]int32
	last    int32 // the number that was asked for last, plus one
}

func (t *table) number(text []byte) int32 {
	if t.last > 0 && t.names[t.last-1] == string(text) {
		return t.last - 1
	}
	n, known := t.numbers[string(text)]
	if !known {
		if t.numbers == nil {
			t.numbers = map[string]int32{}
		}
		if len(t.names) == math.MaxInt32 {
			return 0 // 2^31 strings take 100 GB: the input ends before
		}
		n = int32(len(t.names))
		t.names = append(t.names, string(text))
		t.numbers[t.names[n]] = n
	}
	t.last = n + 1
	return n
}
