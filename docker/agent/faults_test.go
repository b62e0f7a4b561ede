package main

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

var (
	there = link.Flow{From: "n1", To: "n2"}
	back  = there.Reverse()
)

// kinds are a direct and a redirected link: packets are cut alike on both.
var kinds = map[string]bool{"direct": false, "redirected": true}

// versions are the addresses of a node.
var versions = map[string]func(*node) netip.Addr{
	"IPv4": func(n *node) netip.Addr { return n.v4 },
	"IPv6": func(n *node) netip.Addr { return n.v6 },
}

func TestDropIsSilentInOneDirectionOnly(t *testing.T) {
	for kind, streams := range kinds {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, 2)
			w.configure(t, streams)
			n1, n2 := w.nodes[0], w.nodes[1]
			for version, address := range versions {
				l := n2.listen(t, address(n2), peerPort)
				for _, cut := range []link.Flow{there, back} {
					t.Run(version+" "+cut.String(), func(t *testing.T) {
						near, far := n1.connect(t, l)
						undo := w.apply(t, "cut", link.Effect{Action: link.Drop}, cut)

						_, err := n1.dial("tcp", address(n2), peerPort, soon)
						timesOut(t, err)

						// Finding the neighbour is no traffic of the flow: it works when it is needed again.
						for _, n := range w.nodes {
							sh(t, "ip", "-n", n.ns, "neigh", "flush", "dev", "eth0")
						}
						// A black hole tells nobody, UDP senders neither.
						udp, err := w.node(cut.From).dial("udp", address(w.node(cut.To)), 9, within)
						require.NoError(t, err)
						defer udp.Close()
						for range 3 {
							_, err = udp.Write([]byte("lost"))
							require.NoError(t, err)
						}
						// Bytes in the direction that is cut don't come; in the other they do.
						from, to := near, far
						if cut == back {
							from, to = far, near
						}
						_, err = io.WriteString(from, "lost")
						require.NoError(t, err)
						silent(t, to)
						pass(t, to, from, "heard")

						_, err = w.probe(t, cut, link.UDP, soon)
						require.ErrorIs(t, err, wire.ErrProbeLate)
						_, err = w.probe(t, cut.Reverse(), link.UDP, within)
						require.NoError(t, err)
						require.NotZero(t, w.count(t, "cut").Packets)
						require.NotZero(t, w.count(t, "cut").Bytes)

						undo()
						receive(t, to, "lost") // TCP sends it again
						pass(t, from, to, "again")
						for _, f := range []link.Flow{there, back} {
							for _, transport := range []link.Transport{link.UDP, link.TCP} {
								_, err = w.probe(t, f, transport, within)
								require.NoError(t, err)
							}
						}
					})
				}
			}
		})
	}
}

// A host that refuses only what n1 sends tells n1; and n2 learns by n1's reset.
func TestRefuseOfOneFlowTellsItsSender(t *testing.T) {
	for kind, streams := range kinds {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, 2)
			w.configure(t, streams)
			n1, n2 := w.nodes[0], w.nodes[1]
			near, far := n1.connect(t, n2.listen(t, n2.v4, peerPort))
			defer w.apply(t, "no", link.Effect{Action: link.Refuse}, there)()
			_, err := n1.dial("tcp", n2.v4, peerPort, within)
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
			resets(t, near)
			resets(t, far)

			// The reset that tells n1 looks as if n2 had sent it.
			defer w.apply(t, "cut", link.Effect{Action: link.Drop}, back)()
			_, err = n1.dial("tcp", n2.v4, peerPort, within)
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
		})
	}
}

// A connection that nobody uses is reset too, where both its flows are refused.
func TestRefuseOfBothFlowsResetsAnIdleConnection(t *testing.T) {
	for kind, streams := range kinds {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, 2)
			w.configure(t, streams)
			near, far := w.nodes[0].connect(t, w.nodes[1].listen(t, w.nodes[1].v4, peerPort))
			defer w.apply(t, "no", link.Effect{Action: link.Refuse}, there, back)()
			require.Equal(t, "reset", read(near, within))
			require.Equal(t, "reset", read(far, within))
		})
	}
}

// resets asserts that an established connection is reset when it sends.
func resets(t *testing.T, conn net.Conn) {
	t.Helper()
	_, err := io.WriteString(conn, "x")
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	require.True(t, errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE), "%v", err)
}

// timesOut asserts that a connection attempt met nothing: a black hole tells nobody.
func timesOut(t *testing.T, err error) {
	t.Helper()
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout(), "%v", err)
}

