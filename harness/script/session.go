package script

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/workloads"
)

// session is a named client: a sequence of processes. One goroutine at a time works
// on it: the script's, or that of its step in the background.
type session struct {
	runner  *Runner
	at      Session
	number  int
	client  workloads.Client
	process int32
	// known is what it read last of each key: a cas expects that.
	known map[string]history.Value
	open  *transaction

	pending chan struct{} // closed when the step in the background is over; nil where none was begun
	since   time.Time
	failure error // of the step in the background
}

// transaction is one that is held open.
type transaction struct {
	on      workloads.Interactive
	op      workloads.Operation
	answers []history.Step
	garbage error // what a step was told that is no value
}

// goOn does something in the background.
func (s *session) goOn(do func() error) {
	done := make(chan struct{})
	s.pending, s.since = done, time.Now()
	go func() {
		defer close(done)
		s.failure = do()
	}()
}

// settle waits for the step in the background.
func (s *session) settle(ctx context.Context, within time.Duration) error {
	if s.pending == nil {
		return nil
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-s.pending:
		err := s.failure
		s.pending, s.failure = nil, nil
		return err
	case <-timer.C:
		return stuck{fmt.Errorf("the step of %s in the background was not over within %v", s.at.Name, within)}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// act does an action of the session. That an operation fails is no error, and the
// end of the load cuts none short that was begun.
func (s *session) act(ctx context.Context, a action) error {
	switch a.do {
	case doOperation:
		if err := s.connect(ctx); err != nil {
			return err
		}
		s.operation(ctx, a.op)
	case doBegin:
		if err := s.connect(ctx); err != nil {
			return err
		}
		if err := s.begin(ctx, *a.begins); err != nil {
			return err
		}
		s.steps(ctx, a.steps)
	case doThen:
		s.steps(ctx, a.steps)
	case doCommit:
		s.commit(ctx)
	case doRollback:
		s.rollBack(ctx)
	}
	return nil
}

// connect makes sure of a client, trying for a while.
func (s *session) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, defaultWithin)
	defer cancel()
	for s.client == nil {
		attempt, stop := context.WithTimeout(ctx, s.runner.on.Timeout)
		client, process, err := s.runner.on.Open(attempt, s.at, s.number)
		stop()
		if err == nil {
			s.client, s.process = client, process
			return nil
		}
		if pause(ctx, askEvery) != nil {
			return stuck{fmt.Errorf("%s could not connect within %v: %w", s.at.Name, defaultWithin, err)}
		}
	}
	return nil
}

func (s *session) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.runner.on.Timeout)
}

func (s *session) operation(ctx context.Context, op workloads.Operation) {
	if op.Kind == history.CAS {
		op.Expect = history.Nil
		if known, ok := s.known[op.Key]; ok {
			op.Expect = known
		}
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	workloads.Invoke(s.runner.on.Record, s.process, op)
	answer, err := s.client.Do(ctx, op)
	if s.complete(op, answer, err) == history.OK && op.Kind == history.Read {
		s.known[op.Key] = answer.Result
	}
}

// complete records how an operation ended; after an unknown end the session goes on
// as a new process.
func (s *session) complete(op workloads.Operation, answer workloads.Answer, err error) history.Outcome {
	outcome := workloads.Complete(s.runner.on.Record, s.process, op, answer, err)
	if outcome == history.Info {
		s.close()
	}
	return outcome
}

// begin begins a transaction that is held open, recorded with all its steps.
func (s *session) begin(ctx context.Context, all []history.Step) error {
	interactor, ok := s.client.(workloads.Interactor)
	if !ok {
		return fmt.Errorf("the clients of the workload have no transactions: %T", s.client)
	}
	on, ok := interactor.Interactive()
	if !ok {
		return errors.New("the system takes a transaction as a whole: it can't be held open")
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	s.open = &transaction{on: on, op: workloads.TransactionOf(all...)}
	workloads.Invoke(s.runner.on.Record, s.process, s.open.op)
	if err := on.Begin(ctx); err != nil {
		s.fail(ctx, err)
	}
	return nil
}

// steps does some steps of the open transaction, until one fails.
func (s *session) steps(ctx context.Context, steps []history.Step) {
	for _, step := range steps {
		if s.open == nil {
			return // it failed before
		}
		limited, cancel := s.bounded(ctx)
		told, err := s.open.on.Step(limited, step)
		cancel()
		if garbage := (workloads.Garbage{}); errors.As(err, &garbage) {
			garbage.Step = len(s.open.answers)
			s.open.garbage = garbage
		} else if err != nil {
			s.fail(ctx, err)
			return
		}
		s.open.answers = append(s.open.answers, told)
	}
}

// fail ends a transaction of which no commit was asked for: it certainly never
// happened.
func (s *session) fail(ctx context.Context, err error) {
	t := s.open
	s.open = nil
	_ = workloads.GiveUp(ctx, t.on) // without a commit it ends one way only
	s.complete(t.op, workloads.Answer{}, workloads.NotDone(err))
}

func (s *session) commit(ctx context.Context) {
	t := s.open
	if t == nil {
		return // it failed before
	}
	s.open = nil
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	err := t.on.Commit(ctx)
	if err == nil {
		err = t.garbage
	}
	s.complete(t.op, workloads.Answer{Result: history.None, Steps: t.answers}, err)
}

func (s *session) rollBack(ctx context.Context) {
	if s.open != nil {
		s.fail(ctx, errors.New("the script rolled it back"))
	}
}

func (s *session) close() {
	if s.client != nil {
		_ = s.client.Close() // what was under way was recorded
		s.client = nil
	}
}
