package pod

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
)

// A program that goes on asking for memory is killed by the kernel; it stays down
// while another fault ends, and then it is back, with the limits that it had.
func TestTheKernelKillsWhatIsOutOfMemory(t *testing.T) {
	c := up(t, echo{nodes: 2}, false)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	before, err := c.Limits(ctx, "n1")
	require.NoError(t, err)
	beside, life := limitsAndLife(ctx, t, c, "n2")
	require.Equal(t, "filled", ask(t, c, "n1", "fill %d", 30<<20))

	var mu sync.Mutex
	said := map[string]string{}
	journal, err := fault.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	require.NoError(t, err)
	defer journal.Close()
	in := fault.NewInjector(c, fault.World{Nodes: []string{"n1", "n2"}}, nil, func(e history.FaultEvent) {
		mu.Lock()
		defer mu.Unlock()
		said[e.Phase] = e.Detail
	}, journal)

	asking, stop := context.WithCancel(ctx)
	var client sync.WaitGroup
	client.Go(func() { asksForMemory(asking, c) })
	_, err = in.Inject(ctx, fault.MemoryLimit{Target: fault.Node("n1"), Bytes: 8 << 20})
	require.ErrorContains(t, err, "fault.OutOfMemory", "the kernel can't take away what it holds")
	require.NoError(t, in.HealAll(ctx))
	heal, err := in.Inject(ctx, fault.OutOfMemory{Target: fault.Node("n1"), Within: time.Minute})
	stop()
	client.Wait()
	require.NoError(t, err)
	dead, err := c.Life(ctx, "n1")
	require.NoError(t, err)
	require.Equal(t, cluster.Stopped, dead.State)
	require.True(t, dead.OutOfMemory, "as the engine says")

	healKill, err := in.Inject(ctx, fault.Kill{Target: fault.Node("n1")})
	require.NoError(t, err)
	require.NoError(t, healKill(ctx))
	require.Equal(t, cluster.Stopped, stateOf(t, c, "n1"), "the other fault is still in force")
	require.Contains(t, said["healed"], "n1 stays down for another fault")
	require.NoError(t, heal(ctx))
	require.Contains(t, said["bit"], "n1 had a process killed by the kernel, out of memory")
	serves(t, c, "n1")
	alive, err := c.Life(ctx, "n1")
	require.NoError(t, err)
	require.False(t, alive.OutOfMemory, "that was its last life")
	after, err := c.Limits(ctx, "n1")
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.NotContains(t, said, "crashed", "it did not end by itself")

	besideAfter, lifeAfter := limitsAndLife(ctx, t, c, "n2")
	require.Equal(t, beside, besideAfter)
	require.Equal(t, life, lifeAfter, "nobody touched the node beside it")
}

func limitsAndLife(ctx context.Context, t *testing.T, c *running, node string) (cluster.Limits, cluster.Life) {
	t.Helper()
	limits, err := c.Limits(ctx, node)
	require.NoError(t, err)
	life, err := c.Life(ctx, node)
	require.NoError(t, err)
	return limits, life
}

// asksForMemory has n1 take some more, again and again.
func asksForMemory(ctx context.Context, c *running) {
	for ctx.Err() == nil {
		conn, err := c.Dialer().DialAs(ctx, link.Clients, "n1:client")
		if err != nil {
			return // it is dead
		}
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		answer := make([]byte, 16)
		for err == nil && ctx.Err() == nil {
			if _, err = conn.Write([]byte("fill 4096\n")); err == nil {
				_, err = conn.Read(answer)
			}
			time.Sleep(5 * time.Millisecond) // the pace of asking
		}
		stop()
		conn.Close()
	}
}
