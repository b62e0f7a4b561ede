package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/disk"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/named"
)

// PowerLoss is the end of the target's machine: at once nothing is heard of it any
// more by other nodes and by clients, not even the end of a connection, its program
// is dead, and what it had never synced is gone from its disk. With Torn a part of
// that survives, drawn from the seed: see [disk.Power]. Undoing it starts the
// machine again, on the same address, with what its disk has left. What counts as
// synced says package harness/disk/layer.
type PowerLoss struct {
	Target
	Torn bool `json:",omitempty"`
}

// FaultName is "power-loss".
func (PowerLoss) FaultName() string { return "power-loss" }

// diskFault is a fault on disks.
type diskFault interface{ onDisk() }

func (PowerLoss) onDisk() {}

// NeedsDisk reports whether the fault is one on disks, so that nodes must keep their
// data behind a disk that can fail from the start.
func NeedsDisk(f Fault) bool {
	_, is := f.(diskFault)
	return is
}

// PlanNeedsDisk reports whether a step is a fault on disks. For code it is as in
// [PlanNeedsStreams].
func PlanNeedsDisk(steps []Step) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return s.Fault != nil && NeedsDisk(s.Fault) })
}

var errNoDisks = errors.New("nodes here are processes on the machine's own disk: run the scenario in pods")

// disksAt says that only pods have disks of their own, and not on every machine.
func disksAt(w World) error {
	if w.Runtime == "process" {
		return errNoDisks
	}
	return w.NoDisks
}

// disksOf are those of the cluster.
func disksOf(c cluster.Cluster) (cluster.Disks, error) {
	if s, is := c.(*site); is {
		c = s.Cluster
	}
	if d, is := c.(cluster.Disks); is {
		return d, nil
	}
	return nil, errNoDisks
}

// disksOn says why the disks of the running cluster can't fail.
func disksOn(c cluster.Cluster) error {
	d, err := disksOf(c)
	if err != nil {
		return err
	}
	return d.DisksApply()
}

// Applies everywhere.
func (PowerLoss) Applies(cluster.System, cluster.Network) error { return nil }

// AppliesAt says that only pods have disks of their own.
func (PowerLoss) AppliesAt(w World) error { return disksAt(w) }

// AppliesOn says why the machine can't do it.
func (PowerLoss) AppliesOn(c cluster.Cluster) error { return disksOn(c) }

// Aim resolves the target, and finds the links on which nothing is heard of it.
func (f PowerLoss) Aim(ctx context.Context, aim Aim) (Act, error) {
	nodes, err := f.Target.pick(ctx, aim)
	if err != nil {
		return nil, err
	}
	act := PowerAct{Targets: nodes, Power: disk.Power{Torn: f.Torn, Seed: aim.Draw.Uint64()}}
	var ends []link.End
	for _, node := range aim.Nodes {
		ends = append(ends, link.End(node))
	}
	for _, group := range aim.Groups {
		ends = append(ends, group.Name)
	}
	for i, node := range nodes {
		for _, other := range ends {
			if !slices.Contains(nodes[:i+1], string(other)) { // the other way round it is there already
				act.Flows = append(act.Flows, link.Flow{From: link.End(node), To: other}, link.Flow{From: other, To: link.End(node)})
			}
		}
	}
	return act, nil
}

// PowerAct takes the power of some nodes.
type PowerAct struct {
	Targets []string
	Power   disk.Power
	// Flows are those that swallow everything, to the nodes and from them.
	Flows []link.Flow
	// Down are the targets whose programs did not run before.
	Down []string `json:",omitempty"`
}

// Text is one line for people.
func (a PowerAct) Text() string {
	text := "power loss " + strings.Join(a.Targets, " ")
	if a.Power.Torn {
		text += ", torn"
	}
	return text
}

// Nodes are the targets.
func (a PowerAct) Nodes() []string { return a.Targets }

// Prepare notes which programs do not run, and so have nothing to lose.
func (a PowerAct) Prepare(ctx context.Context, c cluster.Cluster, _ string) (Act, error) {
	for _, node := range a.Targets {
		state, err := c.State(ctx, node)
		if err != nil {
			return a, err
		}
		if state == cluster.Stopped {
			a.Down = append(a.Down, node)
		}
	}
	return a, nil
}

// Inject silences the nodes first: a dead machine does not say that it is. A
// node that is down already has nothing to lose.
func (a PowerAct) Inject(ctx context.Context, c cluster.Cluster, id string) error {
	disks, err := disksOf(c)
	if err != nil {
		return err
	}
	s := siteOf(c, id)
	for _, node := range a.Targets {
		s.keepDown(ctx, node)
	}
	// From here on it is quick: what a program syncs while nobody hears it is kept.
	if len(a.Flows) > 0 {
		if err := c.Network().Apply(ctx, id, link.Effect{Action: link.Drop}, a.Flows); err != nil {
			return fmt.Errorf("silence it: %w", err)
		}
	}
	return each(a.Targets, func(node string) error {
		if _, err := disks.PowerLoss(ctx, node, a.Power); !errors.Is(err, cluster.ErrNotRunning) {
			return err
		}
		return nil
	})
}

// Bit asks the runtime whether the programs are dead, and tells what they lost. One
// that lost nothing, because it had synced everything, was met all the same.
func (a PowerAct) Bit(ctx context.Context, c cluster.Cluster, _ string) (bool, string, error) {
	disks, err := disksOf(c)
	if err != nil {
		return false, "", err
	}
	bit := false
	var seen []string
	for _, node := range a.Targets {
		life, err := c.Life(ctx, node)
		if err != nil {
			return false, "", fmt.Errorf("ask for the life of %s: %w", node, err)
		}
		if slices.Contains(a.Down, node) {
			seen = append(seen, node+" was down before, and lost nothing more")
			continue
		}
		loss, ever := disks.Lost(node)
		bit = bit || ever && life.State == cluster.Stopped
		seen = append(seen, fmt.Sprintf("%s is %s, and lost %s", node, life.State, loss))
	}
	return bit, strings.Join(seen, "; "), nil
}

// Counted tells it again.
func (a PowerAct) Counted(ctx context.Context, c cluster.Cluster, id string) (string, error) {
	_, text, err := a.Bit(ctx, c, id)
	return text, err
}

// Undo lets the nodes be heard of again, and starts them. What was said to a
// machine before it lost its power gets a reset, as after a boot.
func (a PowerAct) Undo(ctx context.Context, c cluster.Cluster, id string) error {
	hearing := c.Network().Undo(ctx, id)
	return errors.Join(hearing, each(a.Targets, func(node string) error { return c.StartNode(ctx, node) }))
}

// Undone asks the places that enforce the silence. That a started program does not
// stay up is the system's affair, and the judge of recovery sees it.
func (a PowerAct) Undone(ctx context.Context, c cluster.Cluster, id string) error {
	return NetworkAct{}.Undone(ctx, c, id)
}

// Engine is the file system in front of the data.
func (f PowerLoss) Engine(string) string {
	if f.Torn {
		return "disk layer, seeded"
	}
	return "disk layer"
}

func init() {
	named.Register(PowerAct{})
	Register(Entry{Kind: KindDisk, Example: PowerLoss{Target: Leader},
		About: "ends the machine: it falls silent, its program is dead, and what it never synced is gone",
		More:  []Fault{PowerLoss{Target: EveryNode, Torn: true}}})
}
