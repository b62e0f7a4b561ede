package model

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"sort"

	"github.com/seatrial/seatrial/harness/history"
)

// Sums that can't be.
//
// Which additions of unknown outcome a counter has in it is a question of subset sums:
// a search may have to try them all. Most wrong answers need no such question. Where
// all amounts are positive, take the distinct sums that reads were told in their
// order, v(1) < v(2) < …: in any legal order the reads that were told v(i) come
// before those that were told v(i+1). Between them, in gap i+1, comes exactly
// v(i+1) - v(i) of additions. An addition
//
//   - comes after all reads that returned before it was called, and so after all
//     that were told as much or less: it has an earliest gap;
//   - comes, if it was acknowledged, before all reads that were called after it had
//     returned, and so before all that were told as much or more: it has a latest gap.
//
// Suppose that additions could be split, and parts of one be in several gaps. If even
// so the gaps can't be filled, there is no order. Whether they can is decided by filling
// gap after gap, each time with those additions first whose latest gap comes first: what
// was there to fill the gaps up to one with is the same whatever was taken, and to
// take what is due first never misses a latest gap that could be kept.
//
// The same holds for amounts that are all negative, turned around. Where there are both, a
// read was told no less than all additions that came before for sure, with those
// negative ones that may have come before; and no more, with the positive ones.

// refuteCounter finds a read that can't be right, and says what it must find.
func refuteCounter(o *Object) (refutation, bool) {
	r, fits := newSums(o)
	if o.Anything || !fits || len(r.reads) == 0 {
		return refutation{}, false
	}
	if found, wrong := r.outOfBounds(); wrong {
		return found, true
	}
	if r.up && r.down {
		return refutation{}, false
	}
	return r.unfilled()
}

// sums is a counter with its additions and reads; where all amounts are negative both
// are turned around.
type sums struct {
	o        *Object
	up, down bool
	reads    []int // places, by what they were told
	adds     []int
	start    int64
	sign     int64
}

// mostSum keeps sums far from where they overflow.
const mostSum = int64(1) << 61

func newSums(o *Object) (r *sums, fits bool) {
	r = &sums{o: o, sign: 1}
	if o.First.IsInt() {
		r.start = int64(o.First)
	}
	room := mostSum
	for i := range o.Ops {
		switch op := &o.Ops[i]; {
		case op.Kind == history.Add:
			amount := int64(op.Value)
			if amount == 0 {
				continue
			}
			if amount > room || amount < -room {
				return nil, false
			}
			room -= max(amount, -amount)
			r.up, r.down = r.up || amount > 0, r.down || amount < 0
			r.adds = append(r.adds, i)
		case op.Outcome == history.OK && op.Result != history.None:
			if !op.Result.IsInt() || int64(op.Result) > mostSum || int64(op.Result) < -mostSum {
				return nil, false
			}
			r.reads = append(r.reads, i)
		}
	}
	if r.down && !r.up {
		r.sign, r.start = -1, -r.start
	}
	slices.SortStableFunc(r.reads, func(a, b int) int { return cmp.Compare(r.told(a), r.told(b)) })
	return r, r.start <= mostSum && r.start >= -mostSum
}

func (r *sums) told(place int) int64   { return r.sign * int64(r.o.Ops[place].Result) }
func (r *sums) amount(place int) int64 { return r.sign * int64(r.o.Ops[place].Value) }

// timeline adds amounts up by time.
type timeline struct {
	at   []int64
	upTo []int64 // the sum up to and with this one
}

