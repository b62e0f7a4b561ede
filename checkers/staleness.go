package checkers

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// Staleness says how old the values were that reads of registers were told.
//
// The age of a read is how long its value had certainly been overwritten when the
// read was called: since the return of the first acknowledged write that was called
// after the return of the write that stored the value. It is zero where there is no
// such write. What a key held at the start was overwritten by any acknowledged write.
// A compare-and-set that was refused and says what it saw is a read too.
//
//	p1  write 1  |--|
//	p2  write 2       |--|
//	p3  read → 1              |--|
//	                     |···|        the age: from p2's return to p3's call
//
// The age is a lower bound, so that it proves something: the write may have
// taken effect before it returned. Golab, Li and Shah (PODC 2011) call the
// smallest age that explains a history its Δ.
//
// With a Bound, a read that is older is a violation; without one the checker only
// reports. It is weaker than linearizability and puts a figure on staleness.
//
// Written values must be unique in their key: a value that was stored twice, or whose
// write has an unknown outcome or never was, has no age, and its reads are not judged.
// Neither are keys that anything but reads, writes and compare-and-sets is on
// ([SetFull] judges lists), nor the initial value where the model says not what it is.
//
// Figures: reads (judged), reads_not_judged, stale_reads; age_p50_seconds, _p95_, _p99_
// and _max_ over all judged reads, of which a fresh one has age 0; a histogram,
// reads_fresh, reads_aged_to_1ms (above 0), _to_10ms, _to_100ms, _to_1s, _to_10s and
// reads_aged_over_10s; for each node whose clients read something stale,
// stale_reads_at_<node>, age_p99_at_<node>_seconds and age_max_at_<node>_seconds.
type Staleness struct {
	// Bound is the greatest age allowed. Zero: any is.
	Bound time.Duration
}

// Check implements [Checker].
func (c Staleness) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	began := time.Now()
	a := ages{Staleness: c, h: evidence.History, result: Result{Checker: "staleness", Method: "scan"}}
	if err := Sound(a.h); err != nil {
		a.result.Verdict, a.result.Summary = Error, err.Error()
	} else if err := a.scan(ctx, began, budget.WithDefaults()); err != nil {
		a.result.Verdict, a.result.Summary = Inconclusive, err.Error()
	} else {
		a.judge()
	}
	a.result.Elapsed = time.Since(began)
	return a.result
}

// staleRead is a read, the write whose value it was told (none where that is the
// initial one), and the write that had overwritten it for longest.
type staleRead struct {
	read, wrote, overwrote int32 // in History.Ops
	age                    int64
}

// ages is one call of Check.
type ages struct {
	Staleness
	h      *history.History
	result Result

	values    valuetable.Table
	stored    []storedValue // by the number of the value
	acked     []ackedWrite  // of the key, in the order of their calls
	told      []toldValue   // likewise
	batch     opBatch
	places    *places
	stale     [][]int64 // ages of stale reads by their node; the last has those of no node
	judged    []int     // reads by their node, likewise
	notJudged int
	lists     int // reads of lists
	oldest    staleRead
}

// storedValue is a value of the key at hand.
type storedValue struct {
	wrote     int32 // place in acked, or doubtful
	overwrote int32 // place in acked; none, or notAsked
}

const (
	doubtful = int32(-1) // stored by several, or nobody knows whether it was stored
	notAsked = int32(-2)
)

// ackedWrite is a write that was acknowledged.
type ackedWrite struct {
	call, ret    int64
	place, first int32 // in History.Ops; which of acked, from this one on, returned first
}

// toldValue is what a read was told.
type toldValue struct {
	value          history.Value
	call           int64
	place, process int32
}

func (a *ages) scan(ctx context.Context, began time.Time, budget Budget) error {
	initial, err := a.h.InitialValue()
	if err != nil || a.h.Header.InitialUnknown {
		initial = history.None // nobody reads None
	}
	counts := count(a.h)
	for i := range a.h.Micros { // what transactions write is not looked at
		counts.keys[a.h.Micros[i].Key].foreign = true
	}
	if err := a.affordable(counts, budget.Bytes); err != nil {
		return err
	}
	a.places = placesOf(a.h)
	a.stale, a.judged = make([][]int64, len(a.places.nodes)+1), make([]int, len(a.places.nodes)+1)
	keys := splitByKey(a.h, initial, counts.keys)
	for i, k := range keys {
		if err := inTime(ctx, began.Add(budget.Time)); err != nil {
			return fmt.Errorf("%d of %d keys were judged: %w", i, len(keys), err)
		}
		if k.foreign {
			a.skip(k)
			continue
		}
		a.gather(k)
		a.judgeReads(k.initial)
	}
	return nil
}

