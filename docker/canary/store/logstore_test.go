package store

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

func openTestLog(t *testing.T, path string) *diskLog {
	t.Helper()
	log, err := openDiskLog(path, false)
	require.NoError(t, err)
	t.Cleanup(func() { log.Close() })
	return log
}

// filledLog holds the entries 5 to 14.
func filledLog(t *testing.T) *diskLog {
	t.Helper()
	log := openTestLog(t, filepath.Join(t.TempDir(), "raft.db"))
	var entries []*raft.Log
	for index := uint64(5); index <= 14; index++ {
		entries = append(entries, &raft.Log{Index: index, Term: 2, Data: []byte{byte(index)}})
	}
	require.NoError(t, log.StoreLogs(entries))
	return log
}

func requireBounds(t *testing.T, log raft.LogStore, first, last uint64) {
	t.Helper()
	got, err := log.FirstIndex()
	require.NoError(t, err)
	require.Equal(t, first, got, "first index")
	got, err = log.LastIndex()
	require.NoError(t, err)
	require.Equal(t, last, got, "last index")
}

func TestEmptyLog(t *testing.T) {
	log := openTestLog(t, filepath.Join(t.TempDir(), "raft.db"))
	requireBounds(t, log, 0, 0)
	require.NoError(t, log.DeleteRange(1, 100))
	var entry raft.Log
	require.True(t, log.GetLog(1, &entry) == raft.ErrLogNotFound, "raft compares with ==")
}

func TestEntryComesBackAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raft.db")
	log := openTestLog(t, path)
	entries := []raft.Log{
		{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: []byte("servers"), AppendedAt: time.Unix(12, 34)},
		{Index: 2, Term: 1 << 40, Type: raft.LogCommand, Data: []byte{0, 1}, Extensions: []byte("more")},
		{Index: 3, Term: 7, Type: raft.LogBarrier},
	}
	for i := range entries {
		require.NoError(t, log.StoreLog(&entries[i]))
	}
	require.NoError(t, log.Close())
	again := openTestLog(t, path)
	requireBounds(t, again, 1, 3)
	for _, want := range entries {
		var got raft.Log
		require.NoError(t, again.GetLog(want.Index, &got))
		require.True(t, want.AppendedAt.Equal(got.AppendedAt))
		got.AppendedAt = want.AppendedAt
		require.Equal(t, want, got)
	}
}

func TestDeleteRange(t *testing.T) {
	for _, c := range []struct {
		name                   string
		low, high, first, last uint64
	}{
		{"the beginning", 5, 9, 10, 14},
		{"from before the beginning", 1, 9, 10, 14},
		{"the end", 12, 14, 5, 11},
		{"beyond the end", 12, 99, 5, 11},
		{"one entry at the beginning", 5, 5, 6, 14},
		{"everything", 5, 14, 0, 0},
		{"nothing, before", 1, 4, 5, 14},
		{"nothing, behind", 15, 20, 5, 14},
		{"nothing, the wrong way round", 9, 8, 5, 14},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := filledLog(t)
			require.NoError(t, log.DeleteRange(c.low, c.high))
			requireBounds(t, log, c.first, c.last)
			for index := uint64(1); index <= 20; index++ {
				var entry raft.Log
				err := log.GetLog(index, &entry)
				if c.first != 0 && index >= c.first && index <= c.last {
					require.NoError(t, err)
					require.Equal(t, []byte{byte(index)}, entry.Data)
				} else {
					require.ErrorIs(t, err, raft.ErrLogNotFound, "entry %d", index)
				}
			}
		})
	}
}

// A follower whose end of the log was never committed replaces it.
func TestEndIsReplaced(t *testing.T) {
	log := filledLog(t)
	require.NoError(t, log.DeleteRange(12, 14))
	require.NoError(t, log.StoreLog(&raft.Log{Index: 12, Term: 3, Data: []byte("new")}))
	requireBounds(t, log, 5, 12)
	var entry raft.Log
	require.NoError(t, log.GetLog(12, &entry))
	require.Equal(t, uint64(3), entry.Term)
	require.NoError(t, log.StoreLog(&raft.Log{Index: 12, Term: 4}))
	require.NoError(t, log.GetLog(12, &entry))
	require.Equal(t, uint64(4), entry.Term)
	require.Empty(t, entry.Data)
}

func TestStableStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raft.db")
	log := openTestLog(t, path)
	number, err := log.GetUint64([]byte("term"))
	require.NoError(t, err)
	require.Zero(t, number)
	value, err := log.Get([]byte("vote"))
	require.NoError(t, err)
	require.Empty(t, value)
	require.NoError(t, log.SetUint64([]byte("term"), 1<<63))
	require.NoError(t, log.Set([]byte("vote"), []byte("n2")))
	require.NoError(t, log.Set([]byte("vote"), []byte("n3")))
	require.NoError(t, log.Close())

	again := openTestLog(t, path)
	number, err = again.GetUint64([]byte("term"))
	require.NoError(t, err)
	require.Equal(t, uint64(1<<63), number)
	value, err = again.Get([]byte("vote"))
	require.NoError(t, err)
	require.Equal(t, "n3", string(value))
	_, err = again.GetUint64([]byte("vote"))
	require.ErrorContains(t, err, "no number")
	requireBounds(t, again, 0, 0)
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add(encodeEntry(&raft.Log{Term: 3, Data: []byte("x"), Extensions: []byte("yy"), AppendedAt: time.Unix(1, 2)}))
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var entry raft.Log
		if decodeEntry(9, data, &entry) != nil {
			return
		}
		var again raft.Log
		require.NoError(t, decodeEntry(9, encodeEntry(&entry), &again))
		require.Equal(t, entry, again)
	})
}
