package pod

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
)

// Effects on single packets, as nodes see them; docker/agent has each by itself.
func TestEffectsOnSinglePackets(t *testing.T) {
	c := up(t, echo{nodes: 2}, false)
	const latency = 150 * time.Millisecond
	for name, e := range map[string]link.Effect{
		"all lost":      {Action: link.Lose, Probability: 1},
		"all corrupt":   {Action: link.Corrupt, Probability: 1},
		"some lost":     {Action: link.Lose, Probability: 0.2, Burst: 2, Seed: 1},
		"all twice":     {Action: link.Duplicate, Probability: 1},
		"some overtake": {Action: link.Reorder, Probability: 0.5, Latency: time.Millisecond, Seed: 1},
		"delay":         {Action: link.Delay, Latency: latency, Packets: true},
		"throttle":      {Action: link.Throttle, BytesPerSecond: 10_000, Packets: true},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, c.Network().Applies(e))
			old := keep(t, c, "n1", "n2")
			apply(t, c, "x", e, out)
			if e.Probability == 1 && e.Action != link.Duplicate {
				require.Equal(t, "timeout", old.do(t, "ask early %d", impatience))
				requireBit(t, c, "x")
				undo(t, c, "x")
				require.Contains(t, old.do(t, "ask late %d", patience), "ok")
				return
			}
			took := milliseconds(t, old.do(t, "ask "+long+" %d", patience))
			switch e.Action {
			case link.Delay:
				require.GreaterOrEqual(t, took, 150)
			case link.Throttle:
				require.GreaterOrEqual(t, took, 200, "2000 bytes and their headers")
			}
			if e.Action != link.Lose && e.Action != link.Reorder { // a few packets may all be spared
				requireBit(t, c, "x")
			}
			undo(t, c, "x")
			require.Contains(t, old.do(t, "ask after %d", patience), "ok")
		})
	}
	t.Run("one port", func(t *testing.T) {
		for _, e := range []link.Effect{{Action: link.Lose, Probability: 1}, {Action: link.Drop}} {
			e.Port = 7002
			apply(t, c, "x", e, out)
			require.Equal(t, "timeout", ask(t, c, "n1", "dial n2:7002 %d", impatience))
			require.Contains(t, ask(t, c, "n1", "dial n2:7001 %d", patience), "ok")
			require.Equal(t, "timeout", ask(t, c, "n2", "dial n1:7002 %d", impatience), "n1 answers from it")
			undo(t, c, "x")
			require.Contains(t, ask(t, c, "n1", "dial n2:7002 %d", patience), "ok")
		}
		require.ErrorContains(t, c.Network().Applies(link.Effect{Action: link.Drop, Port: 9}), "the system declares [client 7001 peer 7002]")
	})
	t.Run("a break", func(t *testing.T) {
		old := keep(t, c, "n1", "n2")
		apply(t, c, "x", link.Effect{Action: link.Break}, out)
		answer := old.do(t, "ask broken %d", patience)
		require.True(t, answer == "reset" || strings.HasSuffix(answer, "software caused connection abort"), answer)
		requireBit(t, c, "x")
		require.Contains(t, ask(t, c, "n1", "dial n2:7002 %d", patience), "ok")
		undo(t, c, "x")
	})
	t.Run("the death of a node does not keep an effect", func(t *testing.T) {
		apply(t, c, "x", link.Effect{Action: link.Delay, Latency: time.Hour, Packets: true}, out)
		require.NoError(t, c.Kill(t.Context(), "n2"))
		undo(t, c, "x")
		require.NoError(t, c.StartNode(t.Context(), "n2"))
		serves(t, c, "n2")
		require.Contains(t, ask(t, c, "n1", "dial n2:7002 %d", patience), "ok")
	})
	t.Run("clients", func(t *testing.T) {
		asking := []link.Flow{{From: link.Clients, To: "n1"}}
		require.ErrorContains(t, c.Network().Apply(t.Context(), "x", link.Effect{Action: link.Lose, Probability: 1}, asking), "client group")
		require.ErrorContains(t, c.Network().Apply(t.Context(), "x", link.Effect{Action: link.Drop, Transport: link.UDP}, asking), "client group")
		client := open(t, c, "far", "n1:client")
		apply(t, c, "x", link.Effect{Action: link.Limit, LimitBytes: 3, Port: 7001}, link.Flow{From: "far", To: "n1"})
		_, err := client.Write([]byte("echo hello\n"))
		require.NoError(t, err)
		_, err = client.r.ReadString('\n')
		require.Error(t, err)
		requireBit(t, c, "x")
		undo(t, c, "x")
	})
}
