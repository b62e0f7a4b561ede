package checkers

import (
	"context"
	"fmt"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// Set judges a set by its last read, with the meaning of Jepsen's checker/set.
// Adds are [history.Append]s; the last read is, of the [history.ReadList]s that
// were answered, the one that returned last.
//
//	lost        acknowledged, and not in the last read
//	unexpected  in the last read, and nobody ever called an add of it
//	ok          in the last read, and somebody called an add of it
//	recovered   ok, and not acknowledged: its outcome was unknown, or it failed
//
// Lost and unexpected elements are violations. Elements are told apart by their
// values and counted once, however often they were added or read; what earlier
// reads hold is not looked at. Each key is a set of its own. One that was never
// read makes the answer inconclusive, as does a history without sets.
//
// This takes the last read to be a final one, called when all adds were over.
// An add that was acknowledged only after it was called counts as lost
// (Jepsen's does so too), though it may well have come after the read:
//
//	p1  add 1          |--|  acknowledged
//	p2  read → {}   |--|
//
// And an add that failed counts as recovered where it is read. ByOutcome is
// stricter about both. [SetFull] judges all reads.
//
// Figures: reads, attempted, acknowledged, ok, lost, recovered, recovered_failed
// (those all adds of which failed), unexpected; lost_unsettled (those that were
// not acknowledged before the last read was called).
type Set struct {
	// ByOutcome takes clients at their word. An element is also unexpected where
	// all its adds failed, or none had been called when the read returned. And
	// one that was acknowledged only after the last read was called is not lost:
	// nobody knows, so that the answer is inconclusive.
	ByOutcome bool
}

// Check implements [Checker].
func (c Set) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	return everyday(ctx, evidence, budget, "set", func(r *everydayRun) error {
		s := setRun{Set: c, everydayRun: r}
		return s.judge()
	})
}

// added is what clients were told of an element of a set.
type added struct {
	call int64 // the earliest call of an add that may have happened; Open: none did
	ack  int64 // the earliest return of an add that was acknowledged
	add  int32 // the place of the add that says most of it; none where nobody added it
	read bool
}

// setRun is one call of Check.
type setRun struct {
	Set
	*everydayRun
	index    valuetable.Table
	elements []added // by their numbers

	reads, attempted, acked, ok, recovered, failed int
	lost, unexpected, unsettled, unread            instances
	last                                           map[history.Key]int32 // the last read of a key with a finding
}

func (s *setRun) judge() error {
	parts, err := s.splitPlaces(history.Append, history.ReadList)
	if err != nil {
		return err
	}
	s.last = map[history.Key]int32{}
	for n, part := range parts {
		if err := s.tick(n); err != nil {
			return fmt.Errorf("%d of %d sets were judged: %w", n, len(parts), err)
		}
		if err := s.set(part); err != nil {
			return err
		}
	}
	s.figures()
	if len(parts) == 0 {
		return fmt.Errorf("the history has no operation on a set: it proves nothing")
	}
	var open []string
	if n := s.unread.count; n > 0 {
		open = append(open, fmt.Sprintf("%s never read (for instance %s)", wasWere(n, "set"), nameText(s.h, s.unread.earliest[0].list.key)))
	}
	if n := s.unsettled.count; n > 0 && s.ByOutcome {
		open = append(open, fmt.Sprintf("nobody knows of %s, acknowledged only after the last read was called (%s)", plural(n, "element"), s.unsettled.names(s.h)))
	}
	s.decide(s.findings(), open, func() string {
		return fmt.Sprintf("the last read holds %s, and %d more of those attempted; %s",
			allOfThem(s.acked, "acknowledged element"), s.recovered, plural(s.reads, "read"))
	})
	if s.result.Verdict == Violation {
		s.result.Proof = s.prove()
	}
	return nil
}

func wasWere(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " was"
	}
	return fmt.Sprintf("%d %ss were", n, noun)
}

func allOfThem(n int, noun string) string {
	if n == 1 {
		return "the 1 " + noun
	}
	return fmt.Sprintf("all %d %ss", n, noun)
}

// set judges one set.
func (s *setRun) set(part keyPart) error {
	if err := s.take(int64(len(part.places)) * (valuetable.Bytes + 2*24)); err != nil {
		return err
	}
	s.index.Reset(len(part.places))
	s.elements = s.elements[:0]
	for _, place := range part.places {
		switch op := &s.h.Ops[place]; {
		case op.Kind == history.Append:
			s.add(op, place)
		case op.Outcome == history.OK:
			s.reads++
		}
	}
	s.attempted += len(s.elements)
	list := &listOps{h: s.h, key: part.key}
	last := lastRead(s.h, part.places)
	if last == none {
		for n := range s.elements {
			if s.elements[n].ack != history.Open {
				s.acked++
			}
		}
		s.unread.add(instance{list: list})
		return nil
	}
	read := &s.h.Ops[last]
	if err := s.take(int64(read.Count) * (valuetable.Bytes + 2*24)); err != nil {
		return err
	}
	for _, v := range s.h.List(read) {
		s.element(v).read = true
	}
	for n := range s.elements {
		s.outcome(instance{list, s.index.All()[n], read.Return}, &s.elements[n], read, last)
	}
	return nil
}

