package canary

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/docker/canary/store"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

func TestEveryNodeListsWhatAnyNodeAppended(t *testing.T) {
	t.Parallel()
	r := startRig(t, "")
	want := []history.Value{}
	for round := range 3 {
		for i, node := range r.cluster.NodeNames() {
			element := history.Int(int64(10*round + i))
			require.NoError(t, r.openLists(node).Append(brief(t), "k", element))
			want = append(want, element)
			for _, reader := range r.cluster.NodeNames() {
				list, err := r.openLists(reader).List(brief(t), "k")
				require.NoError(t, err)
				require.Equal(t, want, list)
			}
		}
	}
	list, err := r.openLists("n1").List(brief(t), "other")
	require.NoError(t, err)
	require.Empty(t, list, "an absent list is empty")
}

// A node that is cut off answers with what it has, and says that it is not ready
// until it has the rest.
func TestLocalListIsTheNodesOwn(t *testing.T) {
	t.Parallel()
	r := startRig(t, "")
	leader, followers := r.leader(r.cluster.NodeNames()...)
	writer, reader := r.openLists(leader), r.openLists(followers[0])
	require.NoError(t, writer.Append(brief(t), "k", 1))
	r.waitReady(followers...)
	r.cut(followers[0], true)
	require.NoError(t, writer.Append(brief(t), "k", 2))
	_, err := reader.List(brief(t), "k")
	require.True(t, workloads.IsNotDone(err), "%v", err)
	list, err := reader.ListLocal(brief(t), "k")
	require.NoError(t, err)
	require.Equal(t, []history.Value{1}, list)
	require.Error(t, r.cluster.Ready(brief(t), r.session(followers[0])))

	r.cut(followers[0], false)
	r.waitReady(followers[0])
	list, err = reader.ListLocal(brief(t), "k")
	require.NoError(t, err)
	require.Equal(t, []history.Value{1, 2}, list, "a node that is ready has caught up")
}

func TestOutcomesOfAppends(t *testing.T) {
	t.Parallel()
	r := startRig(t, "")
	client := r.openLists("n1")
	for _, element := range []history.Value{history.Nil, history.StringValue(0)} {
		require.True(t, workloads.IsNotDone(client.Append(brief(t), "k", element)), "the store holds integers")
	}
	require.NoError(t, client.Append(brief(t), "k", 1))
	r.kill("n2")
	err := r.openLists("n2").Append(brief(t), "k", 2)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.True(t, workloads.IsNotDone(err), "%v", err)

	r.stop("n1")
	defer r.signal("n1", syscall.SIGCONT)
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err = client.Append(short, "k", 3)
	require.Error(t, err)
	require.False(t, workloads.IsNotDone(err), "the node may carry it out when it goes on: %v", err)
	_, err = client.List(short, "k")
	require.True(t, workloads.IsNotDone(err), "a read has no effect: %v", err)
	require.NoError(t, client.Close())
	require.ErrorIs(t, client.Append(t.Context(), "k", 4), errClosed)
}

// A number that no history can hold is shown to the judge, with the rest.
func TestNumbersBeyondHistoriesAreGarbage(t *testing.T) {
	options := store.Options{
		Node: "n1", ClientListen: "127.0.0.1:0", PeerListen: "127.0.0.1:0",
		Peers: map[string]string{"n1": "127.0.0.1:1"}, Data: t.TempDir(),
	}
	node, err := store.Open(options)
	require.NoError(t, err)
	defer node.Close()
	r := &rig{tb: t, clients: map[string]string{"n1": node.ClientAddr()}}
	r.waitReady("n1")
	beyond := int64(history.MaxInt + 1)
	seven, eight := int64(7), int64(8)
	for _, request := range []store.Request{
		{Op: store.OpAppend, Key: "k", Value: &seven},
		{Op: store.OpAppend, Key: "k", Value: &beyond},
		{Op: store.OpAppend, Key: "k", Value: &eight},
		{Op: store.OpWrite, Key: "k", Value: &beyond},
	} {
		require.Equal(t, store.OK, node.Do(t.Context(), request).Status)
	}
	var garbage workloads.Garbage
	session := link.Session{Node: "n1", Dialer: r}
	lists, err := Cluster{}.OpenAppender(t.Context(), session)
	require.NoError(t, err)
	defer lists.Close()
	list, err := lists.ListLocal(brief(t), "k")
	require.ErrorAs(t, err, &garbage)
	require.Equal(t, fmt.Sprint(beyond), garbage.Text)
	require.Equal(t, []history.Value{7, 8}, list)

	_, err = r.open("n1").Read(brief(t), "k")
	require.ErrorAs(t, err, &garbage)
}
