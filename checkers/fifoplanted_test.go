package checkers

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// pairOf is an enqueue and the dequeue that took its element, as indices.
type pairOf struct{ in, out int }

// pairsOf lists what was enqueued and taken, both acknowledged, in the middle of a history.
func pairsOf(h *history.History) (pairs []pairOf) {
	in := map[history.Value]int{}
	for i, op := range h.Ops {
		if op.Kind == history.Enqueue && op.Outcome == history.OK {
			in[op.Value] = i
		}
	}
	for i := len(h.Ops) / 3; i < len(h.Ops); i++ {
		op := h.Ops[i]
		if e, found := in[op.Result]; op.Kind == history.Dequeue && op.Outcome == history.OK && found {
			pairs = append(pairs, pairOf{e, i})
		}
	}
	return pairs
}

// apart finds two pairs that are clearly one after the other.
func apart(h *history.History, pairs []pairOf) (a, b pairOf) {
	a = pairs[0]
	for _, b = range pairs {
		if h.Ops[a.in].Return < h.Ops[b.in].Call && h.Ops[a.out].Return < h.Ops[b.out].Call {
			return a, b
		}
	}
	panic("no two elements are apart")
}

var plantedInQueues = []struct {
	name, says string
	fifo, bag  queueFlaw
	operations int // of the proof, at most
	plant      func(h *history.History, pairs []pairOf) (shown []history.Value)
}{
	{"garbage", "Nobody ever tried to enqueue 7777777", queueGarbage, queueGarbage, 1, func(h *history.History, pairs []pairOf) []history.Value {
		h.Ops[pairs[0].out].Result = 7777777
		return nil
	}},
	{"an enqueue that failed and is taken", "Nobody else ever tried to enqueue", queueGarbage, queueGarbage, 2, func(h *history.History, pairs []pairOf) []history.Value {
		op := &h.Ops[pairs[0].in]
		op.Outcome = history.Fail
		return []history.Value{op.Value}
	}},
	{"taken before it was enqueued", "before anybody had begun to enqueue it", queueEarly, queueEarly, 2, func(h *history.History, pairs []pairOf) []history.Value {
		in, out := &h.Ops[pairs[0].in], h.Ops[pairs[0].out]
		took := in.Return - in.Call
		in.Call, in.Return = out.Return+1, out.Return+1+took
		return []history.Value{in.Value}
	}},
	{"taken twice", "was enqueued once at most, and taken 2 times", queueTwice, queueTwice, 3, func(h *history.History, pairs []pairOf) []history.Value {
		again := h.Ops[pairs[0].out]
		again.Call, again.Return, again.Process = again.Return+1000, again.Return+2000, 1<<20
		h.Ops = append(h.Ops, again)
		return []history.Value{again.Result}
	}},
	{"overtaken", "and what goes in first must come out first", queueOvertaken, queueFlawless, 4, func(h *history.History, pairs []pairOf) []history.Value {
		a, b := apart(h, pairs)
		x, y := &h.Ops[a.out].Result, &h.Ops[b.out].Result
		*x, *y = *y, *x
		return []history.Value{*x} // it may have overtaken others too
	}},
	{"lost before any dequeue of unknown outcome", "never was, though what goes in first must come out first", queueSkipped, queueNotEmpty, 3, func(h *history.History, pairs []pairOf) []history.Value {
		for i := range h.Ops { // of these there are to be none
			if op := &h.Ops[i]; op.Kind == history.Dequeue && op.Outcome == history.Info {
				op.Outcome, op.Return, op.Result = history.Fail, op.Call+1, history.None
			}
		}
		h.Ops[pairs[0].out].Outcome, h.Ops[pairs[0].out].Result = history.Fail, history.None
		return nil // what the unknown dequeues took is lost too
	}},
	{"many lost, and too few dequeues of unknown outcome", "of unknown outcome had been called, which may have taken one element each", queueSkipped, queueNotEmpty, 4, func(h *history.History, pairs []pairOf) []history.Value {
		for _, p := range pairs[:3000] {
			h.Ops[p.out].Outcome, h.Ops[p.out].Result = history.Fail, history.None
		}
		return nil
	}},
	{"told that it is empty", "was never empty between", queueNotEmpty, queueNotEmpty, 5, func(h *history.History, pairs []pairOf) []history.Value {
		for _, p := range pairs {
			from, to := h.Ops[p.in].Return, h.Ops[p.out].Call
			if to-from < 1000 {
				continue
			}
			op := h.Ops[p.out]
			op.Call, op.Return, op.Process, op.Result = from+1, to-1, 1<<20, history.Nil
			h.Ops = append(h.Ops, op)
			return nil // another element may be shown
		}
		panic("no element stayed")
	}},
	{"a drain in the wrong order", "'s drain took", queueDrainOrder, queueFlawless, 3, func(h *history.History, _ []pairOf) []history.Value {
		drain := &h.Ops[len(h.Ops)-1]
		in := map[history.Value]history.Op{}
		for _, op := range h.Ops {
			if op.Kind == history.Enqueue && op.Outcome == history.OK {
				in[op.Value] = op
			}
		}
		list := slices.Clone(h.List(drain))
		for i, v := range list {
			a, acked := in[v]
			for j := i + 1; j < len(list) && acked; j++ {
				if b, acked := in[list[j]]; acked && a.Return < b.Call {
					list[i], list[j] = list[j], list[i]
					relist(h, drain, list)
					return nil // another element may be shown
				}
			}
		}
		panic("no two elements are apart")
	}},
}

