package checkers

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// planted is one violation, planted in a large history that passes without it.
type plantedOrder struct {
	name    string
	check   Checker
	history func() *history.History
	plant   func(t *testing.T, h *history.History)
	says    []string
	figure  string
}

// nth finds an operation, beginning in the middle of the history.
func nth(t *testing.T, h *history.History, from int, want func(o *history.Op) bool) int {
	for i := from; i < len(h.Ops); i++ {
		if want(&h.Ops[i]) {
			return i
		}
	}
	require.Fail(t, "nothing to plant in")
	return -1
}

func addOps(h *history.History, ops ...history.Op) {
	h.Ops = append(h.Ops, ops...)
	slices.SortStableFunc(h.Ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
}

func orderedQueueLoad(again float64, watch bool) func() *history.History {
	return func() *history.History {
		l := logLoad{operations: 100_000, keys: 4, clients: 20, unknown: 0.02, again: again, watch: watch}
		return l.history(rand.New(rand.NewPCG(31, 32)))
	}
}

func plantedOrders() []plantedOrder {
	registers := func() *history.History {
		return load{operations: 100_000, keys: 10, clients: 20, unknown: 0.02, swaps: 0.2}.history(rand.New(rand.NewPCG(33, 34)))
	}
	lists := func() *history.History {
		return listLoad{appends: 95_000, reads: 5_000, clients: 20, retire: 200, unknown: 0.02, nodes: 3}.history(rand.New(rand.NewPCG(35, 36)))
	}
	locks := func() *history.History { return lockLoad(rand.New(rand.NewPCG(37, 38)), 100_000, 5, 20, 0.02) }
	lease := MutualExclusion{Lease: 50 * time.Millisecond}
	cases := []plantedOrder{
		{"sessions: monotonic reads", Sessions{}, registers, plantOldRead(history.Read), []string{"broken: monotonic reads (once); Monotonic reads:"}, "monotonic_reads"},
		{"sessions: read your writes", Sessions{NotMonotonicReads: true}, registers, plantOldRead(history.Write), []string{"broken: read your writes (once); Read your writes:"}, "read_your_writes"},
		{"sessions: monotonic writes", Sessions{AnyOrder: true}, registers, func(_ *testing.T, h *history.History) {
			v, at := history.Value(1<<40), h.Ops[50_000].Call
			swap, write := bare(history.CAS, 1<<20, 0, at, at+5), bare(history.Write, 1<<20, 0, at+10, at+20)
			swap.Expect, swap.Value, write.Value = v, v+1, v
			addOps(h, swap, write)
		}, []string{"broken: monotonic writes", "was swapped from"}, "monotonic_writes"},
		{"sessions: writes follow reads", Sessions{AnyOrder: true}, registers, func(_ *testing.T, h *history.History) {
			v, at := history.Value(1<<40), h.Ops[50_000].Call
			swap, read, write := bare(history.CAS, 1<<20, 0, at, at+90), bare(history.Read, 1<<20+1, 0, at+10, at+20), bare(history.Write, 1<<20+1, 0, at+30, at+40)
			swap.Expect, swap.Value, read.Result, write.Value = v, v+1, v+1, v
			addOps(h, swap, read, write)
		}, []string{"broken: writes follow reads", "was swapped from"}, "writes_follow_reads"},
		{"sessions: two that contradict each other", Sessions{AnyOrder: true}, registers, func(_ *testing.T, h *history.History) {
			v, at := history.Value(1<<40), h.Ops[50_000].Call
			var ops []history.Op
			for p := range int32(2) {
				w := bare(history.Write, 1<<20+p, 0, at, at+5)
				w.Value = v + history.Value(p)
				ops = append(ops, w)
				for i := range int64(2) {
					r := bare(history.Read, 1<<20+2+p, 0, at+10+10*i, at+15+10*i)
					r.Result = v + history.Value(int64(p)^i)
					ops = append(ops, r)
				}
			}
			addOps(h, ops...)
		}, []string{"broken: monotonic reads, which no order of the versions gives to every session (1 key)", "goes round in a circle"}, "contradictions"},
		{"sessions: a list without one's own", Sessions{}, lists, plantOwnAppend, []string{"read your writes (once)"}, "read_your_writes"},
		{"sessions: a list that shrank", Sessions{NotReadYourWrites: true, NotMonotonicWrites: true}, lists, plantShorterList, []string{"broken: monotonic reads (once); Monotonic reads:"}, "monotonic_reads"},
		{"sessions: a list the other way round", Sessions{}, lists, plantSwappedList, []string{"Monotonic writes:", "only after it"}, "monotonic_writes"},
		{"order: two elements of a list", PerKeyOrder{}, lists, plantSwappedList, []string{"out of order"}, "out_of_order"},
		{"order: two dequeues of a consumer", PerKeyOrder{}, orderedQueueLoad(0, false), plantSwappedDequeues, []string{"out of order", "comes after it had been told"}, "out_of_order"},
	}
	cases = append(cases, plantedLocks(locks, lease)...)
	cases = append(cases, plantedEffects()...)
	return append(cases, plantedStreams()...)
}

func TestPlantedOrderViolationsAreNamedAsWhatTheyAre(t *testing.T) {
	for _, c := range plantedOrders() {
		t.Run(c.name, func(t *testing.T) {
			h := c.history()
			require.GreaterOrEqual(t, len(h.Ops), 95_000)
			before := judgeWith(t, c.check, h)
			require.Equal(t, Pass, before.Verdict, before.Summary+storyOf(before))
			c.plant(t, h)
			r := judgeWith(t, c.check, h)
			require.Equal(t, Violation, r.Verdict, r.Summary)
			for _, text := range c.says {
				require.Contains(t, r.Summary+storyOf(r), text)
			}
			require.Equal(t, float64(1), r.Figures[c.figure], "%v", r.Figures)
			require.LessOrEqual(t, len(r.Proof.Operations), 8)
			again := c.check.Check(context.Background(), Evidence{History: proofAlone(h, r.Proof)}, Budget{})
			require.Equal(t, Violation, again.Verdict, "%s\n%q", again.Summary, r.Proof.Story)
			t.Logf("%s%s", r.Summary, storyOf(r))
		})
	}
}

func plantedLocks(locks func() *history.History, lease MutualExclusion) []plantedOrder {
	acquire := func(t *testing.T, h *history.History) int {
		return nth(t, h, 50_000, func(o *history.Op) bool { return o.Kind == history.Acquire && ok(o) })
	}
	return []plantedOrder{
		{"locks: two holders", MutualExclusion{}, locks, func(t *testing.T, h *history.History) {
			held := h.Ops[acquire(t, h)]
			o := bare(history.Acquire, 1<<20, held.Key, held.Return-1, held.Return+1)
			r := bare(history.Release, 1<<20, held.Key, held.Return+2, held.Return+3)
			addOps(h, o, r)
		}, []string{"two holders:", "both held it"}, "holders_two"},
		{"locks: two holders within a lease", lease, locks, func(t *testing.T, h *history.History) {
			held := h.Ops[acquire(t, h)]
			o := bare(history.Acquire, 1<<20, held.Key, held.Return-1, held.Return+1)
			r := bare(history.Release, 1<<20, held.Key, held.Return+2, held.Return+3)
			addOps(h, o, r)
		}, []string{"two holders:"}, "holders_two"},
		{"locks: a token that does not grow", MutualExclusion{}, locks, func(t *testing.T, h *history.History) {
			i := acquire(t, h)
			j := nth(t, h, i+1, func(o *history.Op) bool {
				return o.Kind == history.Acquire && o.Key == h.Ops[i].Key && o.Process != h.Ops[i].Process && o.Call > h.Ops[i].Return
			})
			h.Ops[j].Result = h.Ops[i].Result
			for k := range h.Ops { // its effects are not what is planted
				if h.Ops[k].Process == h.Ops[j].Process && h.Ops[k].Kind == history.Write {
					h.Ops[k].Expect = history.None
				}
			}
		}, []string{"tokens do not grow:", "must be greater"}, "tokens_not_growing"},
		{"locks: a stale holder's effect", MutualExclusion{Lease: time.Microsecond}, locks, func(t *testing.T, h *history.History) {
			// A holder stops for long, while its lease runs out, and writes when two others have.
			i := nth(t, h, 50_000, func(o *history.Op) bool { return o.Kind == history.Write && o.Outcome == history.Info })
			w := h.Ops[i]
			lockOf := int(w.Process)
			g := nth(t, h, 0, func(o *history.Op) bool {
				return o.Kind == history.Acquire && int(o.Process) == lockOf && o.Result == w.Expect
			})
			j := nth(t, h, i, func(o *history.Op) bool { return o.Kind == history.Acquire && o.Key == h.Ops[g].Key })
			k := nth(t, h, j, func(o *history.Op) bool {
				return o.Kind == history.Write && ok(o) && o.Process == h.Ops[j].Process && o.Expect == h.Ops[j].Result
			})
			h.Ops = slices.Delete(h.Ops, i, i+1)
			w.Outcome, w.Call, w.Return = history.OK, h.Ops[k-1].Return+1, h.Ops[k-1].Return+9
			addOps(h, w)
		}, []string{"a stale holder's effect:", "should have been refused"}, "effects_stale"},
	}
}

func plantedEffects() []plantedOrder {
	taken := func(t *testing.T, h *history.History) int {
		return nth(t, h, 50_000, func(o *history.Op) bool { return o.Kind == history.Dequeue && ok(o) && o.Result != history.Nil })
	}
	once := func() *history.History { // nothing is excused: unknown dequeues failed
		h := orderedQueueLoad(0.05, false)()
		lost := map[history.Value]bool{}
		for i := range h.Ops {
			if o := &h.Ops[i]; o.Kind == history.Enqueue {
				lost[o.Value] = true
			}
		}
		for i := range h.Ops {
			o := &h.Ops[i]
			delete(lost, o.Result)
			for _, v := range h.List(o) {
				delete(lost, v)
			}
		}
		var missing []history.Value // what unknown dequeues took
		acked := map[history.Value]history.Key{}
		for i := range h.Ops {
			if o := &h.Ops[i]; o.Kind == history.Enqueue && ok(o) && lost[o.Value] {
				if _, known := acked[o.Value]; !known {
					acked[o.Value] = o.Key
					missing = append(missing, o.Value)
				}
			}
		}
		for i := range h.Ops {
			o := &h.Ops[i]
			if o.Kind == history.Dequeue && o.Outcome == history.Info {
				o.Outcome, o.Return = history.Fail, o.Call+1000
			}
			if o.Kind == history.Drain {
				list := slices.Clone(h.List(o))
				for _, v := range missing {
					if acked[v] == o.Key {
						list = append(list, v)
					}
				}
				o.Offset, o.Count = uint32(len(h.Elements)), uint32(len(list))
				h.Elements = append(h.Elements, list...)
			}
		}
		return h
	}
	return []plantedOrder{
		{"effects: duplicated", ExactlyOnce{}, once, func(t *testing.T, h *history.History) {
			i := taken(t, h)
			o := bare(history.Dequeue, 1<<21, h.Ops[i].Key, h.Ops[i].Return+5, h.Ops[i].Return+6)
			o.Result = h.Ops[i].Result
			addOps(h, o)
		}, []string{"duplicated:", "is there 2 times"}, "duplicated"},
		{"effects: lost", ExactlyOnce{}, once, func(t *testing.T, h *history.History) {
			acked := map[history.Value]bool{}
			for i := range h.Ops {
				if o := &h.Ops[i]; o.Kind == history.Enqueue && ok(o) {
					acked[o.Value] = true
				}
			}
			i := nth(t, h, 50_000, func(o *history.Op) bool { return o.Kind == history.Dequeue && ok(o) && acked[o.Result] })
			h.Ops[i].Result = history.Nil
		}, []string{"lost:", "nobody was ever told that it was taken out"}, "lost"},
		{"effects: one that failed", ExactlyOnce{}, once, func(t *testing.T, h *history.History) {
			i := taken(t, h)
			for k := range h.Ops {
				if o := &h.Ops[k]; o.Kind == history.Enqueue && o.Value == h.Ops[i].Result {
					o.Outcome, o.Return = history.Fail, o.Call+1
				}
			}
		}, []string{"unexpected:", "delivery of"}, "unexpected"},
	}
}

func plantedStreams() []plantedOrder {
	batch := func(t *testing.T, h *history.History) int {
		acked := map[history.Value]bool{}
		for i := range h.Ops {
			if o := &h.Ops[i]; o.Kind == history.Enqueue && ok(o) {
				acked[o.Value] = true
			}
		}
		return nth(t, h, 50_000, func(o *history.Op) bool {
			return o.Kind == history.ReadLocal && ok(o) && o.Count > 3 && acked[h.List(o)[1]]
		})
	}
	change := func(h *history.History, i int, list ...history.Value) {
		h.Ops[i].Offset, h.Ops[i].Count = uint32(len(h.Elements)), uint32(len(list))
		h.Elements = append(h.Elements, list...)
	}
	revisions := func() *history.History { // values become the place in the one log
		h := logLoad{operations: 100_000, keys: 1, clients: 20, unknown: 0.02, watch: true}.history(rand.New(rand.NewPCG(39, 40)))
		number := map[history.Value]history.Value{}
		var longest []history.Value
		position := map[int32][]history.Value{}
		for i := range h.Ops {
			o := &h.Ops[i]
			position[o.Process] = append(position[o.Process], h.List(o)...)
			if len(position[o.Process]) > len(longest) {
				longest = position[o.Process]
			}
		}
		for i, v := range longest {
			number[v] = history.Value(i + 1)
		}
		rename := func(v history.Value) history.Value {
			if n, known := number[v]; known {
				return n
			}
			return v + 1<<30
		}
		for i := range h.Ops {
			if h.Ops[i].Kind == history.Enqueue {
				h.Ops[i].Value = rename(h.Ops[i].Value)
			}
		}
		for i := range h.Elements {
			h.Elements[i] = rename(h.Elements[i])
		}
		return h
	}
	swap := func(t *testing.T, h *history.History) {
		i := batch(t, h)
		l := slices.Clone(h.List(&h.Ops[i]))
		l[1], l[2] = l[2], l[1]
		change(h, i, l...)
	}
	gap := func(t *testing.T, h *history.History) {
		i := batch(t, h)
		change(h, i, slices.Delete(slices.Clone(h.List(&h.Ops[i])), 1, 2)...)
	}
	back := func(t *testing.T, h *history.History) {
		i := batch(t, h)
		l := h.List(&h.Ops[i])
		change(h, i, append(slices.Clone(l), l[0])...)
	}
	producers := StreamOrder{ProducerOrder: true}
	return []plantedOrder{
		{"streams: another order", StreamOrder{}, orderedQueueLoad(0, true), swap, []string{"different orders", "One stream has one order"}, "orders_differ"},
		{"streams: a gap", StreamOrder{}, orderedQueueLoad(0, true), gap, []string{"a gap in", "was never told"}, "gaps"},
		{"streams: a gap, with producers", producers, orderedQueueLoad(0, true), gap, []string{"a gap in", "was never told"}, "gaps"},
		{"streams: a step back", StreamOrder{}, orderedQueueLoad(0, true), back, []string{"a step back", "was told it again"}, "steps_back"},
		{"streams: a gap in revisions", StreamOrder{Revisions: true}, revisions, gap, []string{"a gap in", "was told revisions"}, "gaps"},
		{"streams: a revision that fell", StreamOrder{Revisions: true}, revisions, swap, []string{"a step back", "the lower one"}, "steps_back"},
	}
}
