package model

import (
	"context"

	"github.com/anishathalye/porcupine"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/harness/history"
)

// Model is a [Spec] of whatever state.
type Model interface {
	// ModelName is the model's name.
	ModelName() string
	// Builtin says which of this package's models it is, for those with a judge of
	// their own.
	Builtin() Builtin
	// IsWhole reports whether all keys are one object.
	IsWhole() bool
	// Fits reports whether the model knows an operation's kind.
	Fits(op *history.Op) bool
	// Judge decides an object by frontier search.
	Judge(ctx context.Context, o *Object, limits frontier.Limits) Answer
	// BruteForce decides a small object by trying every order.
	BruteForce(o *Object) (legal bool, err error)
	// Porcupine returns the model and the object's operations as porcupine takes them.
	Porcupine(o *Object) (porcupine.Model, []porcupine.Operation)
	// Explain finds the few operations that prove that an object is not legal; see [Spec.Explain].
	Explain(ctx context.Context, o *Object, limits frontier.Limits) (Explanation, bool)
}

// Answer is what the search says of an object.
type Answer struct {
	Verdict frontier.Verdict
	// Reason says why the object is undecided.
	Reason string
	// At is the place in the object's Ops of the operation at whose return no order
	// was left, where Illegal.
	At int
	// Until is the instant of that return. Where the model's own reduction brought
	// returns forward, the operations up to it may be legal by themselves.
	Until int64
	// Steps counts operations tried, Widest is the widest frontier, Bytes the most
	// that was held.
	Steps, Widest int
	Bytes         int64

	found []string // the states in which the operation at At was tried
}

// compiled is an object as the search takes it.
type compiled[S comparable] struct {
	spec    Spec[S]
	object  *Object // reduced
	ops     []history.Op
	problem frontier.Problem[S]
	places  []int32 // by operation of the problem: its place in object
}

// Judge decides an object. Its operations are reduced first where the model knows
// how, and parted where it can be.
func (s Spec[S]) Judge(ctx context.Context, o *Object, limits frontier.Limits) Answer {
	if s.Apart != nil {
		if parts := s.Apart(o); len(parts) > 0 {
			return s.judgeParts(ctx, o, parts, limits)
		}
	}
	if at, refuted := s.refuted(o); refuted {
		return Answer{Verdict: frontier.Illegal, At: at.place, Until: o.Ops[at.place].Return, found: at.finds()}
	}
	c := s.compile(o, true)
	found := c.problem.Judge(ctx, limits)
	answer := Answer{Verdict: found.Verdict, Reason: found.Reason, Steps: found.Steps, Widest: found.Widest, Bytes: found.Bytes}
	if found.Verdict == frontier.Illegal {
		answer.At = o.placeOf(c.object.Index[c.places[found.At]])
		answer.Until = c.problem.Ops[found.At].Return
		answer.found = c.spec.describeAll(c.object, found.Found)
	}
	return answer
}

// refuted asks the model whether the object is illegal for a reason that needs no search.
func (s *Spec[S]) refuted(o *Object) (refutation, bool) {
	if s.refute == nil {
		return refutation{}, false
	}
	return s.refute(o)
}

// placeOf is the place of the first operation with an index in the history.
func (o *Object) placeOf(index int32) int {
	for i := range o.Index {
		if o.Index[i] == index {
			return i
		}
	}
	return -1
}

func (s Spec[S]) judgeParts(ctx context.Context, o *Object, parts []*Object, limits frontier.Limits) Answer {
	s.Apart = nil
	all := Answer{Verdict: frontier.Legal}
	for _, part := range parts {
		one := s.Judge(ctx, part, limits)
		all.Steps, all.Widest, all.Bytes = all.Steps+one.Steps, max(all.Widest, one.Widest), max(all.Bytes, one.Bytes)
		if one.Verdict == frontier.Illegal {
			all.Verdict, all.At, all.Until, all.found = one.Verdict, o.placeOf(part.Index[one.At]), one.Until, one.found
			return all
		}
		if one.Verdict == frontier.Undecided {
			all.Verdict, all.Reason = one.Verdict, one.Reason
		}
	}
	return all
}

// compile makes the search's problem of an object.
func (s Spec[S]) compile(o *Object, reduce bool) *compiled[S] {
	c := &compiled[S]{spec: s.fresh(o)}
	c.object = o
	if reduce && c.spec.Reduce != nil {
		c.object = c.spec.Reduce(&c.spec, o)
	}
	for _, state := range c.spec.Initial(c.object) {
		c.problem.Start = append(c.problem.Start, frontier.Config[S]{State: state})
	}
	c.fill()
	return c
}

// fill makes the problem of the object and the specification.
func (c *compiled[S]) fill() {
	p := &c.problem
	p.Ops = make([]frontier.Op, 0, len(c.object.Ops))
	c.ops = make([]history.Op, 0, len(c.object.Ops))
	c.places = make([]int32, 0, len(c.object.Ops))
	for i := range c.object.Ops {
		c.add(i)
	}
	p.Classes = classify(c.object.H, c.ops, p.Ops)
	h := c.object.H
	step := c.spec.Step
	p.Step = func(state S, op int32) (S, bool) { return step(state, Op{&c.ops[op], h}) }
	if branch := c.spec.Branch; branch != nil {
		p.Branch = func(state S, op int32, to []S) []S { return branch(state, Op{&c.ops[op], h}, to) }
	}
	if commute := c.spec.Commute; commute != nil {
		p.Commute = func(a, b int32) bool { return commute(Op{&c.ops[a], h}, Op{&c.ops[b], h}) }
	}
	if lost := c.spec.Lost; lost != nil {
		p.Lost = func(state S, op int32) bool { return lost(state, Op{&c.ops[op], h}) }
	}
	if sees := c.spec.sees; sees != nil {
		p.Sees = func(op int32) (S, bool) { return sees(Op{&c.ops[op], h}) }
	}
	if asks := c.spec.asks; asks != nil {
		p.Asks = func(op int32, to []int32) []int32 { return asks(Op{&c.ops[op], h}, to) }
		p.Leaves, p.Asked = c.spec.leaves, c.spec.asked
		if ends := c.spec.ends; ends != nil {
			p.Ends = func(op, number int32) bool { return ends(Op{&c.ops[op], h}, number) }
		}
	}
	p.Bytes, p.Held = c.spec.Bytes, c.spec.Held
	if once := c.spec.Once; once != nil {
		p.Holds, p.Holdings = once.Holds, once.Count
	}
}

func (c *compiled[S]) add(i int) {
	op := c.object.Ops[i]
	f := frontier.Op{Call: op.Call, Return: op.Return, Class: frontier.None, Needs: frontier.None}
	if op.Outcome != history.OK {
		f.Return = frontier.Never
	}
	op.Call, op.Return = 0, 0
	if !c.spec.ByProcess {
		op.Process = 0
	}
	seen := Op{&op, c.object.H}
	f.Observer = c.spec.observes(c.object.Op(i))
	f.Always = c.spec.Always != nil && c.spec.Always(seen)
	f.Overwrites = c.spec.Overwrites != nil && c.spec.Overwrites(seen)
	f.Blind = f.Always && !f.Observer && (c.spec.visible == nil || !c.spec.visible(seen))
	if f.Observer && f.Return == frontier.Never {
		return
	}
	if c.spec.Once != nil {
		f.Needs = c.spec.Once.Needs(seen)
	}
	c.problem.Ops = append(c.problem.Ops, f)
	c.ops = append(c.ops, op)
	c.places = append(c.places, int32(i))
}
