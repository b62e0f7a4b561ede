package store

import (
	"context"
	"net"
	"sync"
)

// forwarder hands requests to the leader over the peer port.
type forwarder struct {
	dial func(node string) (net.Conn, error)

	mu     sync.Mutex
	idle   map[string][]*Conn // by node
	closed bool
}

// idleLimit is how many unused connections to a node are kept.
const idleLimit = 64

// do hands a request to a node and returns its answer. A request that was never
// sent was certainly not done.
func (f *forwarder) do(ctx context.Context, node string, request Request) Response {
	conn, err := f.take(node)
	if err != nil {
		return notDone("hand it to the leader %s: %v", node, err)
	}
	response, sent, err := conn.Do(ctx, request)
	if err != nil {
		conn.Close()
		if !sent {
			return notDone("hand it to the leader %s: %v", node, err)
		}
		return failed(request.Op, "handed to the leader %s: %v", node, err)
	}
	f.put(node, conn)
	return response
}

// post hands a request to a node and leaves it at that. The answer is read later,
// by nobody in particular, so that the connection can be used again.
func (f *forwarder) post(ctx context.Context, node string, request Request) error {
	conn, err := f.take(node)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), operationLimit)
	stop, err := conn.bound(ctx)
	if err == nil {
		_, err = conn.send(request)
	}
	if err != nil {
		cancel()
		conn.Close()
		return err
	}
	go func() {
		defer cancel()
		_, err := conn.receive()
		if stop(); err != nil {
			conn.Close()
			return
		}
		f.put(node, conn)
	}()
	return nil
}

func (f *forwarder) take(node string) (*Conn, error) {
	f.mu.Lock()
	if idle := f.idle[node]; len(idle) > 0 {
		conn := idle[len(idle)-1]
		f.idle[node] = idle[:len(idle)-1]
		f.mu.Unlock()
		return conn, nil
	}
	f.mu.Unlock()
	conn, err := f.dial(node)
	if err != nil {
		return nil, err
	}
	return NewConn(conn), nil
}

func (f *forwarder) put(node string, conn *Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || len(f.idle[node]) >= idleLimit {
		conn.Close()
		return
	}
	f.idle[node] = append(f.idle[node], conn)
}

// drop closes the unused connections: after a change of leader they may lead
// into a hole, and what is sent into one is of unknown outcome.
func (f *forwarder) drop(forGood bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = f.closed || forGood
	for node, idle := range f.idle {
		for _, conn := range idle {
			conn.Close()
		}
		delete(f.idle, node)
	}
}
