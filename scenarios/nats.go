package scenarios

import (
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/docker/nats"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/named"
	"github.com/seatrial/seatrial/workloads"
)

func init() { named.Register(nats.Cluster{}) }

// NatsKillAll kills every server at once: what was written is in the page cache, so
// a kill alone loses nothing.
var NatsKillAll = harness.Scenario{
	Name:     "nats/append/kill-all",
	About:    "NATS JetStream keeps every acknowledged message when all servers are killed",
	Tags:     []string{"durability"},
	System:   nats.Cluster{Nodes: 3},
	Workload: workloads.Appends{RetireAfter: 60}, // a read asks for message after message
	Rate:     400,
	Duration: 20 * time.Second,
	Faults: fault.Every{Period: 6 * time.Second, Do: fault.Together{
		fault.For{Duration: time.Second, Fault: fault.Kill{Target: fault.Node("n1")}},
		fault.For{Duration: time.Second, Fault: fault.Kill{Target: fault.Node("n2")}},
		fault.For{Duration: time.Second, Fault: fault.Kill{Target: fault.Node("n3")}},
	}},
	Check: checkers.All{checkers.NothingLost{}},
}

// NatsMixed cuts and kills in turn.
var NatsMixed = harness.Scenario{
	Name:     "nats/append/mixed",
	About:    "NATS JetStream keeps every acknowledged message while servers are cut, killed and paused",
	Tags:     []string{"durability"},
	System:   nats.Cluster{Nodes: 3},
	Workload: workloads.Appends{RetireAfter: 60}, // a read asks for message after message
	Rate:     400,
	Duration: 30 * time.Second,
	Faults:   fault.Mix{Faults: everyFault, QuietMin: 3 * time.Second, QuietMax: 5 * time.Second},
	Check:    checkers.All{checkers.NothingLost{}},
}
