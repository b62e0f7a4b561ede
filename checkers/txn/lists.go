package txn

import (
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// lists is the analysis of a list-append history.
//
// The longest read of a key gives the order of its versions: a list holds all that
// was appended, in the order in which it was. Every other read must be a beginning
// of it. An append that the longest read lacks came after all that it holds, if it
// was committed. One whose outcome is unknown, and that nobody saw, may not have
// been; but then nothing leads from its transaction on, so it is on no cycle.
type lists struct {
	*analysis
	longest []int32 // by key, one more than the micro-operation that read most; 0 for none
	begin   []int32 // by key, where its order is in order
	order   []int32 // the writes of the longest reads, nobody for a value that nobody wrote

	unseen    []int32   // writes that no read holds, by key, their begins in unseenAt
	unseenAt  []int32   //
	lastReads []keyRead // reads of all of a key that has unseen writes

	updated     []int32 // by write, one more than the first transaction that read up to it and then appended
	updatedInit []int32 // the same of the empty list, by key

	// The first places of a key's order that are wrong in themselves. Rare.
	flaws map[history.Key]*listFlaw
	// forked are keys with a read that the longest one does not begin with.
	forked map[history.Key]bool
}

type keyRead struct {
	key history.Key
	txn int32
}

// listFlaw says from which length on a read of a key shows which anomaly.
type listFlaw struct{ failed, garbage, twice int32 }

func (a *analysis) lists() error {
	writes, answers, err := a.fit(history.Append, history.ReadList)
	if err != nil {
		return err
	}
	if err := a.enter(history.Append, writes); err != nil {
		return err
	}
	l := &lists{analysis: a, flaws: map[history.Key]*listFlaw{}, forked: map[history.Key]bool{}}
	a.explain = l.why
	a.edges.list = make([]edge, 0, 2*answers+writes)
	a.sources = make([]source, 0, answers)
	l.updated, l.updatedInit = make([]int32, writes), make([]int32, len(a.h.Keys))
	l.findLongest()
	l.findOrder()
	l.findUnseen()
	if err := l.scan(); err != nil {
		return err
	}
	l.linkUnseen()
	return nil
}

func (l *lists) findLongest() {
	h := l.h
	l.longest = make([]int32, len(h.Keys))
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Outcome != history.OK {
			continue
		}
		for j := o.Offset; j < o.Offset+o.Count; j++ {
			m := &h.Micros[j]
			if have := l.longest[m.Key]; m.Listed && (have == 0 || h.Micros[have-1].Count < m.Count) {
				l.longest[m.Key] = int32(j) + 1
			}
		}
	}
}

// list is the longest read of a key.
func (l *lists) list(key history.Key) []history.Value {
	if l.longest[key] == 0 {
		return nil
	}
	return l.h.MicroList(&l.h.Micros[l.longest[key]-1])
}

func (l *lists) orderOf(key history.Key) []int32 { return l.order[l.begin[key]:l.begin[key+1]] }

// findOrder finds who appended what, and links each append to the next.
func (l *lists) findOrder() {
	l.begin = make([]int32, len(l.h.Keys)+1)
	sum := int32(0)
	for k := range l.h.Keys {
		l.begin[k] = sum
		sum += int32(len(l.list(history.Key(k))))
	}
	l.begin[len(l.h.Keys)] = sum
	l.order = make([]int32, sum)
	for k := range l.h.Keys {
		l.orderKey(history.Key(k))
	}
}

