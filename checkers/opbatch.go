package checkers

import (
	"iter"

	"github.com/seatrial/seatrial/harness/history"
)

// opBatch reads the operations of one key, which are far apart in memory where there are
// many keys. It copies some of them at a time, so that the processor fetches these all
// at once, and does not wait for each. Its memory is used again.
type opBatch struct{ ops []history.Op }

// batchOps is how many are copied at a time: they stay in the fastest cache.
const batchOps = 64

// of goes through the operations at some places, in ascending order, with their places.
// What it hands out is a copy that lasts until the next one.
func (b *opBatch) of(h *history.History, places []int32) iter.Seq2[int32, *history.Op] {
	return func(yield func(int32, *history.Op) bool) {
		if b.ops == nil {
			b.ops = make([]history.Op, batchOps)
		}
		for len(places) > 0 {
			part := places[:min(batchOps, len(places))]
			for i, place := range part {
				b.ops[i] = h.Ops[place]
			}
			for i, place := range part {
				if !yield(place, &b.ops[i]) {
					return
				}
			}
			places = places[len(part):]
		}
	}
}
