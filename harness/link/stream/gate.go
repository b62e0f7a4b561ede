package stream

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	toxistream "github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/seatrial/seatrial/harness/link"
)

const gateType = "seatrial_gate"

var registerGate = sync.OnceFunc(func() { toxics.Register(gateType, new(gate)) })

// gate is the toxic on one direction of a relay. It has no state but the lane of
// the connection that is being started: StartLink asks for each connection's own
// state before it returns, so the relay sets next just before, under its lock.
type gate struct{ next *lane }

// NewState implements [toxics.StatefulToxic].
func (g *gate) NewState() any {
	l := g.next
	g.next = nil
	return l
}

// Pipe implements [toxics.Toxic].
func (g *gate) Pipe(stub *toxics.ToxicStub) { stub.State.(*lane).pipe(stub) }

// gateLimit is how many bytes a gate keeps before it stops reading.
const gateLimit = 16 << 20

// lane is one direction of one connection: what its gate keeps.
type lane struct {
	pair   *pair
	cell   *cell
	silent bool // what passes here is not counted
	number uint64

	// table is the last that the gate acted on.
	table *table
	queue []waiting
	bytes int
	// last is when the newest of the queue is due: order is kept by never going below it.
	last  time.Time
	ended bool // the source has ended
	draws map[*effect]*rand.Rand

	next    *piece    // what leaves next, once it is decided
	free    time.Time // when the last throttled piece had left
	left    time.Time // when the last piece left under a pause
	endCame time.Time
	slowed  []*effect // the slow closes that the end waits for

	// sent is what has passed under each limit; only the sink's writer has it.
	sent map[*effect]int64

	// inChain is how many bytes are between the source and the sink, the gate's own
	// among them. Only the source adds to it.
	inChain atomic.Int64

	// gone is closed when nobody reads the gate's output any more.
	gone     chan struct{}
	goneOnce sync.Once
}

// waiting is a chunk in a gate; a nil chunk is the end of the stream.
type waiting struct {
	chunk *toxistream.StreamChunk
	due   time.Time // zero: at once
	cut   bool      // a piece of the chunk has left
}

func (w waiting) size() int {
	if w.chunk == nil {
		return 0
	}
	return len(w.chunk.Data)
}

// pipe moves chunks until the stream ends, the connection dies or toxiproxy
// interrupts; the queue outlives an interrupt.
func (l *lane) pipe(stub *toxics.ToxicStub) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		l.follow(l.cell.table.Load())
		var (
			in   <-chan *toxistream.StreamChunk
			out  chan<- *toxistream.StreamChunk
			wake <-chan time.Time
			next *toxistream.StreamChunk
		)
		if len(l.queue) > 0 && l.table.passes() {
			if wait := l.wait(); wait > 0 {
				timer.Reset(wait)
				wake = timer.C
			} else if l.queue[0].chunk == nil {
				l.finish(stub)
				return
			} else {
				next, out = l.output(), stub.Output
			}
		}
		if !l.ended && l.bytes < l.limit() {
			in = stub.Input
		}
		select {
		case chunk := <-in:
			l.arrive(chunk)
		case out <- next:
			l.passed()
		case <-wake:
		case <-l.table.changed:
		case <-l.gone:
			l.discard(stub)
			return
		case <-l.pair.dead:
			l.discard(stub)
			return
		case <-stub.Interrupt:
			return
		}
	}
}

func untilDue(due time.Time) time.Duration {
	if due.IsZero() {
		return 0
	}
	return time.Until(due)
}

// follow takes a new table: what waits is counted for the effects that now hold
// it, and what waited only for a delay that is over is due at once.
func (l *lane) follow(now *table) {
	old := l.table
	if old == now {
		return
	}
	l.table = now
	l.reshape(old, now)
	for _, e := range now.effects {
		if l.silent || !holds(e.Action) || (old != nil && slices.Contains(old.effects, e)) {
			continue
		}
		for _, w := range l.queue {
			e.count(w.size())
		}
	}
	if !now.delay {
		for i := range l.queue {
			l.queue[i].due = time.Time{}
		}
		l.last = time.Time{}
	}
	for e := range l.draws {
		if !slices.Contains(now.effects, e) {
			delete(l.draws, e)
		}
	}
}

// arrive puts a chunk, or the end, into the queue.
func (l *lane) arrive(chunk *toxistream.StreamChunk) {
	// The table may have been swapped while the gate waited for this chunk.
	l.follow(l.cell.table.Load())
	w := waiting{chunk: chunk}
	l.ended = chunk == nil
	l.bytes += w.size()
	if !l.silent {
		l.table.charge(w.size(), holds)
		l.table.charge(w.size(), delays)
	}
	var arrived time.Time
	if chunk != nil {
		arrived = chunk.Timestamp
	} else {
		arrived = time.Now()
		l.endCame = arrived
		for _, e := range l.table.effects {
			if e.Action == link.SlowClose {
				l.slowed = append(l.slowed, e)
			}
		}
		if !l.silent {
			l.table.charge(0, closes)
		}
	}
	if l.table.delay {
		w.due = arrived.Add(l.draw())
	}
	if w.due.Before(l.last) {
		w.due = l.last
	}
	l.last = w.due
	l.queue = append(l.queue, w)
}

// draw is how long the next chunk waits: the sum of the flow's delays.
func (l *lane) draw() (sum time.Duration) {
	for _, e := range l.table.effects {
		if e.Action != link.Delay {
			continue
		}
		wait := e.Latency
		if e.Jitter > 0 {
			wait += time.Duration(l.source(e).Int64N(2*int64(e.Jitter)+1)) - e.Jitter
		}
		sum += max(wait, 0)
	}
	return sum
}

// source is the lane's own stream of draws for an effect: by the effect's seed, the
// flow's name with its port and the connection's number on it, so no lane moves another's.
func (l *lane) source(e *effect) *rand.Rand {
	r := l.draws[e]
	if r == nil {
		name := fnv.New64a()
		_, _ = fmt.Fprintf(name, "%s:%d", l.cell.flow, l.cell.port)
		r = rand.New(rand.NewPCG(e.Seed, name.Sum64()+l.number))
		if l.draws == nil {
			l.draws = map[*effect]*rand.Rand{}
		}
		l.draws[e] = r
	}
	return r
}

// finish ends the output: what was queued has passed.
func (l *lane) finish(stub *toxics.ToxicStub) {
	stub.Close()
	l.pair.parts.Done()
}

// discard swallows what still comes until the source ends, so that nothing
// before the gate waits for ever for a reader that is gone.
func (l *lane) discard(stub *toxics.ToxicStub) {
	l.queue, l.bytes = nil, 0
	for !l.ended {
		select {
		case chunk := <-stub.Input:
			l.ended = chunk == nil
		case <-stub.Interrupt:
			return
		}
	}
	l.finish(stub)
}
