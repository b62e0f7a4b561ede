package model

import (
	"slices"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/harness/history"
)

// The limits of an explanation that begins with states.
const (
	trailLength = 40 // returns before the last one at which it may begin
	startStates = 4  // states that a person can keep in mind
	startLimit  = 64 // configurations
	mostShown   = 96 // operations from there on that are judged again, and left out where that can be
)

// fromStates explains by the last few operations, and by the states that all before
// can have left: every order of those ends in one of them, with some of the
// operations under way taken. It begins as early as few states and few operations
// are all that is needed, so that it shows how the last states came about.
func (x *explainer[S]) fromStates(o *Object, answer Answer) (Explanation, bool) {
	large := len(o.Ops) > 4*handful // then only what the model reduces it to can be judged soon
	c := x.spec.compile(o, large)
	var found refuted
	ok := large && answer.Verdict == frontier.Illegal
	if ok {
		found = refuted{c.opAt(o.Index[answer.At]), answer.found}
	} else {
		found, ok = x.refute(c)
	}
	if !ok || found.at < 0 {
		return Explanation{}, false
	}
	trail := c.problem.Trail(x.ctx, x.limits, found.at, trailLength)
	if len(trail) == 0 {
		return Explanation{}, false
	}
	// The part ends with the operation without whose answer there is an order. A search
	// that knew what would be asked for may have given up sooner.
	last := o.lastReturned()
	end, until := c.opAt(o.Index[last]), o.Ops[last].Return
	if end < 0 {
		return Explanation{}, false
	}
	best := len(trail) - 1
	for i := best; i >= 0; i-- {
		if x.readable(c, &trail[i], until) {
			best = i
		}
	}
	told, ok := x.begin(c, &trail[best], end, until, large)
	if ok && told.Refuted == x.object.placeOf(c.object.Index[c.places[found.at]]) {
		told.Found = found.found
	}
	return told, ok
}

// refuted is the operation of a problem at whose return no order is left, and what it
// finds instead of what it was told.
type refuted struct {
	at    int32
	found []string
}

// refute judges an object once more, without what the model reduces.
func (x *explainer[S]) refute(c *compiled[S]) (refuted, bool) {
	if r, wrong := x.spec.refuted(c.object); wrong {
		return refuted{c.opAt(c.object.Index[r.place]), r.finds()}, true
	}
	found := c.problem.Judge(x.ctx, x.limits)
	return refuted{found.At, c.spec.describeAll(c.object, found.Found)}, found.Verdict == frontier.Illegal
}

// opAt is the problem's first operation with an index in the history, -1 where it has none.
func (c *compiled[S]) opAt(index int32) int32 {
	return int32(slices.IndexFunc(c.places, func(place int32) bool { return c.object.Index[place] == index }))
}

// lastReturned is the place of the operation that was the last to be answered, of
// several at one instant that which was called last; -1 where none was.
func (o *Object) lastReturned() int {
	last := -1
	for i := range o.Ops {
		if op := &o.Ops[i]; op.Outcome == history.OK && (last < 0 || op.Return >= o.Ops[last].Return) {
			last = i
		}
	}
	return last
}

// readable reports whether a person can follow from a station on.
func (x *explainer[S]) readable(c *compiled[S], station *frontier.Station[S], until int64) bool {
	states := map[S]bool{}
	for _, config := range station.Configs {
		states[config.State] = true
	}
	return len(states) <= startStates && len(station.Configs) <= startLimit && c.shown(station, until) <= handful
}

// shown counts the operations that a person has to follow from a station on.
func (c *compiled[S]) shown(station *frontier.Station[S], until int64) int {
	n := 0
	for _, op := range c.suffix(station, until) {
		if !c.hidden(station, op) {
			n++
		}
	}
	return n
}

// hidden says that an operation is of unknown outcome and was called before: there may
// be many, and they are only counted.
func (c *compiled[S]) hidden(station *frontier.Station[S], op int32) bool {
	return int(op) < station.Calls && c.problem.Ops[op].Return == frontier.Never && c.object.Ops[c.places[op]].Outcome != history.OK
}

// suffix lists the operations that matter from a station up to the last return: those
// under way that are not taken in every configuration, and those called later.
func (c *compiled[S]) suffix(station *frontier.Station[S], until int64) []int32 {
	now := c.problem.Ops[station.At].Return
	taken := map[int32]int{}
	for _, config := range station.Configs {
		for _, op := range config.Taken {
			taken[op]++
		}
	}
	var list []int32
	for i := range c.problem.Ops {
		op := &c.problem.Ops[i]
		switch {
		case op.Call > until || op.Return < now:
		case i < station.Calls && taken[int32(i)] == len(station.Configs):
		case op.Observer && op.Return > until:
		default:
			list = append(list, int32(i))
		}
	}
	return list
}