func (l *lists) orderKey(key history.Key) {
	order := l.orderOf(key)
	before := nobody // the transaction of the element before, where that may have happened
	dirty := false
	for i, v := range l.list(key) {
		n := l.table.find(key, v)
		order[i] = n
		if n == nobody {
			l.flaw(key).garbage = min(l.flaw(key).garbage, int32(i))
			before = nobody
			continue
		}
		w := &l.table.writes[n]
		if w.place != nobody {
			l.flaw(key).twice = min(l.flaw(key).twice, int32(i))
			continue
		}
		w.place = int32(i)
		if w.failed {
			l.flaw(key).failed = min(l.flaw(key).failed, int32(i))
			before, dirty = nobody, true
			continue
		}
		if before != nobody {
			l.edges.add(before, w.txn, ww)
		}
		before = w.txn
		if dirty && l.h.Ops[w.txn].Outcome == history.OK {
			l.noteDirty(order[:i+1])
			dirty = false
		}
	}
}

// noteDirty notes a committed append on top of one that failed. One of unknown
// outcome between them may have failed too, and excuses neither.
func (l *lists) noteDirty(order []int32) {
	l.note(DirtyUpdate, func() ([]int32, []string) {
		top := order[len(order)-1]
		i := len(order) - 2
		for order[i] == nobody || !l.table.writes[order[i]].failed {
			i--
		}
		return []int32{l.table.writes[order[i]].txn, l.table.writes[top].txn}, []string{
			say("#1 appended %s to %s where #0 had appended %s; and #0 failed: it never happened, so nothing may be built on it.", l.text(top), l.keyOf(top), l.text(order[i]))}
	})
}

func (l *lists) flaw(key history.Key) *listFlaw {
	f := l.flaws[key]
	if f == nil {
		f = &listFlaw{1 << 30, 1 << 30, 1 << 30}
		l.flaws[key] = f
	}
	return f
}

// findUnseen lists by key the writes that may have happened and that the longest
// read lacks.
func (l *lists) findUnseen() {
	l.unseenAt = make([]int32, len(l.h.Keys)+1)
	unseen := func(n int) bool { return l.table.writes[n].place == nobody && !l.table.writes[n].failed }
	for n := range l.table.writes {
		if unseen(n) {
			l.unseenAt[l.table.key(int32(n))]++
		}
	}
	sum := int32(0)
	for k := range l.unseenAt {
		sum += l.unseenAt[k]
		l.unseenAt[k] = sum
	}
	l.unseen = make([]int32, sum)
	for n := len(l.table.writes) - 1; n >= 0; n-- {
		if unseen(n) {
			at := &l.unseenAt[l.table.key(int32(n))]
			*at--
			l.unseen[*at] = int32(n)
		}
	}
}

func (l *lists) unseenOf(key history.Key) []int32 { return l.unseen[l.unseenAt[key]:l.unseenAt[key+1]] }

func (l *lists) scan() error {
	h := l.h
	for i := range h.Ops {
		o := &h.Ops[i]
		if i&0xfff == 0 && l.stop() {
			return errTime
		}
		if o.Outcome != history.OK {
			continue
		}
		for j := o.Offset; j < o.Offset+o.Count; j++ {
			m := &h.Micros[j]
			again := l.touched(o, j)
			switch {
			case m.Kind == history.Append && again:
				l.appendAgain(int32(i), j)
			case m.Kind == history.ReadList && m.Listed:
				if again {
					l.internal(int32(i), j)
				}
				l.read(int32(i), j, again)
			}
		}
	}
	return nil
}

// read links a read to the append that made what it saw, and to the next one.
func (l *lists) read(txn int32, j uint32, again bool) {
	m := &l.h.Micros[j]
	list, longest := l.h.MicroList(m), l.list(m.Key)
	if int32(j)+1 != l.longest[m.Key] && !slices.Equal(list, longest[:len(list)]) {
		l.readOdd(txn, j)
		return
	}
	if len(l.flaws) > 0 {
		l.readFlaws(txn, m)
	}
	order := l.orderOf(m.Key)
	if len(list) > 0 && !l.saw(txn, order[len(list)-1]) {
		return // its own append: what follows that comes after it anyhow
	}
	if !again {
		l.noteSource(txn, m.Key, order[:len(list)])
	}
	l.missed(txn, m.Key, order, len(list))
}

