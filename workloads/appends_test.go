package workloads_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// shelf keeps lists in memory.
type shelf struct{ lists map[string][]history.Value }

func (s shelf) OpenAppender(context.Context, link.Session) (workloads.Appender, error) {
	return s, nil
}
func (s shelf) Append(_ context.Context, key string, element history.Value) error {
	s.lists[key] = append(s.lists[key], element)
	return nil
}
func (s shelf) List(_ context.Context, key string) ([]history.Value, error) { return s.lists[key], nil }
func (s shelf) ListLocal(_ context.Context, key string) ([]history.Value, error) {
	return s.lists[key], nil
}
func (s shelf) Close() error { return nil }

// No element is appended twice, lists retire, and everything that was ever
// appended is read at the end: as clients are served, and from every node.
func TestAppendsAreUniqueAndAllAreReadInTheEnd(t *testing.T) {
	system := shelf{lists: map[string][]history.Value{}}
	w := workloads.Appends{Lists: 3, RetireAfter: 10, ReadShare: 20}
	require.NoError(t, w.Validate(system))
	load := w.Begin(system)
	client, err := load.Open(t.Context(), link.Session{})
	require.NoError(t, err)
	draw := rand.New(rand.NewPCG(1, 2))
	seen := map[history.Value]bool{}
	reads := 0
	for range 500 {
		op := client.Next(draw)
		if op.Kind == history.ReadList {
			reads++
			continue
		}
		require.Equal(t, history.Append, op.Kind)
		require.False(t, seen[op.Value], "element %v twice", op.Value)
		seen[op.Value] = true
		_, err := client.Do(t.Context(), op)
		require.NoError(t, err)
	}
	require.InDelta(t, 100, reads, 50)
	require.Greater(t, len(system.lists), 30, "lists retire")
	served, local := map[string]int{}, map[string]int{}
	for _, read := range load.FinalReads() {
		answer, err := client.Do(t.Context(), read.Operation)
		require.NoError(t, err)
		require.LessOrEqual(t, len(answer.List), 10)
		if read.EachNode {
			require.Equal(t, history.ReadLocal, read.Operation.Kind)
			local[read.Operation.Key] += len(answer.List)
		} else {
			require.Equal(t, history.ReadList, read.Operation.Kind)
			served[read.Operation.Key] += len(answer.List)
		}
	}
	total := 0
	for _, count := range served {
		total += count
	}
	require.Equal(t, len(seen), total)
	require.Equal(t, served, local)
}

func TestAppendsSayWhatIsWrong(t *testing.T) {
	system := shelf{}
	require.ErrorContains(t, workloads.Appends{Lists: -1}.Validate(system), "Lists is -1")
	require.ErrorContains(t, workloads.Appends{ReadShare: 100}.Validate(system), "at most 99")
	require.ErrorContains(t, workloads.Appends{}.Validate(struct{}{}), "offers no workload")
	require.ErrorContains(t, workloads.Registers{}.Validate(system), "offers appends")
}
