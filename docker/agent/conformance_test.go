package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
)

// What the ends of a cut link see, told by plain sockets that share no code with
// the agent. doc.go explains the rows of Refuse.

// sight is what both ends of an established connection see after one of them sent.
type sight struct {
	// receiver is "comes", "comes, then reset", "reset", or "nothing".
	receiver string
	// sender is "nothing" or "reset". Where both see nothing, the bytes come when
	// the cut is undone.
	sender string
}

var (
	open  = sight{"comes", "nothing"}
	keeps = sight{"nothing", "nothing"}
	tells = sight{"nothing", "reset"}
	gone  = sight{"reset", "reset"} // before anybody sent
	// What came was not acknowledged: the receiver's kernel tried, and was refused.
	unheard = sight{"comes, then reset", "reset"}
)

// view is what is seen of one cut. n1 has dialled the established connections.
type view struct {
	there, back sight // n1 sends to n2; n2 sends to n1
	// dial is a new connection from n1 to n2, and dialBack one from n2 to n1:
	// "answered", "refused", "timeout", or "silent": connect succeeds, and the
	// answer comes when the cut is undone.
	dial, dialBack string
	// udp and udpBack are datagrams: "comes", "nothing" or "refused".
	udp, udpBack string
}

// cuts say what every cut looks like: one view for both kinds of link, because a
// redirect must not change what a node sees of its network.
var cuts = []struct {
	action link.Action
	name   string
	flows  []link.Flow
	view   view
}{
	{link.Drop, "out", []link.Flow{there}, view{keeps, open, "timeout", "timeout", "nothing", "comes"}},
	{link.Drop, "in", []link.Flow{back}, view{open, keeps, "timeout", "timeout", "comes", "nothing"}},
	{link.Drop, "both", []link.Flow{there, back}, view{keeps, keeps, "timeout", "timeout", "nothing", "nothing"}},
	{link.Refuse, "out", []link.Flow{there}, view{tells, unheard, "refused", "timeout", "refused", "comes"}},
	{link.Refuse, "in", []link.Flow{back}, view{unheard, tells, "timeout", "refused", "comes", "refused"}},
	{link.Refuse, "both", []link.Flow{there, back}, view{gone, gone, "refused", "refused", "refused", "refused"}},
	{link.HoldBack, "out", []link.Flow{there}, view{keeps, open, "silent", "silent", "comes", "comes"}},
	{link.HoldBack, "in", []link.Flow{back}, view{open, keeps, "silent", "silent", "comes", "comes"}},
	{link.HoldBack, "both", []link.Flow{there, back}, view{keeps, keeps, "silent", "silent", "comes", "comes"}},
}

func TestEveryCutLooksAlikeOnDirectAndRedirectedLinks(t *testing.T) {
	for kind, streams := range kinds {
		w := newWorld(t, 2)
		w.configure(t, streams)
		for _, c := range cuts {
			if (link.Effect{Action: c.action}).Stream() && !streams {
				continue // TestStreamEffectsNeedStreams
			}
			for version, address := range versions {
				t.Run(fmt.Sprintf("%s/%s/%s/%s", kind, c.action, c.name, version), func(t *testing.T) {
					l := newLinked(t, w, address)
					undo := w.apply(t, "cut", link.Effect{Action: c.action}, c.flows...)
					require.Equal(t, c.view, l.look(c.view))
					require.NotZero(t, w.count(t, "cut").Packets)
					undo()
					l.heals(t, c.view)
				})
			}
		}
	}
}

// linked are the sockets by which the two nodes of a world look at their link.
type linked struct {
	n1, n2         *node
	at1, at2       netip.Addr
	there, back    [2]net.Conn // sender and receiver
	udp, udpBack   [2]net.Conn
	late, lateBack net.Conn // dialled, and not answered yet
}

func newLinked(t *testing.T, w *world, address func(*node) netip.Addr) *linked {
	t.Helper()
	l := &linked{n1: w.nodes[0], n2: w.nodes[1]}
	l.at1, l.at2 = address(l.n1), address(l.n2)
	l1, l2 := l.n1.listen(t, l.at1, peerPort), l.n2.listen(t, l.at2, peerPort)
	t.Cleanup(func() { l1.Close(); l2.Close() }) // the next case listens there
	l.there[0], l.there[1] = l.n1.connect(t, l2)
	l.back[1], l.back[0] = l.n1.connect(t, l2)
	l.udp = datagrams(t, l.n1, l.n2, l.at2)
	l.udpBack = datagrams(t, l.n2, l.n1, l.at1)
	echo(l1)
	echo(l2)
	return l
}

