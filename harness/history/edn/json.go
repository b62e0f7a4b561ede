package edn

import "fmt"

// The forms of JSON become those of EDN: an object is a map of strings, an array
// a vector, null is nil. Strings stand for keywords where a keyword is looked for.

// space skips what JSON takes for blank, and returns false at the end of the input.
func (p *parser) space() bool {
	for {
		switch c := p.buf[p.pos]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			p.pos++
		case c == 0 && p.pos >= p.end:
			if !p.more() {
				return false
			}
		default:
			return true
		}
	}
}

// jsonForm reads the JSON that begins at pos.
func (p *parser) jsonForm(depth int) bool {
	if depth >= deepest {
		return p.tooDeep()
	}
	start := p.pos - p.mark
	switch c := p.buf[p.pos]; {
	case c == '{':
		return p.jsonCollection(kindMap, '}', depth)
	case c == '[':
		return p.jsonCollection(kindVector, ']', depth)
	case c == '"':
		return p.quoted()
	case c == '-' || class[c]&isDigit != 0:
		p.token()
		text := p.buf[p.mark+start : p.pos]
		if k, ok := jsonNumeral(text); ok {
			return p.leaf(k, start)
		}
		return p.wrong(p.mark+start, "expected a number, found %q", clip(text))
	case c >= 'a' && c <= 'z':
		p.token()
		switch string(p.buf[p.mark+start : p.pos]) {
		case "null":
			return p.leaf(kindNil, start)
		case "true", "false":
			return p.leaf(kindBool, start)
		}
	}
	return p.expectedAt(p.mark+start, "JSON")
}

// jsonNumeral is numeral without what JSON lacks.
func jsonNumeral(text []byte) (kind, bool) {
	if text[0] == '-' && (len(text) == 1 || class[text[1]]&isDigit == 0) {
		return 0, false
	}
	for i, c := range text {
		if c == 'N' || c == 'M' || c == '/' || c == '.' && (i+1 == len(text) || class[text[i+1]]&isDigit == 0) {
			return 0, false
		}
	}
	return numeral(text)
}

// jsonCollection reads an array, or an object with its colons.
func (p *parser) jsonCollection(k kind, closing byte, depth int) bool {
	n, start := len(p.nodes), p.pos-p.mark
	p.nodes = append(p.nodes, node{start: uint32(start), kind: k})
	p.pos++
	for parts := 0; ; parts++ {
		if !p.space() {
			row, column := p.after(p.mark + start)
			return p.expected(fmt.Sprintf("%q, which closes what was opened at %d:%d", closing, row, column+1))
		}
		if p.buf[p.pos] == closing {
			break
		}
		if parts > 0 {
			if p.buf[p.pos] != ',' {
				return p.expected(fmt.Sprintf("a comma or %q", closing))
			}
			p.pos++
			if !p.space() {
				return p.expected("JSON after the comma")
			}
		}
		if k == kindMap && !p.fieldName() {
			return false
		}
		if !p.jsonForm(depth + 1) {
			return false
		}
	}
	p.pos++
	p.nodes[n].end, p.nodes[n].size = uint32(p.pos-p.mark), uint32(len(p.nodes)-n)
	return true
}

// fieldName reads a field's name with its colon, and goes to the value.
func (p *parser) fieldName() bool {
	if p.buf[p.pos] != '"' {
		return p.expected("the name of a field, in quotes")
	}
	if !p.quoted() {
		return false
	}
	if !p.space() || p.buf[p.pos] != ':' {
		return p.expected("a colon after the name of a field")
	}
	p.pos++
	if !p.space() {
		return p.expected("the value of a field")
	}
	return true
}
