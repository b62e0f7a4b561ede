package history

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// quoted takes a word in quotes if that is what comes next.
func (s *scanner) quoted(word string) bool {
	end := s.i + 1 + len(word)
	if end < len(s.line) && s.line[s.i] == '"' && s.line[end] == '"' && string(s.line[s.i+1:end]) == word {
		s.i = end + 1
		return true
	}
	return false
}

// literal takes a bare word if that is what comes next.
func (s *scanner) literal(word string) bool {
	end := s.i + len(word)
	if end <= len(s.line) && string(s.line[s.i:end]) == word {
		s.i = end
		return true
	}
	return false
}

// value reads an integer, a string or null.
func (s *scanner) value() (Value, bool) {
	switch c := s.line[s.i]; {
	case c == '"':
		text, ok := s.text()
		if !ok {
			return None, false
		}
		return StringValue(int(s.strings.number(text))), true
	case c == 'n':
		if s.literal("null") {
			return Nil, true
		}
	case c == '-' || c >= '0' && c <= '9':
		at := s.i
		n, ok := s.integer("an integer, a string or null")
		if ok && (n > MaxInt || n < MinInt) {
			s.i = at
			return None, s.expected(fmt.Sprintf("an integer from %d to %d", MinInt, MaxInt))
		}
		return Value(n), ok
	}
	return None, s.expected("an integer, a string or null")
}

// list reads values into the arena, of which the bracket is next.
func (s *scanner) list() bool {
	s.i++
	if s.space(); s.line[s.i] == ']' {
		s.i++
		return true
	}
	for {
		// Nearly all elements are small integers, each followed by a comma at once.
		line, i, n := s.line, s.i, Value(0)
		for i < len(line) && line[i]-'0' <= 9 {
			n = n*10 + Value(line[i]-'0')
			i++
		}
		if short := i - s.i; short > 0 && short <= 18 && line[i] == ',' && (line[s.i] != '0' || short == 1) {
			s.elements = append(s.elements, n)
			s.i = i + 1
			s.space()
			continue
		}
		v, ok := s.value()
		if !ok {
			return false
		}
		s.elements = append(s.elements, v)
		s.space()
		switch s.line[s.i] {
		case ',':
			s.i++
			s.space()
		case ']':
			s.i++
			return s.fits()
		default:
			return s.expected("a comma or ] after the element of a list")
		}
	}
}

// fits reports whether an operation can point at all of the arena.
func (s *scanner) fits() bool {
	if uint64(len(s.elements)) <= math.MaxUint32 {
		return true
	}
	return s.expected(fmt.Sprintf("no more than %d elements of lists in a history", uint32(math.MaxUint32)))
}

func (s *scanner) integer(what string) (int64, bool) {
	at := s.i
	negative := s.line[at] == '-'
	if negative {
		s.i++
	}
	first := s.i
	n := int64(0)
	i := first
	for ; i < len(s.line); i++ {
		digit := s.line[i] - '0'
		if digit > 9 {
			break
		}
		n = n*10 + int64(digit)
	}
	s.i = i
	digits := i - first
	next := s.line[i]
	if digits == 0 || next == '.' || next|' ' == 'e' || digits > 1 && s.line[first] == '0' {
		s.i = at
		return 0, s.expected(what)
	}
	if negative {
		n = -n
	}
	if digits > 18 {
		var err error
		if n, err = strconv.ParseInt(string(s.line[at:i]), 10, 64); err != nil {
			s.i = at
			return 0, s.expected(what + " that fits into 64 bits")
		}
	}
	return n, true
}

// text reads a string, of which the quote is next.
func (s *scanner) text() ([]byte, bool) {
	start := s.i + 1
	for i := start; i < len(s.line); i++ {
		switch c := s.line[i]; {
		case c == '"':
			s.i = i + 1
			return s.line[start:i], true
		case c == '\\':
			s.i = i
			return s.escaped(append([]byte(nil), s.line[start:i]...))
		case c < ' ':
			s.i = i
			return nil, s.expected("the end of a string")
		}
	}
	s.i = len(s.line) - 1
	return nil, s.expected("the end of a string")
}

// escaped reads the rest of a string with a backslash in it.
func (s *scanner) escaped(text []byte) ([]byte, bool) {
	for {
		switch c := s.line[s.i]; {
		case c == '"':
			s.i++
			return text, true
		case c < ' ':
			return nil, s.expected("the end of a string")
		case c != '\\':
			text = append(text, c)
			s.i++
		default:
			var ok bool
			if text, ok = s.escape(text); !ok {
				return nil, false
			}
		}
	}
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads one escape, of which the backslash is next.
func (s *scanner) escape(text []byte) ([]byte, bool) {
	c := s.line[s.i+1]
	if plain := escapes[c]; plain != 0 {
		s.i += 2
		return append(text, plain), true
	}
	first, ok := s.unicode(s.i)
	if !ok {
		return text, s.expected("an escape of JSON")
	}
	s.i += 6
	if !utf16.IsSurrogate(first) {
		return utf8.AppendRune(text, first), true
	}
	second, ok := s.unicode(s.i)
	both := utf16.DecodeRune(first, second)
	if !ok || both == utf8.RuneError {
		s.i -= 6
		return text, s.expected("two halves of a surrogate pair")
	}
	s.i += 6
	return utf8.AppendRune(text, both), true
}

// unicode reads the \uXXXX at a place of the line.
func (s *scanner) unicode(at int) (rune, bool) {
	if at+6 > len(s.line) || s.line[at] != '\\' || s.line[at+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s.line[at+2:at+6]), 16, 16)
	return rune(n), err == nil
}

// skip passes over the value of a field that this program does not know.
func (s *scanner) skip() bool {
	start, depth := s.i, 0
	for {
		switch c := s.line[s.i]; {
		case c == '"':
			if _, ok := s.text(); !ok {
				return false
			}
			continue
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']' || c == ',':
			if depth == 0 {
				return s.valid(start)
			}
			if c != ',' {
				depth--
			}
		case c == '\n':
			return s.expected("the end of a value")
		}
		s.i++
	}
}

func (s *scanner) valid(start int) bool {
	if json.Valid(s.line[start:s.i]) {
		return true
	}
	s.i = start
	return s.expected("a value of JSON")
}

// space passes over white space, of which the line's end is no part.
func (s *scanner) space() {
	for s.line[s.i] == ' ' || s.line[s.i] == '\t' || s.line[s.i] == '\r' {
		s.i++
	}
}

func (s *scanner) byte(c byte, what string) bool {
	if s.line[s.i] != c {
		return s.expected(what)
	}
	s.i++
	return true
}

// end takes the end of the line.
func (s *scanner) end() bool {
	s.space()
	if s.line[s.i] != '\n' {
		return s.expected("the end of the line after an event")
	}
	return true
}

// expected says what should be at the place, and what is. It returns false.
func (s *scanner) expected(what string) bool {
	rest := s.line[s.i:]
	found := "the end of the line"
	if len(rest) > 0 && rest[0] != '\n' {
		found = strconv.Quote(string(shorten(rest)))
	}
	s.problem = "expected " + what + ", found " + found
	s.wrongAt = s.i
	return false
}

// shorten returns the first word of a line, as far as a person needs it to find
// the place.
func shorten(rest []byte) []byte {
	const longest = 24
	for i, c := range rest {
		if i > 0 && (c == ',' || c == '}' || c == ':' || c == '\n') || i >= longest && utf8.RuneStart(c) {
			return rest[:i]
		}
	}
	return rest
}
