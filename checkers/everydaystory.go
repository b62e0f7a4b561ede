package checkers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// opsTeller tells what clients did, whatever the kind of operation.
type opsTeller struct {
	h      *history.History
	digits int
	about  history.Value // the element that drains are told of
}

// tellOps begins a proof with some operations, which may be named twice and in
// any order; none is left out.
func tellOps(h *history.History, about history.Value, places ...int32) (*Proof, opsTeller) {
	places = slices.DeleteFunc(slices.Clone(places), func(place int32) bool { return place == none })
	slices.Sort(places)
	places = slices.Compact(places)
	slices.SortStableFunc(places, func(a, b int32) int { return cmp.Compare(h.Ops[a].Call, h.Ops[b].Call) })
	ops := make([]*history.Op, len(places))
	for i, place := range places {
		ops[i] = &h.Ops[place]
	}
	t := opsTeller{h: h, digits: decimals(ops), about: about}
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

func (t opsTeller) time(ns int64) string { return seconds(ns, t.digits) + " s" }

func (t opsTeller) sentence(op *history.Op, after bool) string {
	who := listTeller{h: t.h}.who(op)
	begin := fmt.Sprintf("%s called %s at %s", who, t.asked(op), t.time(op.Call))
	if after {
		begin += ", after that,"
	}
	switch op.Outcome {
	case history.Info:
		return begin + " and never learned the outcome."
	case history.Fail:
		return fmt.Sprintf("%s and was told at %s that it did not happen.", begin, t.time(op.Return))
	}
	if told := t.told(op); told != "" {
		return fmt.Sprintf("%s and was told %s at %s.", begin, told, t.time(op.Return))
	}
	return fmt.Sprintf("%s and was acknowledged at %s.", begin, t.time(op.Return))
}

// asked is what the client wanted.
func (t opsTeller) asked(op *history.Op) string {
	if op.Kind == history.Txn {
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
	text := op.Kind.String() + " " + nameText(t.h, op.Key)
	switch op.Kind {
	case history.Enqueue, history.Append, history.Write:
		text += " = " + elementText(t.h, op.Value)
	case history.Add:
		text += " + " + elementText(t.h, op.Value)
	}
	return text
}

// told is what the client was told, "" where that is only that it happened.
func (t opsTeller) told(op *history.Op) string {
	switch op.Kind {
	case history.Drain:
		return listTeller{h: t.h, about: t.about}.told(op)
	case history.Read, history.Dequeue, history.Generate:
		return elementText(t.h, op.Result)
	case history.Txn:
		var answers []string
		for i := range t.h.Transaction(op) {
			if m := &t.h.Transaction(op)[i]; m.Kind == history.Read && m.Value != history.None {
				answers = append(answers, nameText(t.h, m.Key)+" = "+elementText(t.h, m.Value))
			}
		}
		return shorten(answers)
	}
	return ""
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
