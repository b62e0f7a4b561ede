package fault

import (
	"context"

	"github.com/seatrial/seatrial/harness/cluster"
)

// Fault is one kind of failure with its parameters; see the package for the list.
// A mistake in the parameters is told by a method Validate() error, where the fault
// has one: that is an error wherever it stands, while what does not apply is left
// out of a [Mix].
type Fault interface {
	// FaultName is for instance "black-hole".
	FaultName() string
	// Applies says why the fault does not exist for this system or on this
	// runtime; nil means that it does.
	Applies(system cluster.System, network cluster.Network) error
	// At is where it falls.
	At() Target
	// Aim resolves the targets and returns what is to be done.
	Aim(ctx context.Context, aim Aim) (Act, error)
}

// Act is a fault with its targets resolved. It is data, so the journal can hold
// it and it can be undone by whoever reads that. The id distinguishes acts of one run.
type Act interface {
	// Text is one line for people, for instance "black hole n2 | n1 n3".
	Text() string
	// Nodes are those that the fault falls on.
	Nodes() []string
	Inject(ctx context.Context, c cluster.Cluster, id string) error
	// Bit says whether the fault was seen to do something, asked while it is in
	// force; proof is what was seen, or what was not.
	Bit(ctx context.Context, c cluster.Cluster, id string) (bit bool, proof string, err error)
	// Undo takes it away, whatever state the targets are in. Undoing twice is no error.
	Undo(ctx context.Context, c cluster.Cluster, id string) error
	// Undone says what is still there.
	Undone(ctx context.Context, c cluster.Cluster, id string) error
}
