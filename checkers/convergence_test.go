package checkers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

func judgeConvergence(c Convergence, h *history.History) Result {
	return c.Check(context.Background(), Evidence{History: h}, Budget{})
}

// threeNodes has sessions of processes 1, 2 and 3 on n1, n2 and n3, and heals at 10 s.
func threeNodes(model string) *history.Builder {
	b := history.NewBuilder(history.Header{Model: model})
	for p := range int32(3) {
		b.Session(history.Session{Process: p + 1, Node: fmt.Sprintf("n%d", p+1)})
	}
	return b.Mark(secondsNs(10), MarkHealed, "")
}

type copyAt struct {
	process int32
	at      float64
	list    []history.Value
}

func TestConvergenceOfLists(t *testing.T) {
	type values = []history.Value
	unknown := func(b *history.Builder, v history.Value, at float64) {
		b.Op(9, history.Append, "l", v, history.None, history.None, history.Info, secondsNs(at), 0)
	}
	for _, c := range []struct {
		name    string
		check   Convergence
		extra   func(b *history.Builder)
		copies  []copyAt
		verdict Verdict
		says    string
	}{
		{"the same", Convergence{}, nil, []copyAt{{1, 16, values{1, 2}}, {2, 17, values{1, 2}}, {3, 18, values{1, 2}}}, Pass, "3 replicas hold the same in 1 key"},
		{"the same before its time", Convergence{}, nil, []copyAt{{1, 11, values{1, 2}}, {2, 11.1, values{1, 2}}, {3, 12, values{1, 2}}}, Pass, "3 replicas"},
		{"lost everywhere", Convergence{}, nil, []copyAt{{1, 16, values{1}}, {2, 17, values{1}}, {3, 18, values{1}}}, Pass, "3 replicas"},
		{"one lacks", Convergence{}, nil, []copyAt{{1, 16, values{1, 2}}, {2, 17, values{1}}, {3, 18, values{1, 2}}}, Violation, "5s after the heal replicas still differ, in 1 key: n1 holds 2 of l and n2 lacks it"},
		{"one lacks, too soon", Convergence{}, nil, []copyAt{{1, 11, values{1, 2}}, {2, 12, values{1}}, {3, 18, values{1, 2}}}, Inconclusive, "replicas differed in 1 key when they were last read, but not long enough"},
		{"one lacked in time", Convergence{}, nil, []copyAt{{1, 11, values{1, 2}}, {2, 12, values{1}}, {2, 16, values{1, 2}}, {3, 18, values{1, 2}}}, Pass, "3 replicas"},
		{"one lacked after its time", Convergence{}, nil, []copyAt{{1, 16, values{1, 2}}, {2, 16.5, values{1}}, {2, 17, values{1, 2}}, {3, 18, values{1, 2}}}, Violation, "n2 lacks it"},
		{"a longer time", Convergence{Within: 8 * time.Second}, nil, []copyAt{{1, 16, values{1, 2}}, {2, 17, values{1}}, {3, 17.5, values{1, 2}}}, Inconclusive, "replicas differed"},
		{"acknowledged just before", Convergence{}, func(b *history.Builder) { b.Append(9, "l", 7, secondsNs(15), secondsNs(15.5)) },
			[]copyAt{{1, 16, values{1, 2, 7}}, {2, 17, values{1, 2}}, {3, 18, values{1, 2, 7}}}, Inconclusive, "n1 holds 7 of l and n2 lacks it"},
		{"unknown, between two reads", Convergence{}, func(b *history.Builder) { unknown(b, 7, 3) },
			[]copyAt{{1, 16, values{1, 2}}, {2, 17, values{1, 2, 7}}, {3, 18, values{1, 2, 7}}}, Inconclusive, "n2 holds 7 of l and n1 lacks it"},
		{"unknown, seen long before", Convergence{}, func(b *history.Builder) { unknown(b, 7, 3) },
			[]copyAt{{1, 11, values{1, 2, 7}}, {1, 17, values{1, 2, 7}}, {2, 17, values{1, 2}}, {3, 18, values{1, 2, 7}}}, Violation, "n1 holds 7 of l and n2 lacks it"},
		{"twice on one", Convergence{}, nil, []copyAt{{1, 16, values{1, 2, 2}}, {2, 17, values{1, 2}}, {3, 18, values{1, 2}}}, Violation, "n1 holds 2 of l more often than n2"},
		{"another order", Convergence{Ordered: true}, nil, []copyAt{{1, 16, values{1, 2}}, {2, 17, values{2, 1}}, {3, 18, values{1, 2}}}, Violation, "n1 has 1 before 2 in l, and n2 after it"},
		{"another order, too soon", Convergence{Ordered: true}, nil, []copyAt{{1, 14, values{1, 2}}, {2, 17, values{2, 1}}, {3, 14.5, values{1, 2}}}, Inconclusive, "1 before 2"},
		{"another order, of a set", Convergence{}, nil, []copyAt{{1, 16, values{1, 2}}, {2, 17, values{2, 1}}, {3, 18, values{1, 2}}}, Pass, "3 replicas"},
		{"a node that is missing", Convergence{Nodes: []string{"n1", "n2", "n3"}}, nil, []copyAt{{1, 16, values{1, 2}}, {2, 17, values{1, 2}}}, Inconclusive, "n3 was not read after the heal (l)"},
		{"a node that was read before", Convergence{Nodes: []string{"n1", "n2", "n3"}}, nil, []copyAt{{1, 16, values{1, 2}}, {2, 17, values{1, 2}}, {3, 9, values{1, 2}}}, Inconclusive, "n3 was not read after the heal"},
		{"a node that did not answer", Convergence{}, func(b *history.Builder) {
			b.Op(3, history.ReadLocal, "l", history.None, history.None, history.None, history.Fail, secondsNs(16), secondsNs(17))
		}, []copyAt{{1, 16, values{1, 2}}, {2, 17, values{1, 2}}}, Inconclusive, "n3 was not read after the heal"},
		{"one node", Convergence{}, nil, []copyAt{{1, 16, values{1, 2}}}, Inconclusive, "one replica was read only"},
		{"none", Convergence{}, nil, nil, Inconclusive, "no replica was read"},
		{"differing and missing", Convergence{Nodes: []string{"n1", "n2", "n3"}}, nil, []copyAt{{1, 16, values{1, 2}}, {2, 17, values{1}}}, Violation, "n2 lacks it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := threeNodes("append-list").Append(8, "l", 1, 0, 10).Append(8, "l", 2, 20, 30)
			if c.extra != nil {
				c.extra(b)
			}
			for _, x := range c.copies {
				b.LocalList(x.process, "l", x.list, secondsNs(x.at), secondsNs(x.at)+10)
			}
			if c.check.Within == 0 {
				c.check.Within = 5 * time.Second
			}
			r := judgeConvergence(c.check, b.History())
			require.Equal(t, c.verdict, r.Verdict, r.Summary)
			require.Contains(t, r.Summary, c.says)
			require.Equal(t, c.verdict == Violation, r.Proof != nil)
			if r.Proof != nil {
				require.LessOrEqual(t, len(r.Proof.Operations), 4)
			}
		})
	}
	r := judgeConvergence(Convergence{}, history.NewBuilder(history.Header{}).LocalList(1, "l", nil, 0, 10).History())
	require.Contains(t, r.Summary, `no mark "healed"`)
	require.Equal(t, Error, judgeConvergence(Convergence{}, nil).Verdict)
}