// One violation of each kind, planted in 100,000 operations of 20 clients, 2 % of
// them of unknown outcome, is found as what it is.
func TestPlantedInQueues(t *testing.T) {
	var q queueJudge
	for _, bag := range []bool{false, true} {
		l := queueLoad{operations: 101_000, clients: 20, unknown: 0.02, drain: true, bag: bag}
		for _, c := range plantedInQueues {
			want := c.fifo
			if bag {
				want = c.bag
			}
			t.Run(map[bool]string{false: "fifo ", true: "bag "}[bag]+c.name, func(t *testing.T) {
				h := l.history(rand.New(rand.NewPCG(3, 1)))
				require.NoError(t, h.Validate())
				require.Equal(t, queueAnswer{exact: true, place: none}, q.decide(h, nil, !bag))
				shown := c.plant(h, pairsOf(h))
				slices.SortStableFunc(h.Ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
				answer := q.decide(h, nil, !bag)
				require.True(t, answer.exact)
				require.Equal(t, want, answer.flaw)
				if want == queueFlawless {
					return
				}
				proof := q.prove(answer)
				t.Log(strings.Join(proof.Story, "\n"))
				require.LessOrEqual(t, len(proof.Operations), c.operations)
				if want == c.fifo {
					require.Contains(t, strings.Join(proof.Story, " "), c.says)
				}
				for _, v := range shown {
					require.Contains(t, proof.Story[len(proof.Story)-1], h.Text(v))
				}
			})
		}
	}
}

// What must not change an answer.
func TestQueuesAreJudgedAlikeHoweverTold(t *testing.T) {
	count := max(1000, differentialCount(t)/10)
	draw := rand.New(rand.NewPCG(15, 16))
	changes := map[string]func(h *history.History) (index []int32){
		"shifted in time": func(h *history.History) []int32 {
			for i := range h.Ops {
				op := &h.Ops[i]
				if op.Call += 1_000_000; op.Return != history.Open {
					op.Return += 1_000_000
				}
			}
			return nil
		},
		"values renamed": func(h *history.History) []int32 {
			name := func(v *history.Value) {
				if *v != history.None && *v != history.Nil {
					*v = 1_000_003 - 7919**v
				}
			}
			for i := range h.Ops {
				name(&h.Ops[i].Value)
				name(&h.Ops[i].Result)
			}
			for i := range h.Elements {
				name(&h.Elements[i])
			}
			return nil
		},
		"failed operations left out": func(h *history.History) []int32 {
			h.Ops = slices.DeleteFunc(h.Ops, func(op history.Op) bool { return op.Outcome == history.Fail })
			return nil
		},
		"with an unknown enqueue that nobody sees": func(h *history.History) []int32 {
			op := history.Op{Call: 0, Return: history.Open, Kind: history.Enqueue, Value: 1234, Expect: history.None, Result: history.None}
			h.Ops = append([]history.Op{op}, h.Ops...)
			return nil
		},
		"with a drain that found nothing": func(h *history.History) []int32 {
			op := history.Op{Call: 0, Return: 1, Kind: history.Drain, Value: history.None, Expect: history.None, Result: history.None, Outcome: history.OK}
			h.Ops = append([]history.Op{op}, h.Ops...)
			return nil
		},
		"beside another key": func(h *history.History) (index []int32) {
			var ops []history.Op
			for _, op := range h.Ops {
				other := op
				other.Key = 1
				index = append(index, int32(len(ops)))
				ops = append(ops, op, other)
			}
			h.Ops, h.Keys = ops, []string{"q", "r"}
			return index
		},
	}
	var q queueJudge
	flaws := map[queueFlaw]int{}
	for n := range count {
		bag := n%2 == 0
		seed := draw.Uint64()
		random := func() *history.History { return randomQueueHistory(rand.New(rand.NewPCG(seed, 1)), 12, bag, n%7 == 0) }
		before := q.decide(random(), nil, !bag)
		flaws[before.flaw]++
		for name, change := range changes {
			h := random()
			index := change(h)
			after := q.decide(h, index, !bag)
			require.Equal(t, before.flaw, after.flaw, "%s, history %d:\n%s", name, n, listingOf(h))
			require.Equal(t, before.exact, after.exact, "%s, history %d:\n%s", name, n, listingOf(h))
			if index != nil && after.flaw != queueFlawless {
				require.Equal(t, "q", q.prove(after).Key)
			}
		}
	}
	require.Greater(t, len(flaws), 6)
}

func TestWhatIsNoQueueIsNotJudged(t *testing.T) {
	h := history.NewBuilder(history.Header{}).Enqueue(1, "q", 5, 10, 20).Read(2, "q", 5, 30, 40).Dequeue(2, "q", 6, 50, 60).History()
	var q queueJudge
	require.Equal(t, queueAnswer{place: none}, q.decideFIFO(h, nil))
	require.Equal(t, queueAnswer{place: none}, q.decideBag(h, nil))
}
