package checkers

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

func TestSetAgreesWithBruteForce(t *testing.T) {
	count := differentialCount(t)
	draw := rand.New(rand.NewPCG(21, 22))
	var s setJudge
	violations, passes, flaws := 0, 0, map[setFlaw]int{}
	for n := range count {
		h := randomSetHistory(draw, 10, n%4 == 0)
		legal := bruteSet(h)
		answer := s.decide(h, nil, nil)
		require.True(t, answer.exact, "undecided, history %d:\n%s", n, listingOf(h))
		flaws[answer.flaw]++
		if answer.flaw == setFlawless {
			passes++
			require.True(t, legal, "missed violation, history %d:\n%s", n, listingOf(h))
			continue
		}
		violations++
		require.False(t, legal, "false alarm, flaw %d, history %d:\n%s", answer.flaw, n, listingOf(h))
		requireGrowingProof(t, h, answer, s.prove(answer))
	}
	t.Logf("%d histories: %d violations, %d legal, none undecided, no disagreement; flaws %v", count, violations, passes, flaws)
	require.Greater(t, violations, count/5)
	require.Greater(t, passes, count/5)
	for f := setGarbage; f <= setOvertaken; f++ {
		require.NotZero(t, flaws[f], "no history showed flaw %d", f)
	}
}

// requireGrowingProof judges a proof's operations by brute force, as far as they are
// about the elements that the answer names.
func requireGrowingProof(t *testing.T, h *history.History, answer setAnswer, proof *Proof) {
	t.Helper()
	require.LessOrEqual(t, len(proof.Operations), 3)
	part := &history.History{Keys: h.Keys}
	for _, op := range proof.Operations {
		require.Equal(t, h.Describe(op.Index), op.Text)
		o := h.Ops[op.Index]
		if o.Kind == history.ReadList {
			list := slices.DeleteFunc(slices.Clone(h.List(&o)), func(v history.Value) bool {
				return v != answer.a && (v != answer.b || answer.flaw < setCrossed)
			})
			relist(part, &o, list)
		}
		part.Ops = append(part.Ops, o)
	}
	if answer.flaw == setBack || answer.flaw == setCrossed {
		// Nobody's append is named: let there have been one at any time.
		for i, v := range []history.Value{answer.a, answer.b} {
			part.Ops = append(part.Ops, history.Op{Call: 0, Return: history.Open, Kind: history.Append, Value: v, Outcome: history.Info, Process: int32(100 + i)})
		}
	}
	require.False(t, bruteSet(part), "the proof of flaw %d proves nothing: %q\n%s", answer.flaw, proof.Story, listingOf(h))
}
