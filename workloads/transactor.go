package workloads

import (
	"context"
	"errors"
	"time"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
)

// Transactor is a client that runs transactions. It is used by one goroutine at a
// time. Errors are as for [Register]: [NotDone] where the transaction certainly
// never took effect.
type Transactor interface {
	// Transact runs the steps in their order as one transaction, and returns them
	// with what those that read were told: history.Nil for a register that is
	// absent, and no elements for an absent list. A [Garbage] comes with all steps.
	Transact(ctx context.Context, steps []history.Step) ([]history.Step, error)
	Close() error
}

// Interactive is a [Transactor] whose transaction stays open between its steps, as
// a SQL session's does, so that a script can hold it open. After an error of Begin
// or Step the transaction is rolled back by its user; after Commit or Rollback
// none is open, whatever they returned.
type Interactive interface {
	Transactor
	Begin(ctx context.Context) error
	// Step does one step and returns it with what it was told.
	Step(ctx context.Context, step history.Step) (history.Step, error)
	// Commit returns an error marked by [NotDone] where the system said that
	// nothing was committed, and any other where it is not known.
	Commit(ctx context.Context) error
	Rollback(ctx context.Context) error
}

// TransactionOpener is a system that offers transactions.
type TransactionOpener interface {
	// OpenTransactor connects a client that talks to the session's node.
	OpenTransactor(ctx context.Context, session link.Session) (Transactor, error)
	// TransactionSteps are the kinds of step that a transaction may have.
	TransactionSteps() []history.Kind
}

// rollbackTimeout bounds the rollback of a transaction that failed.
const rollbackTimeout = time.Second

// StepByStep runs a transaction on an interactive client. It is what an adapter's
// Transact returns where its system talks in single statements: whatever goes wrong
// before the commit was asked for, the transaction certainly did not happen.
func StepByStep(ctx context.Context, t Interactive, steps []history.Step) ([]history.Step, error) {
	if err := t.Begin(ctx); err != nil {
		return nil, NotDone(err)
	}
	answers := make([]history.Step, len(steps))
	var garbage error
	for i, step := range steps {
		var err error
		answers[i], err = t.Step(ctx, step)
		if g := (Garbage{}); errors.As(err, &g) {
			g.Step = i
			garbage = g
		} else if err != nil {
			return nil, NotDone(errors.Join(err, GiveUp(ctx, t)))
		}
	}
	if err := t.Commit(ctx); err != nil {
		return nil, err
	}
	return answers, garbage
}

// GiveUp rolls a transaction back, also where the context has ended.
func GiveUp(ctx context.Context, t Interactive) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	return t.Rollback(ctx)
}

// Interactor is a [Client] whose transactions can be held open.
type Interactor interface {
	Client
	// Interactive returns what the transactions run on; false where the system
	// takes a transaction as a whole only.
	Interactive() (Interactive, bool)
}
