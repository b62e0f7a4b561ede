package txn

import (
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// readOdd judges a read that the longest one does not begin with.
func (l *lists) readOdd(txn int32, j uint32) {
	m := &l.h.Micros[j]
	list, longest := l.h.MicroList(m), l.list(m.Key)
	l.forked[m.Key] = true
	l.note(IncompatibleOrder, func() ([]int32, []string) {
		at := 0
		for list[at] == longest[at] {
			at++
		}
		other := l.txnOf(uint32(l.longest[m.Key] - 1))
		return []int32{txn, other}, []string{say("#0 read %s as the %s element of %s, and #1 read %s there: appends never change what is before them, so one of the two lists never was.",
			l.h.Text(list[at]), ordinal(at+1), name(l.h, m.Key), l.h.Text(longest[at]))}
	})
	own := false
	for i, v := range list {
		n := l.table.find(m.Key, v)
		if n == nobody {
			l.readGarbage(txn, m.Key, v)
			continue
		}
		w := &l.table.writes[n]
		if w.failed {
			l.readFailed(txn, n)
		}
		if w.txn == txn && w.micro > j {
			l.readOwnFuture(txn, n)
		}
		if slices.Contains(list[:i], v) {
			l.readTwice(txn, m.Key, v)
		}
		if i == len(list)-1 {
			own = !l.saw(txn, n)
			if !own && w.place != nobody {
				l.missed(txn, m.Key, l.orderOf(m.Key), int(w.place)+1)
			}
		}
	}
}

// txnOf is the transaction that has a micro-operation.
func (l *lists) txnOf(micro uint32) int32 {
	for i := range l.h.Ops {
		if o := &l.h.Ops[i]; micro >= o.Offset && micro < o.Offset+o.Count {
			return int32(i)
		}
	}
	return nobody
}

// appendAgain judges an append to a key that the transaction has used before.
func (l *lists) appendAgain(txn int32, j uint32) {
	o, m := &l.h.Ops[txn], &l.h.Micros[j]
	n := l.table.find(m.Key, m.Value)
	place := l.table.writes[n].place
	var first *history.Micro // the transaction's first answered read of the key, if that came before all its appends
	for i := l.earlier(o, j); i != nobody; i = l.earlier(o, uint32(i)) {
		x := &l.h.Micros[i]
		if x.Kind == history.Append {
			first = nil
		} else if x.Listed {
			first = x
			if place != nobody && l.begins(x) && int32(x.Count) > place {
				l.readOwnFuture(txn, n)
			}
		}
	}
	if first == nil {
		return
	}
	for i := l.earlier(o, j); i != nobody; i = l.earlier(o, uint32(i)) {
		if l.h.Micros[i].Kind == history.Append {
			return // its first append of the key was judged
		}
	}
	l.update(txn, first)
}

// begins reports whether a read is a beginning of its key's longest.
func (l *lists) begins(m *history.Micro) bool {
	list, longest := l.h.MicroList(m), l.list(m.Key)
	return len(list) <= len(longest) && slices.Equal(list, longest[:len(list)])
}

// update notes that a transaction read a version and then appended to it.
func (l *lists) update(txn int32, read *history.Micro) {
	list := l.h.MicroList(read)
	version, slot := "as it was at first, empty", &l.updatedInit[read.Key]
	if len(list) > 0 {
		n := l.table.find(read.Key, list[len(list)-1])
		if n == nobody {
			return
		}
		version, slot = "up to "+l.text(n), &l.updated[n]
	}
	if *slot != 0 && *slot != txn+1 {
		l.bothUpdated(*slot-1, txn, read.Key, version)
		return
	}
	*slot = txn + 1
}

// internal judges a read of a key that the transaction has used before: it must be
// what the transaction knows of it.
func (l *lists) internal(txn int32, j uint32) {
	o, m := &l.h.Ops[txn], &l.h.Micros[j]
	list := l.h.MicroList(m)
	left := len(list) // what is before the transaction's own appends
	for i := l.earlier(o, j); i != nobody; i = l.earlier(o, uint32(i)) {
		x := &l.h.Micros[i]
		if x.Kind == history.Append {
			left--
			if left < 0 || list[left] != x.Value {
				l.noteInternal(txn, m, fmt.Sprintf("after it had appended %s", l.h.Text(x.Value)))
				return
			}
		} else if x.Listed {
			if before := l.h.MicroList(x); !slices.Equal(before, list[:left]) {
				l.noteInternal(txn, m, fmt.Sprintf("after it had read %s there", l.listText(before)))
			}
			return
		}
	}
}

func (l *lists) noteInternal(txn int32, m *history.Micro, after string) {
	l.note(Internal, func() ([]int32, []string) {
		return []int32{txn}, []string{say("#0 read %s as %s, %s: that does not fit together within one transaction.", name(l.h, m.Key), l.listText(l.h.MicroList(m)), after)}
	})
}
