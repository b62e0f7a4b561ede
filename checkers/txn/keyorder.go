package txn

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// touch is what a transaction first and last had to do with a key from outside: the
// version that it read or else made first, and the one that it left or else read.
type touch struct {
	key         history.Key
	txn         int32
	first, last int32
}

// touches lists, in the order of calls, who touched which key.
func (r *registers) touches() []touch {
	var all []touch
	for i := range r.h.Ops {
		o := &r.h.Ops[i]
		for j := o.Offset; o.Outcome != history.Fail && j < o.Offset+o.Count; j++ {
			if first, last := r.outside(o, j); first != nobody {
				all = append(all, touch{r.h.Micros[j].Key, int32(i), first, last})
			}
		}
	}
	return all
}

// outside returns what a transaction first and last had to do with the key of step
// j from outside; nobody where step j is not its first on the key that says something.
func (r *registers) outside(o *history.Op, j uint32) (first, last int32) {
	known := func(j uint32) int32 {
		m := &r.h.Micros[j]
		if m.Value == history.None {
			return nobody
		}
		n := r.version(j)
		if n != nobody && !r.isFirst(n) && r.table.writes[n].failed {
			return nobody
		}
		return n
	}
	first = known(j)
	for i := r.earlier(o, j); i != nobody; i = r.earlier(o, uint32(i)) {
		if known(uint32(i)) != nobody {
			return nobody, nobody
		}
	}
	last = first
	m := &r.h.Micros[j]
	for k := j + 1; first != nobody && k < o.Offset+o.Count; k++ {
		if x := &r.h.Micros[k]; x.Key == m.Key && x.Kind == history.Write {
			last = r.version(k)
		}
	}
	if m.Kind == history.Write {
		first = last // from outside only the last write is seen
	}
	return first, last
}

// sequential is the order of versions where each process sees each key's in order.
func (r *registers) sequential() []versions {
	var order []versions
	type place struct {
		process int32
		key     history.Key
	}
	latest := map[place]int32{}
	for _, t := range r.touches() {
		at := place{r.h.Ops[t.txn].Process, t.key}
		if older, found := latest[at]; found && older != t.first {
			order = append(order, versions{older, t.first})
		}
		latest[at] = t.last
	}
	return order
}

// span is when a version was certainly made, and until when it or a newer one was
// still to come: it was left by a transaction that returned at made, and touched
// first by one that was called at late.
type span struct {
	version    int32
	made, late int64
}

// linearizable is the order of versions where each key's follow real time: an older
// one was left by a transaction that had returned before one was called that
// touched the newer one first. Only pairs are listed that no third version is
// between.
func (r *registers) linearizable() []versions {
	writes := len(r.table.writes)
	all := make([]span, writes+len(r.h.Keys)) // by number; see [registers.number]
	for i := range all {
		all[i] = span{version: r.numbered(i), made: history.Open, late: math.MinInt64}
	}
	for i := range r.h.Ops {
		r.spans(&r.h.Ops[i], all)
	}
	byKey := make([]int32, len(r.h.Keys)+1) // where each key's versions begin, but what it held at first
	for n := range writes {
		byKey[r.table.key(int32(n))+1]++
	}
	for k := range r.h.Keys {
		byKey[k+1] += byKey[k]
	}
	grouped, next := make([]span, writes), slices.Clone(byKey)
	for n := range writes {
		at := &next[r.table.key(int32(n))]
		grouped[*at] = all[n]
		*at++
	}
	order := make([]versions, 0, writes+writes/2)
	var spans []span
	for k := range r.h.Keys {
		spans = append(append(spans[:0], grouped[byKey[k]:byKey[k+1]]...), all[writes+k])
		spans = slices.DeleteFunc(spans, func(s span) bool { return s.made == history.Open && s.late == math.MinInt64 })
		slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.late, b.late) })
		order = between(order, spans)
	}
	return order
}

// number numbers the versions from 0: writes, then what each key held at first.
func (r *registers) number(version int32) int32 {
	if r.isFirst(version) {
		return int32(len(r.table.writes)) + int32(r.keyOfVersion(version))
	}
	return version
}

func (r *registers) numbered(n int) int32 {
	if n >= len(r.table.writes) {
		return r.first(history.Key(n - len(r.table.writes)))
	}
	return int32(n)
}

