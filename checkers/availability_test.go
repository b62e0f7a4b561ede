package checkers

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

func judgeAvailability(c Availability, h *history.History) Result {
	return c.Check(context.Background(), Evidence{History: h}, Budget{})
}

func TestAvailability(t *testing.T) {
	// One operation every half second: all is well but for the third second.
	b := history.NewBuilder(history.Header{Model: "register"}).Mark(0, MarkLoad, "")
	for i := int64(0); i < 12; i++ {
		at := i * 5e8
		if at >= 2e9 && at < 3e9 {
			b.Op(0, history.Read, "x", history.None, history.None, history.None, history.Fail, at, at+1e8)
		} else {
			b.Read(0, "x", history.Nil, at, at+1e8)
		}
		b.Refuse(1, "x", 1, 2, history.Nil, at, at+1e8)
	}
	b.Mark(6.2e9, "heal", "").Mark(8e9, MarkFinal, "").Op(2, history.Read, "x", history.None, history.None, history.None, history.Fail, 9e9, 10e9)
	h := b.History()
	r := judgeAvailability(Availability{}, h)
	require.Equal(t, Pass, r.Verdict)
	require.Equal(t, "read 10 of 12 ok (83.33 %), at most 1.100 s without; cas 12 of 12 ok (100.00 %), at most 0.100 s without", r.Summary)
	for name, want := range map[string]float64{"read_ok_share": 10. / 12, "read_worst_window_ok_share": 0, "read_windows": 6,
		"read_windows_without_ok": 1, "read_longest_without_ok_seconds": 1.1, "cas_ok_share": 1, "window_seconds": 1} {
		require.InDelta(t, want, r.Figures[name], 1e-9, name)
	}
	for _, c := range []struct {
		check   Availability
		verdict Verdict
		says    string
	}{
		{Availability{Floor: 0.8}, Pass, ""},
		{Availability{Floor: 0.9}, Violation, "read was available to 83.33 % only: 10 of 12 ok, the floor is 90 %"},
		{Availability{WindowFloor: 0.1}, Violation, "read was available to 0.00 % only in the 1s from 2.000 s on: 0 of 2 ok, the floor is 10 %"},
		{Availability{WindowFloor: 0.5, Window: 2 * time.Second}, Pass, ""},
		{Availability{Longest: time.Second}, Violation, "read was not acknowledged for 1.100 s, from 2.000 s on: the limit is 1s"},
		{Availability{Longest: 2 * time.Second}, Pass, ""},
		{Availability{Floor: 1.5}, Error, "a share is between 0 and 1"},
		{Availability{WindowFloor: -1}, Error, "WindowFloor"},
		{Availability{Floor: math.NaN()}, Error, "Floor"},
	} {
		r := judgeAvailability(c.check, h)
		require.Equal(t, c.verdict, r.Verdict, r.Summary)
		require.Contains(t, r.Summary, c.says)
		require.Equal(t, c.verdict == Violation, r.Proof != nil)
	}
}

func TestAvailabilityOfNothingIsInconclusive(t *testing.T) {
	h := history.NewBuilder(history.Header{}).Read(0, "x", 1, 0, 10).
		Op(1, history.Write, "x", 1, history.None, history.None, history.Fail, 0, 10).History()
	r := judgeAvailability(Availability{Floor: 0.5}, h)
	require.Equal(t, Inconclusive, r.Verdict)
	require.Equal(t, "write never succeeded: 0 of 1 ok", r.Summary)
	require.Contains(t, judgeAvailability(Availability{}, &history.History{}).Summary, "no operation was tried")
	final := history.NewBuilder(history.Header{}).Mark(0, MarkFinal, "").Read(0, "x", 1, 1, 10).History()
	require.Equal(t, Inconclusive, judgeAvailability(Availability{}, final).Verdict)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Contains(t, Availability{}.Check(ctx, Evidence{History: h}, Budget{}).Summary, "called off")
	require.Equal(t, Error, judgeAvailability(Availability{}, nil).Verdict)
	long := history.NewBuilder(history.Header{}).Read(0, "x", 1, 0, 10).Read(0, "x", 1, 1<<50, 1<<50).History()
	require.Contains(t, judgeAvailability(Availability{Window: 1}, long).Summary, "windows are too many")
}

// Shares and outages are those of the definition, tried window by window.
func TestAvailabilityAgreesWithItsDefinition(t *testing.T) {
	count := differentialCount(t)
	draw := rand.New(rand.NewPCG(2, 8))
	verdicts := map[Verdict]int{}
	for n := range count {
		h := faultyLoad(draw)
		c := Availability{Floor: float64(draw.IntN(3)) / 4, WindowFloor: float64(draw.IntN(2)) / 4,
			Window: time.Duration(1 + draw.IntN(9)), Longest: time.Duration(draw.IntN(3) * 6)}
		from, end, limit := h.Ops[0].Call, atStart, history.Open
		for i := range h.Ops {
			if end = max(end, h.Ops[i].Call); h.Ops[i].Outcome != history.Info {
				end = max(end, h.Ops[i].Return)
			}
		}
		if m, found := h.Find("heal"); found {
			end, limit = m.Time, m.Time
		}
		want, never := Pass, false
		tried := false
		for _, kind := range []history.Kind{history.Read, history.Write} {
			ok, all := 0, 0
			for i := range h.Ops {
				if o := &h.Ops[i]; o.Kind == kind && o.Call < limit {
					if all++; o.Outcome == history.OK {
						ok++
					}
				}
			}
			tried = tried || all > 0
			if all == 0 || ok == 0 {
				never = never || all > 0
				continue
			}
			if float64(ok)/float64(all) < c.Floor {
				want = Violation
			}
			for begin := from; begin+int64(c.Window) <= end; begin += int64(c.Window) {
				ok, all := 0, 0
				for i := range h.Ops {
					if o := &h.Ops[i]; o.Kind == kind && o.Call >= begin && o.Call < begin+int64(c.Window) && o.Call < limit {
						if all++; o.Outcome == history.OK {
							ok++
						}
					}
				}
				if all > 0 && float64(ok)/float64(all) < c.WindowFloor {
					want = Violation
				}
			}
			for _, g := range gapsByDefinition(h, func(o *history.Op) bool { return o.Kind == kind }) {
				if c.Longest > 0 && g.to-g.from > int64(c.Longest) {
					want = Violation
				}
			}
		}
		if want == Pass && (never || !tried) {
			want = Inconclusive
		}
		r := judgeAvailability(c, h)
		verdicts[r.Verdict]++
		require.Equal(t, want, r.Verdict, "history %d %+v: %s\n%s", n, c, r.Summary, listListing(h))
	}
	t.Logf("%d histories: %v, no disagreement", count, verdicts)
	require.Greater(t, verdicts[Violation], count/10)
	require.Greater(t, verdicts[Pass], count/20)
	require.Greater(t, verdicts[Inconclusive], count/20)
}
