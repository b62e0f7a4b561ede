package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/workloads"
)

// ample is more time than an operation needs on a busy machine.
const ample = 20 * time.Second

func TestOneMember(t *testing.T) {
	for _, version := range builtVersions(t) {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			l := startLocal(t, Cluster{Nodes: 1, Version: version})
			testValues(t, l)
			testAppends(t, l)
			testCompareAndSet(t, l)
			testGarbage(t, l)
			testRefused(t, l)
			testStopped(t, l)
			testKilled(t, l)
		})
	}
}

func testValues(t *testing.T, l *localCluster) {
	ctx, register := within(t, ample), l.open("n1")
	saw, err := register.Read(ctx, "values")
	require.NoError(t, err)
	require.Equal(t, history.Nil, saw, "an absent key")
	for _, number := range []int64{0, 7, -7, history.MinInt, history.MaxInt} {
		require.NoError(t, register.Write(ctx, "values", history.Int(number)))
		saw, err = l.open("n1").Read(ctx, "values")
		require.NoError(t, err)
		require.Equal(t, history.Int(number), saw)
	}
}

func testCompareAndSet(t *testing.T, l *localCluster) {
	ctx, register := within(t, ample), l.open("n1")
	steps := []struct {
		expect, value history.Value
		swapped       bool
		saw           history.Value
	}{
		{expect: 1, value: 2, saw: history.Nil},
		{expect: history.Nil, value: 1, swapped: true, saw: history.None},
		{expect: history.Nil, value: 2, saw: 1},
		{expect: 3, value: 4, saw: 1},
		{expect: 1, value: 5, swapped: true, saw: history.None},
		{expect: 1, value: 6, saw: 5},
	}
	for _, step := range steps {
		swapped, saw, err := register.CompareAndSet(ctx, "swaps", step.expect, step.value)
		require.NoError(t, err)
		require.Equal(t, step.swapped, swapped, "%+v", step)
		require.Equal(t, step.saw, saw, "%+v", step)
	}
	saw, err := register.Read(ctx, "swaps")
	require.NoError(t, err)
	require.Equal(t, history.Int(5), saw)
}

func testGarbage(t *testing.T, l *localCluster) {
	ctx, register := within(t, ample), l.open("n1")
	for _, garbage := range []string{"hello", "", "007", "9223372036854775807"} {
		require.NoError(t, ask(ctx, l.session("n1"), func(client *grpc.ClientConn) error {
			_, err := etcdserverpb.NewKVClient(client).Put(ctx, &etcdserverpb.PutRequest{Key: []byte("garbage"), Value: []byte(garbage)})
			return err
		}))
		_, err := register.Read(ctx, "garbage")
		require.ErrorIs(t, err, ErrGarbage)
		require.ErrorContains(t, err, fmt.Sprintf("%q", garbage))
		require.ErrorAs(t, err, new(workloads.Garbage), "a judge must be shown it")

		swapped, _, err := register.CompareAndSet(ctx, "garbage", 1, 2)
		require.False(t, swapped)
		require.ErrorIs(t, err, ErrGarbage)
		require.ErrorAs(t, err, new(workloads.Garbage))
	}
}

// Requests that etcd turns down before it proposes them, and values that can't be sent.
func testRefused(t *testing.T, l *localCluster) {
	ctx, register := within(t, ample), l.open("n1")
	// etcd's limit is 1.5 MiB, gRPC's below it 2 MiB; a compare-and-set names its key three times.
	large := strings.Repeat("k", 600_000)
	for _, keys := range []struct{ write, swap string }{{"", ""}, {large + large + large, large}} {
		err := register.Write(ctx, keys.write, 1)
		require.Error(t, err)
		require.True(t, workloads.IsNotDone(err), err)
		require.Less(t, len(err.Error()), 500)
		_, _, err = register.CompareAndSet(ctx, keys.swap, 1, 2)
		require.Error(t, err)
		require.True(t, workloads.IsNotDone(err), err)
	}
	for _, value := range []history.Value{history.Nil, history.None, history.StringValue(0)} {
		require.True(t, workloads.IsNotDone(register.Write(ctx, "refused", value)))
		_, _, err := register.CompareAndSet(ctx, "refused", history.Nil, value)
		require.True(t, workloads.IsNotDone(err))
	}
	_, _, err := register.CompareAndSet(ctx, "refused", history.None, 1)
	require.True(t, workloads.IsNotDone(err))
	saw, err := register.Read(ctx, "refused")
	require.NoError(t, err)
	require.Equal(t, history.Nil, saw, "nothing was stored")
}

// A process that stands still takes requests into its kernel's buffers.
func testStopped(t *testing.T, l *localCluster) {
	writer, swapper, reader := l.open("n1"), l.open("n1"), l.open("n1")
	for _, register := range []workloads.Register{writer, swapper, reader} {
		_, err := register.Read(within(t, ample), "stopped") // connects
		require.NoError(t, err)
	}
	l.pause("n1")

	err := writer.Write(within(t, 250*time.Millisecond), "stopped", 1)
	require.Error(t, err)
	require.False(t, workloads.IsNotDone(err), "the request was sent: %v", err)
	_, _, err = swapper.CompareAndSet(within(t, 250*time.Millisecond), "stopped", 5, 6)
	require.Error(t, err)
	require.False(t, workloads.IsNotDone(err), "the request was sent: %v", err)
	_, err = reader.Read(within(t, 250*time.Millisecond), "stopped")
	require.True(t, workloads.IsNotDone(err), "a read has no effect: %v", err)
	// The kernel accepts a new connection, but nobody shakes hands.
	err = reader.Write(within(t, 250*time.Millisecond), "stopped", 7)
	require.True(t, workloads.IsNotDone(err), "nothing was sent: %v", err)

	l.signal("n1", syscall.SIGCONT)
	require.NoError(t, reader.Write(within(t, ample), "stopped", 8), "the client recovers by itself")
}

