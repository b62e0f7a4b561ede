package checkers

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// streamGraph merges the sequences of one stream into one order.
//
// Every sequence says of each two neighbours which one is first. An order that
// agrees with all of them exists if and only if these steps make no circle, and it
// is found by merging: an element is taken when it is at the head of every sequence
// that has it. If nothing can be taken any more, each sequence that is left waits
// with its head for another one whose head is before that; following those comes
// round to where it began, which is a circle.
//
// An element is between two that a watcher was told if steps lead from the one to
// it and from it to the other. Which watchers have an element before it, and which
// after it, is handed on along the steps, 64 watchers at a time.
type streamGraph struct {
	behind []int32 // by sequence: one more than the next one that waits for the same element
	heads  []int32 // by sequence: where in told its head is
	ready  []int32
	steps  []streamStep // in an order in which each element's steps from others come before its steps to others
	taken  int

	in, before, after []uint64 // by element
}

// streamStep says that one element is before another; before is none where a
// sequence begins with it.
type streamStep struct{ before, element int32 }

func resized[T any](list []T, n int) []T {
	if cap(list) < n {
		return make([]T, n)
	}
	list = list[:n]
	clear(list)
	return list
}

// merge reports whether one order agrees with all sequences.
func (g *streamGraph) merge(s *streams) bool {
	g.behind, g.heads = resized(g.behind, len(s.watchers)), resized(g.heads, len(s.watchers))
	g.ready, g.steps, g.taken = g.ready[:0], slices.Grow(g.steps[:0], len(s.told)), 0
	for w := range s.watchers {
		g.heads[w] = s.watchers[w].from
		g.arrive(s, int32(w))
	}
	for len(g.ready) > 0 {
		element := g.ready[len(g.ready)-1]
		g.ready = g.ready[:len(g.ready)-1]
		for w := s.elements[element].waiting - 1; w != none; {
			next := g.behind[w] - 1
			at := g.heads[w]
			step := streamStep{none, element}
			if at > s.watchers[w].from {
				step.before = s.told[at-1].element
			}
			g.steps = append(g.steps, step)
			g.taken++
			g.heads[w]++
			g.arrive(s, w)
			w = next
		}
		if !s.run.goOn() {
			return true
		}
	}
	return g.taken == len(s.told)
}

// arrive notes the new head of a sequence.
func (g *streamGraph) arrive(s *streams, w int32) {
	if g.heads[w] >= s.watchers[w].to {
		return
	}
	element := s.told[g.heads[w]].element
	e := &s.elements[element]
	g.behind[w], e.waiting = e.waiting, w+1
	if e.arrived++; e.arrived == e.wanted {
		g.ready = append(g.ready, element)
	}
}

// between calls found with every acknowledged element and the watchers, 64 at a
// time from first on, that missed it.
func (g *streamGraph) between(s *streams, found func(element int32, first int, missed uint64)) {
	n := len(s.elements)
	for first := 0; first < len(s.watchers) && !s.watchers[first].publisher; first += 64 {
		g.in, g.before, g.after = resized(g.in, n), resized(g.before, n), resized(g.after, n)
		for w := first; w < min(first+64, len(s.watchers)) && !s.watchers[w].publisher; w++ {
			for _, t := range s.told[s.watchers[w].from:s.watchers[w].to] {
				g.in[t.element] |= 1 << (w - first)
			}
		}
		for _, step := range g.steps {
			if step.before != none {
				g.before[step.element] |= g.before[step.before] | g.in[step.before]
			}
		}
		for i := len(g.steps) - 1; i >= 0; i-- {
			if step := g.steps[i]; step.before != none {
				g.after[step.before] |= g.after[step.element] | g.in[step.element]
			}
		}
		for element := range int32(n) {
			if missed := g.before[element] & g.after[element] &^ g.in[element]; missed != 0 && s.elements[element].acked {
				found(element, first, missed)
			}
		}
		if !s.run.alive() {
			return
		}
	}
}

// judgeOrder judges a stream whose order only its watchers tell.
func (s *streams) judgeOrder(sends []int32) {
	if s.ProducerOrder {
		s.addProducers(sends)
	}
	if !s.graph.merge(s) {
		if s.run.stopped == nil && s.order.earlier(s.key, s.lastAnswer()) {
			s.order.keep(s.contradiction())
		}
		return
	}
	if s.Shared || s.run.stopped != nil {
		return
	}
	missed, by := none, none // the earliest that is kept
	s.graph.between(s, func(element int32, first int, mask uint64) {
		more := bits.OnesCount64(mask) - 1
		if s.gap.earlier(s.key, s.run.h.Ops[s.elements[element].published].Return) {
			missed, by = element, int32(first+bits.TrailingZeros64(mask))
		}
		s.gap.count += more
	})
	if missed != none {
		s.gap.keep(s.gapBetween(missed, by))
	}
}

