package fault_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/named"
)

func TestStreamFaultsSayWhatTheyDo(t *testing.T) {
	n1 := fault.Node("n1")
	for _, c := range []struct {
		fault  fault.Fault
		name   string
		text   string
		effect link.Effect
	}{
		{fault.Bandwidth{Target: n1, BytesPerSecond: 20_000}, "bandwidth", "bandwidth 20 kB/s n1 | n2 n3",
			link.Effect{Action: link.Throttle, BytesPerSecond: 20_000}},
		{fault.Bandwidth{Target: n1, BytesPerSecond: 999}, "bandwidth", "bandwidth 999 B/s n1 | n2 n3",
			link.Effect{Action: link.Throttle, BytesPerSecond: 999}},
		{fault.Bandwidth{Target: n1, BytesPerSecond: 1_500_000}, "bandwidth", "bandwidth 1.5 MB/s n1 | n2 n3",
			link.Effect{Action: link.Throttle, BytesPerSecond: 1_500_000}},
		{fault.SlowClose{Target: n1, Delay: time.Second}, "slow-close", "slow close 1s n1 | n2 n3",
			link.Effect{Action: link.SlowClose, Latency: time.Second}},
		{fault.Slice{Target: n1, Bytes: 7, Pause: time.Millisecond}, "slice", "slice 7 bytes, pause 1ms, n1 | n2 n3",
			link.Effect{Action: link.Slice, SliceBytes: 7, Latency: time.Millisecond}},
	} {
		require.Equal(t, c.name, c.fault.FaultName())
		act := aim(t, c.fault, 3, 1)
		require.Equal(t, c.text, act.Text())
		require.Equal(t, c.effect, act.Effect)
		require.NoError(t, act.Effect.Validate())
		require.Equal(t, []string{"n1"}, act.Nodes())
		require.ElementsMatch(t, link.Between([]link.End{"n1"}, []link.End{"n2", "n3"}), act.Flows)
		steps := fault.Plan(fault.For{Duration: time.Second, Fault: c.fault}, 1, world(3), time.Minute)
		require.True(t, fault.PlanNeedsStreams(steps), "its links are redirected before the system starts")

		type record struct{ Fault fault.Fault }
		text, err := named.Marshal(record{c.fault})
		require.NoError(t, err)
		var back record
		require.NoError(t, named.Unmarshal(text, &back))
		require.Equal(t, c.fault, back.Fault)
	}
}

func TestStreamFaultsWithoutParametersAreRefusedBeforeARun(t *testing.T) {
	for says, f := range map[string]fault.Fault{
		"BytesPerSecond is 0": fault.Bandwidth{Target: fault.Random},
		"Delay is 0s":         fault.SlowClose{Target: fault.Random},
		"Bytes is 0":          fault.Slice{Target: fault.Random, Pause: time.Second},
		"Pause -1s":           fault.Slice{Target: fault.Random, Bytes: 1, Pause: -time.Second},
	} {
		err := fault.Check(fault.For{Duration: time.Second, Fault: f}, bare{count: 3}, world(3))
		require.ErrorContains(t, err, says)
	}
	two := fault.For{Duration: time.Second, Fault: fault.Bandwidth{Target: fault.Random, BytesPerSecond: 1}}
	require.ErrorContains(t, fault.Check(two, bare{count: 1}, world(1)), "one node")
	require.NoError(t, fault.Check(two, bare{count: 2}, world(2)))
}

// meter is a cluster whose network has counted so much; a probe of it fails.
type meter struct {
	cluster.Cluster
	count link.Count
}

func (m meter) Network() cluster.Network { return meterNetwork{count: m.count} }

type meterNetwork struct {
	cluster.Network
	count link.Count
}

func (m meterNetwork) Count(context.Context, string) (link.Count, error) { return m.count, nil }
func (meterNetwork) Probe(context.Context, link.Flow, time.Duration) (time.Duration, error) {
	return 0, errors.New("nobody should have asked")
}

// Only the counters prove that a stream was shaped: a probe of a few bytes passes
// a throttle in no time, is shorter than a piece, and does not close.
func TestShapedStreamsAreProvenByCountersAlone(t *testing.T) {
	for _, f := range []fault.Fault{
		fault.Bandwidth{Target: fault.Random, BytesPerSecond: 1}, fault.SlowClose{Target: fault.Random, Delay: 1},
		fault.Slice{Target: fault.Random, Bytes: 1},
	} {
		act := aim(t, f, 3, 1)
		bit, proof, err := act.Bit(t.Context(), meter{}, "x")
		require.NoError(t, err)
		require.False(t, bit)
		require.Contains(t, proof, "no traffic")
		bit, proof, err = act.Bit(t.Context(), meter{count: link.Count{Packets: 2, Bytes: 9}}, "x")
		require.NoError(t, err)
		require.True(t, bit)
		require.Equal(t, "2 packets, 9 bytes", proof)
	}
}
