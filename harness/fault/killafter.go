package fault

import (
	"context"
	"fmt"

	"github.com/seatrial/seatrial/harness/cluster"
)

// KillAfter kills the target's program just after clients were told of the success
// of that many operations, counted from when its step begins: what was acknowledged
// and is nowhere safe yet is lost at such a moment. The target is resolved then. If
// fewer succeed within the step's time, nothing is killed, and it did not bite.
type KillAfter struct {
	Target
	Acknowledged int
}

// FaultName is "kill-after".
func (KillAfter) FaultName() string { return "kill-after" }

// Validate names what is wrong with the parameters.
func (f KillAfter) Validate() error {
	if f.Acknowledged < 1 {
		return fmt.Errorf("kill after: Acknowledged is %d: say after how many operations, at least 1", f.Acknowledged)
	}
	return nil
}

// Applies everywhere.
func (KillAfter) Applies(cluster.System, cluster.Network) error { return nil }

// Await waits for the operations.
func (f KillAfter) Await(ctx context.Context, load Load) (bool, string) {
	before := load.Acknowledged()
	err := load.AwaitAcknowledged(ctx, before+int64(f.Acknowledged))
	return err == nil, fmt.Sprintf("%d of %d operations were acknowledged", load.Acknowledged()-before, f.Acknowledged)
}

// Aim resolves the target.
func (f KillAfter) Aim(ctx context.Context, aim Aim) (Act, error) {
	return aimProcess(ctx, aim, f.Target, ProcessAct{Do: "kill", After: fmt.Sprintf("after %d acknowledged operations", f.Acknowledged)})
}

func init() {
	Register(Entry{Kind: KindProcess, Example: KillAfter{Target: Leader, Acknowledged: 20},
		About: "kills the program just after the Acknowledged-th operation since the step began"})
}
