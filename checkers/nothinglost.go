package checkers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// NothingLost says that what was acknowledged is there at the end: each element
// whose append was acknowledged must be in the final reads of its list
// ([history.ReadList]s called at or after [MarkFinal]).
//
// An element is lost if a final read that was called after the acknowledgement (or
// after another final read that held it had returned) lacks it, and no final read
// that holds it returned after that call. An element of
// a final read whose append certainly did not happen (it failed, or nobody ever
// called it) is a violation too. An append of unknown outcome may be there or not.
//
// Elements are told apart by their values: one that was appended twice to a list
// is there if it is there once. [SetFull] finds duplicates, and what comes and
// goes during the run.
//
// A violation says in what time the lost elements were acknowledged, since the
// load began, and which nodes' own copies (final [history.ReadLocal]s) still hold
// some. Where nothing was acknowledged, or a list with acknowledged elements has no
// final read after their acknowledgement, the answer is inconclusive.
//
// Figures: acknowledged, lost, survived_unknown (elements of unknown outcome that
// are there), not_read (acknowledged, and no final read tells), unexpected, and
// unexpected_<why>; where any were lost also lost_from_s and lost_to_s (when the
// first and the last of them was acknowledged, in seconds since the load began),
// window_seconds, and held_by_<node>.
type NothingLost struct {
	// Within is the recovery point that was declared: what was acknowledged within
	// a time of at most this length, from the first lost element to the last, may
	// be lost. Zero: nothing may be.
	Within time.Duration
}

// Check implements [Checker].
func (n NothingLost) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	l := newLosses(evidence.History)
	l.NothingLost, l.result = n, Result{Checker: "lost-acknowledgements", Method: "scan"}
	began := time.Now()
	if err := Sound(l.h); err != nil {
		l.result.Verdict, l.result.Summary = Error, err.Error()
	} else if err := l.scanLists(ctx, began.Add(budget.WithDefaults().Time)); err != nil {
		l.result.Verdict, l.result.Summary = Inconclusive, err.Error()
	} else {
		l.judge()
	}
	l.result.Elapsed = time.Since(began)
	return l.result
}

// losses is one call of Check.
type losses struct {
	NothingLost
	h      *history.History
	final  int64 // when the final reads began; Open where they never did
	scan   listScan
	result Result

	acked, survivedUnknown int
	lost                   instances
	allLost                []instance
	unread                 instances
	odd                    odd
	nodes                  map[int32]string
	held                   map[string]int // lost elements by the node that still holds them
}

func newLosses(h *history.History) *losses { return &losses{h: h, held: map[string]int{}} }

func (l *losses) scanLists(ctx context.Context, deadline time.Time) error {
	l.final = history.Open
	if mark, found := l.h.Find(MarkFinal); found {
		l.final = mark.Time
	}
	l.nodes = nodesOf(l.h)
	lists := splitLists(l.h)
	for i, list := range lists {
		if err := inTime(ctx, deadline); err != nil {
			return fmt.Errorf("%d of %d lists were judged: %w", i, len(lists), err)
		}
		l.list(list)
	}
	return nil
}

// inTime says why no more may be judged, nil while it may.
func inTime(ctx context.Context, deadline time.Time) error {
	if ctx.Err() != nil {
		return fmt.Errorf("called off: %w", ctx.Err())
	}
	if time.Now().After(deadline) {
		return fmt.Errorf("out of time")
	}
	return nil
}

func nodesOf(h *history.History) map[int32]string {
	nodes := make(map[int32]string, len(h.Sessions))
	for _, s := range h.Sessions {
		nodes[s.Process] = s.Node
	}
	return nodes
}

func (l *losses) list(list *listOps) {
	final := &listOps{h: list.h, key: list.key, appends: list.appends,
		reads: list.from(list.reads, l.final), locals: list.from(list.locals, l.final)}
	s := &l.scan
	s.scan(final, final.reads)
	before := l.lost.count
	for n := range s.elements {
		e := &s.elements[n]
		l.odd.note(s, e)
		switch {
		case !e.acked():
			if e.held != none && s.goneFrom(e) == none {
				l.survivedUnknown++
			}
			continue
		case s.goneFrom(e) != none:
			l.lost.add(instance{final, e.value, e.ack})
			l.allLost = append(l.allLost, instance{final, e.value, e.ack})
		case e.held == none:
			l.unread.add(instance{final, e.value, e.ack})
		}
		l.acked++
	}
	if l.lost.count > before {
		l.holders(final)
	}
}

// holders counts the lost elements of a list in each node's last own copy.
func (l *losses) holders(list *listOps) {
	last := map[string]int32{}
	for _, place := range list.locals {
		last[l.nodes[l.h.Ops[place].Process]] = place
	}
	s := &l.scan
	for node, place := range last {
		l.held[node] += s.countIn(place, func(e *element) bool { return e.acked() && s.goneFrom(e) != none })
	}
}

