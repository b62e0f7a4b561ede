package fault

import (
	"context"
	"sync"
)

// notHere marks the error of a fault that has nothing to fall on now: it does not
// apply, or its target can't be found. In a mix it is left out.
type notHere struct{ error }

func (n notHere) Unwrap() error { return n.error }

// chains are the mixes and rolling faults of a plan: each a number of steps that
// follow one another also where one took long to inject or to heal.
type chains map[int][]*life

// life is how far a step of a chain is.
type life struct {
	place                 int
	healing, done         chan struct{}
	onceHealing, onceDone sync.Once
}

// heals says that the step's fault is being undone.
func (l *life) heals() { l.onceHealing.Do(func() { close(l.healing) }) }

// healed says that the step is over, however it ended.
func (l *life) healed() {
	l.heals()
	l.onceDone.Do(func() { close(l.done) })
}

// join adds a step, and returns what it has to wait for: that all steps of earlier
// places are over; of the place before it, where the step overlaps with it, only
// that their undoing has begun.
func (c chains) join(step Step) (mine *life, before []<-chan struct{}) {
	mine = &life{place: step.place, healing: make(chan struct{}), done: make(chan struct{})}
	if step.chain == 0 {
		return mine, nil
	}
	for _, other := range c[step.chain] {
		switch {
		case other.place >= step.place:
		case step.overlap && other.place == step.place-1:
			before = append(before, other.healing)
		default:
			before = append(before, other.done)
		}
	}
	c[step.chain] = append(c[step.chain], mine)
	return mine, before
}

// waitForAll waits until all channels are closed; false means that the context ended first.
func waitForAll(ctx context.Context, all []<-chan struct{}) bool {
	for _, done := range all {
		select {
		case <-done:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// kindOf says what kind of fault was injected, and by what.
func (in *Injector) kindOf(f Fault, act Act) string {
	engine := ""
	if named, is := act.(interface{ EngineName() string }); is {
		engine = named.EngineName()
	} else if in.world.Runtime != "" {
		engine = Engine(f, in.world.Runtime)
	}
	if engine == "" {
		return f.FaultName()
	}
	return f.FaultName() + " by " + engine
}
