package checkers

import (
	"cmp"
	"slices"
	"sort"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// replicaElement is what own copies say of an element of a list. Copies are given
// by their numbers, in the order of their calls.
type replicaElement struct {
	settled         int64 // since when it is; Open where it never is
	appended, twice bool  // appended more than once: not judged

	stamp, times    int32 // the copy at hand, and how often it holds the element
	holders         int32 // how many settled copies hold it
	least, most     int32 // how often at least and at most these do
	leastIn, mostIn int32
	balance         int32 // how often the first copy holds it, less what the one at hand does
	position        int32
}

// list compares the own copies of a list; it reports whether they differ.
func (v *convergence) list(k *replicated) bool {
	v.read(k)
	violating := v.compareSettled(k)
	last := v.lastCopies(k)
	d, differ := v.compareLast(k, last)
	if v.Ordered && !violating {
		violating = v.compareOrder(k, last)
	}
	if differ && !violating {
		v.note(d, false)
	}
	return differ || violating
}

// read numbers the elements of a list, and finds out from when on each is settled.
func (v *convergence) read(k *replicated) {
	v.table.Reset(len(k.stores))
	v.elements, v.numbers, v.ends = v.elements[:0], v.numbers[:0], v.ends[:0]
	at := func(value history.Value) int32 {
		n, isNew := v.table.At(value)
		if isNew {
			v.elements = append(v.elements, replicaElement{settled: history.Open, stamp: none})
		}
		return n
	}
	for _, place := range k.stores {
		op := &v.h.Ops[place]
		e := &v.elements[at(op.Value)]
		e.twice, e.appended = e.appended, true
		if op.Outcome == history.OK {
			e.settled = min(e.settled, v.settledFrom(op.Return))
		}
	}
	for _, place := range k.copies {
		op := &v.h.Ops[place]
		for _, value := range v.h.List(op) {
			n := at(value)
			v.numbers = append(v.numbers, n)
			v.elements[n].settled = min(v.elements[n].settled, v.settledFrom(op.Return))
		}
		v.ends = append(v.ends, len(v.numbers))
	}
}

// held are the numbers of the elements of a copy.
func (v *convergence) held(copy int32) []int32 {
	begin := 0
	if copy > 0 {
		begin = v.ends[copy-1]
	}
	return v.numbers[begin:v.ends[copy]]
}

// compareSettled looks for elements that some settled copies hold and others lack,
// or hold more often.
func (v *convergence) compareSettled(k *replicated) bool {
	for number, place := range k.copies {
		copy, call := int32(number), v.h.Ops[place].Call
		for _, n := range v.held(copy) {
			e := &v.elements[n]
			if e.stamp != copy {
				e.stamp, e.times = copy, 0
			}
			e.times++
		}
		for _, n := range v.held(copy) {
			e := &v.elements[n]
			if e.times > 0 && call >= e.settled {
				e.holds(copy)
			}
			e.times = 0
		}
	}
	worst, found := difference{key: k.key, other: history.None}, false
	for n := range v.elements {
		e := &v.elements[n]
		if e.twice || e.holders == 0 {
			continue
		}
		from := sort.Search(len(k.copies), func(i int) bool { return v.h.Ops[k.copies[i]].Call >= e.settled })
		two := e.leastIn
		if int(e.holders) < len(k.copies)-from {
			two = v.lacking(int32(from), int32(n))
		} else if e.least == e.most {
			continue
		}
		if place := k.copies[two]; !found || place < worst.two {
			worst.one, worst.two, worst.value, found = k.copies[e.mostIn], place, v.table.All()[n], true
		}
	}
	if found {
		v.note(worst, true)
	}
	return found
}

// holds notes that a copy, called when the element was settled, holds it e.times.
func (e *replicaElement) holds(copy int32) {
	if e.holders == 0 || e.times < e.least {
		e.least, e.leastIn = e.times, copy
	}
	if e.holders == 0 || e.times > e.most {
		e.most, e.mostIn = e.times, copy
	}
	e.holders++
}

// lacking is the first copy, from one on, that lacks an element.
func (v *convergence) lacking(from, n int32) int32 {
	for slices.Contains(v.held(from), n) {
		from++
	}
	return from
}

// lastCopies are the numbers of each node's last copy.
func (v *convergence) lastCopies(k *replicated) []int32 {
	last := slices.Repeat([]int32{none}, len(v.places.nodes))
	for number, place := range k.copies {
		last[v.places.of(v.h.Ops[place].Process).node] = int32(number)
	}
	last = slices.DeleteFunc(last, func(number int32) bool { return number == none })
	slices.Sort(last)
	return last
}

// compareLast compares each node's last copy with the first of them.
func (v *convergence) compareLast(k *replicated, last []int32) (d difference, differ bool) {
	first := v.held(last[0])
	for _, n := range first {
		v.elements[n].balance++
	}
	d = difference{key: k.key, one: k.copies[last[0]], other: history.None}
	for _, copy := range last[1:] {
		other := v.held(copy)
		d.two = k.copies[copy]
		for _, n := range other {
			v.elements[n].balance--
		}
		for _, part := range [][]int32{first, other} {
			for _, n := range part {
				e := &v.elements[n]
				if e.balance == 0 {
					continue
				}
				if e.balance < 0 {
					d.one, d.two = d.two, d.one
				}
				d.value, d.why = v.table.All()[n], e.whyUnsettled()
				return d, true
			}
		}
		for _, n := range other {
			v.elements[n].balance++
		}
		if v.Ordered && !slices.Equal(first, other) {
			i := 0
			for first[i] == other[i] {
				i++
			}
			d.value, d.other, d.why = v.table.All()[first[i]], v.table.All()[other[i]], tooSoon
			return d, true
		}
	}
	return d, false
}

const tooSoon = "not long enough after the heal, the acknowledgement or the first sight of it"

func (e *replicaElement) whyUnsettled() string {
	if e.twice {
		return "of what was appended twice nobody can say more"
	}
	return tooSoon
}

// compareOrder looks for two elements that two nodes' last copies hold in different orders.
func (v *convergence) compareOrder(k *replicated, last []int32) bool {
	for i, a := range last {
		for _, b := range last[i+1:] {
			one, two := k.copies[a], k.copies[b]
			instant := min(v.h.Ops[one].Call, v.h.Ops[two].Call)
			for n := range v.elements {
				v.elements[n].position, v.elements[n].times = none, 0
			}
			for place, n := range v.held(a) {
				e := &v.elements[n]
				// A value that is there twice has no place of its own.
				if e.position, e.times = int32(place), e.times+1; e.times > 1 || e.twice || e.settled > instant {
					e.position = none
				}
			}
			for _, n := range v.held(b) {
				v.elements[n].times += 2
			}
			before, at := none, none
			for _, n := range v.held(b) {
				e := &v.elements[n]
				if e.position == none || e.times != 3 {
					continue
				}
				if e.position < at {
					v.note(difference{key: k.key, one: one, two: two, value: v.table.All()[n], other: v.table.All()[before]}, true)
					return true
				}
				before, at = n, e.position
			}
		}
	}
	return false
}

// replicaValue is what was read of one value of a register.
type replicaValue struct {
	value    history.Value
	settled  int64
	doubtful bool // stored more than once
	called   int64
	read     int32 // the last to be called that was told the value
}

// register compares what was read of a register; it reports whether that differs.
func (v *convergence) register(k *replicated) bool {
	values := v.readValues(k)
	violating := v.contradiction(k.key, values)
	last := v.lastCopies(k)
	first := k.copies[last[0]]
	for _, number := range last[1:] {
		place := k.copies[number]
		one, two := v.h.Ops[first].Result, v.h.Ops[place].Result
		if one == two {
			continue
		}
		if !violating {
			v.note(difference{key: k.key, one: first, two: place, value: one, other: two,
				why: "the register may have been changed in between, or not long enough before"}, false)
		}
		return true
	}
	return violating
}

// readValues lists the values that were read, by value.
func (v *convergence) readValues(k *replicated) []replicaValue {
	table := valuetable.New(len(k.copies))
	var values []replicaValue
	initial, err := v.h.InitialValue()
	for _, place := range k.copies {
		op := &v.h.Ops[place]
		n, isNew := table.At(op.Result)
		if isNew {
			values = append(values, replicaValue{value: op.Result, settled: history.Open, called: atStart})
			if err == nil && !v.h.Header.InitialUnknown && op.Result == initial {
				values[n].settled = v.settledFrom(v.healed)
			}
		}
		e := &values[n]
		e.settled = min(e.settled, v.settledFrom(op.Return))
		if op.Call > e.called {
			e.called, e.read = op.Call, place
		}
	}
	stored := make([]bool, len(values))
	for _, place := range k.stores {
		op := &v.h.Ops[place]
		n := table.Find(op.Value)
		if n == none {
			continue
		}
		e := &values[n]
		e.doubtful = e.doubtful || stored[n] || err == nil && op.Value == initial
		stored[n] = true
		if op.Outcome == history.OK {
			e.settled = min(e.settled, v.settledFrom(op.Return))
		}
	}
	return slices.DeleteFunc(values, func(e replicaValue) bool { return e.doubtful })
}

// contradiction looks for two values, each of which was read when the other was
// settled. A register goes through each value once: it can't be both of them later
// than the other.
//
// Of a value that was read when it was settled itself the instants from settled to
// called are a zone; two such values contradict each other if their zones
// overlap. Of another value it is the time from called to settled, and it contradicts
// one whose zone holds all of that (Gibbons and Korach's forward and backward zones).
func (v *convergence) contradiction(key history.Key, values []replicaValue) bool {
	var forward, backward []replicaValue
	for _, e := range values {
		if e.settled <= e.called {
			forward = append(forward, e)
		} else {
			backward = append(backward, e)
		}
	}
	slices.SortFunc(forward, func(a, b replicaValue) int { return cmp.Compare(a.settled, b.settled) })
	found := func(one, two replicaValue) bool {
		v.note(difference{key: key, one: one.read, two: two.read, value: one.value, other: two.value}, true)
		return true
	}
	for i := 1; i < len(forward); i++ {
		if forward[i].settled <= forward[i-1].called {
			return found(forward[i-1], forward[i])
		}
	}
	for _, e := range backward {
		i := sort.Search(len(forward), func(i int) bool { return forward[i].settled > e.called }) - 1
		if i >= 0 && e.settled <= forward[i].called {
			return found(forward[i], e)
		}
	}
	return false
}
