package wire_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

const within = 10 * time.Second

func TestPreamble(t *testing.T) {
	for line, want := range map[string]wire.Preamble{
		"SEATRIAL t0k CONTROL":                        {Token: "t0k", Kind: wire.KindControl},
		"SEATRIAL t0k CONNECT n1:6379 AS c2":          {Token: "t0k", Kind: wire.KindConnect, Target: "n1:6379", Group: "c2"},
		"SEATRIAL t0k CONNECT 10.0.0.2:1 AS clients":  {Token: "t0k", Kind: wire.KindConnect, Target: "10.0.0.2:1", Group: "clients"},
		"SEATRIAL t0k CONNECT [fd00::1]:65535 AS c-1": {Token: "t0k", Kind: wire.KindConnect, Target: "[fd00::1]:65535", Group: "c-1"},
	} {
		got, err := wire.ParsePreamble(line)
		require.NoError(t, err, line)
		require.Equal(t, want, got)
		require.Equal(t, line, want.String())
	}
	for _, line := range []string{
		"", "SEATRIAL", "SEATRIAL t CONTROL ", "SEATRIAL  CONTROL", "SEATRIAL t SHELL", "seatrial t CONTROL",
		"SEATRIAL t CONNECT n1:6379", "SEATRIAL t CONNECT n1 AS c", "SEATRIAL t CONNECT :1 AS c",
		"SEATRIAL t CONNECT n1:0 AS c", "SEATRIAL t CONNECT n1:65536 AS c", "SEATRIAL t CONNECT n1:redis AS c",
		"SEATRIAL t CONNECT n1:1 TO c", "SEATRIAL t CONNECT n1:1 AS c d", "SEATRIAL t CONNECT n1:1 AS \x00",
		"SEATRIAL t CONTROL\r", "SEATRIAL " + strings.Repeat("t", wire.PreambleMax) + " CONTROL",
	} {
		_, err := wire.ParsePreamble(line)
		require.ErrorIs(t, err, wire.ErrPreamble, "%q", line)
	}
}

func TestReadPreambleLeavesWhatFollows(t *testing.T) {
	r := bufio.NewReader(strings.NewReader("SEATRIAL t CONTROL\nrest"))
	_, err := wire.ReadPreamble(r)
	require.NoError(t, err)
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "rest", string(rest))
	_, err = wire.ReadPreamble(bufio.NewReader(strings.NewReader("SEATRIAL t CONT")))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = wire.ReadPreamble(bufio.NewReader(&endless{}))
	require.ErrorContains(t, err, "no end of line")
}

type endless struct{ read int }

func (e *endless) Read(to []byte) (int, error) {
	e.read += len(to)
	if e.read > 1<<20 {
		return 0, errors.New("read without limit")
	}
	return copy(to, bytes.Repeat([]byte("x"), len(to))), nil
}

func TestToken(t *testing.T) {
	require.True(t, wire.SameToken("abc", "abc"))
	require.False(t, wire.SameToken("abc", "abd"))
	require.False(t, wire.SameToken("abc", "abcd"))
	require.False(t, wire.SameToken("", ""), "no token is not a token")
}

func FuzzPreamble(f *testing.F) {
	f.Add("SEATRIAL t CONNECT n1:1 AS c")
	f.Add("SEATRIAL t CONTROL")
	f.Add("SEATRIAL t CONNECT [::1%eth0]:1 AS c")
	f.Fuzz(func(t *testing.T, line string) {
		p, err := wire.ParsePreamble(line)
		if err == nil && p.String() != line {
			t.Fatalf("%q was read as %q", line, p)
		}
	})
}

