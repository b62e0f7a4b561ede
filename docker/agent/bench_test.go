package main

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
)

// ways are those that a node's bytes can take to another: each is compared with the
// first in the same run.
var ways = []struct {
	name    string
	streams bool
	effect  link.Effect // "" is none
}{
	{"untouched", false, link.Effect{}},
	{"redirected", true, link.Effect{}},
	{"gates", true, link.Effect{Action: link.SlowClose, Latency: 1}}, // which leaves the bytes alone
	{"queue", false, link.Effect{Action: link.Lose, Probability: 1e-12}},
	{"queue, which delays", false, link.Effect{Action: link.Delay, Latency: 1, Packets: true}},
}

// compare runs a benchmark of a connection on each way, and reports how many times
// as long as the first it takes.
func compare(b *testing.B, measure func(b *testing.B, w *world, near, far net.Conn)) {
	w := newWorld(b, 2)
	l := w.nodes[1].listen(b, w.nodes[1].v4, peerPort)
	var first float64
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			w.configure(b, way.streams)
			if way.effect.Action != "" {
				defer w.apply(b, "x", way.effect, there, back)()
			}
			near, far := w.nodes[0].connect(b, l)
			for _, c := range []net.Conn{near, far} {
				require.NoError(b, c.SetDeadline(time.Now().Add(time.Minute)))
			}
			b.ResetTimer()
			measure(b, w, near, far)
			took := float64(b.Elapsed()) / float64(b.N)
			if first == 0 {
				first = took
			}
			b.ReportMetric(took/first, "x-untouched")
			near.Close()
			far.Close()
		})
	}
}

// BenchmarkRoundTrip is 64 bytes from a node to another and back.
func BenchmarkRoundTrip(b *testing.B) {
	compare(b, func(b *testing.B, _ *world, near, far net.Conn) {
		go func() { _, _ = io.Copy(struct{ io.Writer }{far}, struct{ io.Reader }{far}) }()
		data := make([]byte, 64)
		for b.Loop() {
			if _, err := near.Write(data); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(near, data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkThroughput is a node that sends as fast as it can.
func BenchmarkThroughput(b *testing.B) {
	const chunk = 256 << 10
	compare(b, func(b *testing.B, _ *world, near, far net.Conn) {
		b.SetBytes(chunk)
		go func() {
			data := make([]byte, chunk)
			for {
				if _, err := near.Write(data); err != nil {
					return // it was closed
				}
			}
		}()
		data := make([]byte, chunk)
		for b.Loop() {
			if _, err := io.ReadFull(far, data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkClientRoundTrip is 64 bytes from a client to a node and back: by a
// connection of its own, and through the agent.
func BenchmarkClientRoundTrip(b *testing.B) {
	w := newWorld(b, 1)
	w.configure(b, false)
	n1 := w.nodes[0]
	echo(n1.listen(b, n1.v4, clientPort))
	for name, open := range map[string]func() (net.Conn, error){
		"plain":   func() (net.Conn, error) { return n1.agent.DialContext(b.Context(), "tcp", n1.v4.String()+":6000") },
		"connect": func() (net.Conn, error) { return n1.agent.Connect(b.Context(), link.Clients, "n1:6000") },
	} {
		b.Run(name, func(b *testing.B) {
			conn, err := open()
			require.NoError(b, err)
			defer conn.Close()
			data := make([]byte, 64)
			for b.Loop() {
				if _, err := conn.Write(data); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(conn, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkConnect is a client's whole connection, opened and closed.
func BenchmarkConnect(b *testing.B) {
	w := newWorld(b, 1)
	w.configure(b, false)
	echo(w.nodes[0].listen(b, w.nodes[0].v4, clientPort))
	for b.Loop() {
		conn, err := w.nodes[0].agent.Connect(b.Context(), link.Clients, "n1:6000")
		require.NoError(b, err)
		conn.Close()
	}
}

// BenchmarkSwitch is one agent's switching of all links of its node, to four peers:
// an effect applied and undone. Half of it is one switching.
func BenchmarkSwitch(b *testing.B) {
	w := newWorld(b, 5)
	w.configure(b, true)
	agent := w.nodes[0].agent
	flows := link.Between([]link.End{"n1"}, []link.End{"n2", "n3", "n4", "n5"})
	for _, e := range []link.Effect{
		{Action: link.Drop}, {Action: link.Refuse}, {Action: link.HoldBack}, {Action: link.Break},
		{Action: link.Lose, Probability: 0.5}, {Action: link.Drop, Port: peerPort},
	} {
		name := string(e.Action)
		if e.Port != 0 {
			name += " of one port"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				require.NoError(b, agent.Apply(b.Context(), "cut", e, flows))
				require.NoError(b, agent.Undo(b.Context(), "cut"))
			}
		})
	}
}
