package fault_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/link"
)

// ported is a system with ports and a leader.
type ported struct{ bare }

func (ported) Ports() []cluster.Port {
	return []cluster.Port{{Name: "client", Number: 2379}, {Name: "peer", Number: 2380, Peer: true}}
}
func (ported) Leader(context.Context, link.Session) (string, uint64, error) { return "n2", 1, nil }

func aimIn(t *testing.T, w fault.World, f fault.Fault) fault.Act {
	t.Helper()
	act, err := f.Aim(t.Context(), fault.Aim{World: w, Draw: rand.New(rand.NewPCG(1, 1)),
		Leader: func(context.Context) (string, error) { return "n2", nil }})
	require.NoError(t, err)
	return act
}

func portedWorld() fault.World {
	w := world(3)
	w.System, w.Runtime = ported{bare{count: 3}}, "pod"
	w.Groups = []fault.Group{{Name: "c", Beside: fault.Node("n1")}}
	return w
}

func TestPacketFaultsSayWhatTheyDo(t *testing.T) {
	for _, c := range []struct {
		fault  func(fault.Target) fault.Fault
		text   string
		effect link.Effect
		engine string
	}{
		{func(t fault.Target) fault.Fault { return fault.Loss{Target: t, Probability: 0.05} }, "loss 5% n1 | n2 n3", link.Effect{Action: link.Lose, Probability: 0.05}, "queue, seeded"},
		{func(t fault.Target) fault.Fault { return fault.Loss{Target: t, Probability: 0.125, Burst: 8} }, "loss 12.5% in bursts of 8 n1 | n2 n3", link.Effect{Action: link.Lose, Probability: 0.125, Burst: 8}, "queue, seeded"},
		{func(t fault.Target) fault.Fault {
			return fault.Reorder{Target: t, Probability: 0.1, Delay: time.Millisecond}
		}, "reorder 10% by 1ms n1 | n2 n3", link.Effect{Action: link.Reorder, Probability: 0.1, Latency: time.Millisecond}, "queue, seeded"},
		{func(t fault.Target) fault.Fault { return fault.Duplicate{Target: t, Probability: 1} }, "duplicate 100% n1 | n2 n3", link.Effect{Action: link.Duplicate, Probability: 1}, "queue, seeded"},
		{func(t fault.Target) fault.Fault { return fault.Corrupt{Target: t, Probability: 0.01} }, "corrupt 1% n1 | n2 n3", link.Effect{Action: link.Corrupt, Probability: 0.01}, "queue, seeded"},
		{func(t fault.Target) fault.Fault { return fault.Latency{Target: t, Latency: 2, Packets: true} }, "latency 2ns ± 0s of packets n1 | n2 n3", link.Effect{Action: link.Delay, Latency: 2, Packets: true}, "queue"},
		{func(t fault.Target) fault.Fault { return fault.Bandwidth{Target: t, BytesPerSecond: 7, Packets: true} }, "bandwidth 7 B/s of packets n1 | n2 n3", link.Effect{Action: link.Throttle, BytesPerSecond: 7, Packets: true}, "queue"},
	} {
		f := c.fault(fault.Node("n1"))
		act := aimIn(t, portedWorld(), f).(fault.NetworkAct)
		require.Equal(t, c.text, act.Text())
		require.Equal(t, c.engine, act.EngineName())
		require.NoError(t, act.Effect.Validate())
		if c.effect.Probability > 0 {
			require.NotZero(t, act.Effect.Seed, "its draws come from the run's seed")
		}
		act.Effect.Seed = 0
		require.Equal(t, c.effect, act.Effect)
		require.ElementsMatch(t, link.Between([]link.End{"n1"}, []link.End{"n2", "n3"}), act.Flows, "the clients beside n1 have no packets of their own")
		require.False(t, fault.NeedsStreams(f))
		require.ErrorContains(t, fault.Check(fault.For{Duration: 1, Fault: c.fault(fault.Clients("c"))}, ported{bare{count: 3}}, portedWorld()), "links of clients")
	}
}

