package frontier

import (
	"context"
	"math"
	"time"
)

// Never is the return time of an operation whose outcome nobody knows.
const Never = int64(math.MaxInt64)

// None stands for no class and no holding.
const None = int32(-1)

// Op is an operation as far as the search is concerned.
type Op struct {
	// Call and Return are instants. An operation comes before another only where
	// its return is less than the other's call: equal instants are concurrent.
	Call, Return int64
	// Class is a number below [Problem.Classes], or [None]. Operations of one class
	// lead from any state to the same states. One that never returns must have one.
	Class int32
	// Needs is the number of the only holding in which the operation can be taken,
	// or [None]; see [Problem.Holds].
	Needs int32
	// Always says that the operation is legal in every state.
	Always bool
	// Observer says that the operation leaves every state in which it is legal as
	// it is.
	Observer bool
	// Blind says that the operation is legal in every state, and is no observer: right
	// before one that overwrites it makes no difference.
	Blind bool
	// Overwrites says that the operation is legal in every state, and leads from all of
	// them to one and the same.
	Overwrites bool
}

// Config is a configuration: a state, and which operations have been taken of those
// under way.
type Config[S comparable] struct {
	State S
	// Taken are places in [Problem.Ops].
	Taken []int32
	// Free are those of which it makes no difference whether they were taken: it stands
	// for the configurations with all choices of these.
	Free []int32
}

// Problem is what is to be decided.
type Problem[S comparable] struct {
	// Ops are in the order of their calls.
	Ops []Op
	// Classes is how many classes there are.
	Classes int
	// Start are the configurations to begin with. Where they have taken operations,
	// these must be among the first Begun of Ops, which are under way at the start.
	Start []Config[S]
	Begun int
	// Step says what state an operation leads to, and false where it is not legal.
	Step func(state S, op int32) (S, bool)
	// Branch is asked instead of Step where it is not nil: it appends all states
	// that the operation may lead to.
	Branch func(state S, op int32, to []S) []S
	// Holds numbers states that never come back once they are left, from 0 to
	// Holdings-1: all states with one number are left for good together. [None] is
	// any other state. Operations that are no observers must lead out of a state
	// that has a number. nil: there are none.
	Holds    func(state S) int32
	Holdings int
	// Commute says of two operations that one after the other, in whatever state, they
	// are legal in both orders or in neither, and lead to the same state. nil: of no two.
	Commute func(a, b int32) bool
	// Lost says that an observer is not legal in a state, nor in any that can follow. nil:
	// of none.
	Lost func(state S, op int32) bool
	// Sees is the only state in which an operation is legal, where there is but one. nil: it
	// is not known of any. It is not asked where Branch is set.
	Sees func(op int32) (S, bool)
	// Asks appends the numbers of what an operation that returns can't be taken without,
	// from 0 to Asked-1, and Leaves those of what is so in a state and, once it went
	// on to the next, never again. As with Holds, but a state may have several. nil:
	// there are none.
	Asks   func(op int32, to []int32) []int32
	Leaves func(state, next S, to []int32) []int32
	Asked  int
	// Ends says that an operation, in every state in which it is legal and a number is so,
	// leaves that for good. nil: of none.
	Ends func(op, number int32) bool
	// Bytes is what a state occupies beyond its own size, and Held what Step
	// keeps in tables of its own. nil is nothing.
	Bytes func(state S) int64
	Held  func() int64
}

// Limits bound a search. The zero value has none.
type Limits struct {
	Deadline time.Time
	// Bytes is how much the search may hold in its tables, which is counted.
	Bytes int64
}

// Verdict is the search's answer.
type Verdict int

const (
	// Undecided: a limit was reached.
	Undecided Verdict = iota
	// Legal: there is an order.
	Legal
	// Illegal: there is none.
	Illegal
)

// String is the verdict's word.
func (v Verdict) String() string { return [...]string{"undecided", "legal", "illegal"}[v] }

// Answer is what the search found.
type Answer[S comparable] struct {
	Verdict Verdict
	// Reason says which limit was reached, where Undecided.
	Reason string
	// At is the place of the operation at whose return no configuration was left,
	// where Illegal: what was called up to that instant is illegal by itself.
	At int32
	// Found are the states in which that operation was tried, in no order, at most [FoundLimit].
	Found []S
	// Returns counts returns that were handled, Steps operations tried, and Widest
	// is the largest number of configurations from one return to the next.
	Returns, Steps, Widest int
	// Bytes is the most that was held.
	Bytes int64
}

// FoundLimit bounds [Answer.Found].
const FoundLimit = 64

// Judge decides.
func (p *Problem[S]) Judge(ctx context.Context, limits Limits) Answer[S] {
	e := newEngine(ctx, p, limits)
	return e.judge()
}
