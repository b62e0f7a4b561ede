package model

import (
	"strings"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// Set is a set of elements: [history.Append] adds one, and [history.ReadList] is told
// all that are in it, each once, in any order. Nothing is in it at first.
func Set() Spec[int32] {
	return Spec[int32]{
		Name:      "linearizable-set",
		Kinds:     []history.Kind{history.Append, history.ReadList},
		Separable: true,
		Always:    putsAlways,
		Observes:  func(op Op) bool { return op.Kind == history.ReadList },
		Reduce:    reduceElements[int32],
		Fresh:     freshSet,
		builtin:   BuiltinSet,
	}
}

// bag is the table of sets, and of queues without order: by element, how many of it
// are in there.
type bag struct {
	values  *valuetable.Table
	vectors *vectors
	lists   map[[2]uint32]int32 // by a list's place in the arena: the state that it is, -1 where it is none
}

func newBag(o *Object) *bag {
	b := &bag{values: valuetable.New(len(o.Ops)), lists: map[[2]uint32]int32{}}
	for i := range o.Ops {
		op := &o.Ops[i]
		b.values.At(op.Value)
		b.values.At(op.Result)
		if op.Kind == history.ReadList {
			for _, v := range o.H.List(op) {
				b.values.At(v)
			}
		}
	}
	b.vectors = newVectors(len(b.values.All()))
	return b
}

func (b *bag) held() int64 { return b.values.Held() + b.vectors.size() + int64(len(b.lists))*24 }

func freshSet(o *Object) Spec[int32] {
	s := Set()
	b := newBag(o)
	s.Initial = func(*Object) []int32 { return []int32{0} }
	s.Step = b.stepSet
	s.Commute = func(a, b Op) bool { return a.Kind == b.Kind }
	// Nothing is taken out: what a read was not told of was not in there yet.
	s.Lost = func(state int32, op Op) bool {
		list := b.list(op)
		return list < 0 || !b.vectors.within(state, list)
	}
	s.Held = b.held
	s.Describe = b.describe
	return s
}

func (b *bag) stepSet(state int32, op Op) (int32, bool) {
	if op.Kind == history.Append {
		return b.vectors.set(state, b.values.Find(op.Value), 1), true
	}
	return state, !op.Known() || b.list(op) == state
}

// list is the set of the elements that a read was told.
func (b *bag) list(op Op) int32 {
	at := [2]uint32{op.Offset, op.Count}
	if set, made := b.lists[at]; made {
		return set
	}
	set := int32(0)
	for _, v := range op.List() {
		n := b.values.Find(v)
		if b.vectors.get(set, n) != 0 {
			set = -1
			break // twice
		}
		set = b.vectors.set(set, n, 1)
	}
	b.lists[at] = set
	return set
}

// describe writes a state as {1 2 3}, an element that is in there twice as 1×2.
func (b *bag) describe(o *Object, state int32) string {
	const most = 12
	var words []string
	b.vectors.each(state, func(place, times int32) bool {
		text := o.H.Text(b.values.All()[place])
		if times > 1 {
			text += "×" + o.H.Text(history.Value(times))
		}
		words = append(words, text)
		return len(words) <= most
	})
	if len(words) > most {
		words[most] = "…"
	}
	return "{" + strings.Join(words, " ") + "}"
}