func TestConvergenceStory(t *testing.T) {
	b := threeNodes("append-list").Append(8, "l", 2, secondsNs(1), secondsNs(2)).
		LocalList(1, "l", []history.Value{2}, secondsNs(16), secondsNs(16.1)).
		LocalList(2, "l", nil, secondsNs(17), secondsNs(17.1))
	r := judgeConvergence(Convergence{Within: 5 * time.Second}, b.History())
	require.Equal(t, []string{
		"All faults were proven undone at 10.000 s.",
		"p8 called append l = 2 at 1.000 s, answered at 2.000 s.",
		"p1 called local list l → [2] on n1 at 16.000 s, answered at 16.100 s.",
		"p2 called local list l → [] on n2 at 17.000 s, answered at 17.100 s.",
		"n1 holds 2 of l and n2 lacks it, though that had been certain, and all faults undone, for at least 5s.",
	}, r.Proof.Story)
}

func TestConvergenceOfRegisters(t *testing.T) {
	base := func() *history.Builder {
		return threeNodes("register").Write(8, "x", 1, 0, 10).Write(8, "x", 2, 20, 30)
	}
	judge := func(b *history.Builder) Result {
		return judgeConvergence(Convergence{Within: 5 * time.Second}, b.History())
	}
	read := func(b *history.Builder, process int32, v history.Value, at float64) *history.Builder {
		return b.Read(process, "x", v, secondsNs(at), secondsNs(at)+10)
	}
	r := judge(read(read(base(), 1, 2, 16), 2, 2, 17))
	require.Equal(t, Pass, r.Verdict, r.Summary)
	r = judge(read(read(base(), 1, 2, 16), 2, 1, 17))
	require.Equal(t, Violation, r.Verdict)
	require.Contains(t, r.Summary, "n1 read x = 2 and n2 read 1")
	require.Len(t, r.Proof.Operations, 4)
	require.Equal(t, Inconclusive, judge(read(read(base(), 1, 2, 12), 2, 1, 17)).Verdict, "too soon")
	require.Equal(t, Violation, judge(read(read(base(), 1, 2, 16), 2, history.Nil, 17)).Verdict, "the initial value")
	later := func() *history.Builder { return base().Write(8, "x", 3, secondsNs(16.1), secondsNs(16.2)) }
	require.Equal(t, Inconclusive, judge(read(read(later(), 1, 2, 16), 2, 3, 17)).Verdict, "written in between")
	require.Equal(t, Pass, judge(read(read(read(later(), 1, 2, 16), 2, 3, 17), 1, 3, 18)).Verdict)
	require.Equal(t, Violation, judge(read(read(read(later(), 2, 3, 17), 1, 2, 30), 3, 3, 18)).Verdict, "long after it was overwritten")
	unknown := func() *history.Builder {
		return base().Op(9, history.Write, "x", 3, history.None, history.None, history.Info, 40, 0)
	}
	require.Equal(t, Inconclusive, judge(read(read(unknown(), 1, 2, 16), 2, 3, 17)).Verdict, "it may have come in between")
	require.Equal(t, Violation, judge(read(read(read(unknown(), 1, 3, 11), 2, 2, 17), 1, 3, 17)).Verdict)
	twice := base().Write(9, "x", 1, 40, 50)
	require.Equal(t, Inconclusive, judge(read(read(twice, 1, 2, 16), 2, 1, 17)).Verdict)
	mixed := base().Append(9, "x", 7, 40, 50)
	require.Equal(t, Inconclusive, judge(read(read(mixed, 1, 2, 16), 2, 1, 17)).Verdict)
}

