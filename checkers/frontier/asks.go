package frontier

func (e *engine[S]) countAsks() {
	e.asks, e.asking, e.lastAsk = make([][]int32, len(e.p.Ops)), make([]int32, e.p.Asked), make([]int64, e.p.Asked)
	for n := range e.p.Ops {
		if e.p.Ops[n].Return == Never {
			continue
		}
		e.asks[n] = e.p.Asks(int32(n), nil)
		for _, number := range e.asks[n] {
			e.asking[number]++
			e.lastAsk[number] = max(e.lastAsk[number], e.p.Ops[n].Call)
		}
	}
}

// countCalled notes that an answered operation was called, or was not.
func (e *engine[S]) countCalled(n, change int32) {
	if e.p.Asks == nil {
		return
	}
	for _, number := range e.asks[n] {
		e.asking[number] += change
	}
}

// forsakes reports whether taking an operation left for good what another one asks for:
// one that is not called yet, or one under way that was not taken. Both have to be taken.
func (e *engine[S]) forsakes(made, row []uint64, taken int32) bool {
	from, to := e.states.all[uint32(row[0])], e.states.all[uint32(made[0])]
	e.left = e.p.Leaves(from, to, e.left[:0])
	for _, number := range e.left {
		if e.asking[number] > 0 {
			return true
		}
	}
	if len(e.left) == 0 {
		return false
	}
	return e.asksInVain(e.underway, made, taken) || e.asksInVain(e.observers, made, taken)
}

// tooSoon reports whether an operation made something so that another one asks for that
// is called later, though before that call one has to be taken that ends it.
func (e *engine[S]) tooSoon(made, row []uint64, returning int32, done bool) bool {
	if e.p.Ends == nil {
		return false
	}
	from, to := e.states.all[uint32(row[0])], e.states.all[uint32(made[0])]
	e.left = e.p.Leaves(to, from, e.left[:0]) // what is so now and was not
	for _, number := range e.left {
		if e.asking[number] == 0 {
			continue
		}
		if !done && e.p.Ends(returning, number) {
			return true
		}
		for _, n := range e.underway {
			if e.p.Ops[n].Return >= e.lastAsk[number] {
				break
			}
			if e.owes(made, n) && e.p.Ends(n, number) {
				return true
			}
		}
	}
	return false
}

func (e *engine[S]) asksInVain(list []int32, made []uint64, taken int32) bool {
	for _, n := range list {
		if n == taken || !e.owes(made, n) {
			continue
		}
		for _, number := range e.asks[n] {
			for _, left := range e.left {
				if number == left {
					return true
				}
			}
		}
	}
	return false
}
