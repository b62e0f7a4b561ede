package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// A name server for the tests, and programs that ask it by sockets of their own.

// zone is what it knows. It says of "long.test" only by TCP what it is.
var zone = map[string]netip.Addr{
	"db.test.":   netip.MustParseAddr("10.1.1.1"),
	"web.test.":  netip.MustParseAddr("10.1.1.2"),
	"long.test.": netip.MustParseAddr("10.1.1.3"),
	"self.test.": netip.MustParseAddr("10.77.0.1"),
}

type nameServer struct {
	mu    sync.Mutex
	asked map[string]int
	other int // messages that ask nothing
}

// saw is how often a name was asked for since the last time.
func (s *nameServer) saw(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.asked[name]
	delete(s.asked, name)
	return n
}

func (s *nameServer) strange() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.other
}

// places are where a pod's name server may be: where Docker has its own, on
// loopback behind a rule in a table that is not this program's; or elsewhere.
var places = map[string]func(t *testing.T, w *world, n *node) *nameServer{
	"as Docker has it": func(t *testing.T, w *world, n *node) *nameServer {
		s := serveNames(t, n.ns, "127.0.0.11:40053")
		for _, command := range []string{
			"add table ip nat",
			"add chain ip nat output { type nat hook output priority -100; }",
			"add rule ip nat output ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:40053",
			"add rule ip nat output ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:40053",
		} {
			sh(t, "ip", "netns", "exec", n.ns, "nft", command)
		}
		n.asks(t, "127.0.0.11")
		return s
	},
	"elsewhere": func(t *testing.T, w *world, n *node) *nameServer {
		s := serveNames(t, w.hub(), "10.77.0.254:53")
		n.asks(t, "10.77.0.254")
		return s
	},
	"by IPv6": func(t *testing.T, w *world, n *node) *nameServer {
		if testing.Short() {
			t.Skip("the other version of IP does")
		}
		sh(t, "ip", "-n", w.hub(), "addr", "add", "fd00:5ea::fe/64", "dev", "br0", "nodad")
		s := serveNames(t, w.hub(), "[fd00:5ea::fe]:53")
		n.asks(t, "fd00:5ea::fe")
		return s
	},
}

// asks starts the node's agent anew, in a pod whose programs ask that server.
func (n *node) asks(t *testing.T, server string, env ...string) {
	t.Helper()
	require.NoError(t, n.stop(t))
	folder := filepath.Join("/etc/netns", n.ns) // see ip-netns(8)
	require.NoError(t, os.MkdirAll(folder, 0o755))
	t.Cleanup(func() { os.RemoveAll(folder) })
	require.NoError(t, os.WriteFile(filepath.Join(folder, "resolv.conf"), []byte("options ndots:0\nnameserver "+server+"\n"), 0o644))
	n.start(t, env...)
	require.Eventually(t, func() bool { _, err := n.agent.Hello(t.Context()); return err == nil },
		within, 5*time.Millisecond, "agent of %s: %s", n.name, &n.log)
}

// configureNames is configure of n1 with names.
func (w *world) configureNames(t *testing.T) {
	t.Helper()
	n1, n2 := w.nodes[0], w.nodes[1]
	require.NoError(t, n1.agent.Configure(t.Context(), wire.Config{Node: n1.name, Names: true, PeerPorts: []uint16{peerPort},
		Peers: map[link.End][]netip.Addr{n2.name: {n2.v4, n2.v6}}}))
}

func serveNames(t *testing.T, namespace, address string) *nameServer {
	t.Helper()
	s := &nameServer{asked: map[string]int{}}
	var udp net.PacketConn
	var tcp net.Listener
	var err error
	inNamespace(namespace, func() {
		if udp, err = net.ListenPacket("udp", address); err == nil {
			tcp, err = net.Listen("tcp", address)
		}
	})
	require.NoError(t, err)
	var running sync.WaitGroup
	t.Cleanup(func() { udp.Close(); tcp.Close(); running.Wait() })
	running.Go(func() {
		data := make([]byte, 4096)
		for {
			n, from, err := udp.ReadFrom(data)
			if err != nil {
				return
			}
			_, _ = udp.WriteTo(s.answer(data[:n], true), from)
		}
	})
	running.Go(func() {
		for {
			conn, err := tcp.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(within))
				for {
					message, err := readLong(conn)
					if err != nil || writeLong(conn, s.answer(message, false)) != nil {
						return
					}
				}
			})
		}
	})
	return s
}

