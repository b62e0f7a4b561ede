package checkers

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// listOps is what happened on one list. Its operations are places in History.Ops,
// in the order of their calls.
type listOps struct {
	h       *history.History
	key     history.Key
	appends []int32 // however they ended
	reads   []int32 // ReadLists that were answered
	locals  []int32 // ReadLocals that were answered
}

func (l *listOps) read(number int32) *history.Op { return &l.h.Ops[l.reads[number]] }

// from returns the reads among places that were called at or after an instant.
func (l *listOps) from(places []int32, instant int64) []int32 {
	return places[sort.Search(len(places), func(i int) bool { return l.h.Ops[places[i]].Call >= instant }):]
}

// splitLists lists the keys that have operations on lists.
func splitLists(h *history.History) []*listOps {
	type tally struct{ appends, reads, locals int32 }
	counts := make([]tally, len(h.Keys))
	total := int32(0)
	for i := range h.Ops {
		switch op := &h.Ops[i]; {
		case op.Kind == history.Append:
			counts[op.Key].appends++
			total++
		case op.Outcome != history.OK:
		case op.Kind == history.ReadList:
			counts[op.Key].reads++
			total++
		case op.Kind == history.ReadLocal:
			counts[op.Key].locals++
			total++
		}
	}
	all := make([]int32, total)
	take := func(n int32) []int32 {
		part := all[:0:n]
		all = all[n:]
		return part
	}
	byKey := make([]*listOps, len(h.Keys))
	var lists []*listOps
	for key, c := range counts {
		if c == (tally{}) {
			continue
		}
		l := &listOps{h: h, key: history.Key(key), appends: take(c.appends), reads: take(c.reads), locals: take(c.locals)}
		byKey[key] = l
		lists = append(lists, l)
	}
	for i := range h.Ops {
		op := &h.Ops[i]
		switch l := byKey[op.Key]; {
		case op.Kind == history.Append:
			l.appends = append(l.appends, int32(i))
		case op.Outcome != history.OK:
		case op.Kind == history.ReadList:
			l.reads = append(l.reads, int32(i))
		case op.Kind == history.ReadLocal:
			l.locals = append(l.locals, int32(i))
		}
	}
	return lists
}

// listScan finds out, for each element of a list, when it was certainly there and
// which reads lacked it. It is used for one list after the other, for its memory.
//
// Elements are only ever added. So one that was certainly there at an instant (its
// append was acknowledged, or a read that held it had returned) must be in every
// read that is called later. And once a read lacks it that was called after all
// reads that hold it had returned, every later read lacks it too, or that one
// would be among those that hold it.
type listScan struct {
	elementTable
	list *listOps
	// since is the number of the first read of the run that the read at hand is in. In a
	// run, each read returned no sooner than the one before it, and begins with all that
	// this one holds: only what is new is looked at, and the rest when the run is over.
	since int32
	plain bool // nothing in the read at hand is odd
	// more has the calls of appends that may have happened, of elements with several.
	more map[int32][]int64
}

// scan judges the elements of a list by some of its reads, in the order of their calls.
func (s *listScan) scan(l *listOps, reads []int32) {
	s.list = &listOps{h: l.h, key: l.key, appends: l.appends, reads: reads, locals: l.locals}
	s.addAppends()
	s.since, s.plain = 0, false
	for number := range reads {
		s.addRead(int32(number))
	}
	s.endRun(int32(len(reads)))
	for n := range s.elements {
		s.gap(&s.elements[n], int32(len(reads)))
	}
}

func (s *listScan) addAppends() {
	s.reset(len(s.list.appends))
	clear(s.more)
	for _, place := range s.list.appends {
		op := &s.list.h.Ops[place]
		n := s.at(op.Value)
		e := &s.elements[n]
		if e.append == none {
			e.append = place
		}
		if op.Outcome == history.Fail {
			continue
		}
		if e.appends++; e.appends > 1 {
			s.addCall(n, op.Call)
		}
		if e.call == history.Open { // calls come in order: this is the first
			e.call, e.append, e.first = op.Call, place, place
		}
		if op.Outcome == history.OK && op.Return < e.ack {
			e.ack, e.known, e.append = op.Return, op.Return, place
		}
	}
}

func (s *listScan) addCall(n int32, call int64) {
	if s.more == nil {
		s.more = map[int32][]int64{}
	}
	if s.more[n] == nil {
		s.more[n] = []int64{s.elements[n].call}
	}
	s.more[n] = append(s.more[n], call)
}

// addRead notes who is in a read. What can't have been there, because nobody had
// begun to append it when the read returned, was not there.
func (s *listScan) addRead(number int32) {
	op := s.list.read(number)
	list := s.list.h.List(op)
	if known, goesOn := s.goesOn(number); goesOn {
		list = list[known:]
	} else {
		s.endRun(number)
		s.since = number
	}
	s.plain = true
	for _, v := range list {
		n := s.at(v)
		e := &s.elements[n]
		if e.call > op.Return {
			s.plain = false
			if e.odd == none {
				e.odd = number
			}
			continue
		}
		if e.held >= s.since {
			e.times++
			if e.twice == none && e.times > s.possible(n, op.Return) {
				e.twice = number
			}
			continue
		}
		s.gap(e, number)
		e.held, e.times = number, 1
		e.known, e.gone = min(e.known, op.Return), max(e.gone, op.Return)
	}
}

