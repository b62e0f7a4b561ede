package checkers

import (
	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// Deciding a set that only grows.
//
// Append adds an element, ReadList returns all elements, and nothing takes one
// away. That each element by itself behaves is not enough:
//
//	p1  append 1      |-------------------|
//	p2  append 2      |-------------------|
//	p3  list → [1]      |--------------|
//	p4  list → [2]      |--------------|
//
// Each read is right about each element, and no order explains both.
//
// Which operations. An unknown append of an element that no read holds may be left
// out: take it out of any legal order, and all reads are as right as before. One
// whose element was read happened. Reads that were not answered prove nothing.
//
// The blocks. In any legal order the content grows, so of two reads the later one
// holds all that the earlier one does. Let C1 ⊂ C2 ⊂ … ⊂ Cm be the different contents
// that were read, Gi the reads of Ci, and Ai the appends of what is in Ci and not in
// C(i−1). What is in Ci was appended before each read of Gi, and what is not, after:
// so the order is
//
//	A1 G1 A2 G2 … Am Gm A(m+1)
//
// where A(m+1) are the acknowledged appends of what no read holds. Within a block
// any order is legal. An order respects real time if and only if call(x) ≤ return(y)
// for all x before y; within a block, put the operations in the order of their calls.
// So the history is linearizable if and only if
//
//	(1) no read holds an element twice, or one that nobody appended;
//	(2) of any two reads, one holds all that the other does;
//	(3) call(x) ≤ return(y) for all x in a block before that of y.
//
// Reads sorted by size are in the order of their contents: (2) holds if each holds
// all that the one before it does, since then so do all. That is a matter of
// counting: of the elements of a read, as many were in the one before as that
// one has. (3) needs the latest call of all blocks so far.
//
// An element that is appended more than once is there from the first of these
// appends on, and the others do nothing. It is in Ci and not in C(i−1) if all that
// happened take effect after G(i−1), and one of them before Gi. For the first it is
// enough to ask the one that returned first (unknown ones can wait); the one that was
// called first is the best for the second. Any other append takes effect when it is
// called, or at the end of G(i−1) where that is later. So let the element have the
// earliest call of the appends that may have happened, and the earliest return of
// those that were acknowledged: the conditions are exact all the same.
//
// That needs the time of one look at each element of each read, n log n for the
// sorting, and memory for each element and each read, but not for the
// elements of each read.

// setFlaw is the way in which a set is not linearizable.
type setFlaw int

const (
	setFlawless  setFlaw = iota
	setGarbage           // a read holds a, and nobody appended it
	setTwice             // a read holds a twice
	setEarly             // a read that holds a returned before an append of a was called
	setMissed            // a read lacks a and was called after a was acknowledged
	setBack              // a read lacks a and was called after one that holds a had returned
	setCrossed           // a read holds a and not b, and another b and not a
	setOvertaken         // b was acknowledged before a was called, and a read holds a and not b
)

// setAnswer is what a [setJudge] says of one key.
type setAnswer struct {
	flaw setFlaw
	a, b history.Value
	// places are those of the operations that prove it: the appends first, and of
	// two reads the one that holds a first.
	places []int32
	// exact is false where the key has operations that no set has, or where there
	// was no time to finish.
	exact bool
}

// setElement is one element of a set.
type setElement struct {
	// call is the earliest call of an append of it that may have happened, and ret
	// the earliest return of one that was acknowledged; Open where there is none.
	call, ret int64
	// first and acked are the places of these.
	first, acked int32
	// held is the place of the first read, in the order of sizes, that holds it.
	held int32
	// stamp is the look at a read that found it last.
	stamp int32
}

// setRead is one read of a set.
type setRead struct {
	size  uint32
	place int32
}

// setJudge decides sets that only grow, one key at a time. Its memory is used again
// from key to key: at most some 70 bytes an element and 8 a read.
type setJudge struct {
	valuetable.Table
	elements []setElement
	reads    []setRead
	fresh    []int32 // elements of the read at hand that no smaller one holds
	looks    int32
	seen     int // elements looked at since stop was asked
	stop     func() bool
	h        *history.History
	index    []int32
}

func (s *setJudge) op(place int32) *history.Op {
	if s.index == nil {
		return &s.h.Ops[place]
	}
	return &s.h.Ops[s.index[place]]
}

// decide judges one key as a set that is empty at first. Its operations are those
// of the history at the indices in index, which are in the order of their calls,
// or all of them where it is nil; places are positions in index. What a node holds
// itself (ReadLocal) is no evidence. Other kinds than these and Append and ReadList
// make it no set: undecided. So it is when stop, which is asked now and then, says so.
func (s *setJudge) decide(h *history.History, index []int32, stop func() bool) setAnswer {
	s.h, s.index, s.stop, s.seen, s.looks = h, index, stop, 0, 0
	if !s.gather() {
		return setAnswer{}
	}
	sortNearly(s.reads, func(r setRead) int64 { return int64(r.size) })
	w := setWalk{setJudge: s, latest: caller{atStart, none}, readers: caller{atStart, none}}
	switch legal, done := w.walk(); {
	case !done:
		return setAnswer{}
	case legal:
		return setAnswer{exact: true}
	}
	return s.name(w.answer)
}

// gather makes the elements and lists the reads. It returns false where the key is
// no set.
func (s *setJudge) gather() bool {
	operations := len(s.index)
	if s.index == nil {
		operations = len(s.h.Ops)
	}
	appends := 0
	for place := range int32(operations) {
		switch s.op(place).Kind {
		case history.Append:
			appends++
		case history.ReadList, history.ReadLocal:
		default:
			return false
		}
	}
	s.Reset(appends)
	s.elements, s.reads = s.elements[:0], s.reads[:0]
	if cap(s.elements) < appends {
		s.elements = make([]setElement, 0, appends)
	}
	for place := range int32(operations) {
		op := s.op(place)
		switch {
		case op.Kind == history.Append && op.Outcome != history.Fail:
			s.addAppend(op, place)
		case op.Kind == history.ReadList && op.Outcome == history.OK:
			s.reads = append(s.reads, setRead{op.Count, place})
		}
	}
	return true
}

func (s *setJudge) addAppend(op *history.Op, place int32) {
	n, _ := s.At(op.Value)
	if int(n) == len(s.elements) { // calls come in order: this is the first
		s.elements = append(s.elements, setElement{call: op.Call, ret: history.Open, first: place, acked: none, held: none, stamp: none})
	}
	if e := &s.elements[n]; op.Return < e.ret {
		e.ret, e.acked = op.Return, place
	}
}

// patience is after how many elements stop is asked again.
const patience = 1 << 20

// stopped says whether to give up, now that so many more elements were looked at.
func (s *setJudge) stopped(more int) bool {
	if s.seen += more + 1; s.seen < patience || s.stop == nil {
		return false
	}
	s.seen = 0
	return s.stop()
}

// caller is the operation that was called last of several.
type caller struct {
	call  int64
	place int32
}

func (c *caller) add(call int64, place int32) {
	if call > c.call {
		c.call, c.place = call, place
	}
}

// setWalk goes through the blocks in their order.
type setWalk struct {
	*setJudge
	latest  caller          // of all blocks before the one at hand
	readers caller          // of the reads of the content at hand
	before  []history.Value // that content, as the last of these reads has it
	answer  setAnswer       // what is wrong, where it takes two elements to say so
}

// walk checks the conditions; legal has no meaning where it is not done.
func (w *setWalk) walk() (legal, done bool) {
	last := none
	for _, r := range w.reads {
		op := w.op(r.place)
		list := w.h.List(op)
		if w.stopped(len(list)) {
			return false, false
		}
		held, sound := w.look(list)
		if !sound {
			return false, true
		}
		if held < len(w.before) {
			w.answer = setAnswer{flaw: setCrossed, places: []int32{last, r.place}, exact: true}
			return false, true
		}
		if len(w.fresh) > 0 && !w.begin(r.place) {
			return false, true
		}
		if op.Return < w.latest.call {
			return false, true
		}
		w.readers.add(op.Call, r.place)
		w.before, last = list, r.place
	}
	w.latest.add(w.readers.call, w.readers.place)
	for n := range w.elements {
		if e := &w.elements[n]; e.held == none && !w.follows(e) {
			return false, true
		}
	}
	return true, true
}

// begin takes the block of the appends of what is fresh in a read.
func (w *setWalk) begin(place int32) bool {
	w.latest.add(w.readers.call, w.readers.place)
	for _, n := range w.fresh {
		if !w.follows(&w.elements[n]) {
			return false
		}
		w.elements[n].held = place
	}
	for _, n := range w.fresh {
		w.latest.add(w.elements[n].call, w.elements[n].first)
	}
	return true
}

// follows checks condition (3) for an append whose block is next.
func (w *setWalk) follows(e *setElement) bool {
	if e.ret >= w.latest.call {
		return true
	}
	if x := w.op(w.latest.place); x.Kind == history.Append {
		b := w.op(e.acked).Value
		w.answer = setAnswer{flaw: setOvertaken, a: x.Value, b: b, exact: true,
			places: []int32{e.acked, w.latest.place, w.elements[w.Find(x.Value)].held}}
	}
	return false
}

// look finds which elements of a read are fresh, and how many are not; sound is
// false where one is there twice, or was never appended.
func (w *setWalk) look(list []history.Value) (held int, sound bool) {
	if held, sure := w.lookInOrder(list); sure {
		return held, true
	}
	w.looks++
	w.fresh = w.fresh[:0]
	for _, v := range list {
		n := w.Find(v)
		if n == none || w.elements[n].stamp == w.looks {
			return 0, false
		}
		w.elements[n].stamp = w.looks
		if w.elements[n].held != none {
			held++
		} else {
			w.fresh = append(w.fresh, n)
		}
	}
	return held, true
}

// lookInOrder is the fast way where the read before has its elements in the same
// order, as it has where a system lists them in the order in which they came, or
// sorted. It is sure if all else in the read is fresh: then what was not met in that
// order is not there.
func (w *setWalk) lookInOrder(list []history.Value) (held int, sure bool) {
	w.looks++
	w.fresh = w.fresh[:0]
	for _, v := range list {
		if held < len(w.before) && v == w.before[held] {
			held++
			continue
		}
		n := w.Find(v)
		if n == none || w.elements[n].stamp == w.looks || w.elements[n].held != none {
			return 0, false
		}
		w.elements[n].stamp = w.looks
		w.fresh = append(w.fresh, n)
	}
	return held, true
}
