package model

import (
	"fmt"
	"sort"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// Values that were gone.
//
// Who was answered that a register held v found it there after an operation that stores
// v, or as what it held at first, and nothing else was stored in between. Such an
// operation was called before the answer. Of all of these, and it matters not which one it
// was, the last to return did so at some instant; if a write or a swap was called after
// that, and answered before the call of who saw v, then v was certainly overwritten by
// then, whichever operation had stored it: no order explains the answer. An operation of
// unknown outcome returns never, and what was there at first was there before all calls;
// where nobody knows what that was, it may be each of the values that it can be.

// cellSources are the operations that may store one value, in the order of their calls.
type cellSources struct {
	places  []int32
	latest  []int32 // by place in places: which of them up to it returns last
	atFirst bool
}

// refuteRegister finds an operation that saw what was certainly gone, or never there.
func refuteRegister(o *Object) (refutation, bool) {
	return refuteCell(o, o.Initial(), "")
}

// refuteMulti finds such an operation on one of several registers: in an order of the whole,
// what the operations do to one of them is an order of that one.
func refuteMulti(o *Object) (refutation, bool) {
	first := newFirstCells(o)
	for key, on := range o.cells() {
		r, refuted := refuteCell(on.part, first.values[key], " in "+o.H.KeyName(history.Key(key)))
		if !refuted {
			continue
		}
		r.place = on.places[r.place]
		for i, at := range r.with {
			r.with[i] = on.places[at]
		}
		return r, true
	}
	return refutation{}, false
}

// onCell is what operations do to one of several registers, and where they are.
type onCell struct {
	part   *Object
	places []int
}

// cells is that by register: one that is told what others left there and then writes is
// a swap.
func (o *Object) cells() []onCell {
	cells := make([]onCell, len(o.H.Keys))
	for key := range cells {
		cells[key].part = o.with(nil, nil)
	}
	for i := range o.Ops {
		op := &o.Ops[i]
		at := func(key int32) *history.Op {
			c := &cells[key]
			if n := len(c.places); n == 0 || c.places[n-1] != i {
				c.part.Ops = append(c.part.Ops, history.Op{Call: op.Call, Return: op.Return, Process: op.Process, Outcome: op.Outcome,
					Key: history.Key(key), Kind: history.Read, Value: history.None, Expect: history.None, Result: history.None})
				c.places = append(c.places, i)
			}
			return &c.part.Ops[len(c.part.Ops)-1]
		}
		o.told(op, func(key int32, v history.Value) {
			if one := at(key); one.Result == history.None {
				one.Result = v
			}
		})
		o.brings(op, func(key int32, v history.Value) {
			one := at(key)
			one.Kind, one.Value = history.Write, v
			if one.Result != history.None {
				one.Kind, one.Expect, one.Result = history.CAS, one.Result, history.None
			}
		})
	}
	return cells
}

// refuteCell finds it on one register that held one of some values at first; where says
// which register that is, after its values.
func refuteCell(o *Object, first []history.Value, where string) (refutation, bool) {
	values := valuetable.New(len(o.Ops) / 2)
	var sources []cellSources
	at := func(v history.Value) *cellSources {
		n, _ := values.At(v)
		for int(n) >= len(sources) {
			sources = append(sources, cellSources{})
		}
		return &sources[n]
	}
	for _, v := range first {
		at(v).atFirst = true
	}
	soonest := make([]int32, len(o.Ops)+1) // which certain store from here on returns first
	soonest[len(o.Ops)] = -1
	for i := len(o.Ops) - 1; i >= 0; i-- {
		soonest[i] = soonest[i+1]
		if op := &o.Ops[i]; op.Outcome == history.OK && stores(op) && (soonest[i] < 0 || op.Return < o.Ops[soonest[i]].Return) {
			soonest[i] = int32(i)
		}
	}
	for i := range o.Ops {
		if op := &o.Ops[i]; stores(op) {
			at(op.Value).add(o, int32(i))
		}
	}
	for i := range o.Ops {
		v := sees(&o.Ops[i])
		if v == history.None {
			continue
		}
		if r, gone := at(v).gone(o, int32(i), o.H.Text(v)+where, soonest); gone {
			return r, true
		}
	}
	return refutation{}, false
}

func (s *cellSources) add(o *Object, place int32) {
	last := place
	if n := len(s.latest); n > 0 && ends(&o.Ops[s.latest[n-1]]) >= ends(&o.Ops[place]) {
		last = s.latest[n-1]
	}
	s.places, s.latest = append(s.places, place), append(s.latest, last)
}

// ends is when an operation has taken effect at the latest, if it does.
func ends(op *history.Op) int64 {
	if op.Outcome != history.OK {
		return history.Open
	}
	return op.Return
}

// gone reports whether what an operation saw was certainly gone when it was called.
func (s *cellSources) gone(o *Object, place int32, text string, soonest []int32) (refutation, bool) {
	op := &o.Ops[place]
	n := sort.Search(len(s.places), func(i int) bool { return o.Ops[s.places[i]].Call > op.Return })
	r := refutation{place: int(place)}
	after := 0 // the first operation that was called after all that may have stored it had returned
	switch {
	case n == 0 && !s.atFirst:
		r.why = fmt.Sprintf("No operation that stores %s had been called by then.", text)
		return r, true
	case n == 0:
		r.why = fmt.Sprintf("Only at first it can have held %s: no operation that stores it had been called by then, and another value had been stored before this call.", text)
	default:
		latest := s.latest[n-1]
		end := ends(&o.Ops[latest])
		if latest == place || end == history.Open {
			return refutation{}, false
		}
		after = sort.Search(len(o.Ops), func(i int) bool { return o.Ops[i].Call > end })
		r.with = append(r.with, int(latest))
	}
	over := soonest[after]
	if over < 0 || over == place || o.Ops[over].Return >= op.Call {
		return refutation{}, false
	}
	if r.with = append(r.with, int(over)); n > 0 {
		r.why = fmt.Sprintf("Of all operations that store %s and had been called by then, p%d's was the last to return; after that, and before this call, p%d's overwrote it.",
			text, o.Ops[r.with[0]].Process, o.Ops[over].Process)
	}
	return r, true
}
