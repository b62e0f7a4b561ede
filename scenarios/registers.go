package scenarios

import (
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/docker/canary"
	"github.com/seatrial/seatrial/docker/etcd"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/named"
	"github.com/seatrial/seatrial/workloads"
)

func init() { named.Register(canary.Cluster{}, etcd.Cluster{}) }

// everyFault is one of each kind, for a random mix.
var everyFault = []fault.Fault{
	fault.BlackHole{Target: fault.Leader},
	fault.BlackHole{Target: fault.Minority},
	fault.Only{Fault: fault.BlackHole{Target: fault.Random}, Direction: fault.Outbound},
	fault.Reset{Target: fault.Minority},
	fault.Hold{Target: fault.Random},
	fault.Latency{Target: fault.Random, Latency: 60 * time.Millisecond, Jitter: 40 * time.Millisecond},
	fault.Kill{Target: fault.Leader},
	fault.Kill{Target: fault.Majority},
	fault.Stop{Target: fault.Follower},
	fault.Pause{Target: fault.Leader},
}

// minorityCut cuts a random minority off, two seconds at a time.
var minorityCut = fault.Every{Period: 4 * time.Second, Do: fault.For{
	Duration: 2 * time.Second, Fault: fault.BlackHole{Target: fault.Minority}}}

// longCut is the same with cuts that outlast what a member may lag by otherwise.
var longCut = fault.Every{Period: 5 * time.Second, Do: fault.For{
	Duration: 3 * time.Second, Fault: fault.BlackHole{Target: fault.Minority}}}

var linearizable = checkers.All{checkers.Linearizable{}}

// CanaryMixed cuts and kills the canary store's nodes in turn.
var CanaryMixed = harness.Scenario{
	Name:     "canary/register/mixed",
	About:    "the canary store is linearizable while nodes are cut, killed and paused",
	System:   canary.Cluster{Nodes: 3},
	Workload: workloads.Registers{Keys: 12},
	Duration: 15 * time.Second,
	Faults:   fault.Mix{Faults: everyFault},
	Check:    linearizable,
}

// CanaryMinorityCut cuts a random minority of the canary store off.
var CanaryMinorityCut = harness.Scenario{
	Name:     "canary/register/minority-cut",
	About:    "the canary store is linearizable while a random minority is cut off",
	System:   canary.Cluster{Nodes: 3},
	Workload: workloads.Registers{Keys: 12},
	Duration: 15 * time.Second,
	Faults:   minorityCut,
	Check:    linearizable,
}

// EtcdMixed cuts and kills etcd's members in turn.
var EtcdMixed = harness.Scenario{
	Name:     "etcd/register/mixed",
	About:    "etcd is linearizable while members are cut, killed and paused",
	System:   etcd.Cluster{Nodes: 3},
	Workload: workloads.Registers{Keys: 12},
	Rate:     1600,
	Duration: 20 * time.Second,
	Faults: fault.Mix{Faults: everyFault,
		// An election takes etcd one to two seconds: quiet enough in between to work.
		QuietMin: 1200 * time.Millisecond, QuietMax: 2400 * time.Millisecond},
	Check: linearizable,
}

// EtcdMinorityCut cuts a random minority of etcd's members off.
var EtcdMinorityCut = harness.Scenario{
	Name:     "etcd/register/minority-cut",
	About:    "etcd is linearizable while a random minority is cut off",
	System:   etcd.Cluster{Nodes: 3},
	Workload: workloads.Registers{Keys: 12},
	Rate:     1600,
	Duration: 20 * time.Second,
	Faults:   longCut,
	Check:    linearizable,
}

// EtcdSerializable reads from members without asking the quorum, which etcd
// documents as possibly stale: the judge must see it. Its control is EtcdMinorityCut.
var EtcdSerializable = harness.Scenario{
	Name:     "etcd/register/serializable",
	About:    "shows that etcd's serializable reads are stale on a member that is cut off (known violation; control: etcd/register/minority-cut)",
	System:   etcd.Cluster{Nodes: 3, Serializable: true},
	Workload: workloads.Registers{Keys: 12},
	Rate:     1600,
	Duration: 20 * time.Second,
	Faults:   longCut,
	// Without a cut a member lags by milliseconds: a read that is half a second old
	// shows that the cut was one.
	Check: checkers.All{checkers.Linearizable{}, checkers.Staleness{Bound: 500 * time.Millisecond}},
}
