package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/link/stream"
	"github.com/seatrial/seatrial/harness/link/wire"
)

const (
	namePort = 53
	// resolverFile says where the pod's programs ask; see resolv.conf(5).
	resolverFile = "/etc/resolv.conf"
	// questionsMax bounds the questions that a relay has under way, and the
	// connections that ask them.
	questionsMax = 4096
	// serverWithin is how long a relay waits for a name server: as long as the most
	// patient asker does, which is 30 s (resolv.conf(5)).
	serverWithin = 30 * time.Second
	// messageMax is the longest message, and its length's own bytes on a stream
	// (RFC 1035, 4.2.2).
	messageMax = 1<<16 - 1
	lengthSize = 2
)

// namesPriority is before every NAT of destinations: Docker's own name server is
// at 127.0.0.11:53 by a rule of that kind, in a table that is not this program's.
var namesPriority = nftables.ChainPriorityRef(*nftables.ChainPriorityNATDest - 10)

// nameRelay takes the node's questions to one of the pod's name servers. It keeps
// nothing, and knows nothing that its name server does not say.
type nameRelay struct {
	names  *names
	log    func(format string, args ...any)
	server netip.AddrPort // the pod's name server
	listen netip.AddrPort
	udp    *net.UDPConn
	tcp    net.Listener
	slots  chan struct{}

	ctx     context.Context // ends with the relay
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// nameServers are those that the pod's programs ask.
func nameServers(file string) (servers []netip.Addr, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("find the pod's name servers: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		server, err := netip.ParseAddr(fields[1])
		if err != nil || server.Zone() != "" {
			return nil, fmt.Errorf("find the pod's name servers: %s has %q, which is no address that a rule can match", file, fields[1])
		}
		if server = server.Unmap(); !slices.Contains(servers, server) {
			servers = append(servers, server)
		}
	}
	if len(servers) == 0 {
		return nil, fmt.Errorf("find the pod's name servers: %s has none, so there are no questions for names to act on", file)
	}
	return servers, nil
}

// openNameRelays starts a relay for each of the pod's name servers.
func (a *agent) openNameRelays(config wire.Config) (relays []*nameRelay, err error) {
	servers, err := nameServers(resolverFile)
	if err != nil {
		return nil, err
	}
	port, err := firstAboveEphemeral()
	if err != nil {
		return nil, err
	}
	taken := slices.Concat(config.DeclaredPorts, config.PeerPorts, []uint16{a.settings.controlPort, a.settings.probePort})
	for _, server := range servers {
		r := &nameRelay{
			names: a.names, log: a.settings.log, server: netip.AddrPortFrom(server, namePort),
			slots: make(chan struct{}, questionsMax),
		}
		if port, err = r.bind(port, taken); err != nil {
			return nil, errors.Join(err, closeNameRelays(relays))
		}
		r.ctx, r.cancel = context.WithCancel(context.Background())
		r.running.Go(r.serveUDP)
		r.running.Go(r.serveTCP)
		relays = append(relays, r)
	}
	return relays, nil
}

// bind listens on the first loopback port from `first` on that is free for both
// transports, and returns the one after it.
func (r *nameRelay) bind(first int, taken []uint16) (next int, err error) {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if r.server.Addr().Is6() {
		loopback = netip.IPv6Loopback()
	}
	for port := first; port <= 65535; port++ {
		if slices.Contains(taken, uint16(port)) {
			continue
		}
		r.listen = netip.AddrPortFrom(loopback, uint16(port))
		r.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(r.listen))
		if err == nil {
			if r.tcp, err = net.Listen("tcp", r.listen.String()); err != nil {
				r.udp.Close()
			}
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return port, fmt.Errorf("listen for questions to %s: %w", r.server, err)
		}
		return port + 1, nil
	}
	return first, fmt.Errorf("listen for questions to %s: no port from %d to 65535 is free", r.server, first)
}

// rules are the redirects of the node's questions.
func (r *nameRelay) rules() (rules []rule) {
	const destination = 2 // the port's offset in both headers
	asks := payloadIs(expr.PayloadBaseTransportHeader, destination, binary.BigEndian.AppendUint16(nil, namePort))
	for _, transport := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
		rules = append(rules, rule{chainNames, join(
			notMarked(mark), to(r.server.Addr()), protocol(transport), asks, redirectTo(r.listen.Port()))})
	}
	return rules
}

// close ends the relay, and what is under way in it.
func (r *nameRelay) close() error {
	r.cancel()
	err := errors.Join(ignoreClosed(r.udp.Close()), ignoreClosed(r.tcp.Close()))
	r.running.Wait()
	return err
}

func closeNameRelays(relays []*nameRelay) error {
	var errs []error
	for _, r := range relays {
		errs = append(errs, r.close())
	}
	return errors.Join(errs...)
}

