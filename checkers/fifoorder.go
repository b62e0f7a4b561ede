package checkers

import (
	"cmp"
	"slices"
	"sort"
)

// findOrder checks condition (2) between dequeues. What was told to have come out
// goes first: that takes the fewest operations to prove.
func (q *queueJudge) findOrder() queueAnswer {
	q.findFirst()
	for n := range q.elements {
		e := &q.elements[n]
		if e.takes == 0 || e.omitted {
			continue
		}
		if b := q.before(int32(n)); b != none {
			return queueAnswer{flaw: queueOvertaken, a: int32(n), b: b, place: none}
		}
	}
	for _, n := range q.left {
		if b := q.before(n); b != none {
			return queueAnswer{flaw: queueSkipped, a: n, b: b, place: none}
		}
	}
	return queueAnswer{place: none}
}

// findFirst fills in first: the least dr from each element on.
func (q *queueJudge) findFirst() {
	n := len(q.elements)
	if cap(q.first) < n {
		q.first = make([]int32, n)
	}
	q.first = q.first[:n]
	best := int32(n - 1)
	for i := n - 1; i >= 0; i-- {
		if q.elements[i].dr <= q.elements[best].dr {
			best = int32(i)
		}
		q.first[i] = best
	}
}

// before returns an element that went in after another and was out before the other
// began to be taken, none where there is none. Elements are in the order of their
// calls, and one returns soon after it: so the search goes up in growing steps.
func (q *queueJudge) before(n int32) int32 {
	e := &q.elements[n]
	low, step := int(n)+1, 1 // all before low were called by the time e returned
	for low+step <= len(q.elements) && q.elements[low+step-1].ec <= e.er {
		low += step
		step *= 2
	}
	high := min(low+step, len(q.elements))
	low += sort.Search(high-low, func(i int) bool { return q.elements[low+i].ec > e.er })
	if low == len(q.elements) {
		return none
	}
	if b := q.first[low]; q.elements[b].dr < e.dc {
		return b
	}
	return none
}

// findNotEmpty checks condition (3).
func (q *queueJudge) findNotEmpty() queueAnswer {
	if len(q.empties) == 0 {
		return queueAnswer{place: none}
	}
	q.addStays()
	stretches := q.joinStays()
	next := 0
	for _, place := range q.empties {
		op := q.op(place)
		for next < len(stretches) && stretches[next].from < op.Call {
			next++
		}
		if next > 0 && stretches[next-1].to > op.Return {
			return queueAnswer{flaw: queueNotEmpty, place: place}
		}
	}
	return queueAnswer{place: none}
}

func (q *queueJudge) addStays() {
	q.stays = q.stays[:0]
	for n := range q.elements {
		if e := &q.elements[n]; !e.omitted && e.er < e.dc {
			q.stays = append(q.stays, stay{e.er, e.dc, int32(n)})
		}
	}
	sortNearly(q.stays, func(s stay) int64 { return s.from })
}

// joinStays makes stretches of the stays, in their place, in which there is always
// something in the queue. Where one stay ends and another one begins at the same
// instant, the queue may be empty at that instant.
func (q *queueJudge) joinStays() []stay {
	last := 0
	for i := range q.stays {
		if s := q.stays[i]; i > 0 && s.from < q.stays[last].to {
			q.stays[last].to = max(q.stays[last].to, s.to)
		} else {
			if i > 0 {
				last++
			}
			q.stays[last] = s
		}
	}
	return q.stays[:min(last+1, len(q.stays))]
}

// sortNearly sorts a list by a key, in which nearly everything is a few places from
// where it belongs: insertion is faster than a general sort, as long as it moves little.
func sortNearly[T any](list []T, key func(x T) int64) {
	moves, allowed := 0, 64*len(list)
	for i := 1; i < len(list); i++ {
		x, at := list[i], key(list[i])
		j := i
		for ; j > 0 && key(list[j-1]) > at; j-- {
			list[j] = list[j-1]
		}
		list[j] = x
		if moves += i - j; moves > allowed {
			slices.SortFunc(list, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
			return
		}
	}
}
