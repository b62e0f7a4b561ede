package process_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// family is a node whose first process has a child that writes on and on.
type family struct{ parrots }

func (family) NodeNames() []string { return []string{"n1"} }
func (family) Program(context.Context, cluster.ProgramBuilder) (string, error) {
	return "/bin/sh", nil
}
func (family) ProcessCommand(node string, at cluster.Addresses) (cluster.Command, error) {
	for _, port := range []string{"client", "peer"} {
		_ = at.Listen(node, port)
	}
	ticks := fmt.Sprintf("(while :; do echo x >> %s/ticks; sleep 0.01; done) & wait", at.DataDir(node))
	return cluster.Command{Args: []string{"", "-c", ticks}}, nil
}

// A pause stops all processes of a node, a suspend the first one: its child goes on.
func TestASuspendLeavesChildrenRunning(t *testing.T) {
	t.Setenv("SEATRIAL_SCRATCH", t.TempDir())
	owner, err := cluster.NewOwner()
	require.NoError(t, err)
	c, err := process.Runtime{}.Start(t.Context(), family{}, cluster.Options{Owner: owner})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close(context.Background())) }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ticks := func() int64 {
		info, err := os.Stat(filepath.Join(owner.Scratch, "n1", "data", "ticks"))
		if err != nil {
			return 0
		}
		return info.Size()
	}
	goesOn := func() {
		t.Helper()
		for before := ticks(); ticks() <= before; time.Sleep(5 * time.Millisecond) {
			require.NoError(t, ctx.Err(), "waiting for the child to go on")
		}
	}
	goesOn()
	before, err := c.Life(ctx, "n1")
	require.NoError(t, err)
	require.NoError(t, c.Suspend(ctx, "n1"))
	life, err := c.Life(ctx, "n1")
	require.NoError(t, err)
	require.True(t, life.Suspended)
	require.Equal(t, before.ID, life.ID)
	goesOn()
	require.NoError(t, c.Pause(ctx, "n1"))
	still := ticks()
	require.Never(t, func() bool { return ticks() != still }, 50*time.Millisecond, 10*time.Millisecond)
	require.NoError(t, c.Resume(ctx, "n1"))
	goesOn()

	require.NoError(t, c.Suspend(ctx, "n1"))
	require.NoError(t, c.Continue(ctx, "n1"))
	require.NoError(t, c.Continue(ctx, "n1"), "twice is no error")
	require.NoError(t, c.Kill(ctx, "n1"))
	require.NoError(t, c.Continue(ctx, "n1"), "nor is a dead one")
	require.Error(t, c.Suspend(ctx, "n1"))
	require.NoError(t, c.StartNode(ctx, "n1"))
	life, err = c.Life(ctx, "n1")
	require.NoError(t, err)
	require.NotEqual(t, before.ID, life.ID)
	require.False(t, life.Suspended)
}
