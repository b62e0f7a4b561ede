package postgres

import (
	"bytes"
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

func session(c cluster.Cluster) link.Session {
	return link.Session{Node: "n1", Group: link.Clients, Timeout: time.Second, Dialer: c.Dialer()}
}

// client is a client at an isolation level.
func client(t *testing.T, c cluster.Cluster, level string) *transactor {
	t.Helper()
	system := c.System().(Cluster)
	system.Level = level
	opened, err := system.OpenTransactor(t.Context(), session(c))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	return opened.(*transactor)
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// One server takes transactions, is killed, and has what it acknowledged.
func TestTransactionsOutliveAKill(t *testing.T) {
	c := up(t, Cluster{Settings: map[string]string{"max_connections": "25", "log_statement": "none"}})
	ctx := t.Context()
	one := client(t, c, Serializable)
	rows, err := one.connection.ask(ctx, "SELECT current_setting('max_connections'), current_setting('fsync')")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"25", "on"}}, rows)

	told, err := one.Transact(within(t), []history.Step{
		history.Asks("l"), history.Appends("l", 1), history.Asks("l"), history.Appends("l", 2), history.Asks("l"),
		history.Reads("r", history.None), history.Writes("r", -7), history.Adds("r", 10), history.Reads("r", history.None),
	})
	require.NoError(t, err)
	require.Equal(t, []history.Step{
		history.Lists("l"), history.Appends("l", 1), history.Lists("l", 1), history.Appends("l", 2), history.Lists("l", 1, 2),
		history.Reads("r", history.Nil), history.Writes("r", -7), history.Adds("r", 10), history.Reads("r", 3),
	}, told)

	require.NoError(t, c.Kill(ctx, "n1"))
	_, err = one.Transact(within(t), []history.Step{history.Appends("l", 3)})
	require.Error(t, err)
	require.True(t, workloads.IsNotDone(err), "it broke before the commit was asked for: %v", err)
	require.NoError(t, c.StartNode(ctx, "n1"))
	require.NoError(t, cluster.WaitReady(ctx, c, patience))
	told, err = one.Transact(within(t), []history.Step{history.Asks("l"), history.Reads("r", history.None)})
	require.NoError(t, err, "the client connects anew")
	require.Equal(t, []history.Step{history.Lists("l", 1, 2), history.Reads("r", 3)}, told)

	require.NoError(t, c.Stop(ctx, "n1", 20*time.Second), "a client that stays connected does not hold up the end")
	var log bytes.Buffer
	require.NoError(t, c.Logs(ctx, "n1", &log))
	require.Contains(t, log.String(), "database system was not properly shut down", "of the kill")
	require.Contains(t, log.String(), "received fast shutdown request")
}
