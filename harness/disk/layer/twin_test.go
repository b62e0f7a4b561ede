package layer_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/history/differential"
)

const envTwin = "SEATRIAL_TEST_TWIN"

// Random operations give the same results, and the same tree, as on a plain
// directory: by several processes at a time, of several users.
func TestTheLayerIsLikeAPlainDirectory(t *testing.T) {
	r := newRig(t)
	plain := filepath.Join(r.base, "plain")
	require.NoError(t, os.Mkdir(plain, 0o755))
	require.NoError(t, os.Chmod(r.base, 0o755))
	self, err := os.Executable()
	require.NoError(t, err)
	runnable := filepath.Join(r.base, "test") // where every user may run it
	require.NoError(t, exec.Command("cp", self, runnable).Run())
	users := []struct{ uid, gid uint32 }{{0, 0}, {1000, 1000}, {1001, 1000}, {0, 0}}
	steps := differential.Count(t, 100_000)
	var running sync.WaitGroup
	for i, user := range users {
		dir := fmt.Sprint("worker", i)
		for _, root := range []string{plain, r.path("")} {
			require.NoError(t, os.Mkdir(filepath.Join(root, dir), 0o770))
			require.NoError(t, os.Chown(filepath.Join(root, dir), int(user.uid), int(user.gid)))
			if i == 2 {
				require.NoError(t, os.Chmod(filepath.Join(root, dir), 0o2770))
			}
		}
		running.Go(func() {
			cmd := exec.CommandContext(t.Context(), runnable)
			cmd.Env = append(os.Environ(), envTwin+"="+fmt.Sprintf("%s %s %d %d",
				filepath.Join(plain, dir), r.path(dir), i, steps/len(users)))
			cmd.Dir = "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user.uid, Gid: user.gid, Groups: []uint32{7}}}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", dir, err, out)
			}
		})
	}
	running.Wait()
	want := describe(t, plain)
	require.Empty(t, firstDifference(want, describe(t, r.path(""))))
	r.restart()
	require.Empty(t, firstDifference(want, describe(t, r.path(""))), "after a kill")
	require.Empty(t, firstDifference(want, describe(t, r.backing(""))), "behind the mount")
}

func firstDifference(want, have string) string {
	wants, haves := strings.Split(want, "\n"), strings.Split(have, "\n")
	for i, line := range wants {
		if i >= len(haves) || haves[i] != line {
			return fmt.Sprintf("line %d should be\n%s\nand is\n%s", i, line, haves[min(i, len(haves)-1)])
		}
	}
	if len(haves) > len(wants) {
		return "there is more: " + haves[len(wants)]
	}
	return ""
}

// describe lists a tree with what a user could notice of each file.
func describe(t *testing.T, root string) string {
	var b strings.Builder
	inos := map[uint64]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var s unix.Stat_t
		if err := unix.Lstat(path, &s); err != nil {
			return err
		}
		name, content := strings.TrimPrefix(path, root), ""
		switch s.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = fmt.Sprintf("%d %x", s.Size, sha256.Sum256(data))
		case unix.S_IFLNK:
			if content, err = os.Readlink(path); err != nil {
				return err
			}
		}
		if inos[s.Ino] == "" {
			inos[s.Ino] = name
		}
		fmt.Fprintf(&b, "%s %o %d:%d links %d as %s %s %s\n", name, s.Mode, s.Uid, s.Gid, s.Nlink, inos[s.Ino], content, xattrsOf(path))
		return nil
	}))
	return b.String()
}

func xattrsOf(path string) string {
	list := make([]byte, 4096)
	n, err := unix.Llistxattr(path, list)
	if err != nil {
		return ""
	}
	names := strings.Split(string(list[:n]), "\x00")
	slices.Sort(names)
	value := make([]byte, 4096)
	for i, name := range names {
		if size, err := unix.Lgetxattr(path, name, value); err == nil {
			names[i] += "=" + string(value[:size])
		}
	}
	return strings.Join(names, " ")
}

// twins runs a worker: it does every operation in both directories.
func twins(arguments string) error {
	var w twin
	var seed uint64
	var steps int
	if _, err := fmt.Sscan(arguments, &w.roots[0], &w.roots[1], &seed, &steps); err != nil {
		return err
	}
	w.random = rand.New(rand.NewPCG(seed, 1))
	var last []string
	for i := range steps {
		name, do := w.step()
		a, b := do(0), do(1)
		last = append(last, name+" → "+a)
		if a != b {
			return fmt.Errorf("step %d: %s is %q on a plain directory and %q on the layer, after\n%s",
				i, name, a, b, strings.Join(last[max(0, len(last)-30):], "\n"))
		}
	}
	return nil
}