func TestMistakesInParametersAreNamedWithTheirRemedy(t *testing.T) {
	hole := fault.BlackHole{Target: fault.Random}
	for says, f := range map[string]fault.Fault{
		"Probability is 0":                 fault.Loss{Target: fault.Random},
		"Probability is 1.5":               fault.Duplicate{Target: fault.Random, Probability: 1.5},
		"Probability is -1":                fault.Corrupt{Target: fault.Random, Probability: -1},
		"at most 0.667 can be lost":        fault.Loss{Target: fault.Random, Probability: 0.7, Burst: 2},
		"Delay is 0s":                      fault.Reorder{Target: fault.Random, Probability: 0.1},
		"Bytes is 0":                       fault.ByteLimit{Target: fault.Random},
		"no Fault":                         fault.Only{Port: "peer"},
		"say Direction, Port or Transport": fault.Only{Fault: hole},
		`Direction is "up"`:                fault.Only{Fault: hole, Direction: "up"},
		`Transport is "sctp"`:              fault.Only{Fault: hole, Transport: "sctp"},
		"this is none":                     fault.Only{Fault: fault.Kill{Target: fault.Random}, Port: "peer"},
		"into one":                         fault.Only{Fault: fault.Only{Fault: hole, Port: "peer"}, Direction: fault.Inbound},
		"with Packets: true":               fault.Only{Fault: fault.Latency{Target: fault.Random, Latency: 1}, Transport: link.UDP},
		"jitter":                           fault.Only{Fault: fault.Latency{Target: fault.Random, Latency: 1, Jitter: 2}, Transport: link.TCP},
		"both sides of fault.Between":      fault.BlackHole{Target: fault.Between(fault.Leader, fault.Leader)},
		"are n1":                           fault.BlackHole{Target: fault.Between(fault.Node("n1"), fault.Nodes("n1"))},
		"a side is nodes or clients":       fault.BlackHole{Target: fault.Between(fault.Ring, fault.Node("n1"))},
		"no link between clients":          fault.BlackHole{Target: fault.Between(fault.Clients("c"), fault.EveryClient)},
		`no node "n9"`:                     fault.BlackHole{Target: fault.Between(fault.Node("n9"), fault.Node("n1"))},
		"wants at least one name":          fault.Kill{Target: fault.Nodes()},
		"named twice":                      fault.Kill{Target: fault.Nodes("n1", "n1")},
		"faults on the network":            fault.Kill{Target: fault.Between(fault.Node("n1"), fault.Node("n2"))},
	} {
		for _, schedule := range []fault.Schedule{fault.For{Duration: 1, Fault: f}, fault.Mix{Faults: []fault.Fault{hole, f}}} {
			require.ErrorContains(t, fault.Check(schedule, ported{bare{count: 3}}, portedWorld()), says)
		}
	}
	raft := fault.Only{Fault: hole, Port: "raft"}
	require.ErrorContains(t, fault.Check(fault.For{Duration: 1, Fault: raft}, ported{bare{count: 3}}, portedWorld()), `no port "raft"; there are client (2379), peer (2380)`)
}

func TestOnlyNarrowsToADirectionAPortAndATransport(t *testing.T) {
	w := portedWorld()
	n1 := fault.Node("n1")
	all := fault.Only{Fault: fault.Loss{Target: n1, Probability: 0.5}, Direction: fault.Inbound, Port: "peer", Transport: link.UDP}
	act := aimIn(t, w, all).(fault.NetworkAct)
	require.Equal(t, "loss 50% n1 < n2 n3, port peer, udp", act.Text())
	require.Equal(t, "loss inbound udp peer", all.FaultName())
	require.Equal(t, []link.Flow{{From: "n2", To: "n1"}, {From: "n3", To: "n1"}}, act.Flows)
	require.Equal(t, uint16(2380), act.Effect.Port)
	require.Equal(t, link.UDP, act.Effect.Transport)
	require.NoError(t, act.Effect.Validate())

	byNumber := aimIn(t, w, fault.Only{Fault: fault.Hold{Target: n1}, Port: "2379"}).(fault.NetworkAct)
	require.Equal(t, uint16(2379), byNumber.Effect.Port)
	require.Equal(t, "hold n1 | n2 n3, c beside n1, port 2379", byNumber.Text())
	require.Contains(t, byNumber.Flows, link.Flow{From: "c", To: "n2"}, "the clients beside n1 are cut off with it")
	require.True(t, fault.NeedsStreams(fault.Only{Fault: fault.Hold{Target: n1}, Port: "2379"}))

	udp := aimIn(t, w, fault.Only{Fault: fault.BlackHole{Target: n1}, Transport: link.UDP}).(fault.NetworkAct)
	require.NotContains(t, udp.Flows, link.Flow{From: "c", To: "n2"}, "clients have no datagrams")
}