// noteSource notes from whom a transaction read a key.
func (l *lists) noteSource(txn int32, key history.Key, order []int32) {
	from := fromStart
	if len(order) > 0 {
		n := order[len(order)-1]
		if n == nobody || l.table.writes[n].failed {
			return
		}
		from = l.table.writes[n].txn
	}
	l.sources = append(l.sources, source{txn, key, from})
}

// saw links a read to the append of the last element that it holds, and reports
// whether that is by another transaction.
func (l *lists) saw(txn, last int32) bool {
	if last == nobody {
		return true
	}
	w := &l.table.writes[last]
	if w.txn == txn {
		return false
	}
	if !w.failed {
		l.edges.add(w.txn, txn, wr)
		if w.inner {
			l.readInner(txn, last)
		}
	}
	return true
}

// missed links a read of so many elements to the append that came next.
func (l *lists) missed(txn int32, key history.Key, order []int32, length int) {
	for i := length; i < len(order); i++ {
		if order[i] == nobody {
			return
		}
		if w := &l.table.writes[order[i]]; w.place == int32(i) { // not one that was there before
			if !w.failed {
				l.edges.add(txn, w.txn, rw)
			}
			return
		}
	}
	if len(l.unseenOf(key)) > 0 {
		l.lastReads = append(l.lastReads, keyRead{key, txn})
	}
}

// readFlaws notes what is wrong with a read that begins like the longest one.
func (l *lists) readFlaws(txn int32, m *history.Micro) {
	f := l.flaws[m.Key]
	if f == nil {
		return
	}
	list, order := l.h.MicroList(m), l.orderOf(m.Key)
	if f.failed < int32(m.Count) {
		l.readFailed(txn, order[f.failed])
	}
	if f.garbage < int32(m.Count) {
		l.readGarbage(txn, m.Key, list[f.garbage])
	}
	if f.twice < int32(m.Count) {
		l.readTwice(txn, m.Key, list[f.twice])
	}
}

func (l *lists) readTwice(txn int32, key history.Key, v history.Value) {
	l.note(DuplicateElements, func() ([]int32, []string) {
		return []int32{txn}, []string{say("#0 read %s of %s twice in one list, and it was appended once.", l.h.Text(v), name(l.h, key))}
	})
}

// linkUnseen links what came before the appends that the longest read lacks. Where
// reads disagree appends were lost, and what is lacking may have been one of them:
// nobody knows what it came after.
func (l *lists) linkUnseen() {
	slices.SortFunc(l.lastReads, func(a, b keyRead) int {
		if a.key != b.key {
			return int(a.key - b.key)
		}
		return int(a.txn - b.txn)
	})
	reads := slices.Compact(l.lastReads)
	for k := range l.h.Keys {
		key := history.Key(k)
		var readers, writers []int32
		for len(reads) > 0 && reads[0].key == key {
			readers = append(readers, reads[0].txn)
			reads = reads[1:]
		}
		if l.forked[key] {
			continue
		}
		before := l.lastWriter(key)
		for _, n := range l.unseenOf(key) {
			w := l.table.writes[n].txn
			writers = append(writers, w)
			if before != nobody {
				l.edges.add(before, w, ww)
			}
		}
		if len(readers) > 0 {
			l.edges.overwrite(readers, sortedOnce(writers))
		}
	}
}

// lastWriter is who appended the last element of the order, nobody where that is not
// known or failed.
func (l *lists) lastWriter(key history.Key) int32 {
	n := l.lastOf(key)
	if n == nobody || l.table.writes[n].failed {
		return nobody
	}
	return l.table.writes[n].txn
}

// lastOf is the last append of the order; what is in it again does not count.
func (l *lists) lastOf(key history.Key) int32 {
	order := l.orderOf(key)
	for i := len(order) - 1; i >= 0; i-- {
		if order[i] == nobody || l.table.writes[order[i]].place == int32(i) {
			return order[i]
		}
	}
	return nobody
}
