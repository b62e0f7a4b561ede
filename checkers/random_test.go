package checkers

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// randomKey makes small histories of one key: a real register is simulated, and
// then, for most, something is changed. Times are drawn from a small range, so
// that equal instants are common.
type randomKey struct {
	draw    *rand.Rand
	initial history.Value
	ops     []history.Op
	stored  []history.Value // values that operations meant to store
	repeat  bool            // values are drawn from a few
	vague   bool            // refusals may not say what they saw
	counter int64
}

// planned is an operation with the instant at which it takes effect.
type planned struct {
	op history.Op
	at int64
}

func randomHistory(draw *rand.Rand, most int, repeat, vague bool) ([]history.Op, history.Value) {
	r := &randomKey{draw: draw, repeat: repeat, vague: vague, initial: history.Nil}
	if draw.IntN(3) == 0 {
		r.initial = 0
	}
	r.simulate(2+max(draw.IntN(most-1), draw.IntN(most-1)), 1+draw.IntN(5))
	for range []int{0, 1, 2, 3, 4, 6}[draw.IntN(6)] {
		r.mutate()
	}
	slices.SortStableFunc(r.ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
	return r.ops, r.initial
}

func (r *randomKey) simulate(count, clients int) {
	free := make([]int64, clients)
	process := make([]int32, clients)
	for i := range process {
		process[i] = int32(i)
	}
	var plan []planned
	mix := r.draw.IntN(3)
	if r.vague {
		mix = 1
	}
	for range count {
		c := r.draw.IntN(clients)
		call := free[c] + r.draw.Int64N(4)
		at := call + r.draw.Int64N(4)
		ret := at + r.draw.Int64N(4)
		free[c] = ret
		op := history.Op{Call: call, Return: ret, Process: process[c], Kind: r.kind(mix),
			Value: history.None, Expect: history.None, Result: history.None, Outcome: history.OK}
		switch r.draw.IntN(12) {
		case 0, 1:
			op.Outcome, op.Return = history.Info, history.Open
			at += r.draw.Int64N(10)
			process[c] += int32(clients)
		case 2:
			op.Outcome = history.Fail
		}
		plan = append(plan, planned{op, at})
	}
	slices.SortStableFunc(plan, func(a, b planned) int { return cmp.Compare(a.at, b.at) })
	state := r.initial
	for _, p := range plan {
		state = r.apply(p.op, state)
	}
}

func (r *randomKey) kind(mix int) history.Kind {
	reads := []int{5, 4, 7}[mix]
	switch n := r.draw.IntN(10); {
	case n < reads:
		return history.Read
	case mix == 1 || n == 9:
		return history.CAS
	default:
		return history.Write
	}
}

func (r *randomKey) fresh() history.Value {
	if r.repeat && r.draw.IntN(2) == 0 {
		return history.Value(r.draw.IntN(4))
	}
	r.counter++
	return history.Value(r.counter)
}

// some is a value that has a meaning in this history, or (rarely) none.
func (r *randomKey) some() history.Value {
	if len(r.stored) > 0 && r.draw.IntN(6) > 0 {
		return r.stored[r.draw.IntN(len(r.stored))]
	}
	if r.draw.IntN(8) == 0 {
		return 99
	}
	return r.initial
}

func (r *randomKey) apply(op history.Op, state history.Value) history.Value {
	next := state
	happens := op.Outcome == history.OK || op.Outcome == history.Info && r.draw.IntN(2) == 0
	switch op.Kind {
	case history.Read:
		if op.Outcome == history.OK && r.draw.IntN(20) > 0 {
			op.Result = state
		}
	case history.Write:
		op.Value = r.fresh()
		next = op.Value
	case history.CAS:
		op.Expect, op.Value = state, r.fresh()
		if r.draw.IntN(3) == 0 {
			op.Expect = r.some()
		}
		if r.draw.IntN(30) == 0 {
			op.Value = op.Expect
		}
		if state == op.Expect {
			next = op.Value
		} else if op.Outcome == history.OK {
			op.Mismatch, op.Result = true, state
			if r.vague && r.draw.IntN(2) == 0 {
				op.Result = history.None
			}
		}
	}
	if op.Kind != history.Read {
		r.stored = append(r.stored, op.Value)
	}
	r.ops = append(r.ops, op)
	if happens {
		return next
	}
	return state
}

// mutate changes one thing, which may or may not break the history.
func (r *randomKey) mutate() {
	op := &r.ops[r.draw.IntN(len(r.ops))]
	switch r.draw.IntN(8) {
	case 0, 1, 2:
		if op.Outcome == history.OK && op.Result != history.None {
			op.Result = r.some()
		}
	case 3:
		if op.Outcome == history.OK {
			shift := r.draw.Int64N(13) - 6
			op.Call, op.Return = max(0, op.Call+shift), max(0, op.Return+shift)
		}
	case 4:
		if op.Outcome != history.OK && op.Kind != history.Read {
			op.Outcome, op.Return = history.OK, op.Call+r.draw.Int64N(5)
		}
	case 5:
		if op.Kind == history.CAS {
			op.Expect = r.some()
		}
	case 6:
		if len(r.ops) > 2 {
			i := r.draw.IntN(len(r.ops))
			r.ops = slices.Delete(r.ops, i, i+1)
		}
	case 7:
		if op.Kind == history.CAS && op.Outcome == history.OK {
			op.Mismatch = !op.Mismatch
			op.Result = history.None
			if op.Mismatch && !r.vague {
				op.Result = r.some()
			}
		}
	}
}

// oneKey makes a history of one key. Processes are numbered anew: a mutated
// history may have a process overlap itself, which no judge here looks at.
func oneKey(ops []history.Op, initial history.Value) *history.History {
	ops = slices.Clone(ops)
	for i := range ops {
		ops[i].Process, ops[i].Key = int32(i), 0
	}
	h := &history.History{Header: history.Header{Model: "cas-register"}, Ops: ops, Keys: []string{"r0"}}
	if initial != history.Nil {
		h.Header.Initial = int64(initial)
	}
	return h
}
