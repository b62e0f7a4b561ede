package checkers

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/internal/synthetic"
	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

func judgeLinearizable(t *testing.T, h *history.History) Result {
	t.Helper()
	return Linearizable{}.Check(context.Background(), Evidence{History: h}, Budget{})
}

// Longer histories with long chains, against porcupine only.
func TestZonesAgreeWithPorcupineOnLongerHistories(t *testing.T) {
	count := differentialCount(t) / 20
	draw := rand.New(rand.NewPCG(5, 6))
	var z zones
	violations, longest := 0, 0
	for n := range count {
		ops, initial := randomHistory(draw, 50, false, false)
		answer := z.decide(ops, nil, initial, len(ops))
		if answer.flaw == noFlaw && !answer.exact {
			continue
		}
		legal := porcupine.CheckOperations(model.Cell(initial, nil), model.Convert(ops))
		require.Equal(t, legal, answer.flaw == noFlaw, "history %d:\n%s", n, listing(ops, initial))
		if !legal {
			violations++
		}
		for b := range z.blocks {
			if z.blocks[b].writer != byNobody && z.blocks[b].from == none && answer.flaw == noFlaw {
				longest = max(longest, len(z.downFrom(int32(b))))
			}
		}
	}
	t.Logf("%d histories of up to 50 operations: %d violations, longest chain %d, no disagreement", count, violations, longest)
	require.Greater(t, violations, count/10)
	require.Greater(t, count-violations, count/10)
	require.Greater(t, longest, 5)
}

func TestPlantedStaleReadIsFoundAndNamed(t *testing.T) {
	for _, swaps := range []float64{0, 0.2} {
		for _, seed := range []uint64{1, 2, 3} {
			l := load{operations: 10_000, keys: 3, clients: 10, unknown: 0.05, swaps: swaps}
			h := l.history(rand.New(rand.NewPCG(seed, 1)))
			require.Equal(t, Pass, judgeLinearizable(t, h).Verdict)
			read, old, overwriting := synthetic.PlantStaleRead(h, 5_000)
			require.Positive(t, read)
			result := judgeLinearizable(t, h)
			require.Equal(t, Violation, result.Verdict)
			require.Equal(t, h.KeyName(h.Ops[read].Key), result.Proof.Key)
			indexes := proofIndexes(result.Proof)
			require.Contains(t, indexes, read, "the stale read, among %v", result.Proof.Story)
			require.LessOrEqual(t, len(indexes), 6)
			t.Logf("read %d, old %d, overwriting %d: %s", read, old, overwriting, strings.Join(result.Proof.Story, "\n"))
			requireProof(t, oneKeyOf(h, h.Ops[read].Key, result.Proof), history.Nil, result.Proof, "")
			if swaps == 0 {
				require.Contains(t, indexes, old)
				require.Contains(t, result.Summary, "was overwritten by")
			}
		}
	}
}

func proofIndexes(p *Proof) []int {
	var indexes []int
	for _, op := range p.Operations {
		indexes = append(indexes, op.Index)
	}
	return indexes
}

// oneKeyOf keeps one key and moves the proof's indexes along.
func oneKeyOf(h *history.History, key history.Key, proof *Proof) *history.History {
	one := *h
	one.Ops = nil
	for i := range h.Ops {
		if h.Ops[i].Key != key {
			continue
		}
		for j := range proof.Operations {
			if proof.Operations[j].Index == i {
				proof.Operations[j].Index = len(one.Ops)
			}
		}
		one.Ops = append(one.Ops, h.Ops[i])
	}
	return &one
}

