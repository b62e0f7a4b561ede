package history

import "fmt"

// eventName is what "e" says.
type eventName uint8

const (
	eventCall eventName = iota
	eventOK
	eventFail
	eventInfo
	eventSession
	eventFault
	eventMark
	eventCount
)

var eventNames = [eventCount]string{"call", "ok", "fail", "info", "session", "fault", "mark"}

// field is a field of an event that the scanner reads; it skips all others.
type field uint8

const (
	fieldTime field = iota
	fieldEvent
	fieldProcess
	fieldKind
	fieldKey
	fieldExpect
	fieldValue
	fieldResult
	fieldMismatch
	fieldCount
)

// event is a scanned line. Only the fields in has are set; value, expect and
// result are None where they are not. Where the result is a list, listed is set
// and its elements are the scanner's from taken on. Where the value or the result
// is a list of lists, it is the steps of a transaction, which the scanner has.
type event struct {
	time, process         int64
	value, expect, result Value
	key                   []byte // points into the line, or to its own memory
	name                  eventName
	kind                  Kind
	mismatch, listed      bool
	asks, answers         bool // the value, the result is a list of a transaction's steps
	has                   uint16
	at                    [fieldCount]int // where the field's value begins
}

func (e *event) carries(f field) bool { return e.has&(1<<f) != 0 }

// scanner reads event lines. It is several times faster than encoding/json, as
// it knows the fields and allocates nothing for numbers and for strings that it
// has seen.
//
// A line ends in a newline, which stops every loop: none of them takes one for
// space or for part of a string.
type scanner struct {
	line    []byte
	i       int // the place in line
	strings table
	keys    table
	// elements are those of all lists that were read; what comes after taken is of
	// the present line, and goes unless the decoder takes it.
	elements []Value
	taken    int
	asked    []Micro // the steps of the present line's value
	answered []Micro // the steps of the present line's result, which begin at these places
	places   []int
	problem  string // what is wrong, "" while nothing is
	wrongAt  int
}

// scan reads one line into e. Where it returns false, problem and wrongAt say why.
func (s *scanner) scan(line []byte, e *event) bool {
	s.line, s.i, s.problem = line, 0, ""
	e.has = 0
	e.value, e.expect, e.result, e.mismatch, e.listed = None, None, None, false, false
	e.asks, e.answers = false, false
	if !s.opening(e) {
		s.space()
		if !s.byte('{', "an event, which begins with {") {
			return false
		}
		if s.space(); s.line[s.i] == '}' {
			s.i++
			return s.end()
		}
		if !s.field(e) {
			return false
		}
	}
	for {
		s.space()
		switch s.line[s.i] {
		case ',':
			s.i++
			s.space()
			if !s.field(e) {
				return false
			}
		case '}':
			s.i++
			return s.end()
		default:
			return s.expected("a comma or }")
		}
	}
}

// opening reads the beginning of an operation's event as [Recorder] writes it,
// {"t":1205,"e":"call","p":3, up to the comma or brace. Where the line begins in
// any other way it reads nothing and returns false, and the fields are taken one
// by one. It makes reading a third faster.
func (s *scanner) opening(e *event) bool {
	const begin, event, process = `{"t":`, `,"e":"`, `","p":`
	line := s.line
	if len(line) < len(begin) || string(line[:len(begin)]) != begin {
		return false
	}
	time, i := digits(line, len(begin))
	if i == 0 || len(line) < i+len(event)+4 || string(line[i:i+len(event)]) != event {
		return false
	}
	i += len(event)
	name, at := eventOK, i-1
	switch {
	case line[i] == 'o' && line[i+1] == 'k':
		i += 2
	case string(line[i:i+4]) == "call":
		name, i = eventCall, i+4
	case string(line[i:i+4]) == "fail":
		name, i = eventFail, i+4
	case string(line[i:i+4]) == "info":
		name, i = eventInfo, i+4
	default:
		return false
	}
	if len(line) < i+len(process) || string(line[i:i+len(process)]) != process {
		return false
	}
	number, end := digits(line, i+len(process))
	if end == 0 {
		return false
	}
	e.time, e.name, e.process = time, name, number
	e.has = 1<<fieldTime | 1<<fieldEvent | 1<<fieldProcess
	e.at[fieldTime], e.at[fieldEvent], e.at[fieldProcess] = len(begin), at, i+len(process)
	s.i = end
	return true
}

