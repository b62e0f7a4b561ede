package store

import (
	"context"
	"sync"
)

// checkpoints are the state of the defect [LostOnLeaderChange] beside a table: a
// copy of it that is a little old. Nil keeps none. They are guarded by the
// table's lock.
type checkpoints struct {
	last  state
	since int // commands applied since last
}

// checkpointEvery is how many commands there are from one checkpoint to the next.
const checkpointEvery = 64

// saw counts one command, and makes the next checkpoint when it is time.
func (c *checkpoints) saw(now state) {
	if c == nil {
		return
	}
	if c.since++; c.since >= checkpointEvery {
		c.keep(now)
	}
}

func (c *checkpoints) keep(now state) {
	if c != nil {
		c.last, c.since = now.clone(), 0
	}
}

// rollBack makes the last checkpoint the table's state, and leaves the count of
// applied entries as it is: the node believes that it has them.
func (t *table) rollBack() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state = t.checkpoints.last.clone()
	t.checkpoints.since = 0
}

// takeover remembers the term in which this node last took the lead.
type takeover struct {
	mu   sync.Mutex
	term uint64
}

// forgetTail is the defect [LostOnLeaderChange]: before a new leader serves
// anybody it goes back to its last checkpoint, and does not replay what its log
// holds behind it. The followers' tables have it all: clients miss it for as long
// as this node leads, and its own table until it is started again.
func (s *Store) forgetTail(ctx context.Context) error {
	s.takeover.mu.Lock()
	defer s.takeover.mu.Unlock()
	term := s.raft.CurrentTerm()
	if s.takeover.term == term {
		return nil
	}
	// After the barrier everything of earlier terms is applied, and nothing of this
	// one: whoever wants to add something waits for the lock.
	if err := s.barrier.wait(ctx); err != nil {
		return err
	}
	s.table.rollBack()
	s.takeover.term = term
	return nil
}
