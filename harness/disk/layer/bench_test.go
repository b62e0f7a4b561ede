package layer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// BenchmarkLayer does the same work on the layer and on a plain directory: the
// ratio of two lines of one work is the layer's price. The layer's fsync does not
// wait for the machine's own disk, so where there is much of it the layer is the
// faster one.
func BenchmarkLayer(b *testing.B) {
	for _, work := range []struct {
		name string
		do   func(b *testing.B, dir string)
	}{
		{"append 200 B and fsync", appendAndSync},
		{"overwrite 8 KiB and fsync", overwriteAndSync},
		{"write 128 KiB", writeLarge},
		{"read 4 KiB cached", readCached},
		{"read 1 MiB uncached", readUncached},
		{"create, write, rename", replaceFiles},
	} {
		for _, on := range []string{"plain", "layer"} {
			b.Run(work.name+"/"+on, func(b *testing.B) {
				r := newRig(b)
				dir := r.path("")
				if on == "plain" {
					dir = filepath.Join(r.base, "plain")
					require.NoError(b, os.Mkdir(dir, 0o755))
				}
				b.ResetTimer()
				work.do(b, dir)
			})
		}
	}
}

func newFile(b *testing.B, dir string, size int) *os.File {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "file"))
	require.NoError(b, err)
	b.Cleanup(func() { f.Close() })
	_, err = f.Write(make([]byte, size))
	require.NoError(b, err)
	require.NoError(b, f.Sync())
	b.ResetTimer()
	return f
}

func must(b *testing.B, err error) {
	if err != nil {
		b.Fatal(err)
	}
}

func appendAndSync(b *testing.B, dir string) {
	f, record := newFile(b, dir, 0), make([]byte, 200)
	for range b.N {
		_, err := f.Write(record)
		must(b, err)
		must(b, f.Sync())
	}
}

func overwriteAndSync(b *testing.B, dir string) {
	f, data := newFile(b, dir, 8<<20), make([]byte, 8<<10)
	for i := range b.N {
		_, err := f.WriteAt(data, int64(i%1024)*8<<10)
		must(b, err)
		must(b, f.Sync())
	}
}

func writeLarge(b *testing.B, dir string) {
	f, data := newFile(b, dir, 0), make([]byte, 128<<10)
	b.SetBytes(int64(len(data)))
	for i := range b.N {
		_, err := f.WriteAt(data, int64(i%512)*128<<10)
		must(b, err)
	}
}

func readCached(b *testing.B, dir string) {
	f, into := newFile(b, dir, 8<<20), make([]byte, 4<<10)
	for i := range b.N {
		_, err := f.ReadAt(into, int64(i%2048)*4<<10)
		must(b, err)
	}
}

func readUncached(b *testing.B, dir string) {
	f, into := newFile(b, dir, 64<<20), make([]byte, 1<<20)
	b.SetBytes(int64(len(into)))
	for i := range b.N {
		if i%64 == 0 {
			dropCache(b, f)
		}
		_, err := f.ReadAt(into, int64(i%64)<<20)
		must(b, err)
	}
}

// dropCache has the kernel forget the file's pages.
func dropCache(b *testing.B, f *os.File) {
	must(b, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
}

func replaceFiles(b *testing.B, dir string) {
	for i := range b.N {
		tmp := filepath.Join(dir, "tmp")
		must(b, os.WriteFile(tmp, []byte("content"), 0o644))
		must(b, os.Rename(tmp, filepath.Join(dir, fmt.Sprint("file", i%100))))
	}
}
