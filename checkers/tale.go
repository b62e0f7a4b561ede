package checkers

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// tale tells what clients did with operations of any kind, as [teller] does for
// registers and [listTeller] for lists.
type tale struct {
	h      *history.History
	digits int
}

// beginTale begins a proof with some operations, which may be named twice and in
// any order; none is left out. The facts that follow are added by the caller.
func beginTale(h *history.History, places ...int32) (*Proof, tale) {
	places = slices.DeleteFunc(slices.Clone(places), func(place int32) bool { return place == none })
	slices.Sort(places)
	places = slices.Compact(places)
	slices.SortStableFunc(places, func(a, b int32) int { return cmp.Compare(h.Ops[a].Call, h.Ops[b].Call) })
	ops := make([]*history.Op, len(places))
	for i, place := range places {
		ops[i] = &h.Ops[place]
	}
	t := tale{h: h, digits: decimals(ops)}
	proof := &Proof{}
	for i, place := range places {
		proof.Operations = append(proof.Operations, proofOperation(h, int(place)))
		after := i > 0 && ops[i].Call > ops[i-1].Return
		proof.Story = append(proof.Story, t.sentence(ops[i], after))
		if key := h.KeyName(ops[i].Key); i == 0 {
			proof.Key = key
		} else if proof.Key != key {
			proof.Key = "" // it spans keys
		}
	}
	return proof, t
}

func (t tale) time(ns int64) string { return seconds(ns, t.digits) + " s" }

func (t tale) op(place int32) *history.Op { return &t.h.Ops[place] }

// who is a process with its node, where that is known.
func (t tale) who(op *history.Op) string {
	if node := t.h.NodeOf(op.Process); node != "" {
		return fmt.Sprintf("p%d at %s", op.Process, node)
	}
	return who(op)
}

// asked says what a client asked for.
func (t tale) asked(op *history.Op) string {
	text := op.Kind.String() + " "
	switch op.Kind {
	case history.ReadList:
		text = "list "
	case history.ReadLocal:
		text = "local list "
	}
	text += nameText(t.h, op.Key)
	switch op.Kind {
	case history.Write, history.Append, history.Enqueue, history.Add:
		text += " = " + elementText(t.h, op.Value)
		if op.Expect != history.None {
			text += " with token " + t.h.Text(op.Expect)
		}
	case history.CAS:
		text += " from " + elementText(t.h, op.Expect) + " to " + elementText(t.h, op.Value)
	}
	return text
}

// shownHere is up to how many elements a list is told in full.
const shownHere = 8

// answered says what a client was told.
func (t tale) answered(op *history.Op) string {
	switch {
	case op.Outcome == history.Fail:
		return "was told that it did not happen"
	case op.ReadsList() && op.Count <= shownHere:
		texts := make([]string, op.Count)
		for i, v := range t.h.List(op) {
			texts[i] = elementText(t.h, v)
		}
		return fmt.Sprintf("was told %v", texts)
	case op.ReadsList():
		return "was told " + plural(int(op.Count), "element")
	case op.Kind == history.Read, op.Kind == history.Dequeue, op.Kind == history.Generate:
		return "was told " + elementText(t.h, op.Result)
	case op.Mismatch && op.Result == history.None:
		return "was refused"
	case op.Mismatch:
		return "was refused, because the key held " + elementText(t.h, op.Result) + ","
	case op.Kind == history.CAS:
		return "was told that it swapped"
	case op.Kind == history.Acquire && op.Result != history.None:
		return "was granted it, with token " + t.h.Text(op.Result) + ","
	case op.Kind == history.Acquire:
		return "was granted it"
	default:
		return "was acknowledged"
	}
}

// sentence says what one client asked and was told, and when; after says that it
// was called after the one before it in the story had returned.
func (t tale) sentence(op *history.Op, after bool) string {
	begin := fmt.Sprintf("%s called %s at %s", t.who(op), t.asked(op), t.time(op.Call))
	if after {
		begin += ", after that,"
	}
	if op.Outcome == history.Info {
		return begin + " and never learned the outcome."
	}
	return fmt.Sprintf("%s and %s at %s.", begin, t.answered(op), t.time(op.Return))
}

// value writes a value of the history as it stands in a sentence.
func (t tale) value(v history.Value) string { return elementText(t.h, v) }

// when is the time of an operation's answer, or of its call where that will do.
func (t tale) when(place int32) string {
	if op := t.op(place); op.Return != history.Open {
		return t.time(op.Return)
	}
	return t.time(t.op(place).Call)
}
