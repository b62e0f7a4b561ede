package store

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/raft"
)

// Do carries out a request of a client: here if this node leads, else by handing
// it to the leader.
func (s *Store) Do(ctx context.Context, request Request) Response {
	switch {
	case request.Op == OpStatus:
		return s.status()
	case s.options.Defect == StaleRead && request.Op == OpRead:
		return Response{Status: OK, Value: s.table.get(request.Key)}
	case s.leads():
		return s.lead(ctx, request)
	}
	leader, reign := s.leader()
	if leader == "" || leader == s.options.Node {
		return notDone("%s knows no leader", s.options.Node)
	}
	if s.options.Defect == AckBeforeCommit && request.Op == OpWrite {
		if err := s.forward.post(s.ctx, leader, request); err != nil {
			return notDone("hand it to the leader %s: %v", leader, err)
		}
		return Response{Status: OK}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(reign, cancel)()
	return s.forward.do(ctx, leader, request)
}

// doHere carries out a request that a peer handed over. It is not handed on: two
// nodes that each believe the other leads would play ping-pong.
func (s *Store) doHere(ctx context.Context, request Request) Response {
	if request.Op == OpStatus {
		return s.status()
	}
	if !s.leads() {
		return notDone("%s does not lead", s.options.Node)
	}
	return s.lead(ctx, request)
}

func (s *Store) status() Response {
	leader, _ := s.leader()
	return Response{
		Status: OK, Node: s.options.Node, Leader: leader,
		Term: s.raft.CurrentTerm(), Applied: s.raft.AppliedIndex(),
	}
}

// lead carries out a request on the node that leads, or did a moment ago.
func (s *Store) lead(ctx context.Context, request Request) Response {
	c := command{op: request.Op, key: request.Key, value: request.Value, expect: request.Expect}
	switch {
	case s.options.Defect == AckBeforeCommit:
		return s.doEarly(ctx, c)
	case request.Op == OpRead:
		return s.read(ctx, request.Key)
	case s.options.Defect == NonatomicCAS && request.Op == OpCAS:
		return s.doInTwoSteps(ctx, c)
	default:
		return s.propose(ctx, c)
	}
}

// read is linearizable: see [barriers].
func (s *Store) read(ctx context.Context, key string) Response {
	if err := s.barrier.wait(ctx); err != nil {
		return notDone("wait for a barrier before reading: %v", err)
	}
	return Response{Status: OK, Value: s.table.get(key)}
}

// propose appends a command to the log and answers with what it did once a
// majority stores it.
func (s *Store) propose(ctx context.Context, c command) Response {
	type outcome struct {
		answer any
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		future := s.raft.Apply(c.encode(), enqueueLimit)
		err := future.Error()
		done <- outcome{future.Response(), err}
	}()
	select {
	case o := <-done:
		if o.err != nil {
			return proposeFailed(o.err)
		}
		r, ok := o.answer.(result)
		if !ok {
			return notDone("%v", o.answer) // the entry can't be read: it has no effect on any node
		}
		return r.response(c.op)
	case <-ctx.Done():
		return Response{Status: Unknown, Error: "wait for a majority: " + context.Cause(ctx).Error()}
	}
}

// proposeFailed tells apart what never got into the log from what may be in it.
// The three errors are given before an entry is made. ErrLeadershipLost is not
// among them: the entry is in this node's log and perhaps in others', and the
// next leader may commit it. ErrRaftShutdown comes before and after.
func proposeFailed(err error) Response {
	for _, before := range []error{raft.ErrNotLeader, raft.ErrEnqueueTimeout, raft.ErrLeadershipTransferInProgress} {
		if errors.Is(err, before) {
			return notDone("%v", err)
		}
	}
	return Response{Status: Unknown, Error: err.Error()}
}

// doInTwoSteps is the defect [NonatomicCAS]. The pause is the time that a client
// would need between its read and its write.
func (s *Store) doInTwoSteps(ctx context.Context, c command) Response {
	const pause = 2 * time.Millisecond
	saw := s.read(ctx, c.key)
	if saw.Status != OK || !equal(saw.Value, c.expect) {
		return saw
	}
	select {
	case <-time.After(pause):
	case <-ctx.Done():
		return notDone("%v", context.Cause(ctx))
	}
	wrote := s.propose(ctx, command{op: OpWrite, key: c.key, value: c.value})
	wrote.Swapped = wrote.Status == OK
	return wrote
}
