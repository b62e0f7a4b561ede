package model

import (
	"encoding/binary"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// queueKinds are the operations on queues. A [history.Drain] never gets to a
// specification: it is judged as the dequeues that it is made of.
var queueKinds = []history.Kind{history.Enqueue, history.Dequeue, history.Drain}

// FIFOQueue is a queue that gives back elements in the order in which they were put
// in. A dequeue that was told [history.Nil] found it empty. It is empty at first.
func FIFOQueue() Spec[string] {
	return Spec[string]{
		Name:      "fifo-queue",
		Kinds:     queueKinds,
		Separable: true,
		Always:    putsAlways,
		Observes:  observesQueue,
		Initial:   func(*Object) []string { return []string{""} },
		Step:      stepFIFO,
		Bytes:     func(state string) int64 { return int64(len(state)) },
		Describe:  describeFIFO,
		Reduce:    reduceElements[string],
		builtin:   BuiltinFIFO,
	}
}

func observesQueue(op Op) bool {
	return op.Kind == history.Dequeue && op.Known() && op.Result == history.Nil
}

// stepFIFO has the elements one after another, eight bytes each. A dequeue of which
// nobody knows the answer takes the first, if there is one.
func stepFIFO(state string, op Op) (string, bool) {
	if op.Kind == history.Enqueue {
		return string(binary.LittleEndian.AppendUint64([]byte(state), uint64(op.Value))), true
	}
	if state == "" {
		return state, op.Told(history.Nil)
	}
	head := history.Value(binary.LittleEndian.Uint64([]byte(state[:8])))
	return state[8:], op.Told(head)
}

func describeFIFO(o *Object, state string) string {
	const most = 12
	var words []string
	for at := 0; at < len(state); at += 8 {
		if len(words) == most {
			words = append(words, "…")
			break
		}
		words = append(words, o.H.Text(history.Value(binary.LittleEndian.Uint64([]byte(state[at:at+8])))))
	}
	return "[" + strings.Join(words, " ") + "]"
}

// Queue is a queue that gives back elements in any order, each as often as it was
// put in. A dequeue that was told [history.Nil] found it empty. It is empty at first.
func Queue() Spec[int32] {
	return Spec[int32]{
		Name:      "queue",
		Kinds:     queueKinds,
		Separable: true,
		Always:    putsAlways,
		Observes:  observesQueue,
		Reduce:    reduceQueue,
		Apart:     partQueue,
		Fresh:     freshQueue,
		builtin:   BuiltinBag,
	}
}

func freshQueue(o *Object) Spec[int32] {
	s := Queue()
	b := newBag(o)
	s.Initial = func(*Object) []int32 { return []int32{0} }
	s.Branch = b.branchQueue
	s.Commute = commuteQueue
	s.Held = b.held
	s.Describe = b.describe
	return s
}

func (b *bag) branchQueue(state int32, op Op, to []int32) []int32 {
	take := func(n, times int32) { to = append(to, b.vectors.set(state, n, times-1)) }
	switch {
	case op.Kind == history.Enqueue:
		n := b.values.Find(op.Value)
		return append(to, b.vectors.set(state, n, b.vectors.get(state, n)+1))
	case op.Known() && op.Result == history.Nil:
		if state == 0 {
			to = append(to, state)
		}
	case op.Known() && op.Result != history.None:
		n := b.values.Find(op.Result)
		if times := b.vectors.get(state, n); times > 0 {
			take(n, times)
		}
	case state == 0:
		to = append(to, state)
	default:
		b.vectors.each(state, func(n, times int32) bool {
			take(n, times)
			return true
		})
	}
	return to
}

// commuteQueue: elements have nothing to do with each other, except for who finds
// none at all, and for dequeues of which nobody knows what they took.
func commuteQueue(a, b Op) bool {
	element := func(op Op) history.Value {
		switch {
		case op.Kind == history.Enqueue:
			return op.Value
		case op.Known() && op.Result != history.Nil:
			return op.Result
		}
		return history.None
	}
	one, other := element(a), element(b)
	if one == history.None || other == history.None {
		return observesQueue(a) && observesQueue(b)
	}
	return one != other || a.Kind == history.Enqueue && b.Kind == history.Enqueue
}

// reduceQueue also leaves out dequeues of unknown outcome where nobody found the
// queue empty: whatever they took, nobody missed it.
func reduceQueue(s *Spec[int32], o *Object) *Object {
	if !newElementFacts(o).empty {
		o = o.filter(func(i int) bool { return o.Ops[i].Kind != history.Dequeue || o.Ops[i].Outcome == history.OK })
	}
	return reduceElements(s, o)
}

// partQueue parts a queue that nobody found empty by its elements: without order
// and without that, they have nothing to do with each other.
func partQueue(o *Object) []*Object {
	facts := newElementFacts(o)
	if facts.empty {
		return nil
	}
	counts := make([]int, len(facts.facts))
	part := func(op *history.Op) int32 {
		switch {
		case op.Kind == history.Enqueue:
			return facts.values.Find(op.Value)
		case op.Outcome == history.OK && op.Result != history.None:
			return facts.values.Find(op.Result)
		}
		return -1
	}
	for i := range o.Ops {
		switch n := part(&o.Ops[i]); {
		case n >= 0:
			counts[n]++
		case o.Ops[i].Outcome == history.OK:
			return nil // it took something that it did not name
		}
	}
	ops, index := make([]history.Op, len(o.Ops)), make([]int32, len(o.Ops))
	parts := make([]*Object, len(counts))
	for n, count := range counts {
		parts[n] = o.with(ops[:0:count], index[:0:count])
		ops, index = ops[count:], index[count:]
	}
	for i := range o.Ops {
		if n := part(&o.Ops[i]); n >= 0 {
			parts[n].Ops, parts[n].Index = append(parts[n].Ops, o.Ops[i]), append(parts[n].Index, o.Index[i])
		}
	}
	return parts
}
