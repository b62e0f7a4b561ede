package fault_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/named"
)

func nodes(count int) []string {
	var names []string
	for i := range count {
		names = append(names, fmt.Sprintf("n%d", i+1))
	}
	return names
}

func world(count int) fault.World { return fault.World{Nodes: nodes(count)} }

func aim(t *testing.T, f fault.Fault, count int, seed uint64) fault.NetworkAct {
	t.Helper()
	act, err := f.Aim(t.Context(), fault.Aim{World: fault.World{Nodes: nodes(count)}, Draw: rand.New(rand.NewPCG(seed, 1)),
		Leader: func(context.Context) (string, error) { return "n2", nil }})
	require.NoError(t, err)
	return act.(fault.NetworkAct)
}

// A minority is no quorum and leaves one; a majority is the smallest quorum.
func TestMinorityAndMajorityAreWhatTheirNamesSay(t *testing.T) {
	for count := 3; count <= 9; count++ {
		for seed := range uint64(20) {
			minority := aim(t, fault.BlackHole{Target: fault.Minority}, count, seed)
			require.Less(t, len(minority.Nodes())*2, count)
			require.Greater(t, (count-len(minority.Nodes()))*2, count)
			majority := aim(t, fault.BlackHole{Target: fault.Majority}, count, seed)
			require.Greater(t, len(majority.Nodes())*2, count)
			require.LessOrEqual(t, (len(majority.Nodes())-1)*2, count)
		}
	}
}

func TestDrawnTargetsReachEveryNode(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(60) {
		for _, node := range aim(t, fault.Reset{Target: fault.Follower}, 5, seed).Nodes() {
			seen[node] = true
		}
	}
	require.Len(t, seen, 4, "followers are all but the leader")
	require.False(t, seen["n2"], "the leader is no follower")
	require.Equal(t, []string{"n2"}, aim(t, fault.Hold{Target: fault.Leader}, 5, 1).Nodes())
	require.Equal(t, []string{"n4"}, aim(t, fault.Hold{Target: fault.Node("n4")}, 5, 1).Nodes())
}

// A cut is every flow between the target and the others, both ways, and none else.
func TestCutsCoverTheFlowsTheySay(t *testing.T) {
	cut := aim(t, fault.BlackHole{Target: fault.Node("n1")}, 3, 1)
	require.ElementsMatch(t, []link.Flow{{From: "n1", To: "n2"}, {From: "n2", To: "n1"}, {From: "n1", To: "n3"}, {From: "n3", To: "n1"}}, cut.Flows)
	require.Equal(t, link.Drop, cut.Effect.Action)
	require.Equal(t, "black hole n1 | n2 n3", cut.Text())

	out := aim(t, fault.Only{Fault: fault.BlackHole{Target: fault.Node("n1")}, Direction: fault.Outbound}, 3, 1)
	require.ElementsMatch(t, []link.Flow{{From: "n1", To: "n2"}, {From: "n1", To: "n3"}}, out.Flows)
	in := aim(t, fault.Only{Fault: fault.BlackHole{Target: fault.Node("n1")}, Direction: fault.Inbound}, 3, 1)
	require.ElementsMatch(t, []link.Flow{{From: "n2", To: "n1"}, {From: "n3", To: "n1"}}, in.Flows)
}

func everySchedule() fault.Schedule {
	return fault.Together{
		fault.Every{Period: 3 * time.Second, Do: fault.For{Duration: time.Second, Fault: fault.BlackHole{Target: fault.Minority}}},
		fault.After{Delay: 500 * time.Millisecond, Do: fault.For{Duration: 200 * time.Millisecond, Fault: fault.Kill{Target: fault.Leader}}},
		fault.Mix{Faults: []fault.Fault{fault.Pause{Target: fault.Random}, fault.Latency{Target: fault.Random, Latency: time.Millisecond}, fault.Stop{Target: fault.Follower}}},
	}
}

func TestAPlanStaysWithinItsTimeAndRepeats(t *testing.T) {
	for seed := range uint64(50) {
		steps := fault.Plan(everySchedule(), seed, world(3), 20*time.Second)
		require.Equal(t, steps, fault.Plan(everySchedule(), seed, world(3), 20*time.Second))
		for i, s := range steps {
			require.Equal(t, i+1, s.Number)
			require.GreaterOrEqual(t, s.At, time.Duration(0))
			require.LessOrEqual(t, s.At+s.For, 20*time.Second, "step %d ends after the load", s.Number)
			require.NotEmpty(t, s.Text)
		}
		require.True(t, slices.IsSortedFunc(steps, func(a, b fault.Step) int { return int(a.At - b.At) }))
	}
}

