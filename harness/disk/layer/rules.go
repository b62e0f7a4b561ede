package layer

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/disk"
)

// pastMax bounds the counts that are kept of rules that were undone.
const pastMax = 1000

// rules are those in force.
type rules struct {
	some atomic.Bool // whether there are any, so that an undisturbed disk asks nothing

	mu      sync.Mutex
	inForce map[string]*rule
	past    map[string]disk.Count
	order   []string // the ids in past, oldest first
}

// rule is one in force; its fields but the constant ones are guarded by rules.mu.
type rule struct {
	rule    disk.Rule
	matcher disk.Matcher
	undone  chan struct{} // closed when it is

	random *rand.Rand
	count  disk.Count
	free   time.Time // for Throttle: when what passed until now is through
}

func newRules() *rules {
	return &rules{inForce: map[string]*rule{}, past: map[string]disk.Count{}}
}

func (r *rules) any() bool { return r.some.Load() }

func (r *rules) apply(id string, one disk.Rule) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.inForce[id]; old != nil {
		same := old.rule
		ops := slices.Equal(same.Ops, one.Ops)
		same.Ops, one.Ops = nil, nil
		if ops && fmt.Sprint(same) == fmt.Sprint(one) {
			return nil
		}
		return fmt.Errorf("another rule is in force under the id %q: undo it first", id)
	}
	r.inForce[id] = &rule{
		rule: one, matcher: one.Matcher(), undone: make(chan struct{}),
		random: rand.New(rand.NewPCG(one.Seed, 0)),
	}
	r.some.Store(true)
	return nil
}

func (r *rules) undo(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.undoLocked(id)
}

func (r *rules) undoLocked(id string) {
	one := r.inForce[id]
	if one == nil {
		return
	}
	close(one.undone)
	delete(r.inForce, id)
	r.some.Store(len(r.inForce) > 0)
	old, again := r.past[id]
	if !again {
		r.order = append(r.order, id)
		if len(r.order) > pastMax {
			delete(r.past, r.order[0])
			r.order = r.order[1:]
		}
	}
	r.past[id] = disk.Count{Times: old.Times + one.count.Times, Bytes: old.Bytes + one.count.Bytes}
}

func (r *rules) heal() (undone []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	undone = slices.Sorted(maps.Keys(r.inForce))
	for _, id := range undone {
		r.undoLocked(id)
	}
	return undone
}

func (r *rules) active() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.inForce))
}

func (r *rules) count(id string) disk.Count {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := r.past[id]
	if one := r.inForce[id]; one != nil {
		count.Times += one.count.Times
		count.Bytes += one.count.Bytes
	}
	return count
}

// wait is what a request has to wait for.
type wait struct {
	until  time.Time // zero: for ever
	undone chan struct{}
}

// meet lets the rules act on a request: it waits, and returns how many of its
// bytes it may move, or the error that it ends with. A signal to who sent it does not
// end its wait: on a disk of the kernel's nothing is interrupted, and many a program
// takes EINTR of an fsync for an error of the disk. Who is killed ends with the wait.
func (r *rules) meet(op disk.Op, paths []string, bytes int, part bool) (allowed int, errno unix.Errno) {
	waits, allowed, errno := r.judge(op, paths, bytes, part)
	for _, w := range waits {
		var timer <-chan time.Time
		if !w.until.IsZero() {
			t := time.NewTimer(time.Until(w.until))
			defer t.Stop()
			timer = t.C
		}
		select {
		case <-timer:
		case <-w.undone:
		}
	}
	return allowed, errno
}

// judge is what the rules say, in the order of their ids.
func (r *rules) judge(op disk.Op, paths []string, bytes int, part bool) (waits []wait, allowed int, errno unix.Errno) {
	r.mu.Lock()
	defer r.mu.Unlock()
	allowed = bytes
	for _, id := range slices.Sorted(maps.Keys(r.inForce)) {
		one := r.inForce[id]
		if !one.bites(op, paths, allowed, part) {
			continue
		}
		one.count.Times++
		one.count.Bytes += uint64(allowed)
		switch one.rule.Action {
		case disk.Fail:
			return waits, 0, one.rule.Errno()
		case disk.Short:
			allowed = 1 + one.random.IntN(allowed-1)
		case disk.Delay:
			waits = append(waits, wait{time.Now().Add(one.rule.Latency), one.undone})
		case disk.Stall:
			waits = append(waits, wait{undone: one.undone})
		case disk.Throttle:
			now := time.Now()
			if one.free.Before(now) {
				one.free = now
			}
			one.free = one.free.Add(time.Duration(float64(allowed) / float64(one.rule.BytesPerSecond) * float64(time.Second)))
			waits = append(waits, wait{one.free, one.undone})
		}
	}
	return waits, allowed, 0
}

func (r *rule) bites(op disk.Op, paths []string, bytes int, part bool) bool {
	switch {
	case !r.rule.About(op), !slices.ContainsFunc(paths, r.matcher.Match):
	case r.rule.Times > 0 && r.count.Times >= uint64(r.rule.Times):
	case r.rule.Action == disk.Short && (!part || bytes < 2):
	case r.rule.Action == disk.Throttle && bytes == 0:
	case r.rule.Probability > 0 && r.random.Float64() >= r.rule.Probability:
	default:
		return true
	}
	return false
}
