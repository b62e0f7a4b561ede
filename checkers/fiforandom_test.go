package checkers

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// randomQueue makes small histories of one queue: a real one is simulated, and
// then, for most, something is changed. Equal instants are common.
type randomQueue struct {
	draw  *rand.Rand
	bag   bool
	vague bool // values repeat, nil is enqueued, and answers may say nothing
	h     *history.History
	state []history.Value
}

func randomQueueHistory(draw *rand.Rand, most int, bag, vague bool) *history.History {
	r := &randomQueue{draw: draw, bag: bag, vague: vague, h: &history.History{Keys: []string{"q"}}}
	r.simulate(2+max(draw.IntN(most-1), draw.IntN(most-1)), 1+draw.IntN(5))
	for range []int{0, 1, 2, 4, 6, 9}[draw.IntN(6)] {
		r.mutate()
	}
	slices.SortStableFunc(r.h.Ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
	for i := range r.h.Ops {
		r.h.Ops[i].Process = int32(i)
	}
	return r.h
}

// instant is when a step of an operation takes effect.
type instant struct {
	op int
	at int64
}

func (r *randomQueue) simulate(count, clients int) {
	free := make([]int64, clients)
	var steps []instant
	takes := 3 + r.draw.IntN(4)
	unknown := r.draw.IntN(4)
	for n := range count {
		c := r.draw.IntN(clients)
		call := free[c] + r.draw.Int64N(4)
		took := r.draw.Int64N(8)
		op := history.Op{Call: call, Return: call + took, Kind: history.Enqueue, Value: history.Value(n + 1),
			Expect: history.None, Result: history.None, Outcome: history.OK}
		if r.vague && r.draw.IntN(4) == 0 {
			op.Value = []history.Value{1, 2, 3, history.Nil}[r.draw.IntN(4)]
		}
		free[c] = op.Return
		if r.draw.IntN(10) < takes {
			op.Kind, op.Value = history.Dequeue, history.None
			if r.draw.IntN(5) == 0 {
				op.Kind = history.Drain
			}
		}
		late := int64(0)
		if d := r.draw.IntN(12); d < unknown {
			op.Outcome, op.Return = history.Info, history.Open
			late = r.draw.Int64N(10)
		} else if d == 11 {
			op.Outcome = history.Fail
		}
		times := 1
		if op.Kind == history.Drain {
			times = r.draw.IntN(4)
		}
		for range times {
			steps = append(steps, instant{n, call + r.draw.Int64N(took+1) + late})
		}
		r.h.Ops = append(r.h.Ops, op)
	}
	slices.SortStableFunc(steps, func(a, b instant) int { return cmp.Compare(a.at, b.at) })
	lists := map[int][]history.Value{}
	for _, s := range steps {
		r.apply(&r.h.Ops[s.op], s.op, lists)
	}
	for i := range r.h.Ops {
		if op := &r.h.Ops[i]; op.Kind == history.Drain && op.Outcome == history.OK {
			relist(r.h, op, lists[i])
		}
	}
}

func (r *randomQueue) apply(op *history.Op, n int, lists map[int][]history.Value) {
	if op.Outcome == history.Fail || op.Outcome == history.Info && r.draw.IntN(2) == 0 {
		return
	}
	if op.Kind == history.Enqueue {
		r.state = append(r.state, op.Value)
		return
	}
	v := history.Nil
	if len(r.state) > 0 {
		at := 0
		if r.bag {
			at = r.draw.IntN(len(r.state))
		}
		v = r.state[at]
		r.state = slices.Delete(r.state, at, at+1)
	}
	switch {
	case op.Outcome == history.Info:
	case op.Kind == history.Dequeue:
		op.Result = v
		if r.vague && r.draw.IntN(8) == 0 {
			op.Result = history.None
		}
	case v != history.Nil:
		lists[n] = append(lists[n], v)
	}
}

// mutate changes one thing, which may or may not break the history.
func (r *randomQueue) mutate() {
	op := &r.h.Ops[r.draw.IntN(len(r.h.Ops))]
	other := &r.h.Ops[r.draw.IntN(len(r.h.Ops))]
	dequeued := func(o *history.Op) bool { return o.Kind == history.Dequeue && o.Outcome == history.OK }
	switch r.draw.IntN(9) {
	case 0:
		if dequeued(op) && other.Kind == history.Enqueue {
			op.Result = other.Value
			if r.draw.IntN(10) == 0 {
				op.Result = 99
			}
		}
	case 1, 2:
		if dequeued(op) && dequeued(other) {
			op.Result, other.Result = other.Result, op.Result
		}
	case 8:
		if op.Kind == history.Enqueue && other.Kind == history.Enqueue {
			op.Value, other.Value = other.Value, op.Value
		}
	case 3:
		if op.Outcome != history.Info {
			shift := r.draw.Int64N(13) - 6
			op.Call, op.Return = max(0, op.Call+shift), max(0, op.Return+shift)
		}
	case 4:
		if dequeued(op) {
			op.Result = history.Nil
		}
	case 5:
		if len(r.h.Ops) > 2 {
			i := r.draw.IntN(len(r.h.Ops))
			r.h.Ops = slices.Delete(r.h.Ops, i, i+1)
		}
	case 6:
		if list := slices.Clone(r.h.List(op)); len(list) > 1 {
			list[0], list[1] = list[1], list[0]
			relist(r.h, op, list)
		}
	case 7:
		if op.Kind == history.Enqueue {
			op.Outcome, op.Return = history.OK, op.Call+r.draw.Int64N(4)
		}
	}
}

func listingOf(h *history.History) string {
	var b strings.Builder
	for i := range h.Ops {
		fmt.Fprintf(&b, "%3d  [%d, %d] %s\n", i, h.Ops[i].Call, h.Ops[i].Return, h.Describe(i))
	}
	return b.String()
}
