package cluster

import (
	"context"
	"time"

	"github.com/seatrial/seatrial/harness/link"
)

// NameNetwork is a [Network] on which it can be changed what the nodes' programs
// are told about names. Count, Undo and Active know an effect on names like any
// other, by its id.
type NameNetwork interface {
	Network
	// NamesApply says why names can't be changed here; nil means that they can.
	NamesApply() error
	// ApplyNames puts an effect on the questions that these nodes ask, under an id
	// of the caller's.
	ApplyNames(ctx context.Context, id string, effect link.NameEffect, nodes []string) error
	// Resolve looks a name up as a program of the node would, whether or not that
	// runs. It shares no code with the effects. A name that was not found is no error.
	Resolve(ctx context.Context, node, name string, timeout time.Duration) (link.Resolution, error)
}
