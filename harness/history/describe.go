package history

import (
	"strconv"
	"strings"
	"unicode"
)

// Describe says what the operation at an index of Ops did, as a person reads it:
//
//	write r3 = 17
//	read r3 → nil
//	cas r3 17→23 swapped
//	cas r3 17→23 refused, saw 21
//	write r3 = 17 unknown outcome
//
// A string that could be taken for something else is in quotes.
func (h *History) Describe(i int) string {
	o := &h.Ops[i]
	var b strings.Builder
	b.WriteString(o.Kind.String())
	b.WriteByte(' ')
	b.WriteString(quoteUnclear(h.KeyName(o.Key), false))
	switch o.Kind {
	case Write:
		b.WriteString(" = " + h.clearText(o.Value))
	case CAS:
		b.WriteString(" " + h.clearText(o.Expect) + "→" + h.clearText(o.Value))
	}
	switch {
	case o.Outcome == Info:
		b.WriteString(" unknown outcome")
	case o.Outcome == Fail:
		b.WriteString(" failed")
	case o.Mismatch:
		b.WriteString(" refused")
		if o.Result != None {
			b.WriteString(", saw " + h.clearText(o.Result))
		}
	case o.Kind == CAS:
		b.WriteString(" swapped")
	case o.Kind == Read:
		b.WriteString(" → " + h.clearText(o.Result))
	}
	return b.String()
}

func (h *History) clearText(v Value) string {
	if v.IsString() {
		return quoteUnclear(h.Text(v), true)
	}
	return h.Text(v)
}

// quoteUnclear puts quotes around a string that is empty, has space or
// unprintable characters in it, or (for a value) reads like another value.
func quoteUnclear(s string, value bool) string {
	unclear := s == "" || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '"' || r == '→' || r == '=' || r == ',' || r == unicode.ReplacementChar
	})
	if value && !unclear {
		_, err := strconv.ParseInt(s, 10, 64)
		unclear = err == nil || s == "nil" || s == "?"
	}
	if unclear {
		return strconv.Quote(s)
	}
	return s
}

// NodeOf returns the node that a process's session was with, by the last of its
// sessions, and "" where none was recorded. It is linear in the number of sessions.
func (h *History) NodeOf(process int32) string {
	for i := len(h.Sessions) - 1; i >= 0; i-- {
		if h.Sessions[i].Process == process {
			return h.Sessions[i].Node
		}
	}
	return ""
}
