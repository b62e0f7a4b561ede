package frontier

// explore tries all sequences of operations under way that end with n, from the
// configurations in work. What survives is put into after.
//
// Changes of unknown outcome are tried in rounds, one more of them in each. Where
// that may be put off, the first round with a survivor is the last.
func (e *engine[S]) explore(n int32) {
	done := 0
	unknown := e.pos <= e.wide // changes of unknown outcome count
	if e.p.Sees != nil {
		e.findWanted(n, unknown)
	}
	for {
		from := done
		for ; done < e.work.count(); done++ {
			if !e.work.dead[done] {
				e.extend(done, n, unknown)
			}
			if e.reason != "" {
				return
			}
		}
		if len(e.open) == 0 {
			return
		}
		if e.after.live > 0 && e.pos > e.wide {
			e.narrowed = true
			return
		}
		if !unknown {
			unknown, from, done = true, 0, 0
			if e.p.Sees != nil {
				e.findWanted(n, true)
			}
			continue // what depends on them may be worth taking too
		}
		for ; from < done; from++ {
			if !e.work.dead[from] {
				e.extendUnknown(from, n)
			}
			if e.reason != "" {
				return
			}
		}
		if done == e.work.count() {
			return
		}
	}
}

// extend takes, in one configuration, each answered operation that is under way.
func (e *engine[S]) extend(at int, returning int32, unknown bool) {
	row := e.work.row(at)
	leaving := e.mayLeave(row)
	if leaving == nobody {
		return
	}
	if e.p.Commute != nil {
		e.findRelevant(row, returning, unknown)
	}
	e.stamp++
	if op := &e.p.Ops[returning]; !op.Observer && (leaving == anybody || leaving == returning) {
		if op.Class != None {
			e.stamps[op.Class] = e.stamp
		}
		e.take(at, returning, returning)
	}
	for i, n := range e.underway {
		row = e.work.row(at)
		if e.has(row, n) || e.idle(row, n) || e.another(row, n) {
			continue
		}
		if (leaving == anybody || leaving == n) && (e.p.Commute == nil || e.relevant[i]) {
			e.take(at, n, returning)
		}
	}
}

// another reports whether an operation of the same class that returns before can be taken
// in place of one, and notes the one for those that follow. One of which it makes no
// difference whether it was taken can only stand for such: in place of one that is still
// to be taken it leaves more to do.
func (e *engine[S]) another(row []uint64, n int32) bool {
	class := e.p.Ops[n].Class
	if class == None {
		return false
	}
	if e.stamps[class] == e.stamp {
		return true
	}
	stamps := e.stamps
	if e.frees(row, n) {
		stamps = e.freeStamps
	}
	was := stamps[class] == e.stamp
	stamps[class] = e.stamp
	return was
}

// findRelevant finds which changes under way the returning operation depends on,
// directly or through others, in a configuration.
func (e *engine[S]) findRelevant(row []uint64, returning int32, unknown bool) {
	e.relevant = append(e.relevant[:0], make([]bool, len(e.underway))...)
	e.seen = append(e.seen[:0], make([]bool, len(e.observers))...)
	e.seenOpen = append(e.seenOpen[:0], make([]bool, len(e.open))...)
	list := append(e.list[:0], returning)
	untaken := func(n int32) bool {
		slot := e.slots[n]
		return row[1+slot/64]>>(slot%64)&1 == 0
	}
	for i := 0; i < len(list); i++ {
		for j, n := range e.underway {
			if !e.relevant[j] && untaken(n) && !e.p.Commute(n, list[i]) {
				e.relevant[j] = true
				list = append(list, n)
			}
		}
		for j, n := range e.observers {
			if !e.seen[j] && untaken(n) && !e.p.Commute(n, list[i]) {
				e.seen[j] = true
				list = append(list, n)
			}
		}
		if !unknown {
			continue
		}
		for j, class := range e.open {
			if n := e.sample[class]; !e.seenOpen[j] && !e.p.Commute(n, list[i]) {
				e.seenOpen[j] = true
				list = append(list, n)
			}
		}
	}
	e.list = list
}

// extendUnknown takes, in one configuration, one change of unknown outcome of each class.
func (e *engine[S]) extendUnknown(at int, returning int32) {
	row := e.work.row(at)
	if e.mayLeave(row) != anybody {
		return
	}
	if e.p.Commute != nil {
		e.findRelevant(row, returning, true)
	}
	list := e.open
	if e.p.Commute == nil {
		list = e.worthwhile(row)
	}
	for i, class := range list {
		if e.p.Commute != nil && !e.seenOpen[i] {
			continue
		}
		if e.usages.count(uint32(e.work.row(at)[0]>>32), class) < uint32(e.called[class]) {
			e.take(at, e.sample[class], returning)
		}
	}
}

const (
	anybody = int32(-1)
	nobody  = int32(-2)
)