// twin is a pair of directories, and the files open in both.
type twin struct {
	roots  [2]string
	random *rand.Rand
	open   [8][2]int // descriptors + 1
}

// result is what a call gave, in words.
func result(err error, values ...any) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return unix.ErrnoName(errno)
	}
	return strings.TrimSpace(fmt.Sprintln(append(values, err)...))
}

func (w *twin) path() string {
	var parts []string
	for range 1 + w.random.IntN(3) {
		parts = append(parts, string(rune('a'+w.random.IntN(5))))
	}
	return strings.Join(parts, "/")
}

// step draws an operation: what it is called, and how to do it in one directory.
func (w *twin) step() (name string, do func(side int) string) {
	kinds := []func() (string, func(int) string){w.onNames, w.onNames, w.onNames, w.onOpen, w.onOpen, w.onAttributes, w.opening}
	return kinds[w.random.IntN(len(kinds))]()
}

func (w *twin) onNames() (string, func(int) string) {
	a, b := w.path(), w.path()
	mode := uint32(w.random.IntN(0o1000))
	at := func(side int, p string) string { return filepath.Join(w.roots[side], p) }
	switch w.random.IntN(11) {
	case 0, 1:
		return fmt.Sprintf("mkdir %s %o", a, mode|0o700), func(s int) string { return result(unix.Mkdir(at(s, a), mode|0o700)) }
	case 2:
		return "rmdir " + a, func(s int) string { return result(unix.Rmdir(at(s, a))) }
	case 3, 4:
		return "unlink " + a, func(s int) string { return result(unix.Unlink(at(s, a))) }
	case 5, 6:
		flags := []uint{0, 0, unix.RENAME_NOREPLACE, unix.RENAME_EXCHANGE}[w.random.IntN(4)]
		return fmt.Sprintf("rename %s %s %d", a, b, flags), func(s int) string {
			return result(unix.Renameat2(unix.AT_FDCWD, at(s, a), unix.AT_FDCWD, at(s, b), flags))
		}
	case 7:
		return fmt.Sprintf("link %s %s", a, b), func(s int) string { return result(unix.Link(at(s, a), at(s, b))) }
	case 8:
		return fmt.Sprintf("symlink %s %s", b, a), func(s int) string { return result(unix.Symlink(b, at(s, a))) }
	case 9:
		kind := []uint32{unix.S_IFREG, unix.S_IFIFO, unix.S_IFSOCK}[w.random.IntN(3)]
		return fmt.Sprintf("mknod %s %o", a, kind|mode), func(s int) string { return result(unix.Mknod(at(s, a), kind|mode, 0)) }
	default:
		return "list " + a, func(s int) string {
			entries, err := os.ReadDir(at(s, a))
			var names []string
			for _, e := range entries {
				names = append(names, e.Name()+e.Type().String())
			}
			return result(err, names)
		}
	}
}

func (w *twin) opening() (string, func(int) string) {
	i, p := w.random.IntN(len(w.open)), w.path()
	flags := []int{os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_CREATE, os.O_RDWR | os.O_CREATE | os.O_EXCL,
		os.O_RDWR | os.O_CREATE | os.O_TRUNC, os.O_WRONLY | os.O_APPEND | os.O_CREATE, os.O_RDWR | unix.O_DSYNC}[w.random.IntN(8)]
	mode := uint32(w.random.IntN(0o1000)) | 0o600
	return fmt.Sprintf("open %d %s %#x %o", i, p, flags, mode), func(s int) string {
		if fd := w.open[i][s]; fd > 0 {
			unix.Close(fd - 1)
		}
		fd, err := unix.Open(filepath.Join(w.roots[s], p), flags|unix.O_NONBLOCK|unix.O_CLOEXEC, mode)
		w.open[i][s] = fd + 1
		return result(err)
	}
}

