package frontier

import "context"

// RefutedLoosely asks the loose search alone, which else follows another one. Like
// there it is given up where it needs much memory: states may grow for ever in it.
func (p *Problem[S]) RefutedLoosely() bool {
	e := newEngine(context.Background(), p, Limits{Bytes: 1 << 20})
	e.loosen()
	for e.pos < len(e.events) && len(e.rows) > 0 && e.reason == "" {
		e.next()
	}
	return len(e.rows) == 0 && e.reason == ""
}
