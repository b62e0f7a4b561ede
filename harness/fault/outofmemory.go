package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/named"
)

// OutOfMemory has the target's program killed by the kernel, out of memory: its
// limit is lowered to what it holds, and on, until the kernel finds nothing more to
// take away (at most for Within, default 20 s). Of a program with many processes
// the kernel kills the largest. Undoing it puts the limit back and starts the
// program again. A program that asks for no memory at all meanwhile is not killed:
// then it did not bite.
type OutOfMemory struct {
	Target
	Within time.Duration `json:",omitempty"`
}

// FaultName is "out-of-memory".
func (OutOfMemory) FaultName() string { return "out-of-memory" }

// Validate names what is wrong with the parameters.
func (f OutOfMemory) Validate() error {
	if f.Within < 0 || f.Within > time.Minute {
		return fmt.Errorf("out of memory: Within is %v: it must be between zero and a minute", f.Within)
	}
	return nil
}

// Applies everywhere.
func (OutOfMemory) Applies(cluster.System, cluster.Network) error { return nil }

// AppliesAt says that only pods have control groups of their own.
func (OutOfMemory) AppliesAt(w World) error { return needsPods(w) }

// Aim resolves the target.
func (f OutOfMemory) Aim(ctx context.Context, aim Aim) (Act, error) {
	nodes, err := f.Target.pick(ctx, aim)
	act := MemoryAct{Targets: nodes, Within: f.Within}
	if act.Within == 0 {
		act.Within = 20 * time.Second
	}
	return act, err
}

// MemoryAct lowers the memory limit of some nodes until the kernel kills.
type MemoryAct struct {
	Targets []string
	Within  time.Duration
	// Before are the limits in which the fault found the nodes.
	Before map[string]cluster.Limits
}

// Text is one line for people.
func (a MemoryAct) Text() string { return "out-of-memory " + strings.Join(a.Targets, " ") }

// Nodes are the targets.
func (a MemoryAct) Nodes() []string { return a.Targets }

// Takes is how long Inject may take beside the usual.
func (a MemoryAct) Takes() time.Duration { return a.Within }

// Prepare notes the limits that there were.
func (a MemoryAct) Prepare(ctx context.Context, c cluster.Cluster, id string) (Act, error) {
	s := siteOf(c, id)
	a.Before = map[string]cluster.Limits{}
	for _, node := range a.Targets {
		before, err := s.limitsBefore(ctx, node)
		if err != nil {
			return a, err
		}
		a.Before[node] = before
	}
	return a, nil
}

// Inject lowers the limits until the kernel has killed, or the time is up.
func (a MemoryAct) Inject(ctx context.Context, c cluster.Cluster, id string) error {
	s := siteOf(c, id)
	return each(a.Targets, func(node string) error {
		until := time.Now().Add(a.Within)
		for refused := int64(0); ; {
			life, err := c.Life(ctx, node)
			if err != nil || life.OutOfMemory || life.State == cluster.Stopped {
				if life.State == cluster.Stopped {
					s.keepDown(ctx, node) // so that nobody starts it before this is undone
				}
				return err
			}
			if time.Now().After(until) {
				return nil
			}
			if refused, err = lowerMemory(ctx, s, node, refused); err != nil {
				return err
			}
		}
	})
}

// nearMemory is how near to what the node can't give up its limit is brought.
const nearMemory = 128 << 10

// lowerMemory lowers the limit once: to the middle between what the kernel refused
// last, or the node holds for itself, and all that it holds. When these are near,
// the next page that it asks for is its end, and the limit follows it from then on.
func lowerMemory(ctx context.Context, s *site, node string, refused int64) (nowRefused int64, err error) {
	r, err := s.resources()
	if err != nil {
		return refused, err
	}
	usage, err := r.Usage(ctx, node)
	if err != nil || usage.MemoryBytes == 0 { // it has ended
		return refused, err
	}
	limit := usage.FirmBytes
	if refused > 0 {
		limit = (refused + usage.MemoryBytes) / 2
	}
	if usage.MemoryBytes-limit < nearMemory {
		limit, refused = usage.MemoryBytes, 0
	}
	limit = max(limit, leastMemory)
	err = s.limit(ctx, node, cluster.Limits{MemoryBytes: limit})
	if errors.Is(err, cluster.ErrBelowUsage) {
		return limit, nil
	}
	return refused, err
}

// Bit asks the engine whether the kernel killed.
func (a MemoryAct) Bit(ctx context.Context, c cluster.Cluster, id string) (bool, string, error) {
	bit := false
	var seen []string
	for _, node := range a.Targets {
		life, err := c.Life(ctx, node)
		if err != nil {
			return false, "", fmt.Errorf("ask for the life of %s: %w", node, err)
		}
		text := fmt.Sprintf("%s was not killed within %v, and is %s", node, a.Within, life.State)
		if life.OutOfMemory {
			text = fmt.Sprintf("%s had a process killed by the kernel, out of memory, and is %s", node, life.State)
		}
		bit = bit || life.OutOfMemory
		seen = append(seen, text)
	}
	return bit, strings.Join(seen, "; "), nil
}

// Undo puts the limits back and starts the nodes.
func (a MemoryAct) Undo(ctx context.Context, c cluster.Cluster, id string) error {
	return each(a.Targets, func(node string) error {
		return unlimit(ctx, c, id, node, cluster.Limits{MemoryBytes: 1}, a.Before[node])
	})
}

// Undone compares the limits with those before.
func (a MemoryAct) Undone(ctx context.Context, c cluster.Cluster, id string) error {
	return each(a.Targets, func(node string) error { return unlimited(ctx, c, id, node, a.Before[node]) })
}

// Engine is the kernel's control groups.
func (OutOfMemory) Engine(string) string { return "control group" }

func init() {
	named.Register(MemoryAct{})
	Register(Entry{Kind: KindResource, Example: OutOfMemory{Target: Follower},
		About: "lowers the memory limit until the kernel kills the program for want of memory"})
}
