package checkers

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

func judgeRecoveryPoint(c RecoveryPoint, h *history.History) Result {
	return c.Check(context.Background(), Evidence{History: h}, Budget{})
}

func TestRecoveryPointCountsAgainstFaults(t *testing.T) {
	// Appends 1 to 8 are acknowledged at 1 s to 8 s; faults are in force from 2.5 s
	// to 4.5 s and from 6.5 s to 7.5 s.
	build := func(final ...history.Value) *history.Builder {
		b := history.NewBuilder(history.Header{Model: "append-list"})
		for i := int64(1); i <= 8; i++ {
			b.Append(0, "l", history.Value(i), i*1e9-1e8, i*1e9)
		}
		b.Mark(20e9, MarkFinal, "").List(1, "l", final, 21e9, 22e9)
		for step, at := range [][2]int64{{2.5e9, 4.5e9}, {6.5e9, 7.5e9}} {
			b.Fault(history.FaultEvent{Time: at[0], Step: step + 1, Phase: "injected", Fault: "kill n1"})
			b.Fault(history.FaultEvent{Time: at[1], Step: step + 1, Phase: "healed", Fault: "kill n1"})
		}
		return b
	}
	all := judgeRecoveryPoint(RecoveryPoint{}, build(1, 2, 3, 4, 5, 6, 7, 8).History())
	require.Equal(t, Pass, all.Verdict)
	require.Equal(t, "none of 2 faults lost any of 8 acknowledged appends", all.Summary)

	// 2 was acknowledged before the first fault, 3 and 4 during it; 5 to 7 count against
	// the second; 8, after all faults, too.
	h := build(1, 5, 6).History()
	r := judgeRecoveryPoint(RecoveryPoint{}, h)
	require.Equal(t, Pass, r.Verdict, "without a limit it reports")
	require.Equal(t, map[string]float64{"faults": 2, "faults_with_loss": 2, "acknowledged": 8, "lost": 5,
		"lost_operations_max": 3, "lost_seconds_max": 2}, r.Figures)
	require.Equal(t, "2 of 2 faults lost something of 8 acknowledged appends, for each 2 to 3 appends (2 faults: too few for quantiles, the median needs 6); in time, 1 to 2 s (2 faults: too few for quantiles, the median needs 6)", r.Summary)
	require.Equal(t, Pass, judgeRecoveryPoint(RecoveryPoint{Within: 2 * time.Second, Operations: 3}, h).Verdict)
	r = judgeRecoveryPoint(RecoveryPoint{Within: time.Second}, h)
	require.Equal(t, Violation, r.Verdict)
	require.Equal(t, "step 1, kill n1, lost 3 acknowledged appends of a time of 2.000 s: 1s may be lost", r.Summary)
	require.Equal(t, "Step 1, kill n1, was injected at 2.500 s and healed at 4.500 s.", r.Proof.Story[0])
	require.Contains(t, r.Proof.Story, "2 was acknowledged at 2.000 s, and is not among the elements of l at the end.")
	require.Contains(t, r.Proof.Story, "4 was acknowledged at 4.000 s, and is not among the elements of l at the end.")
	r = judgeRecoveryPoint(RecoveryPoint{Operations: 2}, h)
	require.Contains(t, r.Summary, "lost 3 acknowledged appends of a time of 2.000 s: 2 may be lost")

	samples, err := RecoverySamples(context.Background(), h, Budget{})
	require.NoError(t, err)
	require.True(t, samples[1].LossKnown)
	require.Equal(t, 2, samples[1].LostOperations)
	require.Equal(t, time.Second, samples[1].LostWindow)
}

func TestRecoveryPointOfWhatIsNotKnown(t *testing.T) {
	b := history.NewBuilder(history.Header{Model: "append-list"})
	require.Contains(t, judgeRecoveryPoint(RecoveryPoint{}, b.History()).Summary, "no append was acknowledged")
	b.Append(0, "l", 1, 0, 10)
	require.Contains(t, judgeRecoveryPoint(RecoveryPoint{}, b.History()).Summary, "no fault was injected")
	b.Fault(history.FaultEvent{Time: 5, Step: 1, Phase: "injected"})
	r := judgeRecoveryPoint(RecoveryPoint{}, b.History())
	require.Equal(t, Inconclusive, r.Verdict)
	require.Contains(t, r.Summary, `no mark "final"`)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Contains(t, RecoveryPoint{}.Check(ctx, Evidence{History: b.History()}, Budget{}).Summary, "called off")
	require.Equal(t, Error, judgeRecoveryPoint(RecoveryPoint{}, nil).Verdict)
}

