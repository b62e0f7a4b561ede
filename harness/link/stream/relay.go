package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	toxistream "github.com/Shopify/toxiproxy/v2/stream"

	"github.com/seatrial/seatrial/harness/link"
)

// Relay is one proxied link: connections that From makes to a port of To. What
// From sends is the flow From→To; what To answers is the flow To→From, of the same port.
// The fields are set before the first call and not changed after.
type Relay struct {
	Switch   *Switch
	From, To link.End
	// Port names the port, in errors. Number is what an effect means by it; with 0
	// only effects on every port act here.
	Port   string
	Number uint16
	// Dial connects to the upstream, for [Relay.Serve]. It is called when a new
	// connection is let through, with a context that ends after [DialTimeout] or
	// when the relay is closed.
	Dial func(ctx context.Context) (net.Conn, error)
	// Probe says that only the flow From→To is in the way, answers pass always,
	// and nothing is counted for an effect.
	Probe bool

	mu       sync.Mutex
	proxy    *toxiproxy.Proxy // never started: its toxics only
	up, down *gate
	joined   uint64
	pairs    map[*pair]struct{}
	listener map[net.Listener]struct{}
	closed   bool
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	serving  sync.WaitGroup
}

// ErrClosed is what a closed relay answers.
var ErrClosed = errors.New("the relay is closed")

// String is "n1>n2:peer".
func (r *Relay) String() string {
	return link.Flow{From: r.From, To: r.To}.String() + ":" + r.Port
}

// begin makes the toxiproxy part once; the caller has r.mu.
func (r *Relay) begin() error {
	if r.closed {
		return fmt.Errorf("relay %s: %w", r, ErrClosed)
	}
	if r.proxy != nil {
		return nil
	}
	proxy := toxiproxy.NewProxy(r.Switch.server, r.String(), "", "")
	var gates [2]*gate
	for i, direction := range []string{"upstream", "downstream"} {
		wrapper, err := proxy.Toxics.AddToxicJson(strings.NewReader(
			`{"type":"` + gateType + `","stream":"` + direction + `","toxicity":1,"attributes":{}}`))
		if err != nil {
			return fmt.Errorf("relay %s: add the %s gate: %w", r, direction, err)
		}
		gates[i] = wrapper.Toxic.(*gate)
	}
	r.proxy, r.up, r.down = proxy, gates[0], gates[1]
	r.pairs, r.listener = map[*pair]struct{}{}, map[net.Listener]struct{}{}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return nil
}

// Serve accepts connections, and joins each with one of its own to the upstream,
// until the relay or the listener is closed. It closes the listener.
func (r *Relay) Serve(listener net.Listener) error {
	defer listener.Close()
	r.mu.Lock()
	if err := r.begin(); err != nil {
		r.mu.Unlock()
		return err
	}
	r.listener[listener] = struct{}{}
	r.serving.Add(1)
	r.mu.Unlock()
	defer r.serving.Done()
	for {
		conn, err := listener.Accept()
		switch {
		case err == nil:
			r.serving.Add(1)
			go func() {
				defer r.serving.Done()
				r.connect(conn)
			}()
		case errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ECONNABORTED):
			// Descriptors come back when connections end: a link must outlive a storm.
			select {
			case <-r.ctx.Done():
				return nil
			case <-time.After(10 * time.Millisecond):
			}
		default:
			return fmt.Errorf("relay %s: accept: %w", r, err)
		}
	}
}

// connect brings an accepted connection to the upstream, or resets it.
func (r *Relay) connect(client net.Conn) {
	out, back := r.cells()
	if err := admit(r.ctx, out, back, r.Probe, func() bool { return clientGone(client) }); err != nil {
		reset(client)
		return
	}
	ctx, cancel := context.WithTimeout(r.ctx, DialTimeout)
	defer cancel()
	upstream, err := r.Dial(ctx)
	if err != nil {
		reset(client)
		return
	}
	// Join closes both where it fails.
	_ = r.Join(client, upstream)
}

