package frontier

import "context"

// RefutedLoosely asks the loose search alone, which else follows another one.
func (p *Problem[S]) RefutedLoosely() bool {
	e := newEngine(context.Background(), p, Limits{})
	e.loosen()
	for e.pos < len(e.events) && len(e.rows) > 0 {
		e.next()
	}
	return len(e.rows) == 0
}
