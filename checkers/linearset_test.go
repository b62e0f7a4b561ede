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

func TestSetCases(t *testing.T) {
	list := func(elements ...history.Value) []history.Value { return elements }
	unknown := func(b *history.Builder, v history.Value, call int64) *history.Builder {
		return b.Op(int32(100+v), history.Append, "s", v, history.None, history.None, history.Info, call, 0)
	}
	cases := []struct {
		name  string
		make  func(b *history.Builder)
		flaw  setFlaw
		story string // the last line
	}{
		{"nothing at all", func(*history.Builder) {}, setFlawless, ""},
		{"there and read", func(b *history.Builder) { b.Append(1, "s", 1, 10, 20).List(2, "s", list(1), 30, 40) }, setFlawless, ""},
		{"garbage", func(b *history.Builder) { b.List(2, "s", list(1), 30, 40) }, setGarbage, "Nobody ever tried to append 1 to s."},
		{"twice", func(b *history.Builder) { b.Append(1, "s", 1, 10, 20).List(2, "s", list(1, 1), 30, 40) }, setTwice, "A set holds an element once: 1 can't be in it twice."},
		{"twice, appended twice", func(b *history.Builder) {
			b.Append(1, "s", 1, 10, 20).Append(1, "s", 1, 21, 25).List(2, "s", list(1, 1), 30, 40)
		}, setTwice, ""},
		{"early", func(b *history.Builder) { b.List(2, "s", list(1), 10, 20).Append(1, "s", 1, 21, 30) }, setEarly, ""},
		{"at the very instant", func(b *history.Builder) {
			b.List(2, "s", list(1), 10, 20).Append(1, "s", 1, 20, 30).List(2, "s", nil, 20, 30)
		}, setFlawless, ""},
		{"missed", func(b *history.Builder) { b.Append(1, "s", 1, 10, 20).List(2, "s", nil, 21, 40) }, setMissed, ""},
		{"missed, acknowledged by the second to append it", func(b *history.Builder) {
			b.Append(1, "s", 1, 10, 90).Append(2, "s", 1, 11, 20).List(2, "s", nil, 21, 40)
		}, setMissed, ""},
		{"read, and then not", func(b *history.Builder) {
			unknown(b, 1, 0).List(2, "s", list(1), 10, 20).List(3, "s", nil, 21, 30)
		}, setBack, ""},
		{"an unknown append late", func(b *history.Builder) {
			unknown(b, 1, 0).List(2, "s", nil, 10, 20).List(3, "s", list(1), 20, 30)
		}, setFlawless, ""},
		{"crossed", func(b *history.Builder) {
			b.Append(1, "s", 1, 0, 90).Append(2, "s", 2, 0, 90).List(3, "s", list(1), 10, 50).List(4, "s", list(2), 10, 50)
		}, setCrossed, "Nothing takes elements away: whichever read came first, the other one must hold all that it held."},
		{"not crossed", func(b *history.Builder) {
			b.Append(1, "s", 1, 0, 90).Append(2, "s", 2, 0, 90).List(3, "s", list(1), 10, 50).List(4, "s", list(2, 1), 10, 50)
		}, setFlawless, ""},
		{"overtaken", func(b *history.Builder) {
			b.List(3, "s", list(1), 0, 90).Append(1, "s", 2, 10, 20).Append(1, "s", 1, 30, 40)
		}, setOvertaken, "Yet p3's read holds 1 and lacks 2, and nothing takes elements away."},
		{"a node's own copy says nothing", func(b *history.Builder) {
			b.Append(1, "s", 1, 10, 20).LocalList(3, "s", list(7, 7), 30, 40)
		}, setFlawless, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := history.NewBuilder(history.Header{})
			c.make(b)
			var s setJudge
			answer := s.decide(b.History(), nil, nil)
			require.True(t, answer.exact)
			require.Equal(t, c.flaw, answer.flaw)
			if c.story != "" {
				proof := s.prove(answer)
				require.Equal(t, c.story, proof.Story[len(proof.Story)-1])
			}
		})
	}
}