// cells are those of the flow and of the flow back. A probe's way back has a cell
// that nobody can switch.
func (r *Relay) cells() (out, back *cell) {
	flow := link.Flow{From: r.From, To: r.To}
	r.Switch.mu.Lock()
	defer r.Switch.mu.Unlock()
	if r.Probe {
		return r.Switch.cellOf(flow, r.Number), newCell(flow.Reverse(), r.Number)
	}
	return r.Switch.cellOf(flow, r.Number), r.Switch.cellOf(flow.Reverse(), r.Number)
}

// Join relays between two connections: client is From's, upstream is To's. They
// belong to the relay from then on. Where the flow is refused both are reset, and
// the error wraps syscall.ECONNREFUSED; nothing was sent then. Join returns at once.
func (r *Relay) Join(client, upstream net.Conn) error {
	out, back := r.cells()
	p := &pair{relay: r, client: client, upstream: upstream, dead: make(chan struct{})}
	p.up = &lane{pair: p, cell: out, silent: r.Probe, gone: make(chan struct{})}
	p.down = &lane{pair: p, cell: back, silent: r.Probe, gone: make(chan struct{})}
	p.open.Store(2)
	p.parts.Add(4)

	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.begin(); err != nil {
		reset(client)
		reset(upstream)
		return err
	}
	if err := r.enter(p); err != nil {
		reset(client)
		reset(upstream)
		return err
	}
	r.pairs[p] = struct{}{}
	r.joined++
	r.up.next, r.down.next = p.up, p.down
	name := strconv.FormatUint(r.joined, 10)
	far, near := new(end), new(end)
	there, here := &sink{upstream, p.up, near, far}, &sink{client, p.down, far, near}
	r.proxy.Toxics.StartLink(r.Switch.server, name+"upstream",
		&source{client, p.up, near, there}, there, toxistream.Upstream)
	r.proxy.Toxics.StartLink(r.Switch.server, name+"downstream",
		&source{upstream, p.down, far, here}, here, toxistream.Downstream)
	return nil
}

// enter puts the pair on its flows. A refusal that comes later finds it there.
func (r *Relay) enter(p *pair) error {
	r.Switch.mu.Lock()
	defer r.Switch.mu.Unlock()
	for _, l := range []*lane{p.up, p.down} {
		if t := l.cell.table.Load(); t.refuse {
			if !r.Probe {
				t.charge(0, refuses)
			}
			return fmt.Errorf("relay %s: refused by an effect on %s: %w", r, l.cell.flow, syscall.ECONNREFUSED)
		}
	}
	for _, l := range []*lane{p.up, p.down} {
		l.number = l.cell.joined
		if !r.Probe {
			l.cell.joined++
		}
		l.cell.pairs[p] = struct{}{}
	}
	return nil
}

// forget takes a pair that has ended off its flows.
func (r *Relay) forget(p *pair) {
	r.Switch.mu.Lock()
	delete(p.up.cell.pairs, p)
	delete(p.down.cell.pairs, p)
	r.Switch.mu.Unlock()
	// Close waits for the pair's parts outside the lock, so this can't wait for Close.
	r.mu.Lock()
	delete(r.pairs, p)
	r.mu.Unlock()
}

// Connections is how many connections are being relayed.
func (r *Relay) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pairs)
}

// closeTimeout bounds the wait for goroutines whose connections are closed.
const closeTimeout = 5 * time.Second

// Close stops accepting, resets every connection, and returns when nothing of the
// relay runs any more. A second call does nothing.
func (r *Relay) Close() error {
	r.mu.Lock()
	if r.closed || r.proxy == nil {
		r.closed = true
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	r.cancel()
	for l := range r.listener {
		_ = l.Close()
	}
	pairs := make([]*pair, 0, len(r.pairs))
	for p := range r.pairs {
		pairs = append(pairs, p)
	}
	r.mu.Unlock()

	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, p := range pairs {
			p.abort()
			p.parts.Wait()
		}
		r.serving.Wait()
	}()
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
		return fmt.Errorf("relay %s: %d connections have not ended %v after they were closed", r, len(pairs), closeTimeout)
	}
}
