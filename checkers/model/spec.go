package model

import (
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// Op is an operation as a [Spec] sees it: what its client asked for and was told.
// Who asked (unless [Spec.ByProcess] is set), and when, are left out: two
// operations that look the same are the same.
type Op struct {
	*history.Op
	h *history.History
}

// Known reports whether the client was answered. What was not may have happened
// all the same, and nobody was told anything.
func (op Op) Known() bool { return op.Outcome == history.OK }

// Told reports whether the client may have been told v: it was, or nobody knows
// what it was told.
func (op Op) Told(v history.Value) bool {
	return op.Outcome != history.OK || op.Result == history.None || op.Result == v
}

// List is the elements that a read of a list was told.
func (op Op) List() []history.Value { return op.h.List(op.Op) }

// Transaction is the steps of a transaction.
func (op Op) Transaction() []history.Micro { return op.h.Transaction(op.Op) }

// Text is a value as a text: that of a string, or of an integer in decimals.
func (op Op) Text(v history.Value) string { return op.h.Text(v) }

// Spec is a sequential specification: what states an object can be in, and what
// each operation does to them. S is the type of a state. It should be small and
// cheap to compare: a number, a short string, a struct of these.
//
// Name, Initial and Step are all that a model needs; Kinds and Observes are worth
// adding. The rest makes judging faster or proofs smaller, and must keep what it
// promises: a promise that does not hold makes verdicts wrong.
type Spec[S comparable] struct {
	// Name is how the model is called, for instance "cas-register".
	Name string
	// Kinds are the operations that the model knows; none means all.
	Kinds []history.Kind
	// Whole says that all keys of a history are one object. Otherwise each key is
	// an object of its own.
	Whole bool
	// ByProcess lets Step see who asked.
	ByProcess bool
	// Initial lists the states that the object may be in at first: usually one, and
	// several where nobody knows; see [Object.Initial].
	Initial func(o *Object) []S
	// Step says what state an operation leads to. It is not ok where the operation
	// can't happen in that state, or can't be answered as it was. Of an operation
	// whose outcome nobody knows, the answer is not known: Step says what it does if
	// it happens. One that is told nothing (a write, an append) must do the same
	// whether it is known to have happened or not. Step must be a pure function.
	Step func(state S, op Op) (next S, ok bool)
	// Branch, if set, is asked instead of Step, for operations that may lead to
	// several states: it appends all of them.
	Branch func(state S, op Op, to []S) []S
	// Observes says that an operation leaves every state in which it is legal as it
	// is. Such a one may always be left out of a proof.
	Observes func(op Op) bool
	// Always promises that an operation is legal in every state, as a write is: when
	// only such are left, nothing can go wrong any more.
	Always func(op Op) bool
	// Overwrites promises that an operation is legal in every state, and leads from
	// all of them to one and the same, as a write of a whole register does. What is legal
	// in every state can come right before it, and nobody will know: see [Spec.Always].
	Overwrites func(op Op) bool
	// Separable promises that values live apart from each other: leave one out of a
	// legal history (the operations that were given it or were told it, and its
	// places in lists) and what is left is legal. So it is for queues and sets,
	// not for counters.
	Separable bool
	// Describe writes a state for a person.
	Describe func(o *Object, state S) string
	// Fresh returns the specification with tables of its own for judging one
	// object: for states that are numbers of something in a table. Held says how
	// many bytes these tables hold.
	Fresh func(o *Object) Spec[S]
	Held  func() int64
	// Bytes is what a state holds beyond its own size.
	Bytes func(state S) int64
	// Reduce returns the object with fewer operations, or such as are easier to
	// place: legal if and only if the object is. It may set Once in the
	// specification, which is a copy for this object.
	Reduce func(s *Spec[S], o *Object) *Object
	// Apart returns parts of the object that can be judged one by one, none where
	// it can't be parted: it is legal if and only if all of them are.
	Apart func(o *Object) []*Object
	// Once names the states that never come back once they are left.
	Once *Once[S]
	// Commute promises of two operations that one after the other, in whatever
	// state, they are legal in both orders or in neither, and lead to the same state.
	Commute func(a, b Op) bool
	// Lost promises that an operation that observes is not legal in a state, nor in
	// any that can follow.
	Lost func(state S, op Op) bool

	// asks lists the holdings that an operation needs, of several that a state has at
	// a time, and leaves those that going from a state to another one leaves for good.
	// Both are set by Reduce.
	asks   func(op Op, to []int32) []int32
	leaves func(from, state S, to []int32) []int32
	asked  int                            // how many there are
	ends   func(op Op, number int32) bool // says that an operation leaves one
	// sees is the only state in which an operation is legal, if there is but one.
	sees func(op Op) (S, bool)
	// visible says of an operation that is legal in every state that somebody was told
	// of it: it can't come right before one that overwrites it. It may be set by Reduce.
	visible func(op Op) bool
	// refute may find, without a search, that the object is not legal.
	refute func(o *Object) (refutation, bool)

	builtin Builtin // which of this package's it is, where that has a judge of its own
}

// refutation is an operation that no order explains: its place in the object's Ops, and
// what it would find, in words, where that is known.
type refutation struct {
	place int
	found string
	with  []int  // places of others that belong to the argument
	why   string // the argument
}

// finds is what the operation finds, where that is known.
func (r refutation) finds() []string {
	if r.found == "" {
		return nil
	}
	return []string{r.found}
}

// Builtin names those of this package's models that have a faster judge than the
// search. It can't be set from outside: a model of one's own is none of them,
// whatever its name.
type Builtin string

// The models with a judge of their own.
const (
	BuiltinRegister Builtin = "register" // [Register] and [CASRegister]
	BuiltinFIFO     Builtin = "fifo"     // [FIFOQueue]
	BuiltinBag      Builtin = "bag"      // [Queue]
	BuiltinSet      Builtin = "set"      // [Set]
)

// Builtin returns which of this package's models it is, "" for all that have no judge
// of their own.
func (s Spec[S]) Builtin() Builtin { return s.builtin }

// Once numbers states that never come back once an operation leaves them, from 0
// to Count-1, and the operations that are legal in one of them only: -1 is any
// other state, or operation. Every operation that does not observe must leave
// a state that has a number.
type Once[S comparable] struct {
	Count int
	Holds func(state S) int32
	Needs func(op Op) int32
}

// Fits reports whether the model knows an operation's kind.
func (s Spec[S]) Fits(op *history.Op) bool {
	return len(s.Kinds) == 0 || slices.Contains(s.Kinds, op.Kind)
}

// ModelName is the model's name.
func (s Spec[S]) ModelName() string { return s.Name }

// IsWhole reports whether all keys are one object.
func (s Spec[S]) IsWhole() bool { return s.Whole }

func (s *Spec[S]) observes(op Op) bool { return s.Observes != nil && s.Observes(op) }

func (s *Spec[S]) fresh(o *Object) Spec[S] {
	if s.Fresh == nil {
		return *s
	}
	return s.Fresh(o)
}

func (s *Spec[S]) describe(o *Object, state S) string {
	if s.Describe == nil {
		return plainState(o, state)
	}
	return s.Describe(o, state)
}

// describeAll describes states, each once, in order.
func (s *Spec[S]) describeAll(o *Object, states []S) []string {
	var texts []string
	for _, state := range states {
		texts = append(texts, s.describe(o, state))
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// branch appends all states that an operation leads to.
func (s *Spec[S]) branch(state S, op Op, to []S) []S {
	if s.Branch != nil {
		return s.Branch(state, op, to)
	}
	if next, ok := s.Step(state, op); ok {
		to = append(to, next)
	}
	return to
}
