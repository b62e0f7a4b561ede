package frontier

// leastKept is up to how many states are kept though no configuration is in them.
const leastKept = 1 << 13

// collect forgets states and usages that no configuration has.
func (e *engine[S]) collect() {
	if len(e.states.all) < e.keep && len(e.usages.ends) < e.keep {
		return
	}
	var states states[S]
	states.holdI, states.bytes = e.states.holdI, e.states.bytes
	states.reset()
	var usages usages
	usages.reset()
	move := func(rows []uint64) {
		for at := 0; at < len(rows); at += e.stride {
			state, usage := uint32(rows[at]), uint32(rows[at]>>32)
			rows[at] = rowOf(states.number(e.states.all[state]), usages.intern(e.usages.list(usage)))
		}
	}
	move(e.rows)
	for i := range e.saved {
		if e.saved[i].set {
			move(e.saved[i].rows)
		}
	}
	e.states, e.usages = states, usages
	clear(e.wanted.results)
	clear(e.wanted.stamps)
	e.keep = max(leastKept, 2*len(states.all), 2*len(usages.ends))
}

// checkpoint is a frontier to go back to.
type checkpoint struct {
	set, narrowed bool
	pos, handled  int
	rows          []uint64
}

// Checkpoints are kept at distances that grow by a factor of four: number k at the
// last return whose number is a multiple of 4^(k+2), the last one before the first
// change of unknown outcome is called.
const (
	savedKinds = 14
	firstBack  = 16
)

func (e *engine[S]) save() {
	if len(e.open) == 0 {
		return // nothing was put off, so nobody will go back before this
	}
	for k := range savedKinds - 1 {
		if e.handled&(1<<(2*k+4)-1) != 0 {
			return
		}
		e.saveAt(k)
	}
}

func (e *engine[S]) saveAt(k int) {
	c := &e.saved[k]
	c.set, c.narrowed, c.pos, c.handled = true, e.narrowed, e.pos, e.handled
	c.rows = append(c.rows[:0], e.rows...)
	if cap(c.rows) > 4*len(c.rows)+1024 {
		c.rows = append([]uint64(nil), e.rows...)
	}
}

// goBack returns to the latest checkpoint that is at least so many events before
// one, or to the first: from there on everything is tried up to that event.
func (e *engine[S]) goBack(dead, distance int) {
	best := &e.saved[savedKinds-1]
	for i := range e.saved {
		c := &e.saved[i]
		if c.set && c.pos <= dead-distance && c.pos > best.pos {
			best = c
		}
	}
	e.fromStart = best == &e.saved[savedKinds-1]
	for e.pos > best.pos {
		e.pos--
		e.undo(e.events[e.pos])
	}
	e.fresh = append(e.fresh[:0], e.observers...) // some were, perhaps, not settled yet
	e.rows = append(e.rows[:0], best.rows...)
	e.narrowed, e.handled, e.wide = best.narrowed, best.handled, dead
	for i := range e.saved {
		if e.saved[i].pos > best.pos {
			e.saved[i].set = false
		}
	}
}

// undo makes an event one that is still to come.
func (e *engine[S]) undo(event int32) {
	if event < 0 {
		if n := ^event; e.p.Ops[n].Observer {
			e.observers = append(e.observers, n)
		} else {
			e.addChange(n)
		}
		return
	}
	op := &e.p.Ops[event]
	e.calls = int(event)
	if op.Return == Never {
		if e.called[op.Class]--; e.called[op.Class] == 0 {
			e.open = e.open[:len(e.open)-1]
		}
		return
	}
	if op.Needs != None {
		e.pending[op.Needs]++
	}
	e.countCalled(event, 1)
	e.remove(event)
}
