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
type Kill struct{ Target Target }

// Stop asks the target's program to end (SIGTERM), and kills it after Grace
// (default 5 s); undoing it starts the program again.
type Stop struct {
	Target Target
	Grace  time.Duration
}

// Pause stops the target's program where it stands. It is no cut: kernel buffers
// go on filling, and are delivered when it resumes.
type Pause struct{ Target Target }

// FaultName is "kill".
func (Kill) FaultName() string { return "kill" }

// FaultName is "stop".
func (Stop) FaultName() string { return "stop" }

// FaultName is "pause".
func (Pause) FaultName() string { return "pause" }

// At is the target.
func (f Kill) At() Target { return f.Target }

// At is the target.
func (f Stop) At() Target { return f.Target }

// At is the target.
func (f Pause) At() Target { return f.Target }

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
	return aimProcess(ctx, aim, f.Target, ProcessAct{Do: "pause"})
}

func aimProcess(ctx context.Context, aim Aim, target Target, act ProcessAct) (Act, error) {
	nodes, err := target.pick(ctx, aim)
	act.Targets = nodes
	return act, err
}

// ProcessAct does something to the programs of some nodes.
type ProcessAct struct {
	Do      string // "kill", "stop" or "pause"
	Targets []string
	Grace   time.Duration // of stop
}

// Text is one line for people.
func (a ProcessAct) Text() string { return a.Do + " " + strings.Join(a.Targets, " ") }

// Nodes are the targets.
func (a ProcessAct) Nodes() []string { return a.Targets }

// Inject does it to every target.
func (a ProcessAct) Inject(ctx context.Context, c cluster.Cluster, _ string) error {
	return a.each(func(node string) error {
		switch a.Do {
		case "kill":
			return c.Kill(ctx, node)
		case "stop":
			return c.Stop(ctx, node, a.Grace)
		case "pause":
			return c.Pause(ctx, node)
		}
		return fmt.Errorf("%q is none of kill, stop, pause", a.Do)
	})
}

func (a ProcessAct) each(do func(node string) error) error {
	results := make(chan error)
	for _, node := range a.Targets {
		go func() {
			err := do(node)
			if err != nil {
				err = fmt.Errorf("%s: %w", node, err)
			}
			results <- err
		}()
	}
	var all error
	for range a.Targets {
		all = errors.Join(all, <-results)
	}
	return all
}

// Bit asks the runtime for the program's state: gone, or frozen.
func (a ProcessAct) Bit(ctx context.Context, c cluster.Cluster, _ string) (bool, string, error) {
	want := cluster.Stopped
	if a.Do == "pause" {
		want = cluster.Paused
	}
	var seen []string
	bit := false
	for _, node := range a.Targets {
		state, err := c.State(ctx, node)
		if err != nil {
			return false, "", fmt.Errorf("ask for the state of %s: %w", node, err)
		}
		bit = bit || state == want
		seen = append(seen, node+" is "+string(state))
	}
	return bit, strings.Join(seen, ", "), nil
}

// Undo resumes or starts every target.
func (a ProcessAct) Undo(ctx context.Context, c cluster.Cluster, _ string) error {
	return a.each(func(node string) error {
		if a.Do == "pause" {
			return c.Resume(ctx, node)
		}
		return c.StartNode(ctx, node)
	})
}

// Undone asks for the program's state. A program that was started again and then
// ended by itself was undone: that it does not stay up is the system's affair,
// and the judge of recovery sees it.
func (a ProcessAct) Undone(ctx context.Context, c cluster.Cluster, _ string) error {
	return a.each(func(node string) error {
		state, err := c.State(ctx, node)
		switch {
		case err != nil:
			return err
		case a.Do == "pause" && state == cluster.Paused:
			return errors.New("is still paused")
		}
		return nil
	})
}
