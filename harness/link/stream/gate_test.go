package stream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
)

func draws(flow link.Flow, number uint64, e link.Effect) []time.Duration {
	l := &lane{cell: newCell(flow), number: number}
	l.follow(newTable([]*effect{{Effect: e}}))
	var drawn []time.Duration
	for range 32 {
		drawn = append(drawn, l.draw())
	}
	return drawn
}

func TestJitterRepeatsBySeedFlowAndConnection(t *testing.T) {
	flow := link.Flow{From: "n1", To: "n2"}
	e := link.Effect{Action: link.Delay, Latency: 50 * time.Millisecond, Jitter: 20 * time.Millisecond, Seed: 42}
	first := draws(flow, 0, e)
	require.Equal(t, first, draws(flow, 0, e))
	require.NotEqual(t, first, draws(flow.Reverse(), 0, e), "each flow draws from its own stream")
	require.NotEqual(t, first, draws(flow, 1, e), "each connection draws from its own stream")
	for _, d := range first {
		require.GreaterOrEqual(t, d, 30*time.Millisecond)
		require.LessOrEqual(t, d, 70*time.Millisecond)
	}
	e.Seed = 43
	require.NotEqual(t, first, draws(flow, 0, e))

	e = link.Effect{Action: link.Delay, Jitter: 20 * time.Millisecond}
	for _, d := range draws(flow, 0, e) {
		require.GreaterOrEqual(t, d, time.Duration(0), "nothing arrives before it was sent")
	}
}

func TestDelaysAdd(t *testing.T) {
	l := &lane{cell: newCell(link.Flow{From: "n1", To: "n2"})}
	slow := func(d time.Duration) *effect { return &effect{Effect: link.Effect{Action: link.Delay, Latency: d}} }
	both := newTable([]*effect{slow(time.Second), slow(time.Minute)})
	l.follow(both)
	require.Equal(t, time.Minute+time.Second, l.draw())
	require.Equal(t, time.Minute+time.Second, both.latency())
}
