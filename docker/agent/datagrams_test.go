package main

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// datagramPort and otherPort take the numbered datagrams.
const (
	datagramPort = 5300
	otherPort    = 5301
)

// numbered are datagrams that say which of how many they are, and when they were
// sent: plain sockets that share no code with the agent.
type numbered struct {
	from, to *node
	at       netip.Addr
	port     uint16
	sender   net.Conn

	mu   sync.Mutex
	came []arrival
}

// arrival is a datagram that came.
type arrival struct {
	number       int
	sent, arrive time.Time
}

const numberedSize = 8 + 8

// newNumbered opens the sockets of both ends.
func newNumbered(t testing.TB, from, to *node, at netip.Addr, port uint16) *numbered {
	t.Helper()
	n := &numbered{from: from, to: to, at: at, port: port}
	var conn net.PacketConn
	var err error
	inNamespace(to.ns, func() { conn, err = net.ListenPacket("udp", netip.AddrPortFrom(at, port).String()) })
	require.NoError(t, err)
	room(t, conn.(*net.UDPConn))
	n.sender, err = from.dial("udp", at, port, within)
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		data := make([]byte, 1<<16)
		for {
			size, _, err := conn.ReadFrom(data)
			if err != nil {
				return
			}
			if size >= numberedSize {
				n.mu.Lock()
				n.came = append(n.came, arrival{
					int(binary.BigEndian.Uint64(data)), began.Add(time.Duration(binary.BigEndian.Uint64(data[8:]))), time.Now()})
				n.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() { n.sender.Close(); conn.Close(); <-done })
	return n
}

// room lets a socket keep all that comes at once, however busy its reader is.
func room(t testing.TB, conn *net.UDPConn) {
	t.Helper()
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	var failed error
	require.NoError(t, raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
	}))
	require.NoError(t, failed)
}

var began = time.Now()

// send sends datagrams of a size, a few at a time so that no socket's buffer overflows.
func (n *numbered) send(t testing.TB, first, count, size int) {
	t.Helper()
	data := make([]byte, max(size, numberedSize))
	for i := first; i < first+count; i++ {
		binary.BigEndian.PutUint64(data, uint64(i))
		binary.BigEndian.PutUint64(data[8:], uint64(time.Since(began)))
		_, err := n.sender.Write(data)
		require.NoError(t, err)
		if i%50 == 49 {
			time.Sleep(time.Millisecond)
		}
	}
}

// through sends datagrams and then more until one of those has come: on a link that
// keeps order nothing of the first is under way then. It returns the first.
func (n *numbered) through(t testing.TB, count int) []arrival {
	t.Helper()
	return n.sized(t, count, 0)
}

// sized is through with datagrams of a size.
func (n *numbered) sized(t testing.TB, count, size int) []arrival {
	t.Helper()
	n.forget()
	n.send(t, 0, count, size)
	next := count
	require.Eventually(t, func() bool {
		for _, a := range n.arrivals() {
			if a.number >= count {
				return true
			}
		}
		n.send(t, next, 1, 0)
		next++
		return false
	}, within, 5*time.Millisecond, "nothing comes through")
	var first []arrival
	for _, a := range n.arrivals() {
		if a.number < count {
			first = append(first, a)
		}
	}
	return first
}

// await waits until so many have come.
func (n *numbered) await(t testing.TB, count int) []arrival {
	t.Helper()
	require.Eventually(t, func() bool { return len(n.arrivals()) >= count }, 2*within, time.Millisecond,
		"of %d datagrams %d came", count, len(n.arrivals()))
	return n.arrivals()
}

func (n *numbered) arrivals() []arrival {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]arrival(nil), n.came...)
}

func (n *numbered) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.came = nil
}

// times is how often each of the datagrams came.
func times(came []arrival, count int) []int {
	times := make([]int, count)
	for _, a := range came {
		times[a.number]++
	}
	return times
}

// lost are the numbers that did not come.
func lost(came []arrival, count int) (numbers []int) {
	for i, times := range times(came, count) {
		if times == 0 {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

// whole asserts that a link does nothing: all come, once and in order.
func (n *numbered) whole(t testing.TB, count int) {
	t.Helper()
	came := n.through(t, count)
	require.Len(t, came, count, "%s>%s port %d", n.from.name, n.to.name, n.port)
	for i, a := range came {
		require.Equal(t, i, a.number)
	}
}

// badChecksums is how many datagrams the node's kernel has thrown away for their checksum.
func (n *node) badChecksums(t testing.TB) (sum int) {
	t.Helper()
	text := sh(t, "ip", "netns", "exec", n.ns, "cat", "/proc/net/snmp", "/proc/net/snmp6")
	atoi := func(text string) int {
		number, err := strconv.Atoi(text)
		require.NoError(t, err)
		return number
	}
	var names []string
	for _, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && fields[0] == "Udp6InCsumErrors":
			sum += atoi(fields[1])
		case len(fields) > 0 && fields[0] == "Udp:" && names == nil:
			names = fields
		case len(fields) > 0 && fields[0] == "Udp:":
			for i, name := range names {
				if name == "InCsumErrors" {
					sum += atoi(fields[i])
				}
			}
		}
	}
	return sum
}

// queues is what the kernel says of the queues of the node's namespace.
func (n *node) queues(t testing.TB) string {
	t.Helper()
	return sh(t, "ip", "netns", "exec", n.ns, "cat", "/proc/net/netfilter/nfnetlink_queue")
}

// scene is a link from n1 to n2, and what must not notice what is done to it: the
// flow back, another link of each node.
type scene struct {
	*numbered
	others []*numbered
}

func newScene(t testing.TB, w *world, address func(*node) netip.Addr) scene {
	t.Helper()
	n1, n2, n3 := w.nodes[0], w.nodes[1], w.nodes[2]
	return scene{newNumbered(t, n1, n2, address(n2), datagramPort), []*numbered{
		newNumbered(t, n2, n1, address(n1), datagramPort),
		newNumbered(t, n1, n3, address(n3), datagramPort),
		newNumbered(t, n3, n2, address(n2), otherPort),
	}}
}
