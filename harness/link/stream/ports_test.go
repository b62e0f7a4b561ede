package stream_test

import (
	"bytes"
	"context"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/stream"
)

// newPort is a relay of one port of the link.
func newPort(t testing.TB, s *stream.Switch, number uint16) *stream.Relay {
	r := newRelay(t, s)
	r.Number = number
	return r
}

// An effect on one port is on both flows of that port's connections, and on no other
// port's; a port that is used for the first time meets what is in force.
func TestEffectOnOnePort(t *testing.T) {
	s := stream.NewSwitch()
	a1, b1 := joined(t, newPort(t, s, 1))
	a2, b2 := joined(t, newPort(t, s, 2))
	require.NoError(t, s.Apply("one", link.Effect{Action: link.HoldBack, Port: 1}, []link.Flow{ab, ba}))
	a1b, b1b := joined(t, newPort(t, s, 1))
	a3, b3 := joined(t, newPort(t, s, 3))
	for _, ends := range [][2]io.ReadWriter{{a2, b2}, {b2, a2}, {a3, b3}} {
		_, err := ends[0].Write([]byte("passes"))
		require.NoError(t, err)
		got := make([]byte, 6)
		_, err = io.ReadFull(ends[1], got)
		require.NoError(t, err)
	}
	send(t, a1, "there")
	send(t, b1, "back")
	send(t, a1b, "later")
	silent(t, b1)
	silent(t, a1)
	silent(t, b1b)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Admit(ctx, "a", "b", 1), context.DeadlineExceeded)
	require.NoError(t, s.Admit(t.Context(), "a", "b", 2))
	require.NoError(t, s.Admit(t.Context(), "a", "b", 4), "a port that nobody has used")

	require.NoError(t, s.Apply("all", link.Effect{Action: link.HoldBack}, []link.Flow{ab}))
	send(t, a2, "held too")
	silent(t, b2)
	s.Undo("all")
	receive(t, b2, "held too")
	silent(t, b1)
	s.Undo("one")
	receive(t, b1, "there")
	receive(t, a1, "back")
	receive(t, b1b, "later")
	require.Empty(t, s.Active())
}

func TestRefuseOfOnePort(t *testing.T) {
	s := stream.NewSwitch()
	a1, b1 := joined(t, newPort(t, s, 1))
	a2, b2 := joined(t, newPort(t, s, 2))
	require.NoError(t, s.Apply("no", link.Effect{Action: link.Refuse, Port: 1}, []link.Flow{ba}))
	broken(t, a1)
	broken(t, b1)
	send(t, a2, "x")
	receive(t, b2, "x")
	require.ErrorIs(t, s.Admit(t.Context(), "a", "b", 1), syscall.ECONNREFUSED)
	require.NoError(t, s.Admit(t.Context(), "a", "b", 2))
}

// A break ends the connections that there are, and lets new ones through.
func TestBreakIsOverAtOnce(t *testing.T) {
	s := stream.NewSwitch()
	r := newPort(t, s, 1)
	a1, b1 := joined(t, r)
	a2, b2 := joined(t, newPort(t, s, 2))
	require.NoError(t, s.Apply("break", link.Effect{Action: link.Break, Port: 1}, []link.Flow{ab, ba}))
	broken(t, a1)
	broken(t, b1)
	send(t, b2, "another port")
	receive(t, a2, "another port")
	a1, b1 = joined(t, r)
	require.NoError(t, s.Apply("break", link.Effect{Action: link.Break, Port: 1}, []link.Flow{ab, ba}), "a repeated request")
	send(t, a1, "new")
	receive(t, b1, "new")
	require.Equal(t, []string{"break"}, s.Active())
	s.Undo("break")
	require.Empty(t, s.Active())
	require.Equal(t, link.Count{Packets: 1}, s.Count("break"))
	send(t, a1, "as ever")
	receive(t, b1, "as ever")
}

// A limit lets that many bytes pass on each connection, from when it was applied, and
// then resets both ends.
func TestLimitResetsAfterThatManyBytes(t *testing.T) {
	s := stream.NewSwitch()
	r := newRelay(t, s)
	a, b := joined(t, r)
	other, otherFar := joined(t, r)
	send(t, a, "what passed before does not count")
	receive(t, b, "what passed before does not count")
	require.NoError(t, s.Apply("ten", link.Effect{Action: link.Limit, LimitBytes: 10}, []link.Flow{ab}))
	require.NoError(t, s.Apply("more", link.Effect{Action: link.Limit, LimitBytes: 11}, []link.Flow{ab}))
	send(t, b, "the other way is without limit")
	receive(t, a, "the other way is without limit")
	send(t, a, "12345")
	receive(t, b, "12345")
	require.Zero(t, s.Count("ten"))
	send(t, a, "67890 and more")
	receive(t, b, "67890")
	broken(t, b)
	broken(t, a)
	require.Equal(t, link.Count{Packets: 1, Bytes: 10}, s.Count("ten"))
	require.Zero(t, s.Count("more"))
	send(t, other, "1234567890")
	receive(t, otherFar, "1234567890")
	broken(t, other) // reached is enough
	s.Undo("ten")
	s.Undo("more")
	a, b = joined(t, r)
	whole := bytes.Repeat([]byte("x"), 100_000)
	go func() { _, _ = a.Write(whole) }()
	_, err := io.ReadFull(b, make([]byte, len(whole)))
	require.NoError(t, err)
}

func TestStreamsHaveNoPackets(t *testing.T) {
	s := stream.NewSwitch()
	for _, e := range []link.Effect{
		{Action: link.Lose, Probability: 1}, {Action: link.Delay, Latency: 1, Packets: true}, {Action: link.Drop, Transport: link.UDP},
	} {
		require.ErrorContains(t, s.Apply("x", e, []link.Flow{ab}), "link of byte streams")
	}
	require.Empty(t, s.Active())
}