// datagrams is a UDP socket that sends from one node, and one that receives at the other.
func datagrams(t *testing.T, from, to *node, address netip.Addr) [2]net.Conn {
	t.Helper()
	var receiver *net.UDPConn
	var err error
	inNamespace(to.ns, func() {
		receiver, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(address, peerPort)))
	})
	require.NoError(t, err)
	sender, err := from.dial("udp", address, peerPort, within)
	require.NoError(t, err)
	t.Cleanup(func() { receiver.Close(); sender.Close() })
	return [2]net.Conn{sender, receiver}
}

// look does everything at once, and says what was seen. What is expected only
// says how long to look.
func (l *linked) look(want view) (got view) {
	var all sync.WaitGroup
	all.Go(func() { got.there = exchange(want.there, l.there) })
	all.Go(func() { got.back = exchange(want.back, l.back) })
	all.Go(func() { got.udp = datagram(want.udp, l.udp) })
	all.Go(func() { got.udpBack = datagram(want.udpBack, l.udpBack) })
	all.Go(func() { got.dial, l.late = attempt(want.dial, l.n1, l.at2) })
	all.Go(func() { got.dialBack, l.lateBack = attempt(want.dialBack, l.n2, l.at1) })
	all.Wait()
	return got
}

// heals asserts that what was kept comes now, and that everything works again.
func (l *linked) heals(t *testing.T, was view) {
	t.Helper()
	for _, conn := range []net.Conn{l.late, l.lateBack} {
		if conn != nil {
			defer conn.Close()
			require.Equal(t, "comes", read(conn, within), "a connection that was silent is not answered")
		}
	}
	if was.there == keeps {
		require.Equal(t, "comes", read(l.there[1], within), "n1's bytes did not come")
	}
	if was.back == keeps {
		require.Equal(t, "comes", read(l.back[1], within), "n2's bytes did not come")
	}
	whole := view{open, open, "answered", "answered", "comes", "comes"}
	for _, c := range []struct {
		was  sight
		conn [2]net.Conn
		got  *sight
	}{{was.there, l.there, &whole.there}, {was.back, l.back, &whole.back}} {
		if c.was == open || c.was == keeps {
			*c.got = exchange(open, c.conn)
		}
	}
	var late net.Conn
	whole.dial, late = attempt("answered", l.n1, l.at2)
	require.Nil(t, late)
	whole.dialBack, late = attempt("answered", l.n2, l.at1)
	require.Nil(t, late)
	// An old sender may still be told of what was refused before.
	for i, conn := range []*net.Conn{&l.udp[0], &l.udpBack[0]} {
		fresh, err := []*node{l.n1, l.n2}[i].dial("udp", []netip.Addr{l.at2, l.at1}[i], peerPort, within)
		require.NoError(t, err)
		defer fresh.Close()
		*conn = fresh
	}
	whole.udp, whole.udpBack = datagram("comes", l.udp), datagram("comes", l.udpBack)
	require.Equal(t, view{open, open, "answered", "answered", "comes", "comes"}, whole)
}

// patience is how long a socket is watched: not long for nothing, else until it comes.
func patience(want string) time.Duration {
	switch want {
	case "nothing", "silent", "timeout":
		return soon
	}
	return within
}

// read is what a read of some bytes says.
func read(conn net.Conn, timeout time.Duration) string {
	if err := conn.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return err.Error()
	}
	_, err := conn.Read(make([]byte, 64))
	return word(err, "comes", "nothing")
}

// word names an error.
func word(err error, none, timeout string) string {
	var late net.Error
	switch {
	case err == nil:
		return none
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return timeout
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED):
		return "reset" // aborted is what the end is told at which the connection was
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	}
	return err.Error()
}

func exchange(want sight, conn [2]net.Conn) (got sight) {
	if _, err := io.WriteString(conn[0], "word"); err != nil {
		return sight{read(conn[1], patience(want.receiver)), word(err, "", "")}
	}
	var both sync.WaitGroup
	both.Go(func() { got.sender = read(conn[0], patience(want.sender)) })
	both.Go(func() {
		got.receiver = read(conn[1], patience(want.receiver))
		if got.receiver != "comes" {
			return
		}
		timeout := soon
		if want.receiver != "comes" {
			timeout = within
		}
		if then := read(conn[1], timeout); then != "nothing" {
			got.receiver += ", then " + then
		}
	})
	both.Wait()
	return got
}

