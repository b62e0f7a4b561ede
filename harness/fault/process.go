package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
)

// Kill ends the target's program with SIGKILL; undoing it starts the program
// again, on the same address, with the data it left.
type Kill struct{ Target }

// Stop asks the target's program to end (SIGTERM), and kills it after Grace
// (default 5 s); undoing it starts the program again.
type Stop struct {
	Target
	Grace time.Duration
}

// Pause stops the target's program where it stands. It is no cut: kernel buffers
// go on filling, and are delivered when it resumes. All processes of the program
// stop at once; with Signal only its first one does, by SIGSTOP, and its children
// go on: a server with a process for each client goes on with those that it has
// and takes no new ones. Either ends with the program's life.
type Pause struct {
	Target
	Signal bool `json:",omitempty"`
}

// FaultName is "kill".
func (Kill) FaultName() string { return "kill" }

// FaultName is "stop".
func (Stop) FaultName() string { return "stop" }

// FaultName is "pause".
func (Pause) FaultName() string { return "pause" }

// Applies everywhere.
func (Kill) Applies(cluster.System, cluster.Network) error { return nil }

// Applies everywhere.
func (Stop) Applies(cluster.System, cluster.Network) error { return nil }

// Applies everywhere.
func (Pause) Applies(cluster.System, cluster.Network) error { return nil }

// Aim resolves the target.
func (f Kill) Aim(ctx context.Context, aim Aim) (Act, error) {
	return aimProcess(ctx, aim, f.Target, ProcessAct{Do: "kill"})
}

// Aim resolves the target.
func (f Stop) Aim(ctx context.Context, aim Aim) (Act, error) {
	grace := f.Grace
	if grace <= 0 {
		grace = 5 * time.Second
	}
	return aimProcess(ctx, aim, f.Target, ProcessAct{Do: "stop", Grace: grace})
}

// Aim resolves the target.
func (f Pause) Aim(ctx context.Context, aim Aim) (Act, error) {
	do := "pause"
	if f.Signal {
		do = "suspend"
	}
	return aimProcess(ctx, aim, f.Target, ProcessAct{Do: do})
}

func aimProcess(ctx context.Context, aim Aim, target Target, act ProcessAct) (Act, error) {
	nodes, err := target.pick(ctx, aim)
	act.Targets = nodes
	return act, err
}

// ProcessAct does something to the programs of some nodes.
type ProcessAct struct {
	Do      string // "kill", "stop", "pause", or "suspend": a pause by SIGSTOP
	Targets []string
	Grace   time.Duration // of stop
	// After is what had happened before, for people.
	After string
}

// Text is one line for people.
func (a ProcessAct) Text() string {
	do := a.Do
	if do == "suspend" {
		do = "pause by signal"
	}
	return strings.TrimSpace(do + " " + strings.Join(a.Targets, " ") + " " + a.After)
}

// Nodes are the targets.
func (a ProcessAct) Nodes() []string { return a.Targets }

// Takes is how long Inject may take beside the usual.
func (a ProcessAct) Takes() time.Duration { return a.Grace }

// Inject does it to every target.
func (a ProcessAct) Inject(ctx context.Context, c cluster.Cluster, _ string) error {
	return each(a.Targets, func(node string) error {
		switch a.Do {
		case "kill":
			return c.Kill(ctx, node)
		case "stop":
			return c.Stop(ctx, node, a.Grace)
		case "pause":
			return c.Pause(ctx, node)
		case "suspend":
			return c.Suspend(ctx, node)
		}
		return fmt.Errorf("%q is none of kill, stop, pause, suspend", a.Do)
	})
}

// each does something to all nodes at once.
func each(nodes []string, do func(node string) error) error {
	results := make(chan error)
	for _, node := range nodes {
		go func() {
			err := do(node)
			if err != nil {
				err = fmt.Errorf("%s: %w", node, err)
			}
			results <- err
		}()
	}
	var all error
	for range nodes {
		all = errors.Join(all, <-results)
	}
	return all
}

// Bit asks the runtime for the program's state: gone, or standing still.
func (a ProcessAct) Bit(ctx context.Context, c cluster.Cluster, _ string) (bool, string, error) {
	var seen []string
	bit := false
	for _, node := range a.Targets {
		life, err := c.Life(ctx, node)
		if err != nil {
			return false, "", fmt.Errorf("ask for the life of %s: %w", node, err)
		}
		is := string(life.State)
		switch a.Do {
		case "pause":
			bit = bit || life.State == cluster.Paused
		case "suspend":
			bit = bit || life.Suspended
			if life.Suspended {
				is = "suspended"
			}
		default:
			bit = bit || life.State == cluster.Stopped
		}
		seen = append(seen, node+" is "+is)
	}
	return bit, strings.Join(seen, ", "), nil
}

// Undo resumes or starts every target.
func (a ProcessAct) Undo(ctx context.Context, c cluster.Cluster, _ string) error {
	return each(a.Targets, func(node string) error {
		switch a.Do {
		case "pause":
			return c.Resume(ctx, node)
		case "suspend":
			return c.Continue(ctx, node)
		}
		return c.StartNode(ctx, node)
	})
}

// Undone asks whether the program still stands still, for no other fault. A program
// that was started again and then ended by itself was undone: that it does not
// stay up is the system's affair, and the judge of recovery sees it.
func (a ProcessAct) Undone(ctx context.Context, c cluster.Cluster, id string) error {
	s := siteOf(c, id)
	return each(a.Targets, func(node string) error {
		life, err := c.Life(ctx, node)
		switch {
		case err != nil:
			return err
		case s.standsStill(node):
		case a.Do == "pause" && life.State == cluster.Paused, a.Do == "suspend" && life.Suspended:
			return errors.New("is still paused")
		}
		return nil
	})
}

func init() {
	Register(
		Entry{Kind: KindProcess, Example: Kill{Target: Leader},
			About: "ends the program with SIGKILL; the undo starts it again with the data it left",
			More:  []Fault{Kill{Target: Majority}}},
		Entry{Kind: KindProcess, Example: Stop{Target: Follower},
			About: "asks the program to end (SIGTERM), and kills it after Grace"},
		Entry{Kind: KindProcess, Example: Pause{Target: Leader},
			About: "stops the program where it stands, by the freezer or with Signal by SIGSTOP; kernel buffers go on filling"},
	)
}
