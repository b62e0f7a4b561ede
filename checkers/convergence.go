package checkers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// Convergence says whether all replicas hold the same within a time after all faults
// were proven undone ([MarkHealed]).
//
// What a replica holds is seen by what its own sessions read: of a list by
// [history.ReadLocal], and of a register by [history.Read] and by refused
// compare-and-sets. A fact is settled Within after the later of the heal and the
// instant from which on it was certain: that an element is in a list, or a value was
// stored in a register, since the acknowledgement or, where the outcome is unknown,
// since the first own copy that was read after the heal and held it. It is a violation if
//
//   - one own copy holds a settled element, and another lacks it, or holds it more often;
//   - with Ordered, two own copies hold two settled elements in different orders;
//   - a register is read to be one settled value, and to be another one, each time
//     when the other was settled.
//
// An element or value of unknown outcome that is first seen by the last reads
// may have come just between two of them:
//
//	p1   append 7  ?  |-------------------…
//	n1's own copy: [1 2]        |--|
//	n2's own copy: [1 2 7]            |--|
//
// Where own copies that were read after the heal still differ, and that is no violation,
// the answer is inconclusive; so it is where a node has no answered read after the
// heal, of a key that another node has. A loss on all replicas alike is none of this
// checker's business ([NothingLost]).
//
// Values must be unique in their key: those that were stored or appended twice are
// not judged. Figures: nodes, keys (compared), copies, differing_keys, within_seconds.
type Convergence struct {
	// Within is the time after the heal, and after an acknowledgement, by which
	// replicas must agree. Zero means [RecoveryLimit].
	Within time.Duration
	// Ordered says that the elements of lists must be in the same order; leave it off
	// for sets.
	Ordered bool
	// Nodes are the replicas. Empty means the nodes on which sessions tried to read
	// a replica after the heal.
	Nodes []string
}

// Check implements [Checker].
func (c Convergence) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	began, budget := time.Now(), budget.WithDefaults()
	if c.Within <= 0 {
		c.Within = RecoveryLimit
	}
	v := convergence{Convergence: c, h: evidence.History, result: Result{Checker: "convergence", Method: "scan"}}
	if err := Sound(v.h); err != nil {
		v.result.Verdict, v.result.Summary = Error, err.Error()
	} else if err := v.scan(ctx, began.Add(budget.Time), budget.Bytes); err != nil {
		v.result.Verdict, v.result.Summary = Inconclusive, err.Error()
	} else {
		v.judge()
	}
	v.result.Elapsed = time.Since(began)
	return v.result
}

// convergence is one call of Check.
type convergence struct {
	Convergence
	h      *history.History
	result Result

	healed int64
	places *places
	tried  map[string]bool // nodes that were asked for their copy
	copies int
	keys   int             // that were compared
	nodes  map[string]bool // that were read

	mustRead []string // the replicas
	readBy   []int32  // of the key at hand, by nodes
	table    valuetable.Table
	elements []replicaElement // by their number in the table
	numbers  []int32          // of the elements of each copy in turn
	ends     []int            // where in numbers each copy's part ends

	differing  int         // keys
	found      *difference // the first that is a violation
	unsettled  *difference // the first that is none
	notRead    []string    // nodes that lack a read of a key
	notReadKey history.Key // the first such key
}

// difference is two reads that do not agree.
type difference struct {
	key      history.Key
	one, two int32         // in History.Ops: the one that holds value, the one that does not
	value    history.Value // an element; of a register the value of one
	other    history.Value // the other element of the order, or the other value
	why      string
}

// settledFrom is when a fact that is certain since an instant is settled.
func (v *convergence) settledFrom(known int64) int64 {
	if known == history.Open {
		return history.Open
	}
	return max(v.healed, known) + int64(v.Within)
}

func (v *convergence) scan(ctx context.Context, deadline time.Time, bytes int64) error {
	healed, found := v.h.Find(MarkHealed)
	if !found {
		return fmt.Errorf("the run has no mark %q: faults were never proven undone", MarkHealed)
	}
	v.healed, v.places = healed.Time, placesOf(v.h)
	v.tried, v.nodes = map[string]bool{}, map[string]bool{}
	keys := v.split()
	v.mustRead = v.replicas()
	if err := v.affordable(keys, bytes); err != nil {
		return err
	}
	for i := range keys {
		if err := inTime(ctx, deadline); err != nil {
			return fmt.Errorf("%d of %d keys were judged: %w", i, len(keys), err)
		}
		k := &keys[i]
		if len(k.copies) == 0 {
			continue
		}
		v.keys++
		v.copies += len(k.copies)
		v.missing(k)
		differs := false
		if k.list {
			differs = v.list(k)
		} else {
			differs = v.register(k)
		}
		if differs {
			v.differing++
		}
	}
	return nil
}

