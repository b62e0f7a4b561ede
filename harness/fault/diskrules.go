package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/disk"
	"github.com/seatrial/seatrial/harness/named"
)

// DiskError makes what the target's program asks of its disk fail with Errno: EIO,
// ENOSPC, EROFS or EDQUOT. Operation is one of [disk.Ops], for instance "fsync";
// empty is all that can fail so. Path narrows it to some files of the data directory,
// as in [disk.Rule]. Probability is how often it fails, 0 is always. A program that
// ends of it is started again when the fault is undone.
type DiskError struct {
	Target
	Errno       string
	Operation   disk.Op `json:",omitempty"`
	Path        string  `json:",omitempty"`
	Probability float64 `json:",omitempty"`
}

// SlowDisk makes what the target's program asks of its disk take Delay longer.
// Operation and Path as in [DiskError].
type SlowDisk struct {
	Target
	Delay     time.Duration
	Operation disk.Op `json:",omitempty"`
	Path      string  `json:",omitempty"`
}

// FaultName is "disk-error".
func (DiskError) FaultName() string { return "disk-error" }

// FaultName is "slow-disk".
func (SlowDisk) FaultName() string { return "slow-disk" }

func (DiskError) onDisk() {}
func (SlowDisk) onDisk()  {}

func ops(one disk.Op) []disk.Op {
	if one == "" {
		return nil
	}
	return []disk.Op{one}
}

func (f DiskError) rule() disk.Rule {
	return disk.Rule{Action: disk.Fail, Error: f.Errno, Ops: ops(f.Operation), Path: f.Path, Probability: f.Probability}
}

func (f SlowDisk) rule() disk.Rule {
	return disk.Rule{Action: disk.Delay, Latency: f.Delay, Ops: ops(f.Operation), Path: f.Path}
}

// Validate names what is wrong with the parameters.
func (f DiskError) Validate() error { return f.rule().Validate() }

// Validate names what is wrong with the parameters.
func (f SlowDisk) Validate() error { return f.rule().Validate() }

// Applies everywhere.
func (DiskError) Applies(cluster.System, cluster.Network) error { return nil }

// Applies everywhere.
func (SlowDisk) Applies(cluster.System, cluster.Network) error { return nil }

// AppliesAt says that only pods have disks of their own.
func (DiskError) AppliesAt(w World) error { return disksAt(w) }

// AppliesAt says that only pods have disks of their own.
func (SlowDisk) AppliesAt(w World) error { return disksAt(w) }

// AppliesOn says why the machine can't do it.
func (DiskError) AppliesOn(c cluster.Cluster) error { return disksOn(c) }

// AppliesOn says why the machine can't do it.
func (SlowDisk) AppliesOn(c cluster.Cluster) error { return disksOn(c) }

// Aim resolves the target.
func (f DiskError) Aim(ctx context.Context, aim Aim) (Act, error) {
	rule := f.rule()
	rule.Seed = aim.Draw.Uint64()
	text := "disk error " + f.Errno
	if f.Probability > 0 {
		text += fmt.Sprintf(" with %v", f.Probability)
	}
	return aimDisk(ctx, aim, f.Target, text, rule)
}

// Aim resolves the target.
func (f SlowDisk) Aim(ctx context.Context, aim Aim) (Act, error) {
	return aimDisk(ctx, aim, f.Target, "slow disk "+f.Delay.String(), f.rule())
}

func aimDisk(ctx context.Context, aim Aim, target Target, text string, rule disk.Rule) (Act, error) {
	for _, op := range rule.Ops {
		text += " on " + string(op)
	}
	if rule.Path != "" {
		text += " of " + rule.Path
	}
	nodes, err := target.pick(ctx, aim)
	return DiskAct{Label: text + ", " + strings.Join(nodes, " "), Targets: nodes, Rule: rule}, err
}

// DiskAct puts one rule on the disks of some nodes.
type DiskAct struct {
	Label   string
	Targets []string
	Rule    disk.Rule
}

// Text is one line for people.
func (a DiskAct) Text() string { return a.Label }

// Nodes are the targets.
func (a DiskAct) Nodes() []string { return a.Targets }