// A mix draws every fault before it draws one again, so few runs miss any.
func TestAMixDrawsEveryFaultInTurn(t *testing.T) {
	mix := fault.Mix{Faults: []fault.Fault{fault.Kill{Target: fault.Random}, fault.Pause{Target: fault.Random}, fault.Stop{Target: fault.Random}}}
	for seed := range uint64(50) {
		steps := fault.Plan(mix, seed, world(3), 30*time.Second)
		require.Greater(t, len(steps), 6)
		for round := 0; round+3 <= len(steps); round += 3 {
			kinds := map[string]bool{}
			for _, s := range steps[round : round+3] {
				require.True(t, s.Mix)
				kinds[s.Fault.FaultName()] = true
			}
			require.Len(t, kinds, 3)
		}
	}
}

func TestSchedulesAndActsGoToJSONAndBack(t *testing.T) {
	type plan struct{ Faults fault.Schedule }
	text, err := named.Marshal(plan{everySchedule()})
	require.NoError(t, err)
	var back plan
	require.NoError(t, named.Unmarshal(text, &back))
	require.Equal(t, everySchedule(), back.Faults)

	type record struct{ Act fault.Act }
	act := record{aim(t, fault.Latency{Target: fault.Random, Latency: time.Second, Jitter: time.Millisecond}, 3, 7)}
	text, err = named.Marshal(act)
	require.NoError(t, err)
	var again record
	require.NoError(t, named.Unmarshal(text, &again))
	require.Equal(t, act, again)
}

func TestOnlyStreamFaultsNeedRedirects(t *testing.T) {
	for f, want := range map[fault.Fault]bool{
		fault.BlackHole{Target: fault.Random}: false, fault.Only{Fault: fault.BlackHole{Target: fault.Random}, Direction: fault.Outbound}: false, fault.Reset{Target: fault.Random}: false,
		fault.Kill{Target: fault.Random}: false, fault.Hold{Target: fault.Random}: true,
		fault.Latency{Target: fault.Random, Latency: time.Second}: true,
	} {
		steps := fault.Plan(fault.For{Duration: time.Second, Fault: f}, 1, world(3), time.Minute)
		require.Equal(t, want, fault.PlanNeedsStreams(steps), f.FaultName())
	}
}

// bare is a system with some nodes and no way to say who leads.
type bare struct {
	cluster.System
	count int
}

func (b bare) NodeNames() []string { return nodes(b.count) }
func (bare) SystemName() string    { return "bare" }

func TestMistakesInASchedulesAreSaidBeforeARun(t *testing.T) {
	hold := fault.Hold{Target: fault.Random}
	for says, c := range map[string]struct {
		schedule fault.Schedule
		nodes    int
	}{
		"Duration is 0s":                      {fault.For{Fault: hold}, 3},
		"no Fault":                            {fault.For{Duration: time.Second}, 3},
		"Period is 0s":                        {fault.Every{Do: fault.For{Duration: 1, Fault: hold}}, 3},
		"Do is nil":                           {fault.Every{Period: 1}, 3},
		"Delay is -1s":                        {fault.After{Delay: -time.Second, Do: fault.For{Duration: 1, Fault: hold}}, 3},
		"no Faults to draw from":              {fault.Mix{}, 3},
		"makes no sense":                      {fault.Mix{Faults: []fault.Fault{hold}, QuietMin: 2, QuietMax: 1}, 3},
		"needs a Name":                        {fault.Func{}, 3},
		"no target":                           {fault.For{Duration: 1, Fault: fault.Kill{}}, 3},
		`fault.Node("n7")`:                    {fault.For{Duration: 1, Fault: fault.Kill{Target: "n7"}}, 3},
		`there is no node "n7"`:               {fault.For{Duration: 1, Fault: fault.Kill{Target: fault.Node("n7")}}, 3},
		"bare has one node":                   {fault.For{Duration: 1, Fault: hold}, 1},
		"the jitter between":                  {fault.For{Duration: 1, Fault: fault.Latency{Target: fault.Random, Latency: 1, Jitter: 2}}, 3},
		"bare has no way to say who leads":    {fault.For{Duration: 1, Fault: fault.Kill{Target: fault.Leader}}, 3},
		"nothing to do":                       {fault.Together{nil}, 3},
		"faults that last between -1ns and 0": {fault.Mix{Faults: []fault.Fault{hold}, ForMin: -1, ForMax: -1, QuietMax: 1}, 3},
	} {
		err := fault.Check(c.schedule, bare{count: c.nodes}, world(c.nodes))
		if strings.HasPrefix(says, "faults that last") {
			require.ErrorContains(t, err, "make no sense")
			continue
		}
		require.ErrorContains(t, err, says)
	}
	require.NoError(t, fault.Check(fault.For{Duration: 1, Fault: hold}, bare{count: 3}, world(3)))
	require.NoError(t, fault.Check(nil, bare{count: 3}, world(3)))
}

// Streams of one seed are independent by name: adding a client moves no fault.
func TestStreamsAreIndependentByName(t *testing.T) {
	first := fault.Stream(7, "client 1").Uint64()
	require.Equal(t, first, fault.Stream(7, "client 1").Uint64())
	require.NotEqual(t, first, fault.Stream(7, "client 2").Uint64())
	require.NotEqual(t, first, fault.Stream(8, "client 1").Uint64())
}
