package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/stream"
	"github.com/seatrial/seatrial/harness/link/wire"
)

const (
	// clientConnectionsMax bounds the client connections that are open.
	clientConnectionsMax = 4096
	// linksMax bounds the ports of nodes that groups have connected to.
	linksMax = 1024
	// waitMax bounds how long a client waits in a black hole before it is told
	// ETIMEDOUT; a client gives up earlier, or its kernel would (tcp(7): 127 s).
	waitMax = 127 * time.Second
	// answerWithin bounds the writing of an answer.
	answerWithin = 10 * time.Second
)

// way is a port of a link between a client group and a node.
type way struct {
	flow link.Flow
	port uint16
}

// clients are the connections that clients have to nodes.
type clients struct {
	gates *stream.Switch

	mu     sync.Mutex
	relays map[way]*stream.Relay
	closed bool
}

func newClients(gates *stream.Switch) *clients {
	return &clients{gates: gates, relays: map[way]*stream.Relay{}}
}

// relay is the one for connections from the group to the node's port.
func (c *clients) relay(w way) (*stream.Relay, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, fmt.Errorf("the agent is ending: %w", syscall.ECONNABORTED)
	}
	r := c.relays[w]
	if r == nil {
		if len(c.relays) == linksMax {
			return nil, fmt.Errorf("more than %d ports that clients connect to: %w", linksMax, syscall.EAGAIN)
		}
		r = &stream.Relay{Switch: c.gates, From: w.flow.From, To: w.flow.To, Port: strconv.Itoa(int(w.port)), Number: w.port}
		c.relays[w] = r
	}
	return r, nil
}

func (c *clients) connections() (sum int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.relays {
		sum += r.Connections()
	}
	return sum
}

func (c *clients) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	var errs []error
	for _, r := range c.relays {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// connect answers a CONNECT, and closes the connection unless it became the target's.
func (a *agent) connect(ctx context.Context, client net.Conn, r *bufio.Reader, p wire.Preamble) {
	upstream, relay, err := a.open(ctx, client, r, p)
	if err == nil {
		_ = client.SetDeadline(time.Now().Add(answerWithin)) // fails only on a closed socket
		_, err = io.WriteString(client, wire.Answer(nil))
		if err != nil {
			abort(upstream)
			client.Close()
			return
		}
		_ = client.SetDeadline(time.Time{})
		_ = relay.Join(client, upstream) // where it fails it has reset both
		return
	}
	if !errors.Is(err, errClientGone) {
		_ = client.SetDeadline(time.Now().Add(answerWithin))
		_, _ = io.WriteString(client, wire.Answer(err)) // nobody to tell
	}
	client.Close()
}

var errClientGone = errors.New("the client gave up")

// open dials the target once the link lets the client through.
func (a *agent) open(ctx context.Context, client net.Conn, r *bufio.Reader, p wire.Preamble) (net.Conn, *stream.Relay, error) {
	node, target, err := a.resolve(ctx, p.Target)
	if err != nil {
		return nil, nil, err
	}
	relay, err := a.clients.relay(way{link.Flow{From: p.Group, To: node}, target.Port()})
	if err != nil {
		return nil, nil, err
	}
	if a.clients.connections() >= clientConnectionsMax {
		return nil, nil, fmt.Errorf("more than %d client connections: %w", clientConnectionsMax, syscall.EAGAIN)
	}
	ctx, cancel := context.WithTimeout(ctx, waitMax)
	defer cancel()
	waiting := watchClient(ctx, client, r)
	err = a.gates.Admit(waiting.ctx, p.Group, node, target.Port())
	var upstream net.Conn
	if err == nil {
		upstream, err = stream.DialTo(target.String(), stream.Mark(mark))(waiting.ctx)
	}
	if gone := waiting.stop(); gone != nil {
		if upstream != nil {
			abort(upstream)
		}
		return nil, nil, gone
	}
	return upstream, relay, err
}

// watched is a client that waits for its answer.
type watched struct {
	ctx    context.Context // ends when the client has gone
	cancel context.CancelFunc
	conn   net.Conn
	done   chan error
}

// watchClient looks out for a client that gives up. It has nothing to send before
// the answer, so a read returns only at its end.
func watchClient(ctx context.Context, conn net.Conn, r *bufio.Reader) *watched {
	w := &watched{conn: conn, done: make(chan error, 1)}
	w.ctx, w.cancel = context.WithCancel(ctx)
	_ = conn.SetReadDeadline(time.Time{}) // fails only on a closed socket
	go func() {
		_, err := r.Peek(1)
		w.cancel()
		w.done <- err
	}()
	return w
}

// stop ends the watch, and says whether the client has gone.
func (w *watched) stop() error {
	defer w.cancel()
	_ = w.conn.SetReadDeadline(time.Unix(1, 0))
	var timeout net.Error
	switch err := <-w.done; {
	case err == nil:
		return fmt.Errorf("bytes came before the answer: %w", syscall.EPROTO)
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil
	default:
		return fmt.Errorf("%w: %w", errClientGone, err)
	}
}

// resolve finds the address of a target, and the node whose address it is. A
// target that is no node is an end of its own, by its address.
func (a *agent) resolve(ctx context.Context, target string) (link.End, netip.AddrPort, error) {
	config, err := a.configured()
	if err != nil {
		return "", netip.AddrPort{}, fmt.Errorf("%w: %w", err, syscall.EAGAIN)
	}
	host, port, err := wire.SplitTarget(target)
	if err != nil {
		return "", netip.AddrPort{}, err
	}
	address, err := a.lookup(ctx, config, host)
	if err != nil {
		return "", netip.AddrPort{}, err
	}
	if address.IsLoopback() || address.IsUnspecified() {
		return "", netip.AddrPort{}, fmt.Errorf("%s is no address of a pod: tell the system to hand out its node's name or address: %w",
			host, syscall.EADDRNOTAVAIL)
	}
	node := link.End(address.String())
	if slices.Contains(a.own, address) {
		node = config.Node
	}
	for name, addresses := range config.Peers {
		if slices.Contains(addresses, address) {
			node = name
		}
	}
	return node, netip.AddrPortFrom(address, port), nil
}

// lookup finds the address of a host. The node's own name is the pod's own
// address: a system that listens only there must be reached, and one that listens
// only on loopback must not.
func (a *agent) lookup(ctx context.Context, config wire.Config, host string) (netip.Addr, error) {
	if link.End(host) == config.Node {
		if len(a.own) == 0 {
			return netip.Addr{}, fmt.Errorf("the pod of %s has no address: %w", host, syscall.EADDRNOTAVAIL)
		}
		return a.own[0], nil
	}
	if addresses, ok := config.Peers[link.End(host)]; ok {
		return addresses[0], nil
	}
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, stream.DialTimeout)
	defer cancel()
	found, err := markedResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("resolve %s: %w", host, err)
	}
	return found[0].Unmap(), nil
}