// A probe has a port of its own, so it can't tell whether a narrowed fault is there.
func TestNarrowedFaultsAreProvenByCountersAlone(t *testing.T) {
	for _, f := range []fault.Fault{
		fault.Only{Fault: fault.BlackHole{Target: fault.Random}, Port: "peer"}, fault.Only{Fault: fault.Reset{Target: fault.Random}, Transport: link.TCP},
		fault.Loss{Target: fault.Random, Probability: 1}, fault.ByteLimit{Target: fault.Random, Bytes: 1},
	} {
		act := aimIn(t, portedWorld(), f)
		bit, proof, err := act.Bit(t.Context(), meter{}, "x")
		require.NoError(t, err)
		require.False(t, bit)
		require.Contains(t, proof, "no traffic")
		bit, _, err = act.Bit(t.Context(), meter{count: link.Count{Packets: 1}}, "x")
		require.NoError(t, err)
		require.True(t, bit)
	}
}

func TestALinkIsBetweenTwoTargets(t *testing.T) {
	w := world(5)
	flows := func(target fault.Target) []link.Flow {
		return aimIn(t, w, fault.BlackHole{Target: target}).(fault.NetworkAct).Flows
	}
	w.Groups = []fault.Group{{Name: "c"}}
	require.ElementsMatch(t, link.Between([]link.End{"n1"}, []link.End{"n4"}), flows(fault.Between(fault.Node("n1"), fault.Node("n4"))))
	require.ElementsMatch(t, link.Between([]link.End{"n1", "n3"}, []link.End{"n4", "n5"}), flows(fault.Between(fault.Nodes("n1", "n3"), fault.Nodes("n4", "n5"))))
	require.ElementsMatch(t, link.Between([]link.End{"c"}, []link.End{"n2"}), flows(fault.Between(fault.Clients("c"), fault.Leader)))
	require.ElementsMatch(t, link.Between([]link.End{"c"}, []link.End{"n2"}), flows(fault.Between(fault.Leader, fault.EveryClient)))
	require.Len(t, flows(fault.EveryNode), 5*4, "every link both ways")

	// What is drawn is never the other side, whichever stands first.
	for seed := range uint64(30) {
		for _, target := range []fault.Target{fault.Between(fault.Leader, fault.Random), fault.Between(fault.Random, fault.Leader), fault.Between(fault.Random, fault.Random)} {
			act := aim(t, fault.BlackHole{Target: target}, 5, seed)
			require.Len(t, act.Flows, 2)
			require.NotEqual(t, act.Flows[0].From, act.Flows[0].To)
			if target != fault.Between(fault.Random, fault.Random) {
				require.Contains(t, []link.End{act.Flows[0].From, act.Flows[0].To}, link.End("n2"))
			}
		}
	}
	out := aim(t, fault.Only{Fault: fault.BlackHole{Target: fault.Between(fault.Random, fault.Leader)}, Direction: fault.Outbound}, 3, 1)
	require.Len(t, out.Flows, 1)
	require.Equal(t, link.End("n2"), out.Flows[0].To, "the first side sends")
	require.Equal(t, "kill of every node", fault.Aimed(fault.Kill{Target: fault.EveryNode}))
	require.Equal(t, nodes(5), aimIn(t, w, fault.Kill{Target: fault.EveryNode}).Nodes())
}
