package process_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// spawn starts the test binary in a role and waits for its first line.
func spawn(t *testing.T, role string, env ...string) (pid int, line string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), envRole+"="+role), env...)
	cmd.Stderr = os.Stderr
	// Not a StdoutPipe: the nodes of a killed runner must not end with its reader.
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer write.Close()
	t.Cleanup(func() { read.Close() })
	cmd.Stdout = write
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed: the status is known
	})
	line, err = bufio.NewReader(read).ReadString('\n')
	require.NoError(t, err)
	return cmd.Process.Pid, strings.TrimSpace(line)
}

// killedRunner is a run whose runner was killed, with one of its nodes stopped.
func killedRunner(t *testing.T) (run string, nodes []int) {
	t.Helper()
	runner, line := spawn(t, "runner")
	run, ok := strings.CutPrefix(line, "run ")
	require.True(t, ok, "the runner says %q", line)
	nodes = alive(t, run)
	require.Len(t, nodes, 3)
	require.NoError(t, syscall.Kill(runner, syscall.SIGKILL))
	require.Eventually(t, func() bool { return !running(runner) }, within, time.Millisecond)
	require.NoError(t, syscall.Kill(nodes[1], syscall.SIGSTOP))
	return run, nodes
}

func TestGarbageOfDeadRunsOnly(t *testing.T) {
	mine := start(t, parrots{}) // a live run, with its scratch root for all of this test
	decoy, _ := spawn(t, "sleeper")
	stranger, _ := spawn(t, "sleeper", cluster.EnvRun+"=20200101-000000-abcdef")
	run, nodes := killedRunner(t)
	root := cluster.ScratchRoot()

	removed, err := process.Runtime{}.CollectGarbage(t.Context())
	require.NoError(t, err)
	require.Empty(t, alive(t, run))
	require.NoDirExists(t, filepath.Join(root, run))
	var ours []string // another test's killed run may be found beside
	for _, line := range removed {
		if strings.Contains(line, run) {
			ours = append(ours, line)
		}
	}
	require.Len(t, ours, 1+len(nodes), "one line for each thing: %v", removed)

	require.True(t, running(decoy), "a process of nobody's was killed")
	require.True(t, running(stranger), "a process of a run of which nothing is known was killed")
	require.Len(t, alive(t, mine.owner.Run), 3, "a live run was touched")
	require.Equal(t, "n1: hello", mine.must(mine.dial("", "n1:client"), "hello"))
	require.DirExists(t, mine.owner.Scratch)

	removed, err = process.Runtime{}.CollectGarbage(t.Context())
	require.NoError(t, err)
	require.NotContains(t, strings.Join(removed, "\n"), run)
}

func TestOrphansTellWhoseTheyWere(t *testing.T) {
	newOwner(t)
	run, _ := killedRunner(t)
	require.NoError(t, os.RemoveAll(filepath.Join(cluster.ScratchRoot(), run)))
	removed, err := process.Runtime{}.CollectGarbage(t.Context())
	require.NoError(t, err)
	require.Contains(t, strings.Join(removed, "\n"), run)
	require.Empty(t, alive(t, run))
}

func TestTornScratchFolders(t *testing.T) {
	owner := newOwner(t)
	root := cluster.ScratchRoot()
	past := time.Now().Add(-2 * time.Minute)
	folder := func(name, ownerFile string, old bool) string {
		dir := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(dir, 0o700))
		if ownerFile != "" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "owner.json"), []byte(ownerFile), 0o600))
		}
		if old {
			require.NoError(t, os.Chtimes(dir, past, past))
		}
		return dir
	}
	empty := folder("20250101-000000-aaaaaa", "", true)
	torn := folder("20250101-000000-bbbbbb", `{"run":"2025`, true)
	young := folder("20250101-000000-cccccc", "", false)
	other := folder("locks", "", true)
	require.NoError(t, os.Chtimes(owner.Scratch, past, past))

	removed, err := process.Runtime{}.CollectGarbage(t.Context())
	require.NoError(t, err)
	require.NoDirExists(t, empty)
	require.NoDirExists(t, torn)
	require.DirExists(t, young)
	require.DirExists(t, other)
	require.DirExists(t, owner.Scratch)
	require.Contains(t, strings.Join(removed, "\n"), empty)
}

// A program that overwrites its environment, as those do that set their title, is
// found by the pid file of its dead run's folder.
func TestAProcessWithoutItsEnvironmentIsFound(t *testing.T) {
	newOwner(t)
	run, _ := killedRunner(t)
	dir := filepath.Join(cluster.ScratchRoot(), run)
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{envRole + "=sleeper"}
	output, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	_, err = io.ReadFull(output, make([]byte, len("asleep\n")))
	require.NoError(t, err)
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/stat")
	require.NoError(t, err)
	_, fields, _ := strings.Cut(string(stat), ") ")
	started := strings.Fields(fields)[19]
	require.NoError(t, os.WriteFile(filepath.Join(dir, "n1", "pid"), []byte(strconv.Itoa(cmd.Process.Pid)+" "+started+"\n"), 0o600))
	// The same number with another start time is another process.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "n2", "pid"), []byte(strconv.Itoa(os.Getpid())+" 1\n"), 0o600))
	go func() { ended <- cmd.Wait() }()

	_, err = process.Runtime{}.CollectGarbage(t.Context())
	require.NoError(t, err)
	select {
	case err := <-ended:
		require.ErrorContains(t, err, "killed")
	case <-time.After(within):
		t.Fatal("it still runs")
	}
}
