package checkers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// SetFull says what became of each element of each list, over all reads of the run
// and of its end ([history.ReadList]s that were answered). It is named after
// Jepsen's checker of that name.
//
// An element was certainly there from its acknowledgement on, and from the return
// of a read that held it. A read that is called later, and lacks it, missed it:
//
//	stable      no read missed it, and one was called after its acknowledgement
//	stale       a read missed it, and one that holds it returned after that read's call
//	lost        a read missed it, and so did every later one, a final read among them
//	unsettled   the same, but no final read of its list was answered
//	never read  no read missed it, and none was called after its acknowledgement
//	vanished    lost, and its outcome was unknown: a write that did not last was seen
//
// Lost and vanished elements are violations; so are elements that a read holds more
// often than they were appended by then, and those that nobody can have appended
// when a read holds them: their append failed, was to another list, or came later.
// Where elements are unsettled, and nothing is violated, the answer is inconclusive.
//
// Order in the lists is not judged, and neither are two elements together: that one
// read saw only the one, and another only the other, is no finding.
//
// Figures: reads, acknowledged (= stable + stale + lost + unsettled + never_read);
// of elements of unknown outcome unknown_seen, vanished, stale_unknown and
// unsettled_unknown; unexpected with unexpected_<why>; duplicated;
// stale_p50_seconds and so on to _p95 and _max (from when a stale element was
// certainly there to the call of the last read that missed it); lost_p50_seconds
// and so on (to the call of the first read from which on it is gone); and for each
// node local_lacks_<node>, how many elements its last own copies
// ([history.ReadLocal]s) lack of those acknowledged by then, which is no finding.
type SetFull struct {
	// Linearizable says that a read must never miss an element: then stale and
	// unsettled ones are violations too.
	Linearizable bool
	// Jepsen judges as Jepsen's checker/set-full does: no final read is asked for.
	//
	// An element is known from the return of its add, or of a read that held it,
	// whichever is first. It is stable if the last read that holds it was called
	// after the last that lacks it; lost if it is the other way round and that read
	// was called after the element was known; never read otherwise. Stable
	// elements are stale where a read lacks them that was called after they were
	// known. Only reads that returned after the add's call count; where an element
	// is added again, those after the last one. How an add ended is not asked, and
	// what nobody added is not looked at.
	//
	// Lost elements are violations, and stale ones if Linearizable is set. A set
	// of which no element is stable is inconclusive. On purpose it differs in two
	// ways. An element that one read holds twice is a violation: Jepsen's looks for
	// those, but its filter lets none through. And stale is an element that was
	// missed for less than a millisecond too: Jepsen's rounds these away.
	//
	// Reads that are under way at one time are judged by their calls, which is
	// stricter than linearizability: of two, the later called must hold what the
	// other holds, or its elements are lost.
	//
	// Figures: reads, attempted (= stable + lost + never_read), stale and
	// stale_below_1_ms (a part of stale), duplicated; stable_latency_<q>_ms and
	// lost_latency_<q>_ms with q of min, p50, p95, p99 and max: for how many whole
	// milliseconds after they were known stable elements were missed, and lost ones
	// were there.
	Jepsen bool
}

// Check implements [Checker].
func (c SetFull) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	if c.Jepsen {
		return c.checkJepsen(ctx, evidence, budget)
	}
	f := fates{SetFull: c, h: evidence.History, result: Result{Checker: "set-full", Method: "scan"}}
	began := time.Now()
	if err := Sound(f.h); err != nil {
		f.result.Verdict, f.result.Summary = Error, err.Error()
	} else if err := f.scanLists(ctx, began.Add(budget.WithDefaults().Time)); err != nil {
		f.result.Verdict, f.result.Summary = Inconclusive, err.Error()
	} else {
		f.judge()
	}
	f.result.Elapsed = time.Since(began)
	return f.result
}

// fate is what became of an element.
type fate int

const (
	neverRead fate = iota
	stable
	stale
	lost
	unsettled
	fateCount
)

// fates is one call of Check.
type fates struct {
	SetFull
	h      *history.History
	final  int64 // when the final reads began; Open where they never did
	scan   listScan
	result Result

	reads                int
	acked, unknown       [fateCount]int // elements by their fate
	shown                [fateCount]instances
	vanished, duplicated instances
	odd                  odd
	staleFor, lostAfter  []int64 // nanoseconds
	nodes                map[int32]string
	lacks                map[string]int // acknowledged elements, by the node that lacks them
}

func (f *fates) scanLists(ctx context.Context, deadline time.Time) error {
	f.final = history.Open
	if mark, found := f.h.Find(MarkFinal); found {
		f.final = mark.Time
	}
	f.nodes, f.lacks = nodesOf(f.h), map[string]int{}
	lists := splitLists(f.h)
	for i, list := range lists {
		if err := inTime(ctx, deadline); err != nil {
			return fmt.Errorf("%d of %d lists were judged: %w", i, len(lists), err)
		}
		f.list(list)
	}
	return nil
}

func (f *fates) list(list *listOps) {
	s := &f.scan
	s.scan(list, list.reads)
	f.reads += len(list.reads)
	for n := range s.elements {
		e := &s.elements[n]
		f.odd.note(s, e)
		if e.twice != none {
			f.duplicated.add(instance{list, e.value, list.read(e.twice).Return})
		}
		if e.known != history.Open {
			f.element(e, f.fateOf(e))
		}
	}
	f.locals(list)
}

