package stream_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/stream"
)

func throttle(rate int64) link.Effect {
	return link.Effect{Action: link.Throttle, BytesPerSecond: rate}
}

func slice(size int, pause time.Duration) link.Effect {
	return link.Effect{Action: link.Slice, SliceBytes: size, Latency: pause}
}

func slowClose(latency time.Duration) link.Effect {
	return link.Effect{Action: link.SlowClose, Latency: latency}
}

func waitBytes(t *testing.T, s *stream.Switch, id string, want int) {
	t.Helper()
	require.Eventually(t, func() bool { return s.Count(id).Bytes == uint64(want) }, within, time.Millisecond, "bytes of %s", id)
}

// A stream is never ahead of its rate, at no time, and it is all there at the end.
func TestThrottledStreamNeverRunsAheadOfItsRate(t *testing.T) {
	const rate = 100_000
	s := stream.NewSwitch()
	a, b := joined(t, newRelay(t, s))
	require.NoError(t, s.Apply("faster", throttle(10*rate), []link.Flow{ab}))
	require.NoError(t, s.Apply("narrow", throttle(rate), []link.Flow{ab}), "the lowest rate holds")
	data := make([]byte, rate/3)
	for i := range data {
		data[i] = byte(rand.IntN(256))
	}
	began := time.Now()
	failed := make(chan error, 1)
	go func() { _, err := a.Write(data); failed <- err }()
	got := make([]byte, len(data))
	reads := 0
	for read := 0; read < len(got); reads++ {
		n, err := b.Read(got[read:])
		require.NoError(t, err)
		read += n
		allowed := int(time.Since(began).Seconds() * rate)
		require.LessOrEqual(t, read, allowed+1, "after %v", time.Since(began))
	}
	require.NoError(t, <-failed)
	require.True(t, bytes.Equal(data, got), "bytes out of order")
	require.Greater(t, reads, 1, "all of it came in one lump")
	for _, id := range []string{"narrow", "faster"} {
		waitBytes(t, s, id, len(data))
	}
	send(t, b, string(data))
	receive(t, a, string(data))
	waitBytes(t, s, "narrow", len(data))
}

func TestUndoingAThrottleReleasesAtOnceInOrder(t *testing.T) {
	s := stream.NewSwitch()
	a, b := joined(t, newRelay(t, s))
	require.NoError(t, s.Apply("narrow", throttle(20), []link.Flow{ab}))
	data := make([]byte, 64<<10) // nearly an hour at that rate
	for i := range data {
		data[i] = byte(i * 7)
	}
	send(t, a, string(data))
	require.Eventually(t, func() bool { return s.Count("narrow").Bytes > 0 }, within, time.Millisecond)
	s.Undo("narrow")
	receive(t, b, string(data))
	require.Less(t, s.Count("narrow").Bytes, uint64(len(data)), "what was released was not throttled")
}

// What waits for its first turn when the throttle goes has been slowed, and counts.
func TestAPieceThatWaitedCountsThoughItWasReleased(t *testing.T) {
	s := stream.NewSwitch()
	a, b := joined(t, newRelay(t, s))
	require.NoError(t, s.Apply("hold", link.Effect{Action: link.HoldBack}, []link.Flow{ab}))
	send(t, a, "x")
	waitCount(t, s, "hold", link.Count{Packets: 1, Bytes: 1})
	require.NoError(t, s.Apply("narrow", throttle(1), []link.Flow{ab}))
	silent(t, b)
	require.Equal(t, link.Count{}, s.Count("narrow"), "what is held meets no throttle")
	s.Undo("hold")
	receive(t, b, "x")
	waitCount(t, s, "narrow", link.Count{Packets: 1, Bytes: 1})
	send(t, a, "y")
	silent(t, b)
	s.Undo("narrow")
	receive(t, b, "y")
	waitCount(t, s, "narrow", link.Count{Packets: 2, Bytes: 2})
}