// goesOn reports whether a read is of the same run as the one before it, and how many
// elements it begins with are known from there. Lists grow at their end: it nearly
// always is.
func (s *listScan) goesOn(number int32) (known int, goesOn bool) {
	if number == 0 || !s.plain {
		return 0, false
	}
	before, op := s.list.read(number-1), s.list.read(number)
	had, has := s.list.h.List(before), s.list.h.List(op)
	return len(had), op.Return >= before.Return && len(has) >= len(had) && slices.Equal(had, has[:len(had)])
}

// endRun notes what a run says of its elements, where it has several reads: all are in
// its last read, the one before next.
func (s *listScan) endRun(next int32) {
	last := next - 1
	if last <= s.since {
		return
	}
	op := s.list.read(last)
	for _, v := range s.list.h.List(op) {
		if e := &s.elements[s.Find(v)]; e.call <= op.Return {
			e.held, e.gone = last, max(e.gone, op.Return)
		}
	}
}

// possible is how often an element can be in a read that returned at an instant.
func (s *listScan) possible(n int32, instant int64) int32 {
	calls, several := s.more[n]
	if !several {
		return s.elements[n].appends
	}
	return int32(sort.Search(len(calls), func(i int) bool { return calls[i] > instant }))
}

// gap notes that an element is not in the reads between the last one that held it and
// next: the last of those missed it if it was called after the element was certainly
// there. What later reads say of that can wait: they return after that call.
func (s *listScan) gap(e *element, next int32) {
	if last := next - 1; last > e.held && s.list.read(last).Call > e.known {
		e.missing = last
	}
}

// countIn counts the wanted elements in a read, each once. It uses times, which
// nothing needs when the scan is done.
func (s *listScan) countIn(place int32, wanted func(*element) bool) int {
	stamp, count := -2-place, 0
	for _, v := range s.list.h.List(&s.list.h.Ops[place]) {
		n := s.Find(v)
		if n == none || s.elements[n].times == stamp {
			continue
		}
		e := &s.elements[n]
		e.times = stamp
		if wanted(e) {
			count++
		}
	}
	return count
}

// goneFrom is the number of the first read from which on an element is gone for
// good, and none where the last read was called before that is certain.
func (s *listScan) goneFrom(e *element) int32 {
	sure := e.lastSure()
	reads := s.list.reads
	first := sort.Search(len(reads), func(i int) bool { return s.list.h.Ops[reads[i]].Call > sure })
	if first == len(reads) {
		return none
	}
	return int32(first)
}

// oddity is why an element can't be where it was read.
type oddity int

const (
	oddUnknown oddity = iota // nobody appended it anywhere
	oddFailed
	oddElsewhere
	oddEarly
	oddities
)

// whereabouts says to which other lists elements were appended. It is made when it
// is first needed.
type whereabouts map[history.Value]int32

func (w *whereabouts) find(h *history.History, v history.Value) (place int32, found bool) {
	if *w == nil {
		*w = whereabouts{}
		for i := range h.Ops {
			if op := &h.Ops[i]; op.Kind == history.Append && op.Outcome != history.Fail {
				(*w)[op.Value] = int32(i)
			}
		}
	}
	place, found = (*w)[v]
	return place, found
}

// why says why an odd element can't be there, with the operation that shows it.
func (w *whereabouts) why(h *history.History, e *element) (oddity, int32) {
	switch {
	case e.appends > 0:
		return oddEarly, e.append
	case e.append != none:
		return oddFailed, e.append
	}
	if place, found := w.find(h, e.value); found {
		return oddElsewhere, place
	}
	return oddUnknown, none
}

// instance is an element of a list by which a person is shown what is wrong.
type instance struct {
	list  *listOps
	value history.Value
	time  int64
}

// instances counts what is wrong in one way, and keeps the earliest.
type instances struct {
	count    int
	earliest []instance
	latest   instance
}

// shownInstances is how many of a kind a summary names.
const shownInstances = 3

func (s *instances) add(x instance) {
	if s.count++; s.count == 1 || x.time > s.latest.time {
		s.latest = x
	}
	if n := len(s.earliest); n == shownInstances && x.time >= s.earliest[n-1].time {
		return
	}
	at, _ := slices.BinarySearchFunc(s.earliest, x, func(a, b instance) int {
		if a.time == b.time {
			return -1 // equal ones stay in the order in which they came
		}
		return cmp.Compare(a.time, b.time)
	})
	s.earliest = slices.Insert(s.earliest, at, x)
	s.earliest = s.earliest[:min(len(s.earliest), shownInstances)]
}

// latencies adds the quantiles of durations in nanoseconds, if there are any.
func latencies(figures map[string]float64, name string, durations []int64) {
	if len(durations) == 0 {
		return
	}
	slices.Sort(durations)
	last := len(durations) - 1
	for quantile, at := range map[string]int{"p50": last / 2, "p95": last * 95 / 100, "max": last} {
		figures[name+"_"+quantile+"_seconds"] = time.Duration(durations[at]).Seconds()
	}
}
