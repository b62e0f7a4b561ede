package etcd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// How soon a lost connection is tried again. gRPC's own 1 s to 120 s would make
// the client's patience look like the server's recovery time.
var reconnect = backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 300 * time.Millisecond}

// defaultConnectTimeout bounds one connection attempt, HTTP/2 handshake
// included, where the session does not say.
const defaultConnectTimeout = time.Second

// connection is one gRPC connection to a session's node. It is used by one
// goroutine at a time.
type connection struct {
	session link.Session
	client  *grpc.ClientConn // nil where the next request is to make a new one
	begun   atomic.Bool      // the request under way may have left; see [departures]

	mu       sync.Mutex // gRPC dials on its own goroutine
	lastDial error      // why the latest attempt failed; nil where it did not
}

func connect(session link.Session) (*connection, error) {
	if session.Dialer == nil {
		return nil, errors.New("connect to etcd: the session has no dialer")
	}
	c := &connection{session: session}
	if err := c.open(); err != nil {
		return nil, err
	}
	c.client.Connect()
	return c, nil
}

// open makes the gRPC connection; it does not dial yet.
func (c *connection) open() error {
	timeout := c.session.Timeout
	if timeout <= 0 {
		timeout = defaultConnectTimeout
	}
	client, err := grpc.NewClient(
		// Names are resolved by the session's dialer, behind gRPC's back.
		"passthrough:///"+c.session.Node,
		grpc.WithContextDialer(c.dial),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: timeout}),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithStatsHandler(departures{begun: &c.begun}),
	)
	if err != nil {
		return fmt.Errorf("connect to etcd at %s: %w", c.session.Node, err)
	}
	c.client = client
	return nil
}

func (c *connection) dial(ctx context.Context, _ string) (net.Conn, error) {
	conn, err := c.session.Dial(ctx, c.session.Node+":"+ClientPort)
	c.mu.Lock()
	c.lastDial = err
	c.mu.Unlock()
	return conn, err
}

// call makes one request, once. An error is marked as not done where certainly
// nothing was sent: the connection did not become ready before the deadline, or it
// was lost after that and before the request began.
func (c *connection) call(ctx context.Context, request func(*grpc.ClientConn) error) error {
	if err := c.ready(ctx); err != nil {
		return workloads.NotDone(err)
	}
	c.begun.Store(false)
	err := request(c.client)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		c.abandon()
	}
	if !c.begun.Load() {
		return workloads.NotDone(c.nothingSent(err))
	}
	return err
}

// departures notes when a request may have left. A killed node's connection stays
// ready until its end is read, so "ready" does not say that a request was sent, and
// the error "unavailable" does not say that it was not.
//
// gRPC reports the headers, on the caller's goroutine, once they are queued for the
// wire, and hands over the message after that: without the report nothing was sent.
type departures struct{ begun *atomic.Bool }

func (d departures) HandleRPC(_ context.Context, event stats.RPCStats) {
	if _, headers := event.(*stats.OutHeader); headers {
		d.begun.Store(true)
	}
}

func (departures) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (departures) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}
func (departures) HandleConn(context.Context, stats.ConnStats) {}

// ready waits until the connection can take a request.
func (c *connection) ready(ctx context.Context) error {
	if c.client == nil {
		if err := c.open(); err != nil {
			return err
		}
	}
	for {
		state := c.client.GetState()
		switch state {
		case connectivity.Ready:
			return nil
		case connectivity.Shutdown:
			return fmt.Errorf("connect to etcd at %s: the client is closed", c.session.Node)
		case connectivity.Idle:
			c.client.Connect()
		}
		if !c.client.WaitForStateChange(ctx, state) {
			return c.nothingSent(ctx.Err())
		}
	}
}

// nothingSent says why, and adds what the latest attempt to connect met.
func (c *connection) nothingSent(cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lastDial == nil {
		return fmt.Errorf("no connection to etcd at %s in time: %w", c.session.Node, cause)
	}
	return fmt.Errorf("no connection to etcd at %s in time: %w; the latest attempt: %w", c.session.Node, cause, c.lastDial)
}

// abandon drops a connection on which an answer did not come. After a black hole
// TCP's retransmission timer has backed off to about the length of the outage: on
// the old connection a client would go on waiting for a node that has been back
// for seconds.
func (c *connection) abandon() {
	if c.client != nil {
		_ = c.client.Close() // fails only where it is closed already
		c.client = nil
	}
}

func (c *connection) close() error {
	if c.client == nil {
		return nil
	}
	err := c.client.Close()
	c.client = nil
	if err != nil {
		return fmt.Errorf("close the connection to etcd at %s: %w", c.session.Node, err)
	}
	return nil
}