// serveUDP takes questions until the socket is closed. Those beyond the limit are
// dropped, as a busy server drops them.
func (r *nameRelay) serveUDP() {
	data := make([]byte, messageMax)
	for {
		size, asker, err := r.udp.ReadFromUDPAddrPort(data)
		if err != nil {
			if ignoreClosed(err) != nil {
				r.log("questions to %s: %v", r.server, err)
			}
			return
		}
		select {
		case r.slots <- struct{}{}:
		default:
			continue
		}
		message := slices.Clone(data[:size])
		r.running.Go(func() {
			defer func() { <-r.slots }()
			answer, pass, err := r.names.judge(r.ctx, message)
			if pass {
				answer, err = r.askUDP(message)
			}
			if err == nil && answer != nil {
				_, err = r.udp.WriteToUDPAddrPort(answer, asker)
			}
			if err != nil && r.ctx.Err() == nil {
				r.log("a question to %s: %v", r.server, err)
			}
		})
	}
}

var messages = sync.Pool{New: func() any { return new([messageMax]byte) }}

// askUDP passes a question on. A server that says nothing, or that it is not
// there, leaves it without an answer.
func (r *nameRelay) askUDP(message []byte) (answer []byte, err error) {
	conn, err := r.dial("udp")
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(r.ctx, func() { conn.Close() })()
	if err := conn.SetDeadline(time.Now().Add(serverWithin)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(message); err != nil {
		return nil, unanswered(err)
	}
	data := messages.Get().(*[messageMax]byte)
	defer messages.Put(data)
	for {
		size, err := conn.Read(data[:])
		if err != nil {
			return nil, unanswered(err)
		}
		const idSize = 2
		if size >= idSize && len(message) >= idSize && [idSize]byte(data[:idSize]) == [idSize]byte(message[:idSize]) {
			return slices.Clone(data[:size]), nil
		}
	}
}

// unanswered hides the errors that are a name server's own way of not answering.
func unanswered(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil
	}
	return err
}

// dial opens a socket to the name server that no redirect takes.
func (r *nameRelay) dial(network string) (net.Conn, error) {
	return dialMarked(r.ctx, network, r.server.String())
}

// dialMarked opens a socket to a name server that no redirect takes. For datagrams it
// has a port that the kernel hands to nobody: the kernel tracks them by their ports
// for minutes, redirected or not, and a program that gets the port of a socket before
// it is treated as that one was.
func dialMarked(ctx context.Context, network, server string) (conn net.Conn, err error) {
	dialer := net.Dialer{Timeout: stream.DialTimeout, Control: stream.Mark(mark)}
	if !strings.HasPrefix(network, "udp") {
		return dialer.DialContext(ctx, network, server)
	}
	first, err := firstAboveEphemeral()
	if err != nil {
		return nil, err
	}
	if first > 65535 {
		return nil, errors.New("the kernel hands out every port up to 65535: none is left for questions to name servers")
	}
	for range 100 {
		dialer.LocalAddr = &net.UDPAddr{Port: first + rand.IntN(65536-first)}
		if conn, err = dialer.DialContext(ctx, network, server); !errors.Is(err, syscall.EADDRINUSE) {
			return conn, err
		}
	}
	return nil, err
}

// serveTCP takes connections until the listener is closed.
func (r *nameRelay) serveTCP() {
	slots := make(chan struct{}, questionsMax)
	for {
		conn, err := acceptPatiently(r.tcp)
		if err != nil {
			if ignoreClosed(err) != nil {
				r.log("questions to %s: %v", r.server, err)
			}
			return
		}
		select {
		case slots <- struct{}{}:
		default:
			abort(conn)
			continue
		}
		r.running.Go(func() {
			defer func() { <-slots }()
			r.converse(conn)
		})
	}
}

// converse answers the questions of one connection, each by a connection of its
// own to the name server, which may be idle for less long than an effect keeps a
// question.
func (r *nameRelay) converse(asker net.Conn) {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { asker.Close() })()
	defer asker.Close()
	var asking sync.WaitGroup
	defer asking.Wait()
	var writing sync.Mutex
	tell := func(answer []byte) error {
		writing.Lock()
		defer writing.Unlock()
		_ = asker.SetWriteDeadline(time.Now().Add(answerWithin)) // fails only on a closed socket
		return writeFramed(asker, answer)
	}
	for {
		message, err := readFramed(asker)
		if err != nil {
			return
		}
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		asking.Go(func() {
			defer func() { <-r.slots }()
			answer, pass, err := r.names.judge(ctx, message)
			if pass {
				err = r.askTCP(ctx, message, tell)
			} else if answer != nil {
				err = tell(answer)
			}
			if err != nil { // as the name server would have it
				abort(asker)
			}
		})
	}
}

// askTCP passes a question on and tells what is answered. It is an error if there
// is nothing to tell.
func (r *nameRelay) askTCP(ctx context.Context, message []byte, tell func([]byte) error) error {
	conn, err := r.dial("tcp")
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := writeFramed(conn, message); err != nil {
		return err
	}
	q, _ := parseQuestion(message)
	for told := false; !told || q.forZone(); told = true {
		if err := conn.SetDeadline(time.Now().Add(serverWithin)); err != nil {
			return err
		}
		answer, err := readFramed(conn)
		if err != nil && told {
			return nil // the end of a zone
		}
		if err != nil {
			return err
		}
		if err := tell(answer); err != nil {
			return err
		}
	}
	return nil
}

func readFramed(from io.Reader) ([]byte, error) {
	var length [lengthSize]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(from, message)
	return message, err
}

func writeFramed(to io.Writer, message []byte) error {
	_, err := to.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...))
	return err
}