// begin makes the explanation that begins at a station, and verifies it.
func (x *explainer[S]) begin(c *compiled[S], station *frontier.Station[S], last int32, until int64, hindsight bool) (Explanation, bool) {
	list := c.suffix(station, until)
	o := &Object{H: c.object.H, Key: c.object.Key, First: c.object.First, Anything: c.object.Anything}
	for _, n := range list {
		place := c.places[n]
		o.Ops, o.Index = append(o.Ops, c.object.Ops[place]), append(o.Index, c.object.Index[place])
	}
	start := make([]frontier.Config[S], len(station.Configs))
	for i, config := range station.Configs {
		start[i].State = config.State
		places := func(ops []int32) (at []int32) {
			for _, op := range ops {
				if n, in := slices.BinarySearch(list, op); in {
					at = append(at, int32(n))
				}
			}
			return at
		}
		start[i].Taken, start[i].Free = places(config.Taken), places(config.Free)
	}
	begun := map[int32]bool{} // operations that may be taken at the start
	for _, n := range list {
		if int(n) < station.Calls {
			begun[c.object.Index[c.places[n]]] = true
		}
	}
	if len(o.Ops) <= mostShown {
		if !x.illegalFrom(c, o, start, begun) {
			return Explanation{}, false
		}
		// What the model reduces may know what is told up to the end: then the answer there
		// belongs to the proof.
		keep := int32(-1)
		if hindsight {
			keep = c.object.Index[c.places[last]]
		}
		o, start = x.fewFrom(c, o, start, begun, keep)
		if end := o.lastReturned(); !hindsight && end >= 0 && o.Index[end] != c.object.Index[c.places[last]] {
			last = c.opAt(o.Index[end])
		}
	}
	was := map[int32]bool{}
	for _, n := range list {
		if c.hidden(station, n) {
			was[c.object.Index[c.places[n]]] = true
		}
	}
	shown := o.filter(func(i int) bool { return !was[o.Index[i]] || x.returned(o.Index[i]) })
	if len(shown.Ops) > handful/2 {
		shown = o.filter(func(i int) bool { return o.Ops[i].Outcome == history.OK })
	}
	told := Explanation{Open: len(o.Ops) - len(shown.Ops), Refuted: x.object.placeOf(c.object.Index[c.places[last]]), Before: station.Calls - len(begun)}
	x.place(&told, shown)
	var states []S
	for _, config := range start {
		states = append(states, config.State)
	}
	told.Start = c.spec.describeAll(c.object, states)
	return told, true
}

// returned reports whether an operation of the history was answered: then the cut
// made it unknown, and it is shown.
func (x *explainer[S]) returned(index int32) bool {
	return x.object.Ops[x.object.placeOf(index)].Outcome == history.OK
}

// illegalFrom reports whether no order explains the operations from given configurations
// on: by trying every order, or by a search that begins there.
func (x *explainer[S]) illegalFrom(c *compiled[S], o *Object, start []frontier.Config[S], begun map[int32]bool) bool {
	if len(o.Ops) <= bruteUpTo {
		legal, err := c.spec.forceFrom(o, start)
		return err == nil && !legal
	}
	part := &compiled[S]{spec: c.spec, object: o}
	part.problem.Start = start
	for part.problem.Begun < len(o.Ops) && begun[o.Index[part.problem.Begun]] {
		part.problem.Begun++
	}
	part.fill()
	return len(part.ops) == len(o.Ops) && part.problem.Judge(x.ctx, x.limits).Verdict == frontier.Illegal
}

// fewFrom leaves out observers and forgets what it can, from given configurations, but
// for one operation that is kept.
func (x *explainer[S]) fewFrom(c *compiled[S], o *Object, start []frontier.Config[S], begun map[int32]bool, keep int32) (*Object, []frontier.Config[S]) {
	for i := 0; i < len(o.Ops) && x.inTime(); {
		if c.spec.observes(o.Op(i)) && o.Index[i] != keep {
			less, fewer := leaveOut(o, start, i)
			if x.illegalFrom(c, less, fewer, begun) {
				o, start = less, fewer
				continue
			}
		}
		i++
	}
	for i := 0; i < len(o.Ops) && x.inTime(); i++ {
		if o.Ops[i].Outcome != history.OK || c.spec.observes(o.Op(i)) || o.Index[i] == keep {
			continue
		}
		ops := slices.Clone(o.Ops)
		ops[i] = forgotten(ops[i])
		if less := o.with(ops, o.Index); x.illegalFrom(c, less, start, begun) {
			o = less
		}
	}
	return o, start
}

// leaveOut takes the operation at a place out of an object and of configurations.
func leaveOut[S comparable](o *Object, start []frontier.Config[S], place int) (*Object, []frontier.Config[S]) {
	without := func(ops []int32) (left []int32) {
		for _, op := range ops {
			switch {
			case int(op) < place:
				left = append(left, op)
			case int(op) > place:
				left = append(left, op-1)
			}
		}
		return left
	}
	fewer := make([]frontier.Config[S], len(start))
	for i, config := range start {
		fewer[i] = frontier.Config[S]{State: config.State, Taken: without(config.Taken), Free: without(config.Free)}
	}
	return o.filter(func(i int) bool { return i != place }), fewer
}
