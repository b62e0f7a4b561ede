package checkers

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQueuesAgreeWithBruteForce(t *testing.T) {
	for _, bag := range []bool{false, true} {
		t.Run(map[bool]string{false: "fifo", true: "bag"}[bag], func(t *testing.T) {
			count := differentialCount(t)
			draw := rand.New(rand.NewPCG(11, 12))
			var q queueJudge
			violations, passes, undecided, flaws := 0, 0, 0, map[queueFlaw]int{}
			for n := range count {
				vague := n%5 == 0
				h := randomQueueHistory(draw, 10, bag, vague)
				legal := bruteQueue(h, bag)
				answer := q.decide(h, nil, !bag)
				flaws[answer.flaw]++
				switch {
				case answer.flaw != queueFlawless:
					violations++
					require.False(t, legal, "false alarm, flaw %d, history %d:\n%s", answer.flaw, n, listingOf(h))
				case answer.exact:
					passes++
					require.True(t, legal, "missed violation, history %d:\n%s", n, listingOf(h))
				default:
					undecided++
					require.True(t, vague, "undecided, history %d:\n%s", n, listingOf(h))
				}
			}
			t.Logf("%d histories: %d violations, %d legal, %d undecided (%.1f %%; none where values are unique), no disagreement; flaws %v",
				count, violations, passes, undecided, 100*float64(undecided)/float64(count), flaws)
			require.Greater(t, violations, count/8)
			require.Greater(t, passes, count/5)
			for f := queueGarbage; f <= queueNotEmpty; f++ {
				if !bag || f < queueOvertaken || f > queueDrainOrder {
					require.NotZero(t, flaws[f], "no history showed flaw %d", f)
				}
			}
		})
	}
}
