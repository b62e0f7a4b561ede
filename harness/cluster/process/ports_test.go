package process_test

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
)

// A port is meant by the number that the system declares, whatever it listens on here.
func TestFaultsOnOnePort(t *testing.T) {
	r := start(t, parrots{})
	ctx := t.Context()
	c := r.dial("", "n1:client")
	require.Equal(t, "n2: 1", r.must(c, "ask n2 1"))
	flows := link.Between([]link.End{"n1", link.Clients}, []link.End{"n2"})

	require.NoError(t, r.Network().Apply(ctx, "x", link.Effect{Action: link.HoldBack, Port: 4001}, flows))
	require.Equal(t, "n2: of clients", r.must(r.dial("", "n2:client"), "of clients"))
	require.NoError(t, c.SetReadDeadline(time.Now().Add(60*time.Millisecond)))
	_, err := c.ask("ask n2 2")
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(within)))
	require.NoError(t, r.Network().Undo(ctx, "x"))
	reply, err := c.reader.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "n2: 2\n", reply)

	other := r.dial("", "n2:client")
	require.NoError(t, r.Network().Apply(ctx, "x", link.Effect{Action: link.HoldBack, Port: 4000}, flows))
	require.Equal(t, "n2: 3", r.must(c, "ask n2 3"), "between nodes")
	require.NoError(t, other.SetReadDeadline(time.Now().Add(60*time.Millisecond)))
	_, err = other.ask("held")
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, r.Network().Undo(ctx, "x"))
}

func TestConnectionsAreBrokenAndLimited(t *testing.T) {
	r := start(t, parrots{})
	ctx := t.Context()
	for _, e := range []link.Effect{{Action: link.Break}, {Action: link.Limit, LimitBytes: 4, Transport: link.TCP}} {
		require.NoError(t, r.Network().Applies(e))
		c := r.dial("far", "n1:client")
		require.Equal(t, "n1: hello", r.must(c, "hello"))
		require.NoError(t, r.Network().Apply(ctx, "x", e, []link.Flow{{From: "far", To: "n1"}}))
		_, err := c.ask("four and more")
		require.Error(t, err)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NotErrorIs(t, err, io.EOF)
		count, err := r.Network().Count(ctx, "x")
		require.NoError(t, err)
		require.Equal(t, link.Count{Packets: 1, Bytes: uint64(e.LimitBytes)}, count)
		require.NoError(t, r.Network().Undo(ctx, "x"))
		require.Equal(t, "n1: again", r.must(r.dial("far", "n1:client"), "again"))
	}
}

// There are no packets here, and an error says so and what to do.
func TestEffectsOnPacketsDoNotApply(t *testing.T) {
	r := start(t, parrots{})
	for says, e := range map[string]link.Effect{
		"without packets of their own":                {Action: link.Lose, Probability: 1},
		"run it in pods":                              {Action: link.Delay, Latency: 1, Packets: true},
		"TCP through a proxy":                         {Action: link.Drop, Transport: link.UDP},
		"the system declares [client 4000 peer 4001]": {Action: link.Drop, Port: 1},
	} {
		require.ErrorContains(t, r.Network().Applies(e), says)
		require.ErrorContains(t, r.Network().Apply(t.Context(), "x", e, []link.Flow{{From: "n1", To: "n2"}}), says)
	}
	active, err := r.Network().Active(t.Context())
	require.NoError(t, err)
	require.Empty(t, active)
}