func FuzzRequest(f *testing.F) {
	effect := link.Effect{Action: link.Delay, Latency: time.Second}
	for _, r := range []wire.Request{
		{Op: wire.OpHello}, {Op: wire.OpUndo, ID: "f1"},
		{Op: wire.OpApply, ID: "f1", Effect: &effect, Flows: []link.Flow{{From: "n1", To: "n2"}}},
		{Op: wire.OpApply, ID: "f2", Effect: &link.Effect{Action: link.Throttle, BytesPerSecond: 2000}, Flows: []link.Flow{{From: "n1", To: "n2"}}},
		{Op: wire.OpApply, ID: "f3", Effect: &link.Effect{Action: link.Slice, SliceBytes: 7}, Flows: []link.Flow{{From: "n1", To: "n2"}}},
		{Op: wire.OpApplyNames, ID: "f4", Names: &link.NameEffect{Action: link.WrongAnswer, Names: []string{"n2"}, Answer: "n3"}},
		{Op: wire.OpResolve, Resolve: &wire.ResolveSpec{Name: "n2", Timeout: 1}},
		{Op: wire.OpProbeSend, Probe: &wire.ProbeSpec{To: "n2", Nonce: 1, Transport: link.UDP, Timeout: 1}},
		{Op: wire.OpConfigure, Config: &wire.Config{Node: "n1", Peers: map[link.End][]netip.Addr{"n2": {netip.MustParseAddr("10.0.0.2")}}}},
	} {
		text, err := json.Marshal(r)
		require.NoError(f, err)
		f.Add(append(text, '\n'))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := wire.ReadRequest(bufio.NewReader(bytes.NewReader(line)))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := wire.WriteMessage(&out, r); err != nil {
			t.Fatalf("a request that was read can't be written: %v", err)
		}
		if _, err := wire.ReadRequest(bufio.NewReader(&out)); err != nil {
			t.Fatalf("a request that was written can't be read: %v", err)
		}
	})
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	ok := wire.Request{Op: wire.OpApply, ID: "f1", Effect: &link.Effect{Action: link.Drop}, Flows: []link.Flow{{From: "n1", To: "n2"}}}
	require.NoError(t, ok.Validate())
	config := func(change func(*wire.Config)) wire.Request {
		c := wire.Config{Node: "n1", Peers: map[link.End][]netip.Addr{"n2": {netip.MustParseAddr("10.0.0.2")}}, PeerPorts: []uint16{1}}
		change(&c)
		return wire.Request{Op: wire.OpConfigure, Config: &c}
	}
	require.NoError(t, config(func(*wire.Config) {}).Validate())
	for name, r := range map[string]wire.Request{
		"no op":            {},
		"unknown op":       {Op: "format"},
		"no id":            {Op: wire.OpUndo},
		"id too long":      {Op: wire.OpCount, ID: strings.Repeat("x", wire.IDMax+1)},
		"id with a quote":  {Op: wire.OpUndo, ID: `"`},
		"id with an end":   {Op: wire.OpUndo, ID: "a\nb"},
		"no effect":        {Op: wire.OpApply, ID: "f", Flows: ok.Flows},
		"no flow":          {Op: wire.OpApply, ID: "f", Effect: ok.Effect},
		"unknown action":   {Op: wire.OpApply, ID: "f", Effect: &link.Effect{Action: "partition"}, Flows: ok.Flows},
		"flow to itself":   {Op: wire.OpApply, ID: "f", Effect: ok.Effect, Flows: []link.Flow{{From: "n1", To: "n1"}}},
		"negative delay":   {Op: wire.OpApply, ID: "f", Effect: &link.Effect{Action: link.Delay, Latency: -1}, Flows: ok.Flows},
		"no delay":         {Op: wire.OpApply, ID: "f", Effect: &link.Effect{Action: link.Delay}, Flows: ok.Flows},
		"throttle of 0":    {Op: wire.OpApply, ID: "f", Effect: &link.Effect{Action: link.Throttle}, Flows: ok.Flows},
		"slow by 0":        {Op: wire.OpApply, ID: "f", Effect: &link.Effect{Action: link.SlowClose}, Flows: ok.Flows},
		"slices of 0":      {Op: wire.OpApply, ID: "f", Effect: &link.Effect{Action: link.Slice, Latency: 1}, Flows: ok.Flows},
		"rate of a drop":   {Op: wire.OpApply, ID: "f", Effect: &link.Effect{Action: link.Drop, BytesPerSecond: 1}, Flows: ok.Flows},
		"no name effect":   {Op: wire.OpApplyNames, ID: "f"},
		"no name id":       {Op: wire.OpApplyNames, Names: &link.NameEffect{Action: link.NoAnswer}},
		"late by 0":        {Op: wire.OpApplyNames, ID: "f", Names: &link.NameEffect{Action: link.LateAnswer}},
		"no name":          {Op: wire.OpResolve, Resolve: &wire.ResolveSpec{Timeout: 1}},
		"no limit":         {Op: wire.OpResolve, Resolve: &wire.ResolveSpec{Name: "n2"}},
		"no nonce":         {Op: wire.OpProbeReceived, Probe: &wire.ProbeSpec{Timeout: 1}},
		"no timeout":       {Op: wire.OpProbeReceived, Probe: &wire.ProbeSpec{Nonce: 1}},
		"no transport":     {Op: wire.OpProbeSend, Probe: &wire.ProbeSpec{To: "n2", Nonce: 1, Timeout: 1}},
		"no config":        {Op: wire.OpConfigure},
		"no node":          config(func(c *wire.Config) { c.Node = "" }),
		"own peer":         config(func(c *wire.Config) { c.Node = "n2" }),
		"no address":       config(func(c *wire.Config) { c.Peers["n3"] = nil }),
		"loopback":         config(func(c *wire.Config) { c.Peers["n3"] = []netip.Addr{netip.MustParseAddr("127.0.0.1")} }),
		"the same address": config(func(c *wire.Config) { c.Peers["n3"] = c.Peers["n2"] }),
		"port 0":           config(func(c *wire.Config) { c.PeerPorts = []uint16{0} }),
	} {
		require.Error(t, r.Validate(), name)
	}
}