// addProducers adds the sequence of each process that published. What was
// published twice is nobody's.
func (s *streams) addProducers(sends []int32) {
	h := s.run.h
	times := make([]int32, len(s.elements))
	for _, place := range sends {
		times[s.table.Find(s.element(&h.Ops[place]))]++
	}
	s.seats.link(h, sends)
	for _, seat := range s.seats.order {
		from := int32(len(s.told))
		for n := s.seats.first[seat]; n != none; n = s.seats.next[n] {
			if element := s.table.Find(s.element(&h.Ops[sends[n]])); times[element] == 1 {
				s.told = append(s.told, told{element, sends[n]})
				s.elements[element].wanted++
			}
		}
		if to := int32(len(s.told)); to > from+1 {
			s.watchers = append(s.watchers, watcher{process: h.Ops[sends[s.seats.first[seat]]].Process, publisher: true, from: from, to: to})
		} else if to > from { // one alone says nothing
			s.elements[s.told[from].element].wanted--
			s.told = s.told[:from]
		}
	}
}

// lastAnswer is when the last of a stream's watchers was told something.
func (s *streams) lastAnswer() int64 {
	last := int64(0)
	for _, w := range s.watchers {
		if w.to == w.from {
			continue
		}
		if op := &s.run.h.Ops[s.told[w.to-1].place]; op.Return != history.Open {
			last = max(last, op.Return)
		}
	}
	return last
}

// saying is one sequence's word on two elements: the first of them is before the second.
type saying struct {
	watcher   watcher
	one, two  history.Value
	by, andBy int32 // the operations that were told of them, or published them
}

func (s *streams) say(w, one, two int32) saying {
	return saying{s.watchers[w], s.table.All()[s.told[one].element], s.table.All()[s.told[two].element], s.told[one].place, s.told[two].place}
}

// tellSayings shows what sequences say, and what follows.
func tellSayings(sayings []saying, more []int32, conclusion func(t tale) string) ([]int32, func(t tale) []string) {
	places := more
	for _, x := range sayings {
		places = append(places, x.by, x.andBy)
	}
	return places, func(t tale) []string {
		var lines []string
		for _, x := range sayings {
			verb := "was told"
			if x.watcher.publisher {
				verb = "published"
			}
			lines = append(lines, fmt.Sprintf("p%d %s %s before %s.", x.watcher.process, verb, t.value(x.one), t.value(x.two)))
		}
		return append(lines, conclusion(t))
	}
}

// referenceWatchers is how many sequences are compared with all others for the
// simplest contradiction.
const referenceWatchers = 16

// contradiction shows two sequences that have two elements the other way round; else
// the shortest circle of those that wait for each other.
func (s *streams) contradiction() ([]int32, func(t tale) []string) {
	position := make([]int32, len(s.elements)) // one more than where the element is in the reference
	var left []int32
	for w := range s.watchers {
		if s.graph.heads[w] < s.watchers[w].to {
			left = append(left, int32(w))
		}
	}
	for _, reference := range left[:min(len(left), referenceWatchers)] {
		clear(position)
		for at := s.watchers[reference].from; at < s.watchers[reference].to; at++ {
			position[s.told[at].element] = at + 1
		}
		for _, w := range left {
			last := none
			for at := s.watchers[w].from; at < s.watchers[w].to; at++ {
				here := position[s.told[at].element]
				if here == 0 {
					continue
				}
				if last != none && here < position[s.told[last].element] {
					sayings := []saying{s.say(reference, here-1, position[s.told[last].element]-1), s.say(w, last, at)}
					return tellSayings(sayings, nil, func(t tale) string {
						return fmt.Sprintf("One stream has one order: %s can't be both before and after %s.", t.value(sayings[0].one), t.value(sayings[0].two))
					})
				}
				last = at
			}
		}
	}
	return s.circle(left)
}

