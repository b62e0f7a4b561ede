package layer_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestSharedMappings(t *testing.T) {
	r := newRig(t)
	r.write("f", strings.Repeat("x", 10_000))
	r.sync("f")
	f, err := os.OpenFile(r.path("f"), os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	a, err := unix.Mmap(int(f.Fd()), 0, 10_000, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	require.NoError(t, err)
	b, err := unix.Mmap(int(f.Fd()), 0, 10_000, unix.PROT_READ, unix.MAP_SHARED)
	require.NoError(t, err)
	copy(a[5000:], "mapped")
	require.Equal(t, "mapped", string(b[5000:5006]))
	into := make([]byte, 6)
	_, err = f.ReadAt(into, 5000)
	require.NoError(t, err)
	require.Equal(t, "mapped", string(into))
	_, err = f.WriteAt([]byte("WRITTEN"), 9000)
	require.NoError(t, err)
	require.Equal(t, "WRITTEN", string(a[9000:9007]))
	require.NoError(t, unix.Msync(a, unix.MS_SYNC))
	copy(a, "never synced")
	require.NoError(t, unix.Munmap(a))
	require.NoError(t, unix.Munmap(b))
	require.NoError(t, f.Close())
	content := r.read("f")
	require.Equal(t, "never synced", content[:12])
	r.losePower(everything)
	content = r.read("f")
	require.Equal(t, "xxx", content[:3])
	require.Equal(t, "mapped", content[5000:5006], "msync is an fsync")
	require.Equal(t, "WRITTEN", content[9000:9007])
}

func TestAppendingByManyKeepsEveryRecord(t *testing.T) {
	r := newRig(t)
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			f, err := os.OpenFile(r.path("log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			for j := range 200 {
				if _, err := fmt.Fprintf(f, "%d-%03d\n", i, j); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	lines := strings.Fields(r.read("log"))
	require.Len(t, lines, 800)
	seen := map[string]bool{}
	for _, line := range lines {
		seen[line] = true
	}
	require.Len(t, seen, 800)
}

func TestLocks(t *testing.T) {
	r := newRig(t)
	open := func() *os.File {
		f, err := os.OpenFile(r.path("lock"), os.O_RDWR|os.O_CREATE, 0o644)
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		return f
	}
	a, b := open(), open()
	require.NoError(t, unix.Flock(int(a.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	require.ErrorIs(t, unix.Flock(int(b.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
	require.NoError(t, a.Close())
	require.NoError(t, unix.Flock(int(b.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	c, d := open(), open()
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: 10, Len: 10}
	require.NoError(t, unix.FcntlFlock(c.Fd(), unix.F_OFD_SETLK, &lock))
	require.ErrorIs(t, unix.FcntlFlock(d.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Start: 15, Len: 1}), unix.EAGAIN)
	require.NoError(t, unix.FcntlFlock(d.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Start: 20, Len: 1}))
}

func TestUnlinkedOpenFilesLiveOn(t *testing.T) {
	r := newRig(t)
	r.write("f", "content")
	r.sync("f")
	f, err := os.OpenFile(r.path("f"), os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, os.Remove(r.path("f")))
	require.Empty(t, r.names(""))
	_, err = f.WriteAt([]byte("CON"), 0)
	require.NoError(t, err)
	require.NoError(t, f.Chmod(0o600))
	require.NoError(t, f.Truncate(5))
	require.NoError(t, f.Sync())
	var s unix.Stat_t
	require.NoError(t, unix.Fstat(int(f.Fd()), &s))
	require.EqualValues(t, []uint64{0, 5, 0o100600}, []uint64{uint64(s.Nlink), uint64(s.Size), uint64(s.Mode)})
	into := make([]byte, 5)
	_, err = f.ReadAt(into, 0)
	require.NoError(t, err)
	require.Equal(t, "CONte", string(into))
	require.NoError(t, f.Close())
}

// Names that stay are listed once each while others come and go.
func TestListingWhileADirectoryChanges(t *testing.T) {
	r := newRig(t)
	for i := range 500 {
		r.write(fmt.Sprintf("stays-%03d", i), "")
	}
	stop := make(chan struct{})
	var changing sync.WaitGroup
	changing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			name := r.path(fmt.Sprintf("comes-%d", i%50))
			if os.WriteFile(name, nil, 0o644) != nil || os.Rename(name, name+"x") != nil || os.Remove(name+"x") != nil {
				t.Error("the directory can't be changed")
				return
			}
		}
	})
	for range 20 {
		seen := map[string]int{}
		for _, name := range strings.Fields(r.names("")) {
			seen[name]++
		}
		for i := range 500 {
			require.Equal(t, 1, seen[fmt.Sprintf("stays-%03d", i)])
		}
	}
	close(stop)
	changing.Wait()
}

// A copy within the disk and a sparse file are what they would be elsewhere.
func TestSparseFilesAndCopies(t *testing.T) {
	r := newRig(t)
	f, err := os.Create(r.path("sparse"))
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte("end"), 10<<20)
	require.NoError(t, err)
	var s unix.Stat_t
	require.NoError(t, unix.Fstat(int(f.Fd()), &s))
	require.Less(t, s.Blocks, int64(100))
	at, err := unix.Seek(int(f.Fd()), 0, unix.SEEK_DATA)
	require.NoError(t, err)
	require.EqualValues(t, 10<<20, at)
	to, err := os.Create(r.path("copy"))
	require.NoError(t, err)
	defer to.Close()
	from := int64(10 << 20)
	n, err := unix.CopyFileRange(int(f.Fd()), &from, int(to.Fd()), nil, 3, 0)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, "end", r.read("copy"))
	var here, behind unix.Statfs_t
	require.NoError(t, unix.Statfs(r.path(""), &here))
	require.NoError(t, unix.Statfs(r.backing(""), &behind))
	require.Equal(t, behind.Blocks, here.Blocks)
	require.Equal(t, behind.Bsize, here.Bsize)
}

func TestProgramsRunFromTheDisk(t *testing.T) {
	r := newRig(t)
	program, err := os.ReadFile("/bin/true")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(r.path("true"), program, 0o755))
	require.NoError(t, exec.Command(r.path("true")).Run())
}
