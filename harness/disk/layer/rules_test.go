package layer_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/disk"
)

func (r *rig) apply(id string, rule disk.Rule) {
	r.t.Helper()
	require.NoError(r.t, r.Apply(r.t.Context(), id, rule))
}

func (r *rig) undo(id string) {
	r.t.Helper()
	require.NoError(r.t, r.Undo(r.t.Context(), id))
}

func (r *rig) bit(id string) disk.Count {
	r.t.Helper()
	count, err := r.Count(r.t.Context(), id)
	require.NoError(r.t, err)
	return count
}

// Every operation fails when a rule says so, and only then.
func TestErrorsByOperation(t *testing.T) {
	r := newRig(t)
	write := func(data string) error {
		f, err := os.OpenFile(r.path("f"), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString(data)
		return err
	}
	with := func(name string, flags int, do func(f *os.File) error) error {
		f, err := os.OpenFile(r.path(name), flags, 0)
		require.NoError(t, err)
		defer f.Close()
		return do(f)
	}
	for op, do := range map[disk.Op]func() error{
		disk.OpOpen:   func() error { _, err := os.ReadFile(r.path("f")); return err },
		disk.OpCreate: func() error { return os.Symlink("x", r.path("new")) },
		disk.OpRead: func() error {
			return with("f", os.O_RDONLY, func(f *os.File) error { _, err := f.Read(make([]byte, 1)); return err })
		},
		disk.OpWrite:    func() error { return write("x") },
		disk.OpFsync:    func() error { return with("f", os.O_RDWR, (*os.File).Sync) },
		disk.OpFsyncDir: func() error { return with("", os.O_RDONLY, (*os.File).Sync) },
		disk.OpTruncate: func() error { return os.Truncate(r.path("f"), 5) },
		disk.OpAllocate: func() error {
			return with("f", os.O_RDWR, func(f *os.File) error { return unix.Fallocate(int(f.Fd()), 0, 0, 100) })
		},
		disk.OpRename:     func() error { return os.Rename(r.path("f"), r.path("g")) },
		disk.OpUnlink:     func() error { return os.Remove(r.path("f")) },
		disk.OpList:       func() error { _, err := os.ReadDir(r.path("")); return err },
		disk.OpAttributes: func() error { return os.Chmod(r.path("f"), 0o600) },
	} {
		t.Run(string(op), func(t *testing.T) {
			for _, name := range []string{"f", "g", "new"} {
				_ = os.Remove(r.path(name)) // it may be there
			}
			r.write("f", "content")
			errno := unix.ENOSPC
			if op == disk.OpRead {
				errno = unix.EIO // what a read can meet
			}
			rule := disk.Rule{Action: disk.Fail, Error: unix.ErrnoName(errno), Ops: []disk.Op{op}}
			r.apply("fail", rule)
			r.apply("fail", rule) // the same again does nothing
			err := do()
			r.undo("fail")
			require.ErrorIs(t, err, errno)
			require.NotZero(t, r.bit("fail").Times)
			require.NoError(t, do(), "after it was undone")
		})
	}
}

func TestPathsOfRules(t *testing.T) {
	r := newRig(t)
	require.NoError(t, os.MkdirAll(r.path("wal/old"), 0o755))
	touch := func(name string) error { return os.WriteFile(r.path(name), []byte("x"), 0o644) }
	for _, c := range []struct{ pattern, fails, works string }{
		{"wal/*", "wal/1", "wal/old/1"},
		{"wal/**", "wal/old/1", "1"},
		{"*.log", "wal/old/a.log", "wal/a.logs"},
		{"**/x?", "xy", "wal/x"},
		{"f[1].log", "wal/f[1].log", "f1.log"},
	} {
		r.apply("fail", disk.Rule{Action: disk.Fail, Error: "EROFS", Ops: []disk.Op{disk.OpWrite, disk.OpCreate}, Path: c.pattern})
		require.ErrorIs(t, touch(c.fails), unix.EROFS, c.pattern)
		require.NoError(t, touch(c.works), c.pattern)
		r.undo("fail")
	}
	// A file goes by all its names, and by the new one after a rename.
	r.write("data", "")
	require.NoError(t, os.Link(r.path("data"), r.path("second")))
	r.apply("fail", disk.Rule{Action: disk.Fail, Error: "EROFS", Ops: []disk.Op{disk.OpWrite}, Path: "data"})
	f, err := os.OpenFile(r.path("second"), os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("x")
	require.ErrorIs(t, err, unix.EROFS)
	require.NoError(t, os.Rename(r.path("data"), r.path("third")))
	_, err = f.WriteString("x")
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestRulesBiteAsOftenAsTheySay(t *testing.T) {
	r := newRig(t)
	f, err := os.Create(r.path("f"))
	require.NoError(t, err)
	defer f.Close()
	failures := func(times int) (n int) {
		for range times {
			if _, err := f.WriteAt([]byte("x"), 0); err != nil {
				n++
			}
		}
		return n
	}
	rule := disk.Rule{Action: disk.Fail, Error: "EIO", Ops: []disk.Op{disk.OpWrite}, Times: 3}
	r.apply("three", rule)
	require.Equal(t, 3, failures(10))
	r.undo("three")
	require.Equal(t, disk.Count{Times: 3, Bytes: 3}, r.bit("three"))
	rule = disk.Rule{Action: disk.Fail, Error: "EIO", Ops: []disk.Op{disk.OpWrite}, Probability: 0.3, Seed: 5}
	var counts [2]int
	for i := range counts {
		r.apply("some", rule)
		counts[i] = failures(300)
		r.undo("some")
	}
	require.Equal(t, counts[0], counts[1], "the seed repeats the draws")
	require.InDelta(t, 90, counts[0], 40)
	err = r.Apply(t.Context(), "bad", disk.Rule{Action: disk.Fail, Error: "EPIPE"})
	require.ErrorContains(t, err, "EPIPE")
}

func TestShortWrites(t *testing.T) {
	r := newRig(t)
	f, err := os.Create(r.path("f"))
	require.NoError(t, err)
	defer f.Close()
	r.apply("short", disk.Rule{Action: disk.Short, Times: 1})
	n, err := unix.Write(int(f.Fd()), page('x'))
	require.NoError(t, err)
	require.Positive(t, n)
	require.Less(t, n, 4096)
	require.Len(t, r.read("f"), n)
	require.EqualValues(t, 1, r.bit("short").Times)
}

// After an fsync that failed the data is there until the power goes, whatever later
// fsyncs say; what is written anew is saved.
func TestFsyncThatFails(t *testing.T) {
	for _, c := range []struct {
		name, errno, want string
		again             bool
	}{
		{"EIO", "EIO", "old" + string(page('1'))[3:] + string(page(0)), false},
		{"EIO, written again", "EIO", "new" + string(page('1'))[3:] + string(page(0)), true},
		{"ENOSPC", "ENOSPC", "new" + string(page('1'))[3:] + string(page('2')), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.write("f", "old"+string(page('1'))[3:])
			r.sync("f")
			f, err := os.OpenFile(r.path("f"), os.O_RDWR, 0)
			require.NoError(t, err)
			_, err = f.WriteAt([]byte("new"), 0)
			require.NoError(t, err)
			_, err = f.WriteAt(page('2'), 4096)
			require.NoError(t, err)
			r.apply("once", disk.Rule{Action: disk.Fail, Error: c.errno, Ops: []disk.Op{disk.OpFsync}, Times: 1})
			require.Error(t, f.Sync())
			if c.again {
				_, err = f.WriteAt([]byte("new"), 0)
				require.NoError(t, err)
			}
			require.NoError(t, f.Sync())
			require.NoError(t, f.Close())
			require.Equal(t, "new"+string(page('1'))[3:]+string(page('2')), r.read("f"))
			r.losePower(everything)
			require.Equal(t, c.want, r.read("f"))
		})
	}
}

func TestStallsAreHeldUntilUndone(t *testing.T) {
	r := newRig(t)
	r.write("f", "content")
	for name, release := range map[string]func(){
		"undo":      func() { r.undo("stall by undo") },
		"heal":      func() { require.NoError(t, r.Heal(t.Context())) },
		"no run":    func() {}, // the layer heals itself
		"interrupt": nil,
	} {
		t.Run(name, func(t *testing.T) {
			r.apply("stall by "+name, disk.Rule{Action: disk.Stall, Ops: []disk.Op{disk.OpFsync}, Path: "f"})
			done := make(chan error, 1)
			f, err := os.Open(r.path("f"))
			require.NoError(t, err)
			defer f.Close()
			go func() { done <- f.Sync() }()
			require.Eventually(t, func() bool { return r.bit("stall by "+name).Times == 1 }, within, time.Millisecond)
			require.Equal(t, "content", r.read("f"), "others go on")
			select {
			case err := <-done:
				t.Fatalf("the fsync returned: %v", err)
			default:
			}
			if release == nil {
				require.NoError(t, r.Kill(t.Context()))
				require.Error(t, awaited(t, done), "the disk ends, and with it what it holds")
				require.NoError(t, r.wait())
				r.start()
				return
			}
			release()
			require.NoError(t, awaited(t, done))
			active, err := r.Active(t.Context())
			require.NoError(t, err)
			require.Empty(t, active)
		})
	}
}

func awaited(t *testing.T, done chan error) error {
	select {
	case err := <-done:
		return err
	case <-time.After(within):
		t.Fatalf("still waiting after %v", within)
		return nil
	}
}

// What waits for its disk is not woken by a signal, as on a disk of the kernel's: many
// a program takes the error for one of the disk. It ends as it would have.
func TestASignalDoesNotEndWhatWaits(t *testing.T) {
	r := newRig(t)
	r.write("f", "content")
	fd, err := unix.Open(r.path("f"), unix.O_RDWR, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	const delay = 50 * time.Millisecond
	for name, ask := range map[string]func() error{
		"fsync":     func() error { return unix.Fsync(fd) },
		"fdatasync": func() error { return unix.Fdatasync(fd) },
		"write":     func() error { _, err := unix.Pwrite(fd, []byte("x"), 0); return err },
		"rename":    func() error { return unix.Rename(r.path("f"), r.path("f")+"2") },
		"truncate":  func() error { return unix.Ftruncate(fd, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			r.apply(name, disk.Rule{Action: disk.Delay, Latency: delay})
			defer r.undo(name)
			thread, done := make(chan int), make(chan error)
			var took time.Duration
			go func() {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				thread <- unix.Gettid()
				began := time.Now()
				err := ask()
				took = time.Since(began)
				done <- err
			}()
			tid := <-thread
			for signals := 0; ; signals++ {
				select {
				case err := <-done:
					require.NoError(t, err)
					require.GreaterOrEqual(t, took, delay)
					require.Positive(t, signals)
					return
				case <-time.After(time.Millisecond):
					require.NoError(t, unix.Tgkill(os.Getpid(), tid, unix.SIGURG)) // Go's own, to preempt
				}
			}
		})
	}
}

func TestDelaysAndBandwidth(t *testing.T) {
	r := newRig(t)
	f, err := os.Create(r.path("f"))
	require.NoError(t, err)
	defer f.Close()
	r.apply("slow", disk.Rule{Action: disk.Delay, Latency: 50 * time.Millisecond, Ops: []disk.Op{disk.OpFsync}})
	start := time.Now()
	require.NoError(t, f.Sync())
	require.GreaterOrEqual(t, time.Since(start), 50*time.Millisecond)
	r.undo("slow")
	r.apply("rate", disk.Rule{Action: disk.Throttle, BytesPerSecond: 1 << 20})
	start = time.Now()
	for i := range 3 {
		_, err = f.WriteAt(make([]byte, 64<<10), int64(i)<<16)
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, time.Since(start), 3*time.Second/16)
	require.Equal(t, disk.Count{Times: 3, Bytes: 192 << 10}, r.bit("rate"))
}

// What the page cache holds does not hide a disk that can't be read.
func TestReadErrorsReachWhatWasReadBefore(t *testing.T) {
	r := newRig(t)
	r.write("f", "content")
	f, err := os.Open(r.path("f"))
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, "content", r.read("f"))
	r.apply("bad", disk.Rule{Action: disk.Fail, Error: "EIO", Ops: []disk.Op{disk.OpRead}})
	_, err = f.ReadAt(make([]byte, 7), 0)
	require.ErrorIs(t, err, unix.EIO)
	r.undo("bad")
	into := make([]byte, 7)
	_, err = f.ReadAt(into, 0)
	require.NoError(t, err)
	require.Equal(t, "content", string(into))
}

func TestStrangersAreNotAnswered(t *testing.T) {
	r := newRig(t)
	stranger := disk.Client{Network: "unix", Address: r.Address, Token: "other"}
	_, err := stranger.Stats(t.Context())
	require.ErrorContains(t, err, "does not know this token")
	stranger.Address = filepath.Join(r.base, "nothing")
	_, err = stranger.Stats(t.Context())
	require.True(t, errors.Is(err, disk.ErrDisk) && errors.Is(err, unix.ENOENT), "%v", err)
}
