package etcd

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/cluster/pod/podtest"
	"github.com/seatrial/seatrial/harness/disk"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
)

// podsAtATime is how many clusters of this test run at the same time.
const podsAtATime = 2

// Every version, from the image that is offered, takes the same command line and
// the same requests, and goes on without its leader.
func TestInPods(t *testing.T) {
	podtest.Need(t, pod.Runtime{})
	systems := []Cluster{{Nodes: 5}} // of the default version
	for _, version := range (Cluster{}).Versions()[1:] {
		systems = append(systems, Cluster{Version: version})
	}
	slots := make(chan struct{}, podsAtATime)
	for _, system := range systems {
		t.Run(fmt.Sprintf("%s with %d nodes", system.SystemVersion(), len(system.NodeNames())), func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			testInPods(t, system, false)
		})
	}
	t.Run("behind disks", func(t *testing.T) {
		t.Parallel()
		slots <- struct{}{}
		defer func() { <-slots }()
		testInPods(t, Cluster{}, true)
	})
}

// testInPods has members go on without their leader; those behind disks lose their
// power too, all at once, and keep what they acknowledged.
func testInPods(t *testing.T, system Cluster, behindDisks bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute) // an image may be built
	defer cancel()
	owner, err := cluster.NewOwner()
	require.NoError(t, err)
	defer owner.Remove()
	pods, err := pod.Runtime{}.Start(ctx, system, cluster.Options{Owner: owner, Disk: behindDisks, Log: func(line string) { t.Log(line) }})
	require.NoError(t, err)
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, pods.Close(closing))
	}()
	disks := pods.(cluster.Disks)
	if behindDisks && disks.DisksApply() != nil {
		podtest.SkipOrFail(t, disks.DisksApply())
	}
	require.NoError(t, cluster.WaitReady(ctx, pods, time.Minute))

	leader, err := cluster.FindLeader(ctx, pods, ample)
	require.NoError(t, err)
	names := system.NodeNames()
	write(t, ctx, pods, leader, 1)
	require.NoError(t, pods.Kill(ctx, leader))
	others := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == leader })
	for _, node := range others {
		waitFor(t, ctx, node+" serves without its leader", func(ctx context.Context) error {
			return system.Ready(ctx, cluster.ProbeSession(pods, node))
		})
	}
	write(t, ctx, pods, others[0], 2)

	require.NoError(t, pods.StartNode(ctx, leader))
	everywhere(t, ctx, pods, 1, 2)
	if !behindDisks {
		return
	}
	for i, node := range names {
		loss, err := disks.PowerLoss(ctx, node, disk.Power{Torn: true, Seed: uint64(i)})
		require.NoError(t, err)
		t.Logf("%s lost %s", node, loss)
	}
	for _, node := range names {
		require.NoError(t, pods.StartNode(ctx, node))
	}
	require.NoError(t, cluster.WaitReady(ctx, pods, time.Minute))
	everywhere(t, ctx, pods, 1, 2)
	write(t, ctx, pods, leader, 3)
	everywhere(t, ctx, pods, 1, 2, 3)
}

// everywhere waits until each member itself holds the list.
func everywhere(t *testing.T, ctx context.Context, pods cluster.Cluster, list ...history.Value) {
	t.Helper()
	system := pods.System().(Cluster)
	for _, node := range system.NodeNames() {
		waitFor(t, ctx, node+" itself holds everything", func(ctx context.Context) error {
			appender, err := system.OpenAppender(ctx, podSession(pods, node))
			if err != nil {
				return err
			}
			defer func() { _ = appender.Close() }()
			elements, err := appender.ListLocal(ctx, "l")
			if err == nil && !slices.Equal(elements, list) {
				err = fmt.Errorf("it holds %v", elements)
			}
			return err
		})
	}
}

func podSession(pods cluster.Cluster, node string) link.Session {
	return link.Session{Group: link.Clients, Node: node, Timeout: time.Second, Dialer: pods.Dialer()}
}

// write does every kind of operation through a node, each of which must work, and
// leaves the value in a register and in a list.
func write(t *testing.T, ctx context.Context, pods cluster.Cluster, node string, value history.Value) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, ample)
	defer cancel()
	system := pods.System().(Cluster)
	register, err := system.OpenRegister(ctx, podSession(pods, node))
	require.NoError(t, err)
	defer func() { _ = register.Close() }()
	before, err := register.Read(ctx, "r")
	require.NoError(t, err)
	swapped, saw, err := register.CompareAndSet(ctx, "r", 99, 98)
	require.NoError(t, err)
	require.False(t, swapped)
	require.Equal(t, before, saw, "what was written before is still there")
	swapped, _, err = register.CompareAndSet(ctx, "r", before, 100)
	require.NoError(t, err)
	require.True(t, swapped)
	require.NoError(t, register.Write(ctx, "r", value))

	appender, err := system.OpenAppender(ctx, podSession(pods, node))
	require.NoError(t, err)
	defer func() { _ = appender.Close() }()
	require.NoError(t, appender.Append(ctx, "l", value))
	elements, err := appender.List(ctx, "l")
	require.NoError(t, err)
	require.Equal(t, value, elements[len(elements)-1])
}

// waitFor asks again until there is no error.
func waitFor(t testing.TB, ctx context.Context, what string, ask func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		attempt, done := context.WithTimeout(ctx, 2*time.Second)
		err := ask(attempt)
		done()
		if err == nil {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			require.NoError(t, err, "waited 30 s until: %s", what)
		}
	}
}
