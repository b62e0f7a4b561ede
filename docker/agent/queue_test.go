package main

import (
	"bytes"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// sample is how many datagrams a share is judged by.
const sample = 2000

// sigmas is how far a share may be from what was asked for: a draw that is right is
// further off once in 1e11.
const sigmas = 7

// share asserts that a count is that of a share of the sample. With bursts, or
// other draws that hang together, the spread is wider by a factor.
func share(t *testing.T, count int, probability, wider float64) {
	t.Helper()
	spread := math.Sqrt(sample * probability * (1 - probability) * wider)
	require.InDelta(t, sample*probability, count, sigmas*spread)
}

// Each effect on single packets, as datagrams of plain sockets see it.
func TestWhatBecomesOfSinglePackets(t *testing.T) {
	w := newWorld(t, 3)
	w.configure(t, false)
	for _, scope := range []string{"all", "eth0", "lo"} { // as many hosts have it
		sh(t, "ip", "netns", "exec", w.nodes[1].ns, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/"+scope+"/rp_filter")
	}
	for version, address := range versions {
		s := newScene(t, w, address)
		for name, c := range map[string]struct {
			effect link.Effect
			see    func(*testing.T, *world, scene) // with the effect in force
		}{
			"lose":               {link.Effect{Action: link.Lose, Probability: 0.3, Seed: 1}, seeLoss},
			"lose in bursts":     {link.Effect{Action: link.Lose, Probability: 0.2, Burst: 5, Seed: 2}, seeBursts},
			"duplicate":          {link.Effect{Action: link.Duplicate, Probability: 0.3, Seed: 3}, seeDuplicates},
			"corrupt":            {link.Effect{Action: link.Corrupt, Probability: 0.3, Seed: 4}, seeCorruption},
			"reorder":            {link.Effect{Action: link.Reorder, Probability: 0.1, Latency: 50 * time.Millisecond, Seed: 5}, seeOvertaking},
			"delay":              {link.Effect{Action: link.Delay, Latency: 80 * time.Millisecond, Packets: true}, seeDelay(80 * time.Millisecond)},
			"delay, with jitter": {link.Effect{Action: link.Delay, Latency: 80 * time.Millisecond, Jitter: 30 * time.Millisecond, Packets: true, Seed: 6}, seeDelay(50 * time.Millisecond)},
			"throttle":           {link.Effect{Action: link.Throttle, BytesPerSecond: 200_000, Packets: true}, seeRate},
		} {
			t.Run(version+" "+name, func(t *testing.T) {
				before := w.nodes[1].ruleset(t)
				undo := w.apply(t, "x", c.effect, there)
				defer undo()
				c.see(t, w, s)
				for _, other := range s.others {
					other.whole(t, 100)
				}
				require.Zero(t, w.count(t, "x").Missed)
				undo()
				require.NotZero(t, w.count(t, "x").Packets, "the count outlives the effect")
				s.whole(t, 100)
				require.Equal(t, before, w.nodes[1].ruleset(t))
				for _, n := range w.nodes {
					require.Empty(t, n.queues(t))
				}
			})
		}
	}
}

func seeLoss(t *testing.T, w *world, s scene) {
	gone := lost(s.through(t, sample), sample)
	share(t, len(gone), 0.3, 1)
	require.GreaterOrEqual(t, w.count(t, "x").Packets, uint64(len(gone)))
}

func seeBursts(t *testing.T, _ *world, s scene) {
	gone := lost(s.through(t, sample), sample)
	share(t, len(gone), 0.2, 7) // (1+r)/(1-r), where r = 1 - 1/5 - 1/20
	bursts := 0
	for i, number := range gone {
		if i == 0 || gone[i-1] != number-1 {
			bursts++
		}
	}
	mean := float64(len(gone)) / float64(bursts)
	require.InDelta(t, 5, mean, sigmas*math.Sqrt(20/float64(bursts)), "%d bursts", bursts)
}

func seeDuplicates(t *testing.T, w *world, s scene) {
	twice := 0
	for number, times := range times(s.through(t, sample), sample) {
		require.Contains(t, []int{1, 2}, times, "datagram %d", number)
		twice += times - 1
	}
	share(t, twice, 0.3, 1)
	require.GreaterOrEqual(t, w.count(t, "x").Packets, uint64(twice))
}

func seeCorruption(t *testing.T, w *world, s scene) {
	before := w.nodes[1].badChecksums(t)
	gone := lost(s.through(t, sample), sample)
	share(t, len(gone), 0.3, 1)
	bad := w.nodes[1].badChecksums(t) - before
	require.GreaterOrEqual(t, bad, len(gone), "the kernel discards what is corrupt")
	require.EqualValues(t, w.count(t, "x").Packets, bad)
}

func seeOvertaking(t *testing.T, w *world, s scene) {
	s.forget()
	s.send(t, 0, sample, 0)
	overtaken, highest := 0, -1
	for _, a := range s.await(t, sample) {
		if a.number < highest {
			overtaken++
		}
		highest = max(highest, a.number)
	}
	for number, times := range times(s.arrivals(), sample) {
		require.Equal(t, 1, times, "datagram %d", number)
	}
	share(t, overtaken, 0.1, 1)
	require.EqualValues(t, overtaken, w.count(t, "x").Packets)
}

func seeDelay(least time.Duration) func(*testing.T, *world, scene) {
	return func(t *testing.T, w *world, s scene) {
		s.forget()
		s.send(t, 0, 200, 0)
		for i, a := range s.await(t, 200) {
			require.Equal(t, i, a.number, "order is kept")
			require.GreaterOrEqual(t, a.arrive.Sub(a.sent), least)
		}
		require.EqualValues(t, 200, w.count(t, "x").Packets)
		travelled, err := w.probe(t, there, link.UDP, within)
		require.NoError(t, err)
		require.GreaterOrEqual(t, travelled, least)
		require.Less(t, travelled, least+within/2)
	}
}

func seeRate(t *testing.T, _ *world, s scene) {
	const size, headers = 1000, 28 // UDP and IPv4
	s.forget()
	s.send(t, 0, 80, size)
	came := s.await(t, 80)
	for i, a := range came {
		require.GreaterOrEqual(t, a.arrive.Sub(came[0].sent), time.Duration(i+1)*(size+headers)*time.Second/200_000)
	}
	// What does not fit into the line is lost at its end.
	require.NotEmpty(t, lost(s.sized(t, 400, size), 400))
}

// The same seed loses the same datagrams, another seed others.
func TestSameSeedSameDraws(t *testing.T) {
	w := newWorld(t, 2)
	w.configure(t, false)
	n := newNumbered(t, w.nodes[0], w.nodes[1], w.nodes[1].v4, datagramPort)
	draw := func(seed uint64, burst int) []int {
		defer w.apply(t, "x", link.Effect{Action: link.Lose, Probability: 0.3, Burst: burst, Seed: seed}, there)()
		return lost(n.through(t, 500), 500)
	}
	for _, burst := range []int{0, 3} {
		first := draw(1, burst)
		require.Equal(t, first, draw(1, burst))
		require.NotEqual(t, first, draw(2, burst))
	}
}

// TCP carries everything whole and in order through each of them, whoever sends, on
// a direct link and on a redirected one.
func TestStreamsSurviveWhatBecomesOfPackets(t *testing.T) {
	sent := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(sent)
	for kind, streams := range kinds {
		w := newWorld(t, 2)
		w.configure(t, streams)
		l := w.nodes[1].listen(t, w.nodes[1].v4, peerPort)
		for _, e := range []link.Effect{
			{Action: link.Lose, Probability: 0.02, Seed: 1}, {Action: link.Lose, Probability: 0.02, Burst: 3, Seed: 1},
			{Action: link.Duplicate, Probability: 0.3, Seed: 1}, {Action: link.Corrupt, Probability: 0.02, Seed: 1},
			{Action: link.Reorder, Probability: 0.1, Latency: 5 * time.Millisecond, Seed: 1},
			{Action: link.Delay, Latency: 5 * time.Millisecond, Jitter: 5 * time.Millisecond, Packets: true, Seed: 1},
			{Action: link.Throttle, BytesPerSecond: 5_000_000, Packets: true},
		} {
			t.Run(kind+" "+string(e.Action), func(t *testing.T) {
				near, far := w.nodes[0].connect(t, l)
				undo := w.apply(t, "x", e, there, back)
				for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
					writing := make(chan error, 1)
					go func() {
						_, err := way[0].Write(sent)
						writing <- err
					}()
					got := make([]byte, len(sent))
					_, err := io.ReadFull(way[1], got)
					require.NoError(t, err)
					require.True(t, bytes.Equal(sent, got), "the bytes differ")
					require.NoError(t, <-writing)
				}
				require.NotZero(t, w.count(t, "x").Packets)
				undo()
				pass(t, near, far, "after")
			})
		}
	}
}

// A redirected link has one wire, and the queue is on that: loopback costs nothing.
func TestQueueActsOnceOnARedirectedLink(t *testing.T) {
	const latency = 200 * time.Millisecond
	for kind, streams := range kinds {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, 2)
			w.configure(t, streams)
			near, far := w.nodes[0].connect(t, w.nodes[1].listen(t, w.nodes[1].v4, peerPort))
			defer w.apply(t, "x", link.Effect{Action: link.Delay, Latency: latency, Packets: true}, there)()
			least := time.Hour // a machine that is busy makes some slower
			for range 5 {
				begin := time.Now()
				pass(t, near, far, "once")
				pass(t, far, near, "and not on the way back")
				require.GreaterOrEqual(t, time.Since(begin), latency)
				least = min(least, time.Since(begin))
			}
			require.Less(t, least, 2*latency)
		})
	}
}

