package pod

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"

	"github.com/seatrial/seatrial/harness/cluster"
)

// envRunner makes this test binary a runner that waits to be killed.
const envRunner = "SEATRIAL_TEST_RUNNER"

func TestMain(m *testing.M) {
	if os.Getenv(envRunner) != "" {
		fmt.Println(runner())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// runner prints its run, starts a cluster, prints "up", and never closes it.
func runner() error {
	owner, err := cluster.NewOwner()
	if err != nil {
		return err
	}
	fmt.Println(owner.Run)
	c, err := Runtime{}.Start(context.Background(), echo{nodes: 2}, cluster.Options{Owner: owner})
	if err != nil {
		return err
	}
	fmt.Println("up", len(c.System().NodeNames()))
	select {}
}

// startRunner starts a runner; line waits for what it prints next.
func startRunner(t *testing.T) (cmd *exec.Cmd, line func() string) {
	t.Helper()
	cmd = exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), envRunner+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	r := bufio.NewReader(out)
	return cmd, func() string {
		text, err := r.ReadString('\n')
		require.NoError(t, err)
		return strings.TrimSpace(text)
	}
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // says that it was killed
}

// collect may share the work with other collectors on this engine.
func collect(t *testing.T) {
	t.Helper()
	_, err := Runtime{}.CollectGarbage(t.Context())
	require.NoError(t, err)
}

func TestGarbageOfAKilledRunnerIsCollectedAndNothingElse(t *testing.T) {
	alive := up(t, echo{nodes: 1}, false)
	docker := alive.docker
	before := withRun(t, docker, alive.options.Owner.Run)
	decoys := makeDecoys(t, docker, alive.agentImage)

	t.Run("killed while it ran", func(t *testing.T) {
		cmd, line := startRunner(t)
		run := line()
		require.Equal(t, "up 2", line())
		require.Len(t, withRun(t, docker, run), 5, "two pods of two, and a network")
		collect(t)
		require.Len(t, withRun(t, docker, run), 5, "its runner lives")
		kill(t, cmd)
		collect(t)
		require.Empty(t, withRun(t, docker, run))
	})
	t.Run("killed while it started", func(t *testing.T) {
		cmd, line := startRunner(t)
		run := line()
		for len(agentsOf(t.Context(), docker, run)) == 0 {
			require.NoError(t, t.Context().Err())
			time.Sleep(time.Millisecond) // the pace of asking
		}
		kill(t, cmd)
		// The engine may still be making what it was asked for: it appears late.
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			collect(t)
			left := withRun(t, docker, run)
			if len(left) == 0 {
				break
			}
			require.True(t, time.Now().Before(deadline), "still there: %q", left)
		}
	})

	require.Equal(t, before, withRun(t, docker, alive.options.Owner.Run), "a live run")
	require.Equal(t, "hello", ask(t, alive, "n1", "echo hello"))
	decoys()
}

// makeDecoys makes a container and a network that only look like a run's, and
// returns the check that they are there.
func makeDecoys(t *testing.T, docker *testcontainers.DockerClient, image string) (check func()) {
	t.Helper()
	ctx := t.Context()
	name := fmt.Sprintf("seatrial-decoy-%d", time.Now().UnixNano())
	labels := map[string]string{"com.example.run": name, cluster.LabelRole: roleAgent}
	made, err := docker.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: name, Config: &container.Config{Image: image, Entrypoint: []string{"/agent"}, Labels: labels},
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := docker.ContainerRemove(context.Background(), made.ID, client.ContainerRemoveOptions{Force: true})
		require.NoError(t, err)
	})
	net, err := docker.NetworkCreate(ctx, name, client.NetworkCreateOptions{Labels: labels})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := docker.NetworkRemove(context.Background(), net.ID, client.NetworkRemoveOptions{})
		require.NoError(t, err)
	})
	return func() {
		_, err := docker.ContainerInspect(ctx, made.ID, client.ContainerInspectOptions{})
		require.NoError(t, err)
		_, err = docker.NetworkInspect(ctx, net.ID, client.NetworkInspectOptions{})
		require.NoError(t, err)
	}
}

func TestARunElsewhereIsJudgedByItsAgents(t *testing.T) {
	now := time.Now()
	elsewhere := &cluster.Owner{Run: "r", Host: "another-host"}
	for _, one := range []struct {
		name string
		r    remains
		dead bool
	}{
		{"an agent runs", remains{owner: elsewhere, agents: 1, youngest: now.Add(-time.Hour)}, false},
		{"all agents ended", remains{owner: elsewhere, youngest: now.Add(-2 * time.Minute)}, true},
		{"just starting", remains{owner: elsewhere, youngest: now.Add(-5 * time.Second)}, false},
		{"nobody says whose, an agent runs", remains{agents: 1, youngest: now.Add(-time.Hour)}, false},
		{"nobody says whose, old", remains{youngest: now.Add(-time.Hour)}, true},
	} {
		require.Equal(t, one.dead, one.r.dead(now), one.name)
	}
}

func TestLabelsOfOneRunAreOneRun(t *testing.T) {
	owner := newOwner(t)
	early, late := time.Unix(100, 0), time.Unix(200, 0)
	runs := map[string]*remains{}
	noteRun(runs, map[string]string{cluster.LabelRun: owner.Run, cluster.LabelOwner: "torn{"}, late)
	noteRun(runs, owner.Labels(roleNetwork, ""), early)
	forged, err := json.Marshal(cluster.Owner{Run: "another"})
	require.NoError(t, err)
	noteRun(runs, map[string]string{cluster.LabelRun: "forged", cluster.LabelOwner: string(forged)}, late)
	require.Len(t, runs, 2)
	require.Equal(t, owner.PID, runs[owner.Run].owner.PID)
	require.Equal(t, late, runs[owner.Run].youngest)
	require.False(t, runs[owner.Run].dead(time.Now()), "this process lives")
	require.Nil(t, runs["forged"].owner, "a label that speaks of another run says nothing")
}
