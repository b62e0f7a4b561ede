package checkers

import (
	"context"
	"fmt"
	"math/bits"
	"slices"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// jepsenSet is [SetFull] with the meaning of jepsen.checker/set-full, restated:
//
// An element exists for the judge once an add of it is called; where it is added
// again it begins anew. It is known from the first of these that returns: an add
// of it that is acknowledged, a read that holds it. Only reads that return after
// the add's call say anything, and of these only two: the last that holds it
// and the last that lacks it, by the time of their calls.
//
//	stable      one holds it, and the last that lacks it was called before the last that holds it
//	lost        the last that lacks it was called after the last that holds it, and after it was known
//	never read  neither
//	stale       stable, and the last read that lacks it was called after it was known
//
// What nobody added is not looked at, and neither is how an add ended.
type jepsenSet struct {
	*everydayRun
	linearizable bool
	index        valuetable.Table
	elements     []jepsenElement
	list         *listOps // whose elements these are
	returns      []int64  // see lastAfter; empty until it is needed

	reads, attempted, stable, shortStale int
	lost, stale, neverRead, duplicated   instances
	stableFor, lostAfter                 []int64 // milliseconds, rounded down
	undecided                            int     // lists without a stable element
}

// jepsenElement is what is known of an element. Reads are numbers in listOps.reads.
type jepsenElement struct {
	call            int64 // the last call of an add; Open where nobody added it
	known           int64
	present, absent int32 // the last reads that hold and lack it
	inRead          int32 // the number of the read at hand, where that holds it
	twice           int32 // the first read that holds it twice
}

const jepsenElementBytes = 32

func (c SetFull) checkJepsen(ctx context.Context, evidence Evidence, budget Budget) Result {
	return everyday(ctx, evidence, budget, "set-full", func(r *everydayRun) error {
		r.result.Method = "scan, Jepsen's rule"
		s := jepsenSet{everydayRun: r, linearizable: c.Linearizable}
		return s.judge()
	})
}

func (s *jepsenSet) judge() error {
	parts, err := s.splitPlaces(history.Append, history.ReadList)
	if err != nil {
		return err
	}
	for i, part := range parts {
		if err := s.tick(i); err != nil {
			return fmt.Errorf("%d of %d sets were judged: %w", i, len(parts), err)
		}
		list, err := s.listOf(part)
		if err != nil {
			return err
		}
		if err := s.scan(list); err != nil {
			return err
		}
		s.fates()
	}
	s.figures()
	var open []string
	switch {
	case len(parts) == 0:
		open = append(open, "the history has no operation on a set: it proves nothing")
	case s.reads == 0:
		open = append(open, "no read of a set was answered: the history proves nothing")
	case s.undecided > 0 && s.stable == 0:
		open = append(open, fmt.Sprintf("no element became stable: none of %d was read after it was known", s.attempted))
	case s.undecided > 0:
		open = append(open, fmt.Sprintf("%s without an element that became stable", plural(s.undecided, "set")+isAre(s.undecided)))
	}
	s.decide(s.findings(), open, func() string {
		return fmt.Sprintf("none of %s was lost: %d stable, %d of them stale for a time, %d never read; %s",
			plural(s.attempted, "element"), s.stable, s.stale.count, s.neverRead.count, plural(s.reads, "read"))
	})
	if s.result.Verdict == Violation {
		s.result.Proof = s.prove()
	}
	return nil
}

// listOf sorts what happened on a list into appends and answered reads.
func (s *jepsenSet) listOf(part keyPart) (*listOps, error) {
	if err := s.take(int64(4 * len(part.places))); err != nil {
		return nil, err
	}
	list := &listOps{h: s.h, key: part.key}
	for _, place := range part.places {
		if op := &s.h.Ops[place]; op.Kind == history.Append {
			list.appends = append(list.appends, place)
		} else if op.Outcome == history.OK {
			list.reads = append(list.reads, place)
		}
	}
	return list, nil
}

// scan finds out what is known of the elements of a list.
func (s *jepsenSet) scan(list *listOps) error {
	if err := s.take(int64(len(list.appends)) * (valuetable.Bytes + 2*jepsenElementBytes)); err != nil {
		return err
	}
	s.list, s.returns = list, s.returns[:0]
	s.index.Reset(len(list.appends))
	s.elements = s.elements[:0]
	for _, place := range list.appends {
		op := &s.h.Ops[place]
		s.at(op.Value).call = op.Call // calls come in order: the last one stays
	}
	for _, place := range list.appends {
		if op := &s.h.Ops[place]; op.Outcome == history.OK {
			if e := s.at(op.Value); op.Return >= e.call {
				e.known = min(e.known, op.Return)
			}
		}
	}
	done := 0
	for number, place := range list.reads {
		if done += 1 + int(s.h.Ops[place].Count); done >= stride {
			done = 0
			if err := inTime(s.ctx, s.deadline); err != nil {
				return fmt.Errorf("%d of %d reads of %s were judged: %w", number, len(list.reads), nameText(s.h, list.key), err)
			}
		}
		s.read(int32(number))
	}
	for n := range s.elements {
		if e := &s.elements[n]; e.call != history.Open {
			s.gap(e, int32(len(list.reads)))
		}
	}
	return nil
}

func (s *jepsenSet) at(v history.Value) *jepsenElement {
	n, isNew := s.index.At(v)
	if isNew {
		s.elements = append(s.elements, jepsenElement{call: history.Open, known: history.Open, present: none, absent: none, inRead: none, twice: none})
	}
	return &s.elements[n]
}

// read notes who is in a read. A duplicate is one whoever added it, and however
// often: it is a set. (Jepsen means to count them; its filter lets through what is
// there less than once.)
func (s *jepsenSet) read(number int32) {
	op := s.list.read(number)
	for _, v := range s.h.List(op) {
		e := s.at(v)
		if e.inRead == number {
			if e.twice == none {
				e.twice = number
			}
			continue
		}
		e.inRead = number
		if e.call == history.Open || op.Return < e.call {
			continue
		}
		s.gap(e, number)
		e.present = number
		e.known = min(e.known, op.Return)
	}
}

// gap notes the last read that lacks an element, of those that were called since
// the last one that holds it and before next.
func (s *jepsenSet) gap(e *jepsenElement, next int32) {
	if last := s.lastAfter(e.present+1, next, e.call); last != none {
		e.absent = last
	}
}

// lastAfter returns the last of the reads from one number up to another that
// returned at or after an instant, none where none did. Nearly always that is the
// last one: it was called after the instant. The others are found in a tree of
// latest returns, so that reads that took long do not cost more than others.
func (s *jepsenSet) lastAfter(from, to int32, instant int64) int32 {
	if from >= to {
		return none
	}
	if s.list.read(to-1).Return >= instant {
		return to - 1
	}
	if len(s.returns) == 0 {
		s.plant()
	}
	leaves := int32(len(s.returns) / 2)
	// Climb from the right edge to the first subtree on the left with such a read.
	for n := to + leaves; n > 1; n /= 2 {
		if n%2 == 0 || s.returns[n-1] < instant {
			continue
		}
		for n--; n < leaves; {
			if n = 2*n + 1; s.returns[n] < instant {
				n--
			}
		}
		if n -= leaves; n >= from {
			return n
		}
		return none
	}
	return none
}

// plant makes the tree: node n has children 2n and 2n+1; the leaves are the reads
// in their order, in the right half.
func (s *jepsenSet) plant() {
	leaves := 1 << bits.Len(uint(len(s.list.reads))) // one more than needed, for the edge
	s.returns = slices.Grow(s.returns, 2*leaves)[:2*leaves]
	for n := range s.returns {
		s.returns[n] = atStart
	}
	for number := range s.list.reads {
		s.returns[leaves+number] = s.list.read(int32(number)).Return
	}
	for n := leaves - 1; n > 0; n-- {
		s.returns[n] = max(s.returns[2*n], s.returns[2*n+1])
	}
}

func (s *jepsenSet) call(number int32) int64 {
	if number == none {
		return atStart
	}
	return s.list.read(number).Call
}

// fates says what became of the elements of the list that was scanned.
func (s *jepsenSet) fates() {
	s.reads += len(s.list.reads)
	before := s.stable
	for n := range s.elements {
		e := &s.elements[n]
		x := instance{s.list, s.index.All()[n], e.known}
		if e.twice != none {
			x := instance{s.list, x.value, s.list.read(e.twice).Return}
			s.duplicated.add(x)
		}
		if e.call == history.Open {
			continue
		}
		s.attempted++
		present, absent := s.call(e.present), s.call(e.absent)
		switch {
		case e.present != none && absent <= present:
			s.stable++
			s.becameStable(x, e, absent)
		case e.known < absent:
			s.lost.add(x)
			s.lostAfter = append(s.lostAfter, latencyMS(e.present != none, present, e.known))
		default:
			x.time = e.call
			s.neverRead.add(x)
		}
	}
	if s.stable == before {
		s.undecided++
	}
}

// becameStable notes for how long an element was missed. Jepsen rounds down to
// milliseconds before it asks whether an element was stale, and so overlooks what was
// missed for less; here it counts.
func (s *jepsenSet) becameStable(x instance, e *jepsenElement, absent int64) {
	ms := latencyMS(e.absent != none, absent, e.known)
	s.stableFor = append(s.stableFor, ms)
	if e.absent != none && absent > e.known {
		s.stale.add(x)
		if ms == 0 {
			s.shortStale++
		}
	}
}

// latencyMS is for how many whole milliseconds after it was known an element was
// missed, or there: until just after the call of the last read that says so, if any.
func latencyMS(any bool, call, known int64) int64 {
	if !any {
		return 0
	}
	return max(0, call+1-known) / 1e6
}

func (s *jepsenSet) figures() {
	for name, n := range map[string]int{"reads": s.reads, "attempted": s.attempted, "stable": s.stable, "lost": s.lost.count,
		"never_read": s.neverRead.count, "stale": s.stale.count, "stale_below_1_ms": s.shortStale, "duplicated": s.duplicated.count} {
		s.figure(name, n)
	}
	s.latencyFigures("stable_latency", s.stableFor)
	s.latencyFigures("lost_latency", s.lostAfter)
}

// latencyFigures adds Jepsen's quantiles.
func (s *jepsenSet) latencyFigures(name string, ms []int64) {
	if len(ms) == 0 {
		return
	}
	slices.Sort(ms)
	for quantile, share := range map[string]float64{"min": 0, "p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1} {
		at := min(len(ms)-1, int(float64(len(ms))*share))
		s.result.Figures[name+"_"+quantile+"_ms"] = float64(ms[at])
	}
}

// findings are what is violated, in words; the first is what the proof is of.
func (s *jepsenSet) findings() []string {
	var found []string
	if n := s.lost.count; n > 0 {
		found = append(found, fmt.Sprintf("%d of %s %s lost (%s)", n, plural(s.attempted, "element"), was(n), s.lost.names(s.h)))
	}
	if n := s.duplicated.count; n > 0 {
		found = append(found, fmt.Sprintf("%s more than once in one read (%s)", plural(n, "element")+isAre(n), s.duplicated.names(s.h)))
	}
	if n := s.stale.count; n > 0 && s.linearizable {
		found = append(found, fmt.Sprintf("%s stale: missed by a read that was called after it was known (%s)", wasWere(n, "element"), s.stale.names(s.h)))
	}
	return found
}

// prove shows the first finding by its earliest element.
func (s *jepsenSet) prove() *Proof {
	all := s.stale
	if s.lost.count > 0 {
		all = s.lost
	} else if s.duplicated.count > 0 {
		all = s.duplicated
	}
	x := all.earliest[0]
	if err := s.scan(x.list); err != nil {
		return &Proof{Key: s.h.KeyName(x.list.key), Story: []string{fmt.Sprintf("The proof could not be written: %v.", err)}}
	}
	e := &s.elements[s.index.Find(x.value)]
	read := func(number int32) int32 {
		if number == none {
			return none
		}
		return x.list.reads[number]
	}
	text, list := elementText(s.h, x.value), nameText(s.h, x.list.key)
	if s.lost.count == 0 && s.duplicated.count > 0 {
		proof, _ := tellLists(s.h, x.value, read(e.twice))
		proof.Story = append(proof.Story, fmt.Sprintf("A set holds %s once or not at all.", text))
		return proof
	}
	known, how := s.knownBy(x, e)
	proof, t := tellLists(s.h, x.value, bestAdd(s.h, x), known, read(e.present), read(e.absent))
	missed := &s.h.Ops[read(e.absent)]
	end := "and none of the reads that hold it was called later"
	if s.lost.count == 0 {
		end = "though a read that was called later holds it: the missing one was stale"
	}
	proof.Story = append(proof.Story, fmt.Sprintf("%s was known to be there since %s, for %s; %s called list %s at %s, after that, and it lacks %s, %s.",
		text, t.time(e.known), how, who(missed), list, t.time(missed.Call), text, end))
	return proof
}

// knownBy finds the operation by whose return an element was known.
func (s *jepsenSet) knownBy(x instance, e *jepsenElement) (place int32, how string) {
	for _, place := range x.list.appends {
		if op := &s.h.Ops[place]; op.Value == x.value && op.Outcome == history.OK && op.Return == e.known {
			return place, "its add was acknowledged"
		}
	}
	for _, place := range x.list.reads {
		if op := &s.h.Ops[place]; op.Return == e.known && slices.Contains(s.h.List(op), x.value) {
			return place, who(op) + "'s read held it"
		}
	}
	return none, ""
}
