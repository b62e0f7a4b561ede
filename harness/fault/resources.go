package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/named"
)

// CPUQuota lets the target use only CPUs processors' time, for instance 0.2: when it
// has used up its share of a period of 100 ms it stands still until the next.
type CPUQuota struct {
	Target
	CPUs float64
}

// MemoryLimit bounds the target's memory, with the page cache of its files. A
// program that wants more is killed by the kernel, stays dead, and is started again
// when the fault is undone. A limit below what the target holds and can't give up is
// refused where the kernel refuses it (control groups of version 1).
type MemoryLimit struct {
	Target
	Bytes int64
}

// ProcessLimit bounds the target's processes and threads together, those of its
// programs that are there included: while it has as many, or more, it can't have
// another. A program that ends of that is started again when the fault is undone.
type ProcessLimit struct {
	Target
	Processes int64
}

// FaultName is "cpu-quota".
func (CPUQuota) FaultName() string { return "cpu-quota" }

// FaultName is "memory-limit".
func (MemoryLimit) FaultName() string { return "memory-limit" }

// FaultName is "process-limit".
func (ProcessLimit) FaultName() string { return "process-limit" }

// What engines refuse.
const (
	leastCPUs   = 0.01
	leastMemory = 6 << 20
)

// Validate names what is wrong with the parameters.
func (f CPUQuota) Validate() error {
	if f.CPUs < leastCPUs {
		return fmt.Errorf("cpu quota: CPUs is %v: it must be at least %v", f.CPUs, leastCPUs)
	}
	return nil
}

// Applies everywhere.
func (CPUQuota) Applies(cluster.System, cluster.Network) error { return nil }

// Validate names what is wrong with the parameters.
func (f MemoryLimit) Validate() error {
	if f.Bytes < leastMemory {
		return fmt.Errorf("memory limit: Bytes is %d: the engine takes no less than %d", f.Bytes, leastMemory)
	}
	return nil
}

// Applies everywhere.
func (MemoryLimit) Applies(cluster.System, cluster.Network) error { return nil }

// Validate names what is wrong with the parameters.
func (f ProcessLimit) Validate() error {
	if f.Processes < 1 {
		return fmt.Errorf("process limit: Processes is %d: it must be at least 1", f.Processes)
	}
	return nil
}

// Applies everywhere.
func (ProcessLimit) Applies(cluster.System, cluster.Network) error { return nil }

// AppliesAt says that only pods have control groups of their own.
func (CPUQuota) AppliesAt(w World) error { return needsPods(w) }

// AppliesAt says that only pods have control groups of their own.
func (MemoryLimit) AppliesAt(w World) error { return needsPods(w) }

// AppliesAt says that only pods have control groups of their own.
func (ProcessLimit) AppliesAt(w World) error { return needsPods(w) }

func needsPods(w World) error {
	if w.Runtime == "process" {
		return errNoResources
	}
	return nil
}

// Aim resolves the target.
func (f CPUQuota) Aim(ctx context.Context, aim Aim) (Act, error) {
	return aimLimit(ctx, aim, f.Target, fmt.Sprintf("cpu quota %v", f.CPUs), cluster.Limits{CPUs: f.CPUs})
}

// Aim resolves the target.
func (f MemoryLimit) Aim(ctx context.Context, aim Aim) (Act, error) {
	return aimLimit(ctx, aim, f.Target, "memory limit "+megabytes(f.Bytes), cluster.Limits{MemoryBytes: f.Bytes})
}

// Aim resolves the target.
func (f ProcessLimit) Aim(ctx context.Context, aim Aim) (Act, error) {
	return aimLimit(ctx, aim, f.Target, fmt.Sprintf("process limit %d", f.Processes), cluster.Limits{Processes: f.Processes})
}

func aimLimit(ctx context.Context, aim Aim, target Target, label string, limits cluster.Limits) (Act, error) {
	nodes, err := target.pick(ctx, aim)
	return LimitAct{Label: label, Targets: nodes, Limits: limits}, err
}

// megabytes is "64.0 MB"; a MB is 1000 kB.
func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

// LimitAct bounds what some nodes may use.
type LimitAct struct {
	Label   string
	Targets []string
	Limits  cluster.Limits
	// Before are the limits, Used the usage and Lives the lives in which the fault
	// found the nodes.
	Before map[string]cluster.Limits
	Used   map[string]cluster.Usage
	Lives  map[string]string
}

// Text is one line for people.
func (a LimitAct) Text() string { return a.Label + " " + strings.Join(a.Targets, " ") }

// Nodes are the targets.
func (a LimitAct) Nodes() []string { return a.Targets }

// Prepare notes what there was. A limit that is none is refused.
func (a LimitAct) Prepare(ctx context.Context, c cluster.Cluster, id string) (Act, error) {
	s := siteOf(c, id)
	r, err := s.resources()
	if err != nil {
		return a, err
	}
	if a.Lives, err = livesOf(ctx, c, a.Targets); err != nil {
		return a, err
	}
	a.Before, a.Used = map[string]cluster.Limits{}, map[string]cluster.Usage{}
	for _, node := range a.Targets {
		before, err := s.limitsBefore(ctx, node)
		if err == nil {
			a.Used[node], err = r.Usage(ctx, node)
		}
		if err != nil {
			return a, err
		}
		a.Before[node] = before
		if l := a.Limits; !below(l.CPUs, before.CPUs) || !below(l.MemoryBytes, before.MemoryBytes) || !below(l.Processes, before.Processes) {
			return a, fmt.Errorf("%s: %s has lower limits already: %+v", a.Label, node, before)
		}
	}
	return a, nil
}

