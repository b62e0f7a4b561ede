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
	require.False(t, apply(t, values, command{op: OpCAS, key: "k", expect: pointer(1), value: pointer(2)}).done)
	require.True(t, apply(t, values, command{op: OpCAS, key: "k", value: pointer(1)}).done)
	refused := apply(t, values, command{op: OpCAS, key: "k", value: pointer(9)})
	require.False(t, refused.done, "it holds 1, and was expected to be absent")
	require.Equal(t, pointer(1), refused.saw)
	apply(t, values, command{op: OpWrite, key: "k", value: pointer(-5)})
	require.Equal(t, pointer(-5), values.get("k"))
	require.True(t, apply(t, values, command{op: OpCAS, key: "k", expect: pointer(-5)}).done)
	require.Nil(t, values.get("k"))
	apply(t, values, command{op: OpWrite, key: "k", value: pointer(0)})
	require.Equal(t, pointer(0), values.get("k"), "zero is a value, and not absence")
	apply(t, values, command{op: OpWrite, key: "k"})
	require.Nil(t, values.get("k"))
}

func TestUnreadableEntryHasNoEffect(t *testing.T) {
	values := newTable()
	for _, data := range []string{"", "x", "w", "w\x01\x00", "w\x02\x00k", "a\x00\x00k"} {
		_, failed := values.Apply(&raft.Log{Data: []byte(data)}).(error)
		require.True(t, failed, "%q", data)
	}
	require.Equal(t, newState(), values.clone())
}

func TestTableHasLists(t *testing.T) {
	values := newTable()
	require.Empty(t, values.list("k"))
	apply(t, values, command{op: OpWrite, key: "k", value: pointer(9)})
	for _, element := range []int64{3, 1, 3} {
		require.True(t, apply(t, values, command{op: OpAppend, key: "k", value: &element}).done)
	}
	require.Equal(t, []int64{3, 1, 3}, values.list("k"), "in order, and as often as it was appended")
	require.Equal(t, pointer(9), values.get("k"), "a register and a list may share a key")
	require.Empty(t, values.list("other"))
}

func TestFullListTakesNoMore(t *testing.T) {
	values := newTable()
	values.state.Lists["k"] = make([]int64, MaxListElements-1)
	require.True(t, apply(t, values, command{op: OpAppend, key: "k", value: pointer(1)}).done)
	full := apply(t, values, command{op: OpAppend, key: "k", value: pointer(2)})
	require.Equal(t, NotDone, full.response(OpAppend).Status)
	require.Len(t, values.list("k"), MaxListElements)
}

// A copy shares the elements of the lists it was made of. Neither may see what
// the other appends.
func TestCopiesGrowApart(t *testing.T) {
	one := newState()
	one.Lists["k"] = append(make([]int64, 0, 8), 1) // with room to grow into
	two := one.clone()
	seen := command{op: OpList, key: "k"}.run(one).list
	command{op: OpAppend, key: "k", value: pointer(2)}.run(one)
	command{op: OpAppend, key: "k", value: pointer(3)}.run(two)
	require.Equal(t, []int64{1, 2}, one.Lists["k"])
	require.Equal(t, []int64{1, 3}, two.Lists["k"])
	require.Equal(t, []int64{1}, seen)
}

func TestWaitForAnEntry(t *testing.T) {
	values := newTable()
	entry := func(index uint64) {
		values.Apply(&raft.Log{Index: index, Data: command{op: OpAppend, key: "k", value: pointer(1)}.encode()})
	}
	is := func(done <-chan struct{}) bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
	entry(3)
	require.True(t, is(values.reached(3)))
	four, six := values.reached(4), values.reached(6)
	require.False(t, is(four))
	entry(5) // entry 4 was none of the table's
	require.True(t, is(four))
	require.False(t, is(six))

	ahead := newTable()
	for index := range uint64(9) {
		ahead.Apply(&raft.Log{Index: index + 1, Data: command{op: OpWrite, key: "k"}.encode()})
	}
	frozen, err := ahead.Snapshot()
	require.NoError(t, err)
	var to sink
	require.NoError(t, frozen.Persist(&to))
	require.NoError(t, values.Restore(io.NopCloser(&to.Buffer)))
	require.True(t, is(six), "a snapshot of entry 9 holds entry 6")
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
	apply(t, values, command{op: OpAppend, key: "l", value: pointer(5)})
	frozen, err := values.Snapshot()
	require.NoError(t, err)
	apply(t, values, command{op: OpWrite, key: "a", value: pointer(2)})
	apply(t, values, command{op: OpAppend, key: "l", value: pointer(6)})
	var to sink
	require.NoError(t, frozen.Persist(&to))
	frozen.Release()

	other := newTable()
	apply(t, other, command{op: OpWrite, key: "stale", value: pointer(1)})
	require.NoError(t, other.Restore(io.NopCloser(&to.Buffer)))
	want := state{Values: map[string]int64{"a": 1, "b": 1 << 60}, Lists: map[string][]int64{"l": {5}}}
	require.Equal(t, want, other.clone())

	full := sink{full: true}
	require.ErrorContains(t, frozen.Persist(&full), "no space left")
	require.True(t, full.cancelled)
	require.Error(t, other.Restore(io.NopCloser(bytes.NewBufferString("{"))))
	require.Equal(t, want, other.clone(), "a snapshot that can't be read changes nothing")
}

func FuzzDecodeCommand(f *testing.F) {
	f.Add(command{op: OpWrite, key: "k", value: pointer(1)}.encode())
	f.Add(command{op: OpCAS, key: "", expect: pointer(-1)}.encode())
	f.Add(command{op: OpAppend, key: "k", value: pointer(1)}.encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeCommand(data)
		if err != nil {
			return
		}
		require.Equal(t, data, c.encode())
	})
}