func TestAnswerKeepsTheErrno(t *testing.T) {
	long := fmt.Errorf("%s: %w", strings.Repeat("é", 2000), syscall.ECONNREFUSED)
	for name, c := range map[string]struct{ err, want error }{
		"refused":      {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, syscall.ECONNREFUSED},
		"long":         {long, syscall.ECONNREFUSED},
		"lines":        {fmt.Errorf("a\nb: %w", syscall.EHOSTUNREACH), syscall.EHOSTUNREACH},
		"deadline":     {context.DeadlineExceeded, syscall.ETIMEDOUT},
		"unknown host": {&net.DNSError{Err: "no such host", Name: "n9"}, wire.ErrUnknownHost},
		"token":        {wire.ErrToken, wire.ErrToken},
	} {
		t.Run(name, func(t *testing.T) {
			agent := fake(t, func(conn net.Conn, _ *bufio.Reader, _ wire.Preamble) {
				_, _ = io.WriteString(conn, wire.Answer(c.err))
			})
			_, err := agent.Connect(t.Context(), "clients", "n1:1")
			require.ErrorIs(t, err, c.want)
		})
	}
	agent := fake(t, func(conn net.Conn, _ *bufio.Reader, _ wire.Preamble) {
		_, _ = io.WriteString(conn, wire.Answer(errors.New("strange")))
	})
	_, err := agent.Connect(t.Context(), "clients", "n1:1")
	require.ErrorContains(t, err, "strange")
}

func TestConnectReadsNoByteOfTheTarget(t *testing.T) {
	agent := fake(t, func(conn net.Conn, _ *bufio.Reader, p wire.Preamble) {
		_, _ = io.WriteString(conn, wire.Answer(nil)+"OK\nfrom "+p.Target+" for "+string(p.Group))
	})
	conn, err := agent.Connect(t.Context(), "c2", "n1:6379")
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(within)))
	got, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, "OK\nfrom n1:6379 for c2", string(got))
}

