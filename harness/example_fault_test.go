package harness_test

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
)

// PauseAll stops every node where it stands. Its act is one that there is
// already; a fault of a new kind implements fault.Act as well, and registers it
// with named.Register so that the undo journal can hold it.
type PauseAll struct{}

func (PauseAll) FaultName() string { return "pause-all" }
func (PauseAll) At() fault.Target  { return fault.Random } // not used: all are meant

func (PauseAll) Applies(cluster.System, cluster.Network) error { return nil }

func (PauseAll) Aim(_ context.Context, aim fault.Aim) (fault.Act, error) {
	return fault.ProcessAct{Do: "pause", Targets: aim.Nodes}, nil
}

func Example_fault() {
	act, err := PauseAll{}.Aim(context.Background(), fault.Aim{
		World: fault.World{Nodes: []string{"n1", "n2", "n3"}}, Draw: rand.New(rand.NewPCG(1, 1))})
	fmt.Println(act.Text(), err)
	// Output: pause n1 n2 n3 <nil>
}