// convergenceByDefinition judges pair by pair.
func convergenceByDefinition(c Convergence, h *history.History) Verdict {
	healed, _ := h.Find(MarkHealed)
	var copies [][]*history.Op // by key
	read, tried := map[string]bool{}, map[string]bool{}
	for key := range h.Keys {
		var all []*history.Op
		for i := range h.Ops {
			o := &h.Ops[i]
			asks := o.Kind == history.ReadLocal || o.Kind == history.Read
			if node := h.NodeOf(o.Process); asks && o.Call >= healed.Time && node != "" {
				if tried[node] = true; o.Outcome == history.OK && int(o.Key) == key {
					all, read[node] = append(all, o), true
				}
			}
		}
		copies = append(copies, all)
	}
	verdict := Pass
	total := 0
	for key, all := range copies {
		total += len(all)
		if len(all) == 0 {
			continue
		}
		count := func(o *history.Op, v history.Value) (n int) {
			if o.Kind == history.Read {
				if o.Result == v {
					n++
				}
				return n
			}
			for _, x := range h.List(o) {
				if x == v {
					n++
				}
			}
			return n
		}
		settled := func(v history.Value) int64 {
			known, stores := history.Open, 0
			for i := range h.Ops {
				o := &h.Ops[i]
				if o.Key == history.Key(key) && (o.Kind == history.Append || o.Kind == history.Write) && o.Outcome != history.Fail && o.Value == v {
					if stores++; o.Outcome == history.OK {
						known = min(known, o.Return)
					}
				}
			}
			for _, o := range all {
				if count(o, v) > 0 {
					known = min(known, o.Return)
				}
			}
			if v == history.Nil {
				stores, known = stores+1, healed.Time
			}
			if stores > 1 || known == history.Open {
				return history.Open
			}
			return max(known, healed.Time) + int64(c.Within)
		}
		last := map[string]*history.Op{}
		for _, o := range all {
			last[h.NodeOf(o.Process)] = o
		}
		for _, a := range all {
			for _, b := range all {
				if a.Kind == history.Read {
					if a.Result != b.Result && settled(a.Result) <= b.Call && settled(b.Result) <= a.Call {
						return Violation
					}
					continue
				}
				for _, v := range h.List(a) {
					if settled(v) <= min(a.Call, b.Call) && count(a, v) != count(b, v) {
						return Violation
					}
					for _, w := range h.List(a) {
						inOrder := c.Ordered && last[h.NodeOf(a.Process)] == a && last[h.NodeOf(b.Process)] == b &&
							count(a, v) == 1 && count(b, v) == 1 && count(a, w) == 1 && count(b, w) == 1 &&
							max(settled(v), settled(w)) <= min(a.Call, b.Call)
						if inOrder && (slices.Index(h.List(a), v) < slices.Index(h.List(a), w)) != (slices.Index(h.List(b), v) < slices.Index(h.List(b), w)) {
							return Violation
						}
					}
				}
			}
		}
		for node := range tried {
			if last[node] == nil {
				verdict = Inconclusive
			}
		}
		for _, a := range last {
			for _, b := range last {
				one, two := slices.Clone(h.List(a)), slices.Clone(h.List(b))
				if !c.Ordered {
					slices.Sort(one)
					slices.Sort(two)
				}
				if a.Result != b.Result || !slices.Equal(one, two) {
					verdict = Inconclusive
				}
			}
		}
	}
	if total == 0 || len(read) < 2 {
		verdict = Inconclusive
	}
	return verdict
}

