package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	natsgo "github.com/nats-io/nats.go"

	"github.com/seatrial/seatrial/harness/link"
)

// defaultTimeout bounds what a session without a timeout of its own does.
const defaultTimeout = time.Second

// connection is one connection to the session's node. It is used by one goroutine
// at a time, and not again after an answer did not come.
type connection struct {
	node string
	conn *natsgo.Conn
}

// connect opens a connection, once: no reconnecting, and no other server.
func connect(ctx context.Context, session link.Session) (*connection, error) {
	if session.Dialer == nil {
		return nil, errors.New("connect to nats: the session has no dialer")
	}
	failed := func(err error) error { return fmt.Errorf("connect to nats at %s: %w", session.Node, err) }
	// Dialled here and not by the library, which does not take a context.
	wire, err := session.Dial(ctx, session.Node+":"+ClientPort)
	if err != nil {
		return nil, failed(err)
	}
	timeout := session.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	if deadline, has := ctx.Deadline(); has {
		timeout = min(timeout, max(time.Until(deadline), time.Millisecond))
	}
	conn, err := natsgo.Connect("nats://"+session.Node,
		natsgo.SetCustomDialer(&handOver{wire: wire}), natsgo.NoReconnect(), natsgo.IgnoreDiscoveredServers(),
		natsgo.Timeout(timeout), natsgo.Name(fmt.Sprintf("seatrial %d", session.Process)),
		// The library would print what it meets on standard error.
		natsgo.ErrorHandler(func(*natsgo.Conn, *natsgo.Subscription, error) {}))
	if err != nil {
		wire.Close()
		return nil, failed(err)
	}
	return &connection{node: session.Node, conn: conn}, nil
}

// handOver gives the library a connection that was made for it, once.
type handOver struct {
	wire net.Conn
	used atomic.Bool
}

// Dial implements natsgo.CustomDialer.
func (h *handOver) Dial(string, string) (net.Conn, error) {
	if h.used.Swap(true) {
		return nil, net.ErrClosed
	}
	return h.wire, nil
}

// SkipTLSHandshake tells the library to take the connection as it is.
func (h *handOver) SkipTLSHandshake() bool { return true }

func (c *connection) usable() bool { return c != nil && c.conn.IsConnected() }

func (c *connection) close() {
	if c != nil {
		c.conn.Close()
	}
}

// request sends one message and waits for one answer. After an error that is no
// answer the connection must not be used again.
func (c *connection) request(ctx context.Context, subject string, body []byte) (*natsgo.Msg, error) {
	answer, err := c.conn.RequestWithContext(ctx, subject, body)
	if err != nil && !errors.Is(err, natsgo.ErrNoResponders) {
		c.conn.Close()
	}
	return answer, err
}

// apiError is what JetStream answers where it does not do what was asked.
type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *apiError) Error() string {
	return fmt.Sprintf("jetstream says %d %s (%d)", e.Code, e.Description, e.ErrCode)
}

// api asks JetStream for something; into is filled from its answer.
func (c *connection) api(ctx context.Context, subject string, question, into any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("encode a request: %w", err)
	}
	answer, err := c.request(ctx, "$JS.API."+subject, body)
	if err != nil {
		return err
	}
	var outcome struct {
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &outcome); err != nil {
		return fmt.Errorf("jetstream answered %.80q: %w", answer.Data, err)
	}
	if outcome.Error != nil {
		return outcome.Error
	}
	return json.Unmarshal(answer.Data, into)
}
