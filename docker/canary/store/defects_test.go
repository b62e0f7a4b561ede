package store

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

// answers returns the given responses one after the other.
func answers(t *testing.T, statuses ...Status) (once func(context.Context) Response, left func() int) {
	return func(ctx context.Context) Response {
		_, bounded := ctx.Deadline()
		require.True(t, bounded)
		require.NotEmpty(t, statuses)
		next := statuses[0]
		statuses = statuses[1:]
		return Response{Status: next}
	}, func() int { return len(statuses) }
}

func TestAgainUntilTheOutcomeIsKnown(t *testing.T) {
	for _, c := range []struct {
		answers []Status
		want    Status
	}{
		{[]Status{OK}, OK},
		{[]Status{NotDone}, NotDone},
		{[]Status{Unknown, OK}, OK},
		{[]Status{Unknown, NotDone, NotDone, Unknown, OK}, OK},
	} {
		once, left := answers(t, c.answers...)
		require.Equal(t, c.want, again(t.Context(), once).Status)
		require.Zero(t, left())
	}
	ctx, cancel := context.WithCancel(t.Context())
	attempts := 0
	outcome := again(ctx, func(context.Context) Response {
		if attempts++; attempts == 1 {
			return Response{Status: Unknown}
		}
		cancel()
		return notDone("no leader")
	})
	require.Equal(t, 2, attempts)
	require.Equal(t, Unknown, outcome.Status, "the first attempt may have been carried out")
}

func entries(low, high uint64) (all []*raft.Log) {
	for index := low; index <= high; index++ {
		all = append(all, &raft.Log{Index: index, Term: 1, Data: []byte{byte(index)}})
	}
	return all
}

func requireHolds(t *testing.T, log raft.LogStore, low, high uint64) {
	t.Helper()
	requireBounds(t, log, low, high)
	for index := low; index <= high; index++ {
		var entry raft.Log
		require.NoError(t, log.GetLog(index, &entry))
		require.Equal(t, []byte{byte(index)}, entry.Data)
	}
}

func TestMemoryLogHoldsWhatIsNotOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raft.db")
	log := &memoryLog{diskLog: openTestLog(t, path), delay: time.Hour}
	requireBounds(t, log, 0, 0)
	require.NoError(t, log.StoreLogs(entries(1, 3)))
	requireHolds(t, log, 1, 3)
	requireBounds(t, log.diskLog, 0, 0)
	require.NoError(t, log.flush())
	requireHolds(t, log.diskLog, 1, 3)
	require.NoError(t, log.StoreLog(entries(4, 4)[0]))
	requireHolds(t, log, 1, 4)
	requireBounds(t, log.diskLog, 1, 3)
	require.NoError(t, log.DeleteRange(3, 4))
	requireHolds(t, log, 1, 2)
	require.ErrorIs(t, log.GetLog(4, new(raft.Log)), raft.ErrLogNotFound)
	require.NoError(t, log.StoreLogs(entries(3, 5)))
	require.NoError(t, log.Close())
	requireHolds(t, openTestLog(t, path), 1, 5)
}

func TestMemoryLogIsWrittenAfterAWhile(t *testing.T) {
	log := &memoryLog{diskLog: openTestLog(t, filepath.Join(t.TempDir(), "raft.db")), delay: time.Millisecond}
	for high := uint64(1); high <= 3; high++ {
		require.NoError(t, log.StoreLogs(entries(high, high)))
		for deadline := time.Now().Add(patience); ; {
			last, err := log.diskLog.LastIndex()
			require.NoError(t, err)
			if last == high {
				break
			}
			require.True(t, time.Now().Before(deadline), "entry %d is not on disk after %v", high, patience)
			<-time.After(time.Millisecond)
		}
	}
}

func TestMemoryLogTellsThatItCouldNotWrite(t *testing.T) {
	log := &memoryLog{diskLog: openTestLog(t, filepath.Join(t.TempDir(), "raft.db")), delay: time.Hour}
	require.NoError(t, log.StoreLogs(entries(1, 1)))
	require.NoError(t, log.diskLog.Close())
	require.Error(t, log.flush())
	require.ErrorContains(t, log.StoreLogs(entries(2, 2)), "what was in memory")
}

func TestRollBackToTheLastCheckpoint(t *testing.T) {
	values := newTable()
	values.checkpoints = &checkpoints{last: newState()}
	var all []int64
	grow := func(count int) {
		for range count {
			element := int64(len(all))
			all = append(all, element)
			apply(t, values, command{op: OpAppend, key: "k", value: &element})
		}
	}
	grow(checkpointEvery - 1)
	values.rollBack()
	require.Empty(t, values.list("k"), "there was no checkpoint yet")
	all = nil
	grow(checkpointEvery + 10)
	kept := values.list("k")[:checkpointEvery]
	values.rollBack()
	require.Equal(t, kept, values.list("k"))
	values.rollBack()
	require.Equal(t, kept, values.list("k"), "the checkpoint is still there")
	grow(1)
	require.Len(t, values.list("k"), checkpointEvery+1)
}

// A leader rolls back once in its term, before it serves the first request.
func TestForgetTailOnceATerm(t *testing.T) {
	options := alone(t.TempDir())
	options.Defect = LostOnLeaderChange
	ask := func(s *Store, op Op, value *int64) Response {
		response := s.Do(t.Context(), Request{Op: op, Key: "k", Value: value})
		require.Equal(t, OK, response.Status, "%+v", response)
		return response
	}
	s := openAlone(t, options)
	ask(s, OpAppend, pointer(1))
	ask(s, OpAppend, pointer(2))
	require.Equal(t, []int64{1, 2}, ask(s, OpList, nil).List)
	require.NoError(t, s.Close())

	s = openAlone(t, options)
	require.Empty(t, ask(s, OpList, nil).List)
	ask(s, OpAppend, pointer(3))
	require.Equal(t, []int64{3}, ask(s, OpList, nil).List)
}
