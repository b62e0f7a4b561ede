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

// BenchmarkRoundTrip is one byte to an echo server and back: direct, and through
// a relay with its gates.
func BenchmarkRoundTrip(b *testing.B) {
	b.Run("direct", func(b *testing.B) { roundTrips(b, echo(b)) })
	b.Run("relay", func(b *testing.B) {
		r := &stream.Relay{Switch: stream.NewSwitch(), From: "a", To: "b"}
		roundTrips(b, serve(b, r, echo(b)))
	})
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
