package script

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/workloads"
)

// On is what a script works on.
type On struct {
	Cluster  cluster.Cluster
	Injector *fault.Injector
	Record   *history.Recorder
	// Open connects a client for a session, in the number-th place beside the
	// clients of the load, and records where it sits.
	Open func(ctx context.Context, s Session, number int) (client workloads.Client, process int32, err error)
	// Timeout bounds one operation, and each statement of a transaction that is
	// held open.
	Timeout time.Duration
	// First is where the values that the script draws begin, so that they are not
	// those of the load.
	First int64
}

// MarkStep is the mark of a history for a step that is begun, with its number and text.
const MarkStep = "script"

// Runner carries out a script on a running cluster.
type Runner struct {
	on       On
	script   Script
	sessions map[string]*session
	heals    map[string]func(context.Context) error
	// acknowledged is how many operations were when the step now was begun.
	acknowledged int64
	firstLeader  string
	logs         map[string]string // when the script began
}

// NewRunner makes a runner.
func NewRunner(s Script, on On) *Runner {
	return &Runner{on: on, script: s, sessions: map[string]*session{}, heals: map[string]func(context.Context) error{}, logs: map[string]string{}}
}

// Cluster is the running cluster, for code in a [Func] or a [Barrier].
func (r *Runner) Cluster() cluster.Cluster { return r.on.Cluster }

// Injector injects faults, for code in a [Func].
func (r *Runner) Injector() *fault.Injector { return r.on.Injector }

// stuck is the error of a script that could not go on: nobody failed, but the run
// proves nothing.
type stuck struct{ error }

func (s stuck) Unwrap() error { return s.error }

// IsStuck reports whether a script ended because a barrier was not reached within
// its deadline, a session could not connect, or its time was over.
func IsStuck(err error) bool {
	var s stuck
	return errors.As(err, &s)
}

// Run carries the script out and returns when it is over and every session is
// closed. A transaction that is still open then is rolled back.
func (r *Runner) Run(ctx context.Context) error {
	compiled, err := compile(r.script, r.on.First)
	if err != nil {
		return err
	}
	defer r.close(ctx)
	if err := r.lookAround(ctx, compiled.actions); err != nil {
		return err
	}
	for _, a := range compiled.actions {
		if a.first {
			r.on.Record.Mark(MarkStep, fmt.Sprintf("%d  %s", a.number, a.text))
			r.acknowledged = r.on.Record.Acknowledged()
		}
		err := r.act(ctx, a)
		if err != nil && ctx.Err() != nil {
			err = stuck{fmt.Errorf("its time was over: %w", err)}
		}
		if err != nil {
			return fmt.Errorf("script: step %d, %s: %w", a.number, a.text, err)
		}
	}
	return nil
}

// lookAround notes what barriers compare with.
func (r *Runner) lookAround(ctx context.Context, actions []action) error {
	for _, a := range actions {
		switch b := a.barrier.(type) {
		case LeaderIsNot:
			if r.firstLeader == "" && b.Node == "" {
				var saw string
				if r.firstLeader, saw = r.leader(ctx); r.firstLeader == "" {
					return stuck{fmt.Errorf("script: nobody leads at its beginning: %s", saw)}
				}
			}
		case LogLine:
			var err error
			if r.logs[b.Node], err = r.log(ctx, b.Node); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Runner) act(ctx context.Context, a action) error {
	switch a.do {
	case doInject:
		heal, err := r.on.Injector.Inject(ctx, a.fault)
		r.heals[a.name] = heal
		return err
	case doHeal:
		return r.heals[a.name](ctx)
	case doUntil:
		return r.until(ctx, a.barrier, a.limit)
	case doWait:
		return pause(ctx, a.limit)
	case doCode:
		return a.code.Do(ctx, r)
	}
	s := r.session(a.session)
	limit := defaultWithin
	if a.do == doAwait {
		limit = a.limit
	}
	if err := s.settle(ctx, limit); err != nil || a.do == doAwait {
		return err
	}
	if a.behind {
		s.goOn(func() error { return s.act(ctx, a) })
		return nil
	}
	return s.act(ctx, a)
}

// askEvery is the pace at which a barrier is asked for.
const askEvery = 20 * time.Millisecond

func (r *Runner) until(ctx context.Context, b Barrier, within time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	saw := "nothing"
	for {
		reached, now, err := b.Reached(limited, r)
		if reached || err != nil && limited.Err() == nil {
			return err
		}
		if now != "" && limited.Err() == nil {
			saw = now
		}
		if pause(limited, askEvery) != nil {
			return stuck{fmt.Errorf("not within %v; seen last: %s", within, saw)}
		}
	}
}

func pause(ctx context.Context, length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// session is the session of that name.
func (r *Runner) session(name string) *session {
	s := r.sessions[name]
	if s == nil {
		s = &session{runner: r, at: Session{Name: name}, number: len(r.sessions), known: map[string]history.Value{}}
		for _, at := range r.script.Sessions {
			if at.Name == name {
				s.at = at
			}
		}
		r.sessions[name] = s
	}
	return s
}

// close ends every session. What is in the background has its own deadline.
func (r *Runner) close(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	for _, s := range r.sessions {
		_ = s.settle(ctx, r.on.Timeout+defaultWithin) // its operation was recorded
		s.rollBack(ctx)
		s.close()
	}
}
