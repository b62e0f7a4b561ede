package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"

	"github.com/hashicorp/raft"
)

// command is an operation as it stands in the log. Reads are not in the log.
type command struct {
	op            Op
	key           string
	value, expect *int64
}

// result is what a command answers.
type result struct {
	swapped bool
	saw     *int64
}

// run carries a command out on a table. It is the sequential specification of
// the store, and shares no state.
func (c command) run(table map[string]int64) result {
	saw := lookup(table, c.key)
	if c.op == OpRead || c.op == OpCAS && !equal(saw, c.expect) {
		return result{saw: saw}
	}
	if c.value == nil {
		delete(table, c.key)
	} else {
		table[c.key] = *c.value
	}
	return result{swapped: true, saw: saw}
}

// response is what the client is told about a command that was carried out.
func (r result) response(op Op) Response {
	switch {
	case op == OpWrite:
		return Response{Status: OK}
	case op == OpCAS && r.swapped:
		return Response{Status: OK, Swapped: true}
	default:
		return Response{Status: OK, Value: r.saw}
	}
}

func lookup(table map[string]int64, key string) *int64 {
	if v, ok := table[key]; ok {
		return &v
	}
	return nil
}

func equal(a, b *int64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

const (
	encodedWrite byte = 'w'
	encodedCAS   byte = 'c'
)

// encode writes the command for the log: its kind, the two values (each a byte
// that says whether there is one, then eight bytes), then the key.
func (c command) encode() []byte {
	kind := encodedWrite
	if c.op == OpCAS {
		kind = encodedCAS
	}
	out := append(make([]byte, 0, 19+len(c.key)), kind)
	for _, v := range []*int64{c.value, c.expect} {
		if v == nil {
			out = append(out, 0)
		} else {
			out = binary.BigEndian.AppendUint64(append(out, 1), uint64(*v))
		}
	}
	return append(out, c.key...)
}

func decodeCommand(data []byte) (command, error) {
	var c command
	if len(data) == 0 {
		return c, errors.New("decode a command: it is empty")
	}
	switch data[0] {
	case encodedWrite:
		c.op = OpWrite
	case encodedCAS:
		c.op = OpCAS
	default:
		return c, fmt.Errorf("decode a command: unknown kind %#x", data[0])
	}
	rest := data[1:]
	for _, into := range []**int64{&c.value, &c.expect} {
		switch {
		case len(rest) >= 1 && rest[0] == 0:
			rest = rest[1:]
		case len(rest) >= 9 && rest[0] == 1:
			v := int64(binary.BigEndian.Uint64(rest[1:]))
			*into, rest = &v, rest[9:]
		default:
			return command{}, errors.New("decode a command: it ends within a value")
		}
	}
	c.key = string(rest)
	return c, nil
}

// table is the replicated state, as raft's finite state machine.
type table struct {
	mu     sync.RWMutex
	values map[string]int64
}

func newTable() *table { return &table{values: map[string]int64{}} }

func (t *table) get(key string) *int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return lookup(t.values, key)
}

func (t *table) clone() map[string]int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return maps.Clone(t.values)
}

// Apply implements [raft.FSM]. It returns a result, or an error where the entry
// can't be read; every node finds the same, so such an entry has no effect anywhere.
func (t *table) Apply(entry *raft.Log) any {
	c, err := decodeCommand(entry.Data)
	if err != nil {
		return fmt.Errorf("apply entry %d: %w", entry.Index, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return c.run(t.values)
}

// Snapshot implements [raft.FSM].
func (t *table) Snapshot() (raft.FSMSnapshot, error) { return snapshot(t.clone()), nil }

// Restore implements [raft.FSM].
func (t *table) Restore(from io.ReadCloser) error {
	defer from.Close()
	values := map[string]int64{}
	if err := json.NewDecoder(from).Decode(&values); err != nil {
		return fmt.Errorf("restore a snapshot: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.values = values
	return nil
}

// snapshot is a copy of the table at one entry.
type snapshot map[string]int64

// Persist implements [raft.FSMSnapshot].
func (s snapshot) Persist(sink raft.SnapshotSink) error {
	if err := json.NewEncoder(sink).Encode(s); err != nil {
		return errors.Join(fmt.Errorf("write a snapshot: %w", err), sink.Cancel())
	}
	return sink.Close()
}

// Release implements [raft.FSMSnapshot].
func (s snapshot) Release() {}
