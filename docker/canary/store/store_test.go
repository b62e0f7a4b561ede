package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

const patience = 20 * time.Second

func alone(data string) Options {
	return Options{
		Node: "n1", ClientListen: "127.0.0.1:0", PeerListen: "127.0.0.1:0",
		Peers: map[string]string{"n1": "127.0.0.1:1"}, Data: data,
	}
}

// openAlone opens a cluster of one node and waits until it leads.
func openAlone(t *testing.T, options Options) *Store {
	t.Helper()
	s, err := Open(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for deadline := time.Now().Add(patience); ; {
		response := s.Do(t.Context(), Request{Op: OpRead, Key: "k"})
		if response.Status == OK {
			return s
		}
		require.True(t, time.Now().Before(deadline), "waited %v until it leads: %+v", patience, response)
		<-time.After(5 * time.Millisecond)
	}
}

func dialClient(t *testing.T, s *Store) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.ClientAddr())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

func TestDataSurvivesARestart(t *testing.T) {
	options := alone(filepath.Join(t.TempDir(), "made", "on", "demand"))
	s := openAlone(t, options)
	for key, value := range map[string]int64{"a": 1, "b": 2} {
		require.Equal(t, OK, s.Do(t.Context(), Request{Op: OpWrite, Key: key, Value: &value}).Status)
	}
	require.NoError(t, s.raft.Snapshot().Error())
	require.Equal(t, OK, s.Do(t.Context(), Request{Op: OpWrite, Key: "b", Value: pointer(3)}).Status)
	before := s.status()
	require.NoError(t, s.Close())

	again := openAlone(t, options)
	require.Equal(t, pointer(1), again.Do(t.Context(), Request{Op: OpRead, Key: "a"}).Value)
	require.Equal(t, pointer(3), again.Do(t.Context(), Request{Op: OpRead, Key: "b"}).Value)
	after := again.status()
	require.Equal(t, "n1", after.Leader)
	require.Greater(t, after.Term, before.Term)
	require.Greater(t, after.Applied, before.Applied)
}

func TestClientPort(t *testing.T) {
	s := openAlone(t, alone(t.TempDir()))
	conn := dialClient(t, s)
	answers := json.NewDecoder(conn)
	for _, step := range []struct{ ask, told string }{
		{`{"op":"write","key":"k","value":17}`, `{"status":"ok"}`},
		{`{"op":"read","key":"k"}`, `{"status":"ok","value":17}`},
		{`{"op":"read","key":"other"}`, `{"status":"ok"}`},
		{`{"op":"cas","key":"k","expect":17,"value":23}`, `{"status":"ok","swapped":true}`},
		{`{"op":"cas","key":"k","expect":17,"value":24}`, `{"status":"ok","value":23}`},
		{`{"op":"list","key":"k"}`, `{"status":"ok"}`},
		{`{"op":"append","key":"k","value":5}`, `{"status":"ok"}`},
		{`{"op":"append","key":"k","value":-6}`, `{"status":"ok"}`},
		{`{"op":"list","key":"k"}`, `{"status":"ok","list":[5,-6]}`},
		{`{"op":"list-local","key":"k"}`, `{"status":"ok","list":[5,-6]}`},
		{`{"op":"read","key":"k"}`, `{"status":"ok","value":23}`},
	} {
		_, err := conn.Write([]byte(step.ask + "\n"))
		require.NoError(t, err)
		var told json.RawMessage
		require.NoError(t, answers.Decode(&told))
		require.JSONEq(t, step.told, string(told), step.ask)
	}
	for _, nonsense := range []string{"\n", "nonsense\n", `{"op":"write"}` + "\n"} {
		_, err := conn.Write([]byte(nonsense))
		require.NoError(t, err)
		var told Response
		require.NoError(t, answers.Decode(&told))
		require.Equal(t, NotDone, told.Status)
		require.NotEmpty(t, told.Error)
	}
	_, err := conn.Write([]byte(strings.Repeat("x", MaxLineBytes+100)))
	require.NoError(t, err)
	var told Response
	require.NoError(t, answers.Decode(&told))
	require.Contains(t, told.Error, "a line of more than")
}

func TestCloseEndsConnections(t *testing.T) {
	s := openAlone(t, alone(t.TempDir()))
	conn := dialClient(t, s)
	require.NoError(t, s.Close())
	_, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
	var timeout net.Error
	require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "%v", err)
	require.NoError(t, s.Close())
}

