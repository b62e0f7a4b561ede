package model

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/history/differential"
)

// differentialCount is how many random histories each differential test judges.
func differentialCount(t *testing.T) int { return differential.Count(t, 4_000) }

// randomObject makes a small history of a world, and its object.
func randomObject(draw *rand.Rand, m Model, w world, first history.Value, most int) *Object {
	work := newWorkload(draw, w, 1+draw.IntN(5))
	work.simulate(2 + draw.IntN(most-1))
	for range []int{0, 1, 2, 3}[draw.IntN(4)] {
		work.mutate()
	}
	if draw.IntN(4) == 0 {
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

// Longer histories, in which the search puts changes of unknown outcome off and has to
// go back: against porcupine, with and without what makes the search faster.
func TestSearchAgreesOnLongerHistories(t *testing.T) {
	plain := searchedRegister()
	plain.Reduce, plain.Always = nil, nil // so that unknown ones stay
	fifo := FIFOQueue()
	fifo.Reduce, fifo.Always = nil, nil
	cases := []struct {
		name  string
		model Model
		world func() (world, history.Value)
	}{
		{"register", CASRegister(), func() (world, history.Value) { return &registerWorld{value: 0, repeat: true, vague: true}, 0 }},
		{"register without reductions", plain, func() (world, history.Value) { return &registerWorld{value: 0, repeat: true, vague: true}, 0 }},
		{"queue without reductions", fifo, func() (world, history.Value) { return &queueWorld{repeat: true}, history.Nil }},
		{"counter", Counter(), func() (world, history.Value) { return &counterWorld{}, history.Nil }},
		{"mutex", Mutex(), func() (world, history.Value) { return &lockWorld{}, history.Nil }},
	}
	count := max(60, differentialCount(t)/100)
	for number, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			draw := rand.New(rand.NewPCG(uint64(number), 5))
			verdicts, skipped := map[frontier.Verdict]int{}, 0
			for n := range count {
				w, first := c.world()
				work := newWorkload(draw, w, 2+draw.IntN(3))
				work.unknown = 0.08
				work.simulate(50 + draw.IntN(100))
				for range draw.IntN(4) {
					work.mutate()
				}
				o := Objects(work.h, c.model, first)[0]
				model, ops := c.model.Porcupine(o)
				want := porcupine.CheckOperationsTimeout(model, ops, time.Second)
				answer := c.model.Judge(context.Background(), o, frontier.Limits{Deadline: time.Now().Add(time.Second), Bytes: 1 << 30})
				if want == porcupine.Unknown || answer.Verdict == frontier.Undecided {
					skipped++
					continue
				}
				verdicts[answer.Verdict]++
				require.Equal(t, want == porcupine.Ok, answer.Verdict == frontier.Legal, "history %d:\n%s", n, listing(o))
			}
			t.Logf("%v, %d not decided by both", verdicts, skipped)
			require.NotZero(t, verdicts[frontier.Legal])
			require.NotZero(t, verdicts[frontier.Illegal])
		})
	}
}