func (l *losses) judge() {
	r := &l.result
	r.Figures = map[string]float64{
		"acknowledged": float64(l.acked), "lost": float64(l.lost.count),
		"survived_unknown": float64(l.survivedUnknown), "not_read": float64(l.unread.count),
	}
	l.odd.figures(r.Figures)
	var found []string
	if l.lost.count > 0 {
		l.figuresOfLost(r.Figures)
		if !l.tolerated() {
			found = append(found, l.sentence())
			r.Proof = l.prove()
		}
	}
	if l.odd.count() > 0 {
		found = append(found, l.odd.sentences(l.h)...)
		if r.Proof == nil {
			r.Proof = l.odd.prove(&l.scan)
		}
	}
	switch {
	case len(found) > 0:
		r.Verdict, r.Summary = Violation, strings.Join(found, "; ")
	case l.acked == 0:
		r.Verdict, r.Summary = Inconclusive, "no append was acknowledged: nothing could be lost"
	case l.unread.count > 0:
		r.Verdict, r.Summary = Inconclusive, l.unreadSentence()
	case l.lost.count > 0:
		r.Summary = fmt.Sprintf("%s; that is within the %v that may be lost", l.sentence(), l.Within)
	default:
		r.Summary = fmt.Sprintf("%s there at the end, and %d of unknown outcome",
			allOf(l.acked, "acknowledged append", "is", "are"), l.survivedUnknown)
	}
}

// allOf is for instance "the 1 element is" and "all 7 elements are".
func allOf(n int, noun, is, are string) string {
	if n == 1 {
		return fmt.Sprintf("the 1 %s %s", noun, is)
	}
	return fmt.Sprintf("all %d %ss %s", n, noun, are)
}

func (l *losses) unreadSentence() string {
	list := nameText(l.h, l.unread.earliest[0].list.key)
	if l.final == history.Open {
		return fmt.Sprintf("the run has no mark %q: nothing was read at the end, for instance list %s", MarkFinal, list)
	}
	return fmt.Sprintf("nobody knows of %d of %d acknowledged appends: no final read of list %s that came after them was answered (%s)",
		l.unread.count, l.acked, list, l.unread.names(l.h))
}

// window is when the lost elements were acknowledged, since the load began.
func (l *losses) window() (from, to time.Duration, of string) {
	load, found := l.h.Find(MarkLoad)
	of = "run"
	if found {
		of = "load"
	}
	return time.Duration(l.lost.earliest[0].time - load.Time), time.Duration(l.lost.latest.time - load.Time), of
}

// tolerated reports whether what was lost was acknowledged within the time that may be lost.
func (l *losses) tolerated() bool {
	from, to, _ := l.window()
	return l.Within > 0 && to-from <= l.Within
}

func (l *losses) figuresOfLost(figures map[string]float64) {
	from, to, _ := l.window()
	figures["lost_from_s"], figures["lost_to_s"] = from.Seconds(), to.Seconds()
	figures["window_seconds"] = (to - from).Seconds()
	for node, n := range l.held {
		if node != "" && n > 0 {
			figures["held_by_"+node] = float64(n)
		}
	}
}

func (l *losses) sentence() string {
	from, to, of := l.window()
	format := func(d time.Duration) string {
		if to-from < time.Second {
			return fmt.Sprintf("%.3f s", d.Seconds())
		}
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	was, when := "were", fmt.Sprintf("between %s and %s of the %s (%s)", format(from), format(to), of, format(to-from))
	if l.lost.count == 1 {
		was, when = "was", fmt.Sprintf("at %s of the %s", format(from), of)
	}
	text := fmt.Sprintf("%d of %s %s lost, acknowledged %s: %s", l.lost.count, plural(l.acked, "acknowledged append"), was, when, l.lost.names(l.h))
	if holders := l.holdersText(); holders != "" {
		text += "; " + holders
	}
	return text
}

// holdersText says which nodes' own copies still hold what was lost.
func (l *losses) holdersText() string {
	var nodes []string
	for node, n := range l.held {
		if node != "" && n > 0 {
			nodes = append(nodes, fmt.Sprintf("%s (%d)", node, n))
		}
	}
	if len(nodes) == 0 {
		return ""
	}
	slices.Sort(nodes)
	return "still held by " + joinAnd(nodes)
}

// prove shows the first and the last element that were lost.
func (l *losses) prove() *Proof {
	first, latest := l.lost.earliest[0], l.lost.latest
	places, about := l.lostAt(first), first.value
	if latest != first {
		places, about = append(places, l.lostAt(latest)...), history.None
	}
	proof, t := tellLists(l.h, about, places...)
	if about == history.None {
		proof.Story = append(proof.Story, t.lacks(first), t.lacks(latest))
	}
	if holders := l.holdersText(); holders != "" {
		proof.Story = append(proof.Story, fmt.Sprintf("Of all that was lost some is in the nodes' own copies at the end: %s.", holders))
	}
	proof.Story = append(proof.Story, "Nothing takes elements away: what was acknowledged, or read, before a read of the whole list began must be in it.")
	return proof
}

// lostAt finds the append of a lost element and the first final read that lacks
// it; and a final read that held it before, where that is what proves the loss.
func (l *losses) lostAt(x instance) []int32 {
	l.scan.scan(x.list, x.list.reads)
	e := &l.scan.elements[l.scan.Find(x.value)]
	gone := x.list.reads[l.scan.goneFrom(e)]
	if e.ack < l.h.Ops[gone].Call {
		return []int32{e.append, gone}
	}
	_, held := x.holding(e)
	return []int32{e.append, e.first, held, gone}
}

func (t listTeller) lacks(x instance) string {
	return fmt.Sprintf("%s was acknowledged at %s, and is not among the elements of %s at the end.",
		elementText(t.h, x.value), t.time(x.time), nameText(t.h, x.list.key))
}
