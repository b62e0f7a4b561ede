package workloads

import (
	"context"
	"slices"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// Hold keeps a transaction open in its middle.
type Hold struct {
	// Written holds it before its commit, when it has done everything, instead of
	// before its first write.
	Written bool
	// Wait is called once with the transaction open, and returns when it is to go on.
	// The context is that of the operation.
	Wait func(ctx context.Context)
}

// HoldOpen is the operation, held open. Of a transaction that is held before it
// writes the reads come first, so that nobody waits for what it wrote. An operation
// that is no transaction is returned as it is.
func HoldOpen(op Operation, hold *Hold) Operation {
	if op.Kind != history.Txn {
		return op
	}
	op.Hold = hold
	if !hold.Written {
		op.Steps = slices.Clone(op.Steps)
		slices.SortStableFunc(op.Steps, func(a, b history.Step) int {
			switch {
			case reads(a) == reads(b):
				return 0
			case reads(a):
				return -1
			}
			return 1
		})
	}
	return op
}

// heldOpen is an interactive client whose transaction is held open once. What comes
// after that has the time of an operation of its own.
type heldOpen struct {
	Interactive
	hold    *Hold
	timeout time.Duration
	after   context.Context // nil before it was held
	cancel  context.CancelFunc
}

// wait holds the transaction open, and returns the context for what comes after.
func (h *heldOpen) wait(ctx context.Context, here bool) context.Context {
	if h.after == nil && here {
		h.hold.Wait(ctx)
		h.after, h.cancel = context.WithTimeout(context.WithoutCancel(ctx), h.timeout)
	}
	if h.after != nil {
		return h.after
	}
	return ctx
}

func (h *heldOpen) close() {
	if h.cancel != nil {
		h.cancel()
	}
}

func (h *heldOpen) Step(ctx context.Context, step history.Step) (history.Step, error) {
	return h.Interactive.Step(h.wait(ctx, !h.hold.Written && !reads(step)), step)
}

func (h *heldOpen) Commit(ctx context.Context) error {
	return h.Interactive.Commit(h.wait(ctx, true))
}
