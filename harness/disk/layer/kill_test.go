package layer_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/disk"
)

// killings is how often a test kills: 500 times where SEATRIAL_SOAK is 1.
func killings() int {
	switch {
	case os.Getenv("SEATRIAL_SOAK") == "1":
		return 500
	case testing.Short():
		return 3
	}
	return 12
}

// Killed at any moment, under load and with requests that a rule holds, the layer
// leaves nobody waiting and loses nothing that was written.
func TestNothingHangsWhenTheLayerIsKilled(t *testing.T) {
	r := newRig(t)
	random := rand.New(rand.NewPCG(3, 3))
	for i := range killings() {
		var written [3]atomic.Int64
		var writers sync.WaitGroup
		for w := range written {
			name := fmt.Sprintf("log-%d-%d", i, w)
			writers.Go(func() { written[w].Store(appendUntilItFails(r.path(name), w == 2)) })
		}
		if i%3 == 1 {
			r.apply(fmt.Sprint(i), disk.Rule{Action: disk.Stall, Ops: []disk.Op{disk.OpFsync, disk.OpRename}})
		}
		signal := []syscall.Signal{syscall.SIGKILL, syscall.SIGKILL, syscall.SIGTERM}[i%3]
		<-time.After(time.Duration(random.IntN(30_000)) * time.Microsecond) // the moment is what is tested
		require.NoError(t, r.process.Process.Signal(signal))
		_ = r.wait() // it was killed, or it detached a mount in use
		require.Nil(t, r.process, "the layer ends")
		ended := make(chan error, 1)
		go func() { writers.Wait(); ended <- nil }()
		require.NoError(t, awaited(t, ended))
		for w := range written {
			content, err := os.ReadFile(r.backing(fmt.Sprintf("log-%d-%d", i, w)))
			if os.IsNotExist(err) && written[w].Load() == 0 {
				continue
			}
			require.NoError(t, err)
			require.GreaterOrEqual(t, int64(strings.Count(string(content), "\n")), written[w].Load(), "round %d, writer %d", i, w)
		}
		r.restart()
	}
	t.Logf("%d killings", killings())
}

// appendUntilItFails appends records, and returns how many writes succeeded.
func appendUntilItFails(name string, mapped bool) (written int64) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return 0
	}
	defer f.Close()
	for {
		if _, err := f.WriteString("record\n"); err != nil {
			return written
		}
		written++
		if written%4 == 0 && f.Sync() != nil {
			return written
		}
		if tmp := name + ".tmp"; written%5 == 0 {
			if os.WriteFile(tmp, nil, 0o644) != nil || os.Rename(tmp, name+".renamed") != nil {
				return written
			}
		}
		if mapped && written%7 == 0 {
			m, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			if err == nil {
				_ = unix.Msync(m, unix.MS_SYNC) // reading it would be a SIGBUS on a dead disk
				_ = unix.Munmap(m)
			}
		}
	}
}

// A layer that is told to end while the mount is in use ends, and those who use it
// get errors.
func TestEndingWhileTheMountIsInUse(t *testing.T) {
	r := newRig(t)
	f, err := os.Create(r.path("f"))
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, r.process.Process.Signal(syscall.SIGTERM))
	require.NoError(t, r.wait(), "%s", r.stderr)
	_, err = f.WriteString("x")
	require.Error(t, err)
	entries, err := os.ReadDir(r.path(""))
	require.NoError(t, err)
	require.Empty(t, entries, "it is not mounted any more")
	r.start()
	require.Equal(t, "f", r.names(""))
}

// A child that the layer's process starts does not inherit the device, which would
// keep a dead file system alive.
func TestTheDeviceIsNotInherited(t *testing.T) {
	r := newRig(t)
	dir := fmt.Sprintf("/proc/%d/fd", r.process.Process.Pid)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	found := 0
	for _, e := range entries {
		if target, _ := os.Readlink(dir + "/" + e.Name()); target != "/dev/fuse" {
			continue
		}
		found++
		info, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", r.process.Process.Pid, e.Name()))
		require.NoError(t, err)
		var flags int
		for line := range strings.Lines(string(info)) {
			if _, err := fmt.Sscanf(line, "flags: %o", &flags); err == nil {
				break
			}
		}
		require.NotZero(t, flags&unix.O_CLOEXEC)
	}
	require.Equal(t, 1, found)
}
