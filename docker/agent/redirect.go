package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/stream"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// mark is on every socket by which the agent dials, so that no redirect takes it.
// It is seen in this pod's namespace only.
const mark = 0x5ea7

// relayConnectionsMax bounds the connections of one redirect.
const relayConnectionsMax = 4096

// redirect takes the node's connections to one address and port of a peer.
type redirect struct {
	peer     link.End
	upstream netip.AddrPort
	listen   netip.AddrPort
	relay    *stream.Relay
	listener net.Listener
	done     chan struct{} // closed when Serve has returned
}

// rule is the redirect in the kernel.
func (r *redirect) rule() rule {
	return rule{chainRedirect, join(
		notMarked(mark), to(r.upstream.Addr()), toTCP(r.upstream.Port()), redirectTo(r.listen.Port()))}
}

// close ends the relay and its connections.
func (r *redirect) close() error {
	err := errors.Join(r.relay.Close(), ignoreClosed(r.listener.Close()))
	<-r.done
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// openRedirects starts a relay for every peer's address and port, the probe port
// among them: a probe takes the path that the nodes' own bytes take.
func (a *agent) openRedirects(config wire.Config) (redirects []*redirect, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, closeRedirects(redirects))
			redirects = nil
		}
	}()
	ports := append(slices.Clone(config.PeerPorts), a.settings.probePort)
	slices.Sort(ports)
	taken := append(slices.Clone(config.DeclaredPorts), a.settings.controlPort, a.settings.probePort)
	next, err := firstAboveEphemeral()
	if err != nil {
		return nil, err
	}
	for _, peer := range sortedEnds(config.Peers) {
		for _, address := range config.Peers[peer] {
			for _, port := range slices.Compact(slices.Clone(ports)) {
				r := &redirect{peer: peer, upstream: netip.AddrPortFrom(address, port), done: make(chan struct{})}
				if next, err = r.bind(next, append(taken, config.PeerPorts...)); err != nil {
					return redirects, err
				}
				a.serveRedirect(config.Node, r)
				redirects = append(redirects, r)
			}
		}
	}
	return redirects, nil
}

func (a *agent) serveRedirect(node link.End, r *redirect) {
	r.relay = &stream.Relay{
		Switch: a.gates, From: node, To: r.peer, Port: strconv.Itoa(int(r.upstream.Port())), Number: r.upstream.Port(),
		Dial:  stream.DialTo(r.upstream.String(), stream.Mark(mark)),
		Probe: r.upstream.Port() == a.settings.probePort,
	}
	go func() {
		defer close(r.done)
		if err := r.relay.Serve(bounded{r.listener, r.relay}); err != nil {
			a.settings.log("redirect to %s %s: %v", r.peer, r.upstream, err)
		}
	}()
}

// bind listens on the first free loopback port from `first` on, and returns the one after it.
func (r *redirect) bind(first int, taken []uint16) (next int, err error) {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if r.upstream.Addr().Is6() {
		loopback = netip.IPv6Loopback()
	}
	for port := first; port <= 65535; port++ {
		if slices.Contains(taken, uint16(port)) {
			continue
		}
		r.listen = netip.AddrPortFrom(loopback, uint16(port))
		var config net.ListenConfig
		config.SetMultipathTCP(false)
		r.listener, err = config.Listen(context.Background(), "tcp", r.listen.String())
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return port, fmt.Errorf("listen for the redirect to %s %s: %w", r.peer, r.upstream, err)
		}
		return port + 1, nil
	}
	return first, fmt.Errorf("listen for the redirect to %s %s: no port from %d to 65535 is free", r.peer, r.upstream, first)
}

func closeRedirects(redirects []*redirect) error {
	var errs []error
	for _, r := range redirects {
		errs = append(errs, r.close())
	}
	return errors.Join(errs...)
}

// firstAboveEphemeral is the port after those that the kernel hands out; see ip(7).
var firstAboveEphemeral = sync.OnceValues(func() (int, error) {
	const path = "/proc/sys/net/ipv4/ip_local_port_range"
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("find ports for the agent: %w", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) != 2 {
		return 0, fmt.Errorf("find ports for the agent: %s holds %q", path, text)
	}
	last, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0, fmt.Errorf("find ports for the agent: %s: %w", path, err)
	}
	return last + 1, nil
})

// bounded resets connections beyond the limit.
type bounded struct {
	net.Listener
	relay *stream.Relay
}

// Accept returns the next connection within the limit.
func (b bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil || b.relay.Connections() < relayConnectionsMax {
			return conn, err
		}
		abort(conn)
	}
}

// abort closes a connection with a reset.
func abort(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails only on a closed socket
	}
	_ = conn.Close()
}
