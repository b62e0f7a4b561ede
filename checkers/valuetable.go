package checkers

import (
	"math/bits"

	"github.com/seatrial/seatrial/harness/history"
)

// valueTable numbers values in the order in which they come: open addressing, at
// most half full.
type valueTable struct {
	slots  []int32 // one more than the number of a value; 0 is free
	values []history.Value
}

// reset makes the table empty, with room for so many values.
func (t *valueTable) reset(values int) {
	size := 1 << bits.Len(uint(2*values+8))
	if cap(t.slots) < size {
		t.slots = make([]int32, size)
	} else {
		t.slots = t.slots[:size]
		clear(t.slots)
	}
	if cap(t.values) < values {
		t.values = make([]history.Value, 0, values)
	}
	t.values = t.values[:0]
}

// slot is where the search for a value begins; see [blockTable.slot].
func (t *valueTable) slot(v history.Value) int {
	group := uint64(v) >> 3
	group = (group ^ group>>29) * 0x9e3779b97f4a7c15
	group ^= group >> 32
	return int(group<<3|uint64(v)&7) & (len(t.slots) - 1)
}

// find returns a value's number, none where it has none.
func (t *valueTable) find(v history.Value) int32 {
	for i := t.slot(v); ; i = (i + 1) & (len(t.slots) - 1) {
		if n := t.slots[i] - 1; n < 0 || t.values[n] == v {
			return n
		}
	}
}

// number returns a value's number, which is the next one where it has none.
func (t *valueTable) number(v history.Value) int32 {
	i := t.slot(v)
	for ; t.slots[i] != 0; i = (i + 1) & (len(t.slots) - 1) {
		if n := t.slots[i] - 1; t.values[n] == v {
			return n
		}
	}
	t.values = append(t.values, v)
	n := int32(len(t.values))
	t.slots[i] = n
	if 2*int(n) > len(t.slots) {
		t.grow()
	}
	return n - 1
}

func (t *valueTable) grow() {
	t.slots = make([]int32, 2*len(t.slots))
	for n, v := range t.values {
		i := t.slot(v)
		for t.slots[i] != 0 {
			i = (i + 1) & (len(t.slots) - 1)
		}
		t.slots[i] = int32(n + 1)
	}
}