func (r *sums) timeline(at func(op *history.Op) (int64, bool), part func(amount int64) int64) timeline {
	type entry struct{ at, amount int64 }
	var entries []entry
	for _, place := range r.adds {
		if when, counts := at(&r.o.Ops[place]); counts {
			entries = append(entries, entry{when, part(r.amount(place))})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	var t timeline
	total := int64(0)
	for _, e := range entries {
		total += e.amount
		t.at, t.upTo = append(t.at, e.at), append(t.upTo, total)
	}
	return t
}

// before is the sum of all before an instant, and with those at it where that is said.
func (t timeline) before(instant int64, with bool) int64 {
	n := sort.Search(len(t.at), func(i int) bool { return t.at[i] > instant || !with && t.at[i] == instant })
	if n == 0 {
		return 0
	}
	return t.upTo[n-1]
}

// outOfBounds finds a read that was told less than the least, or more than the most,
// that can have been there. Of several the one that returned first.
func (r *sums) outOfBounds() (found refutation, wrong bool) {
	negative := func(amount int64) int64 { return min(amount, 0) }
	positive := func(amount int64) int64 { return max(amount, 0) }
	called := func(op *history.Op) (int64, bool) { return op.Call, true }
	returned := func(op *history.Op) (int64, bool) { return op.Return, op.Outcome == history.OK }
	mayLess, mayMore := r.timeline(called, negative), r.timeline(called, positive)
	mustLess, mustMore := r.timeline(returned, negative), r.timeline(returned, positive)
	until := history.Open
	for _, place := range r.reads {
		op := &r.o.Ops[place]
		if op.Return >= until {
			continue
		}
		least := r.start + mustMore.before(op.Call, false) + mayLess.before(op.Return, true)
		most := r.start + mustLess.before(op.Call, false) + mayMore.before(op.Return, true)
		if told := r.told(place); told < least {
			found, wrong, until = refutation{place: place, found: r.bound(least, "more"), why: "That is what comes of all additions that were acknowledged before it was called" + r.others(true)}, true, op.Return
		} else if told > most {
			found, wrong, until = refutation{place: place, found: r.bound(most, "less"), why: "That is what comes of all additions that were called before it returned" + r.others(false)}, true, op.Return
		}
	}
	return found, wrong
}

// bound writes "7 or more", turned around where amounts are.
func (r *sums) bound(sum int64, which string) string {
	if r.sign < 0 {
		which = map[string]string{"more": "less", "less": "more"}[which]
	}
	return fmt.Sprintf("%d or %s", r.sign*sum, which)
}

// unfilled finds a gap that can't be filled, and the read at its end.
func (r *sums) unfilled() (refutation, bool) {
	groups, group := r.groups()
	if found, wrong := r.fallen(groups, group); wrong {
		return found, true
	}
	earliest, latest := r.gaps(group)
	opening := make([][]int, len(groups)+1) // by gap: the additions that can come there first
	for n := range r.adds {
		if earliest[n] > latest[n] {
			return refutation{place: groups[latest[n]].first, with: []int{r.adds[n]}, why: r.between(groups, latest[n])}, true
		}
		opening[earliest[n]] = append(opening[earliest[n]], n)
	}
	due := &gapHeap{}
	left := make([]int64, len(groups)+1) // by latest gap: what is not in yet
	sum := r.start
	for gap, g := range groups {
		for _, n := range opening[gap] {
			if left[latest[n]] == 0 {
				heap.Push(due, latest[n])
			}
			left[latest[n]] += r.amount(r.adds[n])
		}
		for room := g.told - sum; room > 0; {
			if due.Len() == 0 {
				return refutation{place: g.first, found: r.bound(g.told-room, "less"), with: before(groups, gap), why: r.between(groups, gap)}, true
			}
			next := (*due)[0]
			taken := min(room, left[next])
			room, left[next] = room-taken, left[next]-taken
			if left[next] == 0 {
				heap.Pop(due)
			}
		}
		if sum = g.told; due.Len() > 0 && (*due)[0] <= gap {
			return refutation{place: g.first, found: r.bound(g.told+left[gap], "more"), with: before(groups, gap), why: r.between(groups, gap)}, true
		}
	}
	return refutation{}, false
}

// others says which more count of additions of both signs.
func (r *sums) others(least bool) string {
	if !r.up || !r.down {
		return "."
	}
	if least {
		return ", and of those below zero that were called before it returned."
	}
	return " and add something, and of those below zero that were acknowledged before it was called."
}

// before is a read of the group before one.
func before(groups []sumGroup, gap int) []int {
	if gap == 0 {
		return nil
	}
	return []int{groups[gap-1].first}
}

// between says what the additions in a gap have to come to.
func (r *sums) between(groups []sumGroup, gap int) string {
	from := r.start
	if gap > 0 {
		from = groups[gap-1].told
	}
	if gap == len(groups) {
		return "All additions have one sign: it comes neither before nor after the reads that were told this sum."
	}
	return fmt.Sprintf("All additions have one sign, so the reads are in the order of what they were told; between %d and %d come additions of %d in all, and those that have to, or can, come there make another sum.",
		r.sign*from, r.sign*groups[gap].told, r.sign*(groups[gap].told-from))
}

// sumGroup is the reads that were told one sum: first returned first.
type sumGroup struct {
	told  int64
	first int
}

// groups lists the sums that reads were told, and the number of each read's.
func (r *sums) groups() (groups []sumGroup, number map[int]int) {
	number = make(map[int]int, len(r.reads))
	for _, place := range r.reads {
		n := len(groups) - 1
		if n < 0 || groups[n].told != r.told(place) {
			groups, n = append(groups, sumGroup{r.told(place), place}), n+1
		}
		if r.o.Ops[place].Return < r.o.Ops[groups[n].first].Return {
			groups[n].first = place
		}
		number[place] = n
	}
	return groups, number
}

// fallen finds a read that was told less than one that had returned before its call.
func (r *sums) fallen(groups []sumGroup, group map[int]int) (refutation, bool) {
	ops := r.o.Ops
	byReturn, byCall := r.byTime()
	n, most := 0, -1
	for _, place := range byCall {
		for ; n < len(byReturn) && ops[byReturn[n]].Return < ops[place].Call; n++ {
			most = max(most, group[byReturn[n]])
		}
		if most > group[place] {
			return refutation{place: place, found: r.bound(groups[most].told, "more"), with: []int{groups[most].first}, why: "All additions have one sign: a sum never comes back."}, true
		}
	}
	return refutation{}, false
}

// byTime lists the reads by their returns, and by their calls.
func (r *sums) byTime() (byReturn, byCall []int) {
	byReturn, byCall = slices.Clone(r.reads), slices.Clone(r.reads)
	ops := r.o.Ops
	slices.SortFunc(byReturn, func(a, b int) int { return cmp.Compare(ops[a].Return, ops[b].Return) })
	slices.SortFunc(byCall, func(a, b int) int { return cmp.Compare(ops[a].Call, ops[b].Call) })
	return byReturn, byCall
}

// gaps says between which gaps each addition comes.
func (r *sums) gaps(group map[int]int) (earliest, latest []int) {
	byReturn, byCall := r.byTime()
	ops := r.o.Ops
	most := make([]int, len(r.reads)+1) // of the first reads to return: the greatest group and one
	for i, place := range byReturn {
		most[i+1] = max(most[i], group[place]+1)
	}
	least := make([]int, len(r.reads)+1) // of the last reads to be called: the least group
	least[len(r.reads)] = len(group)     // at least as many as there are groups
	for i := len(byCall) - 1; i >= 0; i-- {
		least[i] = min(least[i+1], group[byCall[i]])
	}
	last := 0
	for _, g := range group {
		last = max(last, g+1)
	}
	for _, place := range r.adds {
		op := &ops[place]
		n := sort.Search(len(byReturn), func(i int) bool { return ops[byReturn[i]].Return >= op.Call })
		earliest = append(earliest, most[n])
		gap := last
		if op.Outcome == history.OK {
			n = sort.Search(len(byCall), func(i int) bool { return ops[byCall[i]].Call > op.Return })
			gap = min(gap, least[n])
		}
		latest = append(latest, gap)
	}
	return earliest, latest
}

// gapHeap has the least gap first.
type gapHeap []int

func (h gapHeap) Len() int           { return len(h) }
func (h gapHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h gapHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *gapHeap) Push(x any)        { *h = append(*h, x.(int)) }
func (h *gapHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
