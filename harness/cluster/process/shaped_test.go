package process_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
)

// What shapes a stream exists between nodes and on a client's link alike.
func TestShapedLinks(t *testing.T) {
	r := start(t, parrots{})
	ctx := t.Context()
	long := strings.Repeat("polly", 400)
	for _, effect := range []link.Effect{
		{Action: link.Throttle, BytesPerSecond: 10_000},
		{Action: link.Slice, SliceBytes: 100, Latency: 10 * time.Millisecond},
	} {
		require.NoError(t, r.Network().Applies(effect))
		for flow, talk := range map[link.Flow]func() string{
			{From: "n1", To: "n2"}:  func() string { return r.must(r.dial("", "n1:client"), "ask n2 "+long) },
			{From: "far", To: "n2"}: func() string { return r.must(r.dial("far", "n2:client"), long) },
			{From: "n2", To: "far"}: func() string { return r.must(r.dial("far", "n2:client"), long) },
		} {
			require.NoError(t, r.Network().Apply(ctx, "shape", effect, []link.Flow{flow}))
			began := time.Now()
			require.Equal(t, "n2: "+long, talk())
			require.GreaterOrEqual(t, time.Since(began), 190*time.Millisecond, "%s of %s", effect.Action, flow)
			count, err := r.Network().Count(ctx, "shape")
			require.NoError(t, err)
			require.GreaterOrEqual(t, count.Bytes, uint64(len(long)-100), "%s of %s", effect.Action, flow)
			require.NoError(t, r.Network().Undo(ctx, "shape"))
		}
	}
	require.ErrorContains(t, r.Network().Apply(ctx, "x", link.Effect{Action: link.Throttle}, []link.Flow{{From: "n1", To: "n2"}}), "bytes_per_second")
}

func TestAClientsSlowClose(t *testing.T) {
	r := start(t, parrots{})
	ctx := t.Context()
	asking := []link.Flow{{From: "far", To: "n1"}}
	c := r.dial("far", "n1:client")
	require.Equal(t, "n1: hello", r.must(c, "hello"))
	require.NoError(t, r.Network().Apply(ctx, "slow", link.Effect{Action: link.SlowClose, Latency: time.Hour}, asking))
	require.Equal(t, "n1: as ever", r.must(c, "as ever"))
	count, err := r.Network().Count(ctx, "slow")
	require.NoError(t, err)
	require.Equal(t, link.Count{}, count, "nothing has closed")
	require.NoError(t, c.Close())
	require.Eventually(t, func() bool {
		count, err := r.Network().Count(ctx, "slow")
		return err == nil && count == link.Count{Packets: 1}
	}, within, time.Millisecond)
	require.NoError(t, r.Network().Undo(ctx, "slow"))
	require.Equal(t, "n1: again", r.must(r.dial("far", "n1:client"), "again"))
}
