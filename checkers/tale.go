package checkers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// tale tells what clients did with operations of any kind, as [teller] does for
// registers and [listTeller] for lists.
type tale struct {
	h      *history.History
	digits int
	about  history.Value // the element that lists are told of; None for none
}

// beginTale begins a proof with some operations, which may be named twice and in
// any order; none is left out. The facts that follow are added by the caller.
func beginTale(h *history.History, places ...int32) (*Proof, tale) {
	return beginTaleOf(h, history.None, places...)
}

// beginTaleOf is beginTale where it is about an element.
func beginTaleOf(h *history.History, about history.Value, places ...int32) (*Proof, tale) {
	places, digits := inOrder(h, places)
	t := tale{h: h, digits: digits, about: about}
	return beginProof(h, places, t.sentence), t
}

// inOrder lists places in the order of their calls, each once and without none, with how
// many digits their times need.
func inOrder(h *history.History, places []int32) (ordered []int32, digits int) {
	ordered = slices.DeleteFunc(slices.Clone(places), func(place int32) bool { return place == none })
	slices.Sort(ordered)
	ordered = slices.Compact(ordered)
	slices.SortStableFunc(ordered, func(a, b int32) int { return cmp.Compare(h.Ops[a].Call, h.Ops[b].Call) })
	ops := make([]*history.Op, len(ordered))
	for i, place := range ordered {
		ops[i] = &h.Ops[place]
	}
	return ordered, decimals(ops)
}

// beginProof begins a proof with a sentence for each operation; after says that it was
// called after the one before it had returned.
func beginProof(h *history.History, places []int32, sentence func(op *history.Op, after bool) string) *Proof {
	proof := &Proof{}
	for i, place := range places {
		op := &h.Ops[place]
		proof.Operations = append(proof.Operations, proofOperation(h, int(place)))
		proof.Story = append(proof.Story, sentence(op, i > 0 && op.Call > h.Ops[places[i-1]].Return))
		if key := h.KeyName(op.Key); i == 0 {
			proof.Key = key
		} else if proof.Key != key {
			proof.Key = "" // it spans keys
		}
	}
	return proof
}

// nodeWho is a process with its node, where that is known.
func nodeWho(h *history.History, op *history.Op) string {
	if node := h.NodeOf(op.Process); node != "" {
		return fmt.Sprintf("p%d at %s", op.Process, node)
	}
	return who(op)
}

func (t tale) time(ns int64) string { return seconds(ns, t.digits) + " s" }

func (t tale) op(place int32) *history.Op { return &t.h.Ops[place] }

// asked says what a client asked for.
func (t tale) asked(op *history.Op) string {
	text := op.Kind.String() + " "
	switch op.Kind {
	case history.Txn:
		return t.steps(op)
	case history.ReadList:
		text = "list "
	case history.ReadLocal:
		text = "local list "
	}
	text += nameText(t.h, op.Key)
	switch op.Kind {
	case history.Add:
		text += " + " + elementText(t.h, op.Value)
	case history.Write, history.Append, history.Enqueue:
		text += " = " + elementText(t.h, op.Value)
		if op.Expect != history.None {
			text += " with token " + t.h.Text(op.Expect)
		}
	case history.CAS:
		text += " from " + elementText(t.h, op.Expect) + " to " + elementText(t.h, op.Value)
	}
	return text
}

// steps says what a transaction was to do.
func (t tale) steps(op *history.Op) string {
	var steps []string
	for i := range t.h.Transaction(op) {
		m := &t.h.Transaction(op)[i]
		step := m.Kind.String() + " " + nameText(t.h, m.Key)
		if m.Kind != history.Read && m.Kind != history.ReadList {
			step += " " + elementText(t.h, m.Value)
		}
		steps = append(steps, step)
	}
	return "txn [" + shorten(steps) + "]"
}

// shownHere is up to how many elements a list is told in full.
const shownHere = 8

// answered says what a client was told.
func (t tale) answered(op *history.Op) string {
	switch {
	case op.ReadsList() && (op.Count > shownHere || t.about != history.None):
		return "was told " + listTeller{h: t.h, about: t.about}.told(op)
	case op.ReadsList():
		texts := make([]string, op.Count)
		for i, v := range t.h.List(op) {
			texts[i] = elementText(t.h, v)
		}
		return fmt.Sprintf("was told %v", texts)
	case op.Kind == history.Txn:
		return t.answers(op)
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

// answers says what a transaction was told.
func (t tale) answers(op *history.Op) string {
	var answers []string
	for i := range t.h.Transaction(op) {
		if m := &t.h.Transaction(op)[i]; m.Kind == history.Read && m.Value != history.None {
			answers = append(answers, nameText(t.h, m.Key)+" = "+elementText(t.h, m.Value))
		}
	}
	if len(answers) == 0 {
		return "was acknowledged"
	}
	return "was told " + shorten(answers)
}

// shorten joins parts, leaving out the middle of many.
func shorten(parts []string) string {
	const shown = 10
	if len(parts) > shown {
		left := append(slices.Clone(parts[:shown/2]), fmt.Sprintf("… %d more …", len(parts)-shown))
		parts = append(left, parts[len(parts)-shown/2:]...)
	}
	return strings.Join(parts, ", ")
}

// sentence says what one client asked and was told, and when; after says that it
// was called after the one before it in the story had returned.
func (t tale) sentence(op *history.Op, after bool) string {
	begin := fmt.Sprintf("%s called %s at %s", nodeWho(t.h, op), t.asked(op), t.time(op.Call))
	if after {
		begin += ", after that,"
	}
	switch op.Outcome {
	case history.Info:
		return begin + " and never learned the outcome."
	case history.Fail:
		return fmt.Sprintf("%s and was told at %s that it did not happen.", begin, t.time(op.Return))
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
