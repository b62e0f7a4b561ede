package txn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// sight is what was found of an anomaly that is no cycle.
type sight struct {
	count int
	txns  []int32  // of the first case, by their places in History.Ops
	story []string // with #0 for the first of txns, and so on
	edges []Edge   // of a cycle, where it is one
}

// analysis is one judging of one history.
type analysis struct {
	h     *history.History
	table *writeTable
	edges edges
	seen  map[string]*sight
	// atFirst says what a key held before anybody wrote it, where that is worth saying.
	atFirst string
	// last is the latest micro-operation on a key that was come across.
	last []int32
	// explain says why an edge is there, in words with "#0" for the transaction that
	// it leads from and "#1" for the other.
	explain func(from, to int32, kind int) string

	// sources says from whom each transaction first read each key, in the order of the
	// reads; see [weak].
	sources    []source
	causalOpen bool // nobody knows whether the history is causal

	// inRealTime, where it is set, gives the graph for levels that hold in real time,
	// and what else it finds; see [registers.inRealTime].
	inRealTime func(g *graph) (*graph, map[string]*sight)

	committed, unknown, failed int // transactions
	observed                   int // reads that were answered

	ctx      context.Context
	deadline time.Time
	over     bool
}

func newAnalysis(ctx context.Context, h *history.History, deadline time.Time) *analysis {
	return &analysis{
		h: h, seen: map[string]*sight{}, last: make([]int32, len(h.Keys)),
		ctx: ctx, deadline: deadline, edges: edges{n: int32(len(h.Ops)), nodes: int32(len(h.Ops))},
	}
}

// stop reports whether time is up.
func (a *analysis) stop() bool {
	a.over = a.over || a.ctx.Err() != nil || time.Now().After(a.deadline)
	return a.over
}

// note counts a case of an anomaly; tell is asked for the first one only.
func (a *analysis) note(anomaly string, tell func() (txns []int32, story []string)) {
	s := a.seen[anomaly]
	if s == nil {
		s = &sight{}
		s.txns, s.story = tell()
		a.seen[anomaly] = s
	}
	s.count++
}

var errTime = errors.New("the budget of time ran out")

// fit checks what kinds of steps there are and counts. The writes are counted so
// that tables have their size at once.
func (a *analysis) fit(kinds ...history.Kind) (writes, answers int, err error) {
	for i := range a.h.Ops {
		o := &a.h.Ops[i]
		if o.Kind != history.Txn {
			return 0, 0, fmt.Errorf("operation %d is of kind %s and no transaction: what it wrote would seem to come from nowhere", i, o.Kind)
		}
		switch o.Outcome {
		case history.OK:
			a.committed++
		case history.Info:
			a.unknown++
		case history.Fail:
			a.failed++
		}
		for j := range a.h.Transaction(o) {
			m := &a.h.Transaction(o)[j]
			if !slices.Contains(kinds, m.Kind) {
				return 0, 0, fmt.Errorf("transaction %d has a %s: this checker judges %s and %s", i, m.Kind, kinds[0], kinds[1])
			}
			switch {
			case m.Kind == history.Write || m.Kind == history.Append:
				writes++
			case m.Listed || m.Kind == history.Read && m.Value != history.None:
				answers++
			}
		}
	}
	a.observed = answers
	return writes, answers, nil
}

// enter puts every write into the table.
func (a *analysis) enter(kind history.Kind, writes int) error {
	h := a.h
	a.table = newWriteTable(h, writes)
	latest := make([]int32, len(h.Keys)) // one more than the number of the key's last write
	for i := range h.Ops {
		o := &h.Ops[i]
		if i&0xffff == 0 && a.stop() {
			return errTime
		}
		for j := o.Offset; j < o.Offset+o.Count; j++ {
			m := &h.Micros[j]
			if m.Kind != kind {
				continue
			}
			n, added := a.table.add(write{txn: int32(i), micro: j, place: nobody, failed: o.Outcome == history.Fail})
			if !added {
				return fmt.Errorf("%s was written to %s by two steps: who read it can't be told, so values must be unique", h.Text(m.Value), name(h, m.Key))
			}
			if before := latest[m.Key] - 1; before >= 0 && a.table.writes[before].txn == int32(i) {
				a.table.writes[before].inner = true
			}
			latest[m.Key] = n + 1
		}
	}
	return nil
}

// earlier returns the step of the same transaction and key before step j, nobody
// where there is none.
func (a *analysis) earlier(o *history.Op, j uint32) int32 {
	key := a.h.Micros[j].Key
	for i := int64(j) - 1; i >= int64(o.Offset); i-- {
		if a.h.Micros[i].Key == key {
			return int32(i)
		}
	}
	return nobody
}

// touched reports whether a step of the transaction on the key was come across
// before step j, and that j is now.
func (a *analysis) touched(o *history.Op, j uint32) bool {
	last := &a.last[a.h.Micros[j].Key]
	before := uint32(*last - 1)
	*last = int32(j) + 1
	return before >= o.Offset && before < j
}

// readFailed notes a read of what a failed transaction wrote.
func (a *analysis) readFailed(reader, w int32) {
	a.note(G1a, func() ([]int32, []string) {
		return []int32{a.table.writes[w].txn, reader}, []string{say("#1 read %s of %s, which #0 wrote; and #0 failed: it never happened.", a.text(w), a.keyOf(w))}
	})
}

// readInner notes a read of what its transaction wrote over.
func (a *analysis) readInner(reader, w int32) {
	a.note(G1b, func() ([]int32, []string) {
		return []int32{a.table.writes[w].txn, reader}, []string{say("#1 read %s as #0 had made it by writing %s; but #0 wrote it again before it ended.", a.keyOf(w), a.text(w))}
	})
}

func (a *analysis) readGarbage(reader int32, key history.Key, v history.Value) {
	a.note(Garbage, func() ([]int32, []string) {
		return []int32{reader}, []string{say("#0 read %s of %s, and nobody ever wrote that%s.", a.h.Text(v), name(a.h, key), a.atFirst)}
	})
}

func (a *analysis) readOwnFuture(reader, w int32) {
	a.note(FutureRead, func() ([]int32, []string) {
		return []int32{reader}, []string{say("#0 read %s of %s, and wrote it only after that read.", a.text(w), a.keyOf(w))}
	})
}

// bothUpdated notes a lost update. It is a cycle of two rw edges, of one key.
func (a *analysis) bothUpdated(first, second int32, key history.Key, version string) {
	x := name(a.h, key)
	a.note(LostUpdate, func() ([]int32, []string) {
		return []int32{first, second}, []string{
			say("#0 and #1 both read %s %s, and then both wrote %s.", x, version, x),
			"Had one been first, the other would have read what it wrote: one of the updates was made without knowing of the other."}
	})
	if s := a.seen[LostUpdate]; s.edges == nil {
		why := say("#0 read %s %s, and #1 wrote over that", x, version)
		s.edges = []Edge{{"rw", withNames(why, 0, 1)}, {"rw", withNames(why, 1, 0)}}
	}
}

// text is the value of a write.
func (a *analysis) text(w int32) string { return a.h.Text(a.table.value(w)) }

func (a *analysis) keyOf(w int32) string { return name(a.h, a.table.key(w)) }

// sortedOnce sorts and drops what is there twice.
func sortedOnce(list []int32) []int32 {
	slices.Sort(list)
	return slices.Compact(list)
}
