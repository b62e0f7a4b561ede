package model

import (
	"slices"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// until returns the object as it was at an instant: what had been called by then,
// and what returned later is unknown. If it is illegal, so is the object.
func (o *Object) until(instant int64, observes func(op Op) bool) *Object {
	ops := make([]history.Op, 0, len(o.Ops))
	index := make([]int32, 0, len(o.Ops))
	for i := range o.Ops {
		op := o.Ops[i]
		if op.Call > instant {
			break
		}
		if op.Outcome == history.OK && op.Return > instant {
			if observes(Op{&op, o.H}) {
				continue
			}
			op = forgotten(op)
		}
		ops, index = append(ops, op), append(index, o.Index[i])
	}
	return o.with(ops, index)
}

// forgotten is an operation of which nobody knows whether it happened.
func forgotten(op history.Op) history.Op {
	op.Outcome, op.Return, op.Result, op.Mismatch = history.Info, history.Open, history.None, false
	if op.Kind != history.Txn {
		op.Offset, op.Count = 0, 0
	}
	return op
}

// returns lists the instants of the returns, in order.
func (o *Object) returns() []int64 {
	var instants []int64
	for i := range o.Ops {
		if o.Ops[i].Outcome == history.OK {
			instants = append(instants, o.Ops[i].Return)
		}
	}
	slices.Sort(instants)
	return slices.Compact(instants)
}

// without leaves values out: who was given or told one, and its places in lists.
func (o *Object) without(drop func(v history.Value) bool) *Object {
	h := *o.H
	h.Elements = nil
	ops := make([]history.Op, 0, len(o.Ops))
	index := make([]int32, 0, len(o.Ops))
	for i := range o.Ops {
		op := o.Ops[i]
		if op.Value != history.None && drop(op.Value) || op.Result != history.None && op.Result != history.Nil && drop(op.Result) {
			continue
		}
		if op.Kind == history.ReadList && op.Outcome == history.OK {
			begin := len(h.Elements)
			for _, v := range o.H.List(&op) {
				if !drop(v) {
					h.Elements = append(h.Elements, v)
				}
			}
			op.Offset, op.Count = uint32(begin), uint32(len(h.Elements)-begin)
		}
		ops, index = append(ops, op), append(index, o.Index[i])
	}
	other := o.with(ops, index)
	other.H = &h
	return other
}

// valuesByAge lists the values that operations were given or told, those of the
// latest operations first.
func (o *Object) valuesByAge() []history.Value {
	seen := valuetable.New(len(o.Ops))
	for i := len(o.Ops) - 1; i >= 0; i-- {
		op := &o.Ops[i]
		for _, v := range [...]history.Value{op.Result, op.Value} {
			if v != history.None && v != history.Nil {
				seen.At(v)
			}
		}
	}
	for i := len(o.Ops) - 1; i >= 0; i-- {
		if op := &o.Ops[i]; op.Kind == history.ReadList && op.Outcome == history.OK {
			list := o.H.List(op)
			for j := len(list) - 1; j >= 0; j-- {
				seen.At(list[j])
			}
		}
	}
	return seen.All()
}
