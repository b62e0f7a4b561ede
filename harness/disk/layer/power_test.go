package layer_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/disk"
)

var everything = disk.Power{}

func TestAKillLosesNothing(t *testing.T) {
	r := newRig(t)
	r.write("a", "one")
	require.NoError(t, os.Mkdir(r.path("d"), 0o755))
	require.NoError(t, os.Rename(r.path("a"), r.path("d/b")))
	r.restart()
	require.Equal(t, "one", r.read("d/b"))
	require.Equal(t, "d", r.names(""))
}

func TestPowerLossTakesWhatWasNotSynced(t *testing.T) {
	r := newRig(t)
	r.write("kept", "one two three")
	r.sync("kept")
	r.write("gone", "x")
	f, err := os.OpenFile(r.path("kept"), os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("ONE"), 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte(strings.Repeat("more ", 2000)), 13)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	stats, err := r.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int{1, 2, 1}, []int{stats.UnsyncedNames, stats.UnsyncedFiles, stats.KeptPages})
	loss := r.losePower(everything)
	require.Equal(t, "1 change of names, 1 file, 1 page, 10000 bytes", loss.String(), "of what still has a name")
	require.Equal(t, "kept", r.names(""))
	require.Equal(t, "one two three", r.read("kept"))
}

// What the fsync of a file does to names, by default and on a strict disk.
func TestNamesThatAnFsyncMakesDurable(t *testing.T) {
	for _, c := range []struct {
		name            string
		do              func(r *rig)
		realistic, hard string // the names in the root and in d afterwards
	}{
		{"new file", func(r *rig) { r.write("new", ""); r.sync("new") }, "d new old |", "d old |"},
		{"new file in a new directory", func(r *rig) {
			require.NoError(r.t, os.MkdirAll(r.path("p/q"), 0o755))
			r.write("p/q/new", "")
			r.write("p/other", "")
			r.sync("p/q/new")
		}, "d old p |", "d old |"},
		{"directory", func(r *rig) { r.write("new", ""); r.sync("") }, "d new old |", "d new old |"},
		{"rename and file", func(r *rig) {
			require.NoError(r.t, os.Rename(r.path("old"), r.path("d/old")))
			r.sync("d/old")
		}, "d |old", "d old |"},
		{"rename and the directory it came from", func(r *rig) {
			require.NoError(r.t, os.Rename(r.path("old"), r.path("d/old")))
			r.sync("")
		}, "d |old", "d |"},
		{"rename and the directory it went to", func(r *rig) {
			require.NoError(r.t, os.Rename(r.path("old"), r.path("d/old")))
			r.sync("d")
		}, "d |old", "d old |old"},
		{"removal", func(r *rig) { require.NoError(r.t, os.Remove(r.path("old"))) }, "d old |", "d old |"},
		{"removal and directory", func(r *rig) { require.NoError(r.t, os.Remove(r.path("old"))); r.sync("") }, "d |", "d |"},
		{"rotation", func(r *rig) {
			require.NoError(r.t, os.Rename(r.path("old"), r.path("old.1")))
			r.write("old", "")
			r.sync("old")
		}, "d old old.1 |", "d old |"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, hard := range []bool{false, true} {
				want, options := c.realistic, []func(*rig){}
				if hard {
					want, options = c.hard, append(options, strict)
				}
				r := newRig(t, options...)
				require.NoError(t, os.Mkdir(r.path("d"), 0o755))
				r.write("old", "content")
				r.sync("old")
				r.sync("d")
				r.sync("")
				c.do(r)
				r.losePower(everything)
				have := r.names("")
				if c.name == "rotation" && !hard {
					require.Equal(t, "content", r.read("old.1"))
				}
				if strings.HasPrefix(c.name, "new file in") && !hard {
					require.Equal(t, "q", r.names("p"))
					require.Equal(t, "new", r.names("p/q"))
				}
				require.Equal(t, want, have+" |"+r.names("d"), "strict: %v", hard)
			}
		})
	}
}

