package txn

import (
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// weak judges the levels below snapshot isolation from who read from whom, without
// knowing the order of versions. After Biswas and Enea (On the Complexity of Checking
// Transactional Consistency, 2019) and Møldrup and Pavlogiannis (AWDIT, PLDI 2025),
// there must be an order of all transactions that agrees with who read from whom and
// in which, where a transaction reads x from t1, another one t2 that wrote x and that
// it had to see comes before t1. Whom a transaction has to see is the level:
//
//	monotonic-atomic-view  from whom it read something before that read
//	read-atomic            from whom it read anything
//	causal                 those, from whom they read, and so on
//
// AWDIT calls the first one read committed, which here is what Adya calls so, and
// weaker. With sessions one also has to see what came before in one's process;
// AWDIT's levels are those.
//
// Such an order exists exactly if the pairs that it must have are in no circle.
type weak struct {
	*analysis
	writers   []int32 // by key, the transactions that wrote it and may have happened, sorted
	writersAt []int32
	readsAt   []int32     // by transaction, where its reads begin in sources
	sessions  *components // the committed transactions of each process, in their order
	pairs     []mustPrecede
	mark      []int32 // by key: one more than the place in sources of the present transaction's read
}

// source says from whom a transaction read a key for the first time.
type source struct {
	reader int32
	key    history.Key
	writer int32 // or fromStart
}

// fromStart stands for the transaction that made what keys held at first.
const fromStart = int32(-2)

// mustPrecede says that one transaction must come before another because a reader
// had to see the one and read the key from the other.
type mustPrecede struct {
	first, second, reader int32
	key                   history.Key
	level                 weakLevel
	sessions              bool
}

type weakLevel int8

const (
	monotonicView weakLevel = iota
	readAtomic
	causal
)

var weakNames = [...]string{MonotonicViewCycle, ReadAtomicCycle, CausalCycle}

// The search for causal pairs takes transactions times processes. These bound it,
// where a causal level is asked for (some ten seconds) and elsewhere.
const (
	causalSteps = 400_000_000
	causalAside = 20_000_000
)

// judgeWeak notes the smallest anomaly of each level that it finds.
func (a *analysis) judgeWeak(g *graph, level string) {
	if len(a.sources) == 0 {
		return
	}
	w := &weak{analysis: a}
	w.indexWriters()
	w.index(g)
	w.mark = make([]int32, len(a.h.Keys))
	for i := range a.h.Ops {
		w.direct(w.readsOf(int32(i)))
	}
	w.inSession()
	w.circles(g, readAtomic)
	if len(w.seenWeak(monotonicView, readAtomic)) > 0 || a.stop() {
		return // worse is known
	}
	most := int64(causalAside)
	if strings.Contains(level, "causal") {
		most = causalSteps
	}
	if !w.causal(g, most) {
		a.causalOpen = true
		return
	}
	w.circles(g, causal)
}

func (w *weak) seenWeak(levels ...weakLevel) (names []string) {
	for _, level := range levels {
		for _, suffix := range suffixes[:2] {
			if w.seen[weakNames[level]+suffix] != nil {
				names = append(names, weakNames[level]+suffix)
			}
		}
	}
	return names
}

// index finds the reads of each transaction and the transactions of each process. A
// process whose last transaction has an unknown outcome has that as its last: only
// what was committed sees what was before.
func (w *weak) index(g *graph) {
	w.readsAt = make([]int32, g.n+1)
	for _, read := range w.sources {
		w.readsAt[read.reader+1]++
	}
	for i := range g.n {
		w.readsAt[i+1] += w.readsAt[i]
	}
	w.sessions = &components{members: make([]int32, 0, g.n)}
	follows := make([]bool, g.n)
	for _, then := range g.then {
		if then != nobody {
			follows[then] = true
		}
	}
	for i := range g.n {
		if w.h.Ops[i].Outcome == history.Fail || follows[i] {
			continue
		}
		for at := int32(i); at != nobody; at = g.then[at] {
			w.sessions.members = append(w.sessions.members, at)
		}
		w.sessions.ends = append(w.sessions.ends, int32(len(w.sessions.members)))
	}
}

func (w *weak) readsOf(txn int32) []source { return w.sources[w.readsAt[txn]:w.readsAt[txn+1]] }

func (w *weak) indexWriters() {
	t := w.table
	w.writersAt = make([]int32, len(w.h.Keys)+1)
	counts := func(n int) bool { return t.writes[n].txn != nobody && !t.writes[n].failed }
	for n := range t.writes {
		if counts(n) {
			w.writersAt[t.key(int32(n))]++
		}
	}
	sum := int32(0)
	for k := range w.writersAt {
		sum += w.writersAt[k]
		w.writersAt[k] = sum
	}
	w.writers = make([]int32, sum)
	for n := len(t.writes) - 1; n >= 0; n-- {
		if counts(n) {
			at := &w.writersAt[t.key(int32(n))]
			*at--
			w.writers[*at] = t.writes[n].txn
		}
	}
}

func (w *weak) wrote(txn int32, key history.Key) bool {
	_, found := slices.BinarySearch(w.writers[w.writersAt[key]:w.writersAt[key+1]], txn)
	return found
}

func (w *weak) add(first int32, read source, level weakLevel, sessions bool) {
	if first != read.writer && first != read.reader {
		w.pairs = append(w.pairs, mustPrecede{first, read.writer, read.reader, read.key, level, sessions})
	}
}

// direct adds what follows from whom one transaction read. It looks at its own reads
// or at the other's writes, whichever are fewer: that is AWDIT's bound.
func (w *weak) direct(reads []source) {
	for i := range reads {
		w.mark[reads[i].key] = int32(i) + 1
	}
	for i, r := range reads {
		if r.writer < 0 {
			continue
		}
		level := func(j int) weakLevel {
			if i < j {
				return monotonicView
			}
			return readAtomic
		}
		if other := w.h.Transaction(&w.h.Ops[r.writer]); len(other) < len(reads) {
			for _, m := range other {
				if j := int(w.mark[m.Key]) - 1; j >= 0 && m.Kind != history.Read && m.Kind != history.ReadList {
					w.add(r.writer, reads[j], level(j), false)
				}
			}
			continue
		}
		for j := range reads {
			if i != j && reads[j].writer != r.writer && w.wrote(r.writer, reads[j].key) {
				w.add(r.writer, reads[j], level(j), false)
			}
		}
	}
	for i := range reads {
		w.mark[reads[i].key] = 0
	}
}

// inSession adds that a transaction had to see the last one before it in its process
// that wrote what it reads.
func (w *weak) inSession() {
	latest, of := make([]int32, len(w.h.Keys)), make([]int32, len(w.h.Keys))
	for s := range w.sessions.count() {
		for _, i := range w.sessions.at(s) {
			for _, read := range w.readsOf(i) {
				if of[read.key] == int32(s)+1 {
					w.add(latest[read.key], read, readAtomic, true)
				}
			}
			for _, m := range w.h.Transaction(&w.h.Ops[i]) {
				if m.Kind == history.Write || m.Kind == history.Append {
					latest[m.Key], of[m.Key] = i, int32(s)+1
				}
			}
		}
	}
}

// circles looks for circles of the pairs up to a level, the weakest level first.
func (w *weak) circles(g *graph, most weakLevel) {
	if w.circle(g, most, true, false) == nil {
		return
	}
	for i, sessions := range []bool{false, true} {
		for level := monotonicView; level <= most; level++ {
			c := w.circle(g, level, sessions, true)
			if c == nil {
				continue
			}
			if slices.Contains(c.kinds, ww) || slices.Contains(c.kinds, rw) {
				w.noteCircle(level, suffixes[i], c)
			} // else who read from whom goes round: that is G1c
			return // the others are implied
		}
	}
}

// circle returns a circle, the smallest if asked; nil where there is none.
func (w *weak) circle(g *graph, level weakLevel, sessions, smallest bool) *cycle {
	e := edges{n: int32(g.n), nodes: int32(g.n)}
	for from := range g.n {
		for _, x := range g.to[g.off[from]:g.off[from+1]] {
			if x&3 == wr {
				e.add(int32(from), int32(x>>2), wr)
			}
		}
	}
	for _, p := range w.pairs {
		if p.level > level || p.sessions && !sessions {
			continue
		}
		if p.second == fromStart {
			return &cycle{txns: []int32{p.first, p.reader}, kinds: []int{pass, rw}} // pass: it had to see it
		}
		e.add(p.first, p.second, ww)
	}
	part := e.graph()
	part.then, part.next = g.then, g.next
	kinds := reads
	if sessions {
		kinds |= session
	}
	whole := part.components(kinds, false)
	if whole.count() == 0 {
		return nil
	}
	if !smallest {
		return &cycle{}
	}
	return part.within(whole).smallest(kinds, w.stop)
}
