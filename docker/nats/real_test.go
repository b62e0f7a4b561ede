package nats

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/pod/podtest"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

const patience = podtest.Patience

func up(t *testing.T, c Cluster) cluster.Cluster { return podtest.Up(t, c) }

func client(t *testing.T, c cluster.Cluster, node string) workloads.Appender {
	t.Helper()
	opened, err := c.System().(Cluster).OpenAppender(t.Context(), link.Session{
		Node: node, Group: link.Clients, Timeout: time.Second, Dialer: c.Dialer()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	return opened
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// Three servers take messages, lose their leader, and have what they acknowledged,
// each of them.
func TestThreeServersKeepWhatTheyAcknowledged(t *testing.T) {
	c := up(t, Cluster{})
	leader, _, err := Cluster{}.Leader(within(t), cluster.ProbeSession(c, "n1"))
	require.NoError(t, err)
	follower := "n1"
	if leader == "n1" {
		follower = "n2"
	}
	one := client(t, c, follower)
	for i := range 5 {
		require.NoError(t, one.Append(within(t), "a.b", history.Int(int64(i))))
	}
	require.NoError(t, one.Append(within(t), "other", 7))
	list := []history.Value{0, 1, 2, 3, 4}
	got, err := one.List(within(t), "a.b")
	require.NoError(t, err)
	require.Equal(t, list, got)
	got, err = one.List(within(t), "nobody's")
	require.NoError(t, err)
	require.Empty(t, got)

	require.NoError(t, c.Kill(t.Context(), leader))
	at := client(t, c, leader)
	require.True(t, workloads.IsNotDone(at.Append(within(t), "a.b", 5)), "nobody is there to take it")
	// The others elect another leader; until then nobody knows what became of a message.
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return one.Append(ctx, "c", 1) == nil
	}, patience, 50*time.Millisecond)
	require.NoError(t, c.StartNode(t.Context(), leader))
	require.NoError(t, cluster.WaitReady(t.Context(), c, patience))
	for _, node := range c.System().NodeNames() {
		got, err := client(t, c, node).ListLocal(within(t), "a.b")
		require.NoError(t, err)
		require.Equal(t, list, got, "at %s", node)
	}
}

// One server alone, of the oldest and the newest version that are offered.
func TestOneServerAlone(t *testing.T) {
	for _, version := range []string{"2.10.23", "2.15.2"} {
		t.Run(version, func(t *testing.T) {
			c := up(t, Cluster{Nodes: 1, Version: version, SyncInterval: Always})
			one := client(t, c, "n1")
			require.NoError(t, one.Append(within(t), "l", 1))
			require.NoError(t, one.Append(within(t), "l", 1), "no message is dropped as a duplicate")
			require.NoError(t, c.Kill(t.Context(), "n1"))
			require.NoError(t, c.StartNode(t.Context(), "n1"))
			require.NoError(t, cluster.WaitReady(t.Context(), c, patience))
			for _, read := range []func(context.Context, string) ([]history.Value, error){one.List, one.ListLocal} {
				got, err := read(within(t), "l")
				require.NoError(t, err)
				require.Equal(t, []history.Value{1, 1}, got)
			}
		})
	}
}
