package store

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// The first byte of a connection to the peer port.
const (
	streamRaft    byte = 'R' // raft's messages follow
	streamForward byte = 'F' // requests for the leader follow
)

// greeting is what a node answers to streamForward before anything is asked of
// it. A proxy on the way accepts for a node that is dead: without a word from the
// node itself a request would be sent into nowhere, and its outcome be unknown
// where it is certain that nothing happened.
const greeting byte = '!'

// peerPort is the port on which the nodes reach each other, shared by raft and
// by forwarded requests. It implements [raft.StreamLayer].
type peerPort struct {
	node     string
	peers    map[string]string // name → host:port as dialled from here
	listener net.Listener
	raft     chan net.Conn  // accepted connections that carry raft's messages
	forward  func(net.Conn) // serves a connection that carries requests
	closed   chan struct{}
	once     sync.Once
	open     connections
}

func listenPeers(o Options, forward func(net.Conn)) (*peerPort, error) {
	listener, err := net.Listen("tcp", o.PeerListen)
	if err != nil {
		return nil, fmt.Errorf("listen for peers: %w", err)
	}
	return &peerPort{
		node: o.Node, peers: o.Peers, listener: listener, forward: forward,
		raft: make(chan net.Conn), closed: make(chan struct{}),
	}, nil
}

// serve sorts incoming connections until the port is closed.
func (p *peerPort) serve() {
	acceptAll(p.listener, p.closed, func(conn net.Conn) {
		if !p.open.add(conn) {
			return
		}
		defer p.open.remove(conn)
		kind, err := readKind(conn)
		switch {
		case err != nil:
		case kind == streamForward:
			if _, err := conn.Write([]byte{greeting}); err == nil {
				p.forward(conn)
			}
		case kind == streamRaft:
			counted := &countedConn{Conn: conn, done: make(chan struct{})}
			select {
			case p.raft <- counted:
				// It is raft's from here: it stays in the list until raft closes it.
				<-counted.done
			case <-p.closed:
			}
		}
	})
}

// readKind reads the first byte. It waits as long as a fault may hold bytes back.
func readKind(conn net.Conn) (byte, error) {
	const limit = time.Minute
	if err := conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return 0, err
	}
	var first [1]byte
	if _, err := conn.Read(first[:]); err != nil {
		return 0, err
	}
	return first[0], conn.SetReadDeadline(time.Time{})
}

// countedConn tells when it is closed.
type countedConn struct {
	net.Conn
	once sync.Once
	done chan struct{}
}

func (c *countedConn) Close() error {
	c.once.Do(func() { close(c.done) })
	return c.Conn.Close()
}

// Accept implements [net.Listener] for raft.
func (p *peerPort) Accept() (net.Conn, error) {
	select {
	case conn := <-p.raft:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener]: it ends every connection that came in.
func (p *peerPort) Close() (err error) {
	p.once.Do(func() {
		close(p.closed)
		err = p.listener.Close()
		p.open.closeAll()
	})
	return err
}

// Addr implements [net.Listener]: to raft a node's address is its name.
func (p *peerPort) Addr() net.Addr { return nodeName(p.node) }

// Dial implements [raft.StreamLayer]. The address is a node's name, and is
// looked up in this node's own table.
func (p *peerPort) Dial(node raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	return p.dial(string(node), streamRaft, timeout)
}

// dialForward connects to a node that is there and takes requests.
func (p *peerPort) dialForward(node string) (net.Conn, error) {
	conn, err := p.dial(node, streamForward, rpcTimeout)
	if err != nil {
		return nil, err
	}
	if err := awaitGreeting(conn); err != nil {
		conn.Close()
		return nil, fmt.Errorf("wait until %s answers: %w", node, err)
	}
	return conn, nil
}

func awaitGreeting(conn net.Conn) error {
	if err := conn.SetReadDeadline(time.Now().Add(rpcTimeout)); err != nil {
		return err
	}
	var answer [1]byte
	if _, err := conn.Read(answer[:]); err != nil {
		return err
	}
	if answer[0] != greeting {
		return fmt.Errorf("a greeting of %q", answer[0])
	}
	return conn.SetReadDeadline(time.Time{})
}

func (p *peerPort) dial(node string, kind byte, timeout time.Duration) (net.Conn, error) {
	address, ok := p.peers[node]
	if !ok {
		return nil, fmt.Errorf("dial %s: it is not among the peers", node)
	}
	conn, err := net.DialTimeout("tcp", address, timeout)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", node, err)
	}
	if _, err := conn.Write([]byte{kind}); err != nil {
		conn.Close()
		return nil, fmt.Errorf("dial %s: %w", node, err)
	}
	return conn, nil
}

// nodeName is a [net.Addr].
type nodeName string

func (n nodeName) Network() string { return "node" }
func (n nodeName) String() string  { return string(n) }

// patientTransport retries a failed replication message itself, at a steady pace.
//
// Raft waits longer after each failure, up to 10 s, and the count is not reset by
// heartbeats. So after an outage of some seconds a follower is back, votes and
// hears heartbeats, and gets no entries for seconds more; if the other follower is
// lost meanwhile nothing can be committed. With the retries in here a whole outage
// is one failure or a few. Repeating the message is safe: appending is idempotent,
// and one from a past term is refused.
type patientTransport struct {
	*raft.NetworkTransport
	closed <-chan struct{}
}

const (
	retryPace  = 50 * time.Millisecond
	retryLimit = 5 * time.Second
)

// AppendEntries implements [raft.Transport].
func (t *patientTransport) AppendEntries(
	id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse,
) error {
	heartbeat := args.PrevLogEntry == 0 && args.PrevLogTerm == 0 && len(args.Entries) == 0 && args.LeaderCommitIndex == 0
	for begun := time.Now(); ; {
		err := t.NetworkTransport.AppendEntries(id, target, args, resp)
		if err == nil || heartbeat || time.Since(begun) > retryLimit {
			return err
		}
		select {
		case <-time.After(retryPace):
		case <-t.closed:
			return err
		}
	}
}
