package model

import (
	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// elements reduces the operations on what elements are put into: lists, sets, queues.
//
//   - An element with one operation that put it in, that somebody was told of, was in
//     there before the first who was told of it was answered: the operation happened,
//     if that was unknown, and by then.
//   - An element that nobody was ever told of, and that was put in by operations of
//     unknown outcome only, is left out: whoever looked did not find it.
//
// The second is not so where an operation of unknown outcome may take an element
// out and go unnoticed, unless elements are separable: then leaving one out, with
// who took it, leaves a legal history.
func reduceElements[S comparable](_ *Spec[S], o *Object) *Object {
	r := newElementFacts(o)
	o = o.with(append([]history.Op(nil), o.Ops...), o.Index)
	keep := make([]bool, len(o.Ops))
	for i := range o.Ops {
		op := &o.Ops[i]
		keep[i] = true
		if !putsIn(op) {
			continue
		}
		f := &r.facts[r.values.Find(op.Value)]
		switch {
		case op.Outcome != history.OK && f.known == 0 && f.seen == history.Open:
			keep[i] = false
		case f.sources == 1 && f.seen < op.Return && f.seen >= op.Call:
			op.Outcome, op.Return = history.OK, f.seen
		}
	}
	return o.filter(func(i int) bool { return keep[i] })
}

func putsIn(op *history.Op) bool { return op.Kind == history.Append || op.Kind == history.Enqueue }

// putsAlways says that an operation puts something in, which is legal in every state.
func putsAlways(op Op) bool {
	switch op.Kind {
	case history.Write, history.Append, history.Enqueue, history.Add:
		return true
	}
	return false
}

type elementFact struct {
	sources, known int32 // operations that put it in, and those that certainly did
	takers         int32 // who certainly took it out
	seen           int64 // the earliest return of those that were told of it
}

type elementFacts struct {
	o      *Object
	values *valuetable.Table
	facts  []elementFact
	empty  bool // somebody was told that nothing is in there
}

func newElementFacts(o *Object) *elementFacts {
	r := &elementFacts{o: o, values: valuetable.New(len(o.Ops) / 2)}
	for i := range o.Ops {
		op := &o.Ops[i]
		switch {
		case putsIn(op):
			f := r.at(op.Value)
			f.sources++
			if op.Outcome == history.OK {
				f.known++
			}
		case op.Outcome != history.OK:
		case op.Kind == history.Dequeue && op.Result == history.Nil:
			r.empty = true
		case op.Kind == history.Dequeue && op.Result != history.None:
			f := r.at(op.Result)
			f.takers++
			f.seen = min(f.seen, op.Return)
		case op.Kind == history.ReadList:
			for _, v := range o.H.List(op) {
				f := r.at(v)
				f.seen = min(f.seen, op.Return)
			}
		}
	}
	return r
}

func (r *elementFacts) at(v history.Value) *elementFact {
	n, _ := r.values.At(v)
	for int(n) >= len(r.facts) {
		r.facts = append(r.facts, elementFact{seen: history.Open})
	}
	return &r.facts[n]
}
