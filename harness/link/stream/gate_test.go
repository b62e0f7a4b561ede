package stream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
)

func draws(flow link.Flow, number uint64, e link.Effect) []time.Duration {
	l := &lane{cell: newCell(flow, 0), number: number}
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
	l := &lane{cell: newCell(link.Flow{From: "n1", To: "n2"}, 0)}
	slow := func(d time.Duration) *effect { return &effect{Effect: link.Effect{Action: link.Delay, Latency: d}} }
	both := newTable([]*effect{slow(time.Second), slow(time.Minute)})
	l.follow(both)
	require.Equal(t, time.Minute+time.Second, l.draw())
	require.Equal(t, time.Minute+time.Second, both.latency())
}

// A throttled piece is a hundredth of a second long, so that the rate is smooth,
// and never nothing.
func TestPiecesAreSmall(t *testing.T) {
	for _, c := range []struct {
		shape      shape
		size, want int
	}{
		{shape{}, 32768, 32768},
		{shape{rate: 20_000}, 32768, 200},
		{shape{rate: 20_000}, 7, 7},
		{shape{rate: 1}, 32768, 1},
		{shape{rate: 1 << 62}, 32768, 32768},
		{shape{piece: 10}, 32768, 10},
		{shape{rate: 20_000, piece: 10}, 32768, 10},
	} {
		require.Equal(t, c.want, c.shape.size(c.size), "%+v of %d", c.shape, c.size)
	}
	require.Equal(t, 2*time.Second, shape{rate: 16384}.takes(32768))
	require.Equal(t, time.Nanosecond, shape{rate: 1 << 62}.takes(1), "rounded up: no rate is endless")
}

// A narrow link has a short queue, so its sender notices; a link that is cut or
// slow keeps what its effect needs.
func TestAThrottledGateKeepsLess(t *testing.T) {
	limit := func(actions ...link.Effect) int {
		var effects []*effect
		for _, a := range actions {
			effects = append(effects, &effect{Effect: a})
		}
		l := &lane{cell: newCell(link.Flow{From: "n1", To: "n2"}, 0)}
		l.follow(newTable(effects))
		return l.limit()
	}
	narrow := link.Effect{Action: link.Throttle, BytesPerSecond: 1}
	require.Equal(t, shapedLimit, limit(narrow))
	require.Equal(t, gateLimit, limit())
	require.Equal(t, gateLimit, limit(narrow, link.Effect{Action: link.HoldBack}))
	require.Equal(t, gateLimit, limit(narrow, link.Effect{Action: link.Delay, Latency: time.Second}))
}
