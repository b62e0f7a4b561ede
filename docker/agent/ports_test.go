package main

import (
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
)

// An effect on one port of a flow is on what is sent to that port and on what is
// answered from it, and on nothing else.
func TestFaultOnOnePort(t *testing.T) {
	for kind, streams := range kinds {
		w := newWorld(t, 2)
		w.configure(t, streams)
		n1, n2 := w.nodes[0], w.nodes[1]
		for version, address := range versions {
			on, off := n2.listen(t, address(n2), peerPort), n2.listen(t, address(n2), peerPort2)
			for _, e := range []link.Effect{
				{Action: link.Drop}, {Action: link.Lose, Probability: 1}, {Action: link.HoldBack},
				{Action: link.Delay, Latency: time.Hour, Packets: true}, {Action: link.Delay, Latency: time.Hour},
			} {
				e.Port = peerPort
				if version == "IPv6" {
					e.Transport = link.TCP
				}
				if e.Stream() && !streams {
					continue
				}
				t.Run(fmt.Sprint(kind, " ", version, " ", e.Action, e.Packets), func(t *testing.T) {
					for _, flow := range []link.Flow{there, back} {
						near, far := n1.connect(t, on)
						near2, far2 := n1.connect(t, off)
						from, to := near, far
						if flow == back {
							from, to = far, near
						}
						undo := w.apply(t, "x", e, flow)
						_, err := from.Write([]byte("late"))
						require.NoError(t, err)
						silent(t, to)
						pass(t, near2, far2, "the other port")
						pass(t, far2, near2, "both ways")
						require.NotZero(t, w.count(t, "x").Packets)
						undo()
						receive(t, to, "late")
					}
				})
			}
			on.Close()
			off.Close()
		}
	}
}

func TestRefuseOfOnePort(t *testing.T) {
	for kind, streams := range kinds {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, 2)
			w.configure(t, streams)
			n1, n2 := w.nodes[0], w.nodes[1]
			on, off := n2.listen(t, n2.v4, peerPort), n2.listen(t, n2.v4, peerPort2)
			near, far := n1.connect(t, on)
			near2, far2 := n1.connect(t, off)
			undo := w.apply(t, "x", link.Effect{Action: link.Refuse, Port: peerPort}, there, back)
			require.Equal(t, "reset", read(near, within))
			require.Equal(t, "reset", read(far, within))
			_, err := n1.dial("tcp", n2.v4, peerPort, within)
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
			pass(t, near2, far2, "the other port")
			n1.connect(t, off)
			undo()
			n1.connect(t, on)
		})
	}
}

// Datagrams of one port and one transport.
func TestFaultOnOneTransport(t *testing.T) {
	w := newWorld(t, 2)
	w.configure(t, false)
	n1, n2 := w.nodes[0], w.nodes[1]
	l := n2.listen(t, n2.v4, datagramPort)
	near, far := n1.connect(t, l)
	on, off := newNumbered(t, n1, n2, n2.v4, datagramPort), newNumbered(t, n1, n2, n2.v4, otherPort)
	for _, e := range []link.Effect{
		{Action: link.Drop}, {Action: link.Lose, Probability: 1}, {Action: link.Corrupt, Probability: 1},
		{Action: link.Delay, Latency: time.Hour, Packets: true}, {Action: link.Refuse},
	} {
		e.Port, e.Transport = datagramPort, link.UDP
		undo := w.apply(t, "x", e, there)
		on.forget()
		_, err := on.sender.Write(make([]byte, numberedSize))
		if e.Action == link.Refuse {
			require.Error(t, err)
		} else {
			require.NoError(t, err)
		}
		pass(t, near, far, "TCP")
		off.whole(t, 50)
		require.Eventually(t, func() bool { return w.count(t, "x").Packets == 1 }, within, time.Millisecond, "%s", e.Action)
		require.Empty(t, on.arrivals())
		undo()
		_, _ = on.sender.Write(nil) // takes the error that a refusal left at the socket
		e.Transport = link.TCP
		undo = w.apply(t, "x", e, there)
		on.whole(t, 50)
		require.Zero(t, w.count(t, "x").Packets, "%s", e.Action)
		undo()
	}
}

// Ports of a client's link are told apart too.
func TestClientFaultOnOnePort(t *testing.T) {
	w := newWorld(t, 1)
	w.configure(t, false)
	n1 := w.nodes[0]
	l := n1.listen(t, n1.v4, clientPort)
	client, served := session(t, n1, l)
	undo := w.apply(t, "x", link.Effect{Action: link.HoldBack, Port: clientPort + 1}, asking, answering)
	pass(t, client, served, "another port's")
	session(t, n1, l)
	_, err := n1.agent.Connect(t.Context(), "elsewhere", "n1:6001")
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "another group's link")
	undo()
	undo = w.apply(t, "x", link.Effect{Action: link.Limit, LimitBytes: 4, Port: clientPort}, asking)
	_, err = client.Write([]byte("so far and no further"))
	require.NoError(t, err)
	receive(t, served, "so f")
	require.Equal(t, "reset", read(served, within))
	require.Equal(t, "reset", read(client, within))
	require.Equal(t, link.Count{Packets: 1, Bytes: 4}, w.count(t, "x"))
	undo()
	session(t, n1, l)
}

// A break ends connections that nobody uses, at both ends, once.
func TestBreakResetsWhatThereIsAndNothingLater(t *testing.T) {
	for kind, streams := range kinds {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, 3)
			w.configure(t, streams)
			n1, n2, n3 := w.nodes[0], w.nodes[1], w.nodes[2]
			for version, address := range versions {
				on, off := n2.listen(t, address(n2), peerPort), n2.listen(t, address(n2), peerPort2)
				elsewhere := n3.listen(t, address(n3), peerPort)
				for _, flow := range []link.Flow{there, back} {
					broken := [][2]net.Conn{}
					for range 3 {
						near, far := n1.connect(t, on)
						broken = append(broken, [2]net.Conn{near, far})
					}
					near2, far2 := n1.connect(t, off)
					near3, far3 := n1.connect(t, elsewhere)
					before := n1.ruleset(t)
					undo := w.apply(t, "x", link.Effect{Action: link.Break, Port: peerPort}, flow)
					for _, ends := range broken {
						require.Equal(t, "reset", read(ends[0], within), version)
						require.Equal(t, "reset", read(ends[1], within), version)
					}
					require.GreaterOrEqual(t, w.count(t, "x").Packets, uint64(3))
					active, err := n1.agent.Active(t.Context())
					require.NoError(t, err)
					require.Equal(t, []string{"x"}, active, "until it is undone")
					near, far := n1.connect(t, on)
					w.apply(t, "x", link.Effect{Action: link.Break, Port: peerPort}, flow) // a repeated request
					pass(t, near, far, "after")
					pass(t, near2, far2, "another port")
					pass(t, near3, far3, "another link")
					require.Equal(t, before, n1.ruleset(t))
					undo()
					pass(t, near, far, "after all")
					require.GreaterOrEqual(t, w.count(t, "x").Packets, uint64(3))
				}
			}
		})
	}
}

func TestBreakOfAClientsLink(t *testing.T) {
	w := newWorld(t, 1)
	w.configure(t, false)
	n1 := w.nodes[0]
	l := n1.listen(t, n1.v4, clientPort)
	client, served := session(t, n1, l)
	defer w.apply(t, "x", link.Effect{Action: link.Break}, asking)()
	require.Equal(t, "reset", read(client, within))
	require.Equal(t, "reset", read(served, within))
	session(t, n1, l)
	require.Equal(t, link.Count{Packets: 1}, w.count(t, "x"))
}
