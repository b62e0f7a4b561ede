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
	"golang.org/x/sys/unix"

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

						_, err = w.probe(t, cut, wire.UDP, soon)
						require.ErrorIs(t, err, wire.ErrProbeLate)
						_, err = w.probe(t, cut.Reverse(), wire.UDP, within)
						require.NoError(t, err)
						require.NotZero(t, w.count(t, "cut").Packets)
						require.NotZero(t, w.count(t, "cut").Bytes)

						undo()
						receive(t, to, "lost") // TCP sends it again
						pass(t, from, to, "again")
						for _, f := range []link.Flow{there, back} {
							for _, transport := range []wire.Transport{wire.UDP, wire.TCP} {
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

// The kernel's own timers must fire on a redirected link as they do on a wire: a
// cut in the filter hook, after the redirect, leaves such a socket open for ever.
func TestSocketDiesAlikeOnDirectAndRedirectedLink(t *testing.T) {
	const userTimeout = time.Second
	for kind, streams := range kinds {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, 2)
			w.configure(t, streams)
			l := w.nodes[1].listen(t, w.nodes[1].v4, peerPort)
			for _, cut := range []link.Flow{there, back} {
				t.Run(cut.String(), func(t *testing.T) {
					near, _ := w.nodes[0].connect(t, l)
					raw, err := near.(*net.TCPConn).SyscallConn()
					require.NoError(t, err)
					var setting error
					require.NoError(t, raw.Control(func(fd uintptr) {
						setting = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout/time.Millisecond))
					}))
					require.NoError(t, setting)
					defer w.apply(t, "cut", link.Effect{Action: link.Drop}, cut)()
					begin := time.Now()
					_, err = io.WriteString(near, "is anybody there")
					require.NoError(t, err)
					_, err = near.Read(make([]byte, 1))
					require.ErrorIs(t, err, syscall.ETIMEDOUT)
					t.Logf("dead after %v", time.Since(begin))
				})
			}
		})
	}
}

func TestRefuseResetsNewAndEstablishedConnections(t *testing.T) {
	for kind, streams := range kinds {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, 2)
			w.configure(t, streams)
			n1, n2 := w.nodes[0], w.nodes[1]
			for version, address := range versions {
				t.Run(version, func(t *testing.T) {
					l1, l2 := n1.listen(t, address(n1), peerPort), n2.listen(t, address(n2), peerPort)
					a, aFar := n1.connect(t, l2)
					b, bFar := n2.connect(t, l1)
					udp, err := n1.dial("udp", address(n2), 9, within)
					require.NoError(t, err)
					defer udp.Close()
					undo := w.apply(t, "no", link.Effect{Action: link.Refuse}, there, back)

					_, err = n1.dial("tcp", address(n2), peerPort, within)
					require.ErrorIs(t, err, syscall.ECONNREFUSED)
					_, err = n2.dial("tcp", address(n1), peerPort, within)
					require.ErrorIs(t, err, syscall.ECONNREFUSED)
					resets(t, a)
					resets(t, b)
					resets(t, aFar)
					resets(t, bFar)
					_, err = udp.Write([]byte("x"))
					if err == nil {
						require.NoError(t, udp.SetDeadline(time.Now().Add(within)))
						_, err = udp.Read(make([]byte, 1))
					}
					require.True(t, errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EPERM), "%v", err)
					require.NotZero(t, w.count(t, "no").Packets)
					undo()
					n1.connect(t, l2)
					n2.connect(t, l1)
				})
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
	_, err := w.probe(t, there, wire.TCP, soon)
	require.ErrorIs(t, err, wire.ErrProbeLate)
	_, err = w.probe(t, back, wire.TCP, within)
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

func TestDelayAddsLatencyToOneDirection(t *testing.T) {
	const latency = 60 * time.Millisecond
	w := newWorld(t, 2)
	w.configure(t, true)
	near, far := w.nodes[0].connect(t, w.nodes[1].listen(t, w.nodes[1].v4, peerPort))
	undo := w.apply(t, "slow", link.Effect{Action: link.Delay, Latency: latency}, there)

	begin := time.Now()
	pass(t, near, far, "ping")
	pass(t, far, near, "pong")
	require.GreaterOrEqual(t, time.Since(begin), latency)
	travelled, err := w.probe(t, there, wire.TCP, within)
	require.NoError(t, err)
	require.GreaterOrEqual(t, travelled, latency)
	require.NotZero(t, w.count(t, "slow").Bytes)
	undo()
	pass(t, near, far, "ping")
}

func TestStreamEffectsNeedStreams(t *testing.T) {
	w := newWorld(t, 2)
	w.configure(t, false)
	err := w.nodes[0].agent.Apply(t.Context(), "slow", link.Effect{Action: link.HoldBack}, []link.Flow{there})
	require.ErrorContains(t, err, "needs a redirected link")
	active, err := w.nodes[0].agent.Active(t.Context())
	require.NoError(t, err)
	require.Empty(t, active)
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

	_, err := w.probe(t, there, wire.UDP, soon)
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
	w := newWorld(t, 2, envHeal+"=500ms", envExit+"=2s")
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
	w := newWorld(t, 2, envHeal+"=400ms", envExit+"=800ms")
	w.configure(t, false)
	w.apply(t, "cut", link.Effect{Action: link.Drop}, there)
	for deadline := time.Now().Add(1200 * time.Millisecond); time.Now().Before(deadline); {
		for _, n := range w.nodes {
			require.NoError(t, n.agent.Heartbeat(t.Context()))
		}
		_, err := w.probe(t, there, wire.UDP, 50*time.Millisecond)
		require.ErrorIs(t, err, wire.ErrProbeLate)
	}
}
