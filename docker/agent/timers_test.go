package main

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/link"
)

// userTimeout is how long the sockets of this file wait for an acknowledgement.
const userTimeout = time.Second

// The kernel's own timers must fire on a redirected link as they do on a wire: a
// cut in the filter hook, after the redirect, leaves such a socket open for ever.
func TestSocketDiesInTheSameTimeOnDirectAndRedirectedLinks(t *testing.T) {
	died := map[string]map[string]time.Duration{}
	for kind, streams := range kinds {
		w := newWorld(t, 2)
		w.configure(t, streams)
		died[kind] = map[string]time.Duration{}
		l := w.nodes[1].listen(t, w.nodes[1].v4, peerPort)
		for name, flows := range map[string][]link.Flow{"out": {there}, "in": {back}, "both": {there, back}} {
			near, _ := w.nodes[0].connect(t, l)
			_, far := w.nodes[0].connect(t, l)
			impatient(t, near)
			impatient(t, far)
			undo := w.apply(t, "cut", link.Effect{Action: link.Drop}, flows...)
			dialler, acceptor := make(chan death, 1), make(chan death, 1)
			go func() { dialler <- speak(near) }()
			go func() { acceptor <- speak(far) }()
			for end, is := range map[string]death{"dialler": <-dialler, "acceptor": <-acceptor} {
				require.ErrorIs(t, is.err, syscall.ETIMEDOUT, "%s, %s, %s", kind, name, end)
				died[kind][name+" "+end] = is.after
			}
			undo()
		}
	}
	for which, direct := range died["direct"] {
		redirected := died["redirected"][which]
		t.Logf("%s: direct after %v, redirected after %v", which, direct, redirected)
		require.GreaterOrEqual(t, redirected, userTimeout, which)
		// One retransmission more would come later than that.
		require.InDelta(t, direct.Seconds(), redirected.Seconds(), userTimeout.Seconds(), which)
	}
}

func impatient(t *testing.T, conn net.Conn) {
	t.Helper()
	onSocket(t, conn, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout/time.Millisecond))
	})
}

// death is when and of what a socket died.
type death struct {
	after time.Duration
	err   error
}

// speak sends, and waits until the kernel gives up.
func speak(conn net.Conn) death {
	begin := time.Now()
	if _, err := io.WriteString(conn, "is anybody there"); err != nil {
		return death{time.Since(begin), err}
	}
	_, err := conn.Read(make([]byte, 1))
	return death{time.Since(begin), err}
}
