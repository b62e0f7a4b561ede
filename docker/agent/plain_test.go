package main

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The probe program of the tests: plain sockets in a node's namespace.

// dial connects from the node with a deadline.
func (n *node) dial(network string, to netip.Addr, port uint16, timeout time.Duration) (conn net.Conn, err error) {
	inNamespace(n.ns, func() {
		conn, err = net.DialTimeout(network, netip.AddrPortFrom(to, port).String(), timeout)
	})
	return conn, err
}

// listen takes one address of the node.
func (n *node) listen(t testing.TB, address netip.Addr, port uint16) net.Listener {
	t.Helper()
	var l net.Listener
	var err error
	inNamespace(n.ns, func() { l, err = net.Listen("tcp", netip.AddrPortFrom(address, port).String()) })
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// connect gives both ends of a connection from n to where somebody listens.
func (n *node) connect(t testing.TB, l net.Listener) (near, far net.Conn) {
	t.Helper()
	address := netip.MustParseAddrPort(l.Addr().String())
	near, err := n.dial("tcp", address.Addr(), address.Port(), within)
	require.NoError(t, err)
	require.NoError(t, l.(*net.TCPListener).SetDeadline(time.Now().Add(within)))
	far, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { near.Close(); far.Close() })
	for _, c := range []net.Conn{near, far} {
		require.NoError(t, c.SetDeadline(time.Now().Add(2*within)))
	}
	pass(t, near, far, "hello")
	pass(t, far, near, "hello yourself")
	settle(t, near, far)
	return near, far
}

// settle waits until no acknowledgement is under way: a late one is a packet too,
// and a fault that is applied now would act on it.
func settle(t testing.TB, conns ...net.Conn) {
	t.Helper()
	for _, c := range conns {
		onSocket(t, c, func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
	}
	for _, c := range conns {
		require.Eventually(t, func() (all bool) {
			onSocket(t, c, func(fd int) error {
				info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
				all = err == nil && info.Unacked == 0
				return err
			})
			return all
		}, within, time.Millisecond)
	}
}

// onSocket does something with a connection's descriptor.
func onSocket(t testing.TB, conn net.Conn, do func(fd int) error) {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	var failed error
	if err == nil {
		err = raw.Control(func(fd uintptr) { failed = do(int(fd)) })
	}
	if err = errors.Join(err, failed); err != nil {
		t.Errorf("ask a socket: %v", err)
	}
}

// pass sends a text through a connection.
func pass(t testing.TB, from, to net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(from, text)
	require.NoError(t, err)
	receive(t, to, text)
}

func receive(t testing.TB, from net.Conn, text string) {
	t.Helper()
	got := make([]byte, len(text))
	n, err := io.ReadFull(from, got)
	require.NoError(t, err, "got %d of %d bytes", n, len(text))
	require.Equal(t, text, string(got))
}

// silent asserts that nothing comes.
func silent(t testing.TB, from net.Conn) {
	t.Helper()
	require.NoError(t, from.SetReadDeadline(time.Now().Add(soon)))
	n, err := from.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "%d bytes came", n)
	require.NoError(t, from.SetReadDeadline(time.Now().Add(2*within)))
}