// affordable says why the memory does not suffice, nil where it does.
func (v *convergence) affordable(keys []replicated, limit int64) error {
	const perElement, perRead = 200, 4
	most := int64(0)
	for i := range keys {
		need := int64(len(keys[i].stores)) * perElement
		for _, place := range keys[i].copies {
			need += int64(v.h.Ops[place].Count)*perRead + 8
		}
		most = max(most, need)
	}
	if most > limit {
		return fmt.Errorf("out of memory: a key needs about %d MiB, allowed are %d", most>>20, limit>>20)
	}
	return nil
}

// replicated is a key with what was stored in it and what was read after the heal.
type replicated struct {
	key    history.Key
	list   bool
	mixed  bool    // is both, or neither: not judged
	stores []int32 // writes and swaps, or appends, that may have happened
	copies []int32 // answered reads of own copies, called at or after the heal
}

func (v *convergence) split() []replicated {
	keys := make([]replicated, len(v.h.Keys))
	for i := range keys {
		keys[i].key = history.Key(i)
	}
	for i := range v.h.Ops {
		op := &v.h.Ops[i]
		k := &keys[op.Key]
		stores := false
		switch op.Kind {
		case history.Append, history.ReadList, history.ReadLocal:
			k.list, stores = true, op.Kind == history.Append
		case history.Read, history.Write, history.CAS:
			k.mixed, stores = k.mixed || k.list, op.Kind != history.Read && !op.Mismatch
		default:
			k.mixed = true
		}
		if stores && op.Outcome != history.Fail {
			k.stores = append(k.stores, int32(i))
		}
		if op.Call < v.healed || op.Kind != history.ReadLocal && op.Kind != history.Read && !op.Mismatch {
			continue
		}
		if node := v.places.node(op.Process); node != "" {
			v.tried[node] = true
			if op.Outcome == history.OK && (op.Kind == history.ReadLocal || tells(op)) {
				v.nodes[node] = true
				k.copies = append(k.copies, int32(i))
			}
		}
	}
	for i := range v.h.Micros {
		keys[v.h.Micros[i].Key].mixed = true
	}
	for i := range keys {
		if keys[i].list { // was a register before its first list operation
			keys[i].mixed = keys[i].mixed || v.registerToo(&keys[i])
		}
		if keys[i].mixed {
			keys[i].copies = nil
		}
	}
	return keys
}

func (v *convergence) registerToo(k *replicated) bool {
	other := func(place int32) bool {
		kind := v.h.Ops[place].Kind
		return kind == history.Read || kind == history.Write || kind == history.CAS
	}
	return slices.ContainsFunc(k.stores, other) || slices.ContainsFunc(k.copies, other)
}

// replicas are the nodes that must agree.
func (v *convergence) replicas() []string {
	if len(v.Nodes) > 0 {
		return v.Nodes
	}
	var all []string
	for node := range v.tried {
		all = append(all, node)
	}
	slices.Sort(all)
	return all
}

// missing notes the nodes that have no copy of a key.
func (v *convergence) missing(k *replicated) {
	read := v.readBy[:0]
	for _, place := range k.copies {
		if node := v.places.of(v.h.Ops[place].Process).node; !slices.Contains(read, node) {
			read = append(read, node)
		}
	}
	v.readBy = read
	for _, name := range v.mustRead {
		node, found := slices.BinarySearch(v.places.nodes, name)
		if found && slices.Contains(read, int32(node)) || slices.Contains(v.notRead, name) {
			continue
		}
		if len(v.notRead) == 0 {
			v.notReadKey = k.key
		}
		v.notRead = append(v.notRead, name)
	}
}

func (v *convergence) note(d difference, violation bool) {
	if violation && v.found == nil {
		v.found = &d
	} else if !violation && v.unsettled == nil {
		v.unsettled = &d
	}
}

