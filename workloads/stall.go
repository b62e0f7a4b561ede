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

// readsAndWrites reports whether a transaction does both.
func readsAndWrites(steps []history.Step) bool {
	return slices.ContainsFunc(steps, reads) && slices.ContainsFunc(steps, func(s history.Step) bool { return !reads(s) })
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

// await waits until others were committed, or half of the operation's time is over.
func (c *commits) await(ctx context.Context, others int) {
	var half <-chan time.Time
	if deadline, ok := ctx.Deadline(); ok {
		half = time.After(time.Until(deadline) / 2)
	}
	select {
	case <-c.more(others):
	case <-half:
	case <-ctx.Done():
	}
}
