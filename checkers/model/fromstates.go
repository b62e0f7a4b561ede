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
)

// fromStates explains by the last few operations, and by the states that all before
// can have left: every order of those ends in one of them, with some of the
// operations under way taken. It begins as early as few states and few operations
// are all that is needed, so that it shows how the last states came about.
func (x *explainer[S]) fromStates(o *Object) (Explanation, bool) {
	c := x.spec.compile(o, false)
	found := c.problem.Judge(x.ctx, x.limits)
	if found.Verdict != frontier.Illegal {
		return Explanation{}, false
	}
	trail, ok := c.problem.Trail(x.ctx, x.limits, found.At, trailLength)
	if !ok || len(trail) == 0 {
		return Explanation{}, false
	}
	best := len(trail) - 1
	for i := best; i >= 0; i-- {
		if x.readable(c, &trail[i], found.At) {
			best = i
		}
	}
	told, ok := x.begin(c, &trail[best], found.At)
	if ok {
		told.Found = x.states(&c.spec, c.object, found.Found)
	}
	return told, ok
}

// readable reports whether a person can follow from a station on.
func (x *explainer[S]) readable(c *compiled[S], station *frontier.Station[S], last int32) bool {
	states := map[S]bool{}
	for _, config := range station.Configs {
		states[config.State] = true
	}
	return len(states) <= startStates && len(station.Configs) <= startLimit && c.shown(station, last) <= handful
}

// shown counts the operations that a person has to follow from a station on.
func (c *compiled[S]) shown(station *frontier.Station[S], last int32) int {
	n := 0
	for _, op := range c.suffix(station, last) {
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
func (c *compiled[S]) suffix(station *frontier.Station[S], last int32) []int32 {
	now, until := c.problem.Ops[station.At].Return, c.problem.Ops[last].Return
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
func (x *explainer[S]) begin(c *compiled[S], station *frontier.Station[S], last int32) (Explanation, bool) {
	list := c.suffix(station, last)
	o := &Object{H: c.object.H, Key: c.object.Key, First: c.object.First, Anything: c.object.Anything}
	for _, n := range list {
		place := c.places[n]
		o.Ops, o.Index = append(o.Ops, c.object.Ops[place]), append(o.Index, c.object.Index[place])
	}
	start := make([]frontier.Config[S], len(station.Configs))
	for i, config := range station.Configs {
		start[i].State = config.State
		for _, op := range config.Taken {
			if at, in := slices.BinarySearch(list, op); in {
				start[i].Taken = append(start[i].Taken, int32(at))
			}
		}
	}
	begun := 0 // operations that may be taken at the start
	for begun < len(list) && int(list[begun]) < station.Calls {
		begun++
	}
	if len(o.Ops) <= 18 { // trying every order takes no time then; the search has decided the rest
		if legal, err := c.spec.forceFrom(o, start); err != nil || legal {
			return Explanation{}, false
		}
		o, start = x.fewFrom(c, o, start, c.object.Index[c.places[last]])
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
	told := Explanation{Open: len(o.Ops) - len(shown.Ops), Refuted: x.object.placeOf(c.object.Index[c.places[last]]), Before: station.Calls - begun}
	x.place(&told, shown)
	var states []S
	for _, config := range start {
		states = append(states, config.State)
	}
	told.Start = x.states(&c.spec, c.object, states)
	return told, true
}

// returned reports whether an operation of the history was answered: then the cut
// made it unknown, and it is shown.
func (x *explainer[S]) returned(index int32) bool {
	return x.object.Ops[x.object.placeOf(index)].Outcome == history.OK
}

// fewFrom leaves out observers and forgets what it can, from given configurations. The
// operation that is refuted stays.
func (x *explainer[S]) fewFrom(c *compiled[S], o *Object, start []frontier.Config[S], refuted int32) (*Object, []frontier.Config[S]) {
	for i := 0; i < len(o.Ops); {
		if c.spec.observes(o.Op(i)) && o.Index[i] != refuted {
			less, fewer := leaveOut(o, start, i)
			if legal, err := c.spec.forceFrom(less, fewer); err == nil && !legal {
				o, start = less, fewer
				continue
			}
		}
		i++
	}
	for i := range o.Ops {
		if o.Ops[i].Outcome != history.OK || c.spec.observes(o.Op(i)) || o.Index[i] == refuted {
			continue
		}
		ops := slices.Clone(o.Ops)
		ops[i] = forgotten(ops[i])
		less := o.with(ops, o.Index)
		if legal, err := c.spec.forceFrom(less, start); err == nil && !legal {
			o = less
		}
	}
	return o, start
}

// leaveOut takes the operation at a place out of an object and of configurations.
func leaveOut[S comparable](o *Object, start []frontier.Config[S], place int) (*Object, []frontier.Config[S]) {
	fewer := make([]frontier.Config[S], len(start))
	for i, config := range start {
		fewer[i].State = config.State
		for _, op := range config.Taken {
			switch {
			case int(op) < place:
				fewer[i].Taken = append(fewer[i].Taken, op)
			case int(op) > place:
				fewer[i].Taken = append(fewer[i].Taken, op-1)
			}
		}
	}
	return o.filter(func(i int) bool { return i != place }), fewer
}
