package pod

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// What nodes see, told by their own sockets: within patience an open link answers,
// within impatience a cut one does not.
const (
	patience   = 10000
	impatience = 300
)

func apply(t *testing.T, c *running, id string, effect link.Effect, flows ...link.Flow) {
	t.Helper()
	require.NoError(t, c.Network().Apply(t.Context(), id, effect, flows))
	active, err := c.Network().Active(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{id}, active)
}

func undo(t *testing.T, c *running, id string) {
	t.Helper()
	require.NoError(t, c.Network().Undo(t.Context(), id))
	require.NoError(t, c.Network().Undo(t.Context(), id), "an unknown id")
	active, err := c.Network().Active(t.Context())
	require.NoError(t, err)
	require.Empty(t, active)
}

func probe(t *testing.T, c *running, from, to link.End, timeout time.Duration) error {
	t.Helper()
	_, err := c.Network().Probe(t.Context(), link.Flow{From: from, To: to}, timeout)
	return err
}

func requireBit(t *testing.T, c *running, id string) {
	t.Helper()
	count, err := c.Network().Count(t.Context(), id)
	require.NoError(t, err)
	require.NotZero(t, count.Packets)
}

// keep opens a connection from a node to another node's peer port.
func keep(t *testing.T, c *running, from, to string) *echoClient {
	t.Helper()
	client := open(t, c, link.Clients, from+":client")
	require.Contains(t, client.do(t, "keep %s:7002 %d", to, patience), "ok")
	require.Contains(t, client.do(t, "ask hello %d", patience), "ok")
	return client
}

func TestPacketFaultsAreWhatNodesSee(t *testing.T) {
	c := up(t, echo{nodes: 3}, false)
	cut := link.Between([]link.End{"n1"}, []link.End{"n2"})

	t.Run("a black hole swallows new and established connections", func(t *testing.T) {
		old := keep(t, c, "n1", "n2")
		apply(t, c, "hole", link.Effect{Action: link.Drop}, cut...)
		require.Equal(t, "timeout", old.do(t, "ask early %d", impatience))
		require.Equal(t, "timeout", ask(t, c, "n1", "dial n2:7002 %d", impatience))
		require.Equal(t, "timeout", ask(t, c, "n2", "dial n1:7002 %d", impatience))
		require.Contains(t, ask(t, c, "n1", "dial n3:7002 %d", patience), "ok", "another link")
		require.ErrorIs(t, probe(t, c, "n1", "n2", impatience*time.Millisecond), wire.ErrProbeLate)
		requireBit(t, c, "hole")
		undo(t, c, "hole")
		require.Contains(t, old.do(t, "ask late %d", patience), "ok", "TCP sends it again")
		require.NoError(t, probe(t, c, "n1", "n2", patience*time.Millisecond))
	})
	t.Run("every cut", func(t *testing.T) { everyCut(t, c, false) })
	t.Run("every cut of a client's link", func(t *testing.T) { everyClientCut(t, c) })
	t.Run("a client's link is shaped without a redirect", func(t *testing.T) {
		shapesStreams(t, c, link.Flow{From: "far", To: "n1"}, func() int {
			client := open(t, c, "far", "n1:client")
			defer client.Close()
			began := time.Now()
			require.Equal(t, long, client.do(t, "echo "+long))
			return int(time.Since(began).Milliseconds())
		})
	})
	t.Run("a cut survives the restart of a node, and is undone on a dead one", func(t *testing.T) {
		apply(t, c, "hole", link.Effect{Action: link.Drop}, cut...)
		require.NoError(t, c.Kill(t.Context(), "n2"))
		require.NoError(t, c.StartNode(t.Context(), "n2"))
		serves(t, c, "n2")
		require.Equal(t, "timeout", ask(t, c, "n2", "dial n1:7002 %d", impatience))
		require.NoError(t, c.Kill(t.Context(), "n2"))
		undo(t, c, "hole")
		require.NoError(t, probe(t, c, "n1", "n2", patience*time.Millisecond), "a pod answers probes for its dead node")
		require.NoError(t, c.StartNode(t.Context(), "n2"))
		serves(t, c, "n2")
		require.Contains(t, ask(t, c, "n2", "dial n1:7002 %d", patience), "ok")
	})
	t.Run("what does not apply is refused and leaves nothing", func(t *testing.T) {
		ctx := t.Context()
		for _, effect := range append(shapes(), link.Effect{Action: link.HoldBack}, link.Effect{Action: link.Delay, Latency: time.Second}) {
			require.ErrorContains(t, c.Network().Applies(effect), "Streams")
			require.ErrorContains(t, c.Network().Apply(ctx, "held", effect, cut), "Streams")
		}
		drop := link.Effect{Action: link.Drop}
		require.ErrorContains(t, c.Network().Apply(ctx, "x", drop, []link.Flow{{From: "clients", To: "others"}}), "node")
		require.Error(t, c.Network().Apply(ctx, "x", drop, nil))
		ended, cancel := context.WithCancel(ctx)
		cancel()
		require.ErrorIs(t, c.Network().Apply(ended, "x", drop, cut), context.Canceled)
		active, err := c.Network().Active(ctx)
		require.NoError(t, err)
		require.Empty(t, active)
	})
}

