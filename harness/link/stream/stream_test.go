package stream_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/stream"
)

const within = 10 * time.Second

var (
	ab = link.Flow{From: "a", To: "b"}
	ba = ab.Reverse()
)

func TestHoldAndDropKeepEveryByteOfOneDirection(t *testing.T) {
	for _, action := range []link.Action{link.HoldBack, link.Drop} {
		t.Run(string(action), func(t *testing.T) {
			s := stream.NewSwitch()
			a, b := joined(t, newRelay(t, s))
			send(t, a, "before ")
			receive(t, b, "before ")

			require.NoError(t, s.Apply("cut", link.Effect{Action: action}, []link.Flow{ab}))
			require.Equal(t, []string{"cut"}, s.Active())
			send(t, a, "during ")
			silent(t, b)
			send(t, b, "other way")
			receive(t, a, "other way")
			waitCount(t, s, "cut", link.Count{Packets: 1, Bytes: 7})

			s.Undo("cut")
			send(t, a, "after")
			receive(t, b, "during after")
			require.Empty(t, s.Active())
			require.Equal(t, link.Count{Packets: 1, Bytes: 7}, s.Count("cut"), "a count outlives its effect")
		})
	}
}

func TestTwoHoldsReleaseWhenBothAreUndone(t *testing.T) {
	s := stream.NewSwitch()
	a, b := joined(t, newRelay(t, s))
	require.NoError(t, s.Apply("one", link.Effect{Action: link.HoldBack}, []link.Flow{ab, ba}))
	send(t, a, "x")
	waitCount(t, s, "one", link.Count{Packets: 1, Bytes: 1})
	require.NoError(t, s.Apply("two", link.Effect{Action: link.Drop}, []link.Flow{ab}))
	waitCount(t, s, "two", link.Count{Packets: 1, Bytes: 1}) // what already waits counts for it too
	s.Undo("one")
	silent(t, b)
	require.Equal(t, []string{"two"}, s.Active())
	s.Undo("two")
	receive(t, b, "x")
	s.Undo("two")
	s.Undo("never applied")
}

func TestApplyAgain(t *testing.T) {
	s := stream.NewSwitch()
	hold := link.Effect{Action: link.HoldBack}
	require.NoError(t, s.Apply("x", hold, []link.Flow{ab}))
	require.NoError(t, s.Apply("x", hold, []link.Flow{ab}), "a repeated request is fine")
	require.ErrorContains(t, s.Apply("x", hold, []link.Flow{ba}), "in use")
	s.Undo("x")
	require.NoError(t, s.Apply("x", hold, []link.Flow{ba}))

	require.ErrorContains(t, s.Apply("", hold, []link.Flow{ab}), "id")
	require.ErrorContains(t, s.Apply("y", hold, nil), "no flow")
	require.ErrorContains(t, s.Apply("y", link.Effect{Action: "partition"}, []link.Flow{ab}), "partition")
	require.ErrorContains(t, s.Apply("y", link.Effect{Action: link.Delay}, []link.Flow{ab}), "latency")
}

func TestDelayIsAtLeastTheLatencyAndDoesNotThrottle(t *testing.T) {
	const latency = 150 * time.Millisecond
	s := stream.NewSwitch()
	a, b := joined(t, newRelay(t, s))
	require.NoError(t, s.Apply("slow", link.Effect{Action: link.Delay, Latency: latency}, []link.Flow{ab}))
	data := make([]byte, 4<<20) // 128 chunks and more: one after the other they would need 19 s
	for i := range data {
		data[i] = byte(rand.IntN(256))
	}
	began := time.Now()
	failed := make(chan error, 1)
	go func() { _, err := a.Write(data); failed <- err }()
	first := make([]byte, 1)
	_, err := io.ReadFull(b, first)
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), latency)
	rest := make([]byte, len(data)-1)
	_, err = io.ReadFull(b, rest)
	require.NoError(t, err)
	require.NoError(t, <-failed)
	require.True(t, bytes.Equal(data, append(first, rest...)), "bytes out of order")
	require.Equal(t, uint64(len(data)), s.Count("slow").Bytes)
}

