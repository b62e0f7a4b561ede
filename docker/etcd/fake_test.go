package etcd

import (
	"context"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// fakeServer answers every Put, Txn and Range with the error, and counts them.
type fakeServer struct {
	etcdserverpb.UnimplementedKVServer
	answer       func() error
	pairs        []*mvccpb.KeyValue // what each Range finds
	requests     atomic.Int64
	serializable atomic.Bool // of the latest Range
}

func (f *fakeServer) Put(context.Context, *etcdserverpb.PutRequest) (*etcdserverpb.PutResponse, error) {
	f.requests.Add(1)
	return &etcdserverpb.PutResponse{}, f.answer()
}

func (f *fakeServer) Txn(context.Context, *etcdserverpb.TxnRequest) (*etcdserverpb.TxnResponse, error) {
	f.requests.Add(1)
	return &etcdserverpb.TxnResponse{}, f.answer()
}

func (f *fakeServer) Range(_ context.Context, request *etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
	f.requests.Add(1)
	f.serializable.Store(request.Serializable)
	return &etcdserverpb.RangeResponse{Kvs: f.pairs}, f.answer()
}

// dialTo is a dialer to one address, whatever it is asked for.
type dialTo string

func (d dialTo) DialAs(ctx context.Context, _ link.End, _ string) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", string(d))
}

// serveFake starts a server and returns a session with it.
func serveFake(t *testing.T, answer func() error) (*fakeServer, link.Session) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	fake := &fakeServer{answer: answer}
	etcdserverpb.RegisterKVServer(server, fake)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends with Stop
	}()
	t.Cleanup(func() { server.Stop(); <-served })
	return fake, link.Session{Node: "n1", Timeout: time.Second, Dialer: dialTo(listener.Addr().String())}
}

func TestErrorsAreClassified(t *testing.T) {
	cases := []struct {
		name    string
		answer  error
		notDone bool
	}{
		// As etcd does it: this one is not a gRPC status, and arrives as codes.Unknown.
		{"too many requests", rpctypes.ErrTooManyRequests, true},
		{"request is too large", rpctypes.ErrGRPCRequestTooLarge, true},
		{"no leader", rpctypes.ErrGRPCNoLeader, true},
		{"not capable", rpctypes.ErrGRPCNotCapable, true},
		{"proposal dropped", status.Error(codes.Unknown, "raft proposal dropped"), true},

		{"leader changed", rpctypes.ErrGRPCLeaderChanged, false},
		{"request timed out", rpctypes.ErrGRPCTimeout, false},
		{"timed out, leader failed", rpctypes.ErrGRPCTimeoutDueToLeaderFail, false},
		{"timed out, connection lost", rpctypes.ErrGRPCTimeoutDueToConnectionLost, false},
		{"server stopped", rpctypes.ErrGRPCStopped, false},
		{"database space exceeded", rpctypes.ErrGRPCNoSpace, false},
		{"corrupt", rpctypes.ErrGRPCCorrupt, false},
		{"unavailable", status.Error(codes.Unavailable, "connection reset"), false},
		{"canceled", status.Error(codes.Canceled, "context canceled"), false},
		{"deadline", status.Error(codes.DeadlineExceeded, "deadline exceeded"), false},
		{"another invalid argument", status.Error(codes.InvalidArgument, "something new"), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			fake, session := serveFake(t, func() error { return c.answer })
			register, err := Cluster{}.OpenRegister(t.Context(), session)
			require.NoError(t, err)
			defer func() { _ = register.Close() }()

			err = register.Write(within(t, ample), "k", 1)
			require.Error(t, err)
			require.Equal(t, c.notDone, workloads.IsNotDone(err), err)
			_, _, err = register.CompareAndSet(within(t, ample), "k", 1, 2)
			require.Error(t, err)
			require.Equal(t, c.notDone, workloads.IsNotDone(err), err)
			_, err = register.Read(within(t, ample), "k")
			require.Error(t, err)
			require.True(t, workloads.IsNotDone(err), "a read has no effect: %v", err)
			require.EqualValues(t, 3, fake.requests.Load(), "each request is sent once")

			appender, err := Cluster{}.OpenAppender(t.Context(), session)
			require.NoError(t, err)
			defer func() { _ = appender.Close() }()
			err = appender.Append(within(t, ample), "l", 1)
			require.Error(t, err)
			require.Equal(t, c.notDone, workloads.IsNotDone(err), err)
			for _, read := range []func(context.Context, string) ([]history.Value, error){appender.List, appender.ListLocal} {
				_, err = read(within(t, ample), "l")
				require.Error(t, err)
				require.True(t, workloads.IsNotDone(err), "a read has no effect: %v", err)
			}
			require.EqualValues(t, 6, fake.requests.Load(), "each request is sent once")
		})
	}
}

