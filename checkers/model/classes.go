package model

import (
	"math/bits"
	"slices"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/harness/history"
)

// classify gives operations that look the same to a specification one class, and
// returns how many classes there are. Observers have none.
func classify(h *history.History, ops []history.Op, to []frontier.Op) int {
	slots := make([]int32, 1<<bits.Len(uint(2*len(ops)+8)))
	mask := len(slots) - 1
	classes := int32(0)
	for n := range ops {
		if to[n].Observer {
			continue
		}
		i := int(lookHash(h, &ops[n])) & mask
		for ; slots[i] != 0; i = (i + 1) & mask {
			if other := slots[i] - 1; looksLike(h, &ops[n], &ops[other]) {
				to[n].Class = to[other].Class
				break
			}
		}
		if slots[i] == 0 {
			slots[i] = int32(n) + 1
			to[n].Class = classes
			classes++
		}
	}
	return int(classes)
}

// toldNothing reports whether an answer to an operation is no more than that it
// happened: then it does the same whether that is known or not.
func toldNothing(op *history.Op) bool {
	switch op.Kind {
	case history.Write, history.Append, history.Enqueue, history.Add, history.Release:
		return op.Result == history.None
	default:
		return false
	}
}

func looksLike(h *history.History, a, b *history.Op) bool {
	if a.Kind != b.Kind || a.Value != b.Value || a.Expect != b.Expect || a.Result != b.Result ||
		a.Mismatch != b.Mismatch || a.Process != b.Process || a.Key != b.Key {
		return false
	}
	if a.Outcome != b.Outcome && !toldNothing(a) {
		return false
	}
	if a.Kind != history.Txn {
		return slices.Equal(h.List(a), h.List(b))
	}
	return slices.EqualFunc(h.Transaction(a), h.Transaction(b), func(x, y history.Micro) bool {
		return x.Kind == y.Kind && x.Key == y.Key && x.Value == y.Value && x.Listed == y.Listed &&
			slices.Equal(h.MicroList(&x), h.MicroList(&y))
	})
}

func lookHash(h *history.History, op *history.Op) uint64 {
	x := mix(uint64(op.Value)) ^ mix(uint64(op.Expect)+1) ^ mix(uint64(op.Result)+2) ^ uint64(op.Kind)<<32 ^ uint64(op.Process)<<40 ^ uint64(op.Key)
	if op.Kind == history.Txn {
		for _, m := range h.Transaction(op) {
			x = mix(x ^ uint64(m.Value) ^ uint64(m.Key)<<48 ^ uint64(m.Kind)<<40)
		}
	} else if op.Count > 0 {
		for _, v := range h.List(op) {
			x = mix(x ^ uint64(v))
		}
	}
	return mix(x)
}
