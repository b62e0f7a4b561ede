package history

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFullDiskIsAnErrorAndNotTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	room := int64(128 << 10)
	r, err := create(path, Header{}, func(m *mapping) {
		m.step = 64 << 10
		m.reserve = func(file *os.File, offset, length int64) error {
			if room -= length; room < 0 {
				return syscall.ENOSPC
			}
			return reserve(file, offset, length)
		}
	})
	require.NoError(t, err)
	recorded := int64(0)
	for r.Err() == nil {
		r.Invoke(1, Write, "x", Int(recorded), None)
		r.Complete(1, Write, OK, None, false)
		recorded++
	}
	for range 100 {
		require.Positive(t, r.Invoke(1, Write, "x", 1, None), "the clock goes on")
		r.Complete(1, Write, OK, None, false)
		r.Mark("after", "the end")
	}
	require.ErrorIs(t, r.Err(), syscall.ENOSPC)
	require.ErrorContains(t, r.Err(), path)
	require.ErrorIs(t, r.Close(), syscall.ENOSPC)

	h, err := ReadFile(path)
	require.NoError(t, err)
	require.Zero(t, h.Torn)
	require.Empty(t, h.Marks)
	require.Equal(t, int64(len(h.Ops)), r.Counts().Total(), "what is counted is what was recorded")
	require.InDelta(t, recorded, len(h.Ops), 1)
}

func TestAFullDiskAtTheStartLeavesNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	_, err := create(path, Header{}, func(m *mapping) {
		m.reserve = func(*os.File, int64, int64) error { return syscall.ENOSPC }
	})
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoFileExists(t, path)
}

func TestFilesystemsWithoutFallocateAreWrittenWithZeros(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	r, err := create(path, Header{}, func(m *mapping) { m.reserve = writeZeros })
	require.NoError(t, err)
	r.Invoke(1, Write, "x", 1, None)
	require.NoError(t, r.Close())
	h, err := ReadFile(path)
	require.NoError(t, err)
	require.Len(t, h.Ops, 1)
}

func TestARecordLargerThanAWindowIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	r, err := create(path, Header{}, func(m *mapping) { m.step = 4096 })
	require.NoError(t, err)
	long := string(bytes.Repeat([]byte("long "), 10_000))
	r.Mark("before", "")
	r.Mark("long", long)
	r.Mark("after", "")
	require.NoError(t, r.Close())
	h, err := ReadFile(path)
	require.NoError(t, err)
	require.Len(t, h.Marks, 3)
	require.Equal(t, long, h.Marks[1].Detail)
}