// One violation of each kind, planted in a large history, is found as what it is.
func TestPlantedViolationsAreNamedAsWhatTheyAre(t *testing.T) {
	last := func(h *history.History) int64 { return h.Ops[len(h.Ops)-1].Call }
	extra := func(kind history.Kind, value, expect, result history.Value) history.Op {
		return history.Op{Kind: kind, Value: value, Expect: expect, Result: result, Outcome: history.OK, Process: 1 << 20}
	}
	answered := func(h *history.History, kind history.Kind) *history.Op {
		for i := 6_000; ; i++ {
			if op := &h.Ops[i]; op.Kind == kind && op.Outcome == history.OK && !op.Mismatch {
				return op
			}
		}
	}
	cases := []struct {
		name, story string
		plant       func(h *history.History) (expected []int)
	}{
		{"garbage", "Nobody ever tried to store 7777777", func(h *history.History) []int {
			answered(h, history.Read).Result = 7777777
			return nil
		}},
		{"a lost acknowledged write", "was overwritten by", func(h *history.History) []int {
			// Two answered reads of the value before an acknowledged write, long after it.
			read, _, _ := synthetic.PlantStaleRead(h, 4_000)
			return []int{read}
		}},
		{"a write that failed and was seen", "was told at", func(h *history.History) []int {
			for i := range h.Ops {
				w := &h.Ops[i]
				if w.Kind != history.Write || w.Outcome != history.OK {
					continue
				}
				for j := i; j < len(h.Ops); j++ {
					if r := &h.Ops[j]; r.Kind == history.Read && r.Result == w.Value && r.Outcome == history.OK {
						w.Outcome = history.Fail
						return nil
					}
				}
			}
			return nil
		}},
		{"the initial value again", "held nil at the start", func(h *history.History) []int {
			answered(h, history.Read).Result = history.Nil
			return nil
		}},
		{"two swaps of one value", "Both took", func(h *history.History) []int {
			s := answered(h, history.CAS)
			op := extra(history.CAS, 8888888, s.Expect, history.None)
			op.Key, op.Call, op.Return = s.Key, s.Call, s.Return
			h.Ops = append(h.Ops, op)
			return nil
		}},
		{"a refusal that contradicts itself", "The one answer says", func(h *history.History) []int {
			op := extra(history.CAS, 9999999, 5, 5)
			op.Mismatch, op.Call, op.Return = true, last(h), last(h)+5
			h.Ops = append(h.Ops, op)
			return nil
		}},
		{"a read from the future", "before anybody had begun to store it", func(h *history.History) []int {
			w := answered(h, history.Write)
			op := extra(history.Read, history.None, history.None, w.Value)
			op.Key, op.Call, op.Return = w.Key, w.Call-50, w.Call-20
			h.Ops = append(h.Ops, op)
			return nil
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := load{operations: 10_000, keys: 2, clients: 10, unknown: 0.05, swaps: 0.3}.history(rand.New(rand.NewPCG(9, 9)))
			require.Equal(t, Pass, judgeLinearizable(t, h).Verdict)
			expected := c.plant(h)
			slices.SortStableFunc(h.Ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
			result := judgeLinearizable(t, h)
			require.Equal(t, Violation, result.Verdict, result.Summary)
			require.Contains(t, strings.Join(result.Proof.Story, "\n"), c.story)
			require.LessOrEqual(t, len(result.Proof.Operations), 6)
			for _, i := range expected {
				require.Contains(t, proofIndexes(result.Proof), i)
			}
			t.Logf("%s", strings.Join(result.Proof.Story, "\n"))
		})
	}
}

// A part of a legal history, weakened as it is for a proof, is legal: so a part
// that is not proves that the whole is not.
func TestPartsOfLegalHistoriesAreLegal(t *testing.T) {
	count := differentialCount(t)
	draw := rand.New(rand.NewPCG(41, 42))
	parts, smaller := 0, 0
	for n := range count {
		ops, initial := randomHistory(draw, 12, n%2 == 0, n%3 == 0)
		if legal, err := model.BruteForce(initial, ops); err != nil || !legal {
			continue
		}
		p := newProver(&keyOps{h: oneKey(ops, initial), initial: initial, index: upTo(len(ops))}, nil)
		for range 4 {
			set := slices.DeleteFunc(upTo(len(ops)), func(int32) bool { return draw.IntN(3) == 0 })
			alone := p.alone(set)
			legal, err := model.BruteForce(initial, alone)
			require.NoError(t, err)
			require.True(t, legal, "history %d, part %v:\n%s", n, set, listing(ops, initial))
			parts++
			if len(set) < len(ops) && len(alone) > 2 {
				smaller++
			}
		}
	}
	t.Logf("%d parts, %d of them neither everything nor next to nothing", parts, smaller)
	require.Greater(t, smaller, count/2)
}

// w(2)     |---|
// w(1)         |---|       the instant 10 is in both: 2 may come after 1
// cas(1→3)           |--|  refused, because of 2
func TestPartWithoutTheReasonOfARefusal(t *testing.T) {
	h := history.NewBuilder(history.Header{}).Write(1, "x", 2, 0, 10).Write(2, "x", 1, 10, 20).
		Refuse(3, "x", 1, 3, history.None, 21, 25).History()
	p := newProver(&keyOps{h: h, initial: history.Nil, index: upTo(3)}, nil)
	legal, err := model.BruteForce(history.Nil, p.alone([]int32{1, 2}))
	require.NoError(t, err)
	require.True(t, legal, "the refusal must be left out with what explains it")
	require.Len(t, p.alone([]int32{0, 1, 2}), 3)
}

// What must not change a verdict, applied to random small histories.
func TestMetamorphic(t *testing.T) {
	count := differentialCount(t) / 10
	draw := rand.New(rand.NewPCG(11, 12))
	rename := func(v history.Value) history.Value {
		if v.IsInt() {
			return v*1000 + 5
		}
		return v
	}
	changes := map[string]func(h *history.History){
		"shifted in time": func(h *history.History) {
			for i := range h.Ops {
				h.Ops[i].Call += 5_000_000_000
				if h.Ops[i].Return != history.Open {
					h.Ops[i].Return += 5_000_000_000
				}
			}
		},
		"values renamed": func(h *history.History) {
			for i := range h.Ops {
				op := &h.Ops[i]
				op.Value, op.Expect, op.Result = rename(op.Value), rename(op.Expect), rename(op.Result)
			}
			if n, is := h.Header.Initial.(int64); is {
				h.Header.Initial = int64(rename(history.Value(n)))
			}
		},
		"failed operations left out": func(h *history.History) {
			h.Ops = slices.DeleteFunc(h.Ops, func(op history.Op) bool { return op.Outcome == history.Fail })
		},
		"beside a legal key": func(h *history.History) {
			h.Keys = append(h.Keys, "other")
			w := history.Op{Kind: history.Write, Key: 1, Value: 1, Expect: history.None, Result: history.None, Outcome: history.OK, Process: 100}
			r := history.Op{Kind: history.Read, Key: 1, Value: history.None, Expect: history.None, Result: 1, Outcome: history.OK, Process: 101}
			h.Ops = slices.Insert(h.Ops, 0, w, r)
		},
		"with an unknown write that nobody sees": func(h *history.History) {
			h.Ops = append(h.Ops, history.Op{Kind: history.Write, Value: 123456, Expect: history.None, Result: history.None,
				Process: 100, Call: h.Ops[len(h.Ops)-1].Call, Return: history.Open})
		},
	}
	judged := map[Verdict]int{}
	for n := range count {
		ops, initial := randomHistory(draw, 12, false, false)
		before := judgeLinearizable(t, oneKey(ops, initial)).Verdict
		judged[before]++
		if before == Inconclusive {
			continue
		}
		for name, change := range changes {
			h := oneKey(ops, initial)
			change(h)
			require.Equal(t, before, judgeLinearizable(t, h).Verdict, "%s, history %d:\n%s", name, n, listing(ops, initial))
		}
	}
	t.Logf("%d histories, %d changes each: %v", count, len(changes), judged)
	require.Greater(t, judged[Violation], count/10)
	require.Greater(t, judged[Pass], count/10)
}

// Keys are judged apart: the whole is legal if and only if each key alone is.
func TestSplittingByKeyKeepsTheVerdict(t *testing.T) {
	draw := rand.New(rand.NewPCG(13, 14))
	for seed := range uint64(20) {
		h := load{operations: 600, keys: 3, clients: 8, unknown: 0.05, swaps: 0.2}.history(rand.New(rand.NewPCG(seed, 15)))
		if seed%2 == 0 {
			synthetic.PlantStaleRead(h, draw.IntN(300)+100)
		}
		whole, worst := judgeLinearizable(t, h), Pass
		for key := range h.Keys {
			one := *h
			one.Ops = slices.DeleteFunc(slices.Clone(h.Ops), func(op history.Op) bool { return int(op.Key) != key })
			worst = max(worst, judgeLinearizable(t, &one).Verdict)
		}
		require.Equal(t, whole.Verdict, worst)
		require.Equal(t, float64(3), whole.Figures["keys"])
	}
}

func TestZonesAreSortedWhateverTheirOrder(t *testing.T) {
	draw := rand.New(rand.NewPCG(51, 52))
	for _, size := range []int{0, 1, 2, 10, 1000} {
		for name, f := range map[string]func(i int) int64{
			"in order": func(i int) int64 { return int64(i) },
			"reversed": func(i int) int64 { return int64(-i) },
			"random":   func(int) int64 { return draw.Int64N(100) },
		} {
			list := make([]zone, size)
			for i := range list {
				list[i] = zone{f: f(i), root: int32(i)}
			}
			sortZones(list)
			require.True(t, slices.IsSortedFunc(list, func(a, b zone) int { return cmp.Compare(a.f, b.f) }), "%d %s", size, name)
			slices.SortFunc(list, func(a, b zone) int { return cmp.Compare(a.root, b.root) })
			for i := range list {
				require.Equal(t, int32(i), list[i].root, "%d %s: one is lost", size, name)
			}
		}
	}
}
