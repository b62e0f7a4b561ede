package model

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// Object is what a model judges: the operations on one key, or on all of them.
type Object struct {
	H *history.History
	// Key is the object's key, where it is one key's.
	Key history.Key
	// Ops are in the order of their calls; none of them failed.
	Ops []history.Op
	// Index says where each is in H.Ops. Several may be parts of one there.
	Index []int32
	// First lists what the key may have held at first, where that is known, and
	// Anything says that it may have held anything.
	First    history.Value
	Anything bool
}

// Op is one of the object's operations.
func (o *Object) Op(i int) Op { return Op{&o.Ops[i], o.H} }

// Initial lists what the key may hold at first. Where nobody knows, that is
// [history.None], for something that nobody was ever told, and every value that
// somebody was told or expected before an overwriting write had returned: others
// can't make a difference.
func (o *Object) Initial() []history.Value {
	if !o.Anything {
		return []history.Value{o.First}
	}
	until := history.Open
	for i := range o.Ops {
		if op := &o.Ops[i]; op.Kind == history.Write && op.Outcome == history.OK {
			until = min(until, op.Return)
		}
	}
	values := []history.Value{history.None}
	for i := range o.Ops {
		op := &o.Ops[i]
		if op.Call > until {
			break
		}
		values = append(values, op.Expect)
		if op.Kind == history.Read || op.Mismatch {
			values = append(values, op.Result)
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// Objects splits a history: by key, in the order of the keys, or not at all for a
// model that is one object. Operations that failed, or that the model does not
// know, are left out.
func Objects(h *history.History, m Model, first history.Value) []*Object {
	if m.IsWhole() {
		o := &Object{H: h, First: first, Anything: h.Header.InitialUnknown}
		for i := range h.Ops {
			o.add(m, int32(i))
		}
		return []*Object{o}
	}
	counts := make([]int32, len(h.Keys))
	for i := range h.Ops {
		counts[h.Ops[i].Key]++
	}
	byKey := make([]*Object, len(h.Keys))
	var objects []*Object
	for key, n := range counts {
		if n == 0 {
			continue
		}
		byKey[key] = &Object{H: h, Key: history.Key(key), First: first, Anything: h.Header.InitialUnknown,
			Ops: make([]history.Op, 0, n), Index: make([]int32, 0, n)}
		objects = append(objects, byKey[key])
	}
	for i := range h.Ops {
		byKey[h.Ops[i].Key].add(m, int32(i))
	}
	return objects
}

func (o *Object) add(m Model, i int32) {
	op := &o.H.Ops[i]
	if op.Outcome == history.Fail || !m.Fits(op) {
		return
	}
	if op.Kind == history.Drain {
		o.addDrain(i)
		return
	}
	o.Ops, o.Index = append(o.Ops, *op), append(o.Index, i)
}

// addDrain adds a drain as what it is, a dequeue for each element that it took:
// others may come between them. That it ended because it found the queue empty is
// not taken for granted, nor is the order of its dequeues. One of unknown outcome may
// have taken any number: it becomes as many dequeues of unknown outcome as there are
// elements that nobody was given.
func (o *Object) addDrain(i int32) {
	op := o.H.Ops[i]
	one := op
	one.Kind, one.Offset, one.Count, one.Result = history.Dequeue, 0, 0, history.None
	if op.Outcome == history.OK {
		for _, v := range o.H.List(&op) {
			one.Result = v
			o.Ops, o.Index = append(o.Ops, one), append(o.Index, i)
		}
		return
	}
	left := 0
	for j := range o.H.Ops {
		switch other := &o.H.Ops[j]; {
		case other.Key != op.Key || other.Outcome == history.Fail:
		case other.Kind == history.Enqueue:
			left++
		case other.Kind == history.Dequeue && other.Outcome == history.OK && other.Result != history.Nil:
			left--
		case other.Kind == history.Drain && other.Outcome == history.OK:
			left -= int(other.Count)
		}
	}
	for range max(left, 1) {
		o.Ops, o.Index = append(o.Ops, one), append(o.Index, i)
	}
}

// with returns the object with other operations.
func (o *Object) with(ops []history.Op, index []int32) *Object {
	other := *o
	other.Ops, other.Index = ops, index
	return &other
}

// filter returns the object without some operations.
func (o *Object) filter(keep func(i int) bool) *Object {
	ops := make([]history.Op, 0, len(o.Ops))
	index := make([]int32, 0, len(o.Ops))
	for i := range o.Ops {
		if keep(i) {
			ops, index = append(ops, o.Ops[i]), append(index, o.Index[i])
		}
	}
	return o.with(ops, index)
}

func byCall(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) }

func plainState(o *Object, state any) string {
	if v, ok := state.(history.Value); ok {
		return o.H.Text(v)
	}
	return fmt.Sprint(state)
}
