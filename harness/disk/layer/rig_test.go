package layer_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/disk"
	"github.com/seatrial/seatrial/harness/disk/layer"
)

// A layer runs in a process of its own, this test binary: a process that waits
// for a file system that it serves itself may wait for ever. Tests use the mount as
// any program would, and the layer through its protocol.

const (
	envRole     = "SEATRIAL_TEST_LAYER"
	envStrict   = "SEATRIAL_TEST_STRICT"
	envUnsynced = "SEATRIAL_TEST_UNSYNCED"
	token       = "s3cret"
	within      = 20 * time.Second
)

func TestMain(m *testing.M) {
	var err error
	switch {
	case os.Getenv(envTwin) != "":
		err = twins(os.Getenv(envTwin))
	case os.Getenv(envRole) != "":
		err = serve(os.Getenv(envRole))
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// node is a layer whose processes its test takes care of.
type node struct {
	*layer.Layer
	end context.CancelFunc
}

func (n node) PowerLoss(_ context.Context, power disk.Power) (disk.Loss, error) {
	return n.Layer.PowerLoss(power)
}
func (n node) Kill(context.Context) error { return n.Remember() }
func (n node) Suspend() error             { return nil }
func (n node) End()                       { n.end() }

func serve(base string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	unsynced := 0
	fmt.Sscan(os.Getenv(envUnsynced), &unsynced)
	l, err := layer.Mount(layer.Options{
		Backing: filepath.Join(base, "backing"), Mount: filepath.Join(base, "mount"),
		Strict: os.Getenv(envStrict) != "", UnsyncedMax: unsynced,
		Log: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) },
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("unix", filepath.Join(base, "control"))
	if err != nil {
		return err
	}
	server := disk.Server{Node: node{l, stop}, Token: token, HealAfter: 2 * time.Second}
	fmt.Println("serving")
	serving := server.Serve(ctx, listener)
	if err := l.Close(); err != nil {
		return err
	}
	return serving
}

// rig is a directory with a layer on it.
type rig struct {
	t      testing.TB
	base   string
	strict bool
	max    int
	*disk.Client

	process *exec.Cmd
	stderr  *locked
}

type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// needFuse skips a test where there can be no layer.
func needFuse(t testing.TB) {
	t.Helper()
	if err := layer.Unavailable(); err != nil {
		if os.Getenv("SEATRIAL_REQUIRE_DOCKER") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func newRig(t testing.TB, options ...func(*rig)) *rig {
	t.Helper()
	needFuse(t)
	base, err := os.MkdirTemp("", "layer-") // a short name, for the socket
	require.NoError(t, err)
	r := &rig{t: t, base: base}
	for _, o := range options {
		o(r)
	}
	require.NoError(t, os.Mkdir(r.path(""), 0o755))
	r.Client = &disk.Client{Network: "unix", Address: filepath.Join(base, "control"), Token: token}
	t.Cleanup(func() {
		r.kill()
		require.NoError(t, os.RemoveAll(base))
	})
	r.start()
	return r
}

func strict(r *rig) { r.strict = true }

// path is a file's in the mount.
func (r *rig) path(name string) string { return filepath.Join(r.base, "mount", name) }

// backing is a file's in the tree behind it.
func (r *rig) backing(name string) string { return filepath.Join(r.base, "backing", "tree", name) }

func (r *rig) start() {
	r.t.Helper()
	require.NoError(r.t, r.launch())
}

func (r *rig) launch() error {
	os.Remove(r.Address)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r.process, r.stderr = exec.Command(self), &locked{}
	r.process.Env = append(os.Environ(), envRole+"="+r.base, envUnsynced+"="+fmt.Sprint(r.max),
		"GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE")) // a race detector waits a second at each end
	if r.strict {
		r.process.Env = append(r.process.Env, envStrict+"=1")
	}
	r.process.Stderr = r.stderr
	out, err := r.process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := r.process.Start(); err != nil {
		return err
	}
	said := make([]byte, 8)
	if _, err := out.Read(said); err != nil || string(said) != "serving\n" {
		_ = r.process.Wait() // all that it said is here then
		return fmt.Errorf("the layer does not start: %v\n%s", err, r.stderr)
	}
	return nil
}

// wait waits for the layer's process to end.
func (r *rig) wait() error {
	ended := make(chan error, 1)
	go func() { ended <- r.process.Wait() }()
	select {
	case err := <-ended:
		r.process = nil
		return err
	case <-time.After(within):
		return fmt.Errorf("the layer is still there after %v\n%s", within, r.stderr)
	}
}

// kill kills the layer, and takes the dead mount away.
func (r *rig) kill() {
	r.t.Helper()
	if r.process != nil {
		r.process.Process.Kill()
		_ = r.wait() // it was killed
	}
	for unix.Unmount(r.path(""), unix.MNT_DETACH) == nil {
	}
}

// restart kills the layer and starts it again.
func (r *rig) restart() {
	r.t.Helper()
	r.kill()
	r.start()
}

// losePower loses it, and mounts what is left.
func (r *rig) losePower(power disk.Power) disk.Loss {
	r.t.Helper()
	loss, err := r.PowerLoss(r.t.Context(), power)
	require.NoError(r.t, err)
	require.NoError(r.t, r.wait(), "%s", r.stderr)
	require.Empty(r.t, r.stderr.String())
	r.start()
	return loss
}

// reboot ends the layer in order, with what is not synced remembered, and starts it again.
func (r *rig) reboot() {
	r.t.Helper()
	require.NoError(r.t, r.Kill(r.t.Context()))
	require.NoError(r.t, r.wait(), "%s", r.stderr)
	r.start()
}

func (r *rig) write(name, content string) {
	r.t.Helper()
	require.NoError(r.t, os.WriteFile(r.path(name), []byte(content), 0o644))
}

func (r *rig) read(name string) string {
	r.t.Helper()
	content, err := os.ReadFile(r.path(name))
	require.NoError(r.t, err)
	return string(content)
}

func (r *rig) sync(name string) {
	r.t.Helper()
	f, err := os.Open(r.path(name))
	require.NoError(r.t, err)
	defer f.Close()
	require.NoError(r.t, f.Sync())
}

// names lists a directory.
func (r *rig) names(dir string) string {
	r.t.Helper()
	entries, err := os.ReadDir(r.path(dir))
	require.NoError(r.t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}
