package checkers

import (
	"fmt"
	"sort"

	"github.com/seatrial/seatrial/harness/history"
)

// judgeRevisions judges a stream whose elements are counted up by itself.
func (s *streams) judgeRevisions() {
	s.sorted = s.sorted[:0] // acknowledged revisions
	for n, v := range s.table.All() {
		if v.IsInt() && s.elements[n].acked {
			s.sorted = append(s.sorted, zone{f: int64(v), root: int32(n)})
		}
	}
	sortZones(s.sorted)
	for i := range s.watchers {
		s.revisionsOf(s.watchers[i], int32(i))
		if !s.run.alive() {
			return
		}
	}
}

// revisionsOf judges one watcher: its revisions grow, and none between the lowest and
// the highest is missing.
func (s *streams) revisionsOf(w watcher, number int32) {
	low, high, held := none, none, 0
	for at := w.from; at < w.to; at++ {
		v := s.revision(at)
		if !v.IsInt() {
			continue
		}
		if s.elements[s.told[at].element].acked {
			held++
		}
		switch {
		case high == none:
			low, high = at, at
		case v > s.revision(high):
			high = at
		default:
			s.backTo(at, high)
			if v < s.revision(low) {
				low = at
			}
		}
	}
	if high == none || s.Shared {
		return
	}
	within := s.sorted[sort.Search(len(s.sorted), func(i int) bool { return s.sorted[i].f >= int64(s.revision(low)) }):]
	within = within[:sort.Search(len(within), func(i int) bool { return within[i].f > int64(s.revision(high)) })]
	if len(within) == held {
		return
	}
	const stamp = -1 // what lastTold had is no longer needed but for being zero or not
	for at := w.from; at < w.to; at++ {
		s.elements[s.told[at].element].lastTold = stamp - number
	}
	for _, z := range within {
		if s.elements[z.root].lastTold != stamp-number {
			s.missed(w, z.root)
		}
	}
}

func (s *streams) revision(at int32) history.Value { return s.table.All()[s.told[at].element] }

// backTo notes that a watcher was told a revision after a higher one.
func (s *streams) backTo(at, high int32) {
	place, before := s.told[at].place, s.told[high].place
	if !s.back.earlier(s.key, s.run.h.Ops[place].Return) {
		return
	}
	v, had := s.revision(at), s.revision(high)
	s.back.keep([]int32{before, place}, func(t tale) []string {
		return []string{fmt.Sprintf("%s had been told revision %s, and was told the lower one %s after that, by %s.", who(t.op(place)), t.value(had), t.value(v), t.when(place))}
	})
}

// missed notes that a watcher was not told an element though it was told lower and
// higher ones.
func (s *streams) missed(w watcher, element int32) {
	published := s.elements[element].published
	if !s.gap.earlier(s.key, s.run.h.Ops[published].Return) {
		return
	}
	v, below, above := s.table.All()[element], none, none
	for at := w.from; at < w.to; at++ {
		switch r := s.revision(at); {
		case !r.IsInt():
		case r < v && (below == none || r > s.revision(below)):
			below = at
		case r > v && (above == none || r < s.revision(above)):
			above = at
		}
	}
	lower, higher := s.revision(below), s.revision(above)
	s.gap.keep([]int32{published, s.told[below].place, s.told[above].place}, func(t tale) []string {
		return []string{fmt.Sprintf("p%d was told revisions %s and %s, and never %s between them, whose publication was acknowledged at %s: a gap.",
			w.process, t.value(lower), t.value(higher), t.value(v), t.time(t.op(published).Return))}
	})
}