func TestRenameOverAFileIsAllOrNothing(t *testing.T) {
	r := newRig(t)
	r.write("current", "old")
	r.sync("current")
	r.write("tmp", "new")
	r.sync("tmp")
	open, err := os.Open(r.path("current"))
	require.NoError(t, err)
	require.NoError(t, os.Rename(r.path("tmp"), r.path("current")))
	var s unix.Stat_t
	require.NoError(t, unix.Fstat(int(open.Fd()), &s))
	require.Zero(t, s.Nlink, "what was replaced has no name, though it is kept")
	require.NoError(t, open.Close())
	require.Equal(t, "new", r.read("current"))
	r.losePower(everything)
	require.Equal(t, "old", r.read("current"))
	require.Equal(t, "new", r.read("tmp"))
	require.NoError(t, os.Rename(r.path("tmp"), r.path("current")))
	r.sync("")
	r.losePower(everything)
	require.Equal(t, "current", r.names(""))
	require.Equal(t, "new", r.read("current"))
}

func TestRemovedDirectoriesComeBackWithWhatTheyHeld(t *testing.T) {
	r := newRig(t)
	require.NoError(t, os.MkdirAll(r.path("a/b"), 0o750))
	r.write("a/b/f", "content")
	r.sync("a/b/f")
	require.NoError(t, os.RemoveAll(r.path("a")))
	require.Empty(t, r.names(""))
	r.write("a", "a file now")
	r.losePower(everything)
	require.Equal(t, "content", r.read("a/b/f"))
	info, err := os.Stat(r.path("a"))
	require.NoError(t, err)
	require.Equal(t, os.ModeDir|0o750, info.Mode())
}

// What was moved out of a directory is not lost with it, though only the removal of
// the directory was synced.
func TestFilesMovedOutOfARemovedDirectoryAreKept(t *testing.T) {
	r := newRig(t)
	require.NoError(t, os.MkdirAll(r.path("d"), 0o755))
	require.NoError(t, os.MkdirAll(r.path("e"), 0o755))
	r.write("d/f", "content")
	r.sync("d/f")
	r.sync("e")
	require.NoError(t, os.Rename(r.path("d/f"), r.path("e/f")))
	require.NoError(t, os.Remove(r.path("d")))
	r.sync("")
	r.losePower(everything)
	require.Equal(t, "e", r.names(""))
	require.Equal(t, "content", r.read("e/f"))
}

func TestAttributesAreDurableByFsync(t *testing.T) {
	r := newRig(t)
	r.write("f", "x")
	require.NoError(t, unix.Setxattr(r.path("f"), "user.one", []byte("1"), 0))
	r.sync("f")
	require.NoError(t, os.Chmod(r.path("f"), 0o600))
	require.NoError(t, os.Chown(r.path("f"), 7, 8))
	require.NoError(t, unix.Setxattr(r.path("f"), "user.two", []byte("2"), 0))
	require.NoError(t, unix.Removexattr(r.path("f"), "user.one"))
	r.losePower(everything)
	info, err := os.Stat(r.path("f"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode())
	require.Zero(t, info.Sys().(*syscall.Stat_t).Uid)
	names := make([]byte, 100)
	n, err := unix.Listxattr(r.path("f"), names)
	require.NoError(t, err)
	require.Equal(t, "user.one\x00", string(names[:n]))
}

func TestWritesOfSyncedDescriptorsAreDurableAtReturn(t *testing.T) {
	for name, flag := range map[string]int{"O_SYNC": unix.O_SYNC, "O_DSYNC": unix.O_DSYNC, "O_DSYNC|O_DIRECT": unix.O_DSYNC | unix.O_DIRECT} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.write("f", "")
			r.sync("")
			f, err := os.OpenFile(r.path("f"), os.O_RDWR|flag, 0)
			require.NoError(t, err)
			_, err = f.Write(page('x'))
			require.NoError(t, err)
			require.NoError(t, f.Close())
			r.losePower(everything)
			require.Equal(t, string(page('x')), r.read("f"))
		})
	}
}

func TestTruncationComesBack(t *testing.T) {
	r := newRig(t)
	content := string(page('a')) + string(page('b')) + "tail"
	r.write("f", content)
	r.sync("f")
	for _, size := range []int64{0, 10, 4096, 5000, 8194, 100_000} {
		require.NoError(t, os.Truncate(r.path("f"), size))
		require.NoError(t, os.Truncate(r.path("f"), 6000))
		r.losePower(everything)
		require.Equal(t, content, r.read("f"), "truncated to %d", size)
	}
	require.NoError(t, os.Truncate(r.path("f"), 4097))
	r.sync("f")
	r.write("f", "")
	r.losePower(everything)
	require.Equal(t, content[:4097], r.read("f"))
}

