package store

import (
	"context"
	"sync"

	"github.com/hashicorp/raft"
)

// early is the state of the defects [AckBeforeCommit] and [DirtyRead] on a leader:
// the store as it will be if everything that was appended here is committed.
type early struct {
	mu    sync.Mutex
	term  uint64 // of the leadership that state belongs to
	state state
}

// doEarly is the defect [AckBeforeCommit] on a leader: it answers from what it
// appended, and never looks whether a majority stored it. Without faults nothing
// is wrong with that. A leader that is cut off goes on answering for as long as
// its lease lasts, and the next leader has never heard of it.
func (s *Store) doEarly(ctx context.Context, c command) Response {
	answer, _, refused := s.appendEarly(ctx, c)
	if refused != nil {
		return *refused
	}
	return answer.response(c.op) // and nobody waits for the future
}

// doDirty is the defect [DirtyRead] on a leader: what changes something waits for
// its majority, as it should, but a read is answered at once from what was
// appended. A leader that is cut off shows what no other node ever heard of.
func (s *Store) doDirty(ctx context.Context, c command) Response {
	answer, future, refused := s.appendEarly(ctx, c)
	if refused != nil {
		return *refused
	}
	if future == nil {
		return answer.response(c.op)
	}
	return s.await(ctx, c.op, func() raft.ApplyFuture { return future })
}

// appendEarly carries a command out on the early state. What has an effect there,
// or might have one by the time it is committed, goes to the log in that order.
func (s *Store) appendEarly(ctx context.Context, c command) (answer result, future raft.ApplyFuture, refused *Response) {
	e := &s.early
	e.mu.Lock()
	defer e.mu.Unlock()
	if term := s.raft.CurrentTerm(); e.term != term {
		if err := s.barrier.wait(ctx); err != nil {
			r := notDone("wait for a barrier before leading: %v", err)
			return result{}, nil, &r
		}
		e.state, e.term = s.table.clone(), term
	}
	if !s.leads() {
		r := notDone("%s does not lead", s.options.Node)
		return result{}, nil, &r
	}
	answer = c.run(e.state)
	if c.op.HasEffect() {
		future = s.raft.Apply(c.encode(), enqueueLimit)
	}
	return answer, future, nil
}
