package pod

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/disk"
)

// upOnDisks starts nodes behind disks; the test is skipped where there can't be any.
func upOnDisks(t *testing.T) *running {
	t.Helper()
	c := upWith(t, echo{nodes: 2}, cluster.Options{Disk: true})
	if err := c.DisksApply(); err != nil {
		if os.Getenv("SEATRIAL_REQUIRE_DOCKER") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return c
}

// restart starts a node again.
func restart(t *testing.T, c *running, node string) {
	t.Helper()
	require.NoError(t, c.StartNode(t.Context(), node))
	serves(t, c, node)
}

func TestANodeBehindADisk(t *testing.T) {
	c := upOnDisks(t)
	ctx := t.Context()
	n1 := c.byName["n1"]
	put := func(file, text string) { require.Equal(t, "put", ask(t, c, "n1", "put %s %s", file, text)) }
	sync := func(file string) string { return ask(t, c, "n1", "sync %s", file) }
	get := func(file string) string { return ask(t, c, "n1", "get %s", file) }

	t.Run("loses its power, and was killed before", func(t *testing.T) {
		put("kept", "kept")
		require.Equal(t, "synced", sync("kept"))
		put("new", "new")
		_, ever := c.Lost("n1")
		require.False(t, ever)
		require.NoError(t, c.Kill(ctx, "n1"))
		require.NoError(t, c.Kill(ctx, "n1"), "a dead node is dead")
		_, err := c.PowerLoss(ctx, "n1", disk.Power{})
		require.ErrorIs(t, err, cluster.ErrNotRunning)
		require.Equal(t, map[string]string{"kept": "kept", "new": "new"}, readTar(t, c, "n1"), "a kill takes nothing")
		restart(t, c, "n1")
		require.Equal(t, "new", get("new"))
		loss, err := c.PowerLoss(ctx, "n1", disk.Power{})
		require.NoError(t, err)
		require.Equal(t, disk.Loss{Names: 1}, loss)
		require.Equal(t, cluster.Stopped, stateOf(t, c, "n1"))
		said, ever := c.Lost("n1")
		require.True(t, ever)
		require.Equal(t, loss, said)
		restart(t, c, "n1")
		require.Equal(t, map[string]string{"kept": "kept"}, readTar(t, c, "n1"))
		require.Equal(t, cluster.Running, stateOf(t, c, "n2"))
	})
	t.Run("has rules across its lives", func(t *testing.T) {
		count := func() uint64 {
			count, err := c.CountRule(ctx, "r", "n1")
			require.NoError(t, err)
			return count.Times
		}
		rule := disk.Rule{Action: disk.Fail, Error: "EIO", Ops: []disk.Op{disk.OpFsync}}
		require.NoError(t, c.ApplyRule(ctx, "r", rule, []string{"n1"}))
		require.Contains(t, sync("kept"), "input/output error")
		require.EqualValues(t, 1, count())
		require.NoError(t, c.Kill(ctx, "n1"))
		require.Zero(t, count(), "nobody is there to count")
		restart(t, c, "n1")
		require.Contains(t, sync("kept"), "input/output error")
		require.NoError(t, c.Pause(ctx, "n1"))
		require.NoError(t, c.UndoRule(ctx, "r"))
		require.NoError(t, c.Resume(ctx, "n1"))
		require.Equal(t, "synced", sync("kept"))
		active, err := c.ActiveRules(ctx, "n1")
		require.NoError(t, err)
		require.Empty(t, active)
		require.NoError(t, c.UndoRule(ctx, "nobody's"))
	})
	t.Run("stands still, and dies standing", func(t *testing.T) {
		require.NoError(t, c.Suspend(ctx, "n1"))
		life, err := c.Life(ctx, "n1")
		require.NoError(t, err)
		require.True(t, life.Suspended)
		require.NoError(t, c.Continue(ctx, "n1"))
		require.Equal(t, "kept", get("kept"))
		put("new", "new")
		require.NoError(t, c.Pause(ctx, "n1"))
		loss, err := c.PowerLoss(ctx, "n1", disk.Power{})
		require.NoError(t, err)
		require.Equal(t, 1, loss.Names)
		restart(t, c, "n1")
		require.NoError(t, c.Pause(ctx, "n1"))
		require.NoError(t, c.Kill(ctx, "n1"))
		restart(t, c, "n1")
		require.NoError(t, c.Suspend(ctx, "n1"))
		require.NoError(t, c.Stop(ctx, "n1", 5*time.Second))
		restart(t, c, "n1")
		require.Equal(t, map[string]string{"kept": "kept"}, readTar(t, c, "n1"))
	})
	t.Run("leaves no volume", func(t *testing.T) {
		seen, err := c.docker.ContainerInspect(ctx, n1.nodeID, client.ContainerInspectOptions{})
		require.NoError(t, err)
		require.Len(t, seen.Container.Mounts, 1)
		closing, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		require.NoError(t, c.Close(closing))
		_, err = c.docker.VolumeInspect(ctx, seen.Container.Mounts[0].Name, client.VolumeInspectOptions{})
		require.Error(t, err, fmt.Sprint("the volume ", seen.Container.Mounts[0].Name))
	})
}

// Where the engine has no FUSE, or its containers may not mount, that and what helps is
// said, and nothing of the trial is left.
func TestWhyDisksCannotFailIsSaid(t *testing.T) {
	c := upOnDisks(t)
	device, capabilities := c.disk.device, c.disk.capabilities
	for _, machine := range []struct {
		name, device string
		capabilities []string
		says         []string
	}{
		{"no device", "/dev/no-fuse", capabilities, []string{"disk faults do not apply, because the engine refuses", "/dev/no-fuse", "load the kernel's module fuse"}},
		{"another device", "/dev/null", capabilities, []string{"does not apply, because"}},
		{"no mount", device, nil, []string{"does not apply, because mount(2) says operation not permitted", "CAP_SYS_ADMIN", "security profile"}},
	} {
		t.Run(machine.name, func(t *testing.T) {
			c.disk.device, c.disk.capabilities = machine.device, machine.capabilities
			unavailable, err := c.tryDisk(t.Context())
			require.NoError(t, err)
			for _, part := range machine.says {
				require.ErrorContains(t, unavailable, part)
			}
			left, err := c.docker.ContainerList(t.Context(), client.ContainerListOptions{All: true,
				Filters: make(client.Filters).Add("name", c.containerName("disk", roleTrial))})
			require.NoError(t, err)
			require.Empty(t, left.Items)
		})
	}
	c.disk.device, c.disk.capabilities = device, capabilities
	unavailable, err := c.tryDisk(t.Context())
	require.NoError(t, err)
	require.NoError(t, unavailable)
}

func TestWithoutAPlanForDisksThereAreNone(t *testing.T) {
	c := up(t, echo{nodes: 1}, false)
	require.ErrorContains(t, c.DisksApply(), "do not apply, because")
	_, err := c.PowerLoss(t.Context(), "n1", disk.Power{})
	require.ErrorContains(t, err, "do not apply, because")
	require.Equal(t, cluster.Running, stateOf(t, c, "n1"))
}
