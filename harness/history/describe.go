package history

import (
	"fmt"
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
//	append l3 = 17
//	list l3 → [1 2 3]
//	local list l3 → [1 2 3 … 400] (400 elements)
//	enqueue q = 17
//	dequeue q → nil
//	drain q → [17 18]
//	add c + 5
//	generate i → 17
//	acquire m → token 3
//	write r3 = 17, token 3
//	release m
//	txn [append x 5, read y → 3, list x → [1 5]]
//
// A string that could be taken for something else is in quotes.
func (h *History) Describe(i int) string {
	o := &h.Ops[i]
	var b strings.Builder
	switch o.Kind {
	case ReadList:
		b.WriteString("list ")
	case ReadLocal:
		b.WriteString("local list ")
	default:
		b.WriteString(o.Kind.String() + " ")
	}
	if o.Kind == Txn {
		h.describeTransaction(&b, o)
		switch o.Outcome {
		case Info:
			b.WriteString(" unknown outcome")
		case Fail:
			b.WriteString(" failed")
		}
		return b.String()
	}
	b.WriteString(quoteUnclear(h.KeyName(o.Key), false))
	switch o.Kind {
	case Write, Append, Enqueue:
		b.WriteString(" = " + h.clearText(o.Value))
		if o.Expect != None {
			b.WriteString(", token " + h.clearText(o.Expect))
		}
	case Add:
		b.WriteString(" " + amountText(o.Value))
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
	case o.Kind == Read, o.Kind == Dequeue, o.Kind == Generate:
		b.WriteString(" → " + h.clearText(o.Result))
	case o.Kind == Acquire && o.Result != None:
		b.WriteString(" → token " + h.clearText(o.Result))
	case o.ReadsList():
		b.WriteString(" → ")
		h.describeList(&b, h.List(o))
	}
	return b.String()
}

func (h *History) describeTransaction(b *strings.Builder, o *Op) {
	b.WriteByte('[')
	for i := range h.Transaction(o) {
		m := &h.Transaction(o)[i]
		if i > 0 {
			b.WriteString(", ")
		}
		key := quoteBrackets(quoteUnclear(h.KeyName(m.Key), false))
		switch m.Kind {
		case Read:
			b.WriteString("read " + key)
			if m.Value != None {
				b.WriteString(" → " + h.elementText(m.Value))
			}
		case ReadList:
			b.WriteString("list " + key)
			if m.Listed {
				b.WriteString(" → ")
				h.describeList(b, h.MicroList(m))
			}
		default:
			b.WriteString(m.Kind.String() + " " + key + " " + h.elementText(m.Value))
		}
	}
	b.WriteByte(']')
}

// shownElements is up to how many elements a list is described in full; of a
// longer one the first three and the last are.
const shownElements = 8

func (h *History) describeList(b *strings.Builder, elements []Value) {
	b.WriteByte('[')
	for i, v := range elements {
		long := len(elements) > shownElements
		if long && i == 3 {
			b.WriteString(" …")
		}
		if long && i >= 3 && i < len(elements)-1 {
			continue
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(h.elementText(v))
	}
	b.WriteByte(']')
	if len(elements) > shownElements {
		fmt.Fprintf(b, " (%d elements)", len(elements))
	}
}

// amountText says what is added, or subtracted.
func amountText(amount Value) string {
	if amount < 0 {
		return "- " + strconv.FormatInt(-int64(amount), 10)
	}
	return "+ " + strconv.FormatInt(int64(amount), 10)
}

// elementText is clearText for a place between brackets.
func (h *History) elementText(v Value) string {
	return quoteBrackets(h.clearText(v)) // an integer has none
}

// quoteBrackets puts quotes around a text that has brackets in it and no quotes around it.
func quoteBrackets(text string) string {
	if strings.ContainsAny(text, "[]…") && text[0] != '"' {
		return strconv.Quote(text)
	}
	return text
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
