package checkers

import (
	"slices"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// version is one value of one key.
type version struct {
	// call is that of the operation that stored it, known the earliest instant at which
	// it had certainly been stored.
	call, known int64
	writer      int32 // the operation that stored it; none for the initial value
	knownBy     int32 // the one that shows it at known
	from, next  int32 // the versions right before and after it, by swaps; none
	run, place  int32 // the run that it is in, and its place there
	seen, swap  bool
}

// sessionEvent is what one operation did on the key.
type sessionEvent struct {
	value       history.Value // that it saw; None where it saw none
	ret         int64
	place, seat int32
	saw, wrote  int32 // versions; none
}

func (e *sessionEvent) sees() bool { return e.value != history.None }

// versionRun is versions that were swapped one for the next: nothing is between
// them, so any other version is before all of them or after all of them. By time,
// a run is before another one if a version of it was there before one of the
// other's was begun.
type versionRun struct {
	known, call     int64 // the earliest known, the latest call
	knownAt, callAt int32 // the versions that have them
	head            int32
}

// versionOrder is what is known of the order of one key's versions.
type versionOrder struct {
	table    valuetable.Table
	versions []version
	runs     []versionRun
	joined   bool // some run has several versions: only then what is known can contradict itself
	anyOrder bool
	events   []sessionEvent
	steps    []step // that sessions need, and that nothing known speaks for or against
	against  []step // that what is known speaks against
	links    []step // what swaps say, where they do not make runs
	ops      []history.Op
	batch    opBatch

	byKnown, byCall []zone
	peel            peeling
	hops            map[int32][]hop // for a proof: by run, where it leads
	queue           []int32
}

// make reads a key's operations, of which so many store a value. It returns why the
// versions can't be told apart, if they can't.
func (o *versionOrder) make(r *orderRun, known *seats, places []int32, stores int, initial history.Value, anyOrder bool) string {
	o.ops, o.anyOrder, o.joined = r.h.Ops, anyOrder, false
	o.table.Reset(stores + 1)
	o.versions, o.events = slices.Grow(o.versions[:0], stores+1), slices.Grow(o.events[:0], len(places))
	o.steps, o.links, o.against = o.steps[:0], o.links[:0], o.against[:0]
	o.table.At(initial)
	o.versions = append(o.versions, version{call: atStart, known: atStart, writer: none, knownBy: none, from: none, next: none})
	for place, op := range o.batch.of(r.h, places) {
		e := sessionEvent{value: sessionSaw(op), ret: op.Return, place: place, seat: known.of(op.Process), saw: none, wrote: none}
		if op.Kind != history.Read && !op.Mismatch {
			n, fresh := o.table.At(op.Value)
			if !fresh {
				return "the value " + elementText(r.h, op.Value) + " was stored twice, so its versions can't be told apart"
			}
			// What was acknowledged is known then; an unknown one when it is seen.
			o.versions = append(o.versions, version{call: op.Call, known: op.Return, writer: place, knownBy: place, from: none, next: none, seen: op.Outcome == history.OK, swap: op.Kind == history.CAS})
			e.wrote = n
		}
		o.events = append(o.events, e)
	}
	for i := range o.events {
		if e := &o.events[i]; e.sees() {
			e.saw = o.find(e.value)
			o.see(e)
		}
	}
	if problem := o.joinSwaps(); problem != "" {
		return problem
	}
	return o.makeRuns()
}

// find returns the version of a value, none where nobody stored it.
func (o *versionOrder) find(v history.Value) int32 { return o.table.Find(v) }

// see notes that an operation was told of a version. What is seen before it was
// begun is not for sessions to judge: it counts from when it was begun.
func (o *versionOrder) see(e *sessionEvent) {
	if e.saw == none {
		return
	}
	x := &o.versions[e.saw]
	x.seen = true
	if at := max(e.ret, x.call); at < x.known {
		x.known, x.knownBy = at, e.place
	}
}

// joinSwaps links what was swapped: by what was acknowledged, and by unknown ones
// whose value was seen, which shows that they saw theirs.
func (o *versionOrder) joinSwaps() string {
	seen := o.queue[:0]
	for v := range o.versions {
		if x := &o.versions[v]; x.swap && x.seen {
			seen = append(seen, int32(v))
		}
	}
	for len(seen) > 0 {
		v := seen[len(seen)-1]
		seen = seen[:len(seen)-1]
		x := &o.versions[v]
		if !x.swap {
			continue
		}
		u := o.find(o.ops[x.writer].Expect)
		if u == none {
			continue // nobody stored it: it says nothing
		}
		before := &o.versions[u]
		if before.next != none || u == v {
			return "a value was swapped away twice, so the order of its versions is not known (Linearizable judges that)"
		}
		x.from, before.next = u, v
		if !before.seen {
			before.seen = true
			seen = append(seen, u)
		}
	}
	return ""
}

// makeRuns puts versions into runs.
func (o *versionOrder) makeRuns() string {
	o.runs = slices.Grow(o.runs[:0], len(o.versions))
	placed := 0
	for head := range o.versions {
		if o.versions[head].from != none && !o.anyOrder {
			continue
		}
		run := versionRun{known: history.Open, call: atStart, knownAt: int32(head), callAt: int32(head), head: int32(head)}
		place := int32(0)
		for v := int32(head); v != none; v = o.versions[v].next {
			x := &o.versions[v]
			x.run, x.place = int32(len(o.runs)), place
			if o.knownOf(x) < run.call {
				return "its swaps contradict the clock, so the order of its versions is not known (Linearizable judges that)"
			}
			if known := o.knownOf(x); known < run.known {
				run.known, run.knownAt = known, v
			}
			if x.call > run.call {
				run.call, run.callAt = x.call, v
			}
			place++
			placed++
			if o.anyOrder {
				break
			}
		}
		o.joined = o.joined || place > 1
		o.runs = append(o.runs, run)
	}
	if placed < len(o.versions) {
		return "values were swapped in a circle, so the order of its versions is not known (Linearizable judges that)"
	}
	if !o.anyOrder {
		return ""
	}
	for v := range o.versions {
		if from := o.versions[v].from; from != none {
			o.links = append(o.links, step{older: from, newer: int32(v)})
			o.joined = true
		}
	}
	return ""
}

// knownOf is from when on what is called later is newer.
func (o *versionOrder) knownOf(x *version) int64 {
	if o.anyOrder && x.writer != none {
		return history.Open
	}
	return x.known
}

// before reports whether a version is known to be older than another: by the swaps
// of one run, or because its run is before the other's by time.
func (o *versionOrder) before(one, other int32) bool {
	a, b := &o.versions[one], &o.versions[other]
	if a.run == b.run {
		return a.place < b.place
	}
	return o.runs[a.run].known < o.runs[b.run].call
}

// peeling takes runs away, oldest first.
type peeling struct {
	wants   []int32 // by run: how many runs that must be older are left
	offsets []int32
	newer   []int32
	gone    []bool
	free    []bool // by time nothing that is left must be older
	ready   []int32
}

// consistent reports whether an order of the runs agrees with what is known and
// with some steps: whether all runs can be taken away, one after the other, where no
// other one that is left must be older. By time, that is one whose latest call is
// not after the earliest known of all others that are left.
func (o *versionOrder) consistent(steps []step) bool {
	p := &o.peel
	n := len(o.runs)
	o.prepare(steps)
	taken, first, second, called := 0, 0, 0, 0
	advance := func() {
		for first < n && p.gone[o.byKnown[first].root] {
			first++
		}
		for second = max(second, first+1); second < n && p.gone[o.byKnown[second].root]; {
			second++
		}
		if first == n {
			return
		}
		for ; called < n && o.byCall[called].f <= o.byKnown[first].f; called++ {
			o.release(o.byCall[called].root)
		}
		if own := o.byKnown[first].root; second >= n || o.runs[own].call <= o.byKnown[second].f {
			o.release(own)
		}
	}
	for advance(); len(p.ready) > 0; {
		run := p.ready[len(p.ready)-1]
		p.ready = p.ready[:len(p.ready)-1]
		p.gone[run] = true
		taken++
		for _, newer := range p.newer[p.offsets[run]:p.offsets[run+1]] {
			if p.wants[newer]--; p.wants[newer] == 0 && p.free[newer] {
				p.ready = append(p.ready, newer)
			}
		}
		advance()
	}
	return taken == n
}

func (o *versionOrder) release(run int32) {
	if p := &o.peel; !p.free[run] {
		p.free[run] = true
		if p.wants[run] == 0 {
			p.ready = append(p.ready, run)
		}
	}
}

// prepare sorts the runs and lists what steps and links say of them.
func (o *versionOrder) prepare(steps []step) {
	p, n := &o.peel, len(o.runs)
	o.byKnown, o.byCall = slices.Grow(o.byKnown[:0], n), slices.Grow(o.byCall[:0], n)
	for i := range o.runs {
		o.byCall = append(o.byCall, zone{f: o.runs[i].call, root: int32(i)})
		if known := o.runs[i].known; known != history.Open {
			o.byKnown = append(o.byKnown, zone{f: known, root: int32(i)})
		}
	}
	sortZones(o.byKnown)
	sortZones(o.byCall)
	for i := range o.runs { // last, and not for the sort to carry there
		if o.runs[i].known == history.Open {
			o.byKnown = append(o.byKnown, zone{f: history.Open, root: int32(i)})
		}
	}
	p.wants, p.gone, p.free, p.offsets = resized(p.wants, n), resized(p.gone, n), resized(p.free, n), resized(p.offsets, n+2)
	p.newer, p.ready = resized(p.newer, len(steps)+len(o.links)), p.ready[:0]
	for _, list := range [][]step{steps, o.links} {
		for _, x := range list {
			p.wants[o.versions[x.newer].run]++
			p.offsets[o.versions[x.older].run+2]++
		}
	}
	for i := 2; i < len(p.offsets); i++ {
		p.offsets[i] += p.offsets[i-1]
	}
	for _, list := range [][]step{steps, o.links} {
		for _, x := range list {
			at := &p.offsets[o.versions[x.older].run+1]
			p.newer[*at] = o.versions[x.newer].run
			*at++
		}
	}
}