func TestSliceCutsWithAPauseBetween(t *testing.T) {
	s := stream.NewSwitch()
	a, b := joined(t, newRelay(t, s))
	require.NoError(t, s.Apply("slow", slice(4, time.Hour), []link.Flow{ab}))
	send(t, a, "0123456789")
	receive(t, b, "0123")
	silent(t, b)
	require.Equal(t, link.Count{Packets: 1, Bytes: 4}, s.Count("slow"))
	send(t, b, "the other way is whole")
	receive(t, a, "the other way is whole")
	s.Undo("slow")
	receive(t, b, "456789")
	require.Equal(t, link.Count{Packets: 1, Bytes: 4}, s.Count("slow"))

	const pause = 40 * time.Millisecond
	require.NoError(t, s.Apply("wide", slice(5, time.Nanosecond), []link.Flow{ab}))
	require.NoError(t, s.Apply("small", slice(1000, pause), []link.Flow{ab}))
	began := time.Now()
	send(t, a, "0123456789")
	receive(t, b, "0123456789")
	require.GreaterOrEqual(t, time.Since(began), pause, "the smallest piece, the longest pause")
	waitCount(t, s, "wide", link.Count{Packets: 2, Bytes: 10})

	s.Undo("wide")
	send(t, a, "whole")
	receive(t, b, "whole")
	require.Equal(t, link.Count{Packets: 2, Bytes: 10}, s.Count("small"), "what is shorter than a piece is not cut")
}

func TestSlowCloseKeepsTheEndAndNotTheBytes(t *testing.T) {
	s := stream.NewSwitch()
	r := newRelay(t, s)
	a, b := joined(t, r)
	require.NoError(t, s.Apply("slow", slowClose(time.Hour), []link.Flow{ab}))
	send(t, a, "last words")
	require.NoError(t, a.(*net.TCPConn).CloseWrite())
	receive(t, b, "last words")
	silent(t, b)
	require.Equal(t, link.Count{Packets: 1}, s.Count("slow"))
	send(t, b, "still here")
	receive(t, a, "still here")
	require.NoError(t, b.(*net.TCPConn).CloseWrite())
	_, err := a.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "the other way closes at once")
	s.Undo("slow")
	_, err = b.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.Eventually(t, func() bool { return r.Connections() == 0 }, within, time.Millisecond)
}

func TestSlowCloseKeepsAResetToo(t *testing.T) {
	s := stream.NewSwitch()
	a, b := joined(t, newRelay(t, s))
	require.NoError(t, s.Apply("slow", slowClose(time.Hour), []link.Flow{ab}))
	require.NoError(t, a.(*net.TCPConn).SetLinger(0))
	require.NoError(t, a.Close())
	waitCount(t, s, "slow", link.Count{Packets: 1})
	silent(t, b)
	s.Undo("slow")
	broken(t, b)
}

func TestSlowCloseAddsToADelay(t *testing.T) {
	const each = 60 * time.Millisecond
	s := stream.NewSwitch()
	a, b := joined(t, newRelay(t, s))
	for id, e := range map[string]link.Effect{
		"late": {Action: link.Delay, Latency: each}, "slow": slowClose(each), "slower": slowClose(each),
	} {
		require.NoError(t, s.Apply(id, e, []link.Flow{ab}))
	}
	began := time.Now()
	require.NoError(t, a.(*net.TCPConn).CloseWrite())
	_, err := b.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.GreaterOrEqual(t, time.Since(began), 3*each)
}

// A connection is made, and refused, as if nothing but the bytes were shaped.
func TestShapingLetsNewConnectionsIn(t *testing.T) {
	s := stream.NewSwitch()
	address := serve(t, newRelay(t, s), echo(t))
	for id, e := range map[string]link.Effect{"a": throttle(1), "b": slice(1, time.Hour), "c": slowClose(time.Hour)} {
		require.NoError(t, s.Apply(id, e, []link.Flow{ab, ba}))
	}
	require.NoError(t, s.Apply("hold", link.Effect{Action: link.HoldBack}, []link.Flow{ab}))
	conn := dial(t, address)
	waitCount(t, s, "hold", link.Count{Packets: 1})
	s.Undo("hold")
	for _, id := range []string{"a", "b", "c"} {
		require.Equal(t, link.Count{}, s.Count(id), "a handshake is not shaped")
		s.Undo(id)
	}
	send(t, conn, "x")
	receive(t, conn, "x")
}
