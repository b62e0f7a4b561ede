package checkers

import (
	"slices"
	"sort"

	"github.com/seatrial/seatrial/harness/history"
)

// setNamer finds what to call a violation. Most take one element to show, and are
// told best so; only if there is none of these, two are needed.
//
// These are all that can break condition (3) of linearset.go, of an operation x in a
// block before that of y, where y returned before x was called:
//
//	x an append, y a read of the element      early
//	x a read, y an append it does not hold    missed
//	x a read, y one that holds more           stepped back
//	x an append, y an append                  overtaken: a read is between them
type setNamer struct {
	*setJudge
	known []sure // of each element
	times []int64
}

// sure is when an element was certainly there first, and the operation that says so.
type sure struct {
	since int64
	place int32
}

// name says what is wrong with a key. What takes two elements was found already.
func (s *setJudge) name(crossing setAnswer) setAnswer {
	n := setNamer{setJudge: s, known: make([]sure, len(s.elements))}
	slices.SortFunc(s.reads, func(a, b setRead) int { return int(a.place) - int(b.place) })
	for i, e := range s.elements {
		n.known[i] = sure{e.ret, e.acked}
	}
	answer, done := n.odd()
	if done && answer.flaw == setFlawless {
		answer, done = n.missed()
	}
	switch {
	case !done:
		return setAnswer{}
	case answer.flaw != setFlawless:
		answer.exact = true
		return answer
	case crossing.flaw == setCrossed:
		crossing.a = s.only(crossing.places[0], crossing.places[1])
		crossing.b = s.only(crossing.places[1], crossing.places[0])
	}
	return crossing
}

// odd finds an element that can't be where it was read, and notes when each was
// certainly there.
func (n *setNamer) odd() (answer setAnswer, done bool) {
	for _, r := range n.reads {
		op := n.op(r.place)
		if n.stopped(int(op.Count)) {
			return setAnswer{}, false
		}
		n.looks++
		for _, v := range n.h.List(op) {
			number := n.Find(v)
			if number == none {
				return setAnswer{flaw: setGarbage, a: v, places: append(n.failed(v), r.place)}, true
			}
			e := &n.elements[number]
			switch {
			case e.stamp == n.looks:
				return setAnswer{flaw: setTwice, a: v, places: []int32{r.place}}, true
			case op.Return < e.call:
				return setAnswer{flaw: setEarly, a: v, places: []int32{e.first, r.place}}, true
			case op.Return < n.known[number].since:
				n.known[number] = sure{op.Return, r.place}
			}
			e.stamp = n.looks
		}
	}
	return setAnswer{}, true
}

// failed returns the place of an append of a value that failed, if there is one.
func (n *setNamer) failed(v history.Value) []int32 {
	operations := len(n.index)
	if n.index == nil {
		operations = len(n.h.Ops)
	}
	for place := range int32(operations) {
		if op := n.op(place); op.Kind == history.Append && op.Value == v {
			return []int32{place}
		}
	}
	return nil
}

// missed finds the first read that lacks what was certainly there: it has fewer of
// these elements than there are.
func (n *setNamer) missed() (answer setAnswer, done bool) {
	for _, k := range n.known {
		n.times = append(n.times, k.since)
	}
	slices.Sort(n.times)
	for _, r := range n.reads {
		op := n.op(r.place)
		if n.stopped(int(op.Count)) {
			return setAnswer{}, false
		}
		must := sort.Search(len(n.times), func(i int) bool { return n.times[i] >= op.Call })
		n.looks++
		for _, v := range n.h.List(op) {
			number := n.Find(v)
			n.elements[number].stamp = n.looks
			if n.known[number].since < op.Call {
				must--
			}
		}
		if must > 0 {
			return n.lacks(r.place), true
		}
	}
	return setAnswer{}, true
}

// lacks says what a read lacks: of elements that were acknowledged before its call
// the first, else the one that was read first.
func (n *setNamer) lacks(read int32) setAnswer {
	call := n.op(read).Call
	best := none
	acked := func(i int32) bool { return n.elements[i].ret < call }
	since := func(i int32) int64 {
		if acked(i) {
			return n.elements[i].ret
		}
		return n.known[i].since
	}
	for i := range int32(len(n.elements)) {
		if n.elements[i].stamp == n.looks || n.known[i].since >= call {
			continue
		}
		if best == none || acked(i) && !acked(best) || acked(i) == acked(best) && since(i) < since(best) {
			best = i
		}
	}
	v := n.All()[best]
	if acked(best) {
		return setAnswer{flaw: setMissed, a: v, places: []int32{n.elements[best].acked, read}}
	}
	return setAnswer{flaw: setBack, a: v, places: []int32{n.known[best].place, read}}
}

// only returns an element that one read holds and another one does not.
func (s *setJudge) only(one, other int32) history.Value {
	s.looks++
	for _, v := range s.h.List(s.op(other)) {
		s.elements[s.Find(v)].stamp = s.looks
	}
	for _, v := range s.h.List(s.op(one)) {
		if s.elements[s.Find(v)].stamp != s.looks {
			return v
		}
	}
	return history.None
}
