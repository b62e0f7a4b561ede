package main

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

var (
	asking    = link.Flow{From: link.Clients, To: "n1"}
	answering = asking.Reverse()
)

const clientPort = 6000

// session is a client's connection through the agent: its end, and the node's.
func session(t testing.TB, n *node, l net.Listener) (client, served net.Conn) {
	t.Helper()
	client, err := n.agent.Connect(t.Context(), link.Clients, string(n.name)+":6000")
	require.NoError(t, err)
	require.NoError(t, l.(*net.TCPListener).SetDeadline(time.Now().Add(within)))
	served, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { client.Close(); served.Close() })
	for _, c := range []net.Conn{client, served} {
		require.NoError(t, c.SetDeadline(time.Now().Add(2*within)))
	}
	pass(t, client, served, "hello")
	pass(t, served, client, "hello yourself")
	return client, served
}

func TestConnectReachesTheNodeAtItsOwnAddress(t *testing.T) {
	w := newWorld(t, 2)
	n1, n2 := w.nodes[0], w.nodes[1]
	ctx := t.Context()
	_, err := n1.agent.Connect(ctx, link.Clients, "n1:6000")
	require.ErrorIs(t, err, syscall.EAGAIN, "before it is configured")
	w.configure(t, true)

	loopbackOnly := n1.listen(t, netip.MustParseAddr("127.0.0.1"), clientPort)
	_, err = n1.agent.Connect(ctx, link.Clients, "n1:6000")
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "what listens on loopback is not on the network")
	require.NoError(t, loopbackOnly.Close())

	l := n1.listen(t, n1.v4, clientPort)
	client, served := session(t, n1, l)
	require.NoError(t, client.(*net.TCPConn).CloseWrite())
	_, err = served.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	pass(t, served, client, "half closed")
	require.NoError(t, served.Close())
	_, err = client.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)

	for target, want := range map[string]error{
		"n1:6001":                       syscall.ECONNREFUSED,
		n1.v4.String() + ":6001":        syscall.ECONNREFUSED,
		n2.v4.String() + ":5000":        syscall.ECONNREFUSED,
		"n2:5000":                       syscall.ECONNREFUSED, // not redirected: a relay would accept
		"127.0.0.1:6000":                syscall.EADDRNOTAVAIL,
		"localhost:6000":                syscall.EADDRNOTAVAIL,
		"nobody.invalid:6000":           wire.ErrUnknownHost,
		"no-port":                       wire.ErrPreamble,
		"[" + n1.v6.String() + "]:6001": syscall.ECONNREFUSED,
	} {
		_, err := n1.agent.Connect(ctx, link.Clients, target)
		require.ErrorIs(t, err, want, target)
	}
	stranger := &wire.Agent{Address: n1.agent.Address, Token: "guessed", DialContext: n1.agent.DialContext}
	_, err = stranger.Connect(ctx, link.Clients, "n1:6000")
	require.ErrorIs(t, err, wire.ErrToken)
	require.ErrorIs(t, stranger.Heal(ctx), wire.ErrToken)
}

func TestClientLinkDropAndHoldAreSilentUntilUndone(t *testing.T) {
	w := newWorld(t, 2)
	w.configure(t, false)
	n1 := w.nodes[0]
	l := n1.listen(t, n1.v4, clientPort)
	for _, action := range []link.Action{link.Drop, link.HoldBack} {
		for _, cut := range []link.Flow{asking, answering} {
			t.Run(string(action)+" "+cut.String(), func(t *testing.T) {
				client, served := session(t, n1, l)
				undo := w.apply(t, "cut", link.Effect{Action: action}, cut)
				from, to := client, served
				if cut == answering {
					from, to = served, client
				}
				_, err := io.WriteString(from, "kept")
				require.NoError(t, err)
				silent(t, to)
				pass(t, to, from, "heard")
				require.NotZero(t, w.count(t, "cut").Bytes)

				ctx, cancel := context.WithTimeout(t.Context(), soon)
				defer cancel()
				_, err = n1.agent.Connect(ctx, link.Clients, "n1:6000")
				require.ErrorIs(t, err, context.DeadlineExceeded)
				connecting := make(chan error, 1)
				go func() {
					conn, err := n1.agent.Connect(t.Context(), link.Clients, "n1:6001")
					if err == nil {
						conn.Close()
					}
					connecting <- err
				}()
				// Another group's link is another link.
				other, err := n1.agent.Connect(t.Context(), "elsewhere", "n1:6000")
				require.NoError(t, err)
				other.Close()
				accepted, err := l.Accept()
				require.NoError(t, err)
				accepted.Close()
				require.Empty(t, connecting, "answered while the link was cut")

				undo()
				require.ErrorIs(t, <-connecting, syscall.ECONNREFUSED, "the node's own answer, late")
				receive(t, to, "kept")
				pass(t, from, to, "again")
				// The client that gave up never reached the node.
				require.NoError(t, l.(*net.TCPListener).SetDeadline(time.Now().Add(soon)))
				_, err = l.Accept()
				require.Error(t, err)
			})
		}
	}
}

func TestBytesAreNotLostBetweenAnswerAndTarget(t *testing.T) {
	w := newWorld(t, 1)
	w.configure(t, false)
	n1 := w.nodes[0]
	l := n1.listen(t, n1.v4, clientPort)
	greeting := strings.Repeat("the server speaks first. ", 1000)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, greeting)
		_, _ = io.Copy(conn, conn)
	}()
	client, err := n1.agent.Connect(t.Context(), link.Clients, "n1:6000")
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.SetDeadline(time.Now().Add(within)))
	receive(t, client, greeting)
	info, err := n1.agent.Hello(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, info.Connections)
	require.Equal(t, link.End("n1"), info.Node)
	require.Equal(t, []netip.Addr{n1.v4, n1.v6}, info.Addresses)
	require.Empty(t, info.Packets)
}

func echo(l net.Listener) {
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
}