func TestStreamFaultsAreWhatNodesSee(t *testing.T) {
	c := up(t, echo{nodes: 2}, true)

	t.Run("what was held comes in order and complete", func(t *testing.T) {
		old := keep(t, c, "n1", "n2")
		apply(t, c, "hold", link.Effect{Action: link.HoldBack}, link.Flow{From: "n1", To: "n2"})
		for i := range 3 {
			require.Equal(t, "timeout", old.do(t, "ask held%d 100", i))
		}
		require.NotContains(t, ask(t, c, "n2", "heard"), "held")
		require.ErrorIs(t, probe(t, c, "n1", "n2", impatience*time.Millisecond), wire.ErrProbeLate)
		require.NoError(t, probe(t, c, "n2", "n1", patience*time.Millisecond))
		requireBit(t, c, "hold")
		undo(t, c, "hold")
		require.Contains(t, old.do(t, "ask last %d", patience), "ok")
		require.Equal(t, "last", ask(t, c, "n2", "heard"))
	})
	t.Run("a delay is each way's own", func(t *testing.T) {
		old := keep(t, c, "n1", "n2")
		apply(t, c, "slow", link.Effect{Action: link.Delay, Latency: 150 * time.Millisecond}, link.Flow{From: "n1", To: "n2"})
		require.GreaterOrEqual(t, milliseconds(t, old.do(t, "ask slow %d", patience)), 150)
		took, err := c.Network().Probe(t.Context(), link.Flow{From: "n1", To: "n2"}, 10*time.Second)
		require.NoError(t, err)
		require.GreaterOrEqual(t, took, 150*time.Millisecond)
		undo(t, c, "slow")
		require.Contains(t, old.do(t, "ask quick %d", patience), "ok")
	})
	t.Run("every cut", func(t *testing.T) { everyCut(t, c, true) })
	t.Run("a link is shaped", func(t *testing.T) {
		shapesStreams(t, c, link.Flow{From: "n1", To: "n2"}, func() int {
			require.Contains(t, ask(t, c, "n1", "dial n2:7002 %d", patience), "ok", "it closes what it opened")
			return milliseconds(t, keep(t, c, "n1", "n2").do(t, "ask "+long+" %d", patience))
		})
	})
	t.Run("a redirected link to a dead node accepts", func(t *testing.T) {
		require.NoError(t, c.Kill(t.Context(), "n2"))
		require.NotEqual(t, "refused", ask(t, c, "n1", "dial n2:7002 %d", patience), "so only planned links are redirected")
		require.NoError(t, c.StartNode(t.Context(), "n2"))
		serves(t, c, "n2")
		require.Contains(t, ask(t, c, "n1", "dial n2:7002 %d", patience), "ok")
	})
}

// milliseconds reads "ok 151".
func milliseconds(t *testing.T, answer string) int {
	t.Helper()
	number, err := strconv.Atoi(strings.TrimPrefix(answer, "ok "))
	require.NoError(t, err, fmt.Sprintf("the answer %q", answer))
	return number
}
