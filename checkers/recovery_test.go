package checkers

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// The ranks are those of Le Boudec's tables A.1 and A.3 (95 %).
func TestQuantileRanks(t *testing.T) {
	for _, c := range []struct {
		n, low, high int
		at           float64
		enough       bool
	}{
		{5, 0, 0, 0.5, false}, {6, 1, 6, 0.5, true}, {7, 1, 7, 0.5, true}, {10, 2, 9, 0.5, true}, {20, 6, 15, 0.5, true},
		{58, 0, 0, 0.95, false}, {59, 0, 59, 0.95, true}, {1, 0, 0, 0.5, false}, {0, 0, 0, 0.5, false},
	} {
		low, high, enough := quantileRanks(c.n, c.at)
		require.Equal(t, c.enough, enough, c.n)
		if enough && c.low > 0 {
			require.Equal(t, c.low, low, c.n)
		}
		if enough {
			require.Equal(t, c.high, high, c.n)
		}
	}
	require.Equal(t, 6, samplesNeeded(0.5))
	require.Equal(t, 59, samplesNeeded(0.95))
}

// The intervals hold the true quantile as often as they say.
func TestQuantileIntervalsCover(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 1))
	const rounds = 8000
	for _, c := range []struct {
		n  int
		at float64
	}{{6, 0.5}, {23, 0.5}, {59, 0.95}, {150, 0.95}} {
		inside := 0
		for range rounds {
			var samples []Sample
			for range c.n {
				samples = append(samples, Sample{Value: draw.ExpFloat64()})
			}
			q := EstimateQuantile(samples, c.at)
			require.True(t, q.Known)
			require.True(t, q.Low <= q.Value && q.Value <= q.High)
			if truth := -math.Log(1 - c.at); q.Low <= truth && truth <= q.High {
				inside++
			}
		}
		require.Greater(t, float64(inside)/rounds, Confidence-0.01, c)
	}
}

func TestQuantileSaysWhatItDoesNotKnow(t *testing.T) {
	few := EstimateQuantile([]Sample{{Value: 1}, {Value: 2}}, 0.5)
	require.False(t, few.Known)
	require.Equal(t, "unknown (2 samples: an interval needs 6)", few.Text("s"))
	var samples []Sample
	for i := range 10 {
		samples = append(samples, Sample{float64(i + 1), i >= 8})
	}
	q := EstimateQuantile(samples, 0.5)
	require.Equal(t, "at least 5 s (95 % interval from 2 s on, 10 samples)", q.Text("s"))
	figures := map[string]float64{}
	q.figures(figures, "x_p50", "_s")
	require.Equal(t, map[string]float64{"x_p50_s": 5, "x_p50_low_s": 2}, figures)
}

// faultyLoad draws a small history of operations of two kinds with faults.
func faultyLoad(draw *rand.Rand) *history.History {
	b := history.NewBuilder(history.Header{Run: "r"})
	process, next, now := []int32{0, 1, 2}, int32(3), []int64{0, 0, 0}
	for range 2 + draw.IntN(12) {
		c := draw.IntN(3)
		call := now[c] + draw.Int64N(8)
		ret := call + draw.Int64N(6)
		now[c] = ret
		kind, value, result := history.Read, history.None, history.Value(1)
		if draw.IntN(3) == 0 {
			kind, value, result = history.Write, 1, history.None
		}
		outcome := []history.Outcome{history.OK, history.OK, history.Fail, history.Info}[draw.IntN(4)]
		if outcome != history.OK {
			result = history.None
		}
		b.Op(process[c], kind, "x", value, history.None, result, outcome, call, ret)
		if outcome == history.Info {
			process[c], next = next, next+1
		}
	}
	for p := range next {
		b.Session(history.Session{Process: p, Node: []string{"n1", "n2"}[p%2], Group: []string{"near", ""}[p%2]})
	}
	for step := range draw.IntN(4) {
		at := draw.Int64N(30)
		b.Fault(history.FaultEvent{Time: at, Step: step, Phase: "injected", Fault: "kill"})
		if draw.IntN(5) == 0 {
			b.Fault(history.FaultEvent{Time: at, Step: step, Phase: "no-bite"})
		}
		if draw.IntN(6) > 0 {
			b.Fault(history.FaultEvent{Time: at + draw.Int64N(15), Step: step, Phase: "healed"})
		}
	}
	if draw.IntN(2) == 0 {
		b.Mark(10+draw.Int64N(30), "heal", "")
	}
	return b.History()
}

