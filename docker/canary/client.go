package canary

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/seatrial/seatrial/docker/canary/store"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// client is one client of the store, which talks to its session's node.
type client struct {
	session link.Session
	conn    *store.Conn // nil where there is none: the next operation makes one
}

var errClosed = errors.New("the client is closed")

// Close ends the connection. A client that was closed does nothing more.
func (c *client) Close() error {
	c.session.Dialer = nil
	return c.hangUp()
}

func (c *client) hangUp() error {
	if c.conn == nil {
		return nil
	}
	conn := c.conn
	c.conn = nil
	return conn.Close()
}

// do sends one request and says what became of it: an error is NotDone where the
// request was certainly not carried out.
func (c *client) do(ctx context.Context, request store.Request) (store.Response, error) {
	if err := c.connect(ctx); err != nil {
		return store.Response{}, workloads.NotDone(err)
	}
	response, sent, err := c.conn.Do(ctx, request)
	if err != nil {
		_ = c.hangUp() // an answer that comes late must not be taken for the next one
		if !sent || !request.Op.HasEffect() {
			err = workloads.NotDone(err)
		}
		return store.Response{}, err
	}
	switch response.Status {
	case store.OK:
		return response, nil
	case store.NotDone:
		return store.Response{}, workloads.NotDone(fmt.Errorf("%s: not done: %s", c.session.Node, response.Error))
	default:
		return store.Response{}, fmt.Errorf("%s: outcome unknown: %s", c.session.Node, response.Error)
	}
}

func (c *client) connect(ctx context.Context) error {
	if c.session.Dialer == nil {
		return errClosed
	}
	if c.conn != nil {
		return nil
	}
	conn, err := c.session.Dial(ctx, c.session.Node+":"+clientPort)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", c.session.Node, err)
	}
	c.conn = store.NewConn(conn)
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

// fromWire is what a node answered; a number that no history can hold is [workloads.Garbage].
func fromWire(v *int64) (history.Value, error) {
	if v == nil {
		return history.Nil, nil
	}
	if *v > history.MaxInt || *v < history.MinInt {
		return history.None, workloads.Garbage{Text: strconv.FormatInt(*v, 10)}
	}
	return history.Int(*v), nil
}
