package stream

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// pair is one proxied connection: two sockets and a lane each way.
type pair struct {
	relay            *Relay
	client, upstream net.Conn
	up, down         *lane // client to upstream, and back

	// dead is closed when the pair was aborted: nothing is delivered any more.
	dead     chan struct{}
	deadOnce sync.Once
	// open is how many directions still have a writer.
	open atomic.Int32
	// parts are the two gates and the two writers.
	parts sync.WaitGroup
}

func (p *pair) probe() bool { return p.relay.Probe }

// abort resets both connections at once.
func (p *pair) abort() {
	p.deadOnce.Do(func() {
		close(p.dead)
		reset(p.client)
		reset(p.upstream)
	})
}

// source is what toxiproxy reads a direction from.
type source struct {
	net.Conn
	lane *lane
	from *end
	sink *sink // where the direction goes to
}

// end is the far side of one of the two sockets, as the lane that reads it sees it.
type end struct {
	// broken says that the socket ended by an error and not by an end of stream:
	// what follows its bytes on the other side is a reset.
	broken atomic.Bool
}

// Read notes how the stream ended.
func (s *source) Read(to []byte) (int, error) {
	n, err := s.Conn.Read(to)
	if err != nil && !errors.Is(err, io.EOF) {
		s.from.broken.Store(true)
	}
	return n, err
}

// sourceBuffer is the most that is read at once, as io.Copy would.
const sourceBuffer = 32 << 10

// WriteTo hands what comes to toxiproxy's chain. Where no effect is on the flow
// and nothing is under way in the chain, the chain would change nothing, and each
// of its four goroutines would cost a wake-up: then the bytes go straight to the
// sink. An effect that was applied before a byte was sent is seen here, because
// the table is read after the byte was.
func (s *source) WriteTo(chain io.Writer) (copied int64, err error) {
	buffer := make([]byte, sourceBuffer)
	for {
		n, err := s.Read(buffer)
		if n > 0 {
			if err := s.pass(buffer[:n], chain); err != nil {
				return copied, err
			}
			copied += int64(n)
		}
		switch {
		case errors.Is(err, io.EOF):
			return copied, nil
		case err != nil:
			return copied, err
		}
	}
}

func (s *source) pass(chunk []byte, chain io.Writer) error {
	l := s.lane
	if l.inChain.Load() == 0 && len(l.cell.table.Load().effects) == 0 {
		n, err := s.sink.put(chunk)
		if err == nil {
			return nil
		}
		// The rest takes the chain, so that toxiproxy's writer meets the error too.
		chunk = chunk[n:]
	}
	l.inChain.Add(int64(len(chunk)))
	_, err := chain.Write(chunk)
	return err
}

// sink is what toxiproxy writes a direction to.
type sink struct {
	conn net.Conn
	lane *lane
	// from is the end whose bytes arrive here, to the end that they go to.
	from, to *end
}

// Write puts what came through the chain, as far as no limit is reached.
func (s *sink) Write(chunk []byte) (int, error) {
	pass, reached := s.lane.allowed(len(chunk))
	n, err := s.put(chunk[:pass])
	s.lane.inChain.Add(int64(-n))
	if reached != nil && err == nil {
		s.lane.pair.abort()
		err = errLimit
	}
	return n, err
}

// errLimit ends a direction whose connection a limit has reset.
var errLimit = errors.New("the connection has reached its limit")

// put notes that the connection is broken: a socket reports its reset once, to
// the reader or to the writer, and then looks like one that ended in order.
func (s *sink) put(chunk []byte) (int, error) {
	n, err := s.conn.Write(chunk)
	if err != nil {
		s.to.broken.Store(true)
	}
	return n, err
}

// Close is called once, by toxiproxy, when the direction has ended or a write has
// failed. It passes on what ended it: an end of stream ends this direction only.
func (s *sink) Close() error {
	half, halves := s.conn.(interface{ CloseWrite() error })
	switch {
	case s.from.broken.Load():
		reset(s.conn)
	case halves:
		_ = half.CloseWrite() // fails only where the connection is dead already
	default:
		_ = s.conn.Close()
	}
	s.lane.goneOnce.Do(func() { close(s.lane.gone) })
	p := s.lane.pair
	if p.open.Add(-1) == 0 {
		_ = p.client.Close()
		_ = p.upstream.Close()
		p.relay.forget(p)
	}
	p.parts.Done()
	return nil
}
