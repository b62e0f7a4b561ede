package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
)

// Acts is several acts as one: injected in their order, and undone in the reverse
// one. It bites where each of them does.
type Acts struct {
	Label string
	Parts []Act
}

// Text is one line for people.
func (a Acts) Text() string { return a.Label }

// Nodes are the targets of all parts.
func (a Acts) Nodes() []string {
	var nodes []string
	for _, part := range a.Parts {
		nodes = append(nodes, part.Nodes()...)
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// EngineName is what enforces the parts, as far as they say so.
func (a Acts) EngineName() string {
	var names []string
	for _, part := range a.Parts {
		if named, is := part.(interface{ EngineName() string }); is && !slices.Contains(names, named.EngineName()) {
			names = append(names, named.EngineName())
		}
	}
	return strings.Join(names, " and ")
}

// Takes is how long the parts may take to be injected, beside what every act may.
func (a Acts) Takes() time.Duration {
	var sum time.Duration
	for _, part := range a.Parts {
		if slow, is := part.(interface{ Takes() time.Duration }); is {
			sum += slow.Takes()
		}
	}
	return sum
}

// partID is the id of the part at that place.
func partID(id string, place int) string { return fmt.Sprintf("%s/%d", id, place+1) }

// Inject injects the parts, up to the first that fails.
func (a Acts) Inject(ctx context.Context, c cluster.Cluster, id string) error {
	for i, part := range a.Parts {
		if err := part.Inject(ctx, c, partID(id, i)); err != nil {
			return fmt.Errorf("%s: %w", part.Text(), err)
		}
	}
	return nil
}

// Bit asks all parts, side by side.
func (a Acts) Bit(ctx context.Context, c cluster.Cluster, id string) (bool, string, error) {
	bits, proofs, errs := make([]bool, len(a.Parts)), make([]string, len(a.Parts)), make([]error, len(a.Parts))
	var asked sync.WaitGroup
	for i, part := range a.Parts {
		asked.Go(func() {
			bits[i], proofs[i], errs[i] = part.Bit(ctx, c, partID(id, i))
			proofs[i] = part.Text() + ": " + proofs[i]
		})
	}
	asked.Wait()
	return !slices.Contains(bits, false), strings.Join(proofs, "; "), errors.Join(errs...)
}

// Counted is what each part that counts did altogether.
func (a Acts) Counted(ctx context.Context, c cluster.Cluster, id string) (string, error) {
	var all []string
	var failed error
	for place, part := range a.Parts {
		counting, is := part.(Counting)
		if !is {
			continue
		}
		text, err := counting.Counted(ctx, c, partID(id, place))
		if failed = errors.Join(failed, err); err == nil {
			all = append(all, part.Text()+": "+text)
		}
	}
	return strings.Join(all, "; "), failed
}

// Undo undoes the parts, the last first, also after one failed.
func (a Acts) Undo(ctx context.Context, c cluster.Cluster, id string) error {
	return a.backwards(func(part Act, place int) error { return part.Undo(ctx, c, partID(id, place)) })
}

// Undone says what of the parts is still there.
func (a Acts) Undone(ctx context.Context, c cluster.Cluster, id string) error {
	return a.backwards(func(part Act, place int) error { return part.Undone(ctx, c, partID(id, place)) })
}

func (a Acts) backwards(do func(part Act, place int) error) error {
	var all error
	for place, part := range slices.Backward(a.Parts) {
		if err := do(part, place); err != nil {
			all = errors.Join(all, fmt.Errorf("%s: %w", part.Text(), err))
		}
	}
	return all
}
