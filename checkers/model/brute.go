package model

import (
	"fmt"
	"math/bits"

	"github.com/seatrial/seatrial/harness/history"
)

// BruteForceLimit is the most operations that [BruteForce] takes.
const BruteForceLimit = 24

// BruteForce says whether operations on one key are linearizable, by trying
// every order of them and every choice of which unknown ones happened. It
// shares nothing with [Step]: it is the independent opinion.
//
// Time and memory grow as two to the number of operations; more than
// [BruteForceLimit] are an error.
func BruteForce(initial history.Value, ops []history.Op) (linearizable bool, err error) {
	var kept []history.Op
	for _, op := range ops {
		if Evidence(&op) {
			kept = append(kept, op)
		}
	}
	if len(kept) > BruteForceLimit {
		return false, fmt.Errorf("brute force on %d operations: more than %d take too long", len(kept), BruteForceLimit)
	}
	b := bruteForce{ops: kept, seen: map[position]struct{}{}}
	for i, op := range kept {
		if op.Outcome == history.OK {
			b.must |= 1 << i
		}
	}
	return b.from(position{state: initial}), nil
}

type position struct {
	taken uint32
	state history.Value
}

type bruteForce struct {
	ops  []history.Op
	must uint32 // the operations that certainly happened
	seen map[position]struct{}
}

// from says whether what is not yet taken can follow.
func (b *bruteForce) from(at position) bool {
	if at.taken&b.must == b.must {
		return true // the unknown ones that are left never happened
	}
	if _, been := b.seen[at]; been {
		return false
	}
	b.seen[at] = struct{}{}
	for i := range b.ops {
		if at.taken>>i&1 == 1 || b.tooEarly(at.taken, i) {
			continue
		}
		if state, ok := b.apply(at.state, &b.ops[i]); ok && b.from(position{at.taken | 1<<i, state}) {
			return true
		}
	}
	return false
}

// tooEarly reports whether an operation that is not yet taken had returned
// before the i-th was called. Equal instants are concurrent.
func (b *bruteForce) tooEarly(taken uint32, i int) bool {
	for left := b.must &^ taken; left != 0; left &= left - 1 {
		if b.ops[bits.TrailingZeros32(left)].Return < b.ops[i].Call {
			return true
		}
	}
	return false
}

// apply takes one operation; ok is false where what its client was told is
// wrong, or where an unknown one would do nothing (then it is as good as never).
func (b *bruteForce) apply(state history.Value, op *history.Op) (after history.Value, ok bool) {
	known := op.Outcome == history.OK
	if op.Kind == history.Write {
		return op.Value, true
	}
	if op.Kind == history.CAS && !(known && op.Mismatch) {
		if state != op.Expect {
			return state, false
		}
		return op.Value, true
	}
	if op.Kind == history.CAS && state == op.Expect {
		return state, false
	}
	return state, op.Result == history.None || op.Result == state
}
