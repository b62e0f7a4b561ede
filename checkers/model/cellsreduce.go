package model

import (
	"slices"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// Registers that are read together.
//
// A transaction is told a value of a register by others where it reads the register
// before it writes it, if it does; others see of its writes to a register the last.
//
//   - A transaction of unknown outcome of which nobody was told anything is left out: had
//     it happened, then up to the next write nobody read the registers that it wrote.
//   - A value that one operation brings to a register, and that somebody was told, was
//     there before the first such operation was answered: the one that brings it happened,
//     if that was unknown, and by then.
//   - A value that was there once and is overwritten never comes back: a register is not
//     written while an answered operation is still to come that was told what it holds.
//   - Values that nobody was told of are as good as each other: they become one for each register.
//
// Where a value is the one that a register held at first, nobody has to bring it. Where
// it is not known what that was, it is one that was told early, see [firstCells].
func reduceMulti(s *Spec[int32], o *Object, c *cellsTable) *Object {
	first := newFirstCells(o)
	r := newCellFacts(o, first)
	s.Initial = func(*Object) []int32 { return []int32{c.begin(first)} }
	s.Observes = func(op Op) bool { return onlyReads(op) && !first.reveals(o, op.Op) }
	o = o.filter(func(i int) bool { return r.matters(&o.Ops[i]) })
	o = o.with(slices.Clone(o.Ops), o.Index)
	h := *o.H
	h.Micros = slices.Clone(h.Micros)
	o.H, r.o = &h, o
	for i := range o.Ops {
		r.settle(&o.Ops[i])
		r.merge(&o.Ops[i])
	}
	s.asks, s.asked = r.asks, len(r.facts)
	s.ends = r.ends
	s.leaves = func(from, state int32, to []int32) []int32 { return r.leaves(c, from, state, to) }
	return o
}

// cellFact is what is known of one value of one register.
type cellFact struct {
	key     history.Key
	sources int32
	seen    int64 // the earliest return of those that were told it
}

type cellFacts struct {
	o      *Object
	keys   int
	values *valuetable.Table
	number map[[2]int32]int32 // by register and value: the number of the fact
	facts  []cellFact
	common []history.Value // by register: what stands for all values that nobody was told of
}

func newCellFacts(o *Object, first firstCells) *cellFacts {
	r := &cellFacts{o: o, keys: len(o.H.Keys), values: valuetable.New(len(o.Ops)), number: map[[2]int32]int32{}}
	r.common = make([]history.Value, r.keys)
	for key := range r.keys {
		r.common[key] = history.None
		for _, v := range first.values[key] {
			r.at(int32(key), v).sources++
		}
	}
	for i := range o.Ops {
		op := &o.Ops[i]
		r.o.brings(op, func(key int32, v history.Value) { r.at(key, v).sources++ })
		r.o.told(op, func(key int32, v history.Value) {
			f := r.at(key, v)
			f.seen = min(f.seen, op.Return)
		})
	}
	return r
}

func (r *cellFacts) at(key int32, v history.Value) *cellFact {
	n, _ := r.values.At(v)
	at, has := r.number[[2]int32{key, n}]
	if !has {
		at = int32(len(r.facts))
		r.number[[2]int32{key, n}] = at
		r.facts = append(r.facts, cellFact{key: history.Key(key), seen: history.Open})
	}
	return &r.facts[at]
}

// matters reports whether an operation was answered, or somebody was told of it.
func (r *cellFacts) matters(op *history.Op) bool {
	matters := op.Outcome == history.OK
	r.o.brings(op, func(key int32, v history.Value) { matters = matters || r.at(key, v).seen != history.Open })
	return matters
}

// settle brings forward the return of an operation that others were told of.
func (r *cellFacts) settle(op *history.Op) {
	seen := history.Open
	r.o.brings(op, func(key int32, v history.Value) {
		if f := r.at(key, v); f.sources == 1 {
			seen = min(seen, f.seen)
		}
	})
	if seen >= op.Return || seen < op.Call {
		return
	}
	if op.Outcome != history.OK && op.Kind == history.Txn {
		steps := r.o.H.Transaction(op)
		for i := range steps {
			if steps[i].Kind == history.Read {
				steps[i].Value = history.None // nobody was told
			}
		}
	}
	op.Outcome, op.Return = history.OK, seen
}

// merge makes one value of all that an operation brings to a register and that nobody
// was told of.
func (r *cellFacts) merge(op *history.Op) {
	unseen := func(key history.Key, v history.Value) history.Value {
		f := r.at(int32(key), v)
		if f.seen != history.Open || f.sources == 0 {
			return v
		}
		if r.common[key] == history.None {
			r.common[key] = v
		}
		return r.common[key]
	}
	if op.Kind == history.Write {
		op.Value = unseen(op.Key, op.Value)
	}
	if op.Kind != history.Txn {
		return
	}
	steps := r.o.H.Transaction(op)
	for i, m := range steps {
		if m.Kind == history.Write && !touches(steps[i+1:], m.Key, history.Write) && !touches(steps[i+1:], m.Key, history.Read) {
			steps[i].Value = unseen(m.Key, m.Value)
		}
	}
}

// asks lists the facts that an operation needs, and that never come back.
func (r *cellFacts) asks(op Op, to []int32) []int32 {
	r.o.told(op.Op, func(key int32, v history.Value) {
		if r.at(key, v).sources <= 1 {
			to = append(to, r.number[[2]int32{key, r.values.Find(v)}])
		}
	})
	return to
}

// leaves lists the facts that are so in a state and no more in the next.
func (r *cellFacts) leaves(c *cellsTable, from, state int32, to []int32) []int32 {
	for key := range int32(r.keys) {
		have := c.vectors.get(from, key)
		if have == c.vectors.get(state, key) {
			continue
		}
		v := c.first
		if have > 0 {
			v = c.values.All()[have-1]
		} else if c.anything {
			continue // one of several
		}
		if n, has := r.number[[2]int32{key, r.values.Find(v)}]; has {
			to = append(to, n)
		}
	}
	return to
}

// ends says that an operation writes the register that a fact is of: one that comes once,
// as each that is asked for, is over then.
func (r *cellFacts) ends(op Op, number int32) bool {
	key := r.facts[number].key
	if op.Kind != history.Txn {
		return op.Kind == history.Write && op.Key == key
	}
	return touches(op.Transaction(), key, history.Write)
}

// commuteMulti: transactions have to do with each other where one writes what the
// other reads or writes.
func commuteMulti(a, b Op) bool { return !writesInto(a, b) && !writesInto(b, a) }

func writesInto(a, b Op) bool {
	reaches := func(key history.Key) bool {
		if b.Kind != history.Txn {
			return b.Key == key
		}
		return touches(b.Transaction(), key, history.Read) || touches(b.Transaction(), key, history.Write)
	}
	if a.Kind != history.Txn {
		return a.Kind == history.Write && reaches(a.Key)
	}
	return slices.ContainsFunc(a.Transaction(), func(m history.Micro) bool { return m.Kind == history.Write && reaches(m.Key) })
}