func (s *setRun) element(v history.Value) *added {
	n, isNew := s.index.At(v)
	if isNew {
		s.elements = append(s.elements, added{call: history.Open, ack: history.Open, add: none})
	}
	return &s.elements[n]
}

// add notes an add. Adds come in the order of their calls.
func (s *setRun) add(op *history.Op, place int32) {
	e := s.element(op.Value)
	if e.add == none {
		e.add = place
	}
	if op.Outcome != history.Fail && e.call == history.Open {
		e.call, e.add = op.Call, place
	}
	if op.Outcome == history.OK && op.Return < e.ack {
		e.ack, e.add = op.Return, place
	}
}

func (s *setRun) outcome(x instance, e *added, read *history.Op, last int32) {
	acked := e.ack != history.Open
	if acked {
		s.acked++
	}
	late := acked && e.ack >= read.Call
	switch {
	case e.read && (e.add == none || s.ByOutcome && e.call > read.Return):
		s.unexpected.add(x)
		s.last[x.list.key] = last
	case e.read:
		s.ok++
		if !acked {
			s.recovered++
		}
		if e.call == history.Open {
			s.failed++
		}
	case late:
		s.unsettled.add(instance{x.list, x.value, e.ack})
		if s.ByOutcome {
			return
		}
		fallthrough
	case acked:
		s.lost.add(instance{x.list, x.value, e.ack})
		s.last[x.list.key] = last
	}
}

func (s *setRun) figures() {
	for name, n := range map[string]int{"reads": s.reads, "attempted": s.attempted, "acknowledged": s.acked, "ok": s.ok,
		"lost": s.lost.count, "recovered": s.recovered, "recovered_failed": s.failed, "unexpected": s.unexpected.count,
		"lost_unsettled": s.unsettled.count} {
		s.figure(name, n)
	}
}

func (s *setRun) findings() []string {
	var found []string
	if n := s.lost.count; n > 0 {
		text := fmt.Sprintf("%d of %s %s lost: not in the last read (%s)", n, plural(s.acked, "acknowledged element"), was(n), s.lost.names(s.h))
		if late := s.unsettled.count; late > 0 {
			text += fmt.Sprintf("; %d of them %s acknowledged only after that read was called", late, was(late))
		}
		found = append(found, text)
	}
	if n := s.unexpected.count; n > 0 {
		found = append(found, fmt.Sprintf("%s unexpected in the last read: nobody can have added %s (%s)", plural(n, "element")+isAre(n), itThem(n), s.unexpected.names(s.h)))
	}
	return found
}

func was(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func itThem(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

// prove shows the first finding by its earliest element.
func (s *setRun) prove() *Proof {
	x := instance{}
	if s.lost.count > 0 {
		x = s.lost.earliest[0]
	} else {
		x = s.unexpected.earliest[0]
	}
	last := s.last[x.list.key]
	add := bestAdd(s.h, x)
	proof, t := tellLists(s.h, x.value, add, last)
	text, list := elementText(s.h, x.value), nameText(s.h, x.list.key)
	why := fmt.Sprintf("Nobody ever called an add of %s to %s, and the last read holds it.", text, list)
	switch {
	case s.lost.count > 0 && s.h.Ops[add].Return >= s.h.Ops[last].Call:
		why = fmt.Sprintf("%s was acknowledged and is not in the last read of %s, which was called before that: this meaning of a set takes the last read to be a final one.", text, list)
	case s.lost.count > 0:
		why = fmt.Sprintf("%s was acknowledged at %s, before p%d called the last read of %s; and it is not in it.", text, t.time(s.h.Ops[add].Return), s.h.Ops[last].Process, list)
	case add != none && s.h.Ops[add].Outcome == history.Fail:
		why = fmt.Sprintf("Every add of %s failed, and what failed never happens; but the last read of %s holds it.", text, list)
	case add != none:
		why = fmt.Sprintf("The last read of %s holds %s before anybody had begun to add it.", list, text)
	}
	proof.Story = append(proof.Story, why)
	return proof
}

// bestAdd finds again the add that says most of an element: the one that was
// acknowledged first, else the first that may have happened, else the first.
func bestAdd(h *history.History, x instance) int32 {
	best, rank := none, -1
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Kind != history.Append || op.Key != x.list.key || op.Value != x.value {
			continue
		}
		is := map[history.Outcome]int{history.Fail: 0, history.Info: 1, history.OK: 2}[op.Outcome]
		if is > rank || is == 2 && op.Return < h.Ops[best].Return {
			best, rank = int32(i), is
		}
	}
	return best
}