func (s *nameServer) answer(message []byte, datagram bool) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var m dnsmessage.Message
	if m.Unpack(message) != nil || len(m.Questions) != 1 {
		s.other++
		return append(message[:min(2, len(message))], "what?"...)
	}
	q := m.Questions[0]
	s.asked[q.Name.String()]++
	address, known := zone[q.Name.String()]
	m = dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, Questions: m.Questions}
	switch {
	case !known:
		m.RCode = dnsmessage.RCodeNameError
	case q.Name.String() == "long.test." && datagram:
		m.Truncated = true
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
			Body: &dnsmessage.AResource{A: address.As4()}}}
	}
	packed, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return packed
}

func readLong(from io.Reader) ([]byte, error) {
	var size uint16
	if err := binary.Read(from, binary.BigEndian, &size); err != nil {
		return nil, err
	}
	message := make([]byte, size)
	_, err := io.ReadFull(from, message)
	return message, err
}

func writeLong(to io.Writer, message []byte) error {
	_, err := to.Write(append([]byte{byte(len(message) >> 8), byte(len(message))}, message...))
	return err
}

// asker is a program that keeps its socket.
type asker struct {
	net.Conn
	id uint16
}

func (n *node) asker(t *testing.T, network, server string) *asker {
	t.Helper()
	address := netip.MustParseAddr(server)
	conn, err := n.dial(network, address, 53, within)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return &asker{Conn: conn}
}

// send asks for something, with an OPT record.
func (a *asker) send(t *testing.T, name string, kind dnsmessage.Type) {
	t.Helper()
	a.id++
	var opt dnsmessage.ResourceHeader
	require.NoError(t, opt.SetEDNS0(1232, dnsmessage.RCodeSuccess, false))
	m := dnsmessage.Message{
		Header:      dnsmessage.Header{ID: a.id, RecursionDesired: true},
		Questions:   []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
		Additionals: []dnsmessage.Resource{{Header: opt, Body: &dnsmessage.OPTResource{}}},
	}
	packed, err := m.Pack()
	require.NoError(t, err)
	if a.LocalAddr().Network() == "tcp" {
		require.NoError(t, writeLong(a, packed))
		return
	}
	_, err = a.Write(packed)
	require.NoError(t, err)
}

// ask returns what the asker is told: addresses, a word for a failure, or "nothing"
// where the time is over.
func (a *asker) ask(t *testing.T, name string, kind dnsmessage.Type, patience time.Duration) string {
	t.Helper()
	a.send(t, name, kind)
	return a.told(t, patience)
}

func (a *asker) told(t *testing.T, patience time.Duration) string {
	t.Helper()
	require.NoError(t, a.SetReadDeadline(time.Now().Add(patience)))
	for {
		data, err := a.receive()
		if err != nil {
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			return "nothing"
		}
		var m dnsmessage.Message
		require.NoError(t, m.Unpack(data))
		if m.ID != a.id {
			continue // the answer to what was asked before
		}
		require.True(t, m.Response)
		require.Len(t, m.Questions, 1)
		if m.RCode != dnsmessage.RCodeSuccess {
			return m.RCode.GoString()
		}
		var all []string
		for _, r := range m.Answers {
			switch body := r.Body.(type) {
			case *dnsmessage.AResource:
				all = append(all, netip.AddrFrom4(body.A).String())
			case *dnsmessage.AAAAResource:
				all = append(all, netip.AddrFrom16(body.AAAA).String())
			default:
				all = append(all, fmt.Sprint(body))
			}
		}
		return strings.Join(all, " ")
	}
}

func (a *asker) receive() ([]byte, error) {
	if a.LocalAddr().Network() == "tcp" {
		return readLong(a)
	}
	data := make([]byte, 4096)
	n, err := a.Read(data)
	return data[:n], err
}
