package frontier

func (e *engine[S]) countAsks() {
	e.asks, e.asking = make([][]int32, len(e.p.Ops)), make([]int32, e.p.Asked)
	for n := range e.p.Ops {
		if e.p.Ops[n].Return == Never {
			continue
		}
		e.asks[n] = e.p.Asks(int32(n), nil)
		for _, number := range e.asks[n] {
			e.asking[number]++
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
