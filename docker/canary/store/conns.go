package store

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// connections are the open connections of a port, to be closed with it. The zero
// value is ready.
type connections struct {
	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

// add reports whether conn may be served; after closeAll it is closed at once.
func (c *connections) add(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		conn.Close()
		return false
	}
	if c.open == nil {
		c.open = map[net.Conn]struct{}{}
	}
	c.open[conn] = struct{}{}
	return true
}

// remove closes conn and forgets it.
func (c *connections) remove(conn net.Conn) {
	c.mu.Lock()
	delete(c.open, conn)
	c.mu.Unlock()
	conn.Close()
}

func (c *connections) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for conn := range c.open {
		conn.Close()
	}
}

// acceptAll serves each connection on its own goroutine until closed. An error
// such as "too many open files" passes, so it tries again after a moment.
func acceptAll(listener net.Listener, closed <-chan struct{}, serve func(net.Conn)) {
	const pause = 20 * time.Millisecond
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go serve(conn)
			continue
		}
		select {
		case <-time.After(pause):
		case <-closed:
			return
		}
	}
}

// serveLines answers requests, one at a time, until the connection ends.
func serveLines(ctx context.Context, conn net.Conn, do func(context.Context, Request) Response) {
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 0, 512), MaxLineBytes+2) // "\r\n"
	replies := json.NewEncoder(conn)
	for lines.Scan() {
		request, err := DecodeRequest(lines.Bytes())
		reply := Response{}
		if err != nil {
			reply = notDone("%v", err)
		} else {
			bounded, cancel := context.WithTimeout(ctx, operationLimit)
			reply = do(bounded, request)
			cancel()
		}
		if replies.Encode(reply) != nil {
			return // the client is gone; what it asked was done or not all the same
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		// The answer is a courtesy: where the rest of the line begins a new request is anyone's guess.
		_ = replies.Encode(notDone("a line of more than %d bytes", MaxLineBytes))
	}
}

// Conn is the client's end of a connection that carries requests. It is used by
// one goroutine at a time.
type Conn struct {
	conn   net.Conn
	reader *bufio.Reader
}

// NewConn takes over a connection to a node.
func NewConn(conn net.Conn) *Conn { return &Conn{conn: conn, reader: bufio.NewReader(conn)} }

// Close closes the connection.
func (c *Conn) Close() error { return c.conn.Close() }

// Do sends the request and waits for the answer until ctx is done, or, where ctx
// has no deadline, for longer than a node takes over anything. Where it
// returns an error the connection is of no more use, and sent says whether the
// node may have got the request: if not, it was certainly not done.
func (c *Conn) Do(ctx context.Context, request Request) (response Response, sent bool, err error) {
	stop, err := c.bound(ctx)
	if err != nil {
		return Response{}, false, err
	}
	defer stop()
	if sent, err = c.send(request); err != nil {
		return Response{}, sent, err
	}
	response, err = c.receive()
	return response, true, err
}

// bound makes reads and writes end when ctx does. It must be stopped.
func (c *Conn) bound(ctx context.Context) (stop func() bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(2 * operationLimit) // the node would have answered by then
	}
	if err := c.conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	return context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) }), nil
}

func (c *Conn) send(request Request) (sent bool, err error) {
	line, err := json.Marshal(request)
	if err != nil {
		return false, fmt.Errorf("encode a request: %w", err)
	}
	n, err := c.conn.Write(append(line, '\n'))
	if err != nil {
		return n > 0, fmt.Errorf("send a request: %w", err)
	}
	return true, nil
}

func (c *Conn) receive() (Response, error) {
	line, err := c.line()
	if err != nil {
		return Response{}, fmt.Errorf("wait for an answer: %w", err)
	}
	var response Response
	if err := json.Unmarshal(line, &response); err != nil {
		return Response{}, fmt.Errorf("read an answer: %w", err)
	}
	switch response.Status {
	case OK, NotDone, Unknown:
		return response, nil
	}
	return Response{}, fmt.Errorf("read an answer: status %q", response.Status)
}

// line reads one line of at most [MaxAnswerBytes]. It is valid until the next.
func (c *Conn) line() ([]byte, error) {
	line, err := c.reader.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	long := bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) && len(long) <= MaxAnswerBytes {
		line, err = c.reader.ReadSlice('\n')
		long = append(long, line...)
	}
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxAnswerBytes)
	}
	return long, err
}
