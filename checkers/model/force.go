package model

import (
	"fmt"
	"math/bits"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/harness/history"
)

// BruteForce decides an object by trying every order of its operations and every
// choice of which unknown ones happened. It shares nothing with the search: it is
// the independent opinion. More than [BruteForceLimit] operations are an error.
func (s Spec[S]) BruteForce(o *Object) (legal bool, err error) {
	spec := s.fresh(o)
	var start []frontier.Config[S]
	for _, state := range spec.Initial(o) {
		start = append(start, frontier.Config[S]{State: state})
	}
	return spec.forceFrom(o, start)
}

// forceFrom begins with any of several configurations.
func (s *Spec[S]) forceFrom(o *Object, start []frontier.Config[S]) (legal bool, err error) {
	if len(o.Ops) > BruteForceLimit {
		return false, fmt.Errorf("brute force on %d operations: more than %d take too long", len(o.Ops), BruteForceLimit)
	}
	f := force[S]{spec: s, object: o, seen: map[reached[S]]struct{}{}}
	for i := range o.Ops {
		op := o.Ops[i]
		if op.Outcome == history.OK {
			f.must |= 1 << i
		}
		op.Call, op.Return = 0, 0
		if !s.ByProcess {
			op.Process = 0
		}
		f.ops = append(f.ops, op)
	}
	for _, c := range start {
		taken := uint32(0)
		for _, i := range c.Taken {
			taken |= 1 << i
		}
		if f.fromAny(reached[S]{taken, c.State}, c.Free) {
			return true, nil
		}
	}
	return false, nil
}

// fromAny tries it whether operations that are free were taken or not.
func (f *force[S]) fromAny(at reached[S], free []int32) bool {
	if len(free) == 0 {
		return f.from(at)
	}
	with := reached[S]{at.taken | 1<<free[0], at.state}
	return f.fromAny(at, free[1:]) || f.fromAny(with, free[1:])
}

type reached[S comparable] struct {
	taken uint32
	state S
}

type force[S comparable] struct {
	spec   *Spec[S]
	object *Object
	ops    []history.Op // as the specification sees them
	must   uint32
	seen   map[reached[S]]struct{}
}

// from says whether what is not yet taken can follow.
func (f *force[S]) from(at reached[S]) bool {
	if at.taken&f.must == f.must {
		return true
	}
	if _, been := f.seen[at]; been {
		return false
	}
	f.seen[at] = struct{}{}
	for i := range f.ops {
		if at.taken>>i&1 == 1 || f.tooEarly(at.taken, i) {
			continue
		}
		for _, state := range f.spec.branch(at.state, Op{&f.ops[i], f.object.H}, nil) {
			if f.from(reached[S]{at.taken | 1<<i, state}) {
				return true
			}
		}
	}
	return false
}

// tooEarly reports whether an operation that is not yet taken had returned before
// the i-th was called.
func (f *force[S]) tooEarly(taken uint32, i int) bool {
	for left := f.must &^ taken; left != 0; left &= left - 1 {
		if f.object.Ops[bits.TrailingZeros32(left)].Return < f.object.Ops[i].Call {
			return true
		}
	}
	return false
}
