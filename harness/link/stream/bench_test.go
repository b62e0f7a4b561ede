package stream_test

import (
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/stream"
)

// BenchmarkRoundTrip is one byte to an echo server and back: direct, through
// plain copying (what any proxy costs), through a relay with nothing in force, and
// through its gates: with an effect that does not touch the bytes, so that the
// chain is in use.
func BenchmarkRoundTrip(b *testing.B) {
	b.Run("direct", func(b *testing.B) { roundTrips(b, echo(b)) })
	b.Run("copying", func(b *testing.B) { roundTrips(b, copier(b, echo(b))) })
	for name, effects := range map[string][]link.Effect{
		"relay": nil,
		"gates": {{Action: link.SlowClose, Latency: 1}},
	} {
		b.Run(name, func(b *testing.B) {
			r := &stream.Relay{Switch: stream.NewSwitch(), From: "a", To: "b"}
			for _, e := range effects {
				require.NoError(b, r.Switch.Apply("x", e, []link.Flow{ab, ba}))
			}
			roundTrips(b, serve(b, r, echo(b)))
		})
	}
}

// copier is the least that a proxy can be.
func copier(b *testing.B, upstream string) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	b.Cleanup(func() { listener.Close() })
	go func() {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		defer near.Close()
		far, err := net.Dial("tcp", upstream)
		if err != nil {
			return
		}
		defer far.Close()
		go func() { _, _ = io.Copy(struct{ io.Writer }{far}, struct{ io.Reader }{near}) }()
		_, _ = io.Copy(struct{ io.Writer }{near}, struct{ io.Reader }{far})
	}()
	return listener.Addr().String()
}

func roundTrips(b *testing.B, address string) {
	conn, err := net.Dial("tcp", address)
	require.NoError(b, err)
	defer conn.Close()
	buffer := make([]byte, 1)
	for b.Loop() {
		_, err := conn.Write(buffer)
		require.NoError(b, err)
		_, err = io.ReadFull(conn, buffer)
		require.NoError(b, err)
	}
}

// BenchmarkThroughput is 64 KiB chunks one way.
func BenchmarkThroughput(b *testing.B) {
	r := &stream.Relay{Switch: stream.NewSwitch(), From: "a", To: "b"}
	defer r.Close()
	from, to := joined(b, r)
	chunk := make([]byte, 64<<10)
	b.SetBytes(int64(len(chunk)))
	read := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, to); read <- err }()
	for b.Loop() {
		_, err := from.Write(chunk)
		require.NoError(b, err)
	}
	require.NoError(b, from.Close())
	require.NoError(b, <-read)
}

// BenchmarkSwitch24Flows is one Apply and one Undo on 24 flows, each with four
// live connections.
func BenchmarkSwitch24Flows(b *testing.B) {
	s := stream.NewSwitch()
	var flows []link.Flow
	for i := range 12 {
		from, to := link.End(fmt.Sprint("a", i)), link.End(fmt.Sprint("b", i))
		flows = append(flows, link.Between([]link.End{from}, []link.End{to})...)
		r := &stream.Relay{Switch: s, From: from, To: to}
		defer r.Close()
		for range 4 {
			joined(b, r)
		}
	}
	hold := link.Effect{Action: link.HoldBack}
	for b.Loop() {
		require.NoError(b, s.Apply("x", hold, flows))
		s.Undo("x")
	}
}
