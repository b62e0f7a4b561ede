package checkers

import (
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// sessionLists is what is needed to judge one list.
type sessionLists struct {
	table   valuetable.Table
	made    []made
	counts  []int32       // by seat: how many elements it appended
	last    []listSession // by seat
	inRead  []int32       // by element: the last read that it was found in
	reading int32
}

// made is an element as it was appended.
type made struct {
	place int32
	seat  int32 // none where nobody appended it, or several did
	seq   int32 // which of its session's on this list
}

// listSession is what a session did on the list at hand.
type listSession struct {
	round int32
	sent  int32 // how many elements it has appended so far
	read  int32 // its last read; none
	next  int32 // in the read at hand, which of its elements is due
	in    int32 // the read that next and have are of
	have  int32 // how many of its elements are in it
}

func (s *sessions) judgeLists(lists [][]int32) {
	l := &s.lists
	l.counts, l.last = make([]int32, s.seats.count), make([]listSession, s.seats.count)
	for key := range s.run.h.Keys {
		places := lists[2*key+1]
		if !slices.ContainsFunc(places, s.isRead) {
			continue
		}
		if !s.run.alive() {
			return
		}
		s.listKeys++
		s.numberAppends(places)
		s.followList(history.Key(key), places)
	}
}

func (s *sessions) isRead(place int32) bool { return s.run.h.Ops[place].Kind == history.ReadList }

func (s *sessions) numberAppends(places []int32) {
	l := &s.lists
	l.table.Reset(len(places))
	l.made = l.made[:0]
	for _, place := range places {
		op := &s.run.h.Ops[place]
		if op.Kind != history.Append {
			continue
		}
		if n, fresh := l.table.At(op.Value); fresh {
			l.made = append(l.made, made{place: place, seat: s.seats.of(op.Process)})
		} else {
			l.made[n].seat = none
		}
	}
	for n := range l.made {
		if m := &l.made[n]; m.seat != none {
			l.counts[m.seat]++
			m.seq = l.counts[m.seat]
		}
	}
	for n := range l.made {
		if m := &l.made[n]; m.seat != none {
			l.counts[m.seat] = 0 // for the next list
		}
	}
	l.inRead = resized(l.inRead, len(l.made))
}

func (s *sessions) followList(key history.Key, places []int32) {
	l := &s.lists
	for _, place := range places {
		op := &s.run.h.Ops[place]
		own := &l.last[s.seats.of(op.Process)]
		if own.round != int32(key)+1 {
			*own = listSession{round: int32(key) + 1, read: none}
		}
		if op.Kind == history.Append {
			if op.Outcome == history.OK && l.made[l.table.Find(op.Value)].seat != none {
				own.sent++
			}
			continue
		}
		s.reads++
		s.readList(key, place, own)
		own.read = place
		if !s.run.goOn() || s.run.stopped != nil {
			return
		}
	}
}

// readList judges one read of a list.
func (s *sessions) readList(key history.Key, place int32, own *listSession) {
	l, h := &s.lists, s.run.h
	op := &h.Ops[place]
	l.reading++
	own.in, own.have, own.next = l.reading, 0, 1
	for _, v := range h.List(op) {
		n, fresh := l.table.At(v)
		if fresh {
			l.made, l.inRead = append(l.made, made{place: none, seat: none}), append(l.inRead, 0)
		}
		if l.inRead[n] == l.reading {
			continue
		}
		l.inRead[n] = l.reading
		m := &l.made[n]
		if m.seat == none {
			continue
		}
		writer := &l.last[m.seat]
		if writer.in != l.reading {
			writer.in, writer.have, writer.next = l.reading, 0, 1
		}
		if m.seq > writer.next && s.on[monotonicWrites] {
			s.missesEarlier(key, place, n, writer.next)
		}
		writer.next = max(writer.next, m.seq+1)
		if writer == own && m.seq <= own.sent {
			own.have++
		}
		s.run.goOn()
	}
	if own.have < own.sent && s.on[readYourWrites] {
		s.missesOwn(key, place)
	}
	if own.read != none && s.on[monotonicReads] {
		s.missesRead(key, place, own.read)
	}
}

// missesEarlier notes a read that holds an element, and not before it the one that
// its session had appended earlier.
func (s *sessions) missesEarlier(key history.Key, place, element, due int32) {
	c, l := &s.broken[monotonicWrites], &s.lists
	if !c.earlier(key, s.endOf(place)) {
		return
	}
	later := l.made[element]
	earlier := slices.IndexFunc(l.made, func(m made) bool { return m.seat == later.seat && m.seq == due })
	one, two := l.table.All()[earlier], l.table.All()[element]
	where := "does not hold " + elementText(s.run.h, one) + " at all"
	if slices.Contains(s.run.h.List(&s.run.h.Ops[place]), one) {
		where = "holds " + elementText(s.run.h, one) + " only after it"
	}
	c.places = []int32{l.made[earlier].place, later.place, place}
	c.why = func(t tale) []string {
		return []string{fmt.Sprintf("Monotonic writes: %s appended %s before %s; the list that %s was told at %s holds %s and %s.",
			who(t.op(later.place)), t.value(one), t.value(two), who(t.op(place)), t.when(place), t.value(two), where)}
	}
}

// missesOwn notes a read that lacks what its session appended before.
func (s *sessions) missesOwn(key history.Key, place int32) {
	c, l := &s.broken[readYourWrites], &s.lists
	if !c.earlier(key, s.endOf(place)) {
		return
	}
	seat := s.seats.of(s.run.h.Ops[place].Process)
	sent := l.last[seat].sent
	missing := none
	for n := range l.made {
		if m := &l.made[n]; m.seat == seat && m.seq <= sent && l.inRead[n] != l.reading {
			missing = int32(n)
		}
	}
	v, by := l.table.All()[missing], l.made[missing].place
	c.places = []int32{by, place}
	c.why = func(t tale) []string {
		return []string{fmt.Sprintf("Read your writes: %s had appended %s itself, acknowledged at %s, and the list that it was told at %s lacks it.",
			who(t.op(place)), t.value(v), t.when(by), t.when(place))}
	}
}

// missesRead notes a read that lacks what its session's read before held. Lists
// grow at their end: nearly always the one begins with the other.
func (s *sessions) missesRead(key history.Key, place, before int32) {
	h, l := s.run.h, &s.lists
	had, has := h.List(&h.Ops[before]), h.List(&h.Ops[place])
	if len(has) >= len(had) && slices.Equal(had, has[:len(had)]) {
		return
	}
	at := slices.IndexFunc(had, func(v history.Value) bool { return l.inRead[l.table.Find(v)] != l.reading })
	if at < 0 {
		return
	}
	c, v := &s.broken[monotonicReads], had[at]
	if !c.earlier(key, s.endOf(place)) {
		return
	}
	c.places = []int32{before, place}
	c.why = func(t tale) []string {
		return []string{fmt.Sprintf("Monotonic reads: %s had been told a list with %s at %s, and the one that it was told at %s lacks it.",
			who(t.op(place)), t.value(v), t.when(before), t.when(place))}
	}
}
