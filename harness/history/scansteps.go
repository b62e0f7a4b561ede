package history

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
