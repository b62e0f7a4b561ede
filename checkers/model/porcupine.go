package model

import (
	"html"

	"github.com/anishathalye/porcupine"

	"github.com/seatrial/seatrial/harness/history"
)

// Porcupine returns the specification and an object's operations as porcupine takes
// them, to have a second opinion or a drawing:
//
//	model, ops := spec.Porcupine(object)
//	result := porcupine.CheckOperationsTimeout(model, ops, time.Minute)
//
// An operation whose outcome nobody knows returns after everything else. Where it
// can't happen in the state that it finds, it changes nothing: as good as never.
func (s Spec[S]) Porcupine(o *Object) (porcupine.Model, []porcupine.Operation) {
	spec := s.fresh(o)
	nondeterministic := porcupine.NondeterministicModel{
		Init: func() []any {
			var states []any
			for _, state := range spec.Initial(o) {
				states = append(states, state)
			}
			return states
		},
		Step: func(state, input, _ any) []any {
			op := input.(Op)
			var next []any
			for _, to := range spec.branch(state.(S), op, nil) {
				next = append(next, to)
			}
			if len(next) == 0 && !op.Known() {
				next = append(next, state)
			}
			return next
		},
		DescribeOperation: func(input, _ any) string { return describeOp(input.(Op)) },
		DescribeState:     func(state any) string { return html.EscapeString(spec.describe(o, state.(S))) },
	}
	return nondeterministic.ToModel(), s.porcupineOps(&spec, o)
}

func (s Spec[S]) porcupineOps(spec *Spec[S], o *Object) []porcupine.Operation {
	end := int64(0)
	for i := range o.Ops {
		end = max(end, o.Ops[i].Call)
		if o.Ops[i].Return != history.Open {
			end = max(end, o.Ops[i].Return)
		}
	}
	ops := make([]porcupine.Operation, 0, len(o.Ops))
	for i := range o.Ops {
		op := o.Ops[i]
		call, ret, process := op.Call, op.Return, op.Process
		if op.Outcome != history.OK {
			ret = end + 1
		}
		op.Call, op.Return = 0, 0
		if !spec.ByProcess {
			op.Process = 0
		}
		if seen := (Op{&op, o.H}); op.Outcome == history.OK || !spec.observes(seen) {
			ops = append(ops, porcupine.Operation{ClientId: int(process), Input: seen, Call: call, Return: ret})
		}
	}
	return ops
}

// describeOp writes an operation as [history.History.Describe] does.
func describeOp(op Op) string {
	one := *op.h
	one.Ops = []history.Op{*op.Op}
	return one.Describe(0)
}
