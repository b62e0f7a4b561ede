package fault

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/named"
)

// Restart ends the target's program and starts it again at once: by SIGTERM, and
// SIGKILL after Grace (default 5 s), or with Kill by SIGKILL. It is over when the
// node serves again, or when its time is.
type Restart struct {
	Target
	Kill  bool          `json:",omitempty"`
	Grace time.Duration `json:",omitempty"`
}

// FaultName is "restart".
func (Restart) FaultName() string { return "restart" }

// Validate names what is wrong with the parameters.
func (f Restart) Validate() error {
	if f.Grace < 0 || f.Kill && f.Grace > 0 {
		return fmt.Errorf("restart: Grace is %v: it can't be below zero, and a kill gives none", f.Grace)
	}
	return nil
}

// Applies everywhere.
func (Restart) Applies(cluster.System, cluster.Network) error { return nil }

// Aim resolves the target.
func (f Restart) Aim(ctx context.Context, aim Aim) (Act, error) {
	nodes, err := f.Target.pick(ctx, aim)
	act := RestartAct{Targets: nodes, Kill: f.Kill, Grace: f.Grace}
	if act.Grace == 0 && !act.Kill {
		act.Grace = 5 * time.Second
	}
	return act, err
}

// RestartAct ends the programs of some nodes and starts them again.
type RestartAct struct {
	Targets []string
	Kill    bool
	Grace   time.Duration
	// Lives are those in which the fault found the nodes.
	Lives map[string]string
}

// Text is one line for people.
func (a RestartAct) Text() string {
	if a.Kill {
		return "restart " + strings.Join(a.Targets, " ") + ", killed"
	}
	return "restart " + strings.Join(a.Targets, " ")
}

// Nodes are the targets.
func (a RestartAct) Nodes() []string { return a.Targets }

// Takes is how long Inject may take beside the usual.
func (a RestartAct) Takes() time.Duration { return a.Grace }

// Prepare notes which lives the fault ends.
func (a RestartAct) Prepare(ctx context.Context, c cluster.Cluster, _ string) (Act, error) {
	var err error
	a.Lives, err = livesOf(ctx, c, a.Targets)
	return a, err
}

// Inject ends the programs.
func (a RestartAct) Inject(ctx context.Context, c cluster.Cluster, _ string) error {
	return each(a.Targets, func(node string) error {
		if a.Kill {
			return c.Kill(ctx, node)
		}
		return c.Stop(ctx, node, a.Grace)
	})
}

// Go starts them and waits until they serve.
func (a RestartAct) Go(ctx context.Context, c cluster.Cluster, _ string, did func(string)) error {
	return each(a.Targets, func(node string) error {
		began := time.Now()
		if err := whole(ctx, func(ctx context.Context) error { return c.StartNode(ctx, node) }); err != nil {
			return err
		}
		if err := cluster.WaitNode(ctx, c, node, serveTimeout); err != nil {
			did(node + " did not serve in its time")
			<-ctx.Done()
			return nil
		}
		did(fmt.Sprintf("%s served again after %v", node, time.Since(began).Round(time.Millisecond)))
		return nil
	})
}

// serveTimeout bounds the wait for a node that was restarted; mostly the fault's
// own time ends sooner.
const serveTimeout = time.Minute

// Bit asks which life each node is in.
func (a RestartAct) Bit(ctx context.Context, c cluster.Cluster, _ string) (bool, string, error) {
	return seeLives(ctx, c, a.Lives, a.Targets, func(_ string, _ cluster.Life, another bool) bool { return another })
}

// Undo starts the nodes, unless another fault keeps them down.
func (a RestartAct) Undo(ctx context.Context, c cluster.Cluster, _ string) error {
	return each(a.Targets, func(node string) error { return c.StartNode(ctx, node) })
}

// Undone asks nothing: a program that was started and ended by itself was undone.
func (a RestartAct) Undone(context.Context, cluster.Cluster, string) error { return nil }

func init() {
	named.Register(RestartAct{})
	Register(Entry{Kind: KindProcess, Example: Restart{Target: Follower},
		About: "ends the program and starts it at once"})
}
