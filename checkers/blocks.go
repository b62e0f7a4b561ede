package checkers

import (
	"math"
	"slices"

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

// blockTable finds a block by its value, which is that of the same number in the table.
type blockTable struct {
	valuetable.Table
	blocks []block
}

// reset makes the table empty, with room for so many values.
func (t *blockTable) reset(values int) {
	t.Reset(values)
	t.blocks = slices.Grow(t.blocks[:0], values+1)
}

// find returns the number of a value's block, none where it has no block yet.
func (t *blockTable) find(v history.Value) int32 { return t.Find(v) }

// at returns the number of a value's block, which it makes if need be.
func (t *blockTable) at(v history.Value) int32 {
	n, isNew := t.At(v)
	if isNew {
		t.blocks = append(t.blocks, block{readReturn: history.Open, readCall: atStart, writer: byNobody, from: none, next: none})
	}
	return n
}

// value is that of a block.
func (t *blockTable) value(n int32) history.Value { return t.All()[n] }