func (w *twin) onOpen() (string, func(int) string) {
	i := w.random.IntN(len(w.open))
	fd := func(s int) int { return w.open[i][s] - 1 }
	off, length := int64(w.random.IntN(40_000)), 1+w.random.IntN(12_000)
	data := make([]byte, length)
	for i := range data {
		data[i] = byte(w.random.Uint32())
	}
	switch w.random.IntN(9) {
	case 0, 1:
		return fmt.Sprintf("pwrite %d %d+%d", i, off, length), func(s int) string {
			n, err := unix.Pwrite(fd(s), data, off)
			return result(err, n)
		}
	case 2:
		return fmt.Sprintf("write %d %d", i, length), func(s int) string {
			n, err := unix.Write(fd(s), data)
			return result(err, n)
		}
	case 3, 4:
		return fmt.Sprintf("pread %d %d+%d", i, off, length), func(s int) string {
			into := make([]byte, length)
			n, err := unix.Pread(fd(s), into, off)
			return result(err, n, sha256.Sum256(into[:max(n, 0)]))
		}
	case 5:
		return fmt.Sprintf("ftruncate %d %d", i, off), func(s int) string { return result(unix.Ftruncate(fd(s), off)) }
	case 6:
		mode := []uint32{0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_ZERO_RANGE, unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE,
			unix.FALLOC_FL_ZERO_RANGE | unix.FALLOC_FL_KEEP_SIZE}[w.random.IntN(5)]
		return fmt.Sprintf("fallocate %d %d %d+%d", i, mode, off, length), func(s int) string {
			return result(unix.Fallocate(fd(s), mode, off, int64(length)))
		}
	case 7:
		return fmt.Sprintf("fsync %d", i), func(s int) string { return result(unix.Fsync(fd(s))) }
	default:
		return fmt.Sprintf("fstat %d", i), func(s int) string {
			var st unix.Stat_t
			err := unix.Fstat(fd(s), &st)
			if st.Mode&unix.S_IFMT == unix.S_IFDIR {
				st.Size = 0 // a plain directory's depends on its past
			}
			return result(err, fmt.Sprintf("%o %d %d %d:%d", st.Mode, st.Nlink, st.Size, st.Uid, st.Gid))
		}
	}
}

func (w *twin) onAttributes() (string, func(int) string) {
	p := w.path()
	at := func(side int) string { return filepath.Join(w.roots[side], p) }
	mode, id := uint32(w.random.IntN(0o10000)), []int{-1, 0, 1000, 1001, 7}
	uid, gid := id[w.random.IntN(len(id))], id[w.random.IntN(len(id))]
	key, value := "user."+string(rune('x'+w.random.IntN(3))), fmt.Sprint(mode)
	switch w.random.IntN(8) {
	case 0:
		return fmt.Sprintf("chmod %s %o", p, mode|0o600), func(s int) string { return result(unix.Chmod(at(s), mode|0o600)) }
	case 1:
		return fmt.Sprintf("chown %s %d:%d", p, uid, gid), func(s int) string { return result(unix.Lchown(at(s), uid, gid)) }
	case 2:
		flags := w.random.IntN(3)
		return fmt.Sprintf("setxattr %s %s %s %d", p, key, value, flags), func(s int) string {
			return result(unix.Setxattr(at(s), key, []byte(value), flags))
		}
	case 3:
		return fmt.Sprintf("removexattr %s %s", p, key), func(s int) string { return result(unix.Removexattr(at(s), key)) }
	case 4:
		into := make([]byte, w.random.IntN(8))
		return fmt.Sprintf("getxattr %s %s %d", p, key, len(into)), func(s int) string {
			n, err := unix.Getxattr(at(s), key, into)
			return result(err, n)
		}
	case 5:
		return "truncate " + p, func(s int) string { return result(unix.Truncate(at(s), int64(mode))) }
	case 6:
		times := []unix.Timespec{{Sec: int64(mode), Nsec: 5}, {Sec: int64(mode) * 2, Nsec: 6}}
		return "utimes " + p, func(s int) string {
			err := unix.UtimesNanoAt(unix.AT_FDCWD, at(s), times, unix.AT_SYMLINK_NOFOLLOW)
			var st unix.Stat_t
			if err == nil {
				err = unix.Lstat(at(s), &st)
			}
			return result(err, st.Mtim)
		}
	default:
		return "access and stat " + p, func(s int) string {
			var st unix.Stat_t
			err := unix.Lstat(at(s), &st)
			if st.Mode&unix.S_IFMT == unix.S_IFDIR {
				st.Size = 0
			}
			return result(err, fmt.Sprintf("%o %d %d %d:%d", st.Mode, st.Nlink, st.Size, st.Uid, st.Gid), xattrsOf(at(s)),
				unix.Access(at(s), unix.W_OK), unix.Access(at(s), unix.X_OK))
		}
	}
}
