package redis

import (
	"context"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/pod/podtest"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

const patience = podtest.Patience

func up(t *testing.T, c Cluster) cluster.Cluster { return podtest.Up(t, c) }

func session(c cluster.Cluster, node string) link.Session {
	return link.Session{Node: node, Group: link.Clients, Timeout: time.Second, Dialer: c.Dialer()}
}

func open(t *testing.T, c cluster.Cluster, node string) workloads.Appender {
	t.Helper()
	a, err := c.System().(Cluster).OpenAppender(t.Context(), session(c, node))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	return a
}

// until asks again until the answer is yes.
func until(t *testing.T, what string, yes func(ctx context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !yes(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("waited %v for %s", patience, what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestSentinelFailover(t *testing.T) {
	c := up(t, Cluster{})
	ctx := t.Context()
	client := open(t, c, "n2")
	require.NoError(t, client.Append(ctx, "l", 1))
	require.NoError(t, client.Append(ctx, "l", 2))
	elements, err := client.List(ctx, "l")
	require.NoError(t, err)
	require.Equal(t, []history.Value{1, 2}, elements)
	for _, node := range []string{"n1", "n2", "n3"} {
		until(t, "the elements at "+node, func(ctx context.Context) bool {
			elements, err := open(t, c, node).ListLocal(ctx, "l")
			return err == nil && len(elements) == 2
		})
	}

	for node, role := range map[string]string{"n1": "master", "n3": "slave", "s2": "sentinel"} {
		v, err := Cluster{}.View(ctx, session(c, node))
		require.NoError(t, err)
		require.Equal(t, role, v.Role)
		require.Equal(t, "n1", v.Master)
		if role == "master" {
			require.Len(t, v.Replicas, 2)
		}
	}

	// A write to a replica is refused, and that is certain.
	replica, err := connect(ctx, session(c, "n2"), serverAddress("n2"))
	require.NoError(t, err)
	err = replica.do(ctx, "RPUSH", "l", 9).Err()
	require.ErrorContains(t, err, "READONLY")
	require.True(t, workloads.IsNotDone(err))
	require.NoError(t, replica.close())

	require.NoError(t, c.Kill(ctx, "n1"))
	err = client.Append(ctx, "l", 3)
	require.Error(t, err, "its connection was to the master that is gone")
	until(t, "a new master to take an append", func(ctx context.Context) bool { return client.Append(ctx, "l", 4) == nil })
	until(t, "the sentinels to name another master", func(ctx context.Context) bool {
		leader, err := cluster.FindLeader(ctx, c, patience)
		return err == nil && leader != "n1"
	})

	// The old master comes back as a replica and gets what it missed.
	require.NoError(t, c.StartNode(ctx, "n1"))
	require.NoError(t, cluster.WaitReady(ctx, c, patience))
	elements, err = open(t, c, "n1").ListLocal(ctx, "l")
	require.NoError(t, err)
	require.Contains(t, elements, history.Value(4))
}

func TestOneServerAlone(t *testing.T) {
	c := up(t, Cluster{Servers: 1, AppendOnly: true, Fsync: "always"})
	ctx := t.Context()
	client := open(t, c, "n1")
	for i := range 20 {
		require.NoError(t, client.Append(ctx, "l", history.Int(int64(i))))
	}
	// What is no element comes back as what it is.
	require.NoError(t, ask(ctx, session(c, "n1"), serverAddress("n1"), func(s *connection) error { return s.do(ctx, "RPUSH", "l", "x7").Err() }))
	elements, err := client.List(ctx, "l")
	require.Equal(t, workloads.Garbage{Text: "x7"}, err)
	require.Len(t, elements, 20)

	require.NoError(t, c.Kill(ctx, "n1"))
	_, err = client.List(ctx, "l")
	require.Error(t, err)
	err = client.Append(ctx, "l", 21)
	require.True(t, workloads.IsNotDone(err), "nobody listens: %v", err)
	require.NoError(t, c.StartNode(ctx, "n1"))
	require.NoError(t, cluster.WaitReady(ctx, c, patience))
	elements, _ = client.List(ctx, "l")
	require.Len(t, elements, 20, "every write was synced before it was acknowledged")
}

// Refusals are certain, other answers and silence are not.
func TestWhatIsCertain(t *testing.T) {
	require.False(t, refused(goredis.ErrPoolTimeout), "not an answer of a server")
	for text, certain := range map[string]bool{
		"READONLY You can't write against a read only replica.": true,
		"NOREPLICAS Not enough good replicas to write.":         true,
		"LOADING Redis is loading the dataset in memory":        true,
		"ERR something else":                                    false, "UNBLOCKED client unblocked": false,
	} {
		require.Equal(t, certain, refused(answer(text)), text)
	}
}

type answer string

func (a answer) Error() string { return string(a) }
func (a answer) RedisError()   {}
