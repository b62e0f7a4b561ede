package store

import (
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// memoryFlush is how long the defect [MemoryLog] keeps entries in memory.
const memoryFlush = 400 * time.Millisecond

// memoryLog is the defect [MemoryLog]: a log that acknowledges entries when they
// are in memory, and writes them to disk a while later. Terms and votes are
// written at once, and whatever ends the node but SIGKILL loses nothing. It
// implements [raft.LogStore].
type memoryLog struct {
	*diskLog
	delay time.Duration

	mu      sync.Mutex
	pending []*raft.Log // stored since the last flush, the oldest first
	err     error       // of a flush that nobody waited for
}

// StoreLog implements [raft.LogStore].
func (m *memoryLog) StoreLog(entry *raft.Log) error { return m.StoreLogs([]*raft.Log{entry}) }

// StoreLogs implements [raft.LogStore].
func (m *memoryLog) StoreLogs(entries []*raft.Log) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	if len(m.pending) == 0 {
		time.AfterFunc(m.delay, func() { _ = m.flush() }) // its error is kept
	}
	m.pending = append(m.pending, entries...)
	return nil
}

// flush writes what is in memory to disk.
func (m *memoryLog) flush() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.pending) == 0 || m.err != nil {
		return m.err
	}
	if err := m.diskLog.StoreLogs(m.pending); err != nil {
		m.err = fmt.Errorf("write what was in memory: %w", err)
		return m.err
	}
	m.pending = nil
	return nil
}

// GetLog implements [raft.LogStore].
func (m *memoryLog) GetLog(index uint64, entry *raft.Log) error {
	m.mu.Lock()
	for _, held := range m.pending {
		if held.Index == index {
			*entry = *held
			m.mu.Unlock()
			return nil
		}
	}
	m.mu.Unlock() // what is not in memory is on disk by now, if anywhere
	return m.diskLog.GetLog(index, entry)
}

// FirstIndex implements [raft.LogStore].
func (m *memoryLog) FirstIndex() (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first, err := m.diskLog.FirstIndex()
	if err == nil && first == 0 && len(m.pending) > 0 {
		first = m.pending[0].Index
	}
	return first, err
}

// LastIndex implements [raft.LogStore].
func (m *memoryLog) LastIndex() (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.pending) > 0 {
		return m.pending[len(m.pending)-1].Index, nil
	}
	return m.diskLog.LastIndex()
}

// DeleteRange implements [raft.LogStore].
func (m *memoryLog) DeleteRange(low, high uint64) error {
	if err := m.flush(); err != nil {
		return err
	}
	return m.diskLog.DeleteRange(low, high)
}

// Close writes what is in memory, and closes the file.
func (m *memoryLog) Close() error {
	if err := m.flush(); err != nil {
		return fmt.Errorf("%w; and then: %w", err, m.diskLog.Close())
	}
	return m.diskLog.Close()
}