func TestSerializable(t *testing.T) {
	for _, serializable := range []bool{false, true} {
		fake, session := serveFake(t, func() error { return nil })
		register, err := Cluster{Serializable: serializable}.OpenRegister(t.Context(), session)
		require.NoError(t, err)
		defer func() { _ = register.Close() }()
		_, err = register.Read(within(t, ample), "k")
		require.NoError(t, err)
		require.Equal(t, serializable, fake.serializable.Load())

		appender, err := Cluster{Serializable: serializable}.OpenAppender(t.Context(), session)
		require.NoError(t, err)
		defer func() { _ = appender.Close() }()
		_, err = appender.ListLocal(within(t, ample), "l")
		require.NoError(t, err)
		require.True(t, fake.serializable.Load())
		_, err = appender.List(within(t, ample), "l")
		require.NoError(t, err)
		require.Equal(t, serializable, fake.serializable.Load())

		require.NoError(t, Cluster{Serializable: true}.Ready(within(t, ample), session))
		require.False(t, fake.serializable.Load(), "readiness is never read from one member alone")
	}
}

// A connection that breaks under a request leaves the outcome unknown, and the
// request is not sent again.
func TestConnectionBreaksUnderWrite(t *testing.T) {
	cut := &cuttingDialer{}
	fake, session := serveFake(t, func() error { cut.cut(); return nil })
	cut.to, session.Dialer = session.Dialer, cut
	register, err := Cluster{}.OpenRegister(t.Context(), session)
	require.NoError(t, err)
	defer func() { _ = register.Close() }()

	err = register.Write(within(t, ample), "k", 1)
	require.Error(t, err)
	require.False(t, workloads.IsNotDone(err), err)
	require.EqualValues(t, 1, fake.requests.Load())
	require.EqualValues(t, 1, cut.dials.Load(), "the request ended with its connection")
}

// A killed node's connection looks ready until its end is read. What finds it lost
// was never sent.
func TestConnectionLostBeforeRequest(t *testing.T) {
	cut := &cuttingDialer{}
	fake, session := serveFake(t, func() error { return nil })
	cut.to, session.Dialer = session.Dialer, cut
	conn, err := connect(session)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.close()) }()

	ctx := within(t, ample)
	err = conn.call(ctx, func(client *grpc.ClientConn) error {
		cut.refuses.Store(true)
		cut.cut()
		client.WaitForStateChange(ctx, connectivity.Ready)
		_, err := etcdserverpb.NewKVClient(client).Put(ctx, &etcdserverpb.PutRequest{Key: []byte("k")})
		return err
	})
	require.True(t, workloads.IsNotDone(err), err)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Zero(t, fake.requests.Load())
}

// cuttingDialer can break the connection that it made last, and refuse others.
type cuttingDialer struct {
	to      link.Dialer
	last    atomic.Value // net.Conn
	dials   atomic.Int64
	refuses atomic.Bool
}

func (c *cuttingDialer) DialAs(ctx context.Context, group link.End, address string) (net.Conn, error) {
	if c.refuses.Load() {
		return nil, syscall.ECONNREFUSED
	}
	conn, err := c.to.DialAs(ctx, group, address)
	if err == nil {
		c.dials.Add(1)
		c.last.Store(conn)
	}
	return conn, err
}

func (c *cuttingDialer) cut() { _ = c.last.Load().(net.Conn).Close() }

// A proxy that accepts for a server that never answers is no connection.
func TestNobodyShakesHands(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	session := link.Session{Node: "n1", Timeout: 50 * time.Millisecond, Dialer: dialTo(listener.Addr().String())}
	register, err := Cluster{}.OpenRegister(t.Context(), session)
	require.NoError(t, err)
	err = register.Write(within(t, 200*time.Millisecond), "k", 1)
	require.True(t, workloads.IsNotDone(err), err)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, register.Close())

	err = register.Write(within(t, 50*time.Millisecond), "k", 1)
	require.True(t, workloads.IsNotDone(err), "nothing is sent after Close: %v", err)
}
