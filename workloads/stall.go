package workloads

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

func validateStall(others, share int) error {
	if others < 0 || share < 0 || share > 100 || (others > 0) != (share > 0) {
		return fmt.Errorf("field StallFor is %d and StallShare %d: want both, a number of transactions and 1 to 100 percent, or neither", others, share)
	}
	return nil
}

// readFirst puts what reads before what writes, so that nobody waits for what a
// transaction wrote while it is held open. It reports whether there is both.
func readFirst(steps []history.Step) bool {
	slices.SortStableFunc(steps, func(a, b history.Step) int {
		switch {
		case reads(a) == reads(b):
			return 0
		case reads(a):
			return -1
		}
		return 1
	})
	return reads(steps[0]) && !reads(steps[len(steps)-1])
}

func reads(s history.Step) bool { return s.Kind() == history.Read || s.Kind() == history.ReadList }

// commits counts transactions, for those that wait until so many were committed.
type commits struct {
	mu      sync.Mutex
	count   int
	waiting map[int][]chan struct{} // by the count that they wait for
}

func (c *commits) add() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	for _, reached := range c.waiting[c.count] {
		close(reached)
	}
	delete(c.waiting, c.count)
}

// more is closed when so many more were committed.
func (c *commits) more(others int) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil {
		c.waiting = map[int][]chan struct{}{}
	}
	reached := make(chan struct{})
	c.waiting[c.count+others] = append(c.waiting[c.count+others], reached)
	return reached
}

// stalling holds a transaction open before its first write, until others were
// committed or half of its time is over.
type stalling struct {
	Interactive
	commits *commits
	others  int
}

func (s *stalling) Step(ctx context.Context, step history.Step) (history.Step, error) {
	if s.others > 0 && !reads(step) {
		var half <-chan time.Time
		if deadline, ok := ctx.Deadline(); ok {
			half = time.After(time.Until(deadline) / 2)
		}
		select {
		case <-s.commits.more(s.others):
		case <-half:
		case <-ctx.Done():
			return step, ctx.Err()
		}
		s.others = 0
	}
	return s.Interactive.Step(ctx, step)
}
