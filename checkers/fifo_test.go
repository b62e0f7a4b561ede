package checkers

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

func TestQueuesAgreeWithBruteForce(t *testing.T) {
	for _, bag := range []bool{false, true} {
		t.Run(map[bool]string{false: "fifo", true: "bag"}[bag], func(t *testing.T) {
			count := differentialCount(t)
			draw := rand.New(rand.NewPCG(11, 12))
			var q queueJudge
			violations, passes, undecided, flaws := 0, 0, 0, map[queueFlaw]int{}
			sizes := map[int]int{}
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
					requireQueueProof(t, h, bag, answer.flaw, q.prove(answer), sizes)
				case answer.exact:
					passes++
					require.True(t, legal, "missed violation, history %d:\n%s", n, listingOf(h))
				default:
					undecided++
					require.True(t, vague, "undecided, history %d:\n%s", n, listingOf(h))
				}
			}
			t.Logf("%d histories: %d violations, %d legal, %d undecided (%.1f %%; none where values are unique), no disagreement; flaws %v; proofs by number of operations %v",
				count, violations, passes, undecided, 100*float64(undecided)/float64(count), flaws, sizes)
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

// requireQueueProof judges a proof's operations by brute force, with what drains took
// of other elements left out.
func requireQueueProof(t *testing.T, h *history.History, bag bool, flaw queueFlaw, proof *Proof, sizes map[int]int) {
	t.Helper()
	require.NotEmpty(t, proof.Story)
	sizes[len(proof.Operations)]++
	part := &history.History{Keys: h.Keys}
	enqueued := map[history.Value]bool{}
	for i, op := range proof.Operations {
		require.Equal(t, h.Describe(op.Index), op.Text)
		if i > 0 {
			require.LessOrEqual(t, proof.Operations[i-1].Call, op.Call)
		}
		if o := h.Ops[op.Index]; o.Kind == history.Enqueue {
			enqueued[o.Value] = true
		}
	}
	for _, op := range proof.Operations {
		o := h.Ops[op.Index]
		if list := slices.Clone(h.List(&o)); o.Kind == history.Drain && o.Outcome == history.OK {
			relist(part, &o, slices.DeleteFunc(list, func(v history.Value) bool { return flaw != queueGarbage && !enqueued[v] }))
		}
		part.Ops = append(part.Ops, o)
	}
	require.False(t, bruteQueue(part, bag), "the proof of flaw %d proves nothing: %q\n%s", flaw, proof.Story, listingOf(h))
}
