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
	} {
		require.ErrorContains(t, c.effect.Validate(), c.says, "%+v", c.effect)
	}
}