func TestPunchedHolesComeBack(t *testing.T) {
	r := newRig(t)
	content := strings.Repeat("0123456789abcdef", 2048)
	r.write("f", content)
	r.sync("f")
	f, err := os.OpenFile(r.path("f"), os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 4096, 8192))
	require.NoError(t, unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_ZERO_RANGE, 20000, 100))
	require.NoError(t, unix.Fallocate(int(f.Fd()), 0, 0, 100_000))
	require.NoError(t, f.Close())
	require.Len(t, r.read("f"), 100_000)
	r.losePower(everything)
	require.Equal(t, content, r.read("f"))
}

// Temporary files that come and go leave nothing to go back to.
func TestTemporaryFilesDoNotPileUp(t *testing.T) {
	r := newRig(t)
	for range 100 {
		r.write("tmp", "x")
		require.NoError(t, os.Remove(r.path("tmp")))
		require.NoError(t, os.Mkdir(r.path("tmp"), 0o755))
		require.NoError(t, os.Remove(r.path("tmp")))
	}
	stats, err := r.Stats(t.Context())
	require.NoError(t, err)
	require.Zero(t, stats.UnsyncedNames)
	left, err := os.ReadDir(r.base + "/backing/undo")
	require.NoError(t, err)
	require.Len(t, left, 1, "the pages' file only")
}

// Beyond its limits the layer makes everything durable, as a kernel would.
func TestLimitsOnWhatIsKept(t *testing.T) {
	r := newRig(t, func(r *rig) { r.max = 50 })
	for i := range 120 {
		r.write(strings.Repeat("x", i+1), "content")
	}
	require.Eventually(t, func() bool {
		stats, err := r.Stats(t.Context())
		return err == nil && stats.WrittenBack > 0 && stats.UnsyncedNames <= 51
	}, within, 10*1e6)
	r.losePower(everything)
	require.Contains(t, r.names(""), "x xx xxx")
	require.Equal(t, "content", r.read("x"))
}

func TestPowerLossAfterAnOrderlyRestart(t *testing.T) {
	r := newRig(t)
	r.write("f", "old content")
	r.write("removed", "comes back")
	require.NoError(t, os.Mkdir(r.path("d"), 0o755))
	r.sync("f")
	r.sync("removed")
	r.sync("d")
	r.write("f", "NEW")
	r.write("d/new", "x")
	r.reboot()
	require.NoError(t, os.Chmod(r.path("f"), 0o600))
	require.NoError(t, os.Remove(r.path("removed")))
	r.reboot()
	require.Equal(t, "NEW", r.read("f"))
	require.Equal(t, "d f", r.names(""))
	r.write("after", "x")
	r.losePower(everything)
	require.Equal(t, "old content", r.read("f"))
	require.Equal(t, "comes back", r.read("removed"))
	require.Equal(t, "d f removed", r.names(""))
	require.Empty(t, r.names("d"))
}

func page(fill byte) []byte { return []byte(strings.Repeat(string(fill), 4096)) }

// What a power loss left half done is no state that a disk can have.
func TestAPowerLossThatWasInterruptedIsNoticed(t *testing.T) {
	r := newRig(t)
	r.kill()
	require.NoError(t, os.WriteFile(r.base+"/backing/undo/losing-power", nil, 0o600))
	err := r.launch()
	require.ErrorContains(t, err, "in the middle of a power loss")
	require.NoError(t, os.RemoveAll(r.base+"/backing"))
	r.start()
}

// What the mount covers is what a new disk begins with, and is durable.
func TestANewDiskBeginsWithWhatWasThere(t *testing.T) {
	r := newRig(t)
	r.kill()
	require.NoError(t, os.RemoveAll(r.base+"/backing"))
	require.NoError(t, os.MkdirAll(r.path("d/e"), 0o750))
	r.write("d/f", "content")
	require.NoError(t, os.Link(r.path("d/f"), r.path("g")))
	require.NoError(t, os.Symlink("d/f", r.path("s")))
	require.NoError(t, unix.Setxattr(r.path("g"), "user.x", []byte("1"), 0))
	require.NoError(t, os.Chown(r.path("g"), 5, 6))
	require.NoError(t, os.Chmod(r.path(""), 0o700))
	want := describe(t, r.path(""))
	r.start()
	require.Equal(t, want, describe(t, r.path("")))
	r.losePower(everything)
	require.Equal(t, want, describe(t, r.path("")))
}
