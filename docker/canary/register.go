package canary

import (
	"context"
	"errors"
	"fmt"

	"github.com/seatrial/seatrial/docker/canary/store"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// register is one client of the store.
type register struct {
	session link.Session
	conn    *store.Conn // nil where there is none: the next operation makes one
}

var errClosed = errors.New("the client is closed")

// Read implements [workloads.Register].
func (r *register) Read(ctx context.Context, key string) (history.Value, error) {
	response, err := r.do(ctx, store.Request{Op: store.OpRead, Key: key})
	if err != nil {
		return history.None, fmt.Errorf("read %s: %w", key, err)
	}
	value, err := fromWire(response.Value)
	if err != nil {
		return history.None, workloads.NotDone(fmt.Errorf("read %s: %w", key, err))
	}
	return value, nil
}

// Write implements [workloads.Register].
func (r *register) Write(ctx context.Context, key string, value history.Value) error {
	wire, err := toWire(value)
	if err != nil {
		return workloads.NotDone(fmt.Errorf("write %s: %w", key, err))
	}
	if _, err := r.do(ctx, store.Request{Op: store.OpWrite, Key: key, Value: wire}); err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

// CompareAndSet implements [workloads.Register].
func (r *register) CompareAndSet(
	ctx context.Context, key string, expect, value history.Value,
) (swapped bool, saw history.Value, err error) {
	wireExpect, err1 := toWire(expect)
	wireValue, err2 := toWire(value)
	if err := errors.Join(err1, err2); err != nil {
		return false, history.None, workloads.NotDone(fmt.Errorf("compare-and-set %s: %w", key, err))
	}
	response, err := r.do(ctx, store.Request{Op: store.OpCAS, Key: key, Expect: wireExpect, Value: wireValue})
	if err != nil {
		return false, history.None, fmt.Errorf("compare-and-set %s: %w", key, err)
	}
	if response.Swapped {
		return true, expect, nil
	}
	saw, err = fromWire(response.Value)
	if err != nil {
		return false, history.None, fmt.Errorf("compare-and-set %s: %w", key, err)
	}
	return false, saw, nil
}

// Close implements [workloads.Register]. A client that was closed does nothing more.
func (r *register) Close() error {
	r.session.Dialer = nil
	return r.hangUp()
}

func (r *register) hangUp() error {
	if r.conn == nil {
		return nil
	}
	conn := r.conn
	r.conn = nil
	return conn.Close()
}

// do sends one request and says what became of it: an error is NotDone where the
// request was certainly not carried out.
func (r *register) do(ctx context.Context, request store.Request) (store.Response, error) {
	hasEffect := request.Op == store.OpWrite || request.Op == store.OpCAS
	if err := r.connect(ctx); err != nil {
		return store.Response{}, workloads.NotDone(err)
	}
	response, sent, err := r.conn.Do(ctx, request)
	if err != nil {
		_ = r.hangUp() // an answer that comes late must not be taken for the next one
		if !sent || !hasEffect {
			err = workloads.NotDone(err)
		}
		return store.Response{}, err
	}
	switch response.Status {
	case store.OK:
		return response, nil
	case store.NotDone:
		return store.Response{}, workloads.NotDone(fmt.Errorf("%s: not done: %s", r.session.Node, response.Error))
	default:
		return store.Response{}, fmt.Errorf("%s: outcome unknown: %s", r.session.Node, response.Error)
	}
}

func (r *register) connect(ctx context.Context) error {
	if r.session.Dialer == nil {
		return errClosed
	}
	if r.conn != nil {
		return nil
	}
	conn, err := r.session.Dial(ctx, r.session.Node+":"+clientPort)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", r.session.Node, err)
	}
	r.conn = store.NewConn(conn)
	return nil
}

func toWire(v history.Value) (*int64, error) {
	if v == history.Nil {
		return nil, nil
	}
	if !v.IsInt() {
		return nil, errors.New("the store holds integers and nothing else")
	}
	n := int64(v)
	return &n, nil
}

func fromWire(v *int64) (history.Value, error) {
	if v == nil {
		return history.Nil, nil
	}
	if *v > history.MaxInt || *v < history.MinInt {
		return history.None, fmt.Errorf("the store answered %d, which no history can hold", *v)
	}
	return history.Int(*v), nil
}