// below says whether a limit takes something away; zero is none.
func below[T int64 | float64](limit, before T) bool {
	return limit == 0 || before == cluster.Unlimited || limit <= before
}

// Inject puts every target under the limit.
func (a LimitAct) Inject(ctx context.Context, c cluster.Cluster, id string) error {
	s := siteOf(c, id)
	return each(a.Targets, func(node string) error {
		err := s.limit(ctx, node, a.Limits)
		if errors.Is(err, cluster.ErrBelowUsage) {
			return fmt.Errorf("%w: %s held %s before; say more Bytes, or use fault.OutOfMemory", err, node, megabytes(a.Used[node].MemoryBytes))
		}
		return err
	})
}

// Bit reads the kernel's counters, which limits are not set through.
func (a LimitAct) Bit(ctx context.Context, c cluster.Cluster, id string) (bool, string, error) {
	s := siteOf(c, id)
	r, err := s.resources()
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
		usage, err := r.Usage(ctx, node)
		if err != nil {
			return false, "", fmt.Errorf("ask for the usage of %s: %w", node, err)
		}
		before := a.Used[node]
		if life.ID != a.Lives[node] {
			before = cluster.Usage{} // the counters began anew
		}
		bites, text := a.bites(life, before, usage)
		bit = bit || bites
		seen = append(seen, node+" "+text)
	}
	return bit, strings.Join(seen, "; "), nil
}

func (a LimitAct) bites(life cluster.Life, before, now cluster.Usage) (bool, string) {
	switch {
	case a.Limits.CPUs != 0:
		periods := now.Throttled - min(before.Throttled, now.Throttled)
		return periods > 0, fmt.Sprintf("had to stand still in %d periods of 100 ms", periods)
	case a.Limits.MemoryBytes != 0 && life.OutOfMemory:
		return true, "had a process killed by the kernel, out of memory, and is " + string(life.State)
	case a.Limits.MemoryBytes != 0:
		times := now.AtMemoryLimit - min(before.AtMemoryLimit, now.AtMemoryLimit)
		return times > 0, fmt.Sprintf("met its limit %d times, and holds %s", times, megabytes(now.MemoryBytes))
	case life.State == cluster.Stopped:
		return true, "ended under it"
	}
	return now.Processes >= a.Limits.Processes, fmt.Sprintf("has %d processes and threads of %d", now.Processes, a.Limits.Processes)
}

// Counted reads the same counters.
func (a LimitAct) Counted(ctx context.Context, c cluster.Cluster, id string) (string, error) {
	_, text, err := a.Bit(ctx, c, id)
	return text, err
}

// Undo takes the limits away and starts what had ended under them.
func (a LimitAct) Undo(ctx context.Context, c cluster.Cluster, id string) error {
	return each(a.Targets, func(node string) error { return unlimit(ctx, c, id, node, a.Limits, a.Before[node]) })
}

// unlimit takes limits away, and starts a node that ended under them.
func unlimit(ctx context.Context, c cluster.Cluster, id, node string, limits, before cluster.Limits) error {
	s := siteOf(c, id)
	if err := s.unlimit(ctx, node, only(before, limits)); err != nil {
		return err
	}
	if limits.MemoryBytes == 0 && limits.Processes == 0 {
		return nil // nothing ends of that
	}
	state, err := c.State(ctx, node)
	if err != nil || state != cluster.Stopped {
		return err
	}
	return c.StartNode(ctx, node)
}

// Undone compares the limits with those before.
func (a LimitAct) Undone(ctx context.Context, c cluster.Cluster, id string) error {
	return each(a.Targets, func(node string) error { return unlimited(ctx, c, id, node, a.Before[node]) })
}

// unlimited says whether a node's limits are not those of before, though no other
// fault limits it.
func unlimited(ctx context.Context, c cluster.Cluster, id, node string, before cluster.Limits) error {
	s := siteOf(c, id)
	r, err := s.resources()
	if err != nil || s.limited(node) {
		return err
	}
	now, err := r.Limits(ctx, node)
	if err == nil && now != before {
		err = fmt.Errorf("its limits are %+v, and were %+v before", now, before)
	}
	return err
}

// Engine is the kernel's control groups.
func (CPUQuota) Engine(string) string { return "control group" }

// Engine is the kernel's control groups.
func (MemoryLimit) Engine(string) string { return "control group" }

// Engine is the kernel's control groups.
func (ProcessLimit) Engine(string) string { return "control group" }

func init() {
	named.Register(LimitAct{})
	Register(
		Entry{Kind: KindResource, Example: CPUQuota{Target: Leader, CPUs: 0.2},
			About: "lets the program use only so much processor time"},
		Entry{Kind: KindResource, Example: MemoryLimit{Target: Random, Bytes: 512 << 20},
			About: "bounds the program's memory; the kernel kills it where it wants more"},
		Entry{Kind: KindResource, Example: ProcessLimit{Target: Random, Processes: 1},
			About: "bounds the program's processes and threads: it can't start another"},
	)
}
