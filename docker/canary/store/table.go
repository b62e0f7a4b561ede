package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/hashicorp/raft"
)

// table is the replicated state, as raft's finite state machine.
type table struct {
	mu    sync.RWMutex
	state state
	// applied is the index of the last entry that is in state. Raft's own count
	// is of what it sent here.
	applied uint64
	waiters []waiter

	checkpoints *checkpoints // for the defect LostOnLeaderChange
}

// waiter waits for an entry.
type waiter struct {
	index uint64
	done  chan struct{}
}

func newTable() *table { return &table{state: newState()} }

func (t *table) get(key string) *int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return lookup(t.state.Values, key)
}

func (t *table) list(key string) []int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Clip(t.state.Lists[key])
}

func (t *table) clone() state {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.state.clone()
}

func (t *table) appliedIndex() uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.applied
}

// reached is closed once the entry of that index and all before it are applied.
func (t *table) reached(index uint64) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := waiter{index: index, done: make(chan struct{})}
	t.waiters = append(t.waiters, w)
	t.wake()
	return w.done
}

// wake tells those whose entry is applied. It is called with the lock held.
func (t *table) wake() {
	t.waiters = slices.DeleteFunc(t.waiters, func(w waiter) bool {
		if w.index > t.applied {
			return false
		}
		close(w.done)
		return true
	})
}

// Apply implements [raft.FSM]. It returns a result, or an error where the entry
// can't be read; every node finds the same, so such an entry has no effect anywhere.
func (t *table) Apply(entry *raft.Log) any {
	c, err := decodeCommand(entry.Data)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.applied = entry.Index
	defer t.wake()
	if err != nil {
		return fmt.Errorf("apply entry %d: %w", entry.Index, err)
	}
	r := c.run(t.state)
	t.checkpoints.saw(t.state)
	return r
}

// snapshot is a copy of the table at one entry.
type snapshot struct {
	Applied uint64 `json:"applied"`
	state
}

// Snapshot implements [raft.FSM].
func (t *table) Snapshot() (raft.FSMSnapshot, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return snapshot{Applied: t.applied, state: t.state.clone()}, nil
}

// Restore implements [raft.FSM].
func (t *table) Restore(from io.ReadCloser) error {
	defer from.Close()
	s := snapshot{state: newState()}
	if err := json.NewDecoder(from).Decode(&s); err != nil {
		return fmt.Errorf("restore a snapshot: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state, t.applied = s.state, s.Applied
	t.checkpoints.keep(t.state)
	t.wake()
	return nil
}

// Persist implements [raft.FSMSnapshot].
func (s snapshot) Persist(sink raft.SnapshotSink) error {
	if err := json.NewEncoder(sink).Encode(s); err != nil {
		return errors.Join(fmt.Errorf("write a snapshot: %w", err), sink.Cancel())
	}
	return sink.Close()
}

// Release implements [raft.FSMSnapshot].
func (s snapshot) Release() {}
