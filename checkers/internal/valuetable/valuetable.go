// Package valuetable numbers values in the order in which they come, so that what is
// known of each can be kept in a slice.
package valuetable

import (
	"math/bits"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// None is the number of a value that has none.
const None = int32(-1)

// Bytes is what a [Table] takes for a value, at most, while it grows.
const Bytes = 4*(4+2) + 2*8

// Table gives values numbers from 0: open addressing, at most half full. It must be
// reset before it is used. Its memory is used again after each Reset.
//
// Workloads count values up, so a value is looked for first at the slot of its own low
// bits: what comes one after the other is neighbours in memory, and the values of a
// count never meet. Where they pile up there (multiples of a power of two, a client's
// number in the high bits) the table is scattered, until the next Reset.
type Table struct {
	slots     []int32 // one more than the number of a value; 0 is free
	values    []history.Value
	scattered bool
}

// near is up to how many slots from its own a value stands, unless the table is scattered.
const near = 64

// New returns a table with room for so many values.
func New(room int) *Table {
	t := &Table{}
	t.Reset(room)
	return t
}

// Reset makes the table empty, with room for so many values.
func (t *Table) Reset(room int) {
	size := 1 << bits.Len(uint(2*room+8))
	if cap(t.slots) < size {
		t.slots = make([]int32, size)
	} else {
		t.slots = t.slots[:size]
		clear(t.slots)
	}
	t.values, t.scattered = slices.Grow(t.values[:0], room), false
}

// Find returns the number of a value, [None] where it has none.
func (t *Table) Find(v history.Value) int32 {
	if slot := t.search(v); slot >= 0 {
		return t.slots[slot] - 1
	}
	return None
}

// At returns the number of a value, and whether it was given just now.
func (t *Table) At(v history.Value) (n int32, isNew bool) {
	slot := t.search(v)
	if slot >= 0 && t.slots[slot] != 0 {
		return t.slots[slot] - 1, false
	}
	t.values = append(t.values, v)
	n = int32(len(t.values))
	switch {
	case slot < 0:
		t.scattered = true
		t.rebuild()
	case 2*int(n) > len(t.slots):
		t.slots = make([]int32, 2*len(t.slots))
		t.rebuild()
	default:
		t.slots[slot] = n
	}
	return n - 1, true
}

// search returns the slot of a value, or the free one where it is to stand; -1 where
// there is neither near its own.
func (t *Table) search(v history.Value) int {
	i, steps, last := int(v), near, len(t.slots)-1
	if t.scattered {
		i, steps = Slot(uint64(v)>>3, v, len(t.slots)), len(t.slots)
	}
	for i &= last; steps > 0; steps-- {
		n := t.slots[i] - 1
		if n < 0 || t.values[n] == v {
			return i
		}
		i = (i + 1) & last
	}
	return -1
}

// rebuild gives all values their slots anew.
func (t *Table) rebuild() {
	clear(t.slots)
	for n, v := range t.values {
		slot := t.search(v)
		if slot < 0 {
			t.scattered = true
			t.rebuild()
			return
		}
		t.slots[slot] = int32(n + 1)
	}
}

// Slot is where the search for a value begins in a scattered table with so many slots,
// a power of two. Eight neighbours in number are neighbours in memory; beyond that, any
// pattern of the groups of eight is scattered.
func Slot(group uint64, v history.Value, slots int) int {
	group = (group ^ group>>29) * 0x9e3779b97f4a7c15
	group ^= group >> 32
	return int(group<<3|uint64(v)&7) & (slots - 1)
}

// All lists the values in the order of their numbers. It is the table's own memory.
func (t *Table) All() []history.Value { return t.values }

// Held is how many bytes the table takes.
func (t *Table) Held() int64 { return int64(cap(t.slots))*4 + int64(cap(t.values))*8 }