func TestSeveralEffectsOnOneFlow(t *testing.T) {
	w := newWorld(t, 2)
	w.configure(t, false)
	n := newNumbered(t, w.nodes[0], w.nodes[1], w.nodes[1].v4, datagramPort)
	undoLong := w.apply(t, "long", link.Effect{Action: link.Delay, Latency: time.Hour, Packets: true}, there)
	undoShort := w.apply(t, "short", link.Effect{Action: link.Delay, Latency: 300 * time.Millisecond, Packets: true}, there)
	undoTwice := w.apply(t, "twice", link.Effect{Action: link.Duplicate, Probability: 1}, there)
	undoLoss := w.apply(t, "loss", link.Effect{Action: link.Lose, Probability: 0.5, Seed: 7}, there)
	n.send(t, 0, 100, 0)
	require.Eventually(t, func() bool {
		return w.count(t, "long").Packets+w.count(t, "loss").Packets == 100
	}, within, time.Millisecond)
	undoLoss()
	survivors := int(w.count(t, "long").Packets)
	require.Equal(t, survivors, int(w.count(t, "short").Packets))
	require.Zero(t, w.count(t, "twice").Packets, "nothing was sent yet")
	require.Empty(t, n.arrivals())

	undoLong() // the other delay goes on
	for i, a := range n.await(t, 2*survivors) {
		require.GreaterOrEqual(t, a.arrive.Sub(a.sent), 300*time.Millisecond)
		require.Equal(t, n.arrivals()[i/2*2].number, a.number, "each comes twice, in order")
	}
	require.Equal(t, survivors, int(w.count(t, "twice").Packets))

	// What only an undone effect kept leaves at once, in order.
	undoTwice()
	n.forget()
	undoLong = w.apply(t, "long", link.Effect{Action: link.Delay, Latency: time.Hour, Packets: true}, there)
	n.send(t, 0, 100, 0)
	require.Eventually(t, func() bool { return w.count(t, "long").Packets == 100 }, within, time.Millisecond)
	undoShort()
	require.Empty(t, n.arrivals())
	undoLong()
	for i, a := range n.await(t, 100) {
		require.Equal(t, i, a.number)
	}
	n.whole(t, 100)
}