func datagram(want string, conn [2]net.Conn) string {
	_, err := io.WriteString(conn[0], "word")
	if errors.Is(err, syscall.EPERM) { // the kernel's word for a reject of the first packet
		err = syscall.ECONNREFUSED
	}
	if err != nil {
		return word(err, "", "")
	}
	if want == "comes" {
		return read(conn[1], within)
	}
	if told := read(conn[0], patience(want)); told != "nothing" {
		return told
	}
	return read(conn[1], soon)
}

// attempt dials, and asks the echo server one thing. The connection is returned
// where it was made and nobody has answered yet.
func attempt(want string, from *node, to netip.Addr) (string, net.Conn) {
	conn, err := from.dial("tcp", to, peerPort, patience(want))
	if err != nil {
		return word(err, "", "timeout"), nil
	}
	if _, err := io.WriteString(conn, "anybody"); err != nil {
		conn.Close()
		return "connected, then " + word(err, "", ""), nil
	}
	switch heard := read(conn, patience(want)); heard {
	case "comes":
		conn.Close()
		return "answered", nil
	case "nothing":
		return "silent", conn
	default:
		conn.Close()
		return "connected, then " + heard, nil
	}
}

// clientCuts are the cuts between a client group and a node, through the dialer.
// An answer of the dialer means that the node was reached, so a connection over a
// cut link is never made. Refuse tells both ends at once, on whichever flow it is:
// the connection is the agent's, which resets both its halves.
var clientCuts = []struct {
	action            link.Action
	name              string
	flows             []link.Flow
	asking, answering sight // of an established connection; zero: both ends are reset
	dial              error
}{
	{link.Drop, "out", []link.Flow{asking}, keeps, open, context.DeadlineExceeded},
	{link.Drop, "in", []link.Flow{answering}, open, keeps, context.DeadlineExceeded},
	{link.Drop, "both", []link.Flow{asking, answering}, keeps, keeps, context.DeadlineExceeded},
	{link.HoldBack, "out", []link.Flow{asking}, keeps, open, context.DeadlineExceeded},
	{link.HoldBack, "in", []link.Flow{answering}, open, keeps, context.DeadlineExceeded},
	{link.HoldBack, "both", []link.Flow{asking, answering}, keeps, keeps, context.DeadlineExceeded},
	{link.Refuse, "out", []link.Flow{asking}, sight{}, sight{}, syscall.ECONNREFUSED},
	{link.Refuse, "in", []link.Flow{answering}, sight{}, sight{}, syscall.ECONNREFUSED},
	{link.Refuse, "both", []link.Flow{asking, answering}, sight{}, sight{}, syscall.ECONNREFUSED},
}

func TestEveryCutOfAClientLink(t *testing.T) {
	w := newWorld(t, 1)
	w.configure(t, false)
	n1 := w.nodes[0]
	for _, c := range clientCuts {
		t.Run(string(c.action)+"/"+c.name, func(t *testing.T) {
			l := n1.listen(t, n1.v4, clientPort)
			defer l.Close() // the next case listens there
			client, served := session(t, n1, l)
			client2, served2 := session(t, n1, l)
			undo := w.apply(t, "cut", link.Effect{Action: c.action}, c.flows...)
			ctx, cancel := context.WithTimeout(t.Context(), soon)
			defer cancel()
			_, err := n1.agent.Connect(ctx, link.Clients, "n1:6000")
			require.ErrorIs(t, err, c.dial)
			require.NotZero(t, w.count(t, "cut").Packets)
			if c.dial == syscall.ECONNREFUSED {
				for _, conn := range []net.Conn{client, served, client2, served2} {
					require.Equal(t, "reset", read(conn, within))
				}
				undo()
				session(t, n1, l)
				return
			}
			require.Equal(t, c.asking, exchange(c.asking, [2]net.Conn{client, served}))
			require.Equal(t, c.answering, exchange(c.answering, [2]net.Conn{served2, client2}))
			undo()
			if c.asking == keeps {
				require.Equal(t, "comes", read(served, within))
			}
			if c.answering == keeps {
				require.Equal(t, "comes", read(client2, within))
			}
			require.Equal(t, open, exchange(open, [2]net.Conn{client, served}))
			require.Equal(t, open, exchange(open, [2]net.Conn{served2, client2}))
		})
	}
}
