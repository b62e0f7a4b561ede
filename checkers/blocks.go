package checkers

import (
	"math"
	"math/bits"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// Who stored a block's value, where it is not the place of an operation.
const (
	byNobody = int32(-1)
	byStart  = int32(-2) // the key held it from the start
)

const none = int32(-1)

// atStart is an instant before every call.
const atStart = int64(math.MinInt64)

// block is one value of one key: the operation that stored it, its reads, and
// its place in a chain of compare-and-sets.
type block struct {
	value history.Value
	// call and ret are the interval of the operation that stored the value.
	call, ret int64
	// readReturn is the earliest return and readCall the latest call of those
	// that saw the value and left it there.
	readReturn, readCall int64
	writer               int32 // place of the operation among the key's, or byNobody, byStart
	from                 int32 // the block that the writer swapped from; none where it is a plain write
	next                 int32 // the block that this one was swapped into
	needed               bool  // the value was certainly there
	visited              bool
}

func (b *block) read() bool { return b.readReturn != history.Open }

// blockTable finds a block by its value: open addressing, at most half full. It is a
// [valuetable.Table] with the values in the blocks, which are read anyway: a fifth
// faster for those who look up every operation.
type blockTable struct {
	slots  []int32 // one more than the number of a block; 0 is free
	blocks []block
}

// reset makes the table empty, with room for so many values.
func (t *blockTable) reset(values int) {
	size := 1 << bits.Len(uint(2*values+8))
	if cap(t.slots) < size {
		t.slots = make([]int32, size)
	} else {
		t.slots = t.slots[:size]
		clear(t.slots)
	}
	if cap(t.blocks) < values+1 {
		t.blocks = make([]block, 0, values+1)
	}
	t.blocks = t.blocks[:0]
}

// slot is where the search for a value begins.
func (t *blockTable) slot(v history.Value) int {
	return valuetable.Slot(uint64(v)>>3, v, len(t.slots))
}

// find returns the number of a value's block, none where it has no block yet.
func (t *blockTable) find(v history.Value) int32 {
	for i := t.slot(v); ; i = (i + 1) & (len(t.slots) - 1) {
		n := t.slots[i] - 1
		if n < 0 || t.blocks[n].value == v {
			return n
		}
	}
}

// at returns the number of a value's block, which it makes if need be.
func (t *blockTable) at(v history.Value) int32 {
	i := t.slot(v)
	for ; t.slots[i] != 0; i = (i + 1) & (len(t.slots) - 1) {
		if n := t.slots[i] - 1; t.blocks[n].value == v {
			return n
		}
	}
	t.blocks = append(t.blocks, block{
		value: v, readReturn: history.Open, readCall: atStart, writer: byNobody, from: none, next: none,
	})
	n := int32(len(t.blocks))
	t.slots[i] = n
	if 2*int(n) > len(t.slots) {
		t.grow()
	}
	return n - 1
}

func (t *blockTable) grow() {
	t.slots = make([]int32, 2*len(t.slots))
	for n := range t.blocks {
		i := t.slot(t.blocks[n].value)
		for t.slots[i] != 0 {
			i = (i + 1) & (len(t.slots) - 1)
		}
		t.slots[i] = int32(n + 1)
	}
}