// circle follows the sequences that are left to those they wait for.
func (s *streams) circle(left []int32) ([]int32, func(t tale) []string) {
	// at[element] is where other sequences have it: only heads are asked for.
	type occurrence struct{ watcher, at int32 }
	where := map[int32][]occurrence{}
	for _, w := range left {
		where[s.told[s.graph.heads[w]].element] = nil
	}
	for _, w := range left {
		for at := s.graph.heads[w] + 1; at < s.watchers[w].to; at++ {
			if list, asked := where[s.told[at].element]; asked {
				where[s.told[at].element] = append(list, occurrence{w, at})
			}
		}
	}
	var shortest []saying
	for _, start := range left[:min(len(left), 8*referenceWatchers)] {
		from := map[int32]occurrence{} // by sequence: the one that waits for it, and where it has that one's head
		queue, closed := []int32{start}, false
		var last occurrence
		for len(queue) > 0 && !closed {
			w := queue[0]
			queue = queue[1:]
			for _, o := range where[s.told[s.graph.heads[w]].element] {
				if o.watcher == start {
					last, closed = occurrence{w, o.at}, true
					break
				}
				if _, known := from[o.watcher]; !known {
					from[o.watcher] = occurrence{w, o.at}
					queue = append(queue, o.watcher)
				}
			}
		}
		if !closed {
			continue
		}
		sayings := []saying{s.say(start, s.graph.heads[start], last.at)}
		for w := last.watcher; w != start; w = from[w].watcher {
			sayings = append(sayings, s.say(w, s.graph.heads[w], from[w].at))
		}
		if shortest == nil || len(sayings) < len(shortest) {
			shortest = sayings
		}
	}
	return tellSayings(shortest, nil, func(t tale) string {
		return fmt.Sprintf("One stream has one order, and that goes round in a circle: %s would be before itself.", t.value(shortest[0].one))
	})
}

// gapBetween shows an element that a watcher missed: who says that it is after one
// that the watcher was told, and before another.
func (s *streams) gapBetween(missed, by int32) ([]int32, func(t tale) []string) {
	w := s.watchers[by]
	forward, backward := s.route(missed, by, true), s.route(missed, by, false)
	sayings := append(backward, forward...)
	one, two := sayings[0].one, sayings[len(sayings)-1].two
	var own saying
	for at := w.from; at < w.to; at++ {
		switch s.table.All()[s.told[at].element] {
		case one:
			own.one, own.by = one, s.told[at].place
		case two:
			own.two, own.andBy = two, s.told[at].place
		}
	}
	own.watcher = w
	v, published := s.table.All()[missed], s.elements[missed].published
	return tellSayings(append(sayings, own), []int32{published}, func(t tale) string {
		return fmt.Sprintf("p%d was never told %s, which is between %s and %s, and whose publication was acknowledged at %s: a gap.",
			w.process, t.value(v), t.value(one), t.value(two), t.time(t.op(published).Return))
	})
}

// route finds, in as few sequences as possible, the way from an element forward
// (or backward) to the nearest one that a watcher was told.
func (s *streams) route(from, by int32, forward bool) []saying {
	type visit struct{ via, at, arrived int32 } // the sequence, where it leaves and where it arrives
	own := map[int32]bool{}
	for at := s.watchers[by].from; at < s.watchers[by].to; at++ {
		own[s.told[at].element] = true
	}
	visited := map[int32]visit{from: {none, none, none}}
	for layer := []int32{from}; len(layer) > 0; {
		inLayer := map[int32]bool{}
		for _, element := range layer {
			inLayer[element] = true
		}
		layer = nil
		goal := none
		for i := range s.watchers {
			if int32(i) == by {
				continue
			}
			w, leave := s.watchers[i], none
			for k := range w.to - w.from {
				at := w.from + k
				if !forward {
					at = w.to - 1 - k
				}
				element := s.told[at].element
				if _, known := visited[element]; leave != none && !known {
					visited[element] = visit{int32(i), leave, at}
					layer = append(layer, element)
					if goal == none && own[element] {
						goal = element
						break
					}
				}
				if leave == none && inLayer[element] {
					leave = at
				}
			}
			if goal != none {
				break
			}
		}
		if goal == none {
			continue
		}
		var way []saying
		for element := goal; element != from; {
			v := visited[element]
			if forward {
				way = append([]saying{s.say(v.via, v.at, v.arrived)}, way...)
			} else {
				way = append(way, s.say(v.via, v.arrived, v.at))
			}
			element = s.told[v.at].element
		}
		return way
	}
	return nil
}
