package checkers

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// Of a hundred writes two took long, at one node; a write that nobody answered and a
// read after the load are no part of it.
func TestLatencyIsOfWhatWasAcknowledgedUnderLoad(t *testing.T) {
	b := history.NewBuilder(history.Header{Model: "register"}).Mark(0, MarkLoad, "")
	for i := range int64(100) {
		took := int64(time.Millisecond)
		if i >= 98 {
			took = int64(time.Second)
		}
		b.Write(int32(i%2), "x", history.Int(i), i*1e9+1, i*1e9+1+took)
	}
	b.Op(7, history.Write, "x", 500, history.None, history.None, history.Info, 1e9, 50e9)
	b.Mark(200e9, MarkFinal, "").Read(1, "x", 99, 201e9, 290e9)
	h := b.History()
	h.Sessions = []history.Session{{Process: 0, Node: "n1"}, {Process: 1, Node: "n2"}}

	r := Latency{}.Check(t.Context(), Evidence{History: h}, Budget{})
	require.Equal(t, Pass, r.Verdict, r.Summary)
	require.Equal(t, "write p50 1ms, p99 1s, at most 1s", r.Summary)
	require.InDelta(t, 0.001, r.Figures["p50_seconds_write"], 1e-9)
	require.InDelta(t, 1, r.Figures["p99_seconds_write_at_n1"], 1e-9)
	require.NotContains(t, r.Figures, "p50_seconds_read")

	r = Latency{P99: 900 * time.Millisecond}.Check(t.Context(), Evidence{History: h}, Budget{})
	require.Equal(t, Violation, r.Verdict)
	require.Contains(t, r.Summary, "the 99th percentile of write is 1s: the limit is 900ms")

	empty := history.NewBuilder(history.Header{}).Op(0, history.Write, "x", 1, history.None, history.None, history.Fail, 1, 2).History()
	require.Equal(t, Inconclusive, Latency{}.Check(t.Context(), Evidence{History: empty}, Budget{}).Verdict)
}