// randomReplicas draws a small history of one or two keys, lists or registers, that
// three nodes hold and read.
func randomReplicas(draw *rand.Rand) *history.History {
	b := history.NewBuilder(history.Header{Model: ""})
	lists, keys := draw.IntN(2) == 0, 1+draw.IntN(2)
	for p := range int32(30) {
		b.Session(history.Session{Process: p, Node: []string{"n1", "n2", "n3", ""}[p%4]})
	}
	b.Mark(draw.Int64N(6), MarkHealed, "")
	held := map[string][]history.Value{}
	process, now, value := int32(0), int64(0), history.Value(0)
	messy := draw.IntN(3) // how much goes wrong
	for range 4 + draw.IntN(9) {
		process++
		now += draw.Int64N(4)
		call, ret := now, now+draw.Int64N(5)
		key := fmt.Sprintf("k%d", draw.IntN(keys))
		outcome := []history.Outcome{history.OK, history.OK, history.OK, history.OK, history.OK, history.OK, history.Info, history.Fail}[draw.IntN(8)]
		if draw.IntN(5) < 2 {
			if value++; draw.IntN(10) == 0 {
				value = max(1, value-1)
			}
			kind := history.Write
			if lists {
				kind = history.Append
			}
			b.Op(process, kind, key, value, history.None, history.None, outcome, call, ret)
			if outcome == history.OK || outcome == history.Info && draw.IntN(2) == 0 {
				held[key] = append(held[key], value)
			}
			continue
		}
		copy := slices.Clone(held[key])
		if messy > 0 && draw.IntN(3) == 0 && len(copy) > 0 {
			switch i := draw.IntN(len(copy)); draw.IntN(3) {
			case 0:
				copy = slices.Delete(copy, i, i+1)
			case 1:
				copy = append(copy, copy[i])
			default:
				copy[0], copy[i] = copy[i], copy[0]
			}
		}
		switch {
		case outcome != history.OK && draw.IntN(3) == 0 && lists:
			b.Op(process, history.ReadLocal, key, history.None, history.None, history.None, outcome, call, ret)
		case lists:
			b.LocalList(process, key, copy, call, ret)
		case len(copy) == 0:
			b.Read(process, key, history.Nil, call, ret)
		default:
			b.Read(process, key, copy[len(copy)-1], call, ret)
		}
	}
	return b.History()
}

