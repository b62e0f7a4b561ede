package store

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"
)

// Options are what a node is told when it starts.
type Options struct {
	// Node is this node's name, one of Peers.
	Node string
	// ClientListen and PeerListen are the host:port of the two ports.
	ClientListen, PeerListen string
	// Peers maps every node's name, this one's included, to the host:port at
	// which this node dials it. All nodes must name the same nodes, but each may
	// have its own addresses.
	Peers map[string]string
	// Data is the folder of the log and the snapshots; it is made if need be.
	Data string
	// Defect is one of [Defects], or "" for the correct store.
	Defect string
	// Log is where raft tells what it does, one line at a time and from several
	// goroutines: it must stand that, as a file does. Nil discards it.
	Log io.Writer
}

// The times of the store.
//
// A follower that heard nothing for one to two heartbeatTimeouts stands for
// election, and an election takes two round trips and two syncs, so a dead leader
// is replaced in 0.4 to 0.9 s; a split vote adds as much again. The leader sends a
// heartbeat every 40 to 80 ms, so a machine must stall for five of them in a row
// before a leader is deposed for nothing. A leader without a majority gives up
// after leaseTimeout. No read relies on that being sooner than the next election,
// so it is as long as raft allows: a busy machine breaks a short one for nothing.
const (
	heartbeatTimeout = 400 * time.Millisecond
	electionTimeout  = 400 * time.Millisecond
	leaseTimeout     = heartbeatTimeout

	// rpcTimeout bounds a dial and a message between nodes. It is shorter than
	// the kernel's first retransmission of a SYN (1 s): after a black hole heals,
	// a fresh dial is what ends the outage.
	rpcTimeout = 750 * time.Millisecond
	// enqueueLimit bounds the wait until the leader takes a command at all.
	enqueueLimit = time.Second
	// operationLimit bounds the wait for an operation that was started.
	operationLimit = 2 * time.Second
	// closeLimit bounds the wait for raft's own end.
	closeLimit = 5 * time.Second

	snapshotInterval  = 5 * time.Second
	snapshotThreshold = 8192 // log entries
	trailingLogs      = 8192 // log entries kept for followers that are a little behind
	snapshotsRetained = 2
)

func (o Options) validate() error {
	var problems []error
	if o.Node == "" {
		problems = append(problems, errors.New("the node has no name"))
	} else if _, ok := o.Peers[o.Node]; !ok {
		problems = append(problems, fmt.Errorf("node %q is not among the peers", o.Node))
	}
	if o.ClientListen == "" || o.PeerListen == "" {
		problems = append(problems, errors.New("the addresses to listen on are missing"))
	}
	if o.Data == "" {
		problems = append(problems, errors.New("the data folder is missing"))
	}
	problems = append(problems, CheckDefect(o.Defect))
	return errors.Join(problems...)
}

// ParsePeers reads "n1=host:port,n2=host:port".
func ParsePeers(text string) (map[string]string, error) {
	peers := map[string]string{}
	for entry := range strings.SplitSeq(text, ",") {
		name, address, ok := strings.Cut(entry, "=")
		if !ok || name == "" || address == "" {
			return nil, fmt.Errorf("peers: %q: want name=host:port", entry)
		}
		if _, again := peers[name]; again {
			return nil, fmt.Errorf("peers: %q is named twice", name)
		}
		peers[name] = address
	}
	return peers, nil
}

// raftConfig is the same on every node but for its name.
func (o Options) raftConfig() *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(o.Node)
	c.HeartbeatTimeout = heartbeatTimeout
	c.ElectionTimeout = electionTimeout
	c.LeaderLeaseTimeout = leaseTimeout
	c.SnapshotInterval = snapshotInterval
	c.SnapshotThreshold = snapshotThreshold
	c.TrailingLogs = trailingLogs
	c.LogOutput = o.log()
	c.LogLevel = "INFO"
	c.NoLegacyTelemetry = true
	return c
}

func (o Options) log() io.Writer {
	if o.Log == nil {
		return io.Discard
	}
	return o.Log
}

// servers is the configuration that every node bootstraps, in one order. A
// server's address is its name: see [peerPort.Dial].
func (o Options) servers() raft.Configuration {
	var names []string
	for name := range o.Peers {
		names = append(names, name)
	}
	slices.Sort(names)
	var c raft.Configuration
	for _, name := range names {
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(name), Address: raft.ServerAddress(name)})
	}
	return c
}
