package model

import (
	"math/bits"

	"github.com/seatrial/seatrial/harness/history"
)

// numbers gives values numbers from 0: open addressing, at most half full.
type numbers struct {
	slots  []int32 // one more than a number; 0 is free
	values []history.Value
}

func newNumbers(room int) *numbers {
	return &numbers{slots: make([]int32, 1<<bits.Len(uint(2*room+8)))}
}

func (t *numbers) slot(v history.Value) int { return int(mix(uint64(v))) & (len(t.slots) - 1) }

// find returns a value's number, -1 where it has none.
func (t *numbers) find(v history.Value) int32 {
	for i := t.slot(v); ; i = (i + 1) & (len(t.slots) - 1) {
		if n := t.slots[i] - 1; n < 0 || t.values[n] == v {
			return n
		}
	}
}

// at returns a value's number, which it gives it if need be.
func (t *numbers) at(v history.Value) int32 {
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
		t.slots = make([]int32, 2*len(t.slots))
		for n, v := range t.values {
			i := t.slot(v)
			for t.slots[i] != 0 {
				i = (i + 1) & (len(t.slots) - 1)
			}
			t.slots[i] = int32(n + 1)
		}
	}
	return n - 1
}

func (t *numbers) size() int64 { return int64(cap(t.slots))*4 + int64(cap(t.values))*8 }
