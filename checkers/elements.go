package checkers

import (
	"slices"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// element is one element of one list: what its clients were told of it, and after
// [listScan.scan] what reads say of it.
type element struct {
	value history.Value
	// call is the earliest call of an append of it that may have happened, Open
	// where there is none; ack is the earliest return of one that was acknowledged.
	call, ack int64
	// append is the place in History.Ops of the append that says most of it: the
	// acknowledged one, else one of unknown outcome, else one that failed; none
	// where nobody appended it to this list. first is that of the first append of it
	// that may have happened, which is the same unless it was appended twice.
	append, first int32
	// appends is how many appends of it may have happened.
	appends int32

	// known is from when on it was certainly there: since its acknowledgement, or
	// since a read that held it returned; Open where nobody knows.
	known int64
	// gone is the latest return of a read that held it, atStart where none did.
	gone int64
	// held is the number of the last read that held it and missing that of the last
	// one that began after known and did not.
	held, missing int32
	// odd is the number of the first read that held it though it can't have been
	// there, twice that of the first one that held it more often than it was appended.
	odd, twice int32

	times int32 // how often the read at hand has it
}

// acked reports whether an append of the element was acknowledged.
func (e *element) acked() bool { return e.ack != history.Open }

// lastSure is the instant from which on the element is gone for good if any read
// that was called later lacks it: then all of those do. It was certainly there
// since known, and no read that returned after gone held it.
func (e *element) lastSure() int64 { return max(e.known, e.gone) }

// elementTable finds an element by its value, which is that of the same number in the table.
type elementTable struct {
	valuetable.Table
	elements []element
}

// reset makes the table empty, with room for so many elements.
func (t *elementTable) reset(elements int) {
	t.Reset(elements)
	t.elements = slices.Grow(t.elements[:0], elements)
}

// at returns the number of a value's element, which it makes if need be.
func (t *elementTable) at(v history.Value) int32 {
	n, isNew := t.At(v)
	if isNew {
		t.elements = append(t.elements, element{
			value: v, call: history.Open, ack: history.Open, append: none, first: none,
			known: history.Open, gone: atStart, held: none, missing: none, odd: none, twice: none,
		})
	}
	return n
}
