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

// touches lists for each key, in the order of calls, who touched it.
func (r *registers) touches() []touch {
	var all []touch
	for i := range r.h.Ops {
		o := &r.h.Ops[i]
		if o.Outcome == history.Fail {
			continue
		}
		start := len(all)
		for j := o.Offset; j < o.Offset+o.Count; j++ {
			m := &r.h.Micros[j]
			if m.Value == history.None || o.Outcome != history.OK && m.Kind == history.Read {
				continue
			}
			n := r.version(j)
			if n == nobody || !r.isFirst(n) && r.table.writes[n].failed {
				continue
			}
			at := slices.IndexFunc(all[start:], func(t touch) bool { return t.key == m.Key })
			if at < 0 {
				all = append(all, touch{m.Key, int32(i), n, n})
				continue
			}
			t := &all[start+at]
			if m.Kind == history.Write {
				if r.h.Micros[r.firstTouch(o, m.Key)].Kind == history.Write {
					t.first = n // it wrote only: what is seen from outside is its last write
				}
				t.last = n
			}
		}
	}
	slices.SortStableFunc(all, func(a, b touch) int { return cmp.Compare(a.key, b.key) })
	return all
}

func (r *registers) firstTouch(o *history.Op, key history.Key) uint32 {
	j := o.Offset
	for r.h.Micros[j].Key != key {
		j++
	}
	return j
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
	return r.dropTwice(order)
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
	var order []versions
	all := r.touches()
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].key == all[0].key {
			n++
		}
		order = append(order, r.follow(all[:n])...)
		all = all[n:]
	}
	return r.dropTwice(order)
}

func (r *registers) follow(touches []touch) []versions {
	var spans []span
	number := map[int32]int{}
	at := func(version int32) *span {
		i, found := number[version]
		if !found {
			i = len(spans)
			number[version] = i
			spans = append(spans, span{version, history.Open, math.MinInt64})
		}
		return &spans[i]
	}
	for _, t := range touches {
		o := &r.h.Ops[t.txn]
		first := at(t.first)
		first.late = max(first.late, o.Call)
		if o.Outcome == history.OK {
			last := at(t.last)
			last.made = min(last.made, o.Return)
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.late, b.late) })
	return between(spans)
}

// between lists the pairs of spans, sorted by late, that follow each other with no
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
func between(spans []span) []versions {
	least := leastMade(spans)
	var order []versions
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
		others := slices.DeleteFunc(slices.Clone(least[from][:]), func(k int32) bool { return k == int32(i) })
		made := func(k int) int64 {
			if k < len(others) && others[k] != nobody {
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

func (r *registers) dropTwice(order []versions) []versions {
	slices.SortFunc(order, func(a, b versions) int {
		return cmp.Or(cmp.Compare(a.older, b.older), cmp.Compare(a.newer, b.newer))
	})
	return slices.Compact(order)
}

// assume takes an order of versions. On a key where it contradicts itself, or what
// was taken before, that is an anomaly, and nothing is taken.
func (r *registers) assume(source string, order []versions) {
	number := map[int32]int32{}
	var all []int32
	e := edges{}
	node := func(version int32) int32 {
		n, found := number[version]
		if !found {
			n = int32(len(all))
			number[version] = n
			all = append(all, version)
		}
		return n
	}
	for _, list := range [][]versions{r.before, order} {
		for _, b := range list {
			e.add(node(b.older), node(b.newer), ww)
			for _, v := range []int32{b.older, b.newer} {
				if first := r.first(r.keyOfVersion(v)); v != first {
					e.add(node(first), node(v), ww)
				}
			}
		}
	}
	e.nodes = int32(len(all))
	e.n = e.nodes
	cyclic := map[history.Key]bool{}
	found := e.graph().components(onlyWW, false)
	for i := range found.count() {
		var members []int32
		for _, n := range found.at(i) {
			members = append(members, all[n])
		}
		cyclic[r.keyOfVersion(members[0])] = true
		r.noteCyclic(source, members)
	}
	for _, b := range order {
		if r.isFirst(b.newer) || cyclic[r.keyOfVersion(b.newer)] {
			continue
		}
		r.before = append(r.before, b)
		r.strict[b] = source
		if !r.isFirst(b.older) {
			if one, other := r.table.writes[b.older].txn, r.table.writes[b.newer].txn; one != nobody && other != nobody {
				r.edges.add(one, other, ww)
			}
		}
	}
}

func (r *registers) noteCyclic(source string, members []int32) {
	r.note(CyclicVersions, func() ([]int32, []string) {
		slices.Sort(members)
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
