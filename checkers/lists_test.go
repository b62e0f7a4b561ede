package checkers

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

func judgeWith(t *testing.T, c Checker, h *history.History) Result {
	t.Helper()
	result := c.Check(context.Background(), Evidence{History: h}, Budget{})
	require.NotEqual(t, Error, result.Verdict, result.Summary)
	require.Equal(t, result.Verdict == Violation, result.Proof != nil, result.Summary)
	return result
}

// proofAlone is a history of a proof's operations and nothing else.
func proofAlone(h *history.History, proof *Proof) *history.History {
	alone := *h
	alone.Ops = nil
	for _, op := range proof.Operations {
		alone.Ops = append(alone.Ops, h.Ops[op.Index])
	}
	return &alone
}

// SetFull counts what brute force counts, and what it proves stands by itself.
func TestSetFullAgreesWithBruteForce(t *testing.T) {
	count := differentialCount(t)
	draw := rand.New(rand.NewPCG(71, 72))
	verdicts, kinds := map[Verdict]int{}, map[string]int{}
	for n := range count {
		h := randomLists(draw)
		require.NoError(t, h.Validate())
		j := newListJudge(h, false)
		want, unknown := map[fate]int{}, map[fate]int{}
		acked, odd, twice := 0, 0, 0
		for _, e := range j.elements() {
			is := j.fate(e)
			if j.acked(e) {
				acked++
				want[is]++
			} else if is != fateCount {
				unknown[is]++
			}
			if j.odd(e) {
				odd++
			}
			if j.twice(e) {
				twice++
			}
		}
		strict := n%2 == 0
		r := judgeWith(t, SetFull{Linearizable: strict}, h)
		for name, n := range map[string]int{
			"acknowledged": acked, "stable": want[stable], "stale": want[stale], "lost": want[lost], "unsettled": want[unsettled],
			"never_read": want[neverRead], "vanished": unknown[lost], "stale_unknown": unknown[stale],
			"unsettled_unknown": unknown[unsettled], "unexpected": odd, "duplicated": twice, "reads": len(j.reads),
			"unknown_seen": unknown[neverRead] + unknown[stale] + unknown[lost] + unknown[unsettled],
		} {
			require.Equal(t, float64(n), r.Figures[name], "%s, history %d:\n%s%s", name, n, listListing(h), r.Summary)
		}
		expected := Pass
		open, missed := want[unsettled]+unknown[unsettled], want[stale]+unknown[stale]
		switch {
		case want[lost]+unknown[lost]+odd+twice > 0 || strict && open+missed > 0:
			expected = Violation
		case acked == 0 || open > 0 || want[neverRead] == acked:
			expected = Inconclusive
		}
		require.Equal(t, expected, r.Verdict, "history %d:\n%s%s", n, listListing(h), r.Summary)
		verdicts[r.Verdict]++
		if r.Verdict == Violation {
			kinds[requireSetProof(t, h, j, r)]++
		}
	}
	t.Logf("%d histories: %v; proofs of %v; no disagreement", count, verdicts, kinds)
	for _, v := range []Verdict{Pass, Violation, Inconclusive} {
		require.Greater(t, verdicts[v], count/20, v.String())
	}
	require.Len(t, kinds, 6, "each kind of finding was proven")
}

// requireSetProof finds the element that a proof is about, judges the proof's
// operations by brute force, and returns what they prove.
func requireSetProof(t *testing.T, h *history.History, whole listJudge, r Result) string {
	t.Helper()
	alone := newListJudge(proofAlone(h, r.Proof), false)
	for _, kind := range []struct {
		name string
		is   func(j listJudge, e elementID) bool
	}{
		{"lost", func(j listJudge, e elementID) bool { return j.acked(e) && j.fate(e) == lost }},
		{"vanished", func(j listJudge, e elementID) bool { return !j.acked(e) && j.fate(e) == lost }},
		{"odd", func(j listJudge, e elementID) bool { return j.odd(e) }},
		{"twice", func(j listJudge, e elementID) bool { return j.twice(e) }},
		{"stale", func(j listJudge, e elementID) bool { return j.fate(e) == stale }},
		{"unsettled", func(j listJudge, e elementID) bool { return j.fate(e) == unsettled }},
	} {
		if !slices.ContainsFunc(whole.elements(), func(e elementID) bool { return kind.is(whole, e) }) {
			continue
		}
		stands := func(e elementID) bool { return kind.is(whole, e) && kind.is(alone, e) }
		require.True(t, slices.ContainsFunc(alone.elements(), stands), "%s: %q\n%s", kind.name, r.Proof.Story, listListing(h))
		require.LessOrEqual(t, len(r.Proof.Operations), 5)
		return kind.name
	}
	require.Fail(t, "nothing is violated", listListing(h))
	return ""
}