// What is on the way when a link is cut never comes.
func TestCutSwallowsWhatIsOnItsWay(t *testing.T) {
	w := newWorld(t, 2)
	w.configure(t, false)
	n := newNumbered(t, w.nodes[0], w.nodes[1], w.nodes[1].v4, datagramPort)
	other := newNumbered(t, w.nodes[0], w.nodes[1], w.nodes[1].v4, otherPort)
	undoDelay := w.apply(t, "slow", link.Effect{Action: link.Delay, Latency: time.Hour, Packets: true}, there)
	n.send(t, 0, 10, 0)
	other.send(t, 0, 10, 0)
	require.Eventually(t, func() bool { return w.count(t, "slow").Packets == 20 }, within, time.Millisecond)
	undoCut := w.apply(t, "cut", link.Effect{Action: link.Drop, Port: datagramPort}, there)
	undoDelay()
	other.await(t, 10)
	undoCut()
	n.whole(t, 10)
}

// The queue keeps no more than it says, and counts what it could not keep.
func TestFullQueueLosesItsTail(t *testing.T) {
	w := newWorld(t, 2)
	w.configure(t, false)
	n := newNumbered(t, w.nodes[0], w.nodes[1], w.nodes[1].v4, datagramPort)
	undo := w.apply(t, "slow", link.Effect{Action: link.Delay, Latency: time.Hour, Packets: true}, there)
	const size = 60_000 // far more than the wire's unit: it travels in fragments
	fit := heldBytesMax / (size + 28 + 40*20)
	n.send(t, 0, 2*fit, size)
	require.Eventually(t, func() bool { return w.count(t, "slow").Missed >= uint64(fit/2) }, within, time.Millisecond)
	undo()
	n.await(t, fit/2)
	n.forget()
	n.whole(t, 10)
}