// mayLeave says which operation may change a configuration's state: anybody's, that
// of the one under way that needs this very state, or nobody's.
func (e *engine[S]) mayLeave(row []uint64) int32 {
	hold := e.states.holds[uint32(row[0])]
	if hold == None {
		return anybody
	}
	if e.pending[hold] > 0 {
		return nobody
	}
	only := anybody
	for _, n := range e.underway {
		if e.p.Ops[n].Needs != hold {
			continue
		}
		if e.has(row, n) {
			continue
		}
		if only != anybody {
			return nobody // the other one will never be legal
		}
		only = n
	}
	return only
}

// take tries one operation in a configuration of work.
func (e *engine[S]) take(at int, n, returning int32) {
	e.answer.Steps++
	if e.since++; e.since >= lookEvery {
		e.since = 0
		e.look()
	}
	row := e.work.row(at)
	state := uint32(row[0])
	op := &e.p.Ops[n]
	if op.Needs != None && op.Needs != e.states.holds[state] {
		return
	}
	usage := uint32(row[0] >> 32)
	if op.Return == Never {
		usage = e.usages.plus(usage, op.Class)
	}
	if e.p.Branch == nil {
		if next, ok := e.p.Step(e.states.all[state], n); ok {
			e.arrive(at, n, returning, next, usage)
		}
		return
	}
	e.many = e.p.Branch(e.states.all[state], n, e.many[:0])
	for i := 0; i < len(e.many); i++ {
		e.arrive(at, n, returning, e.many[i], usage)
	}
}

// arrive puts the configuration that taking n leads to where it belongs.
func (e *engine[S]) arrive(at int, n, returning int32, next S, usage uint32) {
	row := e.work.row(at)
	state := e.states.number(next)
	if e.p.Ops[n].Return == Never && state == uint32(row[0]) {
		return // as good as never
	}
	made := e.row
	copy(made, row)
	made[0] = rowOf(state, usage)
	if n != returning {
		if slot := e.slots[n]; slot != None {
			made[1+slot/64] |= 1 << (slot % 64)
			if e.masks.free {
				made[1+e.words+int(slot/64)] &^= 1 << (slot % 64)
			}
		}
	}
	if e.masks.free && e.p.Ops[n].Overwrites {
		for i, blind := range e.masks.blind {
			made[1+e.words+i] |= blind &^ made[1+i]
		}
	}
	if state != uint32(row[0]) {
		many := e.many
		e.many = nil // settle may branch too
		e.settle(made, e.observers)
		e.many = many
	}
	done := n == returning || e.p.Ops[returning].Observer && e.sees(state, returning)
	if state != uint32(row[0]) && (e.hopeless(made, done) || e.p.Leaves != nil && (e.forsakes(made, row, n) || e.tooSoon(made, row, returning, done))) {
		return
	}
	if done {
		e.after.put(made, &e.masks, &e.usages)
	} else {
		e.work.put(made, &e.masks, &e.usages)
	}
}

// hopeless reports whether a state must not be left until an operation is called
// that needs it, while before that another change returns, or an observer that is not
// legal in it. done says that the operation that returns now was taken.
func (e *engine[S]) hopeless(row []uint64, done bool) bool {
	if e.p.Lost != nil && e.losesAny(row) {
		return true
	}
	hold := e.states.holds[uint32(row[0])]
	if hold == None || e.pending[hold] == 0 {
		return false
	}
	until := e.lastCall[hold]
	if !done || e.soonest[e.calls] < until {
		return true
	}
	for _, n := range e.underway {
		if e.p.Ops[n].Return >= until {
			break
		}
		if e.owes(row, n) {
			return true
		}
	}
	for _, n := range e.observers {
		if e.p.Ops[n].Return < until {
			if slot := e.slots[n]; row[1+slot/64]>>(slot%64)&1 == 0 {
				return true
			}
		}
	}
	return false
}

// sees reports whether the observer that returns is legal in a state.
func (e *engine[S]) sees(state uint32, n int32) bool {
	if needs := e.p.Ops[n].Needs; needs != None && needs != e.states.holds[state] {
		return false
	}
	e.answer.Steps++
	if e.p.Branch == nil {
		_, ok := e.p.Step(e.states.all[state], n)
		return ok
	}
	return len(e.p.Branch(e.states.all[state], n, nil)) > 0
}

// losesAny reports whether an observer that must be taken never can be: one under
// way that was not taken, or the next that is called.
func (e *engine[S]) losesAny(row []uint64) bool {
	state := e.states.all[uint32(row[0])]
	for _, n := range e.observers {
		if slot := e.slots[n]; row[1+slot/64]>>(slot%64)&1 == 0 && e.p.Lost(state, n) {
			return true
		}
	}
	next := e.following[e.calls]
	return next != None && e.p.Lost(state, next)
}
