package layer_test

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/disk"
	"github.com/seatrial/seatrial/harness/history/differential"
)

// Random operations and power losses, against the model.
func TestPowerLossAgainstTheModel(t *testing.T) {
	for _, c := range []struct {
		name         string
		strict, torn bool
	}{{"default", false, false}, {"strict", true, false}, {"torn", false, true}} {
		t.Run(c.name, func(t *testing.T) {
			var options []func(*rig)
			if c.strict {
				options = append(options, strict)
			}
			r := newRig(t, options...)
			w := &walker{rig: r, model: newModel(c.strict), random: rand.New(rand.NewPCG(7, 7))}
			losses := differential.Count(t, 4000) / 20 // the count is of operations, of which one loss has 20
			for i := range losses {
				w.did = nil
				for range 1 + w.random.IntN(40) {
					w.step()
				}
				have := readTree(t, r.path(""))
				require.Empty(t, w.model.differs(have, w.model.live, func(f *modelFile, content []byte) string {
					return exactly(&modelFile{disk: f.live}, content)
				}), "before loss %d, after\n%s", i, strings.Join(w.did, "\n"))
				r.losePower(disk.Power{Torn: c.torn, Seed: uint64(i)})
				have = readTree(t, r.path(""))
				if c.torn {
					require.Empty(t, w.model.maybeTornTree(have), "loss %d, after\n%s", i, strings.Join(w.did, "\n"))
					w.model = adopt(c.strict, have)
					continue
				}
				require.Empty(t, w.model.differs(have, w.model.disk, exactly), "loss %d, after\n%s", i, strings.Join(w.did, "\n"))
				w.model.losePower()
			}
			t.Logf("%d power losses, %d operations", losses, w.steps)
		})
	}
}

// walker does the same to a mount and to a model.
type walker struct {
	*rig
	model  *model
	random *rand.Rand
	steps  int
	did    []string
}

func (w *walker) pick(dirs bool) (path string, id int) {
	all := w.model.paths(w.model.live)
	if dirs {
		all[""] = 0
	}
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if w.model.files[all[path]].dir != dirs {
			delete(all, path)
		}
	}
	if len(all) == 0 {
		return "", none
	}
	path = slices.Sorted(maps.Keys(all))[w.random.IntN(len(all))]
	return path, all[path]
}

// place picks a name in a directory, taken or not.
func (w *walker) place() (path string, dir int, name string) {
	path, dir = w.pick(true)
	name = string(rune('a' + w.random.IntN(5)))
	return filepath.Join(path, name), dir, name
}

func (w *walker) step() {
	w.steps++
	do := []func() string{
		w.create, w.create, w.write, w.write, w.write, w.write, w.truncate, w.punch,
		w.rename, w.rename, w.link, w.unlink, w.mkdir, w.rmdir,
		w.sync, w.sync, w.syncDir, w.syncDir, w.failSync, w.exchange, w.remount,
	}[w.random.IntN(21)]
	if did := do(); did != "" {
		w.did = append(w.did, did)
	}
}

func (w *walker) must(err error) {
	w.t.Helper()
	require.NoError(w.t, err, "after\n%s", strings.Join(w.did, "\n"))
}

func (w *walker) create() string {
	path, dir, name := w.place()
	if w.model.get(dir, name) != none {
		return ""
	}
	f, err := os.OpenFile(w.path(path), os.O_CREATE|os.O_EXCL, 0o644)
	w.must(err)
	w.must(f.Close())
	w.model.create(dir, name, false)
	return "create " + path
}

func (w *walker) mkdir() string {
	path, dir, name := w.place()
	if w.model.get(dir, name) != none || strings.Count(path, "/") > 2 {
		return ""
	}
	w.must(os.Mkdir(w.path(path), 0o755))
	w.model.create(dir, name, true)
	return "mkdir " + path
}

func (w *walker) write() string {
	path, id := w.pick(false)
	if id == none {
		return ""
	}
	f := w.model.files[id]
	off := w.random.IntN(len(f.live) + 5000)
	if w.random.IntN(3) == 0 {
		off = len(f.live) // as logs do
	}
	data := make([]byte, 1+w.random.IntN(9000))
	for i := range data {
		data[i] = byte(w.random.IntN(256))
	}
	flags, word := os.O_WRONLY, "write"
	if w.random.IntN(8) == 0 {
		flags, word = flags|unix.O_DSYNC, "write synced"
	}
	if off+len(data) > 64<<10 {
		return ""
	}
	file, err := os.OpenFile(w.path(path), flags, 0)
	w.must(err)
	_, err = file.WriteAt(data, int64(off))
	w.must(err)
	w.must(file.Close())
	f.write(off, data)
	if flags&unix.O_DSYNC != 0 {
		w.model.syncFile(id)
	}
	return fmt.Sprintf("%s %s %d+%d", word, path, off, len(data))
}

func (w *walker) truncate() string {
	path, id := w.pick(false)
	if id == none {
		return ""
	}
	f := w.model.files[id]
	size := w.random.IntN(len(f.live) + 6000)
	w.must(os.Truncate(w.path(path), int64(size)))
	f.truncate(size)
	return fmt.Sprintf("truncate %s %d", path, size)
}