// An agent that dies takes its queue along, and the rules it leaves let packets pass.
func TestDeadAgentLetsPacketsPass(t *testing.T) {
	w := newWorld(t, 2)
	w.configure(t, false)
	n1, n2 := w.nodes[0], w.nodes[1]
	n := newNumbered(t, n1, n2, n2.v4, datagramPort)
	near, far := n1.connect(t, n2.listen(t, n2.v4, peerPort))
	w.apply(t, "slow", link.Effect{Action: link.Delay, Latency: time.Hour, Packets: true}, there)
	pass(t, far, near, "held back on its way is the acknowledgement")
	n.send(t, 0, 10, 0)
	require.Eventually(t, func() bool { return w.count(t, "slow").Packets >= 11 }, within, time.Millisecond)
	require.NoError(t, n2.cmd.Process.Kill())
	n2.exited <- <-n2.exited
	require.Contains(t, n2.ruleset(t), "queue num 24231 bypass")
	n.whole(t, 100)
	pass(t, near, far, "as if nothing had been")
}

func TestAgentThatLosesItsRunEmptiesItsQueue(t *testing.T) {
	w := newWorld(t, 2, envHeal+"=500ms", envExit+"=1m")
	w.configure(t, false)
	n := newNumbered(t, w.nodes[0], w.nodes[1], w.nodes[1].v4, datagramPort)
	healthy := w.nodes[1].ruleset(t)
	for _, node := range w.nodes {
		require.NoError(t, node.agent.Apply(t.Context(), "slow", link.Effect{Action: link.Delay, Latency: time.Hour, Packets: true}, []link.Flow{there}))
	}
	n.send(t, 0, 10, 0)
	n.await(t, 10) // nobody is heard from any more
	require.Equal(t, healthy, w.nodes[1].ruleset(t))
	require.Empty(t, w.nodes[1].queues(t))
	_, err := w.probe(t, there, link.UDP, within)
	require.NoError(t, err)
}

func TestQueueIsOnlyForPacketsBetweenNodes(t *testing.T) {
	w := newWorld(t, 2)
	w.configure(t, false)
	agent := w.nodes[0].agent
	info, err := agent.Hello(t.Context())
	require.NoError(t, err)
	require.Equal(t, wire.Info{Version: wire.Version, Node: "n1", Addresses: info.Addresses, Silence: info.Silence}, info, "everything can be had here")
	for _, e := range []link.Effect{
		{Action: link.Lose, Probability: 0.5}, {Action: link.Delay, Latency: 1, Packets: true}, {Action: link.Drop, Transport: link.UDP},
	} {
		require.ErrorContains(t, agent.Apply(t.Context(), "x", e, []link.Flow{asking}), "a client's link is a byte stream")
	}
	active, err := agent.Active(t.Context())
	require.NoError(t, err)
	require.Empty(t, active)
}
