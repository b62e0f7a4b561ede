package stream

import (
	"slices"
	"time"

	toxistream "github.com/Shopify/toxiproxy/v2/stream"

	"github.com/seatrial/seatrial/harness/link"
)

// shape is what the throttles and slices of a flow come to together: the lowest
// rate, the smallest piece and the longest pause.
type shape struct {
	rate  int64 // bytes a second; 0 is no limit
	piece int   // bytes; 0 is whole chunks
	pause time.Duration
}

const (
	// paceTick is how much of a second one throttled piece takes: small, so that
	// the rate is smooth.
	paceTick = 10 * time.Millisecond
	// paceSlack is how far a throttled lane may be behind and still catch up: timers
	// are late, and without it each late one would lower the rate. It is also the
	// longest burst after the receiver has stood still.
	paceSlack = 50 * time.Millisecond
	// shapedLimit is how many bytes a gate keeps where it only slows the flow: the
	// queue of a narrow link, so that its sender notices soon.
	shapedLimit = 256 << 10
)

func (s *shape) add(e *effect) {
	switch e.Action {
	case link.Throttle:
		if s.rate == 0 || e.BytesPerSecond < s.rate {
			s.rate = e.BytesPerSecond
		}
	case link.Slice:
		if s.piece == 0 || e.SliceBytes < s.piece {
			s.piece = e.SliceBytes
		}
		s.pause = max(s.pause, e.Latency)
	}
}

// takes is how long so many bytes need at the shape's rate.
func (s shape) takes(bytes int) time.Duration {
	return (time.Duration(bytes)*time.Second + time.Duration(s.rate) - 1) / time.Duration(s.rate)
}

// size is how much of so many bytes leaves at once.
func (s shape) size(bytes int) int {
	if s.piece > 0 {
		bytes = min(bytes, s.piece)
	}
	if s.rate > 0 {
		tick := s.rate / int64(time.Second/paceTick)
		bytes = int(min(int64(bytes), max(tick, 1)))
	}
	return bytes
}

// piece is what leaves a gate next: so many bytes of the head of its queue, and when.
type piece struct {
	bytes int
	at    time.Time // zero: at once
}

// limit is how many bytes the gate keeps before it stops reading.
func (l *lane) limit() int {
	t := l.table
	if (t.shape.rate > 0 || t.shape.pause > 0) && t.passes() && !t.delay {
		return shapedLimit
	}
	return gateLimit
}

// wait is how long the head of the queue stays, on a flow that passes: until its
// delay is over, and then until its next piece has its turn.
func (l *lane) wait() time.Duration {
	head := l.queue[0]
	if head.chunk == nil {
		return untilDue(l.endDue(head))
	}
	if wait := untilDue(head.due); wait > 0 {
		return wait
	}
	if l.next == nil {
		l.next = l.plan(head)
	}
	return untilDue(l.next.at)
}

// endDue is when the end of the stream is due: each slow close adds to what else
// it waits for.
func (l *lane) endDue(end waiting) time.Time {
	if len(l.slowed) == 0 {
		return end.due
	}
	due := end.due
	if due.IsZero() {
		due = l.endCame
	}
	for _, e := range l.slowed {
		due = due.Add(e.Latency)
	}
	return due
}

// plan decides what leaves next. A throttled piece leaves when its last byte would
// have on a line of that rate, so a stream never runs ahead of its rate.
func (l *lane) plan(head waiting) *piece {
	s := l.table.shape
	p := &piece{bytes: s.size(len(head.chunk.Data))}
	if s.pause > 0 && !l.left.IsZero() {
		p.at = l.left.Add(s.pause)
	}
	if s.rate > 0 {
		start := latest(l.free, head.chunk.Timestamp, head.due, time.Now().Add(-paceSlack))
		p.at = latest(p.at, start.Add(s.takes(p.bytes)))
	}
	return p
}

func latest(first time.Time, others ...time.Time) time.Time {
	for _, t := range others {
		if t.After(first) {
			first = t
		}
	}
	return first
}

// output is the chunk that the next piece makes.
func (l *lane) output() *toxistream.StreamChunk {
	chunk := l.queue[0].chunk
	if l.next.bytes == len(chunk.Data) {
		return chunk
	}
	return &toxistream.StreamChunk{Data: chunk.Data[:l.next.bytes], Timestamp: chunk.Timestamp}
}

// passed notes that the next piece has left.
func (l *lane) passed() {
	head, p, s := &l.queue[0], l.next, l.table.shape
	l.next = nil
	l.bytes -= p.bytes
	whole := p.bytes == len(head.chunk.Data)
	if !l.silent {
		l.table.charge(p.bytes, throttles)
		if !whole || head.cut {
			l.table.charge(p.bytes, cuts)
		}
	}
	if s.rate > 0 {
		l.free = p.at
	}
	if s.pause > 0 {
		l.left = time.Now()
	}
	if whole {
		*head = waiting{}
		l.queue = l.queue[1:]
		return
	}
	head.cut = true
	head.chunk = &toxistream.StreamChunk{Data: head.chunk.Data[p.bytes:], Timestamp: head.chunk.Timestamp}
}

// reshape forgets what was planned under another shape, and which slow closes the
// end waits for no more. What waited for its turn has met the throttles that are
// gone, so it counts for them.
func (l *lane) reshape(old, now *table) {
	gone := func(e *effect) bool { return !slices.Contains(now.effects, e) }
	l.slowed = slices.DeleteFunc(l.slowed, gone)
	if old == nil || old.shape == now.shape || l.next == nil {
		return
	}
	for _, e := range old.effects {
		if !l.silent && throttles(e.Action) && gone(e) {
			e.count(l.next.bytes)
		}
	}
	l.next = nil
}