// gap is an outage by its definition.
type gap struct{ from, to, last int64 }

// gapsByDefinition lists the outages of some operations: between each two acknowledgements
// that follow each other, from when on something was asked for.
func gapsByDefinition(h *history.History, in func(o *history.Op) bool) []gap {
	end := atStart
	for i := range h.Ops {
		if end = max(end, h.Ops[i].Call); h.Ops[i].Outcome != history.Info {
			end = max(end, h.Ops[i].Return)
		}
	}
	limit := history.Open
	if m, found := h.Find("heal"); found {
		end, limit = m.Time, m.Time
	}
	var ops []*history.Op
	acks := []int64{atStart}
	for i := range h.Ops {
		if o := &h.Ops[i]; in(o) && o.Call < limit {
			ops = append(ops, o)
			if o.Outcome == history.OK && o.Return <= end {
				acks = append(acks, o.Return)
			}
		}
	}
	slices.Sort(acks)
	var gaps []gap
	for i, last := range acks {
		to := end
		if i+1 < len(acks) {
			to = acks[i+1]
		}
		from := history.Open
		for _, o := range ops {
			switch goesOn := o.Outcome != history.Info && o.Return > last; {
			case o.Call <= last && goesOn:
				from = last
			case o.Call > last:
				from = min(from, o.Call)
			}
		}
		if from < to {
			gaps = append(gaps, gap{from, to, last})
		}
	}
	return gaps
}

// What each fault had a part in is what the definition says, tried gap by gap.
func TestRecoveryTimeAgreesWithItsDefinition(t *testing.T) {
	count := differentialCount(t)
	draw := rand.New(rand.NewPCG(3, 9))
	verdicts, outages := map[Verdict]int{}, 0
	for n := range count {
		h := faultyLoad(draw)
		samples, err := RecoverySamples(context.Background(), h, Budget{})
		require.NoError(t, err)
		limit := time.Duration(1 + draw.IntN(12))
		over, unknown, complete := false, false, 0
		for _, s := range samples {
			got := map[string]FaultOutage{}
			for _, o := range s.Outages {
				got[o.Kind+" "+o.Node+o.Group] = o
			}
			if !s.NoBite && !s.CutShort {
				complete++
			}
			for _, kind := range []history.Kind{history.Read, history.Write} {
				for _, where := range []string{"", "n1", "n2", "near"} {
					longest, after, asked, last := int64(-1), int64(0), false, gap{}
					gaps := gapsByDefinition(h, func(o *history.Op) bool {
						return o.Kind == kind && (where == "" || h.NodeOf(o.Process) == where || where == "near" && o.Process%2 == 0)
					})
					for _, g := range gaps {
						if g.to <= s.Injected || g.last > s.Healed {
							continue
						}
						longest, last = max(longest, g.to-g.from), g
						if g.to > s.Healed {
							after, asked = g.to-max(s.Healed, g.from), true
						}
					}
					o, found := got[kind.String()+" "+where]
					require.Equal(t, longest >= 0, found, "history %d %v %s\n%s", n, kind, where, listListing(h))
					if !found {
						continue
					}
					outages++
					require.Equal(t, time.Duration(longest), o.Unavailable, "history %d %v %s %+v\n%s", n, kind, where, last, listListing(h))
					require.Equal(t, asked, o.asked)
					require.Equal(t, time.Duration(after), o.AfterHeal)
					if where == "" && !s.NoBite {
						over = over || longest > int64(limit)
						unknown = unknown || !s.CutShort && (asked && !o.Recovered || o.Unended)
					}
				}
			}
		}
		r := RecoveryTime{Limit: limit}.Check(context.Background(), Evidence{History: h}, Budget{})
		verdicts[r.Verdict]++
		require.Equal(t, over, r.Verdict == Violation, "history %d: %s\n%s", n, r.Summary, listListing(h))
		if r.Verdict == Pass {
			require.False(t, unknown, r.Summary)
			require.NotZero(t, complete)
		}
	}
	t.Logf("%d histories, %d outages: %v, no disagreement", count, outages, verdicts)
	require.Greater(t, verdicts[Violation], count/10)
	require.Greater(t, verdicts[Pass], count/50)
	require.Greater(t, verdicts[Inconclusive], count/10)
}

