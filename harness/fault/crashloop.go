package fault

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/named"
)

// CrashLoop kills the target's program again and again: at once, and then each
// time it has been up for Up (default 500 ms, whether it serves by then or not).
// It is started again at once, as a supervisor does. After Times kills it is
// started and left alone, and the fault is over; with Times zero it goes on for as
// long as the fault lasts.
type CrashLoop struct {
	Target
	Up    time.Duration
	Times int `json:",omitempty"`
}

// KillDuringStart kills the target's program, starts it, and kills it again at a
// moment of its start that is drawn from the seed, at most Within after it began
// (default 200 ms): recovery must survive being cut short. Undoing it starts the
// program again.
type KillDuringStart struct {
	Target
	Within time.Duration
}

// FaultName is "crash-loop".
func (CrashLoop) FaultName() string { return "crash-loop" }

// FaultName is "kill-during-start".
func (KillDuringStart) FaultName() string { return "kill-during-start" }

// leastUp bounds how often a program is killed.
const leastUp = 10 * time.Millisecond

// Validate names what is wrong with the parameters.
func (f CrashLoop) Validate() error {
	if f.Times < 0 || f.Up != 0 && f.Up < leastUp {
		return fmt.Errorf("crash loop: Up is %v and Times %d: Up must be at least %v, and Times not below zero", f.Up, f.Times, leastUp)
	}
	return nil
}

// Applies everywhere.
func (CrashLoop) Applies(cluster.System, cluster.Network) error { return nil }

// Validate names what is wrong with the parameters.
func (f KillDuringStart) Validate() error {
	if f.Within < 0 || f.Within > injectTimeout {
		return fmt.Errorf("kill during start: Within is %v: it must be between zero and %v", f.Within, injectTimeout)
	}
	return nil
}

// Applies everywhere.
func (KillDuringStart) Applies(cluster.System, cluster.Network) error { return nil }

// Aim resolves the target.
func (f CrashLoop) Aim(ctx context.Context, aim Aim) (Act, error) {
	nodes, err := f.Target.pick(ctx, aim)
	act := CrashAct{Do: "crash loop", Targets: nodes, Up: f.Up, Times: f.Times}
	if act.Up == 0 {
		act.Up = 500 * time.Millisecond
	}
	return act, err
}

// Aim resolves the target, and draws the moment.
func (f KillDuringStart) Aim(ctx context.Context, aim Aim) (Act, error) {
	within := f.Within
	if within == 0 {
		within = 200 * time.Millisecond
	}
	nodes, err := f.Target.pick(ctx, aim)
	up := drawTime(aim.Draw, 0, within)
	return CrashAct{Do: "kill during start", Targets: nodes, Up: up, Times: 2, StayDown: true}, err
}

// CrashAct kills the programs of some nodes several times.
type CrashAct struct {
	Do      string // for people
	Targets []string
	// Up is how long after each start it is killed again.
	Up time.Duration
	// Times is how often it is killed, zero until it is undone. With StayDown the
	// last kill is not followed by a start.
	Times    int
	StayDown bool
	// Lives are those in which the fault found the nodes.
	Lives map[string]string
}

// Text is one line for people.
func (a CrashAct) Text() string {
	text := fmt.Sprintf("%s %s, %v up", a.Do, strings.Join(a.Targets, " "), a.Up)
	if a.Times > 0 && !a.StayDown {
		text += fmt.Sprintf(", %d times", a.Times)
	}
	return text
}

// Nodes are the targets.
func (a CrashAct) Nodes() []string { return a.Targets }

// Takes is how long Inject may take beside the usual.
func (a CrashAct) Takes() time.Duration {
	if a.StayDown {
		return a.Up
	}
	return 0
}

// Prepare notes which lives the fault ends.
func (a CrashAct) Prepare(ctx context.Context, c cluster.Cluster, _ string) (Act, error) {
	var err error
	a.Lives, err = livesOf(ctx, c, a.Targets)
	return a, err
}

func livesOf(ctx context.Context, c cluster.Cluster, nodes []string) (map[string]string, error) {
	lives := map[string]string{}
	for _, node := range nodes {
		life, err := c.Life(ctx, node)
		if err != nil {
			return nil, err
		}
		lives[node] = life.ID
	}
	return lives, nil
}

