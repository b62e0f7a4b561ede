package synthetic

import "github.com/seatrial/seatrial/harness/history"

// PlantStaleRead makes the first answered read after a place return a value that an
// acknowledged write had overwritten before the read began. It returns the places
// of the read, and of the writes of the old and of the new value; read is -1 where
// there is no such read.
func PlantStaleRead(h *history.History, after int) (read, old, overwriting int) {
	for read = after; read < len(h.Ops); read++ {
		r := &h.Ops[read]
		if r.Kind != history.Read || r.Outcome != history.OK {
			continue
		}
		overwriting = -1
		for i := read - 1; i >= 0; i-- {
			w := &h.Ops[i]
			if w.Key != r.Key || w.Kind != history.Write || w.Outcome != history.OK {
				continue
			}
			switch {
			case overwriting < 0 && w.Return < r.Call:
				overwriting = i
			case overwriting >= 0 && w.Return < h.Ops[overwriting].Call:
				r.Result = w.Value
				return read, i, overwriting
			}
		}
	}
	return -1, -1, -1
}

// PlantReorder makes two dequeues on one key, the second called after the first had
// returned, take each other's element, though the enqueue of the one element had
// returned before that of the other was called. It returns the places of the
// dequeues, -1 where there are none.
func PlantReorder(h *history.History, after int) (first, second int) {
	enqueued := map[history.Value]*history.Op{}
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Kind == history.Enqueue && op.Outcome == history.OK {
			enqueued[op.Value] = op
		}
	}
	took := func(i int) *history.Op {
		op := &h.Ops[i]
		if op.Kind != history.Dequeue || op.Outcome != history.OK || op.Result == history.Nil {
			return nil
		}
		return enqueued[op.Result]
	}
	for first = after; first < len(h.Ops); first++ {
		a := took(first)
		if a == nil {
			continue
		}
		for second = first + 1; second < len(h.Ops); second++ {
			b := took(second)
			if b != nil && h.Ops[second].Key == h.Ops[first].Key && h.Ops[first].Return < h.Ops[second].Call && a.Return < b.Call {
				x, y := &h.Ops[first], &h.Ops[second]
				x.Result, y.Result = y.Result, x.Result
				return first, second
			}
		}
	}
	return -1, -1
}

// PlantLost takes an acknowledged element that had been acknowledged before a place
// out of every read. It returns the element.
func PlantLost(h *history.History, before int) history.Value {
	lost := history.None
	for i := before; i >= 0 && lost == history.None; i-- {
		if op := &h.Ops[i]; op.Kind == history.Append && op.Outcome == history.OK {
			lost = op.Value
		}
	}
	for i := range h.Ops {
		op := &h.Ops[i]
		if !op.ReadsList() {
			continue
		}
		list := h.List(op)
		for j, v := range list {
			if v == lost {
				copy(list[j:], list[j+1:])
				op.Count--
				break
			}
		}
	}
	return lost
}