func TestRecoveryTimeStories(t *testing.T) {
	// One client reads every second; a kill at 2.5 s takes 3.5 s to recover from.
	b := history.NewBuilder(history.Header{Model: "register"})
	fault := func(phase string, at float64, detail string) {
		b.Fault(history.FaultEvent{Time: secondsNs(at), Step: 4, Phase: phase, Fault: "kill n1", Nodes: []string{"n1"}, Detail: detail})
	}
	b.Mark(0, MarkLoad, "")
	for i, ok := range []bool{true, true, true, false, false, false, true, true} {
		if at := float64(i); ok {
			b.Read(0, "x", history.Nil, secondsNs(at), secondsNs(at+0.1))
		} else {
			b.Op(0, history.Read, "x", history.None, history.None, history.None, history.Fail, secondsNs(at), secondsNs(at+0.9))
		}
	}
	fault("injected", 2.5, "")
	fault("bit", 3, "proof")
	fault("healed", 4.5, "")
	b.Mark(secondsNs(20), "heal", "")
	judge := func(c RecoveryTime) Result {
		return c.Check(context.Background(), Evidence{History: b.History()}, Budget{})
	}
	r := judge(RecoveryTime{})
	require.Equal(t, Pass, r.Verdict)
	require.Equal(t, "unavailable: read 3.1 to 3.1 s (1 fault: too few for quantiles, the median needs 6)", r.Summary)
	require.InDelta(t, 3.1, r.Figures["unavailable_max_seconds_read"], 1e-9, "nobody asked between 2.1 s and 3 s")
	require.InDelta(t, 1.6, r.Figures["after_heal_max_seconds_read"], 1e-9)
	require.NotContains(t, r.Figures, "unavailable_p50_seconds_read")

	r = judge(RecoveryTime{Limit: 3 * time.Second})
	require.Equal(t, Violation, r.Verdict)
	require.Equal(t, "read was unavailable for 3.100 s around step 4, kill n1: the limit is 3s", r.Summary)
	require.Equal(t, []string{
		"Step 4, kill n1, was injected at 2.500 s and healed at 4.500 s.",
		"The last read before was acknowledged at 2.100 s: p0's read x → nil.",
		"From 3.000 s on clients asked, in 4 operations, and none was acknowledged.",
		"The next one was acknowledged at 6.100 s, 3.100 s later: p0's read x → nil.",
	}, r.Proof.Story)
	require.Len(t, r.Proof.Operations, 5)
	require.Contains(t, judge(RecoveryTime{AfterHeal: time.Second}).Summary, "read was not acknowledged for 1.600 s after step 4, kill n1, was healed: the limit is 1s")
	require.Equal(t, Pass, judge(RecoveryTime{AfterHeal: 2 * time.Second, Limit: 4 * time.Second}).Verdict)
	require.Contains(t, judge(RecoveryTime{Group: "far"}).Summary, "no operation of group far")

	r = RecoveryTime{}.Check(context.Background(), Evidence{History: history.NewBuilder(history.Header{}).Read(0, "x", 1, 0, 10).History()}, Budget{})
	require.Equal(t, Inconclusive, r.Verdict)
	require.Contains(t, r.Summary, "no fault was injected")
	r = RecoveryTime{}.Check(context.Background(), Evidence{History: history.NewBuilder(history.Header{}).History()}, Budget{})
	require.Contains(t, r.Summary, "no operation was tried")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r = RecoveryTime{}.Check(ctx, Evidence{History: b.History()}, Budget{})
	require.Equal(t, Inconclusive, r.Verdict)
	require.Contains(t, r.Summary, "called off")
	require.Equal(t, Error, RecoveryTime{}.Check(ctx, Evidence{}, Budget{}).Verdict)
}

// A time in which nobody asked is no outage: not between the load and the final
// reads, and not where the clients are slow.
func TestIdleIsNoOutage(t *testing.T) {
	b := history.NewBuilder(history.Header{}).
		Read(0, "x", 1, 0, 10).Read(0, "x", 1, secondsNs(5), secondsNs(5)+10).
		Mark(secondsNs(6), "heal", "").Mark(secondsNs(60), MarkFinal, "").
		Read(1, "x", 1, secondsNs(60), secondsNs(60)+10).
		Fault(history.FaultEvent{Time: 5, Step: 1, Phase: "injected"}).Fault(history.FaultEvent{Time: secondsNs(4), Step: 1, Phase: "healed"})
	r := RecoveryTime{Limit: time.Second}.Check(context.Background(), Evidence{History: b.History()}, Budget{})
	require.Equal(t, Pass, r.Verdict, r.Summary)
	require.InDelta(t, 10e-9, r.Figures["unavailable_max_seconds_read"], 1e-12)
	a := Availability{Longest: time.Second, Floor: 1}.Check(context.Background(), Evidence{History: b.History()}, Budget{})
	require.Equal(t, Pass, a.Verdict, a.Summary)
}