// NothingLost counts what brute force counts, and what it proves stands by itself.
func TestNothingLostAgreesWithBruteForce(t *testing.T) {
	count := differentialCount(t)
	draw := rand.New(rand.NewPCG(73, 74))
	verdicts, proofs := map[Verdict]int{}, map[bool]int{}
	for n := range count {
		h := randomLists(draw)
		j := newListJudge(h, true)
		acked, gone, unread, survived, odd := 0, 0, 0, 0, 0
		from, to := history.Open, int64(0)
		for _, e := range j.elements() {
			farewell := j.any(func(r history.Op) bool { return j.farewell(r, e) })
			held := j.any(func(r history.Op) bool { return j.holds(r, e) })
			if j.odd(e) {
				odd++
			}
			if !j.acked(e) {
				if held && !farewell {
					survived++
				}
				continue
			}
			acked++
			switch {
			case farewell:
				gone++
				first := history.Open
				j.appends(e, func(op history.Op) bool {
					if op.Outcome == history.OK {
						first = min(first, op.Return)
					}
					return true
				})
				from, to = min(from, first), max(to, first)
			case !held:
				unread++
			}
		}
		r := judgeWith(t, NothingLost{}, h)
		for name, n := range map[string]int{"acknowledged": acked, "lost": gone, "not_read": unread, "survived_unknown": survived, "unexpected": odd} {
			require.Equal(t, float64(n), r.Figures[name], "%s, history %d:\n%s%s", name, n, listListing(h), r.Summary)
		}
		expected := Pass
		if gone+odd > 0 {
			expected = Violation
		} else if acked == 0 || unread > 0 {
			expected = Inconclusive
		}
		require.Equal(t, expected, r.Verdict, "history %d:\n%s%s", n, listListing(h), r.Summary)
		verdicts[r.Verdict]++
		if gone > 0 {
			load, _ := h.Find(MarkLoad)
			require.InDelta(t, float64(from-load.Time)/1e9, r.Figures["lost_from_s"], 1e-12)
			require.InDelta(t, float64(to-load.Time)/1e9, r.Figures["lost_to_s"], 1e-12)
			require.InDelta(t, float64(to-from)/1e9, r.Figures["window_seconds"], 1e-12)
			alone := judgeWith(t, NothingLost{}, proofAlone(h, r.Proof))
			require.Positive(t, alone.Figures["lost"], "%q\n%s", r.Proof.Story, listListing(h))
		}
		if r.Verdict == Violation {
			proofs[gone > 0]++
			require.LessOrEqual(t, len(r.Proof.Operations), 8)
		}
	}
	t.Logf("%d histories: %v; with losses %d, with intruders only %d; no disagreement", count, verdicts, proofs[true], proofs[false])
	for _, v := range []Verdict{Pass, Violation, Inconclusive} {
		require.Greater(t, verdicts[v], count/30, v.String())
	}
	require.Greater(t, proofs[true], count/50)
	require.Greater(t, proofs[false], count/100)
}

