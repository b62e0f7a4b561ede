package synthetic

import "github.com/seatrial/seatrial/harness/history"

// PlantForgottenWrite makes a read, the first one after a place for which there is one,
// return what its process had overwritten itself, on the same key. It returns the
// place of the read, -1 where there is none.
func PlantForgottenWrite(h *history.History, after int) int {
	type written struct{ old, own *history.Op }
	acked := map[history.Key]*history.Op{} // the last write that is known to be over
	own := map[[2]int32]written{}
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Outcome != history.OK {
			continue
		}
		by := [2]int32{op.Process, int32(op.Key)}
		switch op.Kind {
		case history.Write:
			if old := acked[op.Key]; old != nil && old.Return < op.Call {
				own[by] = written{old, op}
			}
			if old := acked[op.Key]; old == nil || old.Return < op.Call {
				acked[op.Key] = op
			}
		case history.Read:
			if w := own[by]; i >= after && w.own != nil {
				op.Result = w.old.Value
				return i
			}
		}
	}
	return -1
}

// PlantWrongBalance adds one to a balance that a transaction read after a place.
func PlantWrongBalance(h *history.History, after int) {
	for i := after; i < len(h.Ops); i++ {
		if steps := h.Transaction(&h.Ops[i]); len(steps) == accounts {
			steps[0].Value++
			return
		}
	}
}

// PlantFork makes two reads of a group after a place lack each a write that the other
// saw. It returns their places, -1 where there are none.
func PlantFork(h *history.History, after int) (one, other int) {
	seen := map[history.Key]int{} // by a key that was seen while others of its group were not
	for i := after; i < len(h.Ops); i++ {
		steps := h.Transaction(&h.Ops[i])
		if len(steps) != groupSize {
			continue
		}
		written := 0
		for _, m := range steps {
			if m.Value != history.Nil {
				written++
			}
		}
		for j := range steps {
			m := &steps[j]
			if m.Value == history.Nil {
				continue
			}
			if written == 1 {
				seen[m.Key] = i
			} else if one, found := seen[m.Key]; found && written == groupSize {
				m.Value = history.Nil
				return one, i
			}
		}
	}
	return -1, -1
}

// PlantGap takes an element out of the midst of what a watcher was told after a place.
func PlantGap(h *history.History, after int) {
	for i := after; i < len(h.Ops); i++ {
		if op := &h.Ops[i]; op.ReadsList() && op.Count > 3 {
			list := h.List(op)
			copy(list[1:], list[2:])
			op.Count--
			return
		}
	}
}

// PlantSecondHolder gives a lock to somebody, after a place, who had been told that it
// is taken.
func PlantSecondHolder(h *history.History, after int) {
	for i := after; i < len(h.Ops); i++ {
		if op := &h.Ops[i]; op.Kind == history.Acquire && op.Outcome == history.Fail {
			op.Outcome = history.OK
			return
		}
	}
}
