package model

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/harness/history"
)

// proofOf makes an object of the operations that an explanation shows, as it shows them.
func proofOf(o *Object, told Explanation) *Object {
	part := o.with(nil, nil)
	for _, place := range told.Places {
		for at := range o.Ops { // a drain is several
			if o.Index[at] != o.Index[place] {
				continue
			}
			part.Ops, part.Index = append(part.Ops, o.Ops[at]), append(part.Index, o.Index[at])
		}
	}
	if told.Values != nil {
		part = part.without(func(v history.Value) bool { return !slices.Contains(told.Values, v) })
	}
	for i, place := range told.Places {
		for at := range part.Ops {
			if told.Forgotten[i] && part.Index[at] == o.Index[place] {
				part.Ops[at] = forgotten(part.Ops[at])
			}
		}
	}
	return part
}

// judgedAgain judges an object in a run of its own: by trying every order where it is
// small.
func judgedAgain(t *testing.T, m Model, o *Object) (legal bool) {
	if len(o.Ops) <= bruteUpTo {
		legal, err := m.BruteForce(o)
		require.NoError(t, err)
		return legal
	}
	answer := m.Judge(context.Background(), o, frontier.Limits{Deadline: time.Now().Add(time.Minute), Bytes: 1 << 30})
	require.NotEqual(t, frontier.Undecided, answer.Verdict, answer.Reason)
	return answer.Verdict == frontier.Legal
}

// What an explanation shows is a violation by itself, and needs all that it shows:
// whatever is left out of what answers say, there is an order. Where it begins with
// states that others left, all that was called up to the refuted answer is one.
func TestProofsAreViolationsThemselves(t *testing.T) {
	for number, c := range randomCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			draw := rand.New(rand.NewPCG(uint64(number), 17))
			whole, begun := 0, 0
			for range max(20, differentialCount(t)/100) {
				w, first := c.world(draw)
				work := newWorkload(draw, w, 2+draw.IntN(3))
				work.unknown = 0.04
				work.simulate([]int{8, 18, 60, 250}[draw.IntN(4)])
				for range 1 + draw.IntN(2) {
					work.mutate()
				}
				o := Objects(work.h, c.model, first)[0]
				limits := frontier.Limits{Deadline: time.Now().Add(time.Second), Bytes: 1 << 30}
				if c.model.Judge(context.Background(), o, limits).Verdict != frontier.Illegal {
					continue
				}
				limits.Deadline = time.Now().Add(20 * time.Second)
				told, ok := c.model.Explain(context.Background(), o, limits)
				require.True(t, ok)
				if told.Whole {
					continue // there was no time
				}
				if told.Before > 0 || told.Open > 0 || told.Why != "" {
					begun++
					end := o.Ops[told.Refuted].Return
					require.NotEqual(t, history.Open, end)
					cut := o.until(end, func(op Op) bool { return op.Kind == history.Read || op.Kind == history.ReadList })
					require.False(t, judgedAgain(t, c.model, cut), "%+v\n%s", told, listing(o))
					continue
				}
				whole++
				proof := proofOf(o, told)
				require.False(t, judgedAgain(t, c.model, proof), "%+v\n%s", told, listing(o))
				for i := range proof.Ops {
					if op := &proof.Ops[i]; op.Outcome != history.OK || op.Kind == history.Dequeue {
						continue
					}
					ops := slices.Clone(proof.Ops)
					ops[i] = forgotten(ops[i])
					require.True(t, judgedAgain(t, c.model, proof.with(ops, proof.Index)), "%d is not needed: %+v\n%s", i, told, listing(proof))
				}
			}
			t.Logf("%d proofs by operations alone, %d that begin with states", whole, begun)
			require.NotZero(t, whole+begun)
		})
	}
}
