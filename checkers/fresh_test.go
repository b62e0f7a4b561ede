package checkers_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

func second(n float64) int64 { return int64(n * float64(time.Second)) }

func TestFreshWithinNamesTheOldestRead(t *testing.T) {
	b := history.NewBuilder(history.Header{Model: "cas-register"}).
		Write(0, "a", history.Int(1), second(1), second(2)).
		Swap(1, "a", history.Int(1), history.Int(2), second(3), second(4)).
		Read(2, "a", history.Int(1), second(4.5), second(4.6)).
		Read(2, "a", history.Int(1), second(6), second(6.1)).
		Read(2, "a", history.Int(2), second(7), second(7.1))
	judge := func(limit time.Duration) checkers.Result {
		return checkers.All{checkers.FreshWithin{Limit: limit}}.Judge(t.Context(), checkers.Evidence{History: b.History()}, checkers.Budget{})[0]
	}
	bad := judge(time.Second)
	require.Equal(t, checkers.Violation, bad.Verdict)
	require.Contains(t, bad.Summary, "overwritten 2.000 s before")
	require.InDelta(t, 2, bad.Figures["stale_reads"], 0)
	require.Len(t, bad.Proof.Operations, 3)
	require.Equal(t, checkers.Pass, judge(2*time.Second).Verdict)
}

func TestFreshWithinOfNothingIsInconclusive(t *testing.T) {
	h := history.NewBuilder(history.Header{}).Read(0, "a", history.Nil, 1, 2).History()
	require.Equal(t, checkers.Inconclusive, checkers.FreshWithin{}.Check(t.Context(), checkers.Evidence{History: h}, checkers.Budget{}).Verdict)
}

// The ages are those of the definition, tried pair by pair.
func TestFreshWithinAgreesWithItsDefinition(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	stale := 0
	for range 5000 {
		b := history.NewBuilder(history.Header{})
		at := int64(0)
		for i := range 12 {
			call := at + draw.Int64N(5)
			ret := call + 1 + draw.Int64N(9)
			if at += 3; draw.IntN(2) == 0 {
				b.Write(int32(i), "a", history.Int(int64(i)), call, ret)
			} else {
				b.Read(int32(i), "a", history.Int(draw.Int64N(12)), call, ret)
			}
		}
		h := b.History()
		want := oldestByDefinition(h)
		got := checkers.FreshWithin{}.Check(t.Context(), checkers.Evidence{History: h}, checkers.Budget{})
		require.InDelta(t, time.Duration(want).Seconds(), got.Figures["age_max_seconds"], 1e-15)
		if want > 0 {
			stale++
			require.Equal(t, checkers.Violation, got.Verdict)
		} else {
			require.NotEqual(t, checkers.Violation, got.Verdict)
		}
	}
	require.Greater(t, stale, 500)
}

func oldestByDefinition(h *history.History) int64 {
	oldest := int64(0)
	for _, read := range h.Ops {
		for _, wrote := range h.Ops {
			if read.Kind != history.Read || wrote.Kind != history.Write || wrote.Value != read.Result {
				continue
			}
			for _, over := range h.Ops {
				if over.Kind == history.Write && over.Call > wrote.Return {
					oldest = max(oldest, read.Call-over.Return)
				}
			}
		}
	}
	return oldest
}
