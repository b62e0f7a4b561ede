package store

import (
	"context"
	"sync"
)

// barriers lets reads share barriers. A barrier is a log entry: it is answered
// once a majority stored it and everything before it was applied here.
//
// A read may only use a barrier that began after the read was asked for, so those
// that come while one is under way wait for the next, together.
//
// Why not raft's VerifyLeader, which needs no entry? It counts any heartbeat that
// is answered after the question was asked, also one that was sent before. Let n1
// lead and be stopped (or the answers to it be held back) with such an answer on
// its way; n2 is elected and acknowledges a write; n1 goes on, is asked to read,
// and takes the old answer for a fresh vote before it hears of n2: a stale read.
// An entry can't be acknowledged before it was sent. For the same reason a fresh
// leader needs no special care: its barrier is an entry of its own term.
type barriers struct {
	issue func() error // issues one barrier and waits for it

	mu      sync.Mutex
	next    *barrierRound // the one that has not begun; nil where nobody waits
	running bool
}

type barrierRound struct {
	done chan struct{}
	err  error // set before done is closed
}

// wait returns nil once a barrier that began after the call has passed.
func (b *barriers) wait(ctx context.Context) error {
	b.mu.Lock()
	if b.next == nil {
		b.next = &barrierRound{done: make(chan struct{})}
	}
	round := b.next
	if !b.running {
		b.running = true
		go b.run()
	}
	b.mu.Unlock()
	select {
	case <-round.done:
		return round.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run issues barriers for as long as somebody waits for one.
func (b *barriers) run() {
	for {
		b.mu.Lock()
		round := b.next
		b.next = nil
		if round == nil {
			b.running = false
			b.mu.Unlock()
			return
		}
		b.mu.Unlock()
		round.err = b.issue()
		close(round.done)
	}
}
