package model

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/harness/history"
)

// differentialCount is how many random histories each differential test judges.
func differentialCount(t *testing.T) int {
	if text := os.Getenv("SEATRIAL_DIFFERENTIAL"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err, "SEATRIAL_DIFFERENTIAL")
		return n
	}
	if os.Getenv("SEATRIAL_SOAK") == "1" {
		return 100_000
	}
	return 4_000
}

// randomObject makes a small history of a world, and its object.
func randomObject(draw *rand.Rand, m Model, w world, first history.Value, most int) *Object {
	work := newWorkload(draw, w, 1+draw.IntN(5))
	work.simulate(2 + draw.IntN(most-1))
	for range []int{0, 1, 2, 3}[draw.IntN(4)] {
		work.mutate()
	}
	if draw.IntN(8) == 0 {
		work.h.Header.InitialUnknown = true
	}
	return Objects(work.h, m, first)[0]
}

// Three judges that share nothing but the specification must agree: the search,
// brute force and porcupine.
func TestSearchAgreesWithBruteForceAndPorcupine(t *testing.T) {
	count := differentialCount(t)
	for number, c := range randomCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			draw := rand.New(rand.NewPCG(uint64(number), 3))
			legals, illegals, undecided := 0, 0, 0
			for n := range count {
				w, first := c.world(draw)
				o := randomObject(draw, c.model, w, first, 11)
				if len(o.Ops) > 16 {
					continue
				}
				legal, err := c.model.BruteForce(o)
				require.NoError(t, err)
				answer := c.model.Judge(context.Background(), o, frontier.Limits{})
				switch answer.Verdict {
				case frontier.Legal:
					legals++
					require.True(t, legal, "missed, history %d:\n%s", n, listing(o))
				case frontier.Illegal:
					illegals++
					require.False(t, legal, "false alarm at %d, history %d:\n%s", answer.At, n, listing(o))
				default:
					undecided++
				}
				if n%2 == 0 {
					model, ops := c.model.Porcupine(o)
					require.Equal(t, legal, porcupine.CheckOperations(model, ops), "porcupine and brute force disagree, history %d:\n%s", n, listing(o))
				}
			}
			t.Logf("%d legal, %d illegal, %d undecided (%.1f %%), no disagreement", legals, illegals, undecided, 100*float64(undecided)/float64(count))
			require.Zero(t, undecided)
			require.Greater(t, legals, count/10)
			require.Greater(t, illegals, count/20)
		})
	}
}
