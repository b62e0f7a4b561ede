package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/seatrial/seatrial/harness/link/wire"
)

const (
	// greetingsMax bounds the connections that have not said what they are for,
	// and greetWithin how long they may take to.
	greetingsMax = 512
	greetWithin  = 10 * time.Second
	// controlsMax bounds the control connections, and controlIdle how long one is
	// kept without a request.
	controlsMax = 64
	controlIdle = 2 * time.Minute
	// waitersMax bounds the clients that wait for their connection.
	waitersMax = 4096
	// retryAccept is how long accepting rests when there are no descriptors.
	retryAccept = 10 * time.Millisecond
)

// server takes connections on the control port.
type server struct {
	agent     *agent
	greetings chan struct{}
	controls  chan struct{}
	waiters   chan struct{}
	running   sync.WaitGroup
}

func newServer(a *agent) *server {
	return &server{
		agent:     a,
		greetings: make(chan struct{}, greetingsMax),
		controls:  make(chan struct{}, controlsMax),
		waiters:   make(chan struct{}, waitersMax),
	}
}

// serve takes connections until the listener is closed, and returns when those
// that are not a target's have ended.
func (s *server) serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.running.Wait()
	defer cancel()
	for {
		conn, err := acceptPatiently(listener)
		if err != nil {
			return ignoreClosed(err)
		}
		s.greetings <- struct{}{} // each is given back within greetWithin
		s.running.Add(1)
		go func() {
			defer s.running.Done()
			s.greet(ctx, conn)
		}()
	}
}

// acceptPatiently accepts, and outlives a shortage of descriptors.
func acceptPatiently(listener net.Listener) (net.Conn, error) {
	for {
		conn, err := listener.Accept()
		if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) && !errors.Is(err, syscall.ECONNABORTED) {
			return conn, err
		}
		<-time.After(retryAccept) // descriptors come back when connections end
	}
}

// greet reads the preamble and does what it asks for.
func (s *server) greet(ctx context.Context, conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(greetWithin)) // fails only on a closed socket
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	r := bufio.NewReaderSize(conn, wire.PreambleMax)
	preamble, err := wire.ReadPreamble(r)
	<-s.greetings
	stop()
	if err == nil && !wire.SameToken(preamble.Token, s.agent.settings.token) {
		err = wire.ErrToken
	}
	switch {
	case err != nil:
		_, _ = io.WriteString(conn, wire.Answer(err)) // a stranger need not listen
		conn.Close()
	case preamble.Kind == wire.KindControl:
		defer conn.Close()
		s.limited(conn, s.controls, func() { s.control(ctx, conn, r) })
	default:
		s.limited(conn, s.waiters, func() { s.agent.connect(ctx, conn, r, preamble) })
	}
}

// limited does something if a slot is free.
func (s *server) limited(conn net.Conn, slots chan struct{}, do func()) {
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
		do()
	default:
		_, _ = io.WriteString(conn, wire.Answer(fmt.Errorf("more than %d connections of this kind: %w", cap(slots), syscall.EAGAIN)))
		conn.Close()
	}
}

// control answers requests until the connection ends.
func (s *server) control(ctx context.Context, conn net.Conn, r *bufio.Reader) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := io.WriteString(conn, wire.Answer(nil)); err != nil {
		return
	}
	for {
		_ = conn.SetDeadline(time.Now().Add(controlIdle))
		request, err := wire.ReadRequest(r)
		var response wire.Response
		switch {
		case err == nil:
			response = s.agent.answer(ctx, request)
		case request.Op == "":
			return // no request: the connection ended, or speaks something else
		default:
			response.Error = err.Error()
		}
		_ = conn.SetDeadline(time.Now().Add(answerWithin))
		if wire.WriteMessage(conn, response) != nil {
			return
		}
	}
}

// answer does what a request asks for.
func (a *agent) answer(ctx context.Context, request wire.Request) (response wire.Response) {
	silence := a.hear()
	var err error
	switch request.Op {
	case wire.OpHello:
		response.Info = a.info(silence)
	case wire.OpHeartbeat: // it was heard
	case wire.OpConfigure:
		err = a.configure(*request.Config)
	case wire.OpApply:
		err = a.apply(request.ID, *request.Effect, request.Flows)
	case wire.OpApplyNames:
		err = a.applyNames(request.ID, *request.Names)
	case wire.OpUndo:
		err = a.undoOne(request.ID)
	case wire.OpHeal:
		_, err = a.heal()
	case wire.OpActive:
		response.Active, err = a.active()
	case wire.OpCount:
		count, counting := a.count(request.ID)
		response.Count, err = &count, counting
	case wire.OpProbeSend:
		response.At, err = a.sendProbe(ctx, *request.Probe)
	case wire.OpProbeReceived:
		response.At, err = a.probes.wait(ctx, request.Probe.Nonce, request.Probe.Timeout)
		response.Late = errors.Is(err, wire.ErrProbeLate)
	case wire.OpResolve:
		response.Resolution = lookUp(ctx, *request.Resolve)
	default:
		err = fmt.Errorf("the agent does not know the request %q", request.Op)
	}
	if err != nil {
		response.Error = err.Error()
	}
	return response
}
