package workloads

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
)

// Register is a client of a system's registers: named cells that hold one value.
// It is used by one goroutine at a time.
//
// An error is wrapped by [NotDone] only where the operation definitely did not
// happen and never will; any other error means that nobody knows. Adapters turn
// their library's automatic retries off: a client that retries hides anomalies
// and fakes others.
type Register interface {
	// Read returns the value, history.Nil where the key is absent.
	Read(ctx context.Context, key string) (history.Value, error)
	Write(ctx context.Context, key string, value history.Value) error
	// CompareAndSet stores value if the key holds expect (history.Nil: is absent).
	// Where it does not, swapped is false and saw is what it held, or
	// history.None where the system does not say.
	CompareAndSet(ctx context.Context, key string, expect, value history.Value) (swapped bool, saw history.Value, err error)
	Close() error
}

// Appender is a client of a system's lists: each append adds one element that was
// never added before, so a list is as good as a set. It is used by one goroutine at
// a time. Errors are as for [Register]; one of [Garbage] comes with the elements
// that are values.
type Appender interface {
	Append(ctx context.Context, key string, element history.Value) error
	// List returns every element, as often as it is there, as clients are served:
	// by whoever leads. An absent list is empty.
	List(ctx context.Context, key string) ([]history.Value, error)
	// ListLocal returns what the session's own node holds, whoever leads.
	ListLocal(ctx context.Context, key string) ([]history.Value, error)
	Close() error
}

// AppendOpener is a system that offers appends.
type AppendOpener interface {
	// OpenAppender connects a client. Where a system's clients look for the leader
	// by themselves, the session's node is only where they begin, and what
	// ListLocal reads.
	OpenAppender(ctx context.Context, session link.Session) (Appender, error)
}

// RegisterOpener is a system that offers registers.
type RegisterOpener interface {
	// OpenRegister connects a client that talks to the session's node. It returns
	// without waiting for the node where its library connects lazily.
	OpenRegister(ctx context.Context, session link.Session) (Register, error)
}

// NotDone marks an error as "definitely did not happen, and never will".
func NotDone(err error) error {
	if err == nil {
		return nil
	}
	return notDone{err}
}

type notDone struct{ error }

func (e notDone) Unwrap() error { return e.error }

// IsNotDone reports whether err was marked by [NotDone].
func IsNotDone(err error) bool {
	var e notDone
	return errors.As(err, &e)
}

// Garbage is the error of an operation that was answered with something that is
// no value of the workload: a judge is shown it as it came. In a transaction Step
// is the place of the step that was told it, from 0.
type Garbage struct {
	Text string
	Step int
}

func (g Garbage) Error() string { return fmt.Sprintf("the answer is no value: %.80q", g.Text) }

// Workload is what clients do. A value of it is data: exported fields are its parameters.
type Workload interface {
	// WorkloadName is for instance "registers".
	WorkloadName() string
	// Validate says what is wrong with the parameters, and whether the system
	// offers what the workload needs; the error names what it does offer.
	Validate(system any) error
	// Describe writes the model, the initial value and what else a judge needs
	// into the header.
	Describe(header *history.Header)
	// Begin makes the state that the clients of one run share.
	Begin(system any) Load
}

// Load is a workload in one run. Its methods are called by many goroutines.
type Load interface {
	// Open connects a client.
	Open(ctx context.Context, session link.Session) (Client, error)
	// FinalReads lists what is to be read once after everything is healed.
	FinalReads() []FinalRead
}

// FinalRead is a read of the end of a run.
type FinalRead struct {
	Operation Operation
	// EachNode asks for one read through a session with each member, instead of
	// one with any.
	EachNode bool
}

// Client does the operations of one process.
type Client interface {
	// Next draws the process's next operation.
	Next(draw *rand.Rand) Operation
	// Do carries it out and returns what the completion is to say.
	Do(ctx context.Context, op Operation) (Answer, error)
	Close() error
}

// Operation is an invocation to be recorded and carried out.
type Operation struct {
	Kind          history.Kind
	Key           string
	Value, Expect history.Value
	// Steps are those of a transaction, which has no value of its own.
	Steps []history.Step
	// Stall is how many others are committed while a transaction is held open before
	// its first write.
	Stall int
}

// Answer is what a completed operation was told.
type Answer struct {
	Result   history.Value
	Mismatch bool // a compare-and-set that was told no
	// List is what a read of a list returned.
	List []history.Value
	// Steps are those of a transaction, with what they were told.
	Steps []history.Step
}

// offers says which workloads a system offers.
func offers(system any) string {
	var names []string
	if _, ok := system.(RegisterOpener); ok {
		names = append(names, "registers")
	}
	if _, ok := system.(AppendOpener); ok {
		names = append(names, "appends")
	}
	if _, ok := system.(TransactionOpener); ok {
		names = append(names, "transactions")
	}
	if len(names) == 0 {
		return fmt.Sprintf("%T offers no workload: implement one of the openers of package workloads", system)
	}
	return fmt.Sprintf("%T offers %s", system, strings.Join(names, " and "))
}
