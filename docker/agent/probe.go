package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// monotonic is the host's monotonic clock in nanoseconds, the same in every pod
// on it; Go's own reading can't leave the process.
func monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // fails only for a clock that does not exist
	return t.Nano()
}

// probeSize is the length of a probe: a word to know it by, and its nonce.
const probeSize = 16

var probeWord = [8]byte{'s', 'e', 'a', 'p', 'r', 'o', 'b', 'e'}

func encodeProbe(nonce uint64) []byte {
	return binary.BigEndian.AppendUint64(probeWord[:], nonce)
}

func decodeProbe(data []byte) (nonce uint64, ok bool) {
	if len(data) != probeSize || [8]byte(data[:8]) != probeWord {
		return 0, false
	}
	return binary.BigEndian.Uint64(data[8:]), true
}

// probesMax bounds the probes remembered, and probeConnectionsMax the TCP probes
// that are arriving.
const (
	probesMax           = 1024
	probeConnectionsMax = 64
)

// probes are those that arrived at this pod.
type probes struct {
	mu      sync.Mutex
	arrived map[uint64]int64 // nonce → time
	order   []uint64
	changed chan struct{} // closed and replaced at each arrival
}

func newProbes() *probes {
	return &probes{arrived: map[uint64]int64{}, changed: make(chan struct{})}
}

func (p *probes) arrive(nonce uint64, at int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, twice := p.arrived[nonce]; twice {
		return
	}
	if len(p.order) == probesMax {
		delete(p.arrived, p.order[0])
		p.order = p.order[1:]
	}
	p.arrived[nonce] = at
	p.order = append(p.order, nonce)
	close(p.changed)
	p.changed = make(chan struct{})
}

// wait returns when the probe arrived, or wire.ErrProbeLate.
func (p *probes) wait(ctx context.Context, nonce uint64, timeout time.Duration) (int64, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		p.mu.Lock()
		at, ok := p.arrived[nonce]
		changed := p.changed
		p.mu.Unlock()
		if ok {
			return at, nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return 0, fmt.Errorf("%w within %v", wire.ErrProbeLate, timeout)
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// serveUDP takes probes until the socket is closed.
func (p *probes) serveUDP(conn net.PacketConn) error {
	data := make([]byte, probeSize+1)
	for {
		n, _, err := conn.ReadFrom(data)
		if err != nil {
			return ignoreClosed(err)
		}
		if nonce, ok := decodeProbe(data[:n]); ok {
			p.arrive(nonce, monotonic())
		}
	}
}

// serveTCP takes probes until the listener is closed.
func (p *probes) serveTCP(listener net.Listener) error {
	slots := make(chan struct{}, probeConnectionsMax)
	for {
		conn, err := acceptPatiently(listener)
		if err != nil {
			return ignoreClosed(err)
		}
		slots <- struct{}{} // each is given back within ProbeTimeoutMax
		go func() {
			defer func() { <-slots }()
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(wire.ProbeTimeoutMax)) // fails only on a closed socket
			data := make([]byte, probeSize)
			if _, err := io.ReadFull(conn, data); err != nil {
				return
			}
			if nonce, ok := decodeProbe(data); ok {
				p.arrive(nonce, monotonic())
			}
		}()
	}
}

// sendProbe sends a probe as a program in the system's container would: by a
// socket without the mark.
func (a *agent) sendProbe(ctx context.Context, spec wire.ProbeSpec) (sentAt int64, err error) {
	config, err := a.configured()
	if err != nil {
		return 0, err
	}
	addresses, ok := config.Peers[spec.To]
	if !ok {
		return 0, fmt.Errorf("send a probe: %q is no peer of %s", spec.To, config.Node)
	}
	to := netip.AddrPortFrom(addresses[0], a.settings.probePort)
	deadline := time.Now().Add(spec.Timeout)
	dialer := net.Dialer{Deadline: deadline}
	sentAt = monotonic()
	conn, err := dialer.DialContext(ctx, string(spec.Transport), to.String())
	if err != nil {
		return 0, fmt.Errorf("send a probe: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline); err != nil {
		return 0, fmt.Errorf("send a probe: %w", err)
	}
	if spec.Transport == link.TCP {
		sentAt = monotonic() // the handshake is not part of the way
	}
	if _, err := conn.Write(encodeProbe(spec.Nonce)); err != nil {
		return 0, fmt.Errorf("send a probe: %w", err)
	}
	return sentAt, nil
}
