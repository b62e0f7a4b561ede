package frontier

import "time"

// The loose search.
//
// It goes through the events once, never back, and joins all configurations of one
// state that took the same answered changes into one: it took all observers that
// any of them took, and of the changes of unknown outcome no more of each class than
// all of them took. This one dominates each of them, so whatever can follow one of
// them can follow it; and what can follow it, perhaps nothing can follow. So if
// the loose search finds no order there is none. If it finds one that proves nothing.
//
// There is one configuration for each state and set of changes, whatever the number of
// unknown outcomes; while all ways to have used these grow without bound. It
// is asked where the search has to go back far, or for long.

// loose is a loose search that follows another one.
type loose[S comparable] struct {
	engine *engine[S] // nil once it was given up
	held   int64
}

const (
	// patience is how many steps are made, after going back, before the loose search is
	// asked, and looseSteps how many steps it may make for each that was made.
	patience   = 1 << 17
	looseSteps = 8
	// looseShare is the part of the time that is left that it may take.
	looseShare = 3
)

func newLoose[S comparable](e *engine[S]) *loose[S] {
	limits := e.limits
	if !limits.Deadline.IsZero() {
		limits.Deadline = time.Now().Add(time.Until(limits.Deadline) / looseShare)
	}
	limits.Bytes /= 2
	l := &loose[S]{engine: newEngine(e.ctx, e.p, limits)}
	l.engine.loosen()
	return l
}

// loosen makes a search a loose one.
func (e *engine[S]) loosen() {
	e.joined, e.work.joined, e.after.joined = true, true, true
	e.wide, e.full = len(e.events), len(e.events)
}

// refutedLoosely takes the loose search up to an event, and reports whether no
// configuration was left there: then that is the answer.
func (e *engine[S]) refutedLoosely(until int) bool {
	if e.loose == nil {
		e.loose = newLoose(e)
	}
	e.patience = e.answer.Steps + patience
	other := e.loose.engine
	if other == nil {
		return false
	}
	most := looseSteps*e.answer.Steps + 1<<22
	for other.pos < until && len(other.rows) > 0 && other.reason == "" && other.answer.Steps < most {
		other.next()
	}
	e.loose.held = other.answer.Bytes
	switch {
	case other.reason != "" || other.answer.Steps >= most:
		e.loose.engine = nil
		return false
	case len(other.rows) > 0:
		return false
	}
	steps := e.answer.Steps + other.answer.Steps
	widest, held := max(e.answer.Widest, other.answer.Widest), max(e.answer.Bytes, other.answer.Bytes)
	e.answer = other.answer
	e.answer.Verdict, e.answer.Steps, e.answer.Widest, e.answer.Bytes = Illegal, steps, widest, held
	e.handled, e.refuted = other.handled, true
	return true
}