func testKilled(t *testing.T, l *localCluster) {
	connected := l.open("n1")
	require.NoError(t, connected.Write(within(t, ample), "killed", 1))
	l.kill("n1")
	// The end of the connection may not have been read yet: then this is sent, and lost.
	require.Error(t, connected.Write(within(t, 300*time.Millisecond), "killed", 1))
	for name, register := range map[string]workloads.Register{"connected": connected, "new": l.open("n1")} {
		err := register.Write(within(t, 500*time.Millisecond), "killed", 2)
		require.True(t, workloads.IsNotDone(err), "%s: %v", name, err)
		require.ErrorIs(t, err, syscall.ECONNREFUSED, name)
		_, _, err = register.CompareAndSet(within(t, 100*time.Millisecond), "killed", 1, 3)
		require.True(t, workloads.IsNotDone(err), "%s: %v", name, err)
	}
	require.ErrorIs(t, l.system.Ready(within(t, 500*time.Millisecond), l.session("n1")), syscall.ECONNREFUSED)

	l.start("n1")
	saw, err := connected.Read(within(t, ample), "killed")
	require.NoError(t, err, "the client connects again by itself")
	require.Equal(t, history.Int(1), saw)
}

func TestThreeMembers(t *testing.T) {
	t.Parallel()
	l := startLocal(t, Cluster{})
	names := l.system.NodeNames()
	require.NoError(t, l.open("n1").Write(within(t, ample), "shared", 1))
	for _, node := range names {
		saw, err := l.open(node).Read(within(t, ample), "shared")
		require.NoError(t, err)
		require.Equal(t, history.Int(1), saw, node)
	}

	first, firstTerm := agreedLeader(l, names)
	l.kill(first)
	left := without(names, first)
	second, secondTerm := agreedLeader(l, left)
	require.NotEqual(t, first, second)
	require.Greater(t, secondTerm, firstTerm)
	require.NoError(t, l.openAppender(second).Append(within(t, ample), "shared", 4))
	require.NoError(t, l.open(second).Write(within(t, ample), "shared", 2))

	last := without(left, second)[0]
	l.eventually(last+" has the write too", func(ctx context.Context) error {
		saw, err := stale(l, last).Read(ctx, "shared")
		if err == nil && saw != 2 {
			err = fmt.Errorf("it has %d", saw)
		}
		return err
	})
	l.kill(second)
	testQuorumLost(t, l, last)
}

// testQuorumLost asks the last of three members.
func testQuorumLost(t *testing.T, l *localCluster, last string) {
	alone := stale(l, last)
	saw, err := alone.Read(within(t, ample), "shared")
	require.NoError(t, err, "a serializable read needs no quorum")
	require.Equal(t, history.Int(2), saw)
	err = alone.Write(within(t, 300*time.Millisecond), "shared", 3)
	require.Error(t, err)
	require.False(t, workloads.IsNotDone(err), "it may yet be proposed: %v", err)

	_, err = l.open(last).Read(within(t, 300*time.Millisecond), "shared")
	require.True(t, workloads.IsNotDone(err), "a linearizable read needs one: %v", err)
	require.Error(t, l.system.Ready(within(t, 300*time.Millisecond), l.session(last)))

	appender := l.openAppender(last)
	elements, err := appender.ListLocal(within(t, ample), "shared")
	require.NoError(t, err)
	require.Equal(t, []history.Value{4}, elements, "what the member itself holds")
	_, err = appender.List(within(t, 300*time.Millisecond), "shared")
	require.True(t, workloads.IsNotDone(err), "a list is read linearizably: %v", err)

	l.eventually("the last member knows of no leader", func(ctx context.Context) error {
		leader, _, err := l.system.Leader(ctx, l.session(last))
		if err == nil && leader != "" {
			err = errors.New("it says " + leader)
		}
		return err
	})
}

func stale(l *localCluster, node string) workloads.Register {
	system := l.system
	system.Serializable = true
	register, err := system.OpenRegister(context.Background(), l.session(node))
	require.NoError(l.t, err)
	l.t.Cleanup(func() { _ = register.Close() })
	return register
}

// agreedLeader waits until all of the nodes name one of themselves.
func agreedLeader(l *localCluster, nodes []string) (leader string, term uint64) {
	l.t.Helper()
	l.eventually(fmt.Sprintf("%v agree on a leader among them", nodes), func(ctx context.Context) error {
		said := map[string]bool{}
		for _, node := range nodes {
			var err error
			if leader, term, err = l.system.Leader(ctx, l.session(node)); err != nil {
				return err
			}
			said[leader] = true
		}
		for _, node := range nodes {
			if len(said) == 1 && said[node] {
				return nil
			}
		}
		return fmt.Errorf("they say %v", said)
	})
	return leader, term
}

func without(names []string, gone string) []string {
	var left []string
	for _, name := range names {
		if name != gone {
			left = append(left, name)
		}
	}
	return left
}