func TestUndoingADelayReleasesAtOnceInOrder(t *testing.T) {
	s := stream.NewSwitch()
	a, b := joined(t, newRelay(t, s))
	require.NoError(t, s.Apply("slow", link.Effect{Action: link.Delay, Latency: time.Hour}, []link.Flow{ab}))
	send(t, a, "one ")
	waitCount(t, s, "slow", link.Count{Packets: 1, Bytes: 4})
	s.Undo("slow")
	send(t, a, "two")
	receive(t, b, "one two")
}

func TestJitterKeepsOrder(t *testing.T) {
	s := stream.NewSwitch()
	a, b := joined(t, newRelay(t, s))
	jitter := link.Effect{Action: link.Delay, Latency: 5 * time.Millisecond, Jitter: 5 * time.Millisecond, Seed: 7}
	require.NoError(t, s.Apply("jitter", jitter, []link.Flow{ab}))
	var want bytes.Buffer
	for i := range 50 {
		chunk := bytes.Repeat([]byte{byte(i)}, 1+i)
		want.Write(chunk)
		send(t, a, string(chunk))
	}
	receive(t, b, want.String())
}

func TestRefuseResetsOldConnectionsAndNewOnes(t *testing.T) {
	s := stream.NewSwitch()
	r := newRelay(t, s)
	address := serve(t, r, echo(t))
	old := dial(t, address)
	send(t, old, "x")
	receive(t, old, "x")

	require.NoError(t, s.Apply("reject", link.Effect{Action: link.Refuse}, []link.Flow{ba}))
	broken(t, old)
	require.Equal(t, link.Count{Packets: 1}, s.Count("reject"))
	refused(t, address)
	waitCount(t, s, "reject", link.Count{Packets: 2})
	require.ErrorIs(t, s.Admit(t.Context(), "a", "b", 0), syscall.ECONNREFUSED)

	near, _ := loopback(t)
	far, _ := loopback(t)
	require.ErrorIs(t, r.Join(near, far), syscall.ECONNREFUSED)

	s.Undo("reject")
	again := dial(t, address)
	send(t, again, "y")
	receive(t, again, "y")
}

func TestRefuseWinsOverHold(t *testing.T) {
	s := stream.NewSwitch()
	a, b := joined(t, newRelay(t, s))
	require.NoError(t, s.Apply("hold", link.Effect{Action: link.HoldBack}, []link.Flow{ab, ba}))
	send(t, a, "lost with its connection")
	waitCount(t, s, "hold", link.Count{Packets: 1, Bytes: 24})
	require.NoError(t, s.Apply("reject", link.Effect{Action: link.Refuse}, []link.Flow{ab}))
	broken(t, a)
	broken(t, b)
}

func TestANewConnectionWaitsWhileHeld(t *testing.T) {
	for _, flow := range []link.Flow{ab, ba} {
		t.Run(flow.String(), func(t *testing.T) {
			s := stream.NewSwitch()
			r := newRelay(t, s)
			dialled := make(chan struct{}, 8)
			upstream := stream.DialTo(echo(t), nil)
			r.Dial = func(ctx context.Context) (net.Conn, error) { dialled <- struct{}{}; return upstream(ctx) }
			address := serve(t, r, "")
			require.NoError(t, s.Apply("cut", link.Effect{Action: link.Drop}, []link.Flow{flow}))
			conn := dial(t, address)
			send(t, conn, "hello")
			silent(t, conn)
			require.Empty(t, dialled, "the upstream was dialled through a cut")
			waitCount(t, s, "cut", link.Count{Packets: 1})

			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			require.ErrorIs(t, s.Admit(ctx, "a", "b", 0), context.DeadlineExceeded)

			s.Undo("cut")
			receive(t, conn, "hello")
		})
	}
}