// An agent that is gone says nothing about the node: an adapter that finds
// ECONNREFUSED takes the operation for one that did not happen at the node.
func TestAgentThatIsGoneIsNotARefusal(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	agent := &wire.Agent{Address: l.Addr().String(), Token: "t"}
	_, err = agent.Connect(t.Context(), "clients", "n1:1")
	require.ErrorIs(t, err, wire.ErrAgent)
	require.NotErrorIs(t, err, syscall.ECONNREFUSED)
	require.ErrorIs(t, agent.Heartbeat(t.Context()), wire.ErrAgent)
}

func TestContextEndsAnAttempt(t *testing.T) {
	gone := make(chan struct{}, 2)
	agent := fake(t, func(conn net.Conn, _ *bufio.Reader, _ wire.Preamble) {
		_, _ = conn.Read(make([]byte, 1)) // a black hole until the client gives up
		gone <- struct{}{}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err := agent.Connect(ctx, "clients", "n1:1")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	<-gone
	require.ErrorIs(t, agent.Heartbeat(ctx), context.DeadlineExceeded)
}

func TestControlRepeatsARequestWhoseKeptConnectionDied(t *testing.T) {
	var mu sync.Mutex
	heard := map[wire.Op]int{}
	var conns []net.Conn
	agent := fake(t, func(conn net.Conn, r *bufio.Reader, _ wire.Preamble) {
		mu.Lock()
		conns = append(conns, conn)
		mu.Unlock()
		_, _ = io.WriteString(conn, wire.Answer(nil))
		for {
			req, err := wire.ReadRequest(r)
			if err != nil {
				return
			}
			mu.Lock()
			heard[req.Op]++
			mu.Unlock()
			response := wire.Response{Info: &wire.Info{Version: wire.Version}, Count: &link.Count{Packets: 2}}
			if req.ID == "bad" {
				response = wire.Response{Error: "no such thing"}
			}
			if wire.WriteMessage(conn, response) != nil {
				return
			}
		}
	})
	require.NoError(t, agent.Heartbeat(t.Context()))
	require.NoError(t, agent.Heartbeat(t.Context()))
	mu.Lock()
	require.Len(t, conns, 1, "the connection is kept")
	require.NoError(t, conns[0].Close())
	mu.Unlock()
	require.NoError(t, agent.Heartbeat(t.Context()))
	count, err := agent.Count(t.Context(), "f1")
	require.NoError(t, err)
	require.EqualValues(t, 2, count.Packets)
	require.ErrorContains(t, agent.Undo(t.Context(), "bad"), "no such thing")
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, 3, heard[wire.OpHeartbeat])
	require.Len(t, conns, 2)
}

func TestHelloRefusesAnotherVersion(t *testing.T) {
	agent := fake(t, func(conn net.Conn, r *bufio.Reader, _ wire.Preamble) {
		_, _ = io.WriteString(conn, wire.Answer(nil))
		_, _ = wire.ReadRequest(r)
		_ = wire.WriteMessage(conn, wire.Response{Info: &wire.Info{Version: wire.Version + 1}})
	})
	_, err := agent.Hello(t.Context())
	require.ErrorContains(t, err, "another version")
}

// fake is an agent that does one thing with every connection.
func fake(t *testing.T, serve func(net.Conn, *bufio.Reader, wire.Preamble)) *wire.Agent {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	agent := &wire.Agent{Address: l.Addr().String(), Token: "t"}
	running.Add(1)
	go func() {
		defer running.Done()
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Add(1)
			go func() {
				defer running.Done()
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(within))
				r := bufio.NewReader(conn)
				if p, err := wire.ReadPreamble(r); err == nil && p.Token == "t" {
					serve(conn, r, p)
				}
			}()
		}
	}()
	t.Cleanup(func() {
		agent.Close()
		l.Close()
		running.Wait()
	})
	return agent
}
