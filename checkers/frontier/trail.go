package frontier

import "context"

// Station is a moment of a search: just before an operation returns.
type Station[S comparable] struct {
	// At is the place of the operation that is about to return.
	At int32
	// Configs are all configurations that are possible then; those that another
	// dominates are left out.
	Configs []Config[S]
	// Calls is how many operations were called by then: the first ones of Ops.
	Calls int
}

// Trail returns the stations before the last returns, at most so many, up to that of an
// operation, or up to the first at which no configuration is left. There are none where a
// limit was reached. Configurations are joined (see loose.go): a station may have some
// that are not possible, besides one that dominates each that is.
func (p *Problem[S]) Trail(ctx context.Context, limits Limits, at int32, most int) []Station[S] {
	e := newEngine(ctx, p, limits)
	e.loosen()
	last := e.returnsBefore(at)
	for {
		trail, ends := e.trail(last, last-most+1)
		if e.reason != "" || len(trail) == most || ends == last {
			return trail
		}
		// It ends sooner: once more, now that it is known where.
		last = ends
		e = newEngine(ctx, p, limits)
		e.loosen()
	}
}

// trail goes on to the return with a number, and lists the stations from the first on.
func (e *engine[S]) trail(last, first int) (trail []Station[S], ends int) {
	for e.pos < len(e.events) {
		event := e.events[e.pos]
		if event < 0 && e.handled >= first {
			trail = append(trail, Station[S]{At: ^event, Configs: e.export(), Calls: e.pos - e.handled})
		}
		if event < 0 && e.handled == last {
			return trail, last
		}
		if e.next(); e.reason != "" {
			return nil, 0
		}
		if len(e.rows) == 0 {
			return trail, e.handled - 1
		}
	}
	return trail, last
}

// returnsBefore counts the returns before that of an operation.
func (e *engine[S]) returnsBefore(at int32) int {
	n := 0
	for _, event := range e.events {
		if event == ^at {
			break
		}
		if event < 0 {
			n++
		}
	}
	return n
}

// export lists the frontier's configurations.
func (e *engine[S]) export() []Config[S] {
	var configs []Config[S]
	for at := 0; at < len(e.rows); at += e.stride {
		row := e.rows[at : at+e.stride]
		e.settle(row, e.fresh)
		c := Config[S]{State: e.states.all[uint32(row[0])]}
		for _, list := range [][]int32{e.underway, e.observers} {
			for _, n := range list {
				if e.has(row, n) {
					c.Taken = append(c.Taken, n)
				} else if e.frees(row, n) {
					c.Free = append(c.Free, n)
				}
			}
		}
		c.Taken = append(c.Taken, e.takenUnknown(uint32(row[0]>>32))...)
		configs = append(configs, c)
	}
	return configs
}

// takenUnknown names operations for what a usage counts: the earliest of each class.
func (e *engine[S]) takenUnknown(usage uint32) []int32 {
	list := e.usages.list(usage)
	var taken []int32
	for i := 0; i < len(list); i += 2 {
		left := list[i+1]
		for n := 0; left > 0; n++ {
			if op := &e.p.Ops[n]; op.Return == Never && op.Class == int32(list[i]) {
				taken = append(taken, int32(n))
				left--
			}
		}
	}
	return taken
}
