package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Store is one node of the store.
type Store struct {
	options Options
	raft    *raft.Raft
	disk    *diskLog // terms and votes, and the log unless the defect is MemoryLog
	log     interface {
		raft.LogStore
		Close() error
	}
	table   *table
	peers   *peerPort
	clients net.Listener
	open    connections // of the client port
	forward *forwarder
	barrier *barriers

	early    early    // for the defects AckBeforeCommit and DirtyRead
	takeover takeover // for the defect LostOnLeaderChange

	ctx     context.Context // ends with the store
	cancel  context.CancelFunc
	closing sync.Once

	reignMu sync.Mutex
	reign   context.Context // ends when raft names another leader, or none
	depose  context.CancelFunc
}

// Open starts a node: it listens on both ports, reads what the data folder
// holds, and takes part in elections. A node whose data folder is new begins
// with the cluster of [Options.Peers]; every node of a new cluster does the same.
func Open(o Options) (*Store, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("start a node: %w", err)
	}
	s := &Store{options: o, table: newTable()}
	if o.Defect == LostOnLeaderChange {
		s.table.checkpoints = &checkpoints{last: newState()}
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.reign, s.depose = context.WithCancel(s.ctx)
	s.barrier = &barriers{issue: func() error { return s.raft.Barrier(enqueueLimit).Error() }}
	s.forward = &forwarder{idle: map[string][]*Conn{}, dial: func(node string) (net.Conn, error) {
		return s.peers.dialForward(node)
	}}
	if err := s.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start node %s: %w", o.Node, err), s.Close())
	}
	return s, nil
}

func (s *Store) start() (err error) {
	if err := os.MkdirAll(s.options.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if s.disk, err = openDiskLog(filepath.Join(s.options.Data, "raft.db"), s.options.Defect == NoFsync); err != nil {
		return err
	}
	s.log = s.disk
	if s.options.Defect == MemoryLog {
		s.log = &memoryLog{diskLog: s.disk, delay: memoryFlush}
	}
	if s.peers, err = listenPeers(s.options, func(conn net.Conn) { serveLines(s.ctx, conn, s.doHere) }); err != nil {
		return err
	}
	if s.clients, err = net.Listen("tcp", s.options.ClientListen); err != nil {
		return fmt.Errorf("listen for clients: %w", err)
	}
	if err := s.startRaft(); err != nil {
		return err
	}
	go s.peers.serve()
	go acceptAll(s.clients, s.ctx.Done(), func(conn net.Conn) {
		if s.open.add(conn) {
			defer s.open.remove(conn)
			serveLines(s.ctx, conn, s.Do)
		}
	})
	return nil
}

func (s *Store) startRaft() (err error) {
	config := s.options.raftConfig()
	snapshots, err := raft.NewFileSnapshotStore(s.options.Data, snapshotsRetained, s.options.log())
	if err != nil {
		return fmt.Errorf("open the snapshots: %w", err)
	}
	const recentEntries = 512
	recent, err := raft.NewLogCache(recentEntries, s.log)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	transport := &patientTransport{closed: s.ctx.Done(), NetworkTransport: raft.NewNetworkTransport(
		s.peers, len(s.options.Peers), rpcTimeout, s.options.log())}
	defer func() {
		if err != nil {
			err = errors.Join(err, transport.Close()) // raft would have closed it
		}
	}()
	old, err := raft.HasExistingState(s.disk, s.disk, snapshots)
	if err != nil {
		return fmt.Errorf("look for an earlier state: %w", err)
	}
	if !old {
		err := raft.BootstrapCluster(config, s.disk, s.disk, snapshots, transport, s.options.servers())
		if err != nil {
			return fmt.Errorf("begin a new cluster: %w", err)
		}
	}
	if s.raft, err = raft.NewRaft(config, s.table, recent, s.disk, snapshots, transport); err != nil {
		return fmt.Errorf("start raft: %w", err)
	}
	go s.watchLeader()
	return nil
}

// watchLeader ends the reign when the leader changes: whoever waits for an answer
// from the old one would wait in vain, and learns it now rather than at a deadline.
func (s *Store) watchLeader() {
	changes := make(chan raft.Observation, 16)
	observer := raft.NewObserver(changes, false, func(o *raft.Observation) bool {
		_, ok := o.Data.(raft.LeaderObservation)
		return ok
	})
	s.raft.RegisterObserver(observer)
	defer s.raft.DeregisterObserver(observer)
	for {
		select {
		case <-changes:
			s.reignMu.Lock()
			s.depose()
			s.reign, s.depose = context.WithCancel(s.ctx)
			s.reignMu.Unlock()
			s.forward.drop(false)
		case <-s.ctx.Done():
			return
		}
	}
}

// leader returns who leads as far as this node knows, "" for nobody, and a
// context that ends when that changes.
func (s *Store) leader() (string, context.Context) {
	s.reignMu.Lock() // before asking raft: a change in between ends this reign, not the next
	reign := s.reign
	s.reignMu.Unlock()
	_, id := s.raft.LeaderWithID()
	return string(id), reign
}

func (s *Store) leads() bool { return s.raft.State() == raft.Leader }

// ClientAddr is the host:port of the client port.
func (s *Store) ClientAddr() string { return s.clients.Addr().String() }

// PeerAddr is the host:port of the peer port.
func (s *Store) PeerAddr() string { return s.peers.listener.Addr().String() }

// Close stops the node: it answers what it can within a few seconds and closes
// its files. A second call does nothing.
func (s *Store) Close() (err error) {
	s.closing.Do(func() { err = s.close() })
	return err
}

func (s *Store) close() error {
	var problems []error
	if s.clients != nil {
		problems = append(problems, s.clients.Close())
	}
	if s.raft != nil {
		stopped := make(chan error, 1)
		go func() { stopped <- s.raft.Shutdown().Error() }()
		s.cancel() // patientTransport, which raft waits for
		select {
		case err := <-stopped:
			problems = append(problems, err)
		case <-time.After(closeLimit):
			problems = append(problems, fmt.Errorf("raft has not stopped within %v", closeLimit))
		}
	}
	s.cancel()
	s.open.closeAll()
	s.forward.drop(true)
	if s.peers != nil {
		problems = append(problems, s.peers.Close())
	}
	if s.log != nil {
		problems = append(problems, s.log.Close())
	}
	return errors.Join(problems...)
}
