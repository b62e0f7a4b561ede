package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
)

// shapings are the effects that let a stream pass, each with what the two ends of
// an established connection from n1 to n2 see of it.
var shapings = map[string]struct {
	effect link.Effect
	see    func(t *testing.T, w *world, near, far net.Conn, undo func())
}{
	"delay": {link.Effect{Action: link.Delay, Latency: 60 * time.Millisecond}, func(t *testing.T, w *world, near, far net.Conn, undo func()) {
		begin := time.Now()
		pass(t, near, far, "ping")
		require.GreaterOrEqual(t, time.Since(begin), 60*time.Millisecond)
		travelled, err := w.probe(t, there, link.TCP, within)
		require.NoError(t, err)
		require.GreaterOrEqual(t, travelled, 60*time.Millisecond)
		undo()
	}},
	"throttle": {link.Effect{Action: link.Throttle, BytesPerSecond: 100_000}, func(t *testing.T, _ *world, near, far net.Conn, undo func()) {
		sent, got := make([]byte, 20_000), make([]byte, 20_000)
		_, _ = rand.NewChaCha8([32]byte{1}).Read(sent)
		begin := time.Now()
		_, err := near.Write(sent)
		require.NoError(t, err)
		_, err = io.ReadFull(far, got)
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(begin), 200*time.Millisecond)
		require.True(t, bytes.Equal(sent, got), "the bytes differ")
		undo()
	}},
	"slow close": {link.Effect{Action: link.SlowClose, Latency: time.Hour}, func(t *testing.T, _ *world, near, far net.Conn, undo func()) {
		pass(t, near, far, "last words")
		require.NoError(t, near.(*net.TCPConn).CloseWrite())
		silent(t, far)
		pass(t, far, near, "half open")
		undo()
		_, err := far.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	}},
	"slow reset": {link.Effect{Action: link.SlowClose, Latency: time.Hour}, func(t *testing.T, _ *world, near, far net.Conn, undo func()) {
		require.NoError(t, near.(*net.TCPConn).SetLinger(0))
		require.NoError(t, near.Close())
		silent(t, far)
		undo()
		require.Equal(t, "reset", read(far, within))
	}},
	"slice": {link.Effect{Action: link.Slice, SliceBytes: 3, Latency: time.Hour}, func(t *testing.T, _ *world, near, far net.Conn, undo func()) {
		pass(t, far, near, "the other way is whole")
		_, err := io.WriteString(near, "abcdefgh")
		require.NoError(t, err)
		receive(t, far, "abc")
		silent(t, far)
		undo()
		receive(t, far, "defgh")
	}},
}

func TestShapedStreamsOnRedirectedLinks(t *testing.T) {
	w := newWorld(t, 2)
	w.configure(t, true)
	n1, n2 := w.nodes[0], w.nodes[1]
	l := n2.listen(t, n2.v4, peerPort)
	for name, s := range shapings {
		t.Run(name, func(t *testing.T) {
			near, far := n1.connect(t, l)
			undo := w.apply(t, "shape", s.effect, there)
			s.see(t, w, near, far, undo)
			require.NotZero(t, w.count(t, "shape").Packets)
			near, far = n1.connect(t, l)
			pass(t, near, far, "as ever")
		})
	}
}

func TestShapedStreamsOfClients(t *testing.T) {
	w := newWorld(t, 1)
	w.configure(t, false)
	n1 := w.nodes[0]
	l := n1.listen(t, n1.v4, clientPort)
	for name, s := range shapings {
		if s.effect.Action == link.Delay {
			continue // its sight probes a link between nodes
		}
		t.Run(name, func(t *testing.T) {
			client, served := session(t, n1, l)
			undo := w.apply(t, "shape", s.effect, asking)
			s.see(t, w, client, served, undo)
			require.NotZero(t, w.count(t, "shape").Packets)
		})
	}
}

func TestStreamEffectsNeedStreams(t *testing.T) {
	w := newWorld(t, 2)
	w.configure(t, false)
	agent := w.nodes[0].agent
	for _, effect := range []link.Effect{
		{Action: link.HoldBack}, {Action: link.Delay, Latency: 1}, {Action: link.Throttle, BytesPerSecond: 1},
		{Action: link.SlowClose, Latency: 1}, {Action: link.Slice, SliceBytes: 1},
	} {
		require.True(t, effect.Stream())
		err := agent.Apply(t.Context(), "slow", effect, []link.Flow{there})
		require.ErrorContains(t, err, "needs a redirected link", "%s", effect.Action)
	}
	active, err := agent.Active(t.Context())
	require.NoError(t, err)
	require.Empty(t, active)
}
