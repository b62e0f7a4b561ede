package fault_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/named"
)

func aimNames(t *testing.T, f fault.Fault) fault.NamesAct {
	t.Helper()
	act, err := f.Aim(t.Context(), fault.Aim{World: world(3), Draw: rand.New(rand.NewPCG(1, 1))})
	require.NoError(t, err)
	return act.(fault.NamesAct)
}

func TestNameFaultsSayWhatTheyDo(t *testing.T) {
	n1 := fault.Node("n1")
	for _, c := range []struct {
		fault  fault.Fault
		name   string
		text   string
		probe  string
		effect link.NameEffect
	}{
		{fault.NamesFail{Target: n1}, "names-fail", "names fail n1: no-such-name for all names", "n2",
			link.NameEffect{Action: link.NoSuchName}},
		{fault.NamesFail{Target: n1, Names: []string{"n1", "db"}, How: link.NoAnswer}, "names-fail",
			"names fail n1: no-answer for n1 db", "db", link.NameEffect{Action: link.NoAnswer, Names: []string{"n1", "db"}}},
		{fault.NamesSlow{Target: n1, Names: []string{"*.test"}, Latency: 2 * time.Second, Jitter: time.Second}, "names-slow",
			"names slow n1: 2s ± 1s for *.test", "", link.NameEffect{Action: link.LateAnswer, Names: []string{"*.test"}, Latency: 2 * time.Second, Jitter: time.Second}},
		{fault.NamesWrong{Target: n1, Answer: "n2"}, "names-wrong", "names wrong n1: n2 for all names", "n3",
			link.NameEffect{Action: link.WrongAnswer, Answer: "n2"}},
	} {
		require.Equal(t, c.name, c.fault.FaultName())
		act := aimNames(t, c.fault)
		require.Equal(t, c.text, act.Text())
		require.Equal(t, []string{"n1"}, act.Nodes())
		require.Equal(t, c.probe, act.Probe, c.text)
		require.Equal(t, c.effect.Jitter > 0, act.Effect.Seed != 0, "only what is drawn has a seed")
		c.effect.Seed = act.Effect.Seed
		require.Equal(t, c.effect, act.Effect)
		steps := fault.Plan(fault.For{Duration: time.Second, Fault: c.fault}, 1, world(3), time.Minute)
		require.True(t, fault.PlanNeedsNames(steps), "its questions are redirected before the system starts")
		require.False(t, fault.PlanNeedsStreams(steps))

		type record struct {
			Fault fault.Fault
			Act   fault.Act
		}
		text, err := named.Marshal(record{c.fault, act})
		require.NoError(t, err)
		var back record
		require.NoError(t, named.Unmarshal(text, &back))
		require.Equal(t, record{c.fault, act}, back)
	}
	kill := fault.Plan(fault.For{Duration: time.Second, Fault: fault.Kill{Target: n1}}, 1, world(3), time.Minute)
	require.False(t, fault.PlanNeedsNames(kill))
}

func TestMistakesInNameFaultsAreSaidBeforeARun(t *testing.T) {
	for says, f := range map[string]fault.Fault{
		"fault.NamesSlow":               fault.NamesFail{Target: fault.Random, How: link.LateAnswer},
		`unknown action on names "off"`: fault.NamesFail{Target: fault.Random, How: "off"},
		`""`:                            fault.NamesFail{Target: fault.Random, Names: []string{""}},
		"above zero":                    fault.NamesSlow{Target: fault.Random, Jitter: 1},
		"nodes n1, n2, n3, or an IP":    fault.NamesWrong{Target: fault.Random, Answer: "n4"},
		"for faults on the network":     fault.NamesFail{Target: fault.Halves},
	} {
		require.ErrorContains(t, fault.Check(fault.For{Duration: 1, Fault: f}, bare{count: 3}, world(3)), says)
	}
	require.NoError(t, fault.Check(fault.For{Duration: 1, Fault: fault.NamesWrong{Target: fault.Random, Answer: "192.0.2.1"}}, bare{count: 3}, world(3)))
	// A runtime that knows nothing of names is not asked to change them.
	require.ErrorContains(t, fault.NamesFail{Target: fault.Random}.Applies(bare{count: 3}, meterNetwork{}), "do not apply")
}

// registry is a cluster in which n1 is told something, and nobody asks but the probe.
type registry struct {
	cluster.Cluster
	cluster.NameNetwork
	told  link.Resolution
	asked *int
	meets bool // the probe's questions meet the effect
}

func (r registry) Network() cluster.Network { return r }
func (r registry) Count(context.Context, string) (link.Count, error) {
	if r.meets {
		return link.Count{Packets: uint64(*r.asked)}, nil
	}
	return link.Count{}, nil
}
func (r registry) Resolve(_ context.Context, node, name string, _ time.Duration) (link.Resolution, error) {
	switch {
	case node == "n3" && name == "n3":
		return link.Resolution{Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.3")}}, nil
	case node == "n1" && name == "n2":
		*r.asked++
		return r.told, nil
	}
	return link.Resolution{}, errors.New("nobody should have asked for " + name)
}

// A lookup proves a fault on names only if it was told what the fault says, and
// the relay says that it met the effect.
func TestNameFaultsAreProvenByWhatALookupIsTold(t *testing.T) {
	n1 := fault.Node("n1")
	honest := link.Resolution{Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.2")}, Took: time.Millisecond}
	for name, c := range map[string]struct {
		fault fault.Fault
		told  link.Resolution
	}{
		"fails":   {fault.NamesFail{Target: n1}, link.Resolution{Failure: "no such host", NotFound: true}},
		"broken":  {fault.NamesFail{Target: n1, How: link.ServerFailure}, link.Resolution{Failure: "server misbehaving"}},
		"silent":  {fault.NamesFail{Target: n1, How: link.NoAnswer}, link.Resolution{Failure: "i/o timeout", TimedOut: true}},
		"slow":    {fault.NamesSlow{Target: n1, Latency: time.Second, Jitter: time.Second / 2}, link.Resolution{Addresses: honest.Addresses, Took: time.Second / 2}},
		"another": {fault.NamesWrong{Target: n1, Answer: "n3"}, link.Resolution{Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.3")}}},
		"wrong":   {fault.NamesWrong{Target: n1, Answer: "192.0.2.1"}, link.Resolution{Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}},
	} {
		t.Run(name, func(t *testing.T) {
			act := aimNames(t, c.fault)
			bit := func(told link.Resolution, meets bool) bool {
				bit, proof, err := act.Bit(t.Context(), registry{told: told, meets: meets, asked: new(int)}, "x")
				require.NoError(t, err)
				require.Contains(t, proof, "lookup of n2 on n1")
				return bit
			}
			require.True(t, bit(c.told, true))
			require.False(t, bit(c.told, false), "it may have failed for another reason")
			require.False(t, bit(honest, true))
		})
	}
	act := aimNames(t, fault.NamesFail{Target: n1})
	asked := 2
	bit, proof, err := act.Bit(t.Context(), registry{meets: true, asked: &asked}, "x")
	require.NoError(t, err)
	require.True(t, bit)
	require.Equal(t, "2 questions, 0 bytes", proof)
	require.Equal(t, 2, asked, "the node's own questions are proof enough")

	act = aimNames(t, fault.NamesFail{Target: n1, Names: []string{"*.test"}})
	bit, proof, err = act.Bit(t.Context(), registry{asked: new(int)}, "x")
	require.NoError(t, err)
	require.False(t, bit)
	require.Contains(t, proof, "nothing was asked")
}
