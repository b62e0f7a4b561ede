package scenarios

import (
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/docker/canary"
	"github.com/seatrial/seatrial/docker/etcd"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/workloads"
)

// everything is a mix of every fault that applies, two at a time. Names are not
// among them: the nodes of these systems find each other before it begins.
func everything() fault.Mix {
	return fault.Mix{AtOnce: 2, Faults: fault.Package(fault.KindNetwork, fault.KindProcess, fault.KindResource),
		QuietMin: 500 * time.Millisecond, QuietMax: 1500 * time.Millisecond}
}

// CanaryEverything throws every fault that there is at the canary store.
var CanaryEverything = harness.Scenario{
	Name:     "canary/register/everything",
	About:    "the canary store is linearizable under every fault that applies to processes, two at a time",
	System:   canary.Cluster{Nodes: 3},
	Workload: workloads.Registers{Keys: 12},
	Duration: 20 * time.Second,
	Faults:   everything(),
	Check:    linearizable,
}

// EtcdEverything throws every fault that there is at etcd.
var EtcdEverything = harness.Scenario{
	Name:     "etcd/register/everything",
	About:    "etcd is linearizable under every fault that applies to pods, two at a time",
	System:   etcd.Cluster{Nodes: 3},
	Workload: workloads.Registers{Keys: 12},
	Rate:     1600,
	Duration: 20 * time.Second,
	Faults:   everything(),
	Check:    linearizable,
}

// far are three regions with one member in each: next door, across a continent and
// across an ocean.
var far = fault.Regions{
	Regions: []fault.Region{{Name: "home", Nodes: []string{"n1"}}, {Name: "near", Nodes: []string{"n2"}}, {Name: "far", Nodes: []string{"n3"}}},
	RoundTrip: [][]time.Duration{
		{0, time.Millisecond, 150 * time.Millisecond},
		{time.Millisecond, 0, 70 * time.Millisecond},
		{150 * time.Millisecond, 70 * time.Millisecond, 0},
	},
}

// EtcdRegions puts distance between etcd's members, and loses one region after the other.
var EtcdRegions = harness.Scenario{
	Name:     "etcd/register/regions",
	About:    "etcd over three regions, round trips of 1, 70 and 150 ms, of which each is lost for a while, is linearizable; how long commits take and how long a failover",
	Tags:     []string{"regions"},
	System:   etcd.Cluster{Nodes: 3},
	Workload: workloads.Registers{Keys: 12},
	Rate:     300,
	Duration: 40 * time.Second,
	Faults: fault.Together{
		fault.For{Duration: 40 * time.Second, Fault: far},
		fault.After{Delay: 6 * time.Second, Do: fault.For{Duration: 6 * time.Second, Fault: fault.BlackHole{Target: fault.Node("n3")}}},
		fault.After{Delay: 18 * time.Second, Do: fault.For{Duration: 6 * time.Second, Fault: fault.BlackHole{Target: fault.Node("n2")}}},
		fault.After{Delay: 30 * time.Second, Do: fault.For{Duration: 6 * time.Second, Fault: fault.BlackHole{Target: fault.Node("n1")}}},
	},
	Check: checkers.All{checkers.Linearizable{}, checkers.RecoveryTime{}, checkers.Latency{}},
}