func TestConvergenceAgreesWithItsDefinition(t *testing.T) {
	count := differentialCount(t)
	draw := rand.New(rand.NewPCG(6, 6))
	verdicts := map[Verdict]int{}
	for n := range count {
		h := randomReplicas(draw)
		c := Convergence{Within: time.Duration(1 + draw.IntN(4)), Ordered: draw.IntN(2) == 0}
		want := convergenceByDefinition(c, h)
		r := judgeConvergence(c, h)
		require.Equal(t, want, r.Verdict, "history %d %+v: %s\n%s", n, c, r.Summary, listListing(h))
		verdicts[r.Verdict]++
		if n%10 == 0 {
			shifted := judgeConvergence(c, shiftHistory(h, 1_000_000))
			require.Equal(t, r.Verdict, shifted.Verdict)
			require.Equal(t, r.Figures, shifted.Figures)
		}
	}
	t.Logf("%d histories: %v, no disagreement", count, verdicts)
	require.Greater(t, verdicts[Violation], count/25)
	require.Greater(t, verdicts[Pass], count/100)
	require.Greater(t, verdicts[Inconclusive], count/10)
}

func convergedLoad(appends int) *history.History {
	h := listLoad{appends: appends, reads: appends / 400, clients: 20, retire: 400, unknown: 0.02, failed: 0.01, nodes: 3}.history(rand.New(rand.NewPCG(7, 7)))
	h.Marks = append(h.Marks, history.Mark{Time: h.Marks[1].Time - 1_000_000, Name: MarkHealed})
	return h
}

func TestConvergenceFindsAPlantedDifference(t *testing.T) {
	c := Convergence{Within: time.Millisecond, Ordered: true}
	for name, plant := range map[string]func(h *history.History, op *history.Op){
		"lacks it":   func(h *history.History, op *history.Op) { without(h, op, h.List(op)[3]) },
		"more often": func(h *history.History, op *history.Op) { with(h, op, h.List(op)[3]) },
		"before": func(h *history.History, op *history.Op) {
			list := slices.Clone(h.List(op))
			list[3], list[9] = list[9], list[3]
			relist(h, op, list)
		},
	} {
		h := convergedLoad(100_000)
		r := judgeConvergence(c, h)
		require.Equal(t, Pass, r.Verdict, r.Summary)
		for i := len(h.Ops) / 2; ; i++ {
			if op := &h.Ops[i]; op.Kind == history.ReadLocal && op.Count > 20 {
				plant(h, op)
				break
			}
		}
		r = judgeConvergence(c, h)
		if r.Verdict == Inconclusive { // the element's outcome was unknown
			t.Logf("%s: %s", name, r.Summary)
		}
		require.Equal(t, Violation, r.Verdict, r.Summary)
		require.Contains(t, r.Summary, name)
		require.InDelta(t, 1, r.Figures["differing_keys"], 0)
	}
}

func TestConvergenceKeepsItsBudget(t *testing.T) {
	h := convergedLoad(10_000)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Contains(t, Convergence{}.Check(ctx, Evidence{History: h}, Budget{}).Summary, "called off")
	require.Contains(t, Convergence{}.Check(context.Background(), Evidence{History: h}, Budget{Bytes: 100}).Summary, "out of memory")
}

func BenchmarkConvergence(b *testing.B) {
	benchmarkChecker(b, Convergence{Within: time.Millisecond}, Evidence{History: convergedLoad(1_000_000)})
}