// What is lost is what NothingLost finds lost, and each loss is counted against the
// first fault, in the order of injections, that was not healed before it.
func TestRecoveryPointAgreesWithItsDefinition(t *testing.T) {
	count := differentialCount(t)
	draw := rand.New(rand.NewPCG(9, 1))
	verdicts, lossy := map[Verdict]int{}, 0
	for n := range count {
		h := randomLists(draw)
		for step := range draw.IntN(4) {
			at := draw.Int64N(12)
			h.Faults = append(h.Faults, history.FaultEvent{Time: at, Step: step, Phase: "injected"})
			if draw.IntN(5) > 0 {
				h.Faults = append(h.Faults, history.FaultEvent{Time: at + draw.Int64N(6), Step: step, Phase: "healed"})
			}
		}
		c := RecoveryPoint{Within: time.Duration(draw.IntN(5)), Operations: draw.IntN(3)}
		r := judgeRecoveryPoint(c, h)
		verdicts[r.Verdict]++
		lost := NothingLost{}.Check(context.Background(), Evidence{History: h}, Budget{})
		require.Equal(t, lost.Figures["lost"], r.Figures["lost"], listListing(h))
		samples, err := RecoverySamples(context.Background(), h, Budget{})
		require.NoError(t, err)
		acks := lostByDefinition(h)
		require.Len(t, acks, int(lost.Figures["lost"]), listListing(h))
		operations, times := make([]int, len(samples)), make([][]int64, len(samples))
		if len(samples) > 0 {
			for _, at := range acks {
				i := 0
				for i < len(samples)-1 && samples[i].Healed < at {
					i++
				}
				operations[i]++
				times[i] = append(times[i], at)
			}
		}
		over := false
		for i := range samples {
			window := int64(0)
			for _, a := range times[i] {
				for _, b := range times[i] {
					window = max(window, a-b)
				}
			}
			if samples[i].LossKnown {
				require.Equal(t, operations[i], samples[i].LostOperations, listListing(h))
				require.Equal(t, time.Duration(window), samples[i].LostWindow)
				if operations[i] > 0 {
					lossy++
				}
			}
			over = over || c.Within > 0 && window > int64(c.Within) || c.Operations > 0 && operations[i] > c.Operations
		}
		require.Equal(t, over, r.Verdict == Violation, "history %d: %s\n%s", n, r.Summary, listListing(h))
		require.Equal(t, over, r.Proof != nil)
	}
	t.Logf("%d histories, %d faults that lost something: %v, no disagreement", count, lossy, verdicts)
	require.Greater(t, verdicts[Violation], count/200)
	require.Greater(t, verdicts[Pass], count/20)
	require.Greater(t, verdicts[Inconclusive], count/20)
}

// lostByDefinition lists when the elements were acknowledged that are lost.
func lostByDefinition(h *history.History) []int64 {
	mark, found := h.Find(MarkFinal)
	if !found {
		return nil
	}
	type element struct {
		key   history.Key
		value history.Value
	}
	acks, calls := map[element]int64{}, map[element]int64{}
	for i := range h.Ops {
		o, e := &h.Ops[i], element{h.Ops[i].Key, h.Ops[i].Value}
		if o.Kind != history.Append || o.Outcome == history.Fail {
			continue
		}
		if call, known := calls[e]; !known || o.Call < call {
			calls[e] = o.Call
		}
		if ack, known := acks[e]; o.Outcome == history.OK && (!known || o.Return < ack) {
			acks[e] = o.Return
		}
	}
	var lost []int64
	for e, ack := range acks {
		sure, latest := ack, atStart
		var reads []*history.Op
		for i := range h.Ops {
			o := &h.Ops[i]
			if o.Kind != history.ReadList || o.Outcome != history.OK || o.Key != e.key || o.Call < mark.Time {
				continue
			}
			reads = append(reads, o)
			for _, v := range h.List(o) {
				if v == e.value && calls[e] <= o.Return {
					sure, latest = min(sure, o.Return), max(latest, o.Return)
				}
			}
		}
		for _, o := range reads {
			if o.Call > max(sure, latest) {
				lost = append(lost, ack)
				break
			}
		}
	}
	return lost
}

func TestRecoveryPointFindsAPlantedLoss(t *testing.T) {
	h := listLoad{appends: 100_000, reads: 250, clients: 20, retire: 400, unknown: 0.02, nodes: 3}.history(rand.New(rand.NewPCG(7, 7)))
	end := h.Marks[1].Time
	for step := range int64(4) {
		h.Faults = append(h.Faults, history.FaultEvent{Time: end * step / 4, Step: int(step), Phase: "injected", Fault: "cut"},
			history.FaultEvent{Time: end*step/4 + end/8, Step: int(step), Phase: "healed"})
	}
	require.Equal(t, Pass, judgeRecoveryPoint(RecoveryPoint{Operations: 1}, h).Verdict)
	planted := 0
	for i := len(h.Ops) * 11 / 20; planted < 3; i += 10 { // while the third fault is in force
		if a := h.Ops[i]; a.Kind == history.Append && a.Outcome == history.OK {
			everyRead(h, a.Value, func(r *history.Op) { without(h, r, a.Value) })
			planted++
		}
	}
	r := judgeRecoveryPoint(RecoveryPoint{Operations: 1}, h)
	require.Equal(t, Violation, r.Verdict)
	require.Contains(t, r.Summary, "step 2, cut, lost 3 acknowledged appends")
	require.InDelta(t, 1, r.Figures["faults_with_loss"], 0)
	require.LessOrEqual(t, len(r.Proof.Operations), 4)
}

func BenchmarkRecoveryPoint(b *testing.B) {
	h := listLoad{appends: 1_000_000, reads: 2_500, clients: 50, retire: 400, unknown: 0.02, failed: 0.01, nodes: 3}.history(rand.New(rand.NewPCG(7, 7)))
	h.Faults = []history.FaultEvent{{Time: 5, Step: 1, Phase: "injected"}, {Time: 50, Step: 1, Phase: "healed"}}
	benchmarkChecker(b, RecoveryPoint{}, Evidence{History: h})
}