// spans notes what one transaction says of the versions that it touched.
func (r *registers) spans(o *history.Op, all []span) {
	if o.Outcome == history.Fail {
		return
	}
	for j := o.Offset; j < o.Offset+o.Count; j++ {
		first, last := r.outside(o, j)
		if first == nobody {
			continue
		}
		s := &all[r.number(first)]
		s.late = max(s.late, o.Call)
		if o.Outcome == history.OK {
			s = &all[r.number(last)]
			s.made = min(s.made, o.Return)
		}
	}
}

// between adds to a list the pairs of spans, sorted by late, that follow each other with no
// third between.
//
// One follows another if that was made before it was late. Where following leads
// round in a circle, two spans already follow each other: if each of v1, v2, v3 … is
// followed by the next, and no two by each other, then v1 is late no later than v2
// is made, which is before v3 is late: so on round the circle, and v1 is late before
// itself. Such two are listed both ways.
//
// Else a third one is between a and b if it follows a and is made before b is late.
// So b is listed if it is late no later than the first of the others that follow a
// is made.
func between(order []versions, spans []span) []versions {
	least := leastMade(spans)
	for i := range spans {
		a := &spans[i]
		if a.made == history.Open {
			continue
		}
		from, _ := slices.BinarySearchFunc(spans, a.made, func(s span, t int64) int {
			if s.late <= t {
				return -1
			}
			return 1
		})
		others := least[from]
		if at := slices.Index(others[:], int32(i)); at >= 0 {
			copy(others[at:], others[at+1:])
			others[2] = nobody
		}
		made := func(k int) int64 {
			if others[k] != nobody {
				return spans[others[k]].made
			}
			return history.Open
		}
		if made(0) < a.late {
			order = append(order, versions{a.version, spans[others[0]].version}, versions{spans[others[0]].version, a.version})
			continue
		}
		for j := from; j < len(spans) && spans[j].late <= made(0); j++ {
			if j != i {
				order = append(order, versions{a.version, spans[j].version})
			}
		}
		if made(0) < history.Open {
			if first := &spans[others[0]]; first.late > made(0) && first.late <= made(1) {
				order = append(order, versions{a.version, first.version})
			}
		}
	}
	return order
}

// leastMade lists, for each place, the three spans from there on that were made
// first; nobody where there are not so many.
func leastMade(spans []span) [][3]int32 {
	least := make([][3]int32, len(spans)+1)
	least[len(spans)] = [3]int32{nobody, nobody, nobody}
	for i := len(spans) - 1; i >= 0; i-- {
		least[i] = least[i+1]
		put := int32(i)
		for k, have := range least[i] {
			if have == nobody || spans[put].made < spans[have].made {
				least[i][k], put = put, have
			}
			if put == nobody {
				break
			}
		}
	}
	return least
}

// assume takes an order of versions. On a key where it contradicts itself, or what
// was taken before, that is an anomaly, and nothing is taken.
func (r *registers) assume(source string, order []versions) {
	nodes := int32(len(r.table.writes) + len(r.h.Keys))
	e := edges{n: nodes, nodes: nodes, list: make([]edge, 0, len(r.before)+len(order))}
	first := map[history.Key]bool{} // keys on which something is before what was there at first
	for _, list := range [][]versions{r.before, order} {
		for _, b := range list {
			e.add(r.number(b.older), r.number(b.newer), ww)
			if r.isFirst(b.newer) {
				first[r.keyOfVersion(b.newer)] = true
			}
		}
	}
	for n := range r.table.writes {
		if key := r.table.key(int32(n)); first[key] {
			e.add(r.number(r.first(key)), int32(n), ww)
		}
	}
	cyclic := map[history.Key]bool{}
	found := e.graph().components(onlyWW, false)
	for i := range found.count() {
		var members []int32
		for _, n := range found.at(i) {
			members = append(members, r.numbered(int(n)))
		}
		cyclic[r.keyOfVersion(members[0])] = true
		r.noteCyclic(source, members)
	}
	order = slices.DeleteFunc(order, func(b versions) bool { return r.isFirst(b.newer) || cyclic[r.keyOfVersion(b.newer)] })
	r.before = append(r.before, order...)
	r.assumed = append(r.assumed, assumption{source, order})
	for _, b := range order {
		if !r.isFirst(b.older) {
			if one, other := r.table.writes[b.older].txn, r.table.writes[b.newer].txn; one != nobody && other != nobody {
				r.edges.add(one, other, ww)
			}
		}
	}
}