// affordable says why the memory does not suffice, nil where it does.
func (a *ages) affordable(counts tally, limit int64) error {
	const perOperation, perStore, perRead = 4 + 8 + 8, valuetable.Bytes + 2*(8+24), 2 * 24 // ages twice, for the nodes and for all
	most := int64(0)                                                                       // of one key
	for _, k := range counts.keys {
		most = max(most, perStore*int64(k.stores)+perRead*int64(k.operations))
	}
	if need := perOperation*int64(len(a.h.Ops)) + most; need > limit {
		return fmt.Errorf("out of memory: %d operations need about %d MiB, allowed are %d", len(a.h.Ops), need>>20, limit>>20)
	}
	return nil
}

func (a *ages) skip(k *keyOps) {
	for place := range k.index {
		switch op := k.op(int32(place)); {
		case op.Kind == history.ReadList && op.Outcome == history.OK:
			a.lists++
		case tells(op):
			a.notJudged++
		}
	}
}

// tells reports whether an operation says what its register held, and left it there.
func tells(op *history.Op) bool {
	return op.Outcome == history.OK && (op.Kind == history.Read || op.Mismatch) && op.Result != history.None
}

// gather notes what was stored on a key, and what reads were told.
func (a *ages) gather(k *keyOps) {
	a.values.Reset(k.values)
	a.stored, a.acked, a.told = a.stored[:0], a.acked[:0], a.told[:0]
	a.acked, a.told = slices.Grow(a.acked, k.values), slices.Grow(a.told, len(k.index)-k.values)
	for place, op := range a.batch.of(a.h, k.index) {
		if tells(op) {
			a.told = append(a.told, toldValue{op.Result, op.Call, place, op.Process})
		}
		if op.Kind == history.Read || op.Mismatch || op.Outcome == history.Fail {
			continue
		}
		n, isNew := a.values.At(op.Value)
		if isNew {
			a.stored = append(a.stored, storedValue{int32(len(a.acked)), notAsked})
		}
		if !isNew || op.Outcome == history.Info || op.Value == k.initial {
			a.stored[n].wrote = doubtful
		}
		if op.Outcome == history.OK {
			a.acked = append(a.acked, ackedWrite{op.Call, op.Return, place, int32(len(a.acked))})
		}
	}
	for i := len(a.acked) - 2; i >= 0; i-- {
		if after := a.acked[i+1].first; a.acked[after].ret < a.acked[i].ret {
			a.acked[i].first = after
		}
	}
}

// judgeReads judges the reads that were gathered.
func (a *ages) judgeReads(initial history.Value) {
	for i := range a.told {
		read := &a.told[i]
		s, known := a.origin(read.value, initial)
		if !known {
			a.notJudged++
			continue
		}
		node := int(a.places.of(read.process).node)
		if node < 0 {
			node = len(a.places.nodes)
		}
		a.judged[node]++
		if s.overwrote == none {
			continue
		}
		overwrote := &a.acked[s.overwrote]
		age := read.call - overwrote.ret
		if age <= 0 {
			continue
		}
		a.stale[node] = append(a.stale[node], age)
		if age > a.oldest.age {
			a.oldest = staleRead{read: read.place, wrote: none, overwrote: overwrote.place, age: age}
			if s.wrote >= 0 {
				a.oldest.wrote = a.acked[s.wrote].place
			}
		}
	}
}

// origin says what overwrote a value, and whether that is certain.
func (a *ages) origin(v, initial history.Value) (storedValue, bool) {
	n := a.values.Find(v)
	switch {
	case n == none && v == initial && len(a.acked) > 0:
		return storedValue{none, a.acked[0].first}, true
	case n == none:
		return storedValue{none, none}, v == initial
	case a.stored[n].wrote == doubtful:
		return storedValue{}, false
	}
	s := &a.stored[n]
	if s.overwrote == notAsked {
		s.overwrote = none
		if after := a.after(s.wrote); after < len(a.acked) {
			s.overwrote = a.acked[after].first
		}
	}
	return *s, true
}

// after is the place of the first acknowledged write that was called after one at a
// place had returned. It is near: only operations under way lie between.
func (a *ages) after(place int32) int {
	ret := a.acked[place].ret
	low, step := int(place)+1, 1
	for low+step < len(a.acked) && a.acked[low+step].call <= ret {
		low, step = low+step, 2*step
	}
	width := min(step+1, len(a.acked)-low)
	return low + sort.Search(width, func(i int) bool { return a.acked[low+i].call > ret })
}

// ageBuckets are the upper ends of the histogram.
var ageBuckets = []struct {
	to   time.Duration
	name string
}{{time.Millisecond, "1ms"}, {10 * time.Millisecond, "10ms"}, {100 * time.Millisecond, "100ms"}, {time.Second, "1s"}, {10 * time.Second, "10s"}}

