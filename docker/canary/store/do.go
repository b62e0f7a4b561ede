package store

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/raft"
)

// Do carries out a request of a client.
func (s *Store) Do(ctx context.Context, request Request) Response {
	switch {
	case request.Op == OpStatus:
		return s.status()
	case request.Op == OpListLocal:
		return s.local(OpList, request.Key)
	case request.Op == OpSync:
		return s.sync(ctx, request)
	case s.options.Defect == StaleRead && !request.Op.HasEffect():
		return s.local(request.Op, request.Key)
	case s.options.Defect == DoubleAppend && request.Op == OpAppend:
		return again(ctx, func(ctx context.Context) Response { return s.route(ctx, request) })
	}
	return s.route(ctx, request)
}

// route carries out a request where it must be: here if this node leads, else by
// handing it to the leader, once.
func (s *Store) route(ctx context.Context, request Request) Response {
	if s.leads() {
		return s.lead(ctx, request)
	}
	leader, reign := s.leader()
	if leader == "" || leader == s.options.Node {
		return notDone("%s knows no leader", s.options.Node)
	}
	if s.options.Defect == AckBeforeCommit && (request.Op == OpWrite || request.Op == OpAppend) {
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
	switch {
	case request.Op == OpStatus:
		return s.status()
	case request.Op == OpListLocal:
		return s.local(OpList, request.Key)
	case !s.leads():
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

// local reads this node's own table, however old it is.
func (s *Store) local(op Op, key string) Response {
	if op == OpList {
		return Response{Status: OK, List: s.table.list(key)}
	}
	return Response{Status: OK, Value: s.table.get(key)}
}

// sync answers once this node's own table holds all that the leader's held after a
// barrier, and so all that was acknowledged before the request.
func (s *Store) sync(ctx context.Context, request Request) Response {
	response := s.route(ctx, request)
	if response.Status != OK {
		return response
	}
	select {
	case <-s.table.reached(response.Applied):
		return response
	case <-ctx.Done():
		return notDone("%s has applied entry %d, and the leader %d", s.options.Node, s.table.appliedIndex(), response.Applied)
	}
}

// lead carries out a request on the node that leads, or did a moment ago.
func (s *Store) lead(ctx context.Context, request Request) Response {
	c := command{op: request.Op, key: request.Key, value: request.Value, expect: request.Expect}
	if s.options.Defect == LostOnLeaderChange {
		if err := s.forgetTail(ctx); err != nil {
			return notDone("take the lead: %v", err)
		}
	}
	switch {
	case request.Op == OpSync:
		return s.leaderSync(ctx)
	case s.options.Defect == AckBeforeCommit:
		return s.doEarly(ctx, c)
	case s.options.Defect == DirtyRead:
		return s.doDirty(ctx, c)
	case !request.Op.HasEffect():
		return s.read(ctx, request.Op, request.Key)
	case s.options.Defect == NonatomicCAS && request.Op == OpCAS:
		return s.doInTwoSteps(ctx, c)
	default:
		return s.propose(ctx, c)
	}
}

// read is linearizable: see [barriers].
func (s *Store) read(ctx context.Context, op Op, key string) Response {
	if err := s.barrier.wait(ctx); err != nil {
		return notDone("wait for a barrier before reading: %v", err)
	}
	return s.local(op, key)
}

// leaderSync is the leader's part of sync.
func (s *Store) leaderSync(ctx context.Context) Response {
	if err := s.barrier.wait(ctx); err != nil {
		return notDone("wait for a barrier: %v", err)
	}
	return Response{Status: OK, Applied: s.table.appliedIndex()}
}

// propose appends a command to the log and answers with what it did once a
// majority stores it.
func (s *Store) propose(ctx context.Context, c command) Response {
	return s.await(ctx, c.op, func() raft.ApplyFuture { return s.raft.Apply(c.encode(), enqueueLimit) })
}

// await appends a command of that kind to the log and answers as propose does.
func (s *Store) await(ctx context.Context, op Op, appendToLog func() raft.ApplyFuture) Response {
	type outcome struct {
		answer any
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		future := appendToLog()
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
		return r.response(op)
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
	saw := s.read(ctx, OpRead, c.key)
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
