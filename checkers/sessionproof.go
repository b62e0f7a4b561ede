package checkers

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// shownSwaps is how many swaps of a run a proof shows.
const shownSwaps = 6

// line is a fact of a story, with the operations that show it.
type line struct {
	places []int32
	text   func(t tale) string
}

func tellLines(lines []line) ([]int32, func(t tale) []string) {
	var places []int32
	for _, l := range lines {
		places = append(places, l.places...)
	}
	return places, func(t tale) []string {
		var texts []string
		for _, l := range lines {
			texts = append(texts, l.text(t))
		}
		return texts
	}
}

// explain shows a step that can't be: the version that must be newer is known to be older.
func (s *sessions) explain(key history.Key, x step) ([]int32, func(t tale) []string) {
	o := &s.order
	lines := o.whyBefore(key, x.newer, x.older)
	older, newer := o.table.All()[x.older], o.table.All()[x.newer]
	places := o.shows([]int32{x.olderAt, x.newerAt}, x.older, x.newer)
	return tellLines(append(lines, line{places, func(t tale) string {
		p, one, two := who(t.op(x.newerAt)), t.value(older), t.value(newer)
		switch x.by {
		case monotonicReads:
			return fmt.Sprintf("Monotonic reads: %s had seen %s, and then saw %s, which is older.", p, one, two)
		case readYourWrites:
			return fmt.Sprintf("Read your writes: %s had written %s itself, and then saw %s, which is older.", p, one, two)
		case monotonicWrites:
			return fmt.Sprintf("Monotonic writes: %s wrote %s after %s, and yet it is the older one.", p, two, one)
		default:
			return fmt.Sprintf("Writes follow reads: %s had seen %s when it wrote %s, and yet that is the older one.", p, one, two)
		}
	}}))
}

// whyBefore says why a version is known to be older than another.
func (o *versionOrder) whyBefore(key history.Key, one, other int32) []line {
	a, b := &o.versions[one], &o.versions[other]
	if a.run == b.run {
		return []line{o.swapsBetween(one, other)}
	}
	c, d := one, other
	if o.knownOf(a) >= b.call {
		d = o.runs[b.run].callAt
	}
	if o.knownOf(a) >= o.versions[d].call {
		c = o.runs[a.run].knownAt
	}
	lines := []line{o.timeBetween(key, c, d)}
	if c != one {
		lines = append(lines, o.swapsBetween(one, c))
	}
	if d != other {
		lines = append(lines, o.swapsBetween(other, d))
	}
	if len(lines) > 1 {
		v, w := o.table.All()[one], o.table.All()[other]
		lines = append(lines, line{nil, func(t tale) string {
			return fmt.Sprintf("What was swapped has nothing in between: so %s is older than %s.", t.value(v), t.value(w))
		}})
	}
	return lines
}

// shows adds the operations which show that versions are there: those that stored
// them, and where nobody knows their outcome, one that saw them. What was swapped
// away was there if what it was swapped for was.
func (o *versionOrder) shows(places []int32, versions ...int32) []int32 {
	for _, v := range versions {
		for v != none && o.versions[v].writer != none {
			x := &o.versions[v]
			places = append(places, x.writer)
			if o.ops[x.writer].Outcome == history.OK {
				break
			}
			if x.knownBy != x.writer {
				places = append(places, x.knownBy)
				break
			}
			v = x.next
		}
	}
	return places
}

// timeBetween says that a version was there before another one was begun.
func (o *versionOrder) timeBetween(key history.Key, one, other int32) line {
	v, w := o.table.All()[one], o.table.All()[other]
	by, writer := o.versions[one].knownBy, o.versions[other].writer
	if o.versions[one].writer == none && by == none {
		return line{o.shows(nil, other), func(t tale) string {
			return fmt.Sprintf("%s held %s at the start, and nothing stored that again: it is older than all others.", nameText(t.h, key), t.value(v))
		}}
	}
	return line{o.shows([]int32{by}, one, other), func(t tale) string {
		return fmt.Sprintf("%s was there by %s, before %s began to store %s at %s: it is older.", t.value(v), t.when(by), who(t.op(writer)), t.value(w), t.time(t.op(writer).Call))
	}}
}

// swapsBetween says how the versions of a run follow each other, whichever of the
// two is the earlier one.
func (o *versionOrder) swapsBetween(one, other int32) line {
	if o.versions[one].place > o.versions[other].place {
		one, other = other, one
	}
	var places []int32
	for v, shown := other, 0; v != one && shown < shownSwaps; v, shown = o.versions[v].from, shown+1 {
		places = o.shows(places, v)
	}
	v, w := o.table.All()[one], o.table.All()[other]
	direct := o.versions[other].from == one
	return line{places, func(t tale) string {
		if direct {
			return fmt.Sprintf("%s was swapped from %s: it is the next one.", t.value(w), t.value(v))
		}
		return fmt.Sprintf("%s is newer than %s: each was swapped from the one before, from %s on.", t.value(w), t.value(v), t.value(v))
	}}
}

// hop is one reason for which a run must be before another.
type hop struct {
	step           step // versions; by a session if session is set, else by a swap
	session, timed bool
}

// triedSteps is how many steps a shortest circle is looked for from.
const triedSteps = 64

