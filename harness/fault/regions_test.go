package fault_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/link"
)

const ms = time.Millisecond

func threeRegions() fault.Regions {
	return fault.Regions{
		Regions:   []fault.Region{{Name: "eu", Nodes: []string{"n1", "n2"}}, {Name: "us", Nodes: []string{"n3"}}, {Name: "ap", Nodes: []string{"n4"}}},
		RoundTrip: [][]time.Duration{{2 * ms, 80 * ms, 200 * ms}, {80 * ms, 0, 0}, {200 * ms, 0, 0}},
		Jitter:    10 * ms,
	}
}

// wires is a network that keeps what is applied to it, and delays probes so.
type wires struct {
	cluster.Network
	mu      sync.Mutex
	effects map[string]link.Effect
	flows   map[string][]link.Flow
	dead    bool // probes do not arrive
	counted uint64
}

func newWires() *wires {
	return &wires{effects: map[string]link.Effect{}, flows: map[string][]link.Flow{}}
}

// wired is a cluster of nodes that are nothing but their links.
type wired struct {
	cluster.Cluster
	*wires
}

func (w wired) Network() cluster.Network { return w.wires }
func (wired) System() cluster.System     { return ported{bare{count: 3}} }

func (w *wires) Applies(link.Effect) error { return nil }
func (w *wires) Apply(_ context.Context, id string, e link.Effect, flows []link.Flow) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.effects[id], w.flows[id] = e, flows
	return nil
}
func (w *wires) Undo(_ context.Context, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.effects, id)
	return nil
}
func (w *wires) Active(context.Context) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.effects)), nil
}
func (w *wires) Count(context.Context, string) (link.Count, error) {
	return link.Count{Packets: w.counted}, nil
}
func (w *wires) Probe(_ context.Context, flow link.Flow, _ time.Duration) (time.Duration, error) {
	if w.dead {
		return 0, fmt.Errorf("a cut: %w", cluster.ErrNoArrival)
	}
	return w.delay(flow), nil
}

// delay is what a byte along the flow waits at least.
func (w *wires) delay(flow link.Flow) (sum time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, e := range w.effects {
		if slices.Contains(w.flows[id], flow) {
			sum += e.Latency
		}
	}
	return sum
}

func TestRegionsAreAsFarApartAsTheirMatrixSays(t *testing.T) {
	f := threeRegions()
	w := world(4)
	w.Groups = []fault.Group{{Name: "near", Beside: fault.Node("n1")}, {Name: "led", Beside: fault.Leader}, {Name: "open"}, {Name: "most", Beside: fault.Majority}}
	for _, packets := range []bool{false, true} {
		f.Packets = packets
		act := aimIn(t, w, f)
		require.Equal(t, "regions n1 n2 | n3 | n4, round trips eu-eu 2ms, eu-us 80ms, eu-ap 200ms ± 10ms", act.Text())
		require.Equal(t, nodes(4), act.Nodes())
		c := wired{wires: newWires()}
		require.NoError(t, act.Inject(t.Context(), c, "step-3"))
		for flow, want := range map[link.Flow]time.Duration{
			{From: "n1", To: "n2"}: ms, {From: "n2", To: "n1"}: ms, {From: "n1", To: "n3"}: 40 * ms, {From: "n3", To: "n2"}: 40 * ms,
			{From: "n4", To: "n1"}: 100 * ms, {From: "n3", To: "n4"}: 0,
			{From: "near", To: "n1"}: ms, {From: "near", To: "n3"}: 40 * ms, {From: "n4", To: "near"}: 100 * ms,
			{From: "led", To: "n3"}: 40 * ms, {From: "open", To: "n4"}: 0, {From: "n4", To: "most"}: 0,
		} {
			require.Equal(t, want, c.delay(flow), flow.String())
		}
		for id, e := range c.effects {
			require.NoError(t, e.Validate())
			require.LessOrEqual(t, e.Jitter, e.Latency)
			for _, flow := range c.flows[id] {
				client := slices.Contains([]link.End{"near", "led"}, flow.From) || slices.Contains([]link.End{"near", "led"}, flow.To)
				require.Equal(t, packets && !client, e.Packets, "a client's link is a stream")
			}
		}
		active, err := c.Active(t.Context())
		require.NoError(t, err)
		require.Contains(t, active, "step-3/1")
		require.ErrorContains(t, act.Undone(t.Context(), c, "step-3"), "eu-us: the effect is still in force")
		require.NoError(t, act.Undo(t.Context(), c, "step-3"))
		require.NoError(t, act.Undone(t.Context(), c, "step-3"))
		require.Empty(t, c.effects)
	}
}