// Where the load ended before anybody could know, nothing is claimed.
func TestRecoveryTimeOfWhatWasNotSeen(t *testing.T) {
	build := func(healed, end float64) *history.History {
		b := history.NewBuilder(history.Header{}).Read(0, "x", 1, 0, 10).
			Fault(history.FaultEvent{Time: secondsNs(1), Step: 1, Phase: "injected", Fault: "cut"}).
			Op(0, history.Read, "x", history.None, history.None, history.None, history.Info, secondsNs(2), 0).
			Mark(secondsNs(end), "heal", "")
		return b.Fault(history.FaultEvent{Time: secondsNs(healed), Step: 1, Phase: "healed", Fault: "cut"}).History()
	}
	judge := func(h *history.History, limit time.Duration) Result {
		return RecoveryTime{Limit: limit}.Check(context.Background(), Evidence{History: h}, Budget{})
	}
	r := judge(build(3, 4), 5*time.Second)
	require.Equal(t, Inconclusive, r.Verdict)
	require.Equal(t, "the load ended 1.000 s after step 1, cut, was healed, and no read had been acknowledged since", r.Summary)
	r = judge(build(3, 8), 5*time.Second)
	require.Equal(t, Violation, r.Verdict)
	require.Equal(t, "read was unavailable for at least 6.000 s around step 1, cut: the limit is 5s", r.Summary)
	require.Contains(t, r.Proof.Story[3], "The load ended at 8.000")
	r = judge(build(9, 4), 5*time.Second)
	require.Equal(t, Inconclusive, r.Verdict)
	require.Equal(t, "none of 1 fault bit and was healed while clients asked", r.Summary)
}

// Samples of many runs make quantiles with intervals.
func TestRecoveryMergesRuns(t *testing.T) {
	var samples []FaultRecovery
	for i := range 60 {
		samples = append(samples, FaultRecovery{Run: fmt.Sprint(i), Fault: "kill", Outages: []FaultOutage{
			{Kind: "read", Unavailable: time.Duration(i+1) * time.Second, AfterHeal: time.Second, Recovered: true},
			{Kind: "read", Node: "n1", Unavailable: time.Hour},
		}, LossKnown: true, LostOperations: i, LostWindow: time.Duration(i) * time.Second})
	}
	samples = append(samples, FaultRecovery{NoBite: true, Outages: samples[0].Outages}, FaultRecovery{CutShort: true})
	all := Recovery(samples)
	require.Equal(t, 62, all.Faults)
	require.Equal(t, 1, all.CutShort)
	require.Equal(t, 1, all.NoBite)
	require.Len(t, all.Kinds, 1)
	read := all.Kinds[0].Unavailable
	require.Equal(t, "30 s (95 % interval 22 to 38 s, 60 samples)", read.P50.Text("s"))
	require.True(t, read.P95.Known)
	require.InDelta(t, 60, read.Max, 0)
	require.InDelta(t, 57, read.P95.Value, 0)
	require.Equal(t, 60, all.LostOperations.P50.Samples)
	require.InDelta(t, 59, all.LostSeconds.Max, 0)
	require.Empty(t, Recovery(nil).Kinds)
}

// plantOutage makes nothing of a kind be acknowledged in a time.
func plantOutage(h *history.History, kind history.Kind, from, to int64) {
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Kind == kind && op.Outcome == history.OK && op.Return > from && op.Return < to {
			op.Outcome, op.Result, op.Mismatch = history.Fail, history.None, false
		}
	}
}

