package stream_test

import (
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/stream"
)

// joined is a relayed connection: what a holds and what b holds.
func joined(t testing.TB, r *stream.Relay) (a, b net.Conn) {
	t.Helper()
	a, near := loopback(t)
	far, b := loopback(t)
	require.NoError(t, r.Join(near, far))
	return a, b
}

func loopback(t testing.TB) (net.Conn, net.Conn) {
	t.Helper()
	near, far, err := stream.Loopback(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { near.Close(); far.Close() })
	for _, c := range []net.Conn{near, far} {
		require.NoError(t, c.SetDeadline(time.Now().Add(within)))
	}
	return near, far
}

func newRelay(t testing.TB, s *stream.Switch) *stream.Relay {
	r := &stream.Relay{Switch: s, From: "a", To: "b", Port: "peer"}
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func send(t testing.TB, to net.Conn, text string) {
	t.Helper()
	_, err := to.Write([]byte(text))
	require.NoError(t, err)
}

func receive(t testing.TB, from net.Conn, text string) {
	t.Helper()
	got := make([]byte, len(text))
	n, err := io.ReadFull(from, got)
	require.NoError(t, err, "received %q of %q", got[:n], text)
	require.Equal(t, text, string(got))
}

// silent asserts that nothing arrives, for long enough that it would have.
func silent(t testing.TB, from net.Conn) {
	t.Helper()
	require.NoError(t, from.SetReadDeadline(time.Now().Add(60*time.Millisecond)))
	n, err := from.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "%d bytes arrived", n)
	require.NoError(t, from.SetReadDeadline(time.Now().Add(within)))
}

func broken(t testing.TB, conn net.Conn) {
	t.Helper()
	_, err := conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

// refused asserts that a new connection is reset, be it before connect returns or after.
func refused(t testing.TB, address string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		require.ErrorIs(t, err, syscall.ECONNRESET)
		return
	}
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(within)))
	broken(t, conn)
}

func waitCount(t testing.TB, s *stream.Switch, id string, want link.Count) {
	t.Helper()
	require.Eventually(t, func() bool { return s.Count(id) == want }, within, time.Millisecond, "count of %s", id)
}

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(within)))
	return conn
}

// serve starts the relay on a port of its own, to the upstream if one is named.
func serve(t testing.TB, r *stream.Relay, upstream string) string {
	t.Helper()
	if upstream != "" {
		r.Dial = stream.DialTo(upstream, nil)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- r.Serve(listener) }()
	t.Cleanup(func() {
		require.NoError(t, r.Close())
		require.NoError(t, <-served)
	})
	return listener.Addr().String()
}

// echo answers every connection with what it sends.
func echo(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

func descriptors(t testing.TB) int {
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(files)
}
