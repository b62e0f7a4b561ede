package etcd

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

const (
	// listBytesMax bounds the answer to the read of a list: about a million
	// elements. gRPC's own limit of 4 MiB is below what a long list needs.
	listBytesMax = 64 << 20
	// repeatsMax is how often an element may be there. What claims more is
	// garbage, and would fill the memory of who believes it.
	repeatsMax = 1000
)

// OpenAppender returns a client of the session's node. It does not wait for the
// node: each operation waits until its deadline for the connection.
func (c Cluster) OpenAppender(_ context.Context, session link.Session) (workloads.Appender, error) {
	conn, err := connect(session)
	if err != nil {
		return nil, err
	}
	return &appender{conn: conn, serializable: c.Serializable}, nil
}

type appender struct {
	conn         *connection
	serializable bool
}

// Append is a plain Put of the element's own key. A transaction that first looks
// whether the key is there would hide what a list must show: that a request was
// carried out twice. A second Put leaves the key at version 2.
func (a *appender) Append(ctx context.Context, key string, element history.Value) error {
	text, err := encode(element)
	if err != nil {
		return workloads.NotDone(a.conn.explain("append to", key, err))
	}
	err = a.conn.call(ctx, func(client *grpc.ClientConn) error {
		_, err := etcdserverpb.NewKVClient(client).Put(ctx, &etcdserverpb.PutRequest{Key: append(listPrefix(key), text...)})
		return err
	})
	return a.conn.judge("append to", key, err)
}

// List is a Range, linearizable unless the cluster's reads are serializable.
func (a *appender) List(ctx context.Context, key string) ([]history.Value, error) {
	return a.read(ctx, "list", key, a.serializable)
}

// ListLocal is a serializable Range: the member answers from its own store.
func (a *appender) ListLocal(ctx context.Context, key string) ([]history.Value, error) {
	return a.read(ctx, "list locally", key, true)
}

// Close closes the connection.
func (a *appender) Close() error { return a.conn.close() }

// read is one Range of the whole list: all of it is from one point of etcd's log.
func (a *appender) read(ctx context.Context, doing, key string, serializable bool) ([]history.Value, error) {
	prefix := listPrefix(key)
	var answer *etcdserverpb.RangeResponse
	err := a.conn.call(ctx, func(client *grpc.ClientConn) (err error) {
		answer, err = etcdserverpb.NewKVClient(client).Range(ctx, &etcdserverpb.RangeRequest{
			Key: prefix, RangeEnd: prefixEnd(prefix), Serializable: serializable,
			SortTarget: etcdserverpb.RangeRequest_CREATE, SortOrder: etcdserverpb.RangeRequest_ASCEND,
		}, grpc.MaxCallRecvMsgSize(listBytesMax))
		return err
	})
	if err != nil {
		return nil, workloads.NotDone(a.conn.explain(doing, key, err))
	}
	elements, err := elementsOf(string(prefix), answer.Kvs)
	if err != nil {
		err = a.conn.explain(doing, key, err)
	}
	return elements, err
}

// listPrefix is what the keys of a list's elements begin with, and those of no
// other list: the escaped name of a list has no slash.
func listPrefix(list string) []byte {
	return []byte("list/" + url.QueryEscape(list) + "/")
}

// prefixEnd is the first key behind those that have the prefix, which ends in a slash.
func prefixEnd(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	end[len(end)-1]++
	return end
}

// elementsOf are the elements in a list's keys, each as often as its key was put
// since it was made, which is etcd's version of it. The error is one of
// [workloads.Garbage], and names the first key that is no element.
func elementsOf(prefix string, pairs []*mvccpb.KeyValue) (elements []history.Value, err error) {
	elements = make([]history.Value, 0, len(pairs))
	for _, pair := range pairs {
		text, inList := strings.CutPrefix(string(pair.Key), prefix)
		element, is := parse(text)
		if !inList || !is || pair.Version < 1 || pair.Version > repeatsMax {
			if err == nil {
				shown := strconv.QuoteToASCII(text)
				err = fmt.Errorf("%w: found among %d keys: %w", ErrGarbage, len(pairs),
					workloads.Garbage{Text: fmt.Sprintf("%s at version %d", shown[:min(len(shown), garbageShown)], pair.Version)})
			}
			continue
		}
		for range pair.Version {
			elements = append(elements, element)
		}
	}
	return elements, err
}