// Inject kills for the first time; what stays down in the end is killed to the end.
func (a CrashAct) Inject(ctx context.Context, c cluster.Cluster, id string) error {
	return each(a.Targets, func(node string) error {
		err := c.Kill(ctx, node)
		if err == nil && a.StayDown {
			err = a.loop(ctx, siteOf(c, id), node, func(string) {})
		}
		return err
	})
}

// Go starts and kills on.
func (a CrashAct) Go(ctx context.Context, c cluster.Cluster, id string, did func(string)) error {
	if a.StayDown {
		<-ctx.Done() // it is in force until it is undone
		return nil
	}
	return each(a.Targets, func(node string) error { return a.loop(ctx, siteOf(c, id), node, did) })
}

func (a CrashAct) loop(ctx context.Context, c *site, node string, did func(string)) error {
	did("killed " + node)
	for kills := 1; ; {
		err := whole(ctx, func(ctx context.Context) error {
			began, err := a.start(ctx, c, node)
			if began {
				did("started " + node)
			}
			return err
		})
		if err != nil || kills == a.Times || !waitUntil(ctx, time.Now().Add(a.Up)) {
			return err
		}
		if a.StayDown && c.keptDown(node) {
			return nil // it has no start to be cut short
		}
		err = whole(ctx, func(ctx context.Context) error {
			killed, err := a.kill(ctx, c, node)
			if killed {
				kills++
				did("killed " + node)
			}
			return err
		})
		if err != nil || a.StayDown && kills == a.Times {
			return err
		}
	}
}

// whole does something to its end, also where the context ends meanwhile: half a
// kill could come into force after its undo.
func whole(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), injectTimeout)
	defer cancel()
	return do(ctx)
}

// start starts the node; false where another fault keeps it down, or it runs.
func (a CrashAct) start(ctx context.Context, c cluster.Cluster, node string) (bool, error) {
	before, err := c.Life(ctx, node)
	if err == nil {
		err = c.StartNode(ctx, node)
	}
	if err != nil {
		return false, err
	}
	now, err := c.Life(ctx, node)
	return now.ID != before.ID, err
}

// kill kills the node; false where its program has ended.
func (a CrashAct) kill(ctx context.Context, c cluster.Cluster, node string) (bool, error) {
	state, err := c.State(ctx, node)
	if err != nil || state == cluster.Stopped {
		return false, err
	}
	return true, c.Kill(ctx, node)
}

// Bit asks which life each node is in, and whether it is over.
func (a CrashAct) Bit(ctx context.Context, c cluster.Cluster, id string) (bool, string, error) {
	s := siteOf(c, id)
	return seeLives(ctx, c, a.Lives, a.Targets, func(node string, life cluster.Life, another bool) bool {
		down := life.State == cluster.Stopped
		if a.StayDown {
			return another && down
		}
		return another || down && !s.keptDown(node) // by another fault
	})
}

// seeLives asks each node which life it is in now, another than before or not.
func seeLives(ctx context.Context, c cluster.Cluster, before map[string]string, nodes []string, bites func(node string, life cluster.Life, another bool) bool) (bit bool, proof string, err error) {
	var seen []string
	for _, node := range nodes {
		life, err := c.Life(ctx, node)
		if err != nil {
			return false, "", fmt.Errorf("ask for the life of %s: %w", node, err)
		}
		another := life.ID != before[node]
		bit = bit || bites(node, life, another)
		which := "the same life as before"
		if another {
			which = "another life than before"
		}
		seen = append(seen, fmt.Sprintf("%s is %s, in %s", node, life.State, which))
	}
	return bit, strings.Join(seen, "; "), nil
}

// Undo starts the nodes, unless another fault keeps them down.
func (a CrashAct) Undo(ctx context.Context, c cluster.Cluster, _ string) error {
	return each(a.Targets, func(node string) error { return c.StartNode(ctx, node) })
}

// Undone asks nothing: a program that was started and ended by itself was undone.
func (a CrashAct) Undone(context.Context, cluster.Cluster, string) error { return nil }

func init() {
	named.Register(CrashAct{})
	Register(
		Entry{Kind: KindProcess, Example: CrashLoop{Target: Follower, Up: 300 * time.Millisecond},
			About: "kills the program each time it has been up for Up, as one that a supervisor starts again and again"},
		Entry{Kind: KindProcess, Example: KillDuringStart{Target: Random, Within: 200 * time.Millisecond},
			About: "kills the program, starts it, and kills it again in the middle of its start"},
	)
}