func (a *ages) judge() {
	reads, stale := a.figures()
	notJudged := ""
	if a.lists > 0 {
		notJudged = fmt.Sprintf("; %d reads of lists were not judged", a.lists)
	}
	r, oldest := &a.result, time.Duration(a.oldest.age)
	switch {
	case reads == 0:
		r.Verdict, r.Summary = Inconclusive, "no read was told a value whose write is known"+notJudged
	case a.Bound > 0 && oldest > a.Bound:
		r.Verdict = Violation
		r.Summary = fmt.Sprintf("%s was told a value that had been overwritten %.3f s before, more than %v; %d of %s were stale",
			a.h.Describe(int(a.oldest.read)), oldest.Seconds(), a.Bound, stale, plural(reads, "read"))
		r.Proof = a.prove()
	case stale == 0:
		r.Summary = fmt.Sprintf("no read was stale: %s were judged", plural(reads, "read")) + notJudged
	case a.Bound > 0:
		r.Summary = fmt.Sprintf("no read was older than %v: %d of %d were stale, by at most %.3f s", a.Bound, stale, reads, oldest.Seconds()) + notJudged
	default:
		r.Summary = fmt.Sprintf("%d of %s were stale, by at most %.3f s; no bound was asked for", stale, plural(reads, "read"), oldest.Seconds()) + notJudged
	}
}

func (a *ages) figures() (reads, stale int) {
	figures := map[string]float64{}
	var all []int64
	for node, ages := range a.stale {
		slices.Sort(ages)
		all = append(all, ages...)
		reads += a.judged[node]
		if len(ages) > 0 && node < len(a.places.nodes) {
			name := a.places.nodes[node]
			figures["stale_reads_at_"+name] = float64(len(ages))
			figures["age_p99_at_"+name+"_seconds"] = ageQuantile(ages, a.judged[node], 99)
			figures["age_max_at_"+name+"_seconds"] = ageQuantile(ages, a.judged[node], 100)
		}
	}
	slices.Sort(all)
	for name, percent := range map[string]int{"p50": 50, "p95": 95, "p99": 99, "max": 100} {
		figures["age_"+name+"_seconds"] = ageQuantile(all, reads, percent)
	}
	begin := 0
	for _, bucket := range ageBuckets {
		end, _ := slices.BinarySearch(all, int64(bucket.to)+1)
		figures["reads_aged_to_"+bucket.name] = float64(end - begin)
		begin = end
	}
	figures["reads_aged_over_10s"] = float64(len(all) - begin)
	figures["reads"], figures["stale_reads"] = float64(reads), float64(len(all))
	figures["reads_fresh"], figures["reads_not_judged"] = float64(reads-len(all)), float64(a.notJudged)
	a.result.Figures = figures
	return reads, len(all)
}

// ageQuantile is the age in seconds that so many percent of the reads do not
// exceed (nearest rank): the sorted ages are those of the stale ones among them.
func ageQuantile(stale []int64, reads, percent int) float64 {
	rank := (reads*percent + 99) / 100 // from 1
	if fresh := reads - len(stale); rank > fresh {
		return time.Duration(stale[rank-fresh-1]).Seconds()
	}
	return 0
}

func (a *ages) prove() *Proof {
	s := a.oldest
	read, overwrote := &a.h.Ops[s.read], &a.h.Ops[s.overwrote]
	shown := []int32{s.overwrote, s.read}
	if s.wrote != none {
		shown = append(shown, s.wrote)
	}
	slices.Sort(shown)
	proof := &Proof{Key: a.h.KeyName(read.Key)}
	var ops []*history.Op
	for _, i := range shown {
		ops = append(ops, &a.h.Ops[i])
		proof.Operations = append(proof.Operations, proofOperation(a.h, int(i)))
	}
	t := teller{prover: &prover{keyOps: &keyOps{h: a.h, key: read.Key}}, digits: decimals(ops)}
	if s.wrote != none {
		wrote := &a.h.Ops[s.wrote]
		proof.Story = append(proof.Story, fmt.Sprintf("p%d's %s was acknowledged at %s.", wrote.Process, a.h.Describe(int(s.wrote)), t.time(wrote.Return)))
	} else {
		proof.Story = append(proof.Story, fmt.Sprintf("%s held %s at the start, and nothing ever stored that again.", nameText(a.h, read.Key), t.value(read.Result)))
	}
	at := ""
	if node := a.places.node(read.Process); node != "" {
		at = " from " + node
	}
	proof.Story = append(proof.Story,
		fmt.Sprintf("p%d's %s was called after that, at %s, and acknowledged at %s.", overwrote.Process, a.h.Describe(int(s.overwrote)), t.time(overwrote.Call), t.time(overwrote.Return)),
		fmt.Sprintf("p%d called %v%s at %s, %.3f s later, and was still told %s.", read.Process, read.Kind, at, t.time(read.Call), time.Duration(s.age).Seconds(), t.value(read.Result)))
	if s.wrote == none {
		proof.Story[1] = strings.Replace(proof.Story[1], " was called after that, at", " was called at", 1)
	}
	return proof
}