// sequentialKeys is the source of an order, as it is told.
const sequentialKeys = "sequential-keys"

// assumption is an order of versions that was taken, and where it is from.
type assumption struct {
	source string
	order  []versions
}

func (r *registers) noteCyclic(source string, members []int32) {
	r.note(CyclicVersions, func() ([]int32, []string) {
		slices.Sort(members)
		if txns, story := r.bothWays(members); txns != nil && source != sequentialKeys {
			return txns, story
		}
		var texts []string
		var txns []int32
		for _, t := range r.touches() {
			if slices.Contains(members, t.first) || slices.Contains(members, t.last) {
				txns = append(txns, t.txn)
			}
		}
		for _, v := range members[:min(len(members), 6)] {
			texts = append(texts, r.versionText(v))
		}
		return sortedOnce(txns)[:min(len(txns), 8)], []string{fmt.Sprintf("By %s each of the values %s of %s is older than the others, and so than itself.",
			source, joinAnd(texts), name(r.h, r.keyOfVersion(members[0])))}
	})
}

// bothWays tells of two versions of which each follows the other in real time, by the
// fewest transactions; nobody where there are none among the first members.
func (r *registers) bothWays(members []int32) (txns []int32, story []string) {
	members = members[:min(len(members), 1000)]
	made, late := map[int32]int32{}, map[int32]int32{} // who left a version and returned first; who found it and was called last
	ops := r.h.Ops
	for _, t := range r.touches() {
		if have, found := made[t.last]; ops[t.txn].Outcome == history.OK && (!found || ops[t.txn].Return < ops[have].Return) {
			made[t.last] = t.txn
		}
		late[t.first] = t.txn
	}
	follows := func(a, b int32) bool {
		one, left := made[a]
		other, found := late[b]
		return left && found && ops[one].Return < ops[other].Call
	}
	var best [2]int32
	for i, a := range members {
		for _, b := range members[i+1:] {
			four := sortedOnce([]int32{made[a], late[b], made[b], late[a]})
			if follows(a, b) && follows(b, a) && (txns == nil || len(four) < len(txns)) {
				txns, best = four, [2]int32{a, b}
			}
		}
	}
	if txns == nil {
		return nil, nil
	}
	tell := func(a, b int32) string {
		did := func(txn, version int32) string {
			if !r.isFirst(version) && r.table.writes[version].txn == txn {
				return "wrote"
			}
			return "read"
		}
		return fmt.Sprintf("T%d, which %s %s, returned before T%d was called, which %s %s: so in real time %[3]s is older than %[6]s.",
			1+slices.Index(txns, made[a]), did(made[a], a), r.versionText(a), 1+slices.Index(txns, late[b]), did(late[b], b), r.versionText(b))
	}
	a, b := best[0], best[1]
	return txns, []string{tell(a, b), tell(b, a), fmt.Sprintf("Of two values of %s one is older, and not both.", name(r.h, r.keyOfVersion(a)))}
}

// inRealTime judges the history once more with the order of each key's versions in
// real time. At strong-snapshot-isolation and strict-serializable that is no
// assumption. Say v1 was left by a transaction that had returned before another was
// called, which touched v2 first, and v2 were older all the same: whoever wrote v2
// comes before who wrote v1 by ww, that before the first transaction, that before the
// other by realtime, and the other before who wrote v1 again, by rw, or is itself the
// one who wrote v2. A cycle with one rw edge or none, and those levels forbid it.
//
// So cycles found with that order are there in real time. What they are by name only
// holds of rw edges: others are called [RealtimeVersions].
func (r *registers) inRealTime(g *graph) (*graph, map[string]*sight) {
	before := r.seen
	r.seen = map[string]*sight{}
	defer func() { r.seen = before }()
	r.edges = edges{n: int32(g.n), nodes: int32(g.n), list: make([]edge, 0, len(g.to)+len(g.to)/2)}
	for from := range g.n {
		for _, x := range g.to[g.off[from]:g.off[from+1]] {
			if x&3 == wr {
				r.edges.add(int32(from), int32(x>>2), wr)
			}
		}
	}
	r.assume("real time", r.linearizable())
	r.link()
	timed := r.edges.graph()
	timed.then, timed.next = g.then, g.next
	return timed, r.seen
}
