package link_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
)

func TestEffectsThatMakeSense(t *testing.T) {
	for _, e := range []link.Effect{
		{Action: link.Drop}, {Action: link.Refuse}, {Action: link.HoldBack},
		{Action: link.Delay, Latency: time.Second, Jitter: time.Second, Seed: 1}, {Action: link.Delay, Jitter: 1},
		{Action: link.Throttle, BytesPerSecond: 1}, {Action: link.SlowClose, Latency: 1},
		{Action: link.Slice, SliceBytes: 1}, {Action: link.Slice, SliceBytes: 7, Latency: time.Second},
		{Action: link.Limit, LimitBytes: 1}, {Action: link.Break, Port: 2380, Transport: link.TCP},
		{Action: link.Drop, Port: 53, Transport: link.UDP}, {Action: link.Lose, Probability: 1}, {Action: link.Lose, Probability: 0.75, Burst: 3},
		{Action: link.Reorder, Probability: 0.1, Latency: 1}, {Action: link.Duplicate, Probability: 0.1, Seed: 3},
		{Action: link.Corrupt, Probability: 1e-6}, {Action: link.Delay, Latency: 1, Packets: true, Transport: link.UDP},
		{Action: link.Throttle, BytesPerSecond: 1, Packets: true},
	} {
		require.NoError(t, e.Validate(), "%+v", e)
		text, err := json.Marshal(e)
		require.NoError(t, err)
		var back link.Effect
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, e, back, "%s", text)
	}
}

// The error names the parameter, so that its reader knows what to write.
func TestEffectsThatMakeNone(t *testing.T) {
	for _, c := range []struct {
		effect link.Effect
		says   string
	}{
		{link.Effect{}, "unknown action"},
		{link.Effect{Action: "partition"}, "partition"},
		{link.Effect{Action: link.Delay}, "latency"},
		{link.Effect{Action: link.Delay, Latency: -1}, "below zero"},
		{link.Effect{Action: link.Throttle}, "bytes_per_second"},
		{link.Effect{Action: link.Throttle, BytesPerSecond: -1}, "below zero"},
		{link.Effect{Action: link.Throttle, BytesPerSecond: 1, Latency: 1}, "latency"},
		{link.Effect{Action: link.SlowClose}, "latency"},
		{link.Effect{Action: link.SlowClose, Latency: 1, Jitter: 1}, "jitter"},
		{link.Effect{Action: link.Slice, Latency: 1}, "slice_bytes"},
		{link.Effect{Action: link.Slice, SliceBytes: -1}, "below zero"},
		{link.Effect{Action: link.Drop, BytesPerSecond: 1}, "bytes_per_second"},
		{link.Effect{Action: link.Delay, Latency: 1, SliceBytes: 1}, "slice_bytes"},
		{link.Effect{Action: link.Limit}, "limit_bytes"},
		{link.Effect{Action: link.Limit, LimitBytes: 1, Transport: link.UDP}, "works on connections"},
		{link.Effect{Action: link.Break, Transport: link.UDP}, "works on connections"},
		{link.Effect{Action: link.Break, Latency: 1}, "latency"},
		{link.Effect{Action: link.Drop, Transport: "sctp"}, "unknown transport"},
		{link.Effect{Action: link.Drop, Packets: true}, "packets"},
		{link.Effect{Action: link.Lose}, "probability"},
		{link.Effect{Action: link.Lose, Probability: 1.01}, "probability"},
		{link.Effect{Action: link.Lose, Probability: 1, Burst: 2}, "no bursts"},
		{link.Effect{Action: link.Lose, Probability: 0.76, Burst: 3}, "between two bursts"},
		{link.Effect{Action: link.Reorder, Probability: 0.5}, "latency"},
		{link.Effect{Action: link.Duplicate, Probability: 0.5, Burst: 2}, "burst"},
	} {
		require.ErrorContains(t, c.effect.Validate(), c.says, "%+v", c.effect)
	}
}
