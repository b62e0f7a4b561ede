package checkers

import (
	"fmt"
)

// prove shows the first finding by its earliest element.
func (f *fates) prove() *Proof {
	switch {
	case f.shown[lost].count > 0:
		return f.proveGone(f.shown[lost].earliest[0])
	case f.vanished.count > 0:
		return f.proveGone(f.vanished.earliest[0])
	case f.odd.count() > 0:
		return f.odd.prove(&f.scan)
	case f.duplicated.count > 0:
		return f.proveTwice(f.duplicated.earliest[0])
	case f.shown[stale].count > 0:
		return f.proveStale(f.shown[stale].earliest[0])
	default:
		return f.proveGone(f.shown[unsettled].earliest[0])
	}
}

// again scans the element's list again and returns the element.
func (f *fates) again(x instance) *element {
	f.scan.scan(x.list, x.list.reads)
	return &f.scan.elements[f.scan.Find(x.value)]
}

// holding returns which of the reads that hold an element returned first, and which
// last, leaving out those that can't have held it.
func (x instance) holding(e *element) (first, latest int32) {
	first, latest = none, none
	h := x.list.h
	for _, place := range x.list.reads {
		op := &h.Ops[place]
		for _, v := range h.List(op) {
			if v != x.value || op.Return < e.call {
				continue
			}
			if first == none || op.Return < h.Ops[first].Return {
				first = place
			}
			if latest == none || op.Return > h.Ops[latest].Return {
				latest = place
			}
			break
		}
	}
	return first, latest
}

func (f *fates) proveGone(x instance) *Proof {
	e := f.again(x)
	reads := x.list.reads
	_, latest := x.holding(e)
	gone := reads[f.scan.goneFrom(e)]
	proof, t := tellLists(f.h, x.value, e.append, e.first, latest, gone, reads[len(reads)-1])
	text, sure := elementText(f.h, x.value), "its append had been acknowledged"
	if latest != none {
		sure = fmt.Sprintf("%s's read had held it", who(&f.h.Ops[latest]))
	}
	proof.Story = append(proof.Story, fmt.Sprintf("Nothing takes elements away: %s before %s called list %s at %s, and %s is not in that read nor in any later one.",
		sure, who(&f.h.Ops[gone]), nameText(f.h, x.list.key), t.time(f.h.Ops[gone].Call), text))
	return proof
}

func (f *fates) proveTwice(x instance) *Proof {
	e := f.again(x)
	read := x.list.reads[e.twice]
	proof, _ := tellLists(f.h, x.value, e.append, e.first, read)
	proof.Story = append(proof.Story, fmt.Sprintf("By then %s had been appended to %s %s at most.",
		elementText(f.h, x.value), nameText(f.h, x.list.key), times(f.scan.possible(f.scan.Find(x.value), f.h.Ops[read].Return))))
	return proof
}

func times(n int32) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// proveStale shows the last read that missed an element, with what shows that it
// was there before: its acknowledgement, or a read where that came first.
func (f *fates) proveStale(x instance) *Proof {
	e := f.again(x)
	missed := x.list.reads[e.missing]
	first, latest := x.holding(e)
	sure := "its append had been acknowledged"
	if e.ack < f.h.Ops[missed].Call {
		first = none
	} else {
		sure = fmt.Sprintf("%s's read had held it", who(&f.h.Ops[first]))
	}
	proof, t := tellLists(f.h, x.value, e.append, e.first, first, missed, latest)
	proof.Story = append(proof.Story, fmt.Sprintf("%s was there when %s called list %s at %s, for %s before; and that read lacks it.",
		elementText(f.h, x.value), who(&f.h.Ops[missed]), nameText(f.h, x.list.key), t.time(f.h.Ops[missed].Call), sure))
	return proof
}