func TestPeerThatDoesNotLeadRefusesWhatIsHandedToIt(t *testing.T) {
	options := alone(t.TempDir())
	options.Peers["n2"], options.Peers["n3"] = "127.0.0.1:1", "127.0.0.1:1" // nobody is there: no majority
	s, err := Open(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	conn, err := net.Dial("tcp", s.PeerAddr())
	require.NoError(t, err)
	_, err = conn.Write([]byte{streamForward})
	require.NoError(t, err)
	require.NoError(t, awaitGreeting(conn))
	peer := NewConn(conn)
	defer peer.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, op := range []Op{OpRead, OpWrite, OpCAS, OpList, OpAppend} {
		request := Request{Op: op, Key: "k"}
		if op == OpAppend {
			request.Value = pointer(1)
		}
		response, _, err := peer.Do(ctx, request)
		require.NoError(t, err)
		require.Equal(t, NotDone, response.Status)
		require.Equal(t, NotDone, s.Do(ctx, request).Status)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"not among the peers": func(o *Options) { o.Node = "n9" },
		"has no name":         func(o *Options) { o.Node = "" },
		"listen on":           func(o *Options) { o.PeerListen = "" },
		"data folder":         func(o *Options) { o.Data = "" },
		"ack-before-commit":   func(o *Options) { o.Defect = "rust" },
		"listen for peers":    func(o *Options) { o.PeerListen = "nowhere:x" },
		"listen for clients":  func(o *Options) { o.ClientListen = "nowhere:x" },
		"make the data":       func(o *Options) { o.Data = "/dev/null/data" },
	} {
		options := alone(t.TempDir())
		change(&options)
		_, err := Open(options)
		require.ErrorContains(t, err, want)
	}
}

func TestParsePeers(t *testing.T) {
	peers, err := ParsePeers("n1=127.0.0.1:1,n2=[::1]:2")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"n1": "127.0.0.1:1", "n2": "[::1]:2"}, peers)
	for _, text := range []string{"", "n1", "n1=", "=x:1", "n1=x:1,", "n1=x:1,n1=y:1"} {
		_, err := ParsePeers(text)
		require.Error(t, err, "%q", text)
	}
}

func TestOnlyWhatNeverGotIntoTheLogIsNotDone(t *testing.T) {
	for err, want := range map[error]Status{
		raft.ErrNotLeader:                    NotDone,
		raft.ErrEnqueueTimeout:               NotDone,
		raft.ErrLeadershipTransferInProgress: NotDone,
		raft.ErrLeadershipLost:               Unknown,
		raft.ErrRaftShutdown:                 Unknown,
		errors.New("disk on fire"):           Unknown,
	} {
		require.Equal(t, want, proposeFailed(err).Status, "%v", err)
	}
	for _, op := range []Op{OpRead, OpList, OpListLocal, OpSync, OpStatus} {
		require.Equal(t, NotDone, failed(op, "lost").Status)
	}
	for _, op := range []Op{OpWrite, OpCAS, OpAppend} {
		require.Equal(t, Unknown, failed(op, "lost").Status)
	}
}

// A read that comes while a barrier is under way must not use it: the barrier may
// have begun before a write that the reader knows of was acknowledged.
func TestReadsShareOnlyBarriersThatBeganLater(t *testing.T) {
	began, finish := make(chan int, 10), make(chan error)
	count := 0
	b := &barriers{issue: func() error {
		count++
		began <- count
		return <-finish
	}}
	var late sync.WaitGroup
	first := make(chan error, 1)
	go func() { first <- b.wait(t.Context()) }()
	require.Equal(t, 1, <-began)
	results := make(chan error, 5)
	joined := func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.next != nil }
	for range cap(results) {
		late.Go(func() { results <- b.wait(t.Context()) })
	}
	for !joined() {
		<-time.After(time.Millisecond)
	}
	finish <- nil
	require.NoError(t, <-first)
	require.Equal(t, 2, <-began)
	require.Empty(t, results, "the second barrier is still under way")
	broken := errors.New("no majority")
	finish <- broken
	for range cap(results) {
		select {
		case err := <-results:
			require.ErrorIs(t, err, broken)
		case <-began: // somebody came after the second had begun
			finish <- broken
			require.ErrorIs(t, <-results, broken)
		}
	}
	late.Wait()

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.wait(ended), context.Canceled)
	<-began
	finish <- nil
}

func TestLogIsWritten(t *testing.T) {
	var log syncBuffer
	options := alone(t.TempDir())
	options.Log = &log
	s := openAlone(t, options)
	require.NoError(t, s.Close())
	require.Contains(t, log.String(), "election won")
}

type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