// digits reads a number that needs no second look: no sign, no fraction, no
// leading zero, and small enough. The end is 0 where it is not such a number.
func digits(line []byte, at int) (n int64, end int) {
	i := at
	for ; i < len(line); i++ {
		digit := line[i] - '0'
		if digit > 9 {
			break
		}
		n = n*10 + int64(digit)
	}
	if i == at || i-at > 18 || line[at] == '0' && i-at > 1 || i == len(line) || line[i] != ',' && line[i] != '}' {
		return 0, 0
	}
	return n, i
}

// field reads a name and its value.
func (s *scanner) field(e *event) bool {
	if s.line[s.i] != '"' {
		return s.expected("the name of a field, in quotes")
	}
	var name []byte
	// Nearly all names are one letter and followed by a colon at once.
	if i := s.i; i+4 < len(s.line) && s.line[i+2] == '"' && s.line[i+3] == ':' && s.line[i+1] > '\\' {
		name = s.line[i+1 : i+2]
		s.i = i + 4
	} else {
		var ok bool
		if name, ok = s.text(); !ok {
			return false
		}
		s.space()
		if !s.byte(':', "a colon after the name of a field") {
			return false
		}
	}
	s.space()
	if len(name) != 1 {
		if string(name) == "mismatch" {
			return s.mismatch(e)
		}
		return s.skip()
	}
	return s.letter(name[0], e)
}

// letter reads the value of a field whose name is one letter.
func (s *scanner) letter(name byte, e *event) bool {
	at, ok := s.i, false
	var f field
	switch name {
	case 't':
		f = fieldTime
		e.time, ok = s.integer("a time in nanoseconds")
	case 'p':
		f = fieldProcess
		e.process, ok = s.integer("a process number")
	case 'e':
		f = fieldEvent
		e.name, ok = s.event()
	case 'f':
		f = fieldKind
		e.kind, ok = s.kind()
	case 'k':
		f = fieldKey
		if s.line[s.i] != '"' {
			return s.expected("a key in quotes")
		}
		e.key, ok = s.text()
	case 'x':
		f = fieldExpect
		e.expect, ok = s.value()
	case 'v':
		f = fieldValue
		if e.asks = s.line[at] == '['; e.asks {
			e.value, ok = None, s.asks()
		} else {
			e.value, ok = s.value()
		}
	case 'r':
		f = fieldResult
		s.elements, e.listed = s.elements[:s.taken], s.line[at] == '['
		e.answers = e.listed && s.nests()
		switch {
		case e.answers:
			e.result, ok = None, s.answers()
		case e.listed:
			e.result, ok = None, s.list()
		default:
			e.result, ok = s.value()
		}
	default:
		return s.skip()
	}
	e.has |= 1 << f
	e.at[f] = at
	return ok
}

func (s *scanner) mismatch(e *event) bool {
	e.at[fieldMismatch] = s.i
	e.has |= 1 << fieldMismatch
	switch {
	case s.literal("true"):
		e.mismatch = true
	case s.literal("false"):
		e.mismatch = false
	default:
		return s.expected("true or false")
	}
	return true
}

func (s *scanner) event() (eventName, bool) {
	// The names differ in their first letters, so one comparison decides.
	guess := eventCall
	if len(s.line) > s.i+2 {
		switch s.line[s.i+1] {
		case 'o':
			guess = eventOK
		case 'f':
			guess = eventFail
			if s.line[s.i+2] == 'a' && len(s.line) > s.i+3 && s.line[s.i+3] == 'u' {
				guess = eventFault
			}
		case 'i':
			guess = eventInfo
		case 's':
			guess = eventSession
		case 'm':
			guess = eventMark
		}
	}
	if s.quoted(eventNames[guess]) {
		return guess, true
	}
	return 0, s.expected("an event: call, ok, fail, info, session, fault or mark")
}

func (s *scanner) kind() (Kind, bool) {
	if kind := s.kindName(); kind != KindUnknown {
		return kind, true
	}
	return 0, s.expected(fmt.Sprintf("a kind of operation, one of %v", Kinds()))
}

// kindsByLetter are the kinds whose names begin with a letter.
var kindsByLetter = func() (kinds [256][]Kind) {
	for _, kind := range Kinds() {
		letter := kind.String()[0]
		kinds[letter] = append(kinds[letter], kind)
	}
	return kinds
}()

// kindName takes the name of a kind in quotes if that is what comes next.
func (s *scanner) kindName() Kind {
	if s.line[s.i] != '"' {
		return KindUnknown
	}
	for _, kind := range kindsByLetter[s.line[s.i+1]] {
		if s.quoted(kindNames[kind]) {
			return kind
		}
	}
	return KindUnknown
}