func (w *walker) punch() string {
	path, id := w.pick(false)
	if id == none || len(w.model.files[id].live) == 0 {
		return ""
	}
	f := w.model.files[id]
	off := w.random.IntN(len(f.live))
	length := 1 + w.random.IntN(9000)
	file, err := os.OpenFile(w.path(path), os.O_WRONLY, 0)
	w.must(err)
	w.must(unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(off), int64(length)))
	w.must(file.Close())
	f.write(off, make([]byte, min(length, len(f.live)-off)))
	return fmt.Sprintf("punch %s %d+%d", path, off, length)
}

func (w *walker) rename() string {
	from, id := w.pick(w.random.IntN(4) == 0)
	to, dir, name := w.place()
	if id == none || id == 0 || from == to || strings.HasPrefix(to+"/", from+"/") {
		return ""
	}
	moved := w.model.files[id]
	if moved.dir && (w.strict || strings.Count(to, "/") > 2) {
		return "" // a directory in two places at once is beyond the model
	}
	victim := w.model.get(dir, name)
	if victim == id || victim != none && (w.model.files[victim].dir != moved.dir || len(w.model.live[victim]) > 0) {
		return ""
	}
	w.must(unix.Rename(w.path(from), w.path(to)))
	fromDir, fromName := w.split(from)
	w.model.do(modelChange{fromDir, fromName, id, none}, modelChange{dir, name, victim, id})
	return fmt.Sprintf("rename %s %s", from, to)
}

func (w *walker) exchange() string {
	a, idA := w.pick(false)
	b, idB := w.pick(false)
	if idA == none || idA == idB {
		return ""
	}
	w.must(unix.Renameat2(unix.AT_FDCWD, w.path(a), unix.AT_FDCWD, w.path(b), unix.RENAME_EXCHANGE))
	dirA, nameA := w.split(a)
	dirB, nameB := w.split(b)
	w.model.do(modelChange{dirA, nameA, idA, idB}, modelChange{dirB, nameB, idB, idA})
	return fmt.Sprintf("exchange %s %s", a, b)
}

func (w *walker) split(path string) (dir int, name string) {
	parent, name := filepath.Split(path)
	if parent = strings.TrimSuffix(parent, "/"); parent == "" {
		return 0, name
	}
	return w.model.paths(w.model.live)[parent], name
}

func (w *walker) link() string {
	from, id := w.pick(false)
	to, dir, name := w.place()
	if id == none || w.model.get(dir, name) != none {
		return ""
	}
	w.must(os.Link(w.path(from), w.path(to)))
	w.model.do(modelChange{dir, name, none, id})
	return fmt.Sprintf("link %s %s", from, to)
}

func (w *walker) unlink() string {
	path, id := w.pick(false)
	if id == none {
		return ""
	}
	w.must(os.Remove(w.path(path)))
	dir, name := w.split(path)
	w.model.do(modelChange{dir, name, id, none})
	return "unlink " + path
}

func (w *walker) rmdir() string {
	path, id := w.pick(true)
	if id == 0 {
		return ""
	}
	err := os.Remove(w.path(path))
	if len(w.model.live[id]) > 0 {
		require.ErrorIs(w.t, err, unix.ENOTEMPTY)
		return ""
	}
	w.must(err)
	dir, name := w.split(path)
	w.model.do(modelChange{dir, name, id, none})
	return "rmdir " + path
}

func (w *walker) sync() string {
	path, id := w.pick(false)
	if id == none {
		return ""
	}
	w.rig.sync(path)
	w.model.syncFile(id)
	return "fsync " + path
}

func (w *walker) syncDir() string {
	path, id := w.pick(true)
	w.rig.sync(path)
	w.model.syncDir(id)
	return "fsync directory " + path
}

func (w *walker) failSync() string {
	path, id := w.pick(false)
	if id == none || w.random.IntN(3) > 0 {
		return ""
	}
	ctx := w.t.Context()
	w.must(w.Apply(ctx, "fail", disk.Rule{Action: disk.Fail, Error: "EIO", Ops: []disk.Op{disk.OpFsync}, Path: path}))
	f, err := os.Open(w.path(path))
	w.must(err)
	require.ErrorIs(w.t, f.Sync(), unix.EIO)
	w.must(f.Close())
	w.must(w.Undo(ctx, "fail"))
	w.model.files[id].failSync()
	return "failed fsync " + path
}

// remount ends the layer in order: what is not synced stays so.
func (w *walker) remount() string {
	if w.random.IntN(3) > 0 {
		return ""
	}
	w.reboot()
	return "remount"
}

func readTree(t testing.TB, root string) tree {
	t.Helper()
	have := tree{}
	require.NoError(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		f := found{ino: info.Sys().(*syscall.Stat_t).Ino, dir: e.IsDir()}
		if !f.dir {
			f.content, err = os.ReadFile(path)
		}
		have[name] = f
		return err
	}))
	return have
}
