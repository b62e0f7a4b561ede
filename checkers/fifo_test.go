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

// queueCase judges a hand-made history.
func queueCase(b *history.Builder, ordered bool) (queueAnswer, *Proof) {
	var q queueJudge
	answer := q.decide(b.History(), nil, ordered)
	if answer.flaw == queueFlawless {
		return answer, nil
	}
	return answer, q.prove(answer)
}

func unknownOp(b *history.Builder, process int32, kind history.Kind, value history.Value, call int64) {
	b.Op(process, kind, "q", value, history.None, history.None, history.Info, call, 0)
}

func TestQueueCases(t *testing.T) {
	const nothing = history.Nil
	cases := []struct {
		name      string
		make      func(b *history.Builder)
		fifo, bag queueFlaw
		story     string // the last line
	}{
		{"nothing at all", func(*history.Builder) {}, queueFlawless, queueFlawless, ""},
		{"in and out", func(b *history.Builder) { b.Enqueue(1, "q", 5, 10, 20).Dequeue(2, "q", 5, 30, 40) }, queueFlawless, queueFlawless, ""},
		{"garbage", func(b *history.Builder) { b.Dequeue(2, "q", 5, 30, 40) }, queueGarbage, queueGarbage,
			"Nobody ever tried to enqueue 5 in q, and it was taken."},
		{"failed and taken", func(b *history.Builder) {
			b.Op(1, history.Enqueue, "q", 5, history.None, history.None, history.Fail, 10, 20).Dequeue(2, "q", 5, 30, 40)
		}, queueGarbage, queueGarbage, "Nobody else ever tried to enqueue 5 in q, and it was taken."},
		{"early", func(b *history.Builder) { b.Dequeue(2, "q", 5, 10, 20).Enqueue(1, "q", 5, 30, 40) }, queueEarly, queueEarly,
			"5 was taken before anybody had begun to enqueue it: p2's dequeue of 5 had returned at 0.000000020 s, before p1's enqueue of 5 was called at 0.000000030 s."},
		{"at the very instant", func(b *history.Builder) { b.Dequeue(2, "q", 5, 10, 20).Enqueue(1, "q", 5, 20, 30) }, queueFlawless, queueFlawless, ""},
		{"twice", func(b *history.Builder) {
			b.Enqueue(1, "q", 5, 10, 20).Dequeue(2, "q", 5, 30, 40).Dequeue(3, "q", 5, 30, 40)
		}, queueTwice, queueTwice,
			"5 was enqueued once at most, and taken 2 times."},
		{"overtaken", func(b *history.Builder) {
			b.Enqueue(1, "q", 5, 10, 20).Enqueue(1, "q", 6, 30, 40).Dequeue(2, "q", 6, 50, 60).Dequeue(2, "q", 5, 70, 80)
		}, queueOvertaken, queueFlawless, "Yet 6 was taken before 5, and what goes in first must come out first: p2's dequeue of 6 had returned at 0.000000060 s, before p2's dequeue of 5 was called at 0.000000070 s."},
		{"overtaken, and the dequeues overlap", func(b *history.Builder) {
			b.Enqueue(1, "q", 5, 10, 20).Enqueue(1, "q", 6, 30, 40).Dequeue(2, "q", 6, 50, 60).Dequeue(3, "q", 5, 60, 80)
		}, queueFlawless, queueFlawless, ""},
		{"skipped", func(b *history.Builder) {
			b.Enqueue(1, "q", 5, 10, 20).Enqueue(1, "q", 6, 30, 40).Dequeue(2, "q", 6, 50, 60)
		}, queueSkipped, queueFlawless, "Yet 6 was taken at 0.000000060 s, and 5 never was, though what goes in first must come out first: nobody was told 5, and no dequeue of unknown outcome had been called by then."},
		{"skipped, and somebody may have taken it", func(b *history.Builder) {
			b.Enqueue(1, "q", 5, 10, 20).Enqueue(1, "q", 6, 30, 40).Dequeue(2, "q", 6, 50, 60)
			unknownOp(b, 3, history.Dequeue, history.None, 60)
		}, queueFlawless, queueFlawless, ""},
		{"skipped, and the one who may have taken it came too late", func(b *history.Builder) {
			b.Enqueue(1, "q", 5, 10, 20).Enqueue(1, "q", 6, 30, 40).Dequeue(2, "q", 6, 50, 60)
			unknownOp(b, 3, history.Dequeue, history.None, 61)
		}, queueSkipped, queueFlawless, ""},
		{"two skipped, and one may have been taken", func(b *history.Builder) {
			b.Enqueue(1, "q", 4, 0, 5).Enqueue(1, "q", 5, 10, 20).Enqueue(1, "q", 6, 30, 40).Dequeue(2, "q", 6, 50, 60)
			unknownOp(b, 3, history.Dequeue, history.None, 5)
		}, queueSkipped, queueFlawless, "By 0.000000060 s, when p2's dequeue of 6 returned, only 1 dequeue of unknown outcome had been called, which may have taken one element each."},
		{"many skipped, and a drain may have taken them", func(b *history.Builder) {
			b.Enqueue(1, "q", 4, 0, 5).Enqueue(1, "q", 5, 10, 20).Enqueue(1, "q", 6, 30, 40).Dequeue(2, "q", 6, 50, 60)
			unknownOp(b, 3, history.Drain, history.None, 5)
		}, queueFlawless, queueFlawless, ""},
		{"an unknown enqueue that nobody saw", func(b *history.Builder) {
			unknownOp(b, 3, history.Enqueue, 5, 10)
			b.Enqueue(1, "q", 6, 30, 40).Dequeue(2, "q", 6, 50, 60).Dequeue(2, "q", nothing, 70, 80)
		}, queueFlawless, queueFlawless, ""},
		{"an unknown enqueue late", func(b *history.Builder) {
			unknownOp(b, 3, history.Enqueue, 5, 10)
			b.Enqueue(1, "q", 6, 30, 40).Dequeue(2, "q", 6, 50, 60).Dequeue(2, "q", nothing, 70, 80).Dequeue(2, "q", 5, 90, 95)
		}, queueFlawless, queueFlawless, ""},
		{"a drain in order", func(b *history.Builder) {
			b.Enqueue(1, "q", 5, 10, 20).Enqueue(1, "q", 6, 30, 40).Drain(2, "q", []history.Value{5, 6}, 50, 60).Dequeue(2, "q", nothing, 70, 80)
		}, queueFlawless, queueFlawless, ""},
		{"a drain out of order", func(b *history.Builder) {
			b.Enqueue(1, "q", 5, 10, 20).Enqueue(1, "q", 6, 30, 40).Drain(2, "q", []history.Value{6, 5}, 50, 60)
		}, queueDrainOrder, queueFlawless, "Yet p2's drain took 6 before 5, and what goes in first must come out first."},
		{"a drain is not atomic", func(b *history.Builder) {
			b.Enqueue(1, "q", 5, 10, 20).Drain(2, "q", []history.Value{5, 6}, 30, 60).Dequeue(3, "q", nothing, 35, 40).Enqueue(1, "q", 6, 45, 50)
		}, queueFlawless, queueFlawless, ""},
		{"a drain that leaves something", func(b *history.Builder) {
			b.Enqueue(1, "q", 5, 10, 20).Enqueue(1, "q", 6, 10, 20).Drain(2, "q", []history.Value{5}, 30, 60).Dequeue(3, "q", 6, 70, 80)
		}, queueFlawless, queueFlawless, ""},
		{"not empty", func(b *history.Builder) {
			b.Enqueue(1, "q", 5, 10, 20).Dequeue(2, "q", nothing, 30, 40).Dequeue(2, "q", 5, 50, 60)
		}, queueNotEmpty, queueNotEmpty, "So q was never empty between 0.000000030 s and 0.000000040 s, and p2 was told that it was."},
		{"not empty, by two in turn", func(b *history.Builder) {
			b.Enqueue(1, "q", 5, 10, 20).Dequeue(3, "q", nothing, 30, 70).Enqueue(1, "q", 6, 35, 45).Dequeue(2, "q", 5, 50, 60).Dequeue(2, "q", 6, 80, 90)
		}, queueNotEmpty, queueNotEmpty, "So q was never empty between 0.000000030 s and 0.000000070 s, and p3 was told that it was."},
		{"empty for one instant", func(b *history.Builder) {
			b.Enqueue(1, "q", 5, 10, 20).Dequeue(3, "q", nothing, 30, 70).Enqueue(1, "q", 6, 35, 50).Dequeue(2, "q", 5, 50, 60).Dequeue(2, "q", 6, 80, 90)
		}, queueFlawless, queueFlawless, ""},
		{"empty, and somebody may have taken it", func(b *history.Builder) {
			b.Enqueue(1, "q", 5, 10, 20).Dequeue(2, "q", nothing, 30, 40)
			unknownOp(b, 3, history.Dequeue, history.None, 40)
		}, queueFlawless, queueFlawless, ""},
		{"empty, and nobody ever took it", func(b *history.Builder) {
			b.Enqueue(1, "q", 5, 10, 20).Dequeue(2, "q", nothing, 30, 40)
		}, queueNotEmpty, queueNotEmpty, ""},
		{"a drain waits for what it took first", func(b *history.Builder) {
			b.Enqueue(1, "q", 5, 0, 1).Drain(2, "q", []history.Value{6, 5}, 5, 60).Dequeue(3, "q", nothing, 10, 20).Enqueue(1, "q", 6, 30, 40)
		}, queueDrainOrder, queueNotEmpty, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := history.NewBuilder(history.Header{})
			c.make(b)
			answer, proof := queueCase(b, true)
			require.True(t, answer.exact)
			require.Equal(t, c.fifo, answer.flaw)
			if proof != nil && c.story != "" {
				require.Equal(t, c.story, proof.Story[len(proof.Story)-1])
			}
			if proof != nil {
				t.Logf("%d operations: %q", len(proof.Operations), proof.Story)
			}
			answer, _ = queueCase(b, false)
			require.True(t, answer.exact)
			require.Equal(t, c.bag, answer.flaw)
		})
	}
}
