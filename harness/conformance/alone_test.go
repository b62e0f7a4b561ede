package conformance_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/cluster/pod/podtest"
	"github.com/seatrial/seatrial/harness/fault"
)

// envRunner makes the test binary a runner that is to be killed.
const envRunner = "SEATRIAL_TEST_RUNNER"

// A runner that is killed undoes nothing; its agents do, when they have not heard of
// it for a while. Every fault that agents enforce is in force at the time.
func TestAgentsHealAloneWhenTheRunnerIsKilled(t *testing.T) {
	if os.Getenv(envRunner) != "" {
		beRunner(t)
		return
	}
	podtest.Need(t, pod.Runtime{})
	runner := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAgentsHealAloneWhenTheRunnerIsKilled$", "-test.v")
	runner.Env = append(os.Environ(), envRunner+"=1")
	runner.Stderr = os.Stderr
	in, err := runner.StdinPipe()
	require.NoError(t, err)
	out, err := runner.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, runner.Start())
	defer func() {
		_ = runner.Process.Kill() // fails only where it has ended
		_ = runner.Wait()
		_, _ = pod.Runtime{}.CollectGarbage(t.Context())
	}()
	said := bufio.NewScanner(out)
	word := func(begin string) string {
		for said.Scan() {
			if rest, is := strings.CutPrefix(said.Text(), begin+" "); is {
				return rest
			}
			t.Log(said.Text())
		}
		t.Fatalf("the runner ended before it said %q", begin)
		return ""
	}
	run := word("RUN")
	before, there := podRules(t, run)
	require.True(t, there)
	_, err = fmt.Fprintln(in, "inject")
	require.NoError(t, err)
	t.Log("in force: ", word("INJECTED"))
	now, _ := podRules(t, run)
	require.Greater(t, len(now), len(before)+10)
	require.NoError(t, runner.Process.Kill())
	killed := time.Now()
	for there := true; !slices.Equal(before, now); now, there = podRules(t, run) {
		if !there {
			t.Log("another run has removed what the killed one left before its agents healed")
			return
		}
		if time.Since(killed) > 40*time.Second { // wire.HealAfter is 10 s, wire.ExitAfter 60 s
			require.Equal(t, before, now, "40 s after the runner was killed")
		}
		select {
		case <-time.After(200 * time.Millisecond): // the pace of asking
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
	t.Logf("healed within %v", time.Since(killed).Round(time.Second))
}

func beRunner(t *testing.T) {
	w := newWorld(t, "pod")
	fmt.Println("RUN " + w.options.Owner.Run)
	if !bufio.NewScanner(os.Stdin).Scan() {
		t.Fatal("nobody said that it is to begin")
	}
	var injected []string
	for _, e := range fault.All() {
		if e.Kind != fault.KindNetwork && e.Kind != fault.KindName || fault.Applies(e.Example, w.place) != nil {
			continue
		}
		_, err := w.inject(t, e.Example)
		require.NoError(t, err, e.Name())
		injected = append(injected, e.Name())
	}
	fmt.Println("INJECTED", injected)
	select {} // until it is killed
}

// podRules are the rules in all pods of a run, as long as these are there: any run on
// this host removes what dead ones left.
func podRules(t *testing.T, run string) (lines []string, there bool) {
	t.Helper()
	docker, err := testcontainers.NewDockerClientWithOpts(t.Context())
	require.NoError(t, err)
	defer docker.Close()
	filter := make(client.Filters).Add("label", cluster.LabelRun+"="+run).Add("label", cluster.LabelRole+"=agent")
	found, err := docker.ContainerList(t.Context(), client.ContainerListOptions{Filters: filter})
	require.NoError(t, err)
	if len(found.Items) != 3 {
		return nil, false
	}
	for _, one := range found.Items {
		seen, err := docker.ContainerInspect(t.Context(), one.ID, client.ContainerInspectOptions{})
		if errdefs.IsNotFound(err) || err == nil && !seen.Container.State.Running {
			return nil, false
		}
		require.NoError(t, err)
		lines = append(lines, rules(t, one.Labels[cluster.LabelNode], seen.Container.State.Pid)...)
	}
	slices.Sort(lines)
	return lines, true
}

// remove removes nodes' own containers, by nothing of the harness.
func (w *world) remove(t *testing.T, nodes []string) {
	t.Helper()
	docker, err := testcontainers.NewDockerClientWithOpts(t.Context())
	require.NoError(t, err)
	defer docker.Close()
	for _, node := range nodes {
		filter := make(client.Filters).Add("label", cluster.LabelRun+"="+w.options.Owner.Run).
			Add("label", cluster.LabelNode+"="+node).Add("label", cluster.LabelRole+"=node")
		found, err := docker.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: filter})
		require.NoError(t, err)
		require.Len(t, found.Items, 1)
		_, err = docker.ContainerRemove(t.Context(), found.Items[0].ID, client.ContainerRemoveOptions{Force: true})
		require.NoError(t, err)
	}
}
