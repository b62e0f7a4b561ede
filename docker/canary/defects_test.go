package canary

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/docker/canary/store"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// staleRead cuts a follower off, writes through the others, and reads at the one
// that was cut.
func staleRead(t *testing.T, defect string) (history.Value, error) {
	t.Parallel()
	r := startRig(t, defect)
	leader, followers := r.leader(r.cluster.NodeNames()...)
	writer, reader := r.open(leader), r.open(followers[0])
	require.NoError(t, writer.Write(brief(t), "k", 1))
	r.eventually("the follower has the value", func(ctx context.Context) error {
		if value, err := reader.Read(ctx, "k"); err != nil || value != 1 {
			return fmt.Errorf("it reads %d, %v", value, err)
		}
		return nil
	})
	r.cut(followers[0], true)
	require.NoError(t, writer.Write(brief(t), "k", 2))
	return reader.Read(brief(t), "k")
}

func TestDefectStaleRead(t *testing.T) {
	value, err := staleRead(t, store.StaleRead)
	require.NoError(t, err)
	require.Equal(t, history.Value(1), value)
}

func TestWithoutDefectACutFollowerReadsNothing(t *testing.T) {
	_, err := staleRead(t, "")
	require.True(t, workloads.IsNotDone(err), "%v", err)
}

func TestDefectAckBeforeCommitLosesWhatACutLeaderAcknowledged(t *testing.T) {
	t.Parallel()
	r := startRig(t, store.AckBeforeCommit)
	_, followers := r.withCutLeader(func(_ string, client workloads.Register) error {
		if err := client.Write(brief(t), "k", 2); err != nil {
			return err
		}
		if value, err := client.Read(brief(t), "k"); err != nil || value != 2 {
			return fmt.Errorf("it reads %d: %w", value, err)
		}
		swapped, _, err := client.CompareAndSet(brief(t), "k", 2, 3)
		if err == nil && !swapped {
			return errors.New("it does not see what it wrote")
		}
		return err
	})
	r.waitReady(followers...)
	requireReads(t, r.open(followers[0]), "k", history.Nil)
}

func TestDefectAckBeforeCommitLosesWhatAFollowerHandedToADeadLeader(t *testing.T) {
	t.Parallel()
	r := startRig(t, store.AckBeforeCommit)
	var err error
	for attempt := range 5 { // the follower may notice too soon on a busy machine
		leader, followers := r.leader(r.cluster.NodeNames()...)
		client, key := r.open(followers[0]), fmt.Sprint("k", attempt)
		requireReads(t, client, key, history.Nil) // the follower is connected to the leader
		r.stop(leader)
		if err = client.Write(brief(t), key, 2); err == nil {
			r.kill(leader)
			r.waitReady(followers...)
			requireReads(t, client, key, history.Nil)
			return
		}
		r.signal(leader, syscall.SIGCONT)
		r.waitReady(r.cluster.NodeNames()...)
	}
	require.NoError(t, err)
}

// raceCAS lets two clients compare-and-set one key from the same value, again
// and again, and reports whether both were ever told that they succeeded.
func raceCAS(t *testing.T, defect string, rounds int) (both bool) {
	t.Parallel()
	r := startRig(t, defect)
	leader, _ := r.leader(r.cluster.NodeNames()...)
	clients := []workloads.Register{r.open(leader), r.open(leader)}
	value := history.Nil
	for round := range rounds {
		type answer struct {
			swapped bool
			err     error
		}
		answers := make(chan answer, len(clients))
		for i, client := range clients {
			go func() {
				swapped, _, err := client.CompareAndSet(brief(t), "k", value, history.Int(int64(round*len(clients)+i)))
				answers <- answer{swapped, err}
			}()
		}
		successes := 0
		for range clients {
			a := <-answers
			require.NoError(t, a.err)
			if a.swapped {
				successes++
			}
		}
		require.NotZero(t, successes, "round %d: somebody must be first", round)
		if successes == 2 {
			return true
		}
		var err error
		value, err = clients[0].Read(brief(t), "k")
		require.NoError(t, err)
	}
	return false
}

func TestDefectNonatomicCAS(t *testing.T) {
	require.True(t, raceCAS(t, store.NonatomicCAS, 200))
}

func TestWithoutDefectOneCompareAndSetWins(t *testing.T) {
	require.False(t, raceCAS(t, "", 100))
}

// unansweredAppend lets the leader carry out an append that a follower handed on,
// and swallows the answer. It returns what the list holds in the end and what the
// client was told.
func unansweredAppend(t *testing.T, defect string) (list []history.Value, err error) {
	t.Parallel()
	r := startRig(t, defect)
	leader, followers := r.leader(r.cluster.NodeNames()...)
	client := r.openLists(followers[0])
	require.NoError(t, client.Append(brief(t), "k", 1)) // connects all the way
	answers := r.relays[link.Flow{From: link.End(followers[0]), To: link.End(leader)}]
	answers.mute(true)
	told := make(chan error, 1)
	go func() { told <- client.Append(brief(t), "k", 2) }()
	r.eventually("the answer is swallowed", func(context.Context) error {
		if answers.muted() == 0 {
			return errors.New("there was none")
		}
		return nil
	})
	answers.mute(false)
	err = <-told
	list, readErr := r.openLists(leader).List(brief(t), "k")
	require.NoError(t, readErr)
	return list, err
}

