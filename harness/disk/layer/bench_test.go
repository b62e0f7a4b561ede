package layer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// BenchmarkLayer does the same work on the layer and on a plain directory, in turns,
// and reports what one piece of it takes on each, and their ratio: how many times
// longer it takes on the layer. The layer's fsync does not wait for the machine's own
// disk, so where there is much of it the layer is the faster one.
func BenchmarkLayer(b *testing.B) {
	for _, work := range []struct {
		name string
		in   func(b *testing.B, dir string) (piece func(i int) error)
	}{
		{"append 200 B and fsync", appendAndSync},
		{"overwrite 8 KiB and fsync", overwriteAndSync},
		{"write 128 KiB", writeLarge},
		{"read 4 KiB cached", readCached},
		{"read 1 MiB uncached", readUncached},
		{"create, write, rename", replaceFiles},
	} {
		b.Run(work.name, func(b *testing.B) {
			r := newRig(b)
			dir := filepath.Join(r.base, "plain")
			require.NoError(b, os.Mkdir(dir, 0o755))
			plain, layer := work.in(b, dir), work.in(b, r.path(""))
			var onPlain, onLayer time.Duration
			b.ResetTimer()
			for from := 0; from < b.N; from += turn {
				to := min(from+turn, b.N)
				onPlain += timed(b, plain, from, to)
				onLayer += timed(b, layer, from, to)
			}
			b.ReportMetric(0, "ns/op") // of both together: it says nothing
			b.ReportMetric(onPlain.Seconds()*1e6/float64(b.N), "plain-µs")
			b.ReportMetric(onLayer.Seconds()*1e6/float64(b.N), "layer-µs")
			b.ReportMetric(onLayer.Seconds()/onPlain.Seconds(), "layer/plain")
		})
	}
}

// turn is how many pieces of work are done on one before it is the other's turn: what
// else the machine does meets both.
const turn = 64

func timed(b *testing.B, piece func(i int) error, from, to int) time.Duration {
	began := time.Now()
	for i := from; i < to; i++ {
		if err := piece(i); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began)
}

func newFile(b *testing.B, dir string, size int) *os.File {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "file"))
	require.NoError(b, err)
	b.Cleanup(func() { f.Close() })
	_, err = f.Write(make([]byte, size))
	require.NoError(b, err)
	require.NoError(b, f.Sync())
	return f
}

func appendAndSync(b *testing.B, dir string) func(int) error {
	f, record := newFile(b, dir, 0), make([]byte, 200)
	return func(int) error {
		if _, err := f.Write(record); err != nil {
			return err
		}
		return f.Sync()
	}
}

func overwriteAndSync(b *testing.B, dir string) func(int) error {
	f, data := newFile(b, dir, 8<<20), make([]byte, 8<<10)
	return func(i int) error {
		if _, err := f.WriteAt(data, int64(i%1024)*8<<10); err != nil {
			return err
		}
		return f.Sync()
	}
}

func writeLarge(b *testing.B, dir string) func(int) error {
	f, data := newFile(b, dir, 0), make([]byte, 128<<10)
	return func(i int) error {
		_, err := f.WriteAt(data, int64(i%512)*128<<10)
		return err
	}
}

func readCached(b *testing.B, dir string) func(int) error {
	f, into := newFile(b, dir, 8<<20), make([]byte, 4<<10)
	return func(i int) error {
		_, err := f.ReadAt(into, int64(i%2048)*4<<10)
		return err
	}
}

// readUncached reads a file whose pages the kernel is made to forget each time round.
func readUncached(b *testing.B, dir string) func(int) error {
	f, into := newFile(b, dir, 64<<20), make([]byte, 1<<20)
	return func(i int) error {
		if i%64 == 0 {
			if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
				return err
			}
		}
		_, err := f.ReadAt(into, int64(i%64)<<20)
		return err
	}
}

func replaceFiles(_ *testing.B, dir string) func(int) error {
	return func(i int) error {
		tmp := filepath.Join(dir, "tmp")
		if err := os.WriteFile(tmp, []byte("content"), 0o644); err != nil {
			return err
		}
		return os.Rename(tmp, filepath.Join(dir, fmt.Sprint("file", i%100)))
	}
}