func (v *convergence) judge() {
	r := &v.result
	r.Figures = map[string]float64{"nodes": float64(len(v.nodes)), "keys": float64(v.keys), "copies": float64(v.copies),
		"differing_keys": float64(v.differing), "within_seconds": v.Within.Seconds()}
	switch {
	case v.found != nil:
		r.Verdict, r.Proof = Violation, v.prove(v.found)
		r.Summary = fmt.Sprintf("%v after the heal replicas still differ, in %s: %s", v.Within, plural(v.differing, "key"), v.sentence(v.found))
	case v.copies == 0:
		r.Verdict, r.Summary = Inconclusive, fmt.Sprintf("no replica was read after the mark %q", MarkHealed)
	case len(v.notRead) > 0:
		r.Verdict, r.Summary = Inconclusive, fmt.Sprintf("%s was not read after the heal (%s)", joinAnd(v.notRead), nameText(v.h, v.notReadKey))
	case len(v.nodes) < 2:
		r.Verdict, r.Summary = Inconclusive, "one replica was read only: there was nothing to compare it with"
	case v.unsettled != nil:
		r.Verdict = Inconclusive
		r.Summary = fmt.Sprintf("replicas differed in %s when they were last read, but %s: %s", plural(v.differing, "key"), v.unsettled.why, v.sentence(v.unsettled))
	default:
		r.Summary = fmt.Sprintf("%d replicas hold the same in %s", len(v.nodes), plural(v.keys, "key"))
	}
}

// node is where an operation's session was, for a sentence.
func (v *convergence) node(place int32) string { return v.places.node(v.h.Ops[place].Process) }

func (v *convergence) sentence(d *difference) string {
	key, value := nameText(v.h, d.key), elementText(v.h, d.value)
	one, two := v.node(d.one), v.node(d.two)
	if v.h.Ops[d.one].Kind != history.ReadLocal {
		return fmt.Sprintf("%s read %s = %s and %s read %s", one, key, value, two, elementText(v.h, d.other))
	}
	switch {
	case d.other != history.None:
		return fmt.Sprintf("%s has %s before %s in %s, and %s after it", one, value, elementText(v.h, d.other), key, two)
	case slices.Contains(v.h.List(&v.h.Ops[d.two]), d.value):
		return fmt.Sprintf("%s holds %s of %s more often than %s", one, value, key, two)
	}
	return fmt.Sprintf("%s holds %s of %s and %s lacks it", one, value, key, two)
}

// prove shows the two reads and what stored the values they disagree about.
func (v *convergence) prove(d *difference) *Proof {
	shown := []int32{d.one, d.two}
	for i := range v.h.Ops {
		op := &v.h.Ops[i]
		stores := op.Kind == history.Append || op.Kind == history.Write || op.Kind == history.CAS && !op.Mismatch
		if op.Key == d.key && stores && op.Outcome != history.Fail && (op.Value == d.value || op.Value == d.other) {
			shown = append(shown, int32(i))
		}
	}
	slices.Sort(shown)
	shown = slices.Compact(shown)
	proof := &Proof{Key: v.h.KeyName(d.key)}
	var ops []*history.Op
	for _, i := range shown {
		ops = append(ops, &v.h.Ops[i])
		proof.Operations = append(proof.Operations, proofOperation(v.h, int(i)))
	}
	t := teller{prover: &prover{}, digits: decimals(ops)}
	proof.Story = append(proof.Story, fmt.Sprintf("All faults were proven undone at %s.", t.time(v.healed)))
	for _, i := range shown {
		op := &v.h.Ops[i]
		at, end := "", "and never learned the outcome"
		if node := v.node(i); node != "" && (i == d.one || i == d.two) {
			at = " on " + node
		}
		if op.Outcome == history.OK {
			end = "answered at " + t.time(op.Return)
		}
		proof.Story = append(proof.Story, fmt.Sprintf("p%d called %s%s at %s, %s.", op.Process, strings.TrimSuffix(v.h.Describe(int(i)), " unknown outcome"), at, t.time(op.Call), end))
	}
	proof.Story = append(proof.Story, fmt.Sprintf("%s, though that had been certain, and all faults undone, for at least %v.", v.sentence(d), v.Within))
	return proof
}