// contradict shows what the guarantees need on a key, and can't all have.
func (s *sessions) contradict(key history.Key) {
	o := &s.order
	var circle []hop
	tried := 0
	o.indexLeft()
	for _, x := range o.steps {
		if o.peel.gone[o.versions[x.older].run] || o.peel.gone[o.versions[x.newer].run] {
			continue
		}
		if tried++; tried > triedSteps && circle != nil || !s.run.alive() {
			break
		}
		if way, found := o.way(x); found && (circle == nil || shorter(way, circle)) {
			circle = way
		}
	}
	if circle == nil {
		return // out of time
	}
	end, by, needs := atStart, [guarantees]bool{}, 0
	for _, h := range circle {
		if h.session {
			end, by[h.step.by] = max(end, s.endOf(h.step.newerAt)), true
			needs++
		}
	}
	c := &s.together
	if needs == 1 {
		c = &s.broken[circle[0].step.by]
	}
	if !c.earlier(key, end) {
		return
	}
	c.places, c.why = s.tellCircle(key, circle)
	if c == &s.together {
		s.names = nil
		for g, is := range by {
			if is {
				s.names = append(s.names, guaranteeNames[g])
			}
		}
	}
}

func length(circle []hop) (sessions, facts int) {
	for _, h := range circle {
		if h.session {
			sessions++
		} else {
			facts++
		}
	}
	return sessions, facts
}

// shorter prefers circles that need few sessions, and then few facts.
func shorter(a, b []hop) bool {
	sessions, facts := length(a)
	others, more := length(b)
	return sessions < others || sessions == others && facts < more
}

// indexLeft lists the runs that are left by their calls, latest first.
func (o *versionOrder) indexLeft() {
	o.byCall = slices.DeleteFunc(o.byCall, func(z zone) bool { return o.peel.gone[z.root] })
	slices.SortStableFunc(o.byCall, func(a, b zone) int { return cmp.Compare(b.f, a.f) })
	left := func(x step) bool {
		return !o.peel.gone[o.versions[x.older].run] && !o.peel.gone[o.versions[x.newer].run]
	}
	o.hops = map[int32][]hop{}
	for _, x := range o.links {
		if left(x) {
			o.hops[o.versions[x.older].run] = append(o.hops[o.versions[x.older].run], hop{step: x})
		}
	}
	for _, x := range o.steps {
		if left(x) {
			o.hops[o.versions[x.older].run] = append(o.hops[o.versions[x.older].run], hop{step: x, session: true})
		}
	}
}

// way finds how a step's newer version comes before its older one, breadth first. By
// time a run is before all those with a later call than its known: a part of
// byCall from its beginning on, so each is looked at once.
func (o *versionOrder) way(x step) ([]hop, bool) {
	start, goal := o.versions[x.newer].run, o.versions[x.older].run
	came := map[int32]hop{start: {}}
	late := 0
	visit := func(h hop) {
		if run := o.versions[h.step.newer].run; run != start {
			if _, known := came[run]; !known {
				came[run] = h
				o.queue = append(o.queue, run)
			}
		}
	}
	o.queue = append(o.queue[:0], start)
	for at := 0; at < len(o.queue); at++ {
		run := o.queue[at]
		if run == goal {
			break
		}
		r := &o.runs[run]
		for ; late < len(o.byCall) && o.byCall[late].f > r.known; late++ {
			visit(hop{step: step{older: r.knownAt, newer: o.runs[o.byCall[late].root].callAt}, timed: true})
		}
		for _, h := range o.hops[run] {
			visit(h)
		}
	}
	if _, reached := came[goal]; !reached {
		return nil, false
	}
	way := []hop{}
	for run := goal; run != start; run = o.versions[came[run].step.older].run {
		way = append(way, came[run])
	}
	way = append(way, hop{step: x, session: true})
	slices.Reverse(way)
	return way, true
}

func (s *sessions) tellCircle(key history.Key, circle []hop) ([]int32, func(t tale) []string) {
	o := &s.order
	var lines []line
	for i, h := range circle {
		before := circle[(i+len(circle)-1)%len(circle)].step.newer
		if before != h.step.older { // of the same run
			lines = append(lines, o.swapsBetween(before, h.step.older))
		}
		switch {
		case h.timed:
			lines = append(lines, o.timeBetween(key, h.step.older, h.step.newer))
		case !h.session:
			lines = append(lines, o.swapsLink(h.step))
		default:
			lines = append(lines, o.sessionNeeds(h.step))
		}
	}
	first := o.table.All()[circle[0].step.older]
	return tellLines(append(lines, line{nil, func(t tale) string {
		return fmt.Sprintf("That goes round in a circle: %s would be older than itself.", t.value(first))
	}}))
}

func (o *versionOrder) swapsLink(x step) line {
	v, w := o.table.All()[x.older], o.table.All()[x.newer]
	return line{o.shows(nil, x.older, x.newer), func(t tale) string {
		return fmt.Sprintf("%s was swapped from %s, which is older.", t.value(w), t.value(v))
	}}
}

func (o *versionOrder) sessionNeeds(x step) line {
	v, w := o.table.All()[x.older], o.table.All()[x.newer]
	places := o.shows([]int32{x.olderAt, x.newerAt}, x.older, x.newer)
	return line{places, func(t tale) string {
		first, then := "saw", "saw"
		if x.by == readYourWrites || x.by == monotonicWrites {
			first = "wrote"
		}
		if x.by == monotonicWrites || x.by == writesFollowReads {
			then = "wrote"
		}
		return fmt.Sprintf("%s %s %s and then %s %s: by %s, %s is older.", who(t.op(x.newerAt)), first, t.value(v), then, t.value(w), guaranteeNames[x.by], t.value(v))
	}}
}
