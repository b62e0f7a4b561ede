package history

import (
	"fmt"
	"math"
)

// stepKinds are what a transaction's steps may do.
var stepKinds = [kindCount]bool{Read: true, Write: true, Append: true, ReadList: true, Add: true}

// asks reads a transaction as it was asked: a list of steps, of which the bracket is next.
func (s *scanner) asks() bool {
	s.asked = s.asked[:0]
	s.i++
	if s.space(); s.line[s.i] == ']' {
		s.i++
		return true
	}
	for {
		var m Micro
		if !s.step(&m, false) {
			return false
		}
		s.asked = append(s.asked, m)
		if more, ok := s.another(); !more {
			return ok
		}
	}
}

// nests reports whether a list, of which the bracket is next, begins with a list.
func (s *scanner) nests() bool {
	at := s.i
	s.i++
	s.space()
	nests := s.line[s.i] == '['
	s.i = at
	return nests
}

// answers reads a transaction as it was answered: a list of steps, one or more, of
// which the bracket is next.
func (s *scanner) answers() bool {
	s.answered, s.places = s.answered[:0], s.places[:0]
	s.i++
	s.space()
	for {
		var m Micro
		s.places = append(s.places, s.i)
		if !s.step(&m, true) {
			return false
		}
		s.answered = append(s.answered, m)
		if more, ok := s.another(); !more {
			return ok
		}
	}
}

// another passes over what follows a step, and reports whether that is another one.
func (s *scanner) another() (more, ok bool) {
	s.space()
	switch s.line[s.i] {
	case ',':
		s.i++
		s.space()
		return true, true
	case ']':
		s.i++
		return false, true
	default:
		return false, s.expected("a comma or ] after the step of a transaction")
	}
}

// step reads one step of a transaction; answered says that its reads may have been
// told something.
func (s *scanner) step(m *Micro, answered bool) bool {
	if !s.byte('[', `a step of a transaction, for instance ["read","x"]`) {
		return false
	}
	s.space()
	at := s.i
	if m.Kind = s.kindName(); !stepKinds[m.Kind] {
		s.i = at
		return s.expected("what a step of a transaction does (read, write, append, read-list or add), in quotes")
	}
	s.space()
	if !s.byte(',', "a comma, and the key of a step") {
		return false
	}
	s.space()
	if s.line[s.i] != '"' {
		return s.expected("the key of a step, in quotes")
	}
	key, ok := s.text()
	if !ok {
		return false
	}
	m.Key, m.Value = Key(s.keys.number(key)), None
	s.space()
	if m.carries() || s.line[s.i] == ',' {
		if !s.stepValue(m, answered) {
			return false
		}
		s.space()
	}
	return s.byte(']', "] after a step of a transaction")
}

// stepValue reads what a step was given or told, of which the comma is next.
func (s *scanner) stepValue(m *Micro, answered bool) (ok bool) {
	if !m.carries() && !answered {
		return s.expected("], as a read is told nothing before its transaction is answered")
	}
	if !s.byte(',', "a comma, and the value of a step that changes something") {
		return false
	}
	s.space()
	at := s.i
	switch {
	case m.Kind == ReadList && s.line[at] != '[':
		return s.expected("the list that a read of a list was told")
	case m.Kind == ReadList:
		m.Offset = uint32(len(s.elements))
		ok = s.list()
		m.Count, m.Listed = uint32(len(s.elements))-m.Offset, true
	default:
		m.Value, ok = s.value()
		if ok && m.Kind == Add && !m.Value.IsInt() {
			s.i = at
			return s.expected("an integer, which is added")
		}
	}
	return ok
}

// misplacedSteps is what is wrong with a transaction without steps, or with
// steps of anything else.
func (d *decoder) misplacedSteps() *SyntaxError {
	e := &d.event
	switch {
	case e.asks:
		return d.problem(e.at[fieldValue], `only a transaction has steps ("v"), and this is a %s`, e.kind)
	case e.carries(fieldValue):
		return d.problem(e.at[fieldValue], `the value of a transaction ("v") is a list of its steps, for instance [["read","x"]]`)
	default:
		return d.problem(e.at[fieldKind], `a transaction needs its steps ("v"), be it []`)
	}
}

// asked gives the steps of the present line to a transaction.
func (d *decoder) asked(o *Op) *SyntaxError {
	h, steps := d.history, d.scanner.asked
	if len(steps) == 0 {
		return nil
	}
	if uint64(len(h.Micros))+uint64(len(steps)) > math.MaxUint32 {
		return d.problem(d.event.at[fieldValue], "a history has no more than %d steps of transactions", uint32(math.MaxUint32))
	}
	o.Offset, o.Count = uint32(len(h.Micros)), uint32(len(steps))
	h.Micros = append(h.Micros, steps...)
	return nil
}

// answered gives what a transaction was told to its steps, which must be those
// that were asked.
func (d *decoder) answered(o *Op) *SyntaxError {
	e, s := &d.event, &d.scanner
	at := e.at[fieldResult]
	if o.Kind != Txn {
		return d.problem(at, `only a transaction is told steps ("r"), and this is a %s`, o.Kind)
	}
	answered := s.answered
	if !e.answers {
		if answered = nil; len(s.elements) > s.taken {
			return d.problem(at, `the result of a transaction ("r") is a list of its steps, for instance [["read","x",7]]`)
		}
	}
	steps := d.history.Transaction(o)
	for i := range answered {
		if i < len(steps) && !answered[i].repeats(&steps[i]) {
			return d.problem(s.places[i], "step %d was asked as %s, called at %d ns, and is answered as %s: an answer has the steps that were asked, in their order",
				i+1, d.stepText(&steps[i]), o.Call, d.stepText(&answered[i]))
		}
	}
	if len(answered) != len(steps) {
		return d.problem(at, "the transaction called at %d ns has %s, and its answer has %d: an answer has the steps that were asked, in their order",
			o.Call, stepCount(len(steps)), len(answered))
	}
	copy(steps, answered)
	s.taken = len(s.elements)
	return nil
}

func stepCount(n int) string {
	if n == 1 {
		return "1 step"
	}
	return fmt.Sprintf("%d steps", n)
}

// stepText is a step as it was asked, in the words of a history file.
func (d *decoder) stepText(m *Micro) string {
	text := fmt.Sprintf("[%q,%q", m.Kind, d.scanner.keys.names[m.Key])
	switch {
	case !m.carries():
	case m.Value == Nil:
		text += ",null"
	case m.Value.IsString():
		text += fmt.Sprintf(",%q", d.scanner.strings.names[m.Value-stringBase])
	default:
		text += fmt.Sprintf(",%d", m.Value)
	}
	return text + "]"
}
