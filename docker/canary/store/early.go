package store

import (
	"context"
	"sync"
)

// early is the state of the defect [AckBeforeCommit] on a leader: the table as it
// will be if everything that was appended here is committed.
type early struct {
	mu    sync.Mutex
	term  uint64 // of the leadership that values belongs to
	table map[string]int64
}

// doEarly is the defect [AckBeforeCommit] on a leader: it answers from what it
// appended, and never looks whether a majority stored it. Without faults nothing
// is wrong with that. A leader that is cut off goes on answering for as long as
// its lease lasts, and the next leader has never heard of it.
func (s *Store) doEarly(ctx context.Context, c command) Response {
	e := &s.early
	e.mu.Lock()
	defer e.mu.Unlock()
	if term := s.raft.CurrentTerm(); e.table == nil || e.term != term {
		if err := s.barrier.wait(ctx); err != nil {
			return notDone("wait for a barrier before leading: %v", err)
		}
		e.table, e.term = s.table.clone(), term
	}
	if !s.leads() {
		return notDone("%s does not lead", s.options.Node)
	}
	r := c.run(e.table)
	if c.op != OpRead && r.swapped {
		s.raft.Apply(c.encode(), enqueueLimit) // and nobody waits for the future
	}
	return r.response(c.op)
}
