package checkers

import (
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// queueBrute says whether a small history of one queue is legal, from the
// sequential specification alone: it tries every order, and every choice of which
// unknown operations happened and what they took.
type queueBrute struct {
	bag   bool
	steps []queueStep
	seen  map[string]bool
}

// queueStep is one step of an operation: a drain has one for each element it took.
type queueStep struct {
	call, ret int64
	kind      history.Kind
	value     history.Value // enqueued, or taken; Nil for "empty", None for whatever
	after     int           // the step that has to be taken before; -1 for none
	unknown   bool          // it may never happen
	again     bool          // it may happen any number of times
}

func bruteQueue(h *history.History, bag bool) bool {
	b := queueBrute{bag: bag, seen: map[string]bool{}}
	for i := range h.Ops {
		op := &h.Ops[i]
		s := queueStep{call: op.Call, ret: op.Return, kind: op.Kind, value: op.Value, after: -1, unknown: op.Outcome == history.Info}
		switch {
		case op.Outcome == history.Fail:
			continue
		case op.Kind == history.Dequeue:
			s.value = op.Result
		case op.Kind == history.Drain && op.Outcome == history.OK:
			for n, v := range h.List(op) {
				part := s
				part.kind, part.value = history.Dequeue, v
				if n > 0 {
					part.after = len(b.steps) - 1
				}
				b.steps = append(b.steps, part)
			}
			continue
		case op.Kind == history.Drain:
			s.kind, s.value, s.again = history.Dequeue, history.None, true
		}
		b.steps = append(b.steps, s)
	}
	return b.from(0, nil)
}

func (b *queueBrute) from(taken uint64, state []history.Value) bool {
	key := fmt.Sprint(taken, state)
	if b.seen[key] {
		return false
	}
	b.seen[key] = true
	done := true
	limit := history.Open
	for i, s := range b.steps {
		if taken>>i&1 == 0 && !s.unknown {
			done = false
			limit = min(limit, s.ret)
		}
	}
	if done {
		return true
	}
	for i, s := range b.steps {
		if taken>>i&1 == 1 || s.call > limit || s.after >= 0 && taken>>s.after&1 == 0 {
			continue
		}
		next := taken | 1<<i
		if s.again {
			next = taken
		}
		for _, after := range b.apply(s, state) {
			if b.from(next, after) {
				return true
			}
		}
	}
	return false
}

// apply returns the states that may follow.
func (b *queueBrute) apply(s queueStep, state []history.Value) (all [][]history.Value) {
	if s.kind == history.Enqueue {
		return append(all, append(slices.Clone(state), s.value))
	}
	if len(state) == 0 && (s.value == history.Nil || s.value == history.None) {
		return append(all, state)
	}
	for i, v := range state {
		if (i == 0 || b.bag) && (v == s.value || s.value == history.None) {
			after := slices.Delete(slices.Clone(state), i, i+1)
			if b.bag {
				slices.Sort(after) // the order means nothing
			}
			all = append(all, after)
		}
	}
	return all
}
