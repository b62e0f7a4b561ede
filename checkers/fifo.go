package checkers

import (
	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// Deciding a queue by bad patterns.
//
// Henzinger, Sezgin and Vafeiadis ("Aspect-Oriented Linearizability Proofs", CONCUR
// 2013) and Bouajjani, Emmi, Enea and Hamza ("On Reducing Linearizability to State
// Reachability", ICALP 2015) show that a first-in-first-out queue in which no value
// is enqueued twice is linearizable unless the history has one of four patterns:
// a value that was taken and not enqueued, one taken twice, two that overtook each
// other, and an answer "empty" when the queue can't have been. What follows extends
// that to unknown outcomes and to drains, and proves it anew.
//
// Which operations. Write E(a) = [ec, er] for the interval of the enqueue of a, and
// D(a) = [dc, dr] for that of the dequeue that was told a; [∞, ∞] where none was.
// Take an element out of a legal order with all that was done to it, and what is
// left is legal. So an unknown enqueue whose value nobody was told may be left out,
// together with the unknown dequeue that may have taken it. One whose value was
// taken happened. An unknown dequeue that found nothing, or never happened, may be
// left out.
//
// An unknown dequeue may have taken any element at any time after its call. The
// only elements for which that matters are the leftovers: those acknowledged whose
// value nobody was told. Sort the leftovers by er into a1, a2, … and the unknown
// dequeues by their calls into u1, u2, …, and let ui take ai: D(ai) = [call(ui), ∞).
// Leftovers beyond the last ui are never taken. Any other choice is no better; see
// (N) below.
//
// A drain is a client's loop of dequeues (so it is in Jepsen), and not atomic: it is
// one dequeue for each element that it returned, in that order, each at some time
// between its call and its return. That the last dequeue of the loop found nothing
// is not used: drains end for other reasons too. A drain of unknown outcome is as
// many unknown dequeues as there is need for.
//
// The conditions. A history is legal if and only if
//
//	(1) each value taken was enqueued, once, is taken once, and ec(a) ≤ dr(a);
//	(2) there are no a and b with er(a) < ec(b), and with either dr(b) < dc(a) or b
//	    before a in one drain;
//	(3) for each answer "empty", between c and r, there is an instant t with
//	    c ≤ t ≤ r which is within no open interval (er(a), dc(a)): in these a
//	    is certainly in the queue.
//
// (N) They are necessary. Give each operation of a legal order an instant within its
// interval, none before that of the one in front of it. Where a and b were taken by
// dequeues that were told so, and for (1), that is plain. Let a be the leftover ai,
// and er(ai) < ec(b), dr(b) < call(ui), against (2). All of a1 … ai went in before b,
// so i unknown dequeues took them before b was taken: but only i−1 had been called
// by then. Let an "empty" be at t, and er(ai) < t < call(ui), against (3): i leftovers
// had to be taken by then, by i−1 unknown dequeues.
//
// (S) They are sufficient. First narrow the intervals by what must hold anyway. E(a)
// is before D(a), and, in a drain, before the E and D of all later elements:
//
//	er'(a) = the least of er(a), dr(a), and er of those after a in its drain
//	dc'(a) = the greatest of dc(a), ec(a), and ec of those before a in its drain
//
// By (1) and (2) ec ≤ er' and dc' ≤ dr, and neither (2) nor (3) fails where it did
// not before: if er'(a) < ec(b) and dr(b) < dc'(a) where dc'(a) = ec(p) with p = a
// or p before a in its drain, then er'(a) < ec(b) ≤ dr(b) < ec(p), which (1) or (2)
// forbids; the others are like that.
//
// Choose for each "empty" an instant by (3); let them be t1 ≤ t2 ≤ …, with t0 = −∞ and
// the last one +∞. Put a into group k if t(k) ≤ er'(a) < t(k+1). By (3) dc'(a) ≤ t(k+1):
// so narrow the intervals of each group to [t(k), t(k+1)], and no interval becomes
// empty. (A leftover that is never taken has dc = ∞ and is in the last group.) In
// each drain the groups ascend, since er' does.
//
// Within a group, a must go before b if er'(a) < ec(b) ("by E"), or if dr(a) < dc'(b) or
// a is before b in one drain ("by D"). Each of the two is transitive, so the shortest
// cycle alternates: a1 by E before a2, by D before a3, by E before a4, and so on.
// Both er'(a1) < ec(a2) and er'(a3) < ec(a4), hence er'(a1) < ec(a4), and the cycle
// has a shorter one, or er'(a3) < ec(a2), and a2, a3 is against (2). A cycle of one E
// and one D is against (2) too. So there is an order of each group without conflict;
// put the groups one after the other. Give E(i), the i-th of its group, the greatest
// ec up to i as its instant, and D(i) the greatest dc'. Both are within the intervals,
// or j would stand before i and had to be after it; both ascend, and E(i) is not
// later than D(i). Take the operations by their instants, E before D, in the order
// of the group: it is first in, first out, it respects real time, and between two
// groups, where the "empty"s stand, everything that went in has come out.
//
// A bag hands out elements in any order. Then (2) does not apply, and the proof is
// the same without the order: E at ec, D at dc' (which now may be more than dc, where
// something earlier in the drain went in late), both in their group. What
// stands before an element in its drain goes into that one's group at the latest.
//
// Where the data do not meet the conditions, what is in doubt is left out, so that a
// flaw is proven all the same and no flaw proves nothing: a value enqueued more
// than once with all that was done to it, the value nil, which can't be told from
// "empty", and a dequeue that was answered and does not say with what, which is
// taken for an unknown one.

// queueFlaw is the way in which a queue is not linearizable.
type queueFlaw int

const (
	queueFlawless   queueFlaw = iota
	queueGarbage              // a was taken and nobody enqueued it
	queueEarly                // a was taken before its enqueue was called
	queueTwice                // a was taken more often than it was enqueued
	queueOvertaken            // a went in before b, and b was out before a's dequeue was called
	queueSkipped              // a went in before b, and b came out, and a never did
	queueDrainOrder           // a went in before b, and came out of one drain after b
	queueNotEmpty             // an operation was told "empty" and the queue was not
)

// queueAnswer is what a [queueJudge] says of one key.
type queueAnswer struct {
	flaw queueFlaw
	// a and b are numbers of elements.
	a, b int32
	// place is that of the operation that was told "empty", or that took what it can't
	// have taken; elsewhere none.
	place int32
	// exact is false where the key does not meet the conditions: then a flaw is
	// proven all the same, but no flaw proves nothing.
	exact bool
}

// queueElement is one value of a queue.
type queueElement struct {
	// ec and er are the interval of its enqueue, dc and dr of what took it. All are
	// Open where there is no such thing.
	ec, er, dc, dr int64
	// enqueue and taker are places of operations; none where there are none.
	enqueue, taker int32
	// enqueues and takes are how often it may have gone in and was told to have come out.
	enqueues, takes int32
	omitted         bool // it is left out; see above
}

// unknownTake is a dequeue that may have taken any element after its call, or a
// drain that may have taken many.
type unknownTake struct {
	call  int64
	place int32
	many  bool
}

// stay is an open interval in which an element is certainly in the queue.
type stay struct {
	from, to int64
	element  int32
}

// queueJudge decides queues, one key at a time, in O(n log n). Its memory is used
// again from key to key: at most some 120 bytes an operation.
type queueJudge struct {
	valuetable.Table
	elements []queueElement // those that may have gone in by their calls, then the others
	unknown  []unknownTake  // by their calls
	empties  []int32        // places of answers "empty", by their calls
	drains   []int32        // places of drains that returned elements
	left     []int32        // leftovers by their er
	first    []int32        // first[i] is that of elements i and up which was out first
	stays    []stay
	vague    bool
	h        *history.History
	index    []int32
}

// op is the operation at a place of the key.
func (q *queueJudge) op(place int32) *history.Op {
	if q.index == nil {
		return &q.h.Ops[place]
	}
	return &q.h.Ops[q.index[place]]
}

// operations is how many the key has.
func (q *queueJudge) operations() int32 {
	if q.index == nil {
		return int32(len(q.h.Ops))
	}
	return int32(len(q.index))
}

// decideFIFO judges one key as a first-in-first-out queue that is empty at first.
// Its operations are those of the history at the indices in index, which are in the
// order of their calls, or all of them where it is nil; places are positions in
// index. Other kinds than Enqueue, Dequeue and Drain make it no queue: undecided.
func (q *queueJudge) decideFIFO(h *history.History, index []int32) queueAnswer {
	return q.decide(h, index, true)
}

// decideBag judges one key as a queue that hands out its elements in any order.
func (q *queueJudge) decideBag(h *history.History, index []int32) queueAnswer {
	return q.decide(h, index, false)
}

func (q *queueJudge) decide(h *history.History, index []int32, ordered bool) queueAnswer {
	q.h, q.index, q.vague = h, index, false
	if !q.addEnqueues() {
		return queueAnswer{place: none}
	}
	answer := q.addTakes()
	if answer.flaw == queueFlawless {
		q.omit()
		answer = q.addDrains(ordered)
	}
	if answer.flaw == queueFlawless {
		q.excuse()
		if ordered {
			answer = q.findOrder()
		}
	}
	if answer.flaw == queueFlawless {
		answer = q.findNotEmpty()
	}
	answer.exact = !q.vague
	return answer
}

// addEnqueues makes the elements. It returns false where the key is no queue.
func (q *queueJudge) addEnqueues() bool {
	enqueues := 0
	for place := range q.operations() {
		switch q.op(place).Kind {
		case history.Enqueue:
			enqueues++
		case history.Dequeue, history.Drain:
		default:
			return false
		}
	}
	q.Reset(enqueues)
	if cap(q.elements) < enqueues {
		q.elements = make([]queueElement, 0, enqueues)
	}
	q.elements = q.elements[:0]
	for place := range q.operations() {
		op := q.op(place)
		if op.Kind != history.Enqueue || op.Outcome == history.Fail {
			continue
		}
		_, e := q.element(op.Value)
		if e.enqueues++; e.enqueues == 1 {
			e.ec, e.er, e.enqueue = op.Call, op.Return, place
		}
	}
	return true
}

// element returns that of a value with its number; it makes it if need be.
func (q *queueJudge) element(v history.Value) (int32, *queueElement) {
	n, _ := q.At(v)
	if int(n) == len(q.elements) {
		q.elements = append(q.elements, queueElement{ec: history.Open, er: history.Open,
			dc: history.Open, dr: history.Open, enqueue: none, taker: none})
	}
	return n, &q.elements[n]
}

// addTakes notes what came out, and checks condition (1).
func (q *queueJudge) addTakes() queueAnswer {
	q.unknown, q.empties, q.drains = q.unknown[:0], q.empties[:0], q.drains[:0]
	for place := range q.operations() {
		op := q.op(place)
		if op.Kind == history.Enqueue || op.Outcome == history.Fail {
			continue
		}
		switch {
		case op.Outcome == history.Info:
			q.unknown = append(q.unknown, unknownTake{op.Call, place, op.Kind == history.Drain})
		case op.Kind == history.Drain:
			q.drains = append(q.drains, place)
			if answer := q.takeAll(place, op); answer.flaw != queueFlawless {
				return answer
			}
		case op.Result == history.Nil:
			q.empties = append(q.empties, place)
		case op.Result == history.None:
			q.vague = true
			q.unknown = append(q.unknown, unknownTake{op.Call, place, false})
		default:
			if answer := q.take(op.Result, place, op); answer.flaw != queueFlawless {
				return answer
			}
		}
	}
	return queueAnswer{place: none}
}

// takeAll notes what a drain took. A nil in it may be the end of the loop.
func (q *queueJudge) takeAll(place int32, op *history.Op) queueAnswer {
	for _, v := range q.h.List(op) {
		if v == history.Nil {
			q.vague = true
		} else if answer := q.take(v, place, op); answer.flaw != queueFlawless {
			return answer
		}
	}
	return queueAnswer{place: none}
}

// take notes that an operation was told that it took a value.
func (q *queueJudge) take(v history.Value, place int32, op *history.Op) queueAnswer {
	n, e := q.element(v)
	answer := queueAnswer{a: n, place: place}
	if e.takes++; e.takes == 1 {
		e.dc, e.dr, e.taker = op.Call, op.Return, place
	}
	switch {
	case e.enqueues == 0:
		answer.flaw = queueGarbage
	case op.Return < e.ec:
		answer.flaw = queueEarly
	case e.takes > e.enqueues:
		answer.flaw = queueTwice
	}
	return answer
}

// omit leaves out what proves nothing.
func (q *queueJudge) omit() {
	absent := q.Find(history.Nil)
	for n := range q.elements {
		e := &q.elements[n]
		if e.enqueues > 1 || int32(n) == absent {
			e.omitted, q.vague = true, true
			e.dc, e.dr = history.Open, history.Open
		} else {
			e.omitted = e.er == history.Open && e.takes == 0
		}
	}
	if absent != none {
		q.empties = q.empties[:0]
	}
}

// addDrains narrows the intervals of what a drain took, and checks condition (2)
// within each drain.
func (q *queueJudge) addDrains(ordered bool) queueAnswer {
	for _, place := range q.drains {
		latest := none // of those so far, the one whose enqueue was called last
		for _, v := range q.h.List(q.op(place)) {
			n := q.Find(v)
			if v == history.Nil || q.elements[n].omitted {
				continue
			}
			e := &q.elements[n]
			if latest == none || q.elements[latest].ec < e.ec {
				latest = n
			}
			if l := &q.elements[latest]; ordered && e.er < l.ec {
				return queueAnswer{flaw: queueDrainOrder, a: n, b: latest, place: none}
			}
			e.dc = max(e.dc, q.elements[latest].ec)
		}
	}
	return queueAnswer{place: none}
}

// excuse gives each leftover the unknown dequeue that may have taken it.
func (q *queueJudge) excuse() {
	q.left = q.left[:0]
	for n := range q.elements {
		if e := &q.elements[n]; !e.omitted && e.takes == 0 {
			q.left = append(q.left, int32(n))
		}
	}
	sortNearly(q.left, func(n int32) int64 { return q.elements[n].er })
	next := 0
	for _, n := range q.left {
		if next == len(q.unknown) {
			return
		}
		q.elements[n].dc = q.unknown[next].call
		if !q.unknown[next].many {
			next++
		}
	}
}
