package harness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/workloads"
)

// stalls are the faults that have sessions hold transactions open.
type stalls struct {
	mu      sync.Mutex
	ended   bool // the load ends: nobody is held any more
	inForce map[string]*stall
}

type stall struct {
	fault.StallAct
	slots    []int
	released chan struct{}
	now      int // transactions that are held open
	ever     int
}

// Acknowledged implements [fault.Load].
func (c *clients) Acknowledged() int64 { return c.record.Acknowledged() }

// AwaitAcknowledged implements [fault.Load].
func (c *clients) AwaitAcknowledged(ctx context.Context, count int64) error {
	return c.record.AwaitAcknowledged(ctx, count)
}

// Stall implements [fault.Load].
func (c *clients) Stall(id string, act fault.StallAct) (int, error) {
	var slots []int
	for _, at := range c.scenario.places() {
		if string(at.group) == act.Group {
			slots = append(slots, at.number)
		}
	}
	if len(slots) == 0 {
		return 0, fmt.Errorf("no client of the group %s is at work", act.Group)
	}
	count := max(1, len(slots)*act.Share/100)
	draw := rand.New(rand.NewPCG(act.Seed, 1))
	draw.Shuffle(len(slots), func(i, j int) { slots[i], slots[j] = slots[j], slots[i] })
	c.stalls.mu.Lock()
	defer c.stalls.mu.Unlock()
	if c.stalls.inForce == nil {
		c.stalls.inForce = map[string]*stall{}
	}
	c.stalls.inForce[id] = &stall{StallAct: act, slots: slots[:count], released: make(chan struct{})}
	return count, nil
}

// Stalled implements [fault.Load].
func (c *clients) Stalled(id string) (now, ever int) {
	c.stalls.mu.Lock()
	defer c.stalls.mu.Unlock()
	if s := c.stalls.inForce[id]; s != nil {
		return s.now, s.ever
	}
	return 0, 0
}

// Release implements [fault.Load].
func (c *clients) Release(id string) {
	c.stalls.mu.Lock()
	defer c.stalls.mu.Unlock()
	if s := c.stalls.inForce[id]; s != nil {
		s.release()
		delete(c.stalls.inForce, id)
	}
}

func (s *stall) release() {
	select {
	case <-s.released:
	default:
		close(s.released)
	}
}

// end lets everybody go on, for good: what is held open is to be answered before
// the clients return.
func (s *stalls) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, one := range s.inForce {
		one.release()
	}
}

// hold is how a slot's next transaction is to be held open; nil where it is not.
func (s *stalls) hold(slot int) *workloads.Hold {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil
	}
	for _, one := range s.inForce {
		if slices.Contains(one.slots, slot) {
			return &workloads.Hold{Written: one.Written, Wait: func(context.Context) { s.wait(one) }}
		}
	}
	return nil
}

// wait holds the transaction of the caller open.
func (s *stalls) wait(one *stall) {
	select {
	case <-one.released:
		return
	default:
	}
	s.mu.Lock()
	one.now++
	one.ever++
	s.mu.Unlock()
	<-one.released
	s.mu.Lock()
	one.now--
	s.mu.Unlock()
}
