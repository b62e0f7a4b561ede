package txn

import (
	"fmt"
	"math"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// registers is the analysis of an rw-register history.
//
// A value says who wrote it, and nothing says which of two writes came later. What
// is known of the order of a key's versions:
//
//   - What the key held at first is before all that was written.
//   - Where a committed transaction read one version and wrote another, the read one
//     is before. For the writer of the first comes before that transaction, because
//     it read from it; were its version the later one, that would be a cycle of ww
//     and wr, which every level from read-committed on forbids. So this is no
//     assumption; it only must not be used against read-uncommitted. It is used for
//     rw edges alone: a ww edge would repeat the wr edge.
//   - With SequentialKeys, LinearizableKeys: what the name says.
//
// Versions are numbered: writes by their place in the table, then for each key what
// it held at first.
type registers struct {
	*analysis
	Register
	initial history.Value
	seenBy  []versionTxn // who read which version, and not its own
	updates []versionTxn // who read which version and then overwrote it
	before  []versions   // older and newer version
	assumed []assumption
}

// versionTxn is a version and a transaction, in one number so that it sorts fast.
type versionTxn uint64

func pair(version, txn int32) versionTxn { return versionTxn(version)<<32 | versionTxn(txn) }

func (p versionTxn) version() int32 { return int32(p >> 32) }

func (p versionTxn) txn() int32 { return int32(p & math.MaxUint32) }

type versions struct{ older, newer int32 }

func (a *analysis) registers(c Register) error {
	writes, answers, err := a.fit(history.Write, history.Read)
	if err != nil {
		return err
	}
	initial, err := a.h.InitialValue()
	if err != nil {
		initial = history.None // nobody reads that
	}
	r := &registers{analysis: a, Register: c, initial: initial}
	a.explain = r.why
	a.atFirst = ": at first it held " + r.initialText()
	if err := a.enter(history.Write, writes); err != nil {
		return err
	}
	if n := a.initialWritten(r.initial); n != nobody {
		return fmt.Errorf("%s was written to %s, which held it from the start: who read it can't be told", a.text(n), a.keyOf(n))
	}
	a.edges.list = make([]edge, 0, 2*answers)
	r.seenBy = make([]versionTxn, 0, answers)
	a.sources = make([]source, 0, answers)
	if err := r.scan(); err != nil {
		return err
	}
	r.findLostUpdates()
	if r.SequentialKeys {
		r.assume(sequentialKeys, r.sequential())
	}
	if r.LinearizableKeys {
		r.assume("linearizable-keys", r.linearizable())
	}
	r.link()
	if !r.LinearizableKeys {
		a.inRealTime = r.inRealTime
	}
	return nil
}

func (a *analysis) initialWritten(initial history.Value) int32 {
	for n := range a.table.writes {
		if a.table.value(int32(n)) == initial {
			return int32(n)
		}
	}
	return nobody
}

// first is the version that a key held at first. Those of later keys have larger
// numbers, so that sorting by version and by [registers.number] is the same.
func (r *registers) first(key history.Key) int32 {
	return math.MaxInt32 - int32(len(r.h.Keys)) + int32(key)
}

func (r *registers) isFirst(version int32) bool { return int(version) >= len(r.table.writes) }

func (r *registers) scan() error {
	h := r.h
	for i := range h.Ops {
		o := &h.Ops[i]
		if i&0xfff == 0 && r.stop() {
			return errTime
		}
		if o.Outcome != history.OK {
			continue
		}
		for j := o.Offset; j < o.Offset+o.Count; j++ {
			m := &h.Micros[j]
			again := r.touched(o, j)
			switch {
			case m.Kind == history.Write && again:
				r.overwrite(int32(i), j)
			case m.Kind == history.Read && m.Value != history.None:
				r.read(int32(i), j, again)
			}
		}
	}
	return nil
}

// version is that of a value that was read; nobody where there is none. A value that
// nobody wrote makes a version without a writer where what keys held at first is
// not known.
func (r *registers) version(j uint32) int32 {
	m := &r.h.Micros[j]
	if m.Value == r.initial {
		return r.first(m.Key)
	}
	n := r.table.find(m.Key, m.Value)
	if n == nobody && r.InitialUnknown {
		n, _ = r.table.add(write{txn: nobody, micro: j, place: nobody})
	}
	return n
}

func (r *registers) read(txn int32, j uint32, again bool) {
	m := &r.h.Micros[j]
	if again && !r.internal(txn, j) {
		return // it saw what it had read or written itself
	}
	n := r.version(j)
	switch {
	case n == nobody:
		r.readGarbage(txn, m.Key, m.Value)
		return
	case r.isFirst(n):
		r.seenBy = append(r.seenBy, pair(n, txn))
		r.sources = append(r.sources, source{txn, m.Key, fromStart})
		return
	}
	w := &r.table.writes[n]
	switch {
	case w.failed:
		r.readFailed(txn, n)
		return
	case w.txn == txn:
		if w.micro > j {
			r.readOwnFuture(txn, n)
		}
		return
	case w.inner:
		r.readInner(txn, n)
	}
	if w.txn != nobody {
		r.edges.add(w.txn, txn, wr)
		r.sources = append(r.sources, source{txn, m.Key, w.txn})
	}
	r.seenBy = append(r.seenBy, pair(n, txn))
}

// internal judges a read of a key that the transaction has used before, and reports
// whether it says anything new.
func (r *registers) internal(txn int32, j uint32) bool {
	o, m := &r.h.Ops[txn], &r.h.Micros[j]
	for i := r.earlier(o, j); i != nobody; i = r.earlier(o, uint32(i)) {
		x := &r.h.Micros[i]
		if x.Value == history.None {
			continue // a read that was not answered
		}
		if x.Value == m.Value {
			return false
		}
		r.note(Internal, func() ([]int32, []string) {
			did := "read"
			if x.Kind == history.Write {
				did = "written"
			}
			return []int32{txn}, []string{say("#0 read %s as %s, after it had %s %s there: that does not fit together within one transaction.",
				name(r.h, m.Key), r.h.Text(m.Value), did, r.h.Text(x.Value))}
		})
		return true
	}
	return true
}

// overwrite notes what a transaction had read of a key when it first wrote it.
func (r *registers) overwrite(txn int32, j uint32) {
	o := &r.h.Ops[txn]
	first := nobody
	for i := r.earlier(o, j); i != nobody; i = r.earlier(o, uint32(i)) {
		switch x := &r.h.Micros[i]; {
		case x.Kind == history.Write:
			return
		case x.Value != history.None:
			first = i
		}
	}
	if first == nobody {
		return
	}
	n := r.version(uint32(first))
	if n == nobody || !r.isFirst(n) && (r.table.writes[n].failed || r.table.writes[n].txn == txn) {
		return
	}
	r.updates = append(r.updates, pair(n, txn))
}

func (r *registers) findLostUpdates() {
	slices.Sort(r.updates)
	for i := 1; i < len(r.updates); i++ {
		if one, other := r.updates[i-1], r.updates[i]; one.version() == other.version() {
			r.bothUpdated(one.txn(), other.txn(), r.keyOfVersion(one.version()), "as "+r.versionText(one.version()))
		}
	}
}

func (r *registers) keyOfVersion(version int32) history.Key {
	if r.isFirst(version) {
		return history.Key(version - r.first(0))
	}
	return r.table.key(version)
}

func (r *registers) versionText(version int32) string {
	if r.isFirst(version) {
		return r.initialText()
	}
	return r.text(version)
}

func (r *registers) initialText() string {
	if r.initial == history.StringValue(len(r.h.Strings)) || r.initial == history.None {
		return fmt.Sprint(r.h.Header.Initial)
	}
	return r.h.Text(r.initial)
}

// link adds the rw edges from those who read a version to those who made a newer
// one, and the ww edges of assumed orders.
func (r *registers) link() {
	r.seenBy = r.byVersion(r.seenBy)
	newer := r.newerThan()
	most := 0
	meet(r.seenBy, newer, func(seen, newer []versionTxn) {
		most += min(len(seen)*len(newer), 4*(len(seen)+len(newer)))
	})
	r.edges.list = slices.Grow(r.edges.list, most)
	var readers, writers []int32
	meet(r.seenBy, newer, func(seen, newer []versionTxn) {
		readers, writers = readers[:0], writers[:0]
		for _, p := range seen {
			readers = append(readers, p.txn())
		}
		for _, p := range newer {
			writers = append(writers, p.txn())
		}
		r.edges.overwrite(sortedOnce(readers), sortedOnce(writers))
	})
}

// meet gives, for each version that is in both lists, what they have of it. Both are
// in the order of versions.
func meet(one, other []versionTxn, both func(one, other []versionTxn)) {
	for len(one) > 0 && len(other) > 0 {
		version := min(one[0].version(), other[0].version())
		a, b := 0, 0
		for a < len(one) && one[a].version() == version {
			a++
		}
		for b < len(other) && other[b].version() == version {
			b++
		}
		if a > 0 && b > 0 {
			both(one[:a], other[:b])
		}
		one, other = one[a:], other[b:]
	}
}

// byVersion orders a list by version, which are numbered without gaps: by counting.
func (r *registers) byVersion(list []versionTxn) []versionTxn {
	at := make([]int32, len(r.table.writes)+len(r.h.Keys)+1)
	for _, p := range list {
		at[r.number(p.version())+1]++
	}
	for i := 1; i < len(at); i++ {
		at[i] += at[i-1]
	}
	ordered := make([]versionTxn, len(list))
	for _, p := range list {
		place := &at[r.number(p.version())]
		ordered[*place] = p
		*place++
	}
	return ordered
}

// newerThan lists, by version, who made one that is newer.
func (r *registers) newerThan() []versionTxn {
	newer := slices.Grow(slices.Clone(r.updates), len(r.before))
	for _, b := range r.before {
		if txn := r.table.writes[b.newer].txn; txn != nobody {
			newer = append(newer, pair(b.older, txn))
		}
	}
	readFirst := make([]bool, len(r.h.Keys))
	for _, s := range r.seenBy {
		if r.isFirst(s.version()) {
			readFirst[r.keyOfVersion(s.version())] = true
		}
	}
	for n := range r.table.writes {
		w := &r.table.writes[n]
		if key := r.table.key(int32(n)); readFirst[key] && w.txn != nobody && !w.failed {
			newer = append(newer, pair(r.first(key), w.txn))
		}
	}
	return r.byVersion(newer)
}
