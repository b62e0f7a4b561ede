package checkers

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
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
	}
	t.Logf("%d histories: %d violations, %d legal, none undecided, no disagreement; flaws %v", count, violations, passes, flaws)
	require.Greater(t, violations, count/5)
	require.Greater(t, passes, count/5)
	for f := setGarbage; f <= setOvertaken; f++ {
		require.NotZero(t, flaws[f], "no history showed flaw %d", f)
	}
}
