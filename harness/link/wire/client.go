package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/link"
)

// RequestTimeout bounds a request whose context has no earlier deadline.
const RequestTimeout = 10 * time.Second

// idleMax is the number of control connections kept for the next request.
const idleMax = 2

// Agent is the run's view of one pod's agent. Its methods may be called at the
// same time. The zero value with Address and Token is ready.
type Agent struct {
	// Address is host:port of the agent's published port.
	Address string
	// Token is the run's.
	Token string
	// DialContext replaces the way to the agent; nil is a net.Dialer.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)

	mu   sync.Mutex
	idle []*controlConn // guarded by mu
}

type controlConn struct {
	net.Conn
	r *bufio.Reader
}

func (a *Agent) dial(ctx context.Context) (net.Conn, error) {
	dial := a.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return dial(ctx, "tcp", a.Address)
}

// Connect opens a connection to target, which is host:port as the agent's pod
// knows it, as a member of the group. The context bounds the attempt only. An
// error wraps what the agent met: syscall.ECONNREFUSED for a closed port.
func (a *Agent) Connect(ctx context.Context, group link.End, target string) (net.Conn, error) {
	p := Preamble{Token: a.Token, Kind: KindConnect, Target: target, Group: group}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("connect to %s as %s: %w", target, group, err)
	}
	conn, err := a.dial(ctx)
	if err != nil {
		// Not %w of a refusal: the agent's port being closed says nothing about the node's.
		return nil, fmt.Errorf("connect to %s as %s: reach the pod's agent: %w", target, group, notTheNode(err))
	}
	release := bind(ctx, conn)
	err = firstAnswer(conn, p)
	if stopped := release(); err == nil && stopped != nil {
		err = stopped
	}
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("connect to %s as %s: %w", target, group, err)
	}
	return conn, nil
}

// firstAnswer sends the preamble and reads the answer, and not a byte more:
// what follows OK belongs to the target.
func firstAnswer(conn net.Conn, p Preamble) error {
	if _, err := io.WriteString(conn, p.String()+"\n"); err != nil {
		return fmt.Errorf("send the preamble: %w", notTheNode(err))
	}
	var start [3]byte // "OK\n" and "ERR" are as long
	if _, err := io.ReadFull(conn, start[:]); err != nil {
		return fmt.Errorf("read the agent's answer: %w", notTheNode(err))
	}
	if string(start[:]) == "OK\n" {
		return nil
	}
	rest, err := readLine(byteReader{conn}, answerMax)
	if err != nil {
		return fmt.Errorf("read the agent's answer: %w", notTheNode(err))
	}
	return parseAnswer(string(start[:]) + rest)
}

// notTheNode hides the errno of an error between the run and the agent: an
// adapter that finds ECONNREFUSED takes it for the node's.
func notTheNode(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %v", ErrAgent, err)
}

// ErrAgent says that an agent could not be reached or its connection broke. It
// says nothing about the node.
var ErrAgent = errors.New("the pod's agent does not answer")

type byteReader struct{ io.Reader }

func (b byteReader) ReadByte() (byte, error) {
	var c [1]byte
	_, err := io.ReadFull(b.Reader, c[:])
	return c[0], err
}

// bind makes a connection obey a context until release is called. release
// returns the context's error if it came first, and then the connection is spoilt.
func bind(ctx context.Context, conn net.Conn) (release func() error) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = conn.SetDeadline(time.Unix(1, 0)) // a closed connection needs no deadline
	})
	return func() error {
		if stop() {
			return nil
		}
		<-done
		return ctx.Err()
	}
}

// Hello asks the agent who it is, and checks that it speaks this version.
func (a *Agent) Hello(ctx context.Context) (Info, error) {
	resp, err := a.do(ctx, Request{Op: OpHello})
	if err != nil {
		return Info{}, err
	}
	if resp.Info == nil || resp.Info.Version != Version {
		return Info{}, fmt.Errorf("agent at %s: it speaks another version than %d: remove the agent's image so that it is built again", a.Address, Version)
	}
	return *resp.Info, nil
}

// Configure tells the agent where it is, and returns when the redirects lie.
func (a *Agent) Configure(ctx context.Context, config Config) error {
	_, err := a.do(ctx, Request{Op: OpConfigure, Config: &config})
	return err
}

// Heartbeat says that the run lives.
func (a *Agent) Heartbeat(ctx context.Context) error {
	_, err := a.do(ctx, Request{Op: OpHeartbeat})
	return err
}

