package workloads

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

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
// no value of the workload: a judge is shown it as it came.
type Garbage struct{ Text string }

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
	FinalReads() []string
}

// Client does the operations of one process.
type Client interface {
	// Next draws the process's next operation.
	Next(draw *rand.Rand) Operation
	// FinalRead is the operation that reads one of [Load.FinalReads].
	FinalRead(of string) Operation
	// Do carries it out and returns what the completion is to say.
	Do(ctx context.Context, op Operation) (Answer, error)
	Close() error
}

// Operation is an invocation to be recorded and carried out.
type Operation struct {
	Kind          history.Kind
	Key           string
	Value, Expect history.Value
}

// Answer is what a completed operation was told.
type Answer struct {
	Result   history.Value
	Mismatch bool // a compare-and-set that was told no
}
