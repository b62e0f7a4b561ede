package fault

import (
	"context"

	"github.com/seatrial/seatrial/harness/cluster"
)

// What a fault or an act can do beyond its interface it says by what it implements.

// Placed is a fault that does not exist everywhere. It is asked before a run, as
// far as the world is known then.
type Placed interface {
	Fault
	// AppliesAt says why the fault does not exist there; nil means that it does.
	AppliesAt(w World) error
}

// Equipped is a fault that needs something of the cluster that a machine may lack.
type Equipped interface {
	Fault
	// AppliesOn says why the fault does not exist on the running cluster; nil means
	// that it does. It is asked when the fault's time comes.
	AppliesOn(c cluster.Cluster) error
}

// Waiting is a fault that comes when something has happened, and not when its step
// begins. If that does not happen within the step's time it is not injected, and
// did not bite.
type Waiting interface {
	Fault
	// Await waits for it and says what was seen, also where it did not happen
	// before the context ended.
	Await(ctx context.Context, load Load) (happened bool, saw string)
}

// Prepared is an act whose undo, or proof, needs to know what was there before.
type Prepared interface {
	Act
	// Prepare returns the act with what it finds. It changes nothing. The result
	// is what goes to the journal.
	Prepare(ctx context.Context, c cluster.Cluster, id string) (Act, error)
}

// Going is an act that goes on doing something while it is in force.
type Going interface {
	Act
	// Go begins after Inject. It goes on until its context ends, which is before
	// Undo is called; it finishes what it is at, and returns nil. If it returns nil
	// before that, the fault is over and is healed before its time. did is told
	// what was done each time, for the history: a few words, always the same.
	Go(ctx context.Context, c cluster.Cluster, id string, did func(what string)) error
}

// Counting is an act that can say at its end what it did altogether.
type Counting interface {
	Act
	// Counted is asked once, just before Undo.
	Counted(ctx context.Context, c cluster.Cluster, id string) (string, error)
}

// Counted reads the counters at the places that enforce the effect.
func (a NetworkAct) Counted(ctx context.Context, c cluster.Cluster, id string) (string, error) {
	count, err := c.Network().Count(ctx, id)
	return count.String(), err
}

// Load is the clients at work, as far as faults need them.
type Load interface {
	// Acknowledged is how many operations succeeded since the run began.
	Acknowledged() int64
	// AwaitAcknowledged returns as soon as that many have, or with the error of a
	// context that ended first.
	AwaitAcknowledged(ctx context.Context, count int64) error
	// Stall has sessions hold their next transactions open, each one until it is
	// released or the load ends. It returns how many sessions.
	Stall(id string, stall StallAct) (sessions int, err error)
	// Stalled is how many sessions hold a transaction open for that stall now,
	// and how many transactions ever were.
	Stalled(id string) (now, ever int)
	// Release ends a stall. An unknown id is no error.
	Release(id string)
}
