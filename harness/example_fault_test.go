package harness_test

import (
	"context"
	"testing"
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/docker/canary"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/workloads"
)

// Unplug takes a node off the power. Of one that is killed the others learn at
// once, because its kernel resets its connections; of this one nothing is heard.
type Unplug struct{ fault.Target }

func (Unplug) FaultName() string { return "unplug" }

func (f Unplug) Applies(s cluster.System, n cluster.Network) error {
	return fault.BlackHole(f).Applies(s, n)
}

func (f Unplug) Aim(ctx context.Context, aim fault.Aim) (fault.Act, error) {
	kill, err := fault.Kill{Target: f.Target}.Aim(ctx, aim)
	if err != nil {
		return nil, err
	}
	// The node was drawn or looked up once: both acts must fall on the same.
	hole, err := fault.BlackHole{Target: fault.Nodes(kill.Nodes()...)}.Aim(ctx, aim)
	if err != nil {
		return nil, err
	}
	return fault.Acts{Label: "unplug " + kill.Nodes()[0], Parts: []fault.Act{hole, kill}}, nil
}

func init() {
	fault.Register(fault.Entry{Kind: fault.KindProcess, Example: Unplug{Target: fault.Random},
		About: "ends the program without a word to anybody, as a power cut does"})
}

// TestAFaultOfOnesOwn runs it: the store loses nothing when its leader goes silent.
func TestAFaultOfOnesOwn(t *testing.T) {
	harness.Test(t, harness.Scenario{
		Name: "canary/register/unplug", System: canary.Cluster{Nodes: 3}, Workload: workloads.Registers{Keys: 4},
		Clients: 4, Duration: 5 * time.Second,
		Faults: fault.After{Delay: time.Second, Do: fault.For{Duration: 2 * time.Second, Fault: Unplug{Target: fault.Leader}}},
		Check:  checkers.All{checkers.Linearizable{}},
	})
}
