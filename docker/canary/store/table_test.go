package store

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

func pointer(n int64) *int64 { return &n }

func apply(t *testing.T, table *table, c command) result {
	t.Helper()
	answer := table.Apply(&raft.Log{Data: c.encode()})
	require.IsType(t, result{}, answer)
	return answer.(result)
}

func TestTableIsARegisterWithCompareAndSet(t *testing.T) {
	values := newTable()
	require.Nil(t, values.get("k"))
	require.False(t, apply(t, values, command{op: OpCAS, key: "k", expect: pointer(1), value: pointer(2)}).swapped)
	require.True(t, apply(t, values, command{op: OpCAS, key: "k", value: pointer(1)}).swapped)
	refused := apply(t, values, command{op: OpCAS, key: "k", value: pointer(9)})
	require.False(t, refused.swapped, "it holds 1, and was expected to be absent")
	require.Equal(t, pointer(1), refused.saw)
	apply(t, values, command{op: OpWrite, key: "k", value: pointer(-5)})
	require.Equal(t, pointer(-5), values.get("k"))
	require.True(t, apply(t, values, command{op: OpCAS, key: "k", expect: pointer(-5)}).swapped)
	require.Nil(t, values.get("k"))
	apply(t, values, command{op: OpWrite, key: "k", value: pointer(0)})
	require.Equal(t, pointer(0), values.get("k"), "zero is a value, and not absence")
	apply(t, values, command{op: OpWrite, key: "k"})
	require.Nil(t, values.get("k"))
}

func TestUnreadableEntryHasNoEffect(t *testing.T) {
	values := newTable()
	for _, data := range []string{"", "x", "w", "w\x01\x00", "w\x02\x00k"} {
		_, failed := values.Apply(&raft.Log{Data: []byte(data)}).(error)
		require.True(t, failed, "%q", data)
	}
	require.Empty(t, values.clone())
}

// sink is a snapshot in memory.
type sink struct {
	bytes.Buffer
	full, cancelled bool
}

func (s *sink) Write(data []byte) (int, error) {
	if s.full {
		return 0, errors.New("no space left")
	}
	return s.Buffer.Write(data)
}
func (s *sink) ID() string    { return "snapshot" }
func (s *sink) Cancel() error { s.cancelled = true; return nil }
func (s *sink) Close() error  { return nil }

func TestSnapshotIsOfOneMoment(t *testing.T) {
	values := newTable()
	apply(t, values, command{op: OpWrite, key: "a", value: pointer(1)})
	apply(t, values, command{op: OpWrite, key: "b", value: pointer(1 << 60)})
	frozen, err := values.Snapshot()
	require.NoError(t, err)
	apply(t, values, command{op: OpWrite, key: "a", value: pointer(2)})
	var to sink
	require.NoError(t, frozen.Persist(&to))
	frozen.Release()

	other := newTable()
	apply(t, other, command{op: OpWrite, key: "stale", value: pointer(1)})
	require.NoError(t, other.Restore(io.NopCloser(&to.Buffer)))
	require.Equal(t, map[string]int64{"a": 1, "b": 1 << 60}, other.clone())

	full := sink{full: true}
	require.ErrorContains(t, frozen.Persist(&full), "no space left")
	require.True(t, full.cancelled)
	require.Error(t, other.Restore(io.NopCloser(bytes.NewBufferString("{"))))
	require.Len(t, other.clone(), 2, "a snapshot that can't be read changes nothing")
}

func FuzzDecodeCommand(f *testing.F) {
	f.Add(command{op: OpWrite, key: "k", value: pointer(1)}.encode())
	f.Add(command{op: OpCAS, key: "", expect: pointer(-1)}.encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeCommand(data)
		if err != nil {
			return
		}
		require.Equal(t, data, c.encode())
	})
}