func TestRecoveryTimeAndAvailabilityFindAPlantedOutage(t *testing.T) {
	h := load{operations: 100_000, keys: 5, clients: 20, unknown: 0.02, swaps: 0.2}.history(rand.New(rand.NewPCG(3, 3)))
	end := h.Ops[len(h.Ops)-1].Call
	h.Faults = []history.FaultEvent{{Time: end / 4, Step: 1, Phase: "injected", Fault: "first"}, {Time: end / 3, Step: 1, Phase: "healed"},
		{Time: end / 2, Step: 2, Phase: "injected", Fault: "second"}, {Time: end * 2 / 3, Step: 2, Phase: "healed"}}
	long := time.Duration(end / 10)
	recovery, available := RecoveryTime{Limit: long}, Availability{Longest: long, Window: long}
	require.Equal(t, Pass, recovery.Check(context.Background(), Evidence{History: h}, Budget{}).Verdict)
	require.Equal(t, Pass, available.Check(context.Background(), Evidence{History: h}, Budget{}).Verdict)
	plantOutage(h, history.Write, end/2+end/10, end*4/5)
	r := recovery.Check(context.Background(), Evidence{History: h}, Budget{})
	require.Equal(t, Violation, r.Verdict)
	require.Contains(t, r.Summary, "write was unavailable for")
	require.Contains(t, r.Summary, "around step 2, second")
	require.LessOrEqual(t, len(r.Proof.Operations), 5)
	require.InDelta(t, float64(end)*0.2/1e9, r.Figures["unavailable_max_seconds_write"], float64(end)*0.001/1e9)
	a := available.Check(context.Background(), Evidence{History: h}, Budget{})
	require.Equal(t, Violation, a.Verdict)
	require.Contains(t, a.Summary, "write was not acknowledged for")
	require.InDelta(t, 0, a.Figures["write_worst_window_ok_share"], 0)
	require.NotZero(t, a.Figures["write_windows_without_ok"])
	require.Zero(t, a.Figures["read_windows_without_ok"])
}

// Other times make no difference.
func TestRecoveryShiftsWithTime(t *testing.T) {
	draw := rand.New(rand.NewPCG(8, 9))
	for range 3000 {
		h := faultyLoad(draw)
		shifted := shiftHistory(h, 1_000_000)
		for _, c := range []Checker{RecoveryTime{Limit: 5}, Availability{Longest: 5, Window: 4, WindowFloor: 0.3}} {
			before := c.Check(context.Background(), Evidence{History: h}, Budget{})
			after := c.Check(context.Background(), Evidence{History: shifted}, Budget{})
			require.Equal(t, before.Verdict, after.Verdict, "%s\n%s", before.Summary, listListing(h))
			require.Equal(t, before.Figures, after.Figures)
		}
	}
}

func shiftHistory(h *history.History, by int64) *history.History {
	s := *h
	s.Ops, s.Faults, s.Marks = slices.Clone(h.Ops), slices.Clone(h.Faults), slices.Clone(h.Marks)
	for i := range s.Ops {
		s.Ops[i].Call += by
		if s.Ops[i].Return != history.Open {
			s.Ops[i].Return += by
		}
	}
	for i := range s.Faults {
		s.Faults[i].Time += by
	}
	for i := range s.Marks {
		s.Marks[i].Time += by
	}
	return &s
}

func benchmarkLoad() *history.History {
	h := load{operations: 1_000_000, keys: 10, clients: 50, unknown: 0.02, swaps: 0.1}.history(rand.New(rand.NewPCG(7, 7)))
	end := h.Ops[len(h.Ops)-1].Call
	for i := range int64(20) {
		h.Faults = append(h.Faults, history.FaultEvent{Time: end * i / 20, Step: int(i), Phase: "injected", Fault: "kill"},
			history.FaultEvent{Time: end*i/20 + end/40, Step: int(i), Phase: "healed"})
	}
	for i := range 20_000 {
		h.Sessions = append(h.Sessions, history.Session{Process: int32(i), Group: "clients", Node: fmt.Sprintf("n%d", i%3+1)})
	}
	return h
}

func BenchmarkRecoveryTime(b *testing.B) {
	benchmarkChecker(b, RecoveryTime{Limit: time.Hour}, Evidence{History: benchmarkLoad()})
}

func BenchmarkAvailability(b *testing.B) {
	benchmarkChecker(b, Availability{Floor: 0.5, Longest: time.Hour}, Evidence{History: benchmarkLoad()})
}

func benchmarkChecker(b *testing.B, c Checker, evidence Evidence) {
	b.ReportAllocs()
	for b.Loop() {
		if r := c.Check(context.Background(), evidence, Budget{}); r.Verdict != Pass {
			b.Fatal(r.Summary)
		}
	}
}
