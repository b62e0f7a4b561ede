package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/disk"
	"github.com/seatrial/seatrial/harness/disk/layer"
)

const (
	token  = "s3cret"
	within = 60 * time.Second
)

// program builds this program once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "seatrial-disk-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "disk")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// imageOf makes the image of a system, which has a shell in it.
func imageOf(t testing.TB, system cluster.PodSystem) string {
	t.Helper()
	unavailable := pod.Runtime{}.Available(t.Context())
	if unavailable == nil {
		unavailable = layer.Unavailable()
	}
	if unavailable != nil {
		if os.Getenv("SEATRIAL_REQUIRE_DOCKER") == "1" {
			t.Fatal(unavailable)
		}
		t.Skip(unavailable)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	tag, err := pod.Runtime{}.Prepare(ctx, system, func(line string) { t.Log(line) })
	require.NoError(t, err)
	return tag
}

// box is a container with this program as its first process.
type box struct {
	t  testing.TB
	id string
	*disk.Client
}

// docker runs a command of the engine's client.
func docker(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	out, err := exec.CommandContext(ctx, "docker", args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), err
}

func (b *box) docker(args ...string) string {
	b.t.Helper()
	out, err := docker(b.t.Context(), args...)
	require.NoError(b.t, err)
	return out
}

// newBox starts a container over /data of an image. Options go to the engine.
func newBox(t testing.TB, image string, options []string, command ...string) *box {
	t.Helper()
	path, err := program()
	require.NoError(t, err)
	b := &box{t: t, Client: &disk.Client{Token: token}}
	args := append([]string{
		"create", "--user", "0", "--device", "/dev/fuse", "--cap-add", "SYS_ADMIN", "--memory", "512m",
		"--volume", "/seatrial-backing", "--publish", fmt.Sprintf("127.0.0.1::%d", disk.Port),
		"--env", "SEATRIAL_TOKEN=" + token, "--env", envMount + "=/data", "--env", envBacking + "=/seatrial-backing",
		"--entrypoint", "/seatrial-disk",
	}, options...)
	b.id = b.docker(append(append(args, image), command...)...)
	t.Cleanup(func() {
		if t.Failed() {
			out, err := docker(context.Background(), "logs", "--tail", "40", b.id)
			t.Log(out, err)
		}
		_, err := docker(context.Background(), "rm", "--force", "--volumes", b.id)
		require.NoError(t, err)
	})
	b.docker("cp", path, b.id+":/seatrial-disk")
	b.start()
	return b
}

// start starts the container, and waits until the disk answers.
func (b *box) start() {
	b.t.Helper()
	b.docker("start", b.id)
	published := b.docker("port", b.id, fmt.Sprint(disk.Port))
	address := b.docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", b.id)
	b.Address = published
	b.DialContext = func(ctx context.Context, network, published string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, published)
		if err != nil { // where the tests run beside the engine's containers
			conn, err = new(net.Dialer).DialContext(ctx, network, fmt.Sprintf("%s:%d", address, disk.Port))
		}
		return conn, err
	}
	b.eventually("the disk answers", func() error {
		_, err := b.Stats(b.t.Context())
		return err
	})
}

func (b *box) eventually(what string, ask func() error) {
	b.t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: not within %v: %v", what, within, err)
		}
		time.Sleep(20 * time.Millisecond) // the pace of asking
	}
}

// sh runs a shell command in the container.
func (b *box) sh(script string) string {
	b.t.Helper()
	return b.docker("exec", b.id, "sh", "-c", script)
}

// ended waits for the container to end, and returns its code.
func (b *box) ended() string {
	b.t.Helper()
	return b.docker("wait", b.id)
}
