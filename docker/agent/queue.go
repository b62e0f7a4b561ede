package main

import (
	"container/heap"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/link"
)

// What waits in the queue of one agent. A packet that finds it full is lost, as in
// a router, and counted as missed.
const (
	heldMax      = 16384
	heldBytesMax = 16 << 20
)

// queue is the engine of the effects on single packets: those of the flows to this
// node, that rules of the kernel send here. doc.go says where it stands and why.
type queue struct {
	kernel *netfilterQueue
	copies *copies
	log    func(format string, args ...any)
	ended  chan struct{} // closed when nothing is read any more

	complained sync.Once

	mu      sync.Mutex
	closed  bool
	effects map[string]*queuedEffect
	flows   map[netip.Addr]*inflow
	held    waiting
	bytes   int    // of what is held
	number  uint64 // of the newest packet
	lastID  uint32 // the kernel's, of the newest packet
	timer   *time.Timer
	buffer  []byte
}

// inflow is one flow to this node.
type inflow struct {
	flow   link.Flow
	stages []*stage
	passed uint64 // the highest number that has left
}

// held is a packet that waits.
type held struct {
	id      uint32
	number  uint64
	flow    *inflow
	header  header
	size    int
	arrived time.Time
	due     time.Time
	steps   []step
	data    []byte // a copy of the packet, where it was changed or is sent twice
	changed bool
	twice   []*stage // the stages that send it once more
}

// step is a stage in which a packet waits, or has.
type step struct {
	stage *stage
	wait  time.Duration
	out   time.Time
}

// waiting are the packets that wait, the next to leave first.
type waiting []*held

func (w waiting) Len() int      { return len(w) }
func (w waiting) Swap(i, j int) { w[i], w[j] = w[j], w[i] }
func (w waiting) Less(i, j int) bool {
	if !w[i].due.Equal(w[j].due) {
		return w[i].due.Before(w[j].due)
	}
	return w[i].number < w[j].number
}
func (w *waiting) Push(h any) { *w = append(*w, h.(*held)) }
func (w *waiting) Pop() any {
	last := len(*w) - 1
	h := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	return h
}

// openQueue begins to answer for the kernel's queue.
func openQueue(c *copies, log func(format string, args ...any)) (*queue, error) {
	kernel, err := openNetfilterQueue()
	if err != nil {
		return nil, err
	}
	q := &queue{
		kernel: kernel, copies: c, log: log, ended: make(chan struct{}),
		effects: map[string]*queuedEffect{}, flows: map[netip.Addr]*inflow{}, buffer: make([]byte, packetMax),
	}
	q.timer = time.AfterFunc(math.MaxInt64, q.release)
	go q.serve()
	return q, nil
}

// serve takes packets until the queue is closed.
func (q *queue) serve() {
	defer close(q.ended)
	err := q.kernel.raw.Read(func(fd uintptr) bool { return !q.drain(int(fd)) })
	q.mu.Lock()
	closed := q.closed
	q.mu.Unlock()
	if !closed {
		// Nobody judges any more, so nothing may be sent here any more: closing the
		// socket lets packets pass.
		q.log("the queue of packets has ended, and all of them pass: %v", err)
		q.kernel.close()
	}
}

// drain takes what there is, and reports whether the queue can go on. A packet is
// read and judged under one lock, so that closing never finds one in between.
func (q *queue) drain(fd int) bool {
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return false
		}
		p, ok, err := q.kernel.receive(fd, q.buffer)
		if ok {
			q.take(p, time.Now())
		}
		q.mu.Unlock()
		if err != nil {
			q.log("%v", err)
			return false
		}
		if !ok {
			return true
		}
	}
}

