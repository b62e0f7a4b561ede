package scenarios

import (
	"slices"
	"time"

	"github.com/seatrial/seatrial/docker/canary"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/workloads"
)

// leaderCut cuts the leader off for long enough that another is elected.
var leaderCut = fault.Every{Period: 3 * time.Second, Do: fault.For{
	Duration: 1500 * time.Millisecond, Fault: fault.BlackHole{Target: fault.Leader}}}

// CanaryAppends does everything to the canary store's nodes that there is.
var CanaryAppends = harness.Scenario{
	Name:     "canary/append/mixed",
	About:    "the canary store keeps every acknowledged append, once, under every kind of cut and kill",
	System:   canary.Cluster{Nodes: 3},
	Workload: workloads.Appends{},
	Duration: 15 * time.Second,
	Faults: fault.Mix{Faults: slices.Concat(everyFault, everyCut),
		QuietMin: 200 * time.Millisecond, QuietMax: 500 * time.Millisecond,
		ForMin: 600 * time.Millisecond, ForMax: 1200 * time.Millisecond},
	Check: lossless,
}

// CanaryAppendsLeaderCut cuts the canary store's leader off, again and again. Half
// of the operations are reads of one list, so that some reach the leader between
// the cut and the end of its lease, with an append under way.
var CanaryAppendsLeaderCut = harness.Scenario{
	Name:     "canary/append/leader-cut",
	About:    "the canary store keeps every acknowledged append, and shows no other, while leaders are cut off",
	System:   canary.Cluster{Nodes: 3},
	Workload: workloads.Appends{Lists: 1, ReadShare: 50},
	Clients:  15,
	Duration: 14 * time.Second,
	Faults:   leaderCut,
	Check:    lossless,
}

// CanaryAppendsKillAll kills all nodes of the canary store at once. Of a majority
// alone would not do: the survivor remembers, has the longest log, and mostly wins
// the election.
var CanaryAppendsKillAll = harness.Scenario{
	Name:     "canary/append/kill-all",
	About:    "the canary store keeps every acknowledged append when all its nodes are killed at once",
	System:   canary.Cluster{Nodes: 3},
	Workload: workloads.Appends{},
	Duration: 13 * time.Second,
	Faults:   killTogether("n1", "n2", "n3"),
	Check:    lossless,
}

// CanaryPowerLossAll takes the power of all nodes of the canary store at once: what
// only some node has synced is as good as kept. Processes share the machine's disk,
// so it runs in pods.
var CanaryPowerLossAll = harness.Scenario{
	Name:     "canary/append/power-loss-all",
	About:    "the canary store keeps every acknowledged append when all its nodes lose their power at once",
	Tags:     []string{"durability", "power"},
	System:   canary.Cluster{Nodes: 3},
	Workload: workloads.Appends{},
	Rate:     400,
	Duration: 12 * time.Second,
	Faults:   again(brief, fault.PowerLoss{Target: fault.EveryNode}),
	Check:    lossless,
	Runtime:  "pod",
}

// CanaryLeaderCut cuts the canary store's leader off. Few writes and many reads of
// few registers let some reads meet a write that will never be done, and then the
// value before it again.
var CanaryLeaderCut = harness.Scenario{
	Name:     "canary/register/leader-cut",
	About:    "the canary store is linearizable while leaders are cut off",
	System:   canary.Cluster{Nodes: 3},
	Workload: workloads.Registers{Keys: 4, ReadShare: 75, CASShare: 5},
	Clients:  20,
	Duration: 14 * time.Second,
	Faults:   leaderCut,
	Check:    linearizable,
}

// killTogether kills the nodes at the same time, every three seconds.
func killTogether(nodes ...string) fault.Schedule {
	var all fault.Together
	for _, node := range nodes {
		all = append(all, fault.Every{Period: 3 * time.Second, Do: fault.For{
			Duration: 500 * time.Millisecond, Fault: fault.Kill{Target: fault.Node(node)}}})
	}
	return all
}
