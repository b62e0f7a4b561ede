package harness_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/docker/canary"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/cluster/pod/podtest"
	"github.com/seatrial/seatrial/scenarios"
)

// envChild makes the test binary a runner, to be killed.
const envChild = "SEATRIAL_TEST_RUNNER"

func TestMain(m *testing.M) {
	if address := os.Getenv(envShelf); address != "" {
		if file := os.Getenv(envOnce); file != "" {
			refuseSecondStart(file)
		}
		serveShelf(address)
	}
	if runtime := os.Getenv(envChild); runtime != "" {
		s := scenarios.CanaryMixed
		s.Runtime = runtime
		_, _, err := harness.Run(context.Background(), s, harness.Options{})
		if err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestAKilledRunnerLeavesNothingBehind(t *testing.T) {
	for range 3 {
		killRunner(t, "process", 200*time.Millisecond, 4*time.Second)
	}
}

func TestAKilledRunnerLeavesNothingBehindInPods(t *testing.T) {
	podtest.Need(t, pod.Runtime{})
	killRunner(t, "pod", 500*time.Millisecond, 6*time.Second)
}

// killRunner starts a run in a process of its own, kills that at a random
// moment, and collects its garbage.
func killRunner(t *testing.T, runtime string, from, to time.Duration) {
	t.Helper()
	scratch, runs := t.TempDir(), t.TempDir()
	t.Setenv("SEATRIAL_SCRATCH", scratch)
	decoy := exec.CommandContext(t.Context(), "sleep", "300")
	decoy.Env = append(os.Environ(), cluster.EnvRun+"-LIKE=decoy")
	require.NoError(t, decoy.Start())

	runner := exec.Command(os.Args[0])
	runner.Env = append(os.Environ(), envChild+"="+runtime, "SEATRIAL_RESULTS="+runs)
	var said bytes.Buffer
	runner.Stderr = &said
	require.NoError(t, runner.Start())
	waitFor(t, "the run directory", func() bool { return len(glob(t, runs, "*/journal.jsonl")) > 0 })
	moment := from + time.Duration(rand.Int64N(int64(to-from)))
	alive := time.AfterFunc(moment, func() { _ = runner.Process.Kill() })
	defer alive.Stop()
	require.Error(t, runner.Wait(), "the runner ended before it was killed: %s", said.String())

	id := runID(t, runs)
	removed, err := harness.CollectGarbage(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, removed, "killed after %v, and nothing was there to remove", moment)
	require.Empty(t, processesOf(t, id), "killed after %v; removed %q", moment, removed)
	require.Empty(t, glob(t, scratch, id+"*"), "killed after %v; removed %q", moment, removed)
	require.Empty(t, dockerLeftovers(t, id), "killed after %v; removed %q", moment, removed)
	require.NoError(t, decoy.Process.Signal(os.Interrupt), "the decoy was removed too")
	_ = decoy.Wait()

	again, err := harness.CollectGarbage(t.Context())
	require.NoError(t, err)
	for _, line := range again {
		require.NotContains(t, line, id, "the second collection found what the first had left")
	}
}

func runID(t *testing.T, runs string) string {
	t.Helper()
	dirs := glob(t, runs, "*-canary-register-mixed")
	require.Len(t, dirs, 1)
	return strings.TrimSuffix(filepath.Base(dirs[0]), "-canary-register-mixed")
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	return names
}

// processesOf finds what runs with the run's mark in its environment.
func processesOf(t *testing.T, id string) []string {
	t.Helper()
	var found []string
	for _, file := range glob(t, "/proc", "[0-9]*/environ") {
		environ, err := os.ReadFile(file)
		if err == nil && bytes.Contains(environ, []byte(cluster.EnvRun+"="+id+"\x00")) {
			found = append(found, file)
		}
	}
	return found
}

// dockerLeftovers asks Docker's own command, which shares no code with the collector.
func dockerLeftovers(t *testing.T, id string) []string {
	t.Helper()
	docker, err := exec.LookPath("docker")
	if err != nil {
		return nil
	}
	var found []string
	for _, args := range [][]string{{"ps", "-aq"}, {"network", "ls", "-q"}, {"volume", "ls", "-q"}} {
		out, err := exec.Command(docker, append(args, "--filter", "label="+cluster.LabelRun+"="+id)...).Output()
		if err != nil {
			return nil // no engine
		}
		found = append(found, strings.Fields(string(out))...)
	}
	return found
}

func waitFor(t *testing.T, what string, there func() bool) {
	t.Helper()
	deadline := time.Now().Add(3 * time.Minute)
	for !there() {
		require.True(t, time.Now().Before(deadline), "waited 3 minutes for %s", what)
		time.Sleep(10 * time.Millisecond)
	}
}

func TestRunsRepeatTheirPlanBySeed(t *testing.T) {
	seed := uint64(42)
	first, err := harness.NewPlan(scenarios.EtcdMixed, seed)
	require.NoError(t, err)
	second, err := harness.NewPlan(scenarios.EtcdMixed, seed)
	require.NoError(t, err)
	require.Equal(t, first, second)
	other, err := harness.NewPlan(scenarios.EtcdMixed, seed+1)
	require.NoError(t, err)
	require.NotEqual(t, first.Steps, other.Steps)
}

func TestAnUnwritableResultsFolderIsAUsageError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, _, err := harness.Run(t.Context(), scenarios.CanaryMixed, harness.Options{Results: file})
	var usage harness.UsageError
	require.ErrorAs(t, err, &usage)
	require.ErrorContains(t, err, file)
	require.ErrorContains(t, err, "SEATRIAL_RESULTS")
}

func TestScenariosAreValidatedBeforeAnythingStarts(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*harness.Scenario)
		says   string
	}{
		"clients":  {func(s *harness.Scenario) { s.Clients = -1 }, "Clients is -1"},
		"runtime":  {func(s *harness.Scenario) { s.Runtime = "vm" }, `runtime "vm"`},
		"defect":   {func(s *harness.Scenario) { s.System = canary.Cluster{Defect: "none such"} }, "none such"},
		"workload": {func(s *harness.Scenario) { s.System = noRegisters{} }, "offers no workload"},
	} {
		t.Run(name, func(t *testing.T) {
			s := scenarios.CanaryMixed
			c.change(&s)
			_, _, err := harness.Run(t.Context(), s, harness.Options{Results: t.TempDir()})
			var usage harness.UsageError
			require.ErrorAs(t, err, &usage)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// noRegisters is a system without a client of any kind.
type noRegisters struct{ cluster.ProcessSystem }

func (noRegisters) Validate() error     { return nil }
func (noRegisters) SystemName() string  { return "bare" }
func (noRegisters) NodeNames() []string { return []string{"n" + strconv.Itoa(1)} }
