package etcd

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/workloads"
)

func pair(key string, version int64) *mvccpb.KeyValue {
	return &mvccpb.KeyValue{Key: []byte(key), Version: version}
}

// An element is there as often as its key was put, and what is no element is
// shown beside those that are.
func TestElementsOf(t *testing.T) {
	const prefix = "list/l/"
	elements, err := elementsOf(prefix, []*mvccpb.KeyValue{pair(prefix+"7", 1), pair(prefix+"-3", 2), pair(prefix+"5", 3)})
	require.NoError(t, err)
	require.Equal(t, []history.Value{7, -3, -3, 5, 5, 5}, elements)

	elements, err = elementsOf(prefix, nil)
	require.NoError(t, err)
	require.Empty(t, elements)

	for name, wrong := range map[string]*mvccpb.KeyValue{
		"no number":            pair(prefix+"seven", 1),
		"no element":           pair(prefix, 1),
		"not as it is written": pair(prefix+"007", 1),
		"another list's":       pair("list/other/7", 1),
		"beyond what is held":  pair(prefix+"9223372036854775807", 1),
		"deleted":              pair(prefix+"7", 0),
		"put without end":      pair(prefix+"7", 1<<40),
		"long":                 pair(prefix+strings.Repeat("x", 1<<20), 1),
	} {
		elements, err := elementsOf(prefix, []*mvccpb.KeyValue{pair(prefix+"1", 1), wrong, pair(prefix+"2", 1)})
		require.ErrorIs(t, err, ErrGarbage, name)
		require.ErrorAs(t, err, new(workloads.Garbage), "%s: a judge must be shown it", name)
		require.Less(t, len(err.Error()), 500, name)
		require.Equal(t, []history.Value{1, 2}, elements, name)
	}
}

// The read of a list finds the keys of all its elements and of no other list's,
// whatever the lists are called.
func TestListsDoNotCollide(t *testing.T) {
	lists := []string{"l", "l1", "l/", "l/1", "l%2F1", "l0", "", "/", "L", "l 1", "l+1", "\xff", "é"}
	for _, list := range lists {
		prefix := listPrefix(list)
		for _, other := range lists {
			for _, element := range []int64{0, 1, -1, history.MinInt, history.MaxInt} {
				text, err := encode(history.Int(element))
				require.NoError(t, err)
				key := append(listPrefix(other), text...)
				found := bytes.Compare(key, prefix) >= 0 && bytes.Compare(key, prefixEnd(prefix)) < 0
				require.Equal(t, list == other, found, "list %q finds %q", list, key)
			}
		}
	}
}

// A list may be longer than the answers that gRPC takes by default, 4 MiB.
func TestLongList(t *testing.T) {
	const count = 200_000
	fake, session := serveFake(t, func() error { return nil })
	for i := range count {
		fake.pairs = append(fake.pairs, pair(fmt.Sprintf("list/l/%d", 1_000_000+i), 1))
	}
	appender, err := Cluster{}.OpenAppender(t.Context(), session)
	require.NoError(t, err)
	defer func() { _ = appender.Close() }()
	elements, err := appender.List(within(t, ample), "l")
	require.NoError(t, err)
	require.Len(t, elements, count)
}

// testAppends is part of [TestOneMember].
func testAppends(t *testing.T, l *localCluster) {
	ctx, appender := within(t, ample), l.openAppender("n1")
	elements, err := appender.List(ctx, "l")
	require.NoError(t, err)
	require.Empty(t, elements, "an absent list")

	for _, number := range []int64{9, 10, -1, history.MinInt, history.MaxInt} {
		require.NoError(t, appender.Append(ctx, "l", history.Int(number)))
	}
	require.NoError(t, appender.Append(ctx, "l/1", 2))
	require.NoError(t, appender.Append(ctx, "l", 10), "again")
	reader := l.openAppender("n1")
	want := []history.Value{9, 10, 10, -1, history.Int(history.MinInt), history.Int(history.MaxInt)}
	elements, err = reader.List(ctx, "l")
	require.NoError(t, err)
	require.Equal(t, want, elements, "in the order of the first appends, each as often as it was appended")
	elements, err = reader.ListLocal(ctx, "l")
	require.NoError(t, err)
	require.Equal(t, want, elements)

	require.NoError(t, ask(ctx, l.session("n1"), func(client *grpc.ClientConn) error {
		_, err := etcdserverpb.NewKVClient(client).Put(ctx, &etcdserverpb.PutRequest{Key: append(listPrefix("l/1"), "rubbish"...)})
		return err
	}))
	elements, err = reader.List(ctx, "l/1")
	require.ErrorAs(t, err, new(workloads.Garbage))
	require.Equal(t, []history.Value{2}, elements)

	large := strings.Repeat("l", 2_000_000)
	for key, element := range map[string]history.Value{large: 1, "l": history.Nil, "l2": history.StringValue(0)} {
		err := appender.Append(ctx, key, element)
		require.True(t, workloads.IsNotDone(err), err)
		require.Less(t, len(err.Error()), 500)
	}
	elements, err = reader.List(ctx, "l")
	require.NoError(t, err)
	require.Equal(t, want, elements, "what was refused is not there")
}
