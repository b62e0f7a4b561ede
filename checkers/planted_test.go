package checkers

import (
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// relist gives an operation another list.
func relist(h *history.History, op *history.Op, list []history.Value) {
	op.Offset, op.Count = uint32(len(h.Elements)), uint32(len(list))
	h.Elements = append(h.Elements, list...)
}

func without(h *history.History, op *history.Op, v history.Value) {
	relist(h, op, slices.DeleteFunc(slices.Clone(h.List(op)), func(x history.Value) bool { return x == v }))
}

func with(h *history.History, op *history.Op, v history.Value) {
	relist(h, op, append(slices.Clone(h.List(op)), v))
}

// seenElement finds an element with the outcome that at least two reads and the
// final one hold, all called after the first of them returned; and these reads.
func seenElement(h *history.History, outcome history.Outcome) (v history.Value, reads []*history.Op) {
	for i := len(h.Ops) / 3; ; i++ {
		a := &h.Ops[i]
		if a.Kind != history.Append || a.Outcome != outcome {
			continue
		}
		reads = reads[:0]
		for j := range h.Ops {
			r := &h.Ops[j]
			after := a.Outcome != history.OK || r.Call > a.Return
			if r.Kind == history.ReadList && after && slices.Contains(h.List(r), a.Value) &&
				(len(reads) == 0 || r.Call > reads[len(reads)-1].Return) {
				reads = append(reads, r)
			}
		}
		if len(reads) >= 3 {
			return a.Value, reads
		}
	}
}

// everyRead calls f with every answered ReadList that holds a value.
func everyRead(h *history.History, v history.Value, f func(r *history.Op)) {
	for i := range h.Ops {
		if r := &h.Ops[i]; r.Kind == history.ReadList && slices.Contains(h.List(r), v) {
			f(r)
		}
	}
}

var plantedInLists = []struct {
	name, says string
	figures    map[string]float64
	atTheEnd   Verdict
	plant      func(h *history.History) history.Value
}{
	{"acknowledged and never seen", "acknowledged elements was lost", map[string]float64{"lost": 1}, Violation, func(h *history.History) history.Value {
		v, _ := seenElement(h, history.OK)
		everyRead(h, v, func(r *history.Op) { without(h, r, v) })
		return v
	}},
	{"acknowledged, seen, and gone at the end", "acknowledged elements was lost", map[string]float64{"lost": 1}, Violation, func(h *history.History) history.Value {
		v, reads := seenElement(h, history.OK)
		everyRead(h, v, func(r *history.Op) {
			if r.Call > reads[0].Return {
				without(h, r, v)
			}
		})
		return v
	}},
	{"a write that was seen and did not last", "vanished", map[string]float64{"vanished": 1}, Pass, func(h *history.History) history.Value {
		v, reads := seenElement(h, history.Info)
		everyRead(h, v, func(r *history.Op) {
			if r.Call > reads[0].Return {
				without(h, r, v)
			}
		})
		return v
	}},
	{"missed once and there again", "missed by a read", map[string]float64{"stale": 1}, Pass, func(h *history.History) history.Value {
		v, reads := seenElement(h, history.OK)
		without(h, reads[1], v)
		return v
	}},
	{"unknown, missed once and there again", "missed by a read", map[string]float64{"stale_unknown": 1}, Pass, func(h *history.History) history.Value {
		v, reads := seenElement(h, history.Info)
		without(h, reads[1], v)
		return v
	}},
	{"twice in one read", "more often than it was appended", map[string]float64{"duplicated": 1}, Pass, func(h *history.History) history.Value {
		v, reads := seenElement(h, history.OK)
		with(h, reads[0], v)
		return v
	}},
	{"what nobody appended", "which nobody ever appended", map[string]float64{"unexpected": 1}, Violation, func(h *history.History) history.Value {
		everyRead(h, h.Elements[0], func(r *history.Op) { with(h, r, 7_777_777) })
		return 7_777_777
	}},
	{"an append that failed and is there", "though its append had failed", map[string]float64{"unexpected": 1}, Violation, func(h *history.History) history.Value {
		v, reads := seenElement(h, history.OK)
		for i := range h.Ops {
			if op := &h.Ops[i]; op.Kind == history.Append && op.Value == v {
				op.Outcome = history.Fail
			}
		}
		_ = reads
		return v
	}},
	{"on another list", "which was appended to another list", map[string]float64{"unexpected": 1}, Violation, func(h *history.History) history.Value {
		v, reads := seenElement(h, history.OK)
		for i := range h.Ops {
			r := &h.Ops[i]
			if r.Kind == history.ReadList && r.Key != reads[0].Key && r.Call > h.Marks[1].Time {
				with(h, r, v)
				return v
			}
		}
		return v
	}},
	{"seen before it was appended", "before its append was called", map[string]float64{"unexpected": 1}, Pass, func(h *history.History) history.Value {
		v, reads := seenElement(h, history.OK)
		for i := range h.Ops {
			if r := &h.Ops[i]; r.Kind == history.Append && r.Value == v {
				early := *r
				early.Kind, early.Value, early.Process, early.Key = history.ReadList, history.None, 1<<20, reads[0].Key
				early.Call, early.Return = r.Call-50, r.Call-20
				relist(h, &early, []history.Value{v})
				relistOld(h, &early, v)
				h.Ops = append(h.Ops, early)
				return v
			}
		}
		return v
	}},
}

// relistOld adds to an early read what it must hold to miss nothing.
func relistOld(h *history.History, early *history.Op, v history.Value) {
	list := []history.Value{v}
	for i := range h.Ops {
		op := &h.Ops[i]
		sure := op.Kind == history.Append && op.Outcome == history.OK && op.Return < early.Call
		if op.Kind == history.Append && op.Key == early.Key && sure {
			list = append(list, op.Value)
		}
		if op.Kind == history.ReadList && op.Key == early.Key && op.Return < early.Call {
			list = append(list, h.List(op)...)
		}
	}
	slices.Sort(list)
	relist(h, early, slices.Compact(list))
}
