package history

import "context"

// acks is how many operations were acknowledged, and who waits for more. It is
// guarded by the recorder's lock.
type acks struct {
	count   int64
	waiting map[*ackWait]struct{}
}

type ackWait struct {
	count   int64
	reached chan struct{}
}

// completed counts an operation that ended, and wakes who waited for it.
func (r *Recorder) completed(kind Kind, outcome Outcome) {
	r.counts.completed[kind][outcome].Add(1)
	if outcome != OK {
		return
	}
	r.acks.count++
	for w := range r.acks.waiting {
		if r.acks.count >= w.count {
			close(w.reached)
			delete(r.acks.waiting, w)
		}
	}
}

// Acknowledged is how many operations ended with [OK] so far.
func (r *Recorder) Acknowledged() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.acks.count
}

// AwaitAcknowledged returns as soon as that many operations, counted from the run's
// beginning, have ended with [OK]. The error is that of a context that ended first.
func (r *Recorder) AwaitAcknowledged(ctx context.Context, count int64) error {
	r.mu.Lock()
	if r.acks.count >= count {
		r.mu.Unlock()
		return nil
	}
	if r.acks.waiting == nil {
		r.acks.waiting = map[*ackWait]struct{}{}
	}
	w := &ackWait{count: count, reached: make(chan struct{})}
	r.acks.waiting[w] = struct{}{}
	r.mu.Unlock()
	select {
	case <-w.reached:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.acks.waiting, w)
	return context.Cause(ctx)
}