// What must not change what the judges of lists say.
func TestListMetamorphic(t *testing.T) {
	count := differentialCount(t) / 10
	draw := rand.New(rand.NewPCG(75, 76))
	eachList := func(h *history.History, change func(list []history.Value)) {
		for i := range h.Ops {
			change(h.List(&h.Ops[i]))
		}
	}
	changes := map[string]func(h *history.History){
		"shifted in time": func(h *history.History) {
			for i := range h.Ops {
				h.Ops[i].Call += 5_000_000_000
				if h.Ops[i].Return != history.Open {
					h.Ops[i].Return += 5_000_000_000
				}
			}
			for i := range h.Marks {
				h.Marks[i].Time += 5_000_000_000
			}
			if _, found := h.Find(MarkLoad); !found { // what the window counts from
				h.Marks = append(h.Marks, history.Mark{Time: 5_000_000_000, Name: MarkLoad})
			}
		},
		"values renamed": func(h *history.History) {
			rename := func(v history.Value) history.Value { return 1<<40 - v*64 }
			for i := range h.Ops {
				if h.Ops[i].Kind == history.Append {
					h.Ops[i].Value = rename(h.Ops[i].Value)
				}
			}
			eachList(h, func(list []history.Value) {
				for i := range list {
					list[i] = rename(list[i])
				}
			})
		},
		"lists in another order": func(h *history.History) { eachList(h, slices.Reverse[[]history.Value]) },
		"keys exchanged": func(h *history.History) {
			h.Keys = append(h.Keys, "another")
			for i := range h.Ops {
				h.Ops[i].Key = history.Key(len(h.Keys)-1) - h.Ops[i].Key
			}
		},
		"failed and unknown reads left out": func(h *history.History) {
			h.Ops = slices.DeleteFunc(h.Ops, func(op history.Op) bool { return op.ReadsList() && op.Outcome != history.OK })
		},
		"with an unknown append that nobody sees": func(h *history.History) {
			h.Ops = append(h.Ops, history.Op{Kind: history.Append, Value: 123456, Expect: history.None, Result: history.None,
				Process: 100, Call: h.Ops[len(h.Ops)-1].Call, Return: history.Open})
		},
	}
	for n := range count {
		h := randomLists(draw)
		for _, c := range []Checker{NothingLost{}, SetFull{}, SetFull{Linearizable: true}} {
			before := judgeWith(t, c, h)
			for name, change := range changes {
				changed := *h
				changed.Ops, changed.Elements, changed.Marks = slices.Clone(h.Ops), slices.Clone(h.Elements), slices.Clone(h.Marks)
				change(&changed)
				after := judgeWith(t, c, &changed)
				require.Equal(t, before.Verdict, after.Verdict, "%s, history %d:\n%s", name, n, listListing(h))
				require.InDeltaMapValues(t, before.Figures, after.Figures, 1e-9, "%s, history %d:\n%s", name, n, listListing(h))
			}
		}
	}
}

// One violation of each kind, planted in a large history, is found as what it is,
// and nothing else is.
func TestPlantedListViolationsAreNamedAsWhatTheyAre(t *testing.T) {
	for _, c := range plantedInLists {
		t.Run(c.name, func(t *testing.T) {
			h := listLoad{appends: 8_000, reads: 300, clients: 10, retire: 100, unknown: 0.02, failed: 0.02, nodes: 3}.history(rand.New(rand.NewPCG(5, 5)))
			for _, judge := range []Checker{NothingLost{}, SetFull{Linearizable: true}} {
				require.Equal(t, Pass, judgeWith(t, judge, h).Verdict)
			}
			planted := c.plant(h)
			slices.SortStableFunc(h.Ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
			full := judgeWith(t, SetFull{Linearizable: true}, h)
			require.Equal(t, Violation, full.Verdict)
			for name, n := range full.Figures {
				if bad := []string{"lost", "stale", "unsettled", "vanished", "stale_unknown", "unsettled_unknown", "unexpected", "duplicated"}; slices.Contains(bad, name) {
					require.Equal(t, c.figures[name], n, "%s: %s", name, full.Summary)
				}
			}
			require.Contains(t, full.Summary, c.says)
			require.Contains(t, full.Summary, elementText(h, planted))
			shown := false
			for _, op := range full.Proof.Operations {
				at := h.Ops[op.Index]
				shown = shown || at.Value == planted || slices.Contains(h.List(&at), planted)
			}
			require.True(t, shown, "%q", full.Proof.Story)
			end := judgeWith(t, NothingLost{}, h)
			require.Equal(t, c.atTheEnd, end.Verdict, end.Summary)
			if c.atTheEnd == Violation {
				require.Contains(t, end.Summary, elementText(h, planted))
			}
			t.Logf("%s\n%q\n%s", full.Summary, full.Proof.Story, end.Summary)
		})
	}
}