func TestDefectDoubleAppend(t *testing.T) {
	list, err := unansweredAppend(t, store.DoubleAppend)
	require.NoError(t, err)
	require.Equal(t, []history.Value{1, 2, 2}, list)
}

func TestWithoutDefectAnUnansweredAppendIsUnknown(t *testing.T) {
	list, err := unansweredAppend(t, "")
	require.Error(t, err)
	require.False(t, workloads.IsNotDone(err), "it was carried out: %v", err)
	require.Equal(t, []history.Value{1, 2}, list)
}

func TestDefectDirtyRead(t *testing.T) {
	t.Parallel()
	r := startRig(t, store.DirtyRead)
	var key string
	_, followers := r.withCutLeader(func(leader string, _ workloads.Register) error {
		key += "k" // what an earlier attempt left behind is not in the way
		writer, reader := r.openLists(leader), r.openLists(leader)
		told := make(chan error, 1)
		go func() { told <- writer.Append(brief(t), key, 1) }()
		for {
			list, err := reader.List(brief(t), key)
			if err == nil && len(list) == 0 {
				continue
			}
			if outcome := <-told; err == nil {
				require.Error(t, outcome, "no majority stores it")
				require.Equal(t, []history.Value{1}, list)
			}
			return err
		}
	})
	r.waitReady(followers...)
	list, err := r.openLists(followers[0]).List(brief(t), key)
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestDefectDirtyReadOfARegister(t *testing.T) {
	t.Parallel()
	r := startRig(t, store.DirtyRead)
	var key string
	_, followers := r.withCutLeader(func(leader string, reader workloads.Register) error {
		key += "k"
		writer := r.open(leader)
		told := make(chan error, 1)
		go func() { told <- writer.Write(brief(t), key, 1) }()
		for {
			value, err := reader.Read(brief(t), key)
			if err == nil && value == history.Nil {
				continue
			}
			if outcome := <-told; err == nil {
				require.Error(t, outcome, "no majority stores it")
			}
			return err
		}
	})
	r.waitReady(followers...)
	requireReads(t, r.open(followers[0]), key, history.Nil)
}

// killedTogether appends, kills every node at once, starts them again and reads.
func killedTogether(t *testing.T, r *rig, key string) []history.Value {
	leader, _ := r.leader(r.cluster.NodeNames()...)
	require.NoError(t, r.openLists(leader).Append(brief(t), key, 1))
	for _, node := range r.cluster.NodeNames() {
		r.signal(node, syscall.SIGKILL)
	}
	for _, node := range r.cluster.NodeNames() {
		r.kill(node)
	}
	for _, node := range r.cluster.NodeNames() {
		r.start(node)
	}
	r.waitReady(r.cluster.NodeNames()...)
	list, err := r.openLists("n1").List(brief(t), key)
	require.NoError(t, err)
	return list
}

func TestDefectMemoryLog(t *testing.T) {
	t.Parallel()
	r := startRig(t, store.MemoryLog)
	for attempt := range 5 { // a busy machine may be slower to kill than the store to write
		if len(killedTogether(t, r, fmt.Sprint("k", attempt))) == 0 {
			return
		}
	}
	require.Fail(t, "nothing that was in memory was lost")
}

func TestWithoutDefectNothingIsInMemoryOnly(t *testing.T) {
	t.Parallel()
	require.Equal(t, []history.Value{1}, killedTogether(t, startRig(t, ""), "k"))
}

// The disk of this test is the machine's own, whose page cache outlives a program.
func TestDefectNoFsyncLosesNothingWhenKilled(t *testing.T) {
	t.Parallel()
	require.Equal(t, []history.Value{1}, killedTogether(t, startRig(t, store.NoFsync), "k"))
}

// changedLeader appends, kills the leader, and reads from the next and from its
// follower's own table.
func changedLeader(t *testing.T, defect string) (next, local []history.Value) {
	t.Parallel()
	r := startRig(t, defect)
	leader, followers := r.leader(r.cluster.NodeNames()...)
	client := r.openLists(leader)
	for element := range 5 {
		require.NoError(t, client.Append(brief(t), "k", history.Int(int64(element))))
	}
	r.kill(leader)
	r.waitReady(followers...)
	second, rest := r.leader(followers...)
	next, err := r.openLists(second).List(brief(t), "k")
	require.NoError(t, err)
	local, err = r.openLists(rest[0]).ListLocal(brief(t), "k")
	require.NoError(t, err)
	return next, local
}

func TestDefectLostOnLeaderChange(t *testing.T) {
	next, local := changedLeader(t, store.LostOnLeaderChange)
	require.Empty(t, next)
	require.Equal(t, []history.Value{0, 1, 2, 3, 4}, local, "only the leader forgets")
}

func TestWithoutDefectTheNextLeaderHasItAll(t *testing.T) {
	next, local := changedLeader(t, "")
	require.Equal(t, []history.Value{0, 1, 2, 3, 4}, next)
	require.Equal(t, next, local, "a node that is ready has caught up")
}
