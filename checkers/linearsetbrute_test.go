package checkers

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// bruteSet says whether a small history of one set is legal, by trying every order
// and every choice of which unknown appends happened.
func bruteSet(h *history.History) bool {
	var ops []history.Op
	for _, op := range h.Ops {
		if op.Outcome == history.OK && op.Kind != history.ReadLocal || op.Kind == history.Append && op.Outcome == history.Info {
			ops = append(ops, op)
		}
	}
	seen := map[string]bool{}
	var from func(taken uint64, state []history.Value) bool
	from = func(taken uint64, state []history.Value) bool {
		key := fmt.Sprint(taken, state)
		if seen[key] {
			return false
		}
		seen[key] = true
		limit, done := history.Open, true
		for i, op := range ops {
			if taken>>i&1 == 0 && op.Outcome == history.OK {
				limit, done = min(limit, op.Return), false
			}
		}
		if done {
			return true
		}
		for i, op := range ops {
			if taken>>i&1 == 1 || op.Call > limit {
				continue
			}
			after := state
			if op.Kind == history.Append && !slices.Contains(state, op.Value) {
				after = append(slices.Clone(state), op.Value)
				slices.Sort(after)
			}
			if op.Kind == history.ReadList {
				list := slices.Clone(h.List(&op))
				slices.Sort(list)
				if !slices.Equal(list, state) {
					continue
				}
			}
			if from(taken|1<<i, after) {
				return true
			}
		}
		return false
	}
	return from(0, nil)
}

// randomSetHistory simulates a real set, and then, for most, changes something.
func randomSetHistory(draw *rand.Rand, most int, repeat bool) *history.History {
	h := &history.History{Keys: []string{"s"}}
	count, clients := 2+max(draw.IntN(most-1), draw.IntN(most-1)), 1+draw.IntN(5)
	free := make([]int64, clients)
	var steps []instant
	reads, slow := 3+draw.IntN(4), 2+draw.Int64N(16)
	for n := range count {
		c := draw.IntN(clients)
		call := free[c] + draw.Int64N(4)
		took := draw.Int64N(slow)
		free[c] = call + took
		op := history.Op{Call: call, Return: call + took, Kind: history.Append, Value: history.Value(n + 1),
			Expect: history.None, Result: history.None, Outcome: history.OK}
		if repeat && draw.IntN(2) == 0 {
			op.Value = history.Value(1 + draw.IntN(3))
		}
		if draw.IntN(10) < reads {
			op.Kind, op.Value = history.ReadList, history.None
		}
		late := int64(0)
		if d := draw.IntN(10); d < 2 {
			op.Outcome, op.Return = history.Info, history.Open
			late = draw.Int64N(10)
		} else if d == 9 {
			op.Outcome = history.Fail
		}
		h.Ops = append(h.Ops, op)
		steps = append(steps, instant{n, call + draw.Int64N(took+1) + late})
	}
	slices.SortStableFunc(steps, func(a, b instant) int { return cmp.Compare(a.at, b.at) })
	var state []history.Value
	shuffled := draw.IntN(2) == 0
	for _, s := range steps {
		op := &h.Ops[s.op]
		happens := op.Outcome == history.OK || op.Outcome == history.Info && draw.IntN(2) == 0
		switch {
		case op.Kind == history.Append && happens && !slices.Contains(state, op.Value):
			state = append(state, op.Value)
		case op.Kind == history.ReadList && op.Outcome == history.OK:
			list := slices.Clone(state)
			if shuffled {
				draw.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			}
			relist(h, op, list)
		}
	}
	for range []int{0, 1, 2, 3, 5, 8}[draw.IntN(6)] {
		mutateSet(draw, h)
	}
	slices.SortStableFunc(h.Ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
	for i := range h.Ops {
		h.Ops[i].Process = int32(i)
	}
	return h
}

func mutateSet(draw *rand.Rand, h *history.History) {
	op, other := &h.Ops[draw.IntN(len(h.Ops))], &h.Ops[draw.IntN(len(h.Ops))]
	answered := op.Kind == history.ReadList && op.Outcome == history.OK
	switch draw.IntN(7) {
	case 0:
		if answered && other.Kind == history.Append && (other.Outcome != history.Fail || draw.IntN(4) == 0) {
			with(h, op, other.Value)
		}
	case 1, 2:
		if list := h.List(op); len(list) > 0 {
			without(h, op, list[draw.IntN(len(list))])
		}
	case 3, 4:
		if op.Outcome != history.Info {
			shift := draw.Int64N(13) - 6
			op.Call, op.Return = max(0, op.Call+shift), max(0, op.Return+shift)
		}
	case 5:
		if answered && draw.IntN(8) == 0 {
			with(h, op, 99)
		}
	case 6:
		if len(h.Ops) > 2 {
			i := draw.IntN(len(h.Ops))
			h.Ops = slices.Delete(h.Ops, i, i+1)
		}
	}
}