// Apply puts an effect on the flows that begin or end at the agent's node, under
// an id of the caller's; other flows in the list are not its business. When it
// returns the effect is in force, or, with an error, none of it is. The same
// again does nothing; another effect under an id in force is an error.
func (a *Agent) Apply(ctx context.Context, id string, effect link.Effect, flows []link.Flow) error {
	_, err := a.do(ctx, Request{Op: OpApply, ID: id, Effect: &effect, Flows: flows})
	return err
}

// Undo takes the effect away. An unknown id is not an error.
func (a *Agent) Undo(ctx context.Context, id string) error {
	_, err := a.do(ctx, Request{Op: OpUndo, ID: id})
	return err
}

// Count is what the effect did so far at this agent; zero for an unknown id. A
// packet that A drops on output never reaches B, so the counts of both ends add up.
func (a *Agent) Count(ctx context.Context, id string) (link.Count, error) {
	resp, err := a.do(ctx, Request{Op: OpCount, ID: id})
	if err != nil || resp.Count == nil {
		return link.Count{}, err
	}
	return *resp.Count, nil
}

// Active lists the ids in force, sorted, as the kernel and the gates say.
func (a *Agent) Active(ctx context.Context) ([]string, error) {
	resp, err := a.do(ctx, Request{Op: OpActive})
	return resp.Active, err
}

// Heal undoes every effect.
func (a *Agent) Heal(ctx context.Context) error {
	_, err := a.do(ctx, Request{Op: OpHeal})
	return err
}

// Close closes the idle connections; the agent stays usable.
func (a *Agent) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.idle {
		c.Close()
	}
	a.idle = nil
	return nil
}

// do sends a request and reads its response. A kept connection may have died
// while it was idle: then the request goes once more, over a new one.
func (a *Agent) do(ctx context.Context, req Request) (Response, error) {
	if err := req.Validate(); err != nil {
		return Response{}, fmt.Errorf("agent at %s: %w", a.Address, err)
	}
	limit := RequestTimeout
	if req.Probe != nil {
		limit += req.Probe.Timeout
	}
	if req.Resolve != nil {
		limit += req.Resolve.Timeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		conn, kept, err := a.control(ctx)
		if err != nil {
			return Response{}, fmt.Errorf("agent at %s: %s: %w", a.Address, req.Op, err)
		}
		resp, err := exchange(ctx, conn, req)
		if err == nil {
			a.keep(conn)
			if resp.Error != "" {
				return resp, fmt.Errorf("agent at %s: %s: %w", a.Address, req.Op, requestError(resp))
			}
			return resp, nil
		}
		conn.Close()
		if ctx.Err() != nil {
			return Response{}, fmt.Errorf("agent at %s: %s: no response: %w", a.Address, req.Op, ctx.Err())
		}
		if !kept {
			return Response{}, fmt.Errorf("agent at %s: %s: %w", a.Address, req.Op, notTheNode(err))
		}
	}
}

func requestError(resp Response) error {
	if resp.Late {
		return &AnswerError{Text: resp.Error, Cause: ErrProbeLate}
	}
	return errors.New(resp.Error)
}

func exchange(ctx context.Context, conn *controlConn, req Request) (resp Response, err error) {
	release := bind(ctx, conn)
	defer func() {
		if stopped := release(); err == nil && stopped != nil {
			err = stopped
		}
	}()
	if err := WriteMessage(conn, req); err != nil {
		return Response{}, err
	}
	return ReadResponse(conn.r)
}

// control takes a kept connection or opens a new one.
func (a *Agent) control(ctx context.Context) (conn *controlConn, kept bool, err error) {
	a.mu.Lock()
	if n := len(a.idle); n > 0 {
		conn = a.idle[n-1]
		a.idle = a.idle[:n-1]
		a.mu.Unlock()
		return conn, true, nil
	}
	a.mu.Unlock()
	raw, err := a.dial(ctx)
	if err != nil {
		return nil, false, notTheNode(err)
	}
	release := bind(ctx, raw)
	err = firstAnswer(raw, Preamble{Token: a.Token, Kind: KindControl})
	if stopped := release(); err == nil && stopped != nil {
		err = stopped
	}
	if err != nil {
		raw.Close()
		return nil, false, err
	}
	return &controlConn{Conn: raw, r: bufio.NewReader(raw)}, false, nil
}

func (a *Agent) keep(conn *controlConn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.idle) >= idleMax {
		conn.Close()
		return
	}
	a.idle = append(a.idle, conn)
}