// close lets everything pass that waits. The rules are gone by now, so what the
// kernel still has for us is the last.
func (q *queue) close() error {
	q.mu.Lock()
	q.flows = map[netip.Addr]*inflow{}
	var reading error
	err := q.kernel.raw.Control(func(fd uintptr) {
		for ok := true; ok && reading == nil; {
			var p asked
			if p, ok, reading = q.kernel.receive(int(fd), q.buffer); ok {
				q.take(p, time.Now())
			}
		}
	})
	for len(q.held) > 0 {
		q.pass(heap.Pop(&q.held).(*held))
	}
	q.closed = true
	q.timer.Stop()
	q.mu.Unlock()
	if err = errors.Join(err, reading, q.kernel.close()); err != nil {
		err = fmt.Errorf("close the queue of packets: %w", err)
	}
	<-q.ended
	return err
}

// apply puts an effect on flows, each given with the addresses that it comes from.
func (q *queue) apply(id string, e link.Effect, flows map[link.Flow][]netip.Addr) {
	q.mu.Lock()
	defer q.mu.Unlock()
	effect := &queuedEffect{Effect: e}
	q.effects[id] = effect
	for flow, addresses := range flows {
		f := q.flows[addresses[0]]
		if f == nil {
			f = &inflow{flow: flow}
			for _, a := range addresses {
				q.flows[a] = f
			}
		}
		f.stages = append(f.stages, newStage(effect, flow))
		slices.SortStableFunc(f.stages, byOrder)
	}
}

// undo takes effects away and returns what they did. What waited for nothing else
// leaves at once, in order.
func (q *queue) undo(ids ...string) map[string]link.Count {
	q.mu.Lock()
	defer q.mu.Unlock()
	counts := map[string]link.Count{}
	now := time.Now()
	for _, id := range ids {
		effect := q.effects[id]
		if effect == nil {
			continue
		}
		delete(q.effects, id)
		for _, f := range q.flows {
			i := slices.IndexFunc(f.stages, func(s *stage) bool { return s.effect == effect })
			if i >= 0 { // a flow is there once for each of its addresses
				gone := f.stages[i]
				f.stages = slices.Delete(f.stages, i, i+1)
				q.reschedule(f, gone, now)
			}
		}
		counts[id] = effect.count
	}
	heap.Init(&q.held)
	q.releaseDue(now)
	return counts
}

// reschedule decides anew when the packets of a flow leave, after a stage is gone.
// Only what had not left that stage, and the stages behind it, changes.
func (q *queue) reschedule(f *inflow, gone *stage, now time.Time) {
	var of []*held
	for _, h := range q.held {
		if h.flow == f {
			of = append(of, h)
		}
	}
	slices.SortFunc(of, func(a, b *held) int { return int(int64(a.number - b.number)) })
	for _, s := range f.stages {
		s.last = time.Time{}
	}
	for _, h := range of {
		at, changed := h.arrived, false
		steps := h.steps[:0]
		for _, p := range h.steps {
			if p.stage == gone {
				changed = true
				continue
			}
			if changed && p.out.After(now) {
				enters := at
				if p.stage.effect.Action == link.Throttle {
					enters = latest(at, now) // a line makes up for nothing
				}
				p.out = p.stage.leaves(enters, p.wait, h.size)
			} else if p.stage.effect.Action != link.Reorder {
				p.stage.last = latest(p.stage.last, p.out)
			}
			at = p.out
			steps = append(steps, p)
		}
		h.steps, h.due = steps, at
	}
}

// discard loses what waits of the flows that a cut has just been laid on.
func (q *queue) discard(e link.Effect, flows []link.Flow) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held = slices.DeleteFunc(q.held, func(h *held) bool {
		cut := slices.Contains(flows, h.flow.flow) && h.header.meets(e)
		if cut {
			q.bytes -= h.size
			q.judge(h.id, verdictDrop, nil)
		}
		return cut
	})
	heap.Init(&q.held)
}

func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.effects) == 0
}

// count is what an effect in force has done so far.
func (q *queue) count(id string) link.Count {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e := q.effects[id]; e != nil {
		return e.count
	}
	return link.Count{}
}
