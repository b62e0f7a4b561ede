package frontier

// Which operations are worth taking before the one that returns.
//
// Let x be an operation that leads to a state s, taken in a sequence that ends with the
// operation that returns, and y what is taken next. If y overwrites, and no observer was
// taken in s, then x may as well be left out: where x is of unknown outcome, the same
// sequence without it comes to the same with less; where x is blind, it comes to a
// configuration for which it makes no difference whether x was taken (see doc.go). Else y
// is legal in s. So x is worth taking only where s is wanted: where it is the one state in
// which an operation is legal that is under way, or that is of unknown outcome and itself
// worth taking. [Problem.Sees] says which state that is.

// wanted is which states are wanted before one return.
type wanted struct {
	stamps  []int32 // by state: the last time that it was wanted
	stamp   int32
	choosy  []int32 // observers under way that are legal in several states
	all     bool    // a change under way is: anything may be worth taking
	worth   []int32 // open classes that are worth taking
	results []int32 // by class: one more than the state that it leads to, 0 where not looked up
}

// findWanted finds which states are wanted before an operation returns.
func (e *engine[S]) findWanted(returning int32, unknown bool) {
	w := &e.wanted
	w.stamp++
	w.choosy, w.worth, w.all = w.choosy[:0], w.worth[:0], false
	e.want(returning)
	for _, list := range [][]int32{e.observers, e.underway} {
		for _, n := range list {
			e.want(n)
		}
	}
	for more := unknown; more; {
		more = false
		for _, class := range e.open {
			n := e.sample[class]
			if e.p.Ops[n].Overwrites || !e.isWanted(e.leadsTo(n)) {
				continue
			}
			state, one := e.p.Sees(n)
			if !one {
				w.all = true
				return
			}
			more = e.wantState(e.states.number(state)) || more
		}
	}
	if !unknown {
		return
	}
	for _, class := range e.open {
		if e.isWanted(e.leadsTo(e.sample[class])) {
			w.worth = append(w.worth, class)
		}
	}
}

// want notes what an operation wants.
func (e *engine[S]) want(n int32) {
	op := &e.p.Ops[n]
	if op.Overwrites {
		return
	}
	switch state, one := e.p.Sees(n); {
	case one:
		e.wantState(e.states.number(state))
	case op.Observer:
		e.wanted.choosy = append(e.wanted.choosy, n)
	default:
		e.wanted.all = true
	}
}

// wantState reports whether a state was not wanted yet.
func (e *engine[S]) wantState(state uint32) bool {
	w := &e.wanted
	for int(state) >= len(w.stamps) {
		w.stamps = append(w.stamps, 0)
	}
	was := w.stamps[state]
	w.stamps[state] = w.stamp
	return was != w.stamp
}

// isWanted reports whether a state is wanted, which it is not known to be where it is None.
func (e *engine[S]) isWanted(state int32) bool {
	w := &e.wanted
	return state == None || int(state) < len(w.stamps) && w.stamps[state] == w.stamp
}

// leadsTo is the state that an operation leads to, None where that may be several.
func (e *engine[S]) leadsTo(n int32) int32 {
	class := e.p.Ops[n].Class
	if class != None && e.wanted.results[class] != 0 {
		return e.wanted.results[class] - 1
	}
	from, one := e.p.Start[0].State, e.p.Ops[n].Overwrites
	if !one {
		from, one = e.p.Sees(n)
	}
	if !one {
		return None
	}
	next, ok := e.p.Step(from, n)
	if !ok {
		return None
	}
	state := int32(e.states.number(next))
	if class != None {
		e.wanted.results[class] = state + 1
	}
	return state
}

// idle reports whether it is not worth taking an operation in a configuration.
func (e *engine[S]) idle(row []uint64, n int32) bool {
	op := &e.p.Ops[n]
	if e.p.Sees == nil || !op.Overwrites || !e.masks.free || !op.Blind {
		return false
	}
	return !e.anything(row) && !e.isWanted(e.leadsTo(n))
}

// anything reports whether anything may be worth taking in a configuration.
func (e *engine[S]) anything(row []uint64) bool {
	if e.wanted.all {
		return true
	}
	for _, n := range e.wanted.choosy {
		if !e.has(row, n) {
			return true
		}
	}
	return false
}

// worthwhile lists the open classes that are worth taking in a configuration.
func (e *engine[S]) worthwhile(row []uint64) []int32 {
	if e.p.Sees == nil || e.anything(row) {
		return e.open
	}
	return e.wanted.worth
}