// Inject puts the rule on every target's disk.
func (a DiskAct) Inject(ctx context.Context, c cluster.Cluster, id string) error {
	disks, err := disksOf(c)
	if err != nil {
		return err
	}
	if a.Rule.Action == disk.Fail {
		s := siteOf(c, id)
		for _, node := range a.Targets {
			s.excuse(node) // a program may end of that
		}
	}
	return disks.ApplyRule(ctx, id, a.Rule, a.Targets)
}

// Bit reads the counters of the disks. A program that ended has taken its own with
// it: where the rule makes operations fail, that counts.
func (a DiskAct) Bit(ctx context.Context, c cluster.Cluster, id string) (bool, string, error) {
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
		if life.State == cluster.Stopped {
			ended := a.Rule.Action == disk.Fail && !siteOf(c, id).keptDown(node)
			bit = bit || ended
			if ended {
				seen = append(seen, node+" ended under it")
			} else {
				seen = append(seen, node+" is stopped")
			}
			continue
		}
		count, err := disks.CountRule(ctx, id, node)
		if err != nil {
			return false, "", fmt.Errorf("read the counters of %s: %w", a.Label, err)
		}
		bit = bit || count.Times > 0
		seen = append(seen, node+" met it "+count.String())
	}
	return bit, strings.Join(seen, "; "), nil
}

// Counted reads the same counters.
func (a DiskAct) Counted(ctx context.Context, c cluster.Cluster, id string) (string, error) {
	_, text, err := a.Bit(ctx, c, id)
	return text, err
}

// Undo takes the rule away, and starts what had ended under it.
func (a DiskAct) Undo(ctx context.Context, c cluster.Cluster, id string) error {
	disks, err := disksOf(c)
	if err != nil {
		return err
	}
	err = disks.UndoRule(ctx, id)
	if a.Rule.Action != disk.Fail {
		return err // nothing ends of that
	}
	return errors.Join(err, each(a.Targets, func(node string) error {
		ended, err := endedOf(ctx, c, disks, id, node)
		if err != nil || !ended {
			return err
		}
		return c.StartNode(ctx, node)
	}))
}

// A program that met an error ends of it a little later, if it does. One that outlives
// the rule by dyingWithin is taken for one that does not.
const (
	dyingWithin = 500 * time.Millisecond
	dyingAsked  = 20 * time.Millisecond // how often it is asked
)

// endedOf reports whether the node's program ended of the rule that was just undone.
func endedOf(ctx context.Context, c cluster.Cluster, disks cluster.Disks, id, node string) (bool, error) {
	count, err := disks.CountRule(ctx, id, node) // none where it ended already
	if err != nil {
		return false, err
	}
	state, err := c.State(ctx, node)
	if err != nil {
		return false, err
	}
	deadline := time.Now().Add(dyingWithin)
	for state == cluster.Running && count.Times > 0 && time.Now().Before(deadline) {
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(dyingAsked):
		}
		if state, err = c.State(ctx, node); err != nil {
			return false, err
		}
	}
	return state == cluster.Stopped, nil
}

// Undone asks the disks whether they still know the rule.
func (a DiskAct) Undone(ctx context.Context, c cluster.Cluster, id string) error {
	disks, err := disksOf(c)
	if err != nil {
		return err
	}
	return each(a.Targets, func(node string) error {
		active, err := disks.ActiveRules(ctx, node)
		if err == nil && slices.Contains(active, id) {
			err = errors.New("the rule is still in force")
		}
		return err
	})
}

// Engine is the file system in front of the data.
func (f DiskError) Engine(string) string {
	if f.Probability > 0 {
		return "disk layer, seeded"
	}
	return "disk layer"
}

// Engine is the file system in front of the data.
func (SlowDisk) Engine(string) string { return "disk layer" }

func init() {
	named.Register(DiskAct{})
	Register(
		Entry{Kind: KindDisk, Example: DiskError{Target: Random, Errno: "EIO", Operation: disk.OpFsync},
			About: "makes what the program asks of its disk fail: EIO, ENOSPC, EROFS or EDQUOT",
			More:  []Fault{DiskError{Target: Random, Errno: "ENOSPC"}}},
		Entry{Kind: KindDisk, Example: SlowDisk{Target: Leader, Operation: disk.OpFsync, Delay: 100 * time.Millisecond},
			About: "makes what the program asks of its disk take longer"},
	)
}
