package checkers

import (
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// elementID is an element of a list.
type elementID struct {
	key   history.Key
	value history.Value
}

// listJudge is brute force, written from the definitions in the documentation of
// SetFull and NothingLost and from nothing else.
type listJudge struct {
	h     *history.History
	reads []history.Op // that count
	final int64
	fates map[elementID]fate // found so far
}

func newListJudge(h *history.History, finalOnly bool) listJudge {
	j := listJudge{h: h, final: history.Open, fates: map[elementID]fate{}}
	for i := len(h.Marks) - 1; i >= 0; i-- {
		if h.Marks[i].Name == MarkFinal {
			j.final = h.Marks[i].Time
		}
	}
	for _, op := range h.Ops {
		if op.Kind == history.ReadList && op.Outcome == history.OK && (!finalOnly || op.Call >= j.final) {
			j.reads = append(j.reads, op)
		}
	}
	return j
}

// elements are all that were appended or read.
func (j listJudge) elements() []elementID {
	seen := map[elementID]bool{}
	for _, op := range j.h.Ops {
		if op.Kind == history.Append {
			seen[elementID{op.Key, op.Value}] = true
		}
	}
	for _, r := range j.reads {
		for _, v := range j.h.List(&r) {
			seen[elementID{r.Key, v}] = true
		}
	}
	var all []elementID
	for e := range seen {
		all = append(all, e)
	}
	return all
}

func (j listJudge) appends(e elementID, want func(op history.Op) bool) int {
	n := 0
	for _, op := range j.h.Ops {
		if op.Kind == history.Append && op.Key == e.key && op.Value == e.value && want(op) {
			n++
		}
	}
	return n
}

func (j listJudge) acked(e elementID) bool {
	return j.appends(e, func(op history.Op) bool { return op.Outcome == history.OK }) > 0
}

// possible is how often e can be in r.
func (j listJudge) possible(e elementID, r history.Op) int {
	return j.appends(e, func(op history.Op) bool { return op.Outcome != history.Fail && op.Call <= r.Return })
}

func (j listJudge) times(e elementID, r history.Op) int {
	n := 0
	for _, v := range j.h.List(&r) {
		if v == e.value && r.Key == e.key {
			n++
		}
	}
	return n
}

func (j listJudge) holds(r history.Op, e elementID) bool {
	return j.times(e, r) > 0 && j.possible(e, r) > 0
}

// sure says that e was certainly there before an instant.
func (j listJudge) sure(e elementID, instant int64) bool {
	if j.appends(e, func(op history.Op) bool { return op.Outcome == history.OK && op.Return < instant }) > 0 {
		return true
	}
	for _, r := range j.reads {
		if j.holds(r, e) && r.Return < instant {
			return true
		}
	}
	return false
}

func (j listJudge) missed(r history.Op, e elementID) bool {
	return r.Key == e.key && !j.holds(r, e) && j.sure(e, r.Call)
}

// farewell says that r missed e, and that no read that holds e returned later.
func (j listJudge) farewell(r history.Op, e elementID) bool {
	if !j.missed(r, e) {
		return false
	}
	for _, q := range j.reads {
		if j.holds(q, e) && q.Return >= r.Call {
			return false
		}
	}
	return true
}

func (j listJudge) any(want func(r history.Op) bool) bool { return slices.ContainsFunc(j.reads, want) }

// fate returns what became of e, fateCount where nobody knows that it was there.
func (j listJudge) fate(e elementID) fate {
	is, known := j.fates[e]
	if !known {
		is = j.findFate(e)
		j.fates[e] = is
	}
	return is
}

func (j listJudge) findFate(e elementID) fate {
	if !j.sure(e, history.Open) {
		return fateCount
	}
	switch {
	case j.any(func(r history.Op) bool { return j.farewell(r, e) && r.Call >= j.final }):
		return lost
	case j.any(func(r history.Op) bool { return j.farewell(r, e) }):
		return unsettled
	case j.any(func(r history.Op) bool { return j.missed(r, e) }):
		return stale
	}
	readAfter := func(r history.Op) bool {
		return r.Key == e.key && j.appends(e, func(op history.Op) bool { return op.Outcome == history.OK && op.Return < r.Call }) > 0
	}
	if j.any(readAfter) {
		return stable
	}
	return neverRead
}

func (j listJudge) odd(e elementID) bool {
	return j.any(func(r history.Op) bool { return j.times(e, r) > 0 && j.possible(e, r) == 0 })
}

func (j listJudge) twice(e elementID) bool {
	return j.any(func(r history.Op) bool { return j.holds(r, e) && j.times(e, r) > j.possible(e, r) })
}
