package txn

import (
	"math/bits"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// write is one append or write: it makes a version of its key.
type write struct {
	txn   int32  // the transaction, by its place in History.Ops; nobody for a version that was there before
	micro uint32 // the micro-operation, by its place in History.Micros
	// place is where the element stands in the key's order; nobody where no read
	// holds it.
	place int32
	// inner says that the transaction wrote the key again.
	inner  bool
	failed bool // the transaction did
}

// writeTable finds the write of a value to a key: open addressing, at most half full.
// It reads keys and values where they are, in History.Micros.
type writeTable struct {
	micros []history.Micro
	slots  []int32 // one more than the number of a write; 0 is free
	writes []write
}

func newWriteTable(h *history.History, writes int) *writeTable {
	return &writeTable{
		micros: h.Micros, writes: make([]write, 0, writes),
		slots: make([]int32, 1<<bits.Len(uint(2*writes+8)-1)),
	}
}

// slot is where the search begins.
func (t *writeTable) slot(key history.Key, v history.Value) int {
	return valuetable.Slot(uint64(v)>>3^uint64(key)<<40, v, len(t.slots))
}

// find returns the number of the write of a value to a key; nobody where there is none.
func (t *writeTable) find(key history.Key, v history.Value) int32 {
	for i := t.slot(key, v); ; i = (i + 1) & (len(t.slots) - 1) {
		n := t.slots[i] - 1
		if n < 0 {
			return nobody
		}
		if m := &t.micros[t.writes[n].micro]; m.Value == v && m.Key == key {
			return n
		}
	}
}

// add enters a write. Where its value was written to the key before it returns that
// write, and false.
func (t *writeTable) add(w write) (number int32, added bool) {
	m := &t.micros[w.micro]
	i := t.slot(m.Key, m.Value)
	for ; t.slots[i] != 0; i = (i + 1) & (len(t.slots) - 1) {
		n := t.slots[i] - 1
		if other := &t.micros[t.writes[n].micro]; other.Value == m.Value && other.Key == m.Key {
			return n, false
		}
	}
	t.writes = append(t.writes, w)
	t.slots[i] = int32(len(t.writes))
	if 2*len(t.writes) > len(t.slots) {
		t.grow()
	}
	return int32(len(t.writes) - 1), true
}

func (t *writeTable) grow() {
	t.slots = make([]int32, 2*len(t.slots))
	for n := range t.writes {
		m := &t.micros[t.writes[n].micro]
		i := t.slot(m.Key, m.Value)
		for t.slots[i] != 0 {
			i = (i + 1) & (len(t.slots) - 1)
		}
		t.slots[i] = int32(n + 1)
	}
}

func (t *writeTable) value(n int32) history.Value { return t.micros[t.writes[n].micro].Value }

func (t *writeTable) key(n int32) history.Key { return t.micros[t.writes[n].micro].Key }