func TestRegionsBiteWhereEveryPairTakesItsTime(t *testing.T) {
	act := aimIn(t, world(4), threeRegions())
	c := wired{wires: newWires()}
	require.NoError(t, act.Inject(t.Context(), c, "x"))
	bit, proof, err := act.Bit(t.Context(), c, "x")
	require.NoError(t, err)
	require.True(t, bit, proof)
	require.Contains(t, proof, "eu-us: a probe along n1>n3 took 40ms; eu-ap: a probe along n1>n4 took 100ms")

	delete(c.effects, "x/2") // one pair is near again
	bit, proof, err = act.Bit(t.Context(), c, "x")
	require.NoError(t, err)
	require.False(t, bit, proof)

	c.dead = true // another fault cuts: then traffic must have met the delays
	bit, _, err = act.Bit(t.Context(), c, "x")
	require.NoError(t, err)
	require.False(t, bit)
	c.counted = 3
	bit, proof, err = act.Bit(t.Context(), c, "x")
	require.NoError(t, err)
	require.True(t, bit)
	require.Contains(t, proof, "no probe along n1>n3 arrived; 3 packets")
}

func TestMistakesInRegionsAreNamed(t *testing.T) {
	for says, change := range map[string]func(*fault.Regions){
		"0 regions":                        func(f *fault.Regions) { f.Regions = nil },
		"RoundTrip has 2 rows":             func(f *fault.Regions) { f.RoundTrip = f.RoundTrip[:2] },
		"row 1 of RoundTrip has 2 times":   func(f *fault.Regions) { f.RoundTrip[1] = f.RoundTrip[1][:2] },
		"between us and eu is 7ns":         func(f *fault.Regions) { f.RoundTrip[1][0] = 7 },
		"every round trip is zero":         func(f *fault.Regions) { f.RoundTrip = [][]time.Duration{{0, 0, 0}, {0, 0, 0}, {0, 0, 0}} },
		"n1 is in the regions eu and us":   func(f *fault.Regions) { f.Regions[1].Nodes = []string{"n1"} },
		"its name must be one word":        func(f *fault.Regions) { f.Regions[1].Name = "eu" },
		"the nodes n4 are in no region":    func(f *fault.Regions) { f.Regions[2].Nodes = []string{"n9"} },
		"there are no nodes n9; there are": func(f *fault.Regions) { f.Regions[2].Nodes = []string{"n4", "n9"} },
		"jitter -1ns":                      func(f *fault.Regions) { f.Jitter = -1 },
	} {
		f := threeRegions()
		change(&f)
		require.ErrorContains(t, fault.Check(fault.For{Duration: 1, Fault: f}, bare{count: 4}, world(4)), says)
	}
	f := threeRegions()
	require.NoError(t, fault.Check(fault.For{Duration: 1, Fault: f}, bare{count: 4}, world(4)))
	require.True(t, fault.NeedsStreams(f))
	f.Packets = true
	require.False(t, fault.NeedsStreams(f))
	require.Equal(t, []string{"n1", "n2"}, aim(t, fault.BlackHole{Target: f.Regions[0].Target()}, 4, 1).Nodes(), "a region is lost by cutting its nodes off")
}
