package model

import (
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// firstCells is what registers that are read together held at first, as far as it
// matters. Where nobody knows, that is for each register one of some values: a history
// is legal if and only if it is with one of them.
//
// What was there is seen by nobody who called after another had returned that wrote the
// register, or was told what it holds: that one had replaced it, or had seen it too, or
// what replaced it. So what was there is what an early transaction was told, or it makes
// no difference.
type firstCells struct {
	values [][]history.Value // by register
	until  []int64           // by register: those that call later do not see it
}

func newFirstCells(o *Object) firstCells {
	f := firstCells{values: make([][]history.Value, len(o.H.Keys)), until: make([]int64, len(o.H.Keys))}
	for key := range f.values {
		f.until[key] = history.Open
		if !o.Anything {
			f.values[key] = []history.Value{o.First}
		}
	}
	if !o.Anything {
		return f
	}
	for i := range o.Ops {
		op := &o.Ops[i]
		if op.Outcome != history.OK {
			continue
		}
		met := func(key int32, _ history.Value) { f.until[key] = min(f.until[key], op.Return) }
		o.brings(op, met)
		o.told(op, met)
	}
	for i := range o.Ops {
		op := &o.Ops[i]
		o.told(op, func(key int32, v history.Value) {
			if op.Call <= f.until[key] && !slices.Contains(f.values[key], v) {
				f.values[key] = append(f.values[key], v)
			}
		})
	}
	return f
}

// reveals reports whether a transaction may be the first to be told what a register
// held of which several values are possible.
func (f firstCells) reveals(o *Object, op *history.Op) bool {
	reveals := false
	o.told(op, func(key int32, _ history.Value) {
		reveals = reveals || len(f.values[key]) > 1 && op.Call <= f.until[key]
	})
	return reveals
}

// brings calls f with what others may be told after an operation.
func (o *Object) brings(op *history.Op, f func(key int32, v history.Value)) {
	if op.Kind == history.Write {
		f(int32(op.Key), op.Value)
	}
	if op.Kind != history.Txn {
		return
	}
	steps := o.H.Transaction(op)
	for i, m := range steps {
		if m.Kind == history.Write && !touches(steps[i+1:], m.Key, history.Write) {
			f(int32(m.Key), m.Value)
		}
	}
}

// told calls f with what an operation was told that others brought.
func (o *Object) told(op *history.Op, f func(key int32, v history.Value)) {
	if op.Outcome != history.OK {
		return
	}
	if op.Kind == history.Read && op.Result != history.None {
		f(int32(op.Key), op.Result)
	}
	if op.Kind != history.Txn {
		return
	}
	steps := o.H.Transaction(op)
	for i, m := range steps {
		if m.Kind == history.Read && m.Value != history.None && !touches(steps[:i], m.Key, history.Write) {
			f(int32(m.Key), m.Value)
		}
	}
}

func touches(steps []history.Micro, key history.Key, kind history.Kind) bool {
	return slices.ContainsFunc(steps, func(m history.Micro) bool { return m.Key == key && m.Kind == kind })
}
