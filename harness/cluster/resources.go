package cluster

import (
	"context"
	"errors"
)

// Unlimited is the value of a limit that is none.
const Unlimited = -1

// Limits bound what a node's program may use. Zero is for what is to stay as it is;
// [Unlimited] is no limit.
type Limits struct {
	// CPUs is how many processors' time it may use, for instance 0.5.
	CPUs float64
	// MemoryBytes bounds its memory, with the page cache of the files it uses.
	MemoryBytes int64
	// Processes bounds its processes and threads together.
	Processes int64
}

// Usage is what the kernel counted of a node's program. The counters begin anew
// with each of its lives.
type Usage struct {
	// Throttled is how many of the kernel's periods, of 100 ms each, the program
	// spent its quota of and had to stand still until the next.
	Throttled uint64
	// MemoryBytes is what it holds now, and FirmBytes what of that is no copy of a
	// file, which the kernel could take away.
	MemoryBytes, FirmBytes int64
	// AtMemoryLimit is how often it wanted more than its limit and the kernel had to
	// take pages away or kill.
	AtMemoryLimit uint64
	// Processes is how many processes and threads it has.
	Processes int64
}

// Resources is a [Cluster] whose nodes can be limited while they run, each in a
// control group of its own. Limits hold across the lives of a node. Limit and Limits
// work on nodes in any state; a node that somebody removed has nothing to
// restore, and is no error for Limit.
type Resources interface {
	// Limits are those of the node now.
	Limits(ctx context.Context, node string) (Limits, error)
	// Limit changes the limits that are not zero. An error that wraps
	// [ErrBelowUsage] says that the kernel refused a memory limit because the node
	// holds more than that and none of it can be taken away.
	Limit(ctx context.Context, node string, limits Limits) error
	// Usage is asked of the kernel's accounting, by another way than limits are
	// set. A node that does not run has none.
	Usage(ctx context.Context, node string) (Usage, error)
}

// ErrBelowUsage is why a memory limit was refused.
var ErrBelowUsage = errors.New("the node holds more memory than that, and the kernel can't take it away")