// fateOf says what became of an element that was certainly there at some time.
func (f *fates) fateOf(e *element) fate {
	list := f.scan.list
	last := int32(len(list.reads) - 1)
	switch {
	case e.missing == none:
		if e.acked() && last >= 0 && list.read(last).Call > e.ack {
			return stable
		}
		return neverRead
	case list.read(last).Call <= e.lastSure():
		return stale // a read that holds it returned after the last one was called
	case list.read(last).Call >= f.final:
		return lost
	default:
		return unsettled
	}
}

func (f *fates) element(e *element, fate fate) {
	list := f.scan.list
	x := instance{list, e.value, e.known}
	switch fate {
	case stale:
		f.staleFor = append(f.staleFor, list.read(e.missing).Call-e.known)
	case lost:
		f.lostAfter = append(f.lostAfter, list.read(f.scan.goneFrom(e)).Call-e.known)
	}
	if e.acked() {
		f.acked[fate]++
	} else {
		f.unknown[fate]++
		if fate == lost {
			f.vanished.add(x)
			return
		}
	}
	f.shown[fate].add(x)
}

// locals counts what each node's last own copy lacks of the list that was scanned.
func (f *fates) locals(list *listOps) {
	last := map[string]int32{}
	for _, place := range list.locals {
		if node := f.nodes[f.h.Ops[place].Process]; node != "" {
			last[node] = place
		}
	}
	s := &f.scan
	for node, place := range last {
		before := func(e *element) bool { return e.ack < f.h.Ops[place].Call }
		all := 0
		for n := range s.elements {
			if before(&s.elements[n]) {
				all++
			}
		}
		f.lacks[node] += all - s.countIn(place, before)
	}
}

func (f *fates) total(of [fateCount]int) int {
	sum := 0
	for _, n := range of {
		sum += n
	}
	return sum
}

func (f *fates) figures() {
	figures := map[string]float64{
		"reads": float64(f.reads), "acknowledged": float64(f.total(f.acked)), "duplicated": float64(f.duplicated.count),
		"stable": float64(f.acked[stable]), "stale": float64(f.acked[stale]), "lost": float64(f.acked[lost]),
		"unsettled": float64(f.acked[unsettled]), "never_read": float64(f.acked[neverRead]),
		"unknown_seen": float64(f.total(f.unknown)), "vanished": float64(f.vanished.count),
		"stale_unknown": float64(f.unknown[stale]), "unsettled_unknown": float64(f.unknown[unsettled]),
	}
	f.odd.figures(figures)
	latencies(figures, "stale", f.staleFor)
	latencies(figures, "lost", f.lostAfter)
	for node, n := range f.lacks {
		figures["local_lacks_"+node] = float64(n)
	}
	f.result.Figures = figures
}

func (f *fates) judge() {
	f.figures()
	r := &f.result
	found := f.findings()
	acked := f.total(f.acked)
	switch {
	case len(found) > 0:
		r.Verdict, r.Summary = Violation, strings.Join(found, "; ")
		r.Proof = f.prove()
	case acked == 0:
		r.Verdict, r.Summary = Inconclusive, "no append was acknowledged: the history proves nothing"
	case f.reads == 0:
		r.Verdict, r.Summary = Inconclusive, "no read of a list was answered: the history proves nothing"
	case f.shown[unsettled].count > 0:
		r.Verdict = Inconclusive
		r.Summary = fmt.Sprintf("nobody knows whether %s gone for good that the last read missed: no final read of the list was answered (%s)",
			plural(f.shown[unsettled].count, "element")+isAre(f.shown[unsettled].count), f.shown[unsettled].names(f.h))
	case f.acked[neverRead] == acked:
		r.Verdict, r.Summary = Inconclusive, fmt.Sprintf("no read was called after any of the %d acknowledgements: the history proves nothing", acked)
	default:
		r.Summary = f.passed(acked)
	}
}

func isAre(n int) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

func (f *fates) passed(acked int) string {
	text := fmt.Sprintf("none of %s was lost: %d stable", plural(acked, "acknowledged element"), f.acked[stable])
	if n := f.acked[stale]; n > 0 {
		text += fmt.Sprintf(", %d stale (for up to %.3f s)", n, f.result.Figures["stale_max_seconds"])
	}
	if n := f.acked[neverRead]; n > 0 {
		text += fmt.Sprintf(", %d never read", n)
	}
	return fmt.Sprintf("%s; %d of unknown outcome were seen; %s", text, f.total(f.unknown), plural(f.reads, "read"))
}

// findings are what is violated, in words; the first is what the proof is of.
func (f *fates) findings() []string {
	var found []string
	say := func(s *instances, one, many string) {
		text := many
		if s.count == 1 {
			text = one
		}
		if s.count > 0 {
			found = append(found, strings.Replace(text, "#", fmt.Sprint(s.count), 1)+" ("+s.names(f.h)+")")
		}
	}
	acked := plural(f.total(f.acked), "acknowledged element")
	say(&f.shown[lost], "# of "+acked+" was lost", "# of "+acked+" were lost")
	say(&f.vanished, "1 element of unknown outcome vanished: it was read, and then gone for good",
		"# elements of unknown outcome vanished: they were read, and then gone for good")
	found = append(found, f.odd.sentences(f.h)...)
	say(&f.duplicated, "1 element is in one read more often than it was appended", "# elements are in one read more often than they were appended")
	if f.Linearizable {
		say(&f.shown[stale], "1 element was missed by a read that was called after it was certainly there",
			"# elements were missed by reads that were called after they were certainly there")
		say(&f.shown[unsettled], "1 element was missed by the last read of its list", "# elements were missed by the last reads of their lists")
	}
	return found
}