func TestAClientThatGaveUpWhileItWaitedIsNotConnected(t *testing.T) {
	s := stream.NewSwitch()
	r := newRelay(t, s)
	dialled := make(chan struct{}, 8)
	r.Dial = func(context.Context) (net.Conn, error) {
		dialled <- struct{}{}
		return nil, errors.New("unexpected")
	}
	before := descriptors(t)
	address := serve(t, r, "")
	require.NoError(t, s.Apply("cut", link.Effect{Action: link.Drop}, []link.Flow{ab}))
	for range 3 {
		conn := dial(t, address)
		send(t, conn, "unheard")
		require.NoError(t, conn.Close())
	}
	waitCount(t, s, "cut", link.Count{Packets: 3})
	require.Eventually(t, func() bool { return descriptors(t) <= before+1 }, within, 10*time.Millisecond,
		"descriptors of clients that gave up are kept")
	s.Undo("cut")
	silent(t, dialAndFail(t, address, dialled))
}

// dialAndFail returns a connection on which nothing is to arrive, after proving
// that exactly one dial, its own, reached the upstream.
func dialAndFail(t *testing.T, address string, dialled <-chan struct{}) net.Conn {
	t.Helper()
	refused(t, address) // the upstream's dial fails, so this is reset
	require.Len(t, dialled, 1)
	quiet, _ := loopback(t)
	return quiet
}

func TestADeadUpstreamResetsTheClient(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	address := serve(t, newRelay(t, stream.NewSwitch()), listener.Addr().String())
	refused(t, address)
}

func TestHalfCloseStaysHalf(t *testing.T) {
	r := newRelay(t, stream.NewSwitch())
	a, b := joined(t, r)
	send(t, a, "question")
	require.NoError(t, a.(*net.TCPConn).CloseWrite())
	got, err := io.ReadAll(b)
	require.NoError(t, err)
	require.Equal(t, "question", string(got))
	send(t, b, "answer")
	require.NoError(t, b.Close())
	got, err = io.ReadAll(a)
	require.NoError(t, err)
	require.Equal(t, "answer", string(got))
	require.Eventually(t, func() bool { return r.Connections() == 0 }, within, time.Millisecond)
}

func TestAResetIsPassedOn(t *testing.T) {
	r := newRelay(t, stream.NewSwitch())
	a, b := joined(t, r)
	send(t, a, "x")
	receive(t, b, "x")
	require.NoError(t, a.(*net.TCPConn).SetLinger(0))
	require.NoError(t, a.Close())
	broken(t, b)
	require.Eventually(t, func() bool { return r.Connections() == 0 }, within, time.Millisecond)
}

func TestTheEndOfAStreamWaitsBehindItsBytes(t *testing.T) {
	s := stream.NewSwitch()
	a, b := joined(t, newRelay(t, s))
	require.NoError(t, s.Apply("cut", link.Effect{Action: link.Drop}, []link.Flow{ab, ba}))
	send(t, a, "last words")
	require.NoError(t, a.Close())
	silent(t, b)
	waitCount(t, s, "cut", link.Count{Packets: 2, Bytes: 10})
	s.Undo("cut")
	got, err := io.ReadAll(b)
	require.NoError(t, err)
	require.Equal(t, "last words", string(got))
}

func TestAProbeSeesOneDirectionAndCountsNothing(t *testing.T) {
	s := stream.NewSwitch()
	r := newRelay(t, s)
	r.Probe = true
	a, b := joined(t, r)
	require.NoError(t, s.Apply("back", link.Effect{Action: link.Drop}, []link.Flow{ba}))
	send(t, a, "x")
	receive(t, b, "x")
	require.NoError(t, s.Apply("out", link.Effect{Action: link.Drop}, []link.Flow{ab}))
	send(t, a, "y")
	silent(t, b)
	require.Equal(t, link.Count{}, s.Count("out"))
	s.Undo("out")
	receive(t, b, "y")
	require.NoError(t, s.Apply("reject", link.Effect{Action: link.Refuse}, []link.Flow{ab}))
	broken(t, a)
	require.Equal(t, link.Count{}, s.Count("reject"))
}

