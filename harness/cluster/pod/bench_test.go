package pod

import (
	"fmt"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// BenchmarkThreePods reports what the life of a cluster costs, images built.
func BenchmarkThreePods(b *testing.B) {
	needDocker(b)
	var up, serving, down time.Duration
	for b.Loop() {
		began := time.Now()
		started, err := Runtime{}.Start(b.Context(), echo{nodes: 3}, cluster.Options{Owner: newOwner(b)})
		require.NoError(b, err)
		up += time.Since(began)
		for _, node := range started.System().NodeNames() {
			serves(b, started.(*running), node)
		}
		serving += time.Since(began)
		began = time.Now()
		require.NoError(b, started.Close(b.Context()))
		down += time.Since(began)
	}
	report(b, up, "start-ms")
	report(b, serving, "serving-ms")
	report(b, down, "close-ms")
}

func report(b *testing.B, total time.Duration, unit string) {
	b.ReportMetric(float64(total.Microseconds())/1000/float64(b.N), unit)
}

// BenchmarkControl reports what the control of one node costs.
func BenchmarkControl(b *testing.B) {
	c := up(b, echo{nodes: 1}, false)
	ctx := b.Context()
	var kill, start, pause, resume, state time.Duration
	timed := func(sum *time.Duration, err func() error) {
		began := time.Now()
		require.NoError(b, err())
		*sum += time.Since(began)
	}
	for b.Loop() {
		timed(&state, func() error { _, err := c.State(ctx, "n1"); return err })
		timed(&pause, func() error { return c.Pause(ctx, "n1") })
		timed(&resume, func() error { return c.Resume(ctx, "n1") })
		timed(&kill, func() error { return c.Kill(ctx, "n1") })
		timed(&start, func() error { return c.StartNode(ctx, "n1") })
	}
	report(b, state, "state-ms")
	report(b, pause, "pause-ms")
	report(b, resume, "resume-ms")
	report(b, kill, "kill-ms")
	report(b, start, "start-ms")
}

// BenchmarkRoundTrip is one line to a node and back, by each way to the agent.
func BenchmarkRoundTrip(b *testing.B) {
	c := up(b, echo{nodes: 1}, false)
	p := c.byName["n1"]
	seen, err := c.docker.ContainerInspect(b.Context(), p.agentID, client.ContainerInspectOptions{})
	require.NoError(b, err)
	published := seen.Container.NetworkSettings.Ports[controlPort][0].HostPort
	for i, way := range c.place.candidates(p.address, published) {
		b.Run(fmt.Sprintf("candidate%d", i+1), func(b *testing.B) {
			p.agent = &wire.Agent{Address: way, Token: c.options.Owner.Token}
			conn := open(b, c, link.Clients, "n1:client")
			for b.Loop() {
				_, err := fmt.Fprintln(conn, "echo hello")
				require.NoError(b, err)
				_, err = conn.r.ReadString('\n')
				require.NoError(b, err)
			}
		})
	}
	b.Run("dial", func(b *testing.B) {
		for b.Loop() {
			conn, err := c.Dialer().DialAs(b.Context(), link.Clients, "n1:client")
			require.NoError(b, err)
			conn.Close()
		}
	})
}

// BenchmarkApply is a black hole laid and undone at both ends of a link.
func BenchmarkApply(b *testing.B) {
	c := up(b, echo{nodes: 2}, false)
	flows := link.Between([]link.End{"n1"}, []link.End{"n2"})
	for b.Loop() {
		require.NoError(b, c.Network().Apply(b.Context(), "hole", link.Effect{Action: link.Drop}, flows))
		require.NoError(b, c.Network().Undo(b.Context(), "hole"))
	}
}
