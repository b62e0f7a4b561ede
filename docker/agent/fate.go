package main

import (
	"bytes"
	"container/heap"
	"fmt"
	"time"

	"github.com/seatrial/seatrial/harness/link"
)

// take decides what becomes of a packet; the caller has q.mu.
func (q *queue) take(p asked, now time.Time) {
	q.number++
	q.missed(p.id)
	h := &held{id: p.id, number: q.number, size: p.size, arrived: now, due: now}
	var ok bool
	if h.header, ok = parseHeader(p.data); ok {
		h.flow = q.flows[h.header.from]
	}
	if h.flow == nil { // its effects have just been undone
		q.judge(p.id, verdictAccept, nil)
		return
	}
	h.data = p.data
	for _, s := range h.flow.stages {
		if h.header.meets(s.effect.Effect) && !h.enter(s, p) {
			q.judge(p.id, verdictDrop, nil)
			return
		}
	}
	if !h.due.After(now) {
		q.pass(h)
		return
	}
	if len(q.held) >= heldMax || q.bytes+h.size > heldBytesMax {
		for _, step := range h.steps {
			step.stage.effect.count.Missed++
		}
		q.judge(p.id, verdictDrop, nil)
		return
	}
	if h.changed || len(h.twice) > 0 {
		h.data = bytes.Clone(p.data) // the next packet takes its place
	} else {
		h.data = nil
	}
	q.bytes += h.size
	heap.Push(&q.held, h)
	if q.held[0] == h {
		q.timer.Reset(time.Until(h.due))
	}
}

// missed counts the packets that the kernel could not give us and let pass: it
// numbers those too.
func (q *queue) missed(id uint32) {
	gap := id - q.lastID - 1
	q.lastID = id
	for _, e := range q.effects {
		e.count.Missed += uint64(gap)
	}
}

// enter sends a packet through a stage, and reports whether it comes out of it.
func (h *held) enter(s *stage, p asked) bool {
	switch e := s.effect; e.Action {
	case link.Lose:
		if s.falls() {
			e.bit(h.size)
			return false
		}
	case link.Corrupt:
		// What the kernel gave only in part can't be put back.
		if s.falls() && len(p.data) == p.size && h.header.flip(p.data, s.draws) {
			e.bit(h.size)
			h.changed = true
		}
	case link.Duplicate:
		if s.falls() && len(p.data) == p.size {
			h.twice = append(h.twice, s)
		}
	case link.Throttle:
		if !s.room(h.due, h.size) {
			e.bit(h.size)
			return false
		}
		h.waits(s, 0)
		e.bit(h.size)
	case link.Delay:
		h.waits(s, s.wait())
		e.bit(h.size)
	case link.Reorder:
		if s.falls() {
			h.waits(s, s.wait())
		}
	}
	return true
}

func (h *held) waits(s *stage, wait time.Duration) {
	h.due = s.leaves(h.due, wait, h.size)
	h.steps = append(h.steps, step{s, wait, h.due})
}

// pass lets a packet go on its way; the caller has q.mu.
func (q *queue) pass(h *held) {
	for _, step := range h.steps {
		// It was overtaken if one that came later has left.
		if step.stage.effect.Action == link.Reorder && h.number < h.flow.passed {
			step.stage.effect.bit(h.size)
		}
	}
	h.flow.passed = max(h.flow.passed, h.number)
	var instead []byte
	if h.changed {
		instead = h.data
	}
	q.judge(h.id, verdictAccept, instead)
	for _, s := range h.twice {
		if err := q.copies.send(h.header.to, h.data); err != nil {
			q.complain(fmt.Errorf("send a packet twice: %w", err))
			s.effect.count.Missed++
			continue
		}
		s.effect.bit(h.size)
	}
}

// release lets go what is due.
func (q *queue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.releaseDue(time.Now())
	}
}

// releaseDue is release; the caller has q.mu.
func (q *queue) releaseDue(now time.Time) {
	for len(q.held) > 0 && !q.held[0].due.After(now) {
		h := heap.Pop(&q.held).(*held)
		q.bytes -= h.size
		q.pass(h)
	}
	if len(q.held) > 0 {
		q.timer.Reset(time.Until(q.held[0].due))
	}
}

// judge ends a packet's wait; the caller has q.mu. An error says that the kernel
// has given it up: the interface it came by is gone, for instance.
func (q *queue) judge(id uint32, verdict uint32, data []byte) {
	if err := q.kernel.judge(id, verdict, data); err != nil {
		q.complain(err)
	}
}

// complain tells of what befell a packet, the first time: there are many packets.
func (q *queue) complain(err error) {
	q.complained.Do(func() { q.log("the queue of packets: %v; more of the like is not told", err) })
}