func TestHeldStreamArrivesCompleteAndInOrder(t *testing.T) {
	w := newWorld(t, 2)
	w.configure(t, true)
	near, far := w.nodes[0].connect(t, w.nodes[1].listen(t, w.nodes[1].v4, peerPort))
	undo := w.apply(t, "hold", link.Effect{Action: link.HoldBack}, there)

	sent := make([]byte, 4<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(sent)
	writing := make(chan error, 1)
	go func() {
		_, err := near.Write(sent)
		writing <- err
	}()
	silent(t, far)
	pass(t, far, near, "the other way is open")
	_, err := w.probe(t, there, link.TCP, soon)
	require.ErrorIs(t, err, wire.ErrProbeLate)
	_, err = w.probe(t, back, link.TCP, within)
	require.NoError(t, err)
	require.NotZero(t, w.count(t, "hold").Bytes)

	undo()
	got := make([]byte, len(sent))
	_, err = io.ReadFull(far, got)
	require.NoError(t, err)
	require.True(t, bytes.Equal(sent, got), "the bytes differ")
	require.NoError(t, <-writing)
	pass(t, near, far, "after")
}

// decoy are tables of somebody else's, such as Docker's for its name server.
const decoy = `
table ip nat {
	chain OUTPUT {
		type nat hook output priority -100; policy accept;
		ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:41000
	}
}
table inet decoy {
	chain c {
		type filter hook input priority 0; policy accept;
		ip saddr 192.0.2.1 drop comment "mine"
	}
}
`

func TestUndoRestoresTheRulesetAndTouchesNoOther(t *testing.T) {
	w := newWorld(t, 3)
	n1 := w.nodes[0]
	file := t.TempDir() + "/decoy.nft"
	require.NoError(t, os.WriteFile(file, []byte(decoy), 0o600))
	sh(t, "ip", "netns", "exec", n1.ns, "nft", "-f", file)
	before := n1.ruleset(t)
	w.configure(t, true)
	configured := n1.ruleset(t)
	require.Contains(t, configured, "table inet seatrial")

	all := link.Between([]link.End{"n1", "clients"}, []link.End{"n2", "n3"})
	undoDrop := w.apply(t, "drop", link.Effect{Action: link.Drop}, all...)
	dropping := n1.ruleset(t)
	require.Contains(t, dropping, "10.77.0.3")
	undoRefuse := w.apply(t, "refuse", link.Effect{Action: link.Refuse}, there)
	undoHold := w.apply(t, "hold", link.Effect{Action: link.HoldBack}, there, back)
	active, err := n1.agent.Active(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"drop", "hold", "refuse"}, active)

	undoHold()
	undoRefuse()
	require.Equal(t, dropping, n1.ruleset(t), "undoing one effect changed another")
	undoDrop()
	require.Equal(t, configured, n1.ruleset(t))

	w.apply(t, "drop", link.Effect{Action: link.Drop}, all...)
	require.NoError(t, n1.agent.Heal(t.Context()))
	require.Equal(t, configured, n1.ruleset(t))
	w.apply(t, "left behind", link.Effect{Action: link.Drop}, all...)
	require.NoError(t, n1.stop(t), "%s", &n1.log)
	require.Equal(t, before, n1.ruleset(t), "the agent left something behind")
}

func TestApplyTwiceAndCountAfterUndo(t *testing.T) {
	w := newWorld(t, 2)
	w.configure(t, false)
	agent := w.nodes[1].agent
	effect, flows := link.Effect{Action: link.Drop}, []link.Flow{there}
	require.NoError(t, agent.Apply(t.Context(), "cut", effect, flows))
	once := w.nodes[1].ruleset(t)
	require.NoError(t, agent.Apply(t.Context(), "cut", effect, flows))
	require.Equal(t, once, w.nodes[1].ruleset(t))
	require.ErrorContains(t, agent.Apply(t.Context(), "cut", effect, []link.Flow{back}), "undo it first")

	_, err := w.probe(t, there, link.UDP, soon)
	require.ErrorIs(t, err, wire.ErrProbeLate)
	require.NoError(t, agent.Undo(t.Context(), "cut"))
	require.NoError(t, agent.Undo(t.Context(), "cut"))
	require.NoError(t, agent.Undo(t.Context(), "never heard of"))
	require.EqualValues(t, 1, w.count(t, "cut").Packets)
	require.NoError(t, agent.Apply(t.Context(), "cut", effect, flows))
	require.Zero(t, w.count(t, "cut"))
}

func TestControlPortIsExemptFromEveryFault(t *testing.T) {
	w := newWorld(t, 2)
	w.configure(t, false)
	n1, n2 := w.nodes[0], w.nodes[1]
	for _, action := range []link.Action{link.Drop, link.Refuse} {
		undo := w.apply(t, "cut", link.Effect{Action: action}, there, back)
		// Refused and dropped at n2's own output, so n2 alone is healed.
		require.NoError(t, n2.agent.Undo(t.Context(), "cut"))
		conn, err := n2.dial("tcp", n1.v4, wire.ControlPort, within)
		require.NoError(t, err, "%s", action)
		require.NoError(t, conn.Close())
		_, err = n2.dial("tcp", n1.v4, peerPort, soon)
		require.Error(t, err)
		undo()
	}
}

func TestAgentHealsItselfAndThenEnds(t *testing.T) {
	w := newWorld(t, 2, envHeal+"=1s", envExit+"=4s")
	w.configure(t, false)
	n1, n2 := w.nodes[0], w.nodes[1]
	l := n2.listen(t, n2.v4, peerPort)
	healthy := n1.ruleset(t)
	w.apply(t, "cut", link.Effect{Action: link.Drop}, there)
	_, err := n1.dial("tcp", n2.v4, peerPort, soon)
	timesOut(t, err)

	// Nobody is heard from any more.
	near, _ := n1.connect(t, l)
	require.NotNil(t, near)
	require.Equal(t, healthy, n1.ruleset(t))
	for _, n := range w.nodes {
		select {
		case err := <-n.exited:
			n.exited <- err
			require.ErrorContains(t, err, "exit status 3")
		case <-time.After(within):
			require.Fail(t, "the agent goes on without its run")
		}
		require.Contains(t, n.log.String(), `undid ["cut"]`)
		require.Contains(t, n.log.String(), "it is dead")
		require.NotContains(t, n.ruleset(t), "seatrial")
	}
}

func TestAgentStaysWhileItsRunIsHeard(t *testing.T) {
	w := newWorld(t, 2, envHeal+"=2s", envExit+"=3s")
	w.configure(t, false)
	w.apply(t, "cut", link.Effect{Action: link.Drop}, there)
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		for _, n := range w.nodes {
			require.NoError(t, n.agent.Heartbeat(t.Context()))
		}
		_, err := w.probe(t, there, link.UDP, 50*time.Millisecond)
		require.ErrorIs(t, err, wire.ErrProbeLate)
	}
}