// A gate that is full, a writer that is stuck and a peer that vanishes: nothing may
// stay behind. This is where a plain toxiproxy leaves goroutines for ever.
func TestNothingIsLeftBehind(t *testing.T) {
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	s := stream.NewSwitch()
	r := &stream.Relay{Switch: s, From: "a", To: "b"}
	for _, ending := range []func(a, b net.Conn){
		func(a, b net.Conn) { a.Close(); b.Close() },
		func(a, b net.Conn) { b.(*net.TCPConn).SetLinger(0); b.Close() }, // a keeps writing, then sees the reset
		func(a, b net.Conn) { r.Close() },
	} {
		a, b := joined(t, r)
		require.NoError(t, s.Apply("hold", link.Effect{Action: link.HoldBack}, []link.Flow{ba}))
		stuck := make(chan struct{})
		go func() { // nobody reads b: the writer blocks, the gate fills, then a's buffers
			defer close(stuck)
			for chunk := make([]byte, 1<<20); ; {
				if _, err := a.Write(chunk); err != nil {
					return
				}
			}
		}()
		_, err := io.CopyN(io.Discard, b, 2<<20)
		require.NoError(t, err)
		ending(a, b)
		s.Undo("hold")
		<-stuck
		a.Close()
		b.Close()
	}
	require.NoError(t, r.Close())
	left := func() bool { return descriptors(t) > files || runtime.NumGoroutine() > goroutines }
	// require.Eventually would count its own goroutine.
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(within); left() && time.Now().Before(end); <-look.C {
	}
	if left() {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		t.Fatalf("descriptors %d, were %d; goroutines %d, were %d:\n%s",
			descriptors(t), files, runtime.NumGoroutine(), goroutines, stacks)
	}
	require.Zero(t, r.Connections())
	near, far := loopback(t)
	require.ErrorIs(t, r.Join(near, far), stream.ErrClosed)
}

// Many flows are switched all the time while bytes run both ways: none is lost or
// moved. Under the race detector it is also the proof that the tables are clean.
func TestSwitchingUnderLoadLosesNothing(t *testing.T) {
	const size = 2 << 20
	s := stream.NewSwitch()
	r := newRelay(t, s)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		actions := []link.Effect{{Action: link.HoldBack}, {Action: link.Drop}, {Action: link.Delay, Latency: time.Millisecond, Jitter: time.Millisecond},
			throttle(1 << 20), slice(1000, time.Microsecond), slowClose(time.Millisecond)}
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if s.Apply("x", actions[i%len(actions)], []link.Flow{ab, ba}) != nil {
				return
			}
			runtime.Gosched()
			s.Undo("x")
		}
	}()
	var wait sync.WaitGroup
	type result struct {
		err  error
		same bool
	}
	results := make(chan result, 8)
	for seed := range uint64(4) {
		a, b := joined(t, r)
		for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
			require.NoError(t, way[0].SetDeadline(time.Now().Add(6*within))) // a busy machine needs its time
			wait.Go(func() {
				data := make([]byte, size)
				source := rand.New(rand.NewPCG(seed, 1))
				for i := range data {
					data[i] = byte(source.Uint32())
				}
				go func() { _, _ = way[0].Write(data) }() // a failure shows on the other side
				got := make([]byte, size)
				_, err := io.ReadFull(way[1], got)
				results <- result{err, bytes.Equal(got, data)}
			})
		}
	}
	wait.Wait()
	close(stop)
	<-stopped
	close(results)
	for r := range results {
		require.NoError(t, r.err)
		require.True(t, r.same, "bytes were lost or moved")
	}
}
