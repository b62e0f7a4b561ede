package etcd

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// ErrGarbage is wrapped by the error of an operation that found something that no
// client of this package writes. The error says what was found.
var ErrGarbage = errors.New("not what a client wrote")

// garbageShown is how much of it an error shows, in bytes.
const garbageShown = 100

// OpenRegister returns a client of the session's node. It does not wait for the
// node: each operation waits until its deadline for the connection.
func (c Cluster) OpenRegister(_ context.Context, session link.Session) (workloads.Register, error) {
	conn, err := connect(session)
	if err != nil {
		return nil, err
	}
	return &register{conn: conn, serializable: c.Serializable}, nil
}

type register struct {
	conn         *connection
	serializable bool
}

// Read is a Range of one key. Its errors are all marked as not done: whatever
// went wrong, a read has no effect.
func (r *register) Read(ctx context.Context, key string) (history.Value, error) {
	var answer *etcdserverpb.RangeResponse
	err := r.conn.call(ctx, func(client *grpc.ClientConn) (err error) {
		answer, err = etcdserverpb.NewKVClient(client).Range(ctx,
			&etcdserverpb.RangeRequest{Key: []byte(key), Serializable: r.serializable})
		return err
	})
	if err == nil {
		value, err := decode(answer.Kvs)
		return value, err
	}
	return history.None, workloads.NotDone(r.conn.explain("read", key, err))
}

// Write is a Put.
func (r *register) Write(ctx context.Context, key string, value history.Value) error {
	text, err := encode(value)
	if err != nil {
		return workloads.NotDone(r.conn.explain("write", key, err))
	}
	err = r.conn.call(ctx, func(client *grpc.ClientConn) error {
		_, err := etcdserverpb.NewKVClient(client).Put(ctx, &etcdserverpb.PutRequest{Key: []byte(key), Value: text})
		return err
	})
	return r.conn.judge("write", key, err)
}

// CompareAndSet is one transaction. Where the key did not hold what was expected,
// saw is what it held at that same point of etcd's log.
func (r *register) CompareAndSet(ctx context.Context, key string, expect, value history.Value) (swapped bool, saw history.Value, err error) {
	request, err := compareAndSet(key, expect, value)
	if err != nil {
		return false, history.None, workloads.NotDone(r.conn.explain("compare-and-set", key, err))
	}
	var answer *etcdserverpb.TxnResponse
	err = r.conn.call(ctx, func(client *grpc.ClientConn) (err error) {
		answer, err = etcdserverpb.NewKVClient(client).Txn(ctx, request)
		return err
	})
	if err != nil {
		return false, history.None, r.conn.judge("compare-and-set", key, err)
	}
	if answer.Succeeded {
		return true, history.None, nil
	}
	// From here on etcd has said that it stored nothing.
	if len(answer.Responses) != 1 || answer.Responses[0].GetResponseRange() == nil {
		return false, history.None, workloads.NotDone(r.conn.explain("compare-and-set", key,
			fmt.Errorf("a range was asked for, and %d other answers came", len(answer.Responses))))
	}
	saw, err = decode(answer.Responses[0].GetResponseRange().Kvs)
	return false, saw, err
}

// Close closes the connection.
func (r *register) Close() error { return r.conn.close() }

// compareAndSet is If(key holds expect).Then(Put).Else(Range).
func compareAndSet(key string, expect, value history.Value) (*etcdserverpb.TxnRequest, error) {
	text, err := encode(value)
	if err != nil {
		return nil, err
	}
	compare := &etcdserverpb.Compare{Key: []byte(key), Result: etcdserverpb.Compare_EQUAL}
	if expect == history.Nil {
		// A comparison of values is false for an absent key, whatever it is
		// compared with; its revision compares as zero.
		compare.Target = etcdserverpb.Compare_MOD
		compare.TargetUnion = &etcdserverpb.Compare_ModRevision{ModRevision: 0}
	} else {
		expected, err := encode(expect)
		if err != nil {
			return nil, fmt.Errorf("what is expected: %w", err)
		}
		compare.Target = etcdserverpb.Compare_VALUE
		compare.TargetUnion = &etcdserverpb.Compare_Value{Value: expected}
	}
	return &etcdserverpb.TxnRequest{
		Compare: []*etcdserverpb.Compare{compare},
		Success: []*etcdserverpb.RequestOp{{Request: &etcdserverpb.RequestOp_RequestPut{
			RequestPut: &etcdserverpb.PutRequest{Key: []byte(key), Value: text},
		}}},
		Failure: []*etcdserverpb.RequestOp{{Request: &etcdserverpb.RequestOp_RequestRange{
			RequestRange: &etcdserverpb.RangeRequest{Key: []byte(key)},
		}}},
	}, nil
}

func encode(value history.Value) ([]byte, error) {
	if !value.IsInt() {
		return nil, errors.New("only integers are stored in etcd")
	}
	return strconv.AppendInt(nil, int64(value), 10), nil
}

// decode is the value of a key from the answer to a Range of that key alone.
func decode(pairs []*mvccpb.KeyValue) (history.Value, error) {
	switch len(pairs) {
	case 0:
		return history.Nil, nil
	case 1:
	default:
		return history.None, fmt.Errorf("%w: one key was asked for: %w", ErrGarbage, workloads.Garbage{Text: fmt.Sprintf("%d keys instead of one", len(pairs))})
	}
	text := string(pairs[0].Value)
	value, is := parse(text)
	if !is {
		return history.None, fmt.Errorf("%w: found %d bytes: %w", ErrGarbage, len(text), workloads.Garbage{Text: text[:min(len(text), garbageShown)]})
	}
	return value, nil
}

// parse is the integer that [encode] makes this text of. "007" and "+7" are
// integers too, but nobody wrote them.
func parse(text string) (value history.Value, is bool) {
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < history.MinInt || number > history.MaxInt || strconv.FormatInt(number, 10) != text {
		return history.None, false
	}
	return history.Int(number), true
}
