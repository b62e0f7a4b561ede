package txn

import (
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// causal adds the pairs of the causal level, and reports whether it could in so many steps: for each
// process it goes once through all transactions, in an order in which whoever is read
// from and whoever comes before in a process comes first, and notes how much of that
// process each has to see.
func (w *weak) causal(g *graph, most int64) bool {
	if int64(w.sessions.count())*int64(g.n) > most {
		return false
	}
	order := w.inOrder(g)
	if order == nil {
		return false // a circle already, which is another anomaly
	}
	c := causalPass{weak: w, g: g, order: order, sees: make([]int32, g.n), place: make([]int32, g.n),
		from: make([]int32, len(w.h.Keys)), count: make([]int32, len(w.h.Keys))}
	for s := range w.sessions.count() {
		if w.stop() || len(w.pairs) > 20_000_000 {
			return false
		}
		c.pass(w.sessions.at(s))
	}
	return true
}

// inOrder sorts the transactions; nil where they go round in a circle.
func (w *weak) inOrder(g *graph) []int32 {
	waits := make([]int32, g.n)
	follow := func(i int32, visit func(to int32)) {
		for _, x := range g.to[g.off[i]:g.off[i+1]] {
			if x&3 == wr {
				visit(int32(x >> 2))
			}
		}
		if g.then[i] != nobody {
			visit(g.then[i])
		}
	}
	for i := range g.n {
		follow(int32(i), func(to int32) { waits[to]++ })
	}
	order := make([]int32, 0, g.n)
	for i := range g.n {
		if waits[i] == 0 {
			order = append(order, int32(i))
		}
	}
	for at := 0; at < len(order); at++ {
		follow(order[at], func(to int32) {
			if waits[to]--; waits[to] == 0 {
				order = append(order, to)
			}
		})
	}
	if len(order) < g.n {
		return nil
	}
	return order
}

// causalPass is about one process.
type causalPass struct {
	*weak
	g     *graph
	order []int32
	sees  []int32 // how many of the process's transactions each has to see
	place []int32 // one more than a transaction's place in the process; 0 for those of others
	// wrote lists the places of those that wrote a key: count of them, from from on.
	wrote       []int32
	from, count []int32
}

func (c *causalPass) pass(members []int32) {
	clear(c.sees)
	clear(c.place)
	for i, txn := range members {
		c.place[txn] = int32(i) + 1
	}
	c.indexWrites(members)
	for _, t := range c.order {
		for _, read := range c.readsOf(t) {
			c.read(read, members)
		}
		shows := max(c.sees[t], c.place[t])
		for _, x := range c.g.to[c.g.off[t]:c.g.off[t+1]] {
			if x&3 == wr {
				c.sees[x>>2] = max(c.sees[x>>2], shows)
			}
		}
		if then := c.g.then[t]; then != nobody {
			c.sees[then] = max(c.sees[then], shows)
		}
	}
}

func (c *causalPass) indexWrites(members []int32) {
	each := func(visit func(place int32, key history.Key)) {
		for i, txn := range members {
			for _, m := range c.h.Transaction(&c.h.Ops[txn]) {
				if m.Kind == history.Write || m.Kind == history.Append {
					visit(int32(i), m.Key)
				}
			}
		}
	}
	clear(c.count)
	each(func(_ int32, key history.Key) { c.count[key]++ })
	sum := int32(0)
	each(func(_ int32, key history.Key) {
		if c.count[key] > 0 {
			c.from[key] = sum
			sum += c.count[key]
			c.count[key] = -1 // room is made
		}
	})
	c.wrote = slices.Grow(c.wrote[:0], int(sum))[:sum]
	each(func(place int32, key history.Key) {
		c.count[key] = max(c.count[key], 0)
		c.wrote[c.from[key]+c.count[key]] = place
		c.count[key]++
	})
}

// read adds that the last transaction of the process that a reader had to see, and
// that wrote the key, comes before the one that it read from; unless that had to see
// it too, and so comes later anyhow.
func (c *causalPass) read(read source, members []int32) {
	sees := c.sees[read.reader]
	if sees == 0 || c.count[read.key] <= 0 {
		return
	}
	places := c.wrote[c.from[read.key] : c.from[read.key]+c.count[read.key]]
	n, _ := slices.BinarySearch(places, sees)
	if n == 0 {
		return
	}
	last := places[n-1]
	if read.writer >= 0 && last < max(c.sees[read.writer], c.place[read.writer]) {
		return
	}
	c.add(members[last], read, causal, true)
}

// smallest is the shortest cycle over some kinds of edge that a bounded search finds;
// the graph has no hubs, and a cycle. It is nil if the search was stopped before.
func (g *graph) smallest(kinds mask, stop func() bool) *cycle {
	from, by := make([]int32, g.n), make([]int, g.n)
	seen := make([]int32, g.n)
	var best *cycle
	steps := searchSteps
	for limit := 2; best == nil; limit *= 2 {
		most := limit
		for start := range g.n {
			if best == nil && stop() {
				return nil
			}
			if steps < 0 && best != nil || most < 2 {
				break
			}
			if c := g.shortest(int32(start), kinds, most, seen, from, by, &steps); c != nil {
				best, most = c, len(c.txns)-1
			}
		}
		clear(seen)
	}
	best.rotate()
	for i, node := range best.txns {
		best.txns[i] = g.op(node)
	}
	return best
}

// shortest is the shortest cycle through a node, of up to most edges.
func (g *graph) shortest(start int32, kinds mask, most int, seen, from []int32, by []int, steps *int) *cycle {
	queue := []int32{start}
	end, distance := 1, 1
	for at := 0; at < len(queue) && distance <= most; at++ {
		node := queue[at]
		visit := func(to int32, kind int) *cycle {
			*steps--
			if to == start {
				c := &cycle{txns: []int32{node}, kinds: []int{kind}}
				for n := node; n != start; n = from[n] {
					c.txns, c.kinds = append(c.txns, from[n]), append(c.kinds, by[n])
				}
				slices.Reverse(c.txns)
				slices.Reverse(c.kinds)
				return c
			}
			if seen[to] != start+1 {
				seen[to], from[to], by[to] = start+1, node, kind
				queue = append(queue, to)
			}
			return nil
		}
		for _, x := range g.to[g.off[node]:g.off[node+1]] {
			if c := visit(int32(x>>2), int(x&3)); c != nil {
				return c
			}
		}
		if kinds.has(process) && g.then[node] != nobody {
			if c := visit(g.then[node], process); c != nil {
				return c
			}
		}
		if at+1 == end {
			distance++
			end = len(queue)
		}
	}
	return nil
}

// noteCircle tells a circle. The readers because of whom one transaction must come
// before another are named after those of the circle.
func (w *weak) noteCircle(level weakLevel, suffix string, c *cycle) {
	txns := slices.Clone(c.txns)
	number := func(txn int32) int {
		if i := slices.Index(txns, txn); i >= 0 {
			return i
		}
		txns = append(txns, txn)
		return len(txns) - 1
	}
	var lines []string
	session := slices.Contains(c.kinds, process)
	for i, kind := range c.kinds {
		one, other := c.txns[i], c.txns[(i+1)%len(c.txns)]
		why := ""
		switch kind {
		case ww:
			p := w.pair(one, other)
			via := w.sees(one, p.reader)
			session = session || via == byProcess
			why = say("T%d read %s from #1, and had to see #0, which wrote it too: %s", number(p.reader)+1, name(w.h, p.key), via)
		case pass:
			via := w.sees(one, other)
			session = session || via == byProcess
			why = say("#1 had to see #0: %s", via)
		case rw:
			why = say("#0 read %s as it was at first, so before #1 wrote it", name(w.h, w.fromStart(other, one).key))
		default:
			why = w.because(one, other, kind)
		}
		lines = append(lines, fmt.Sprintf("T%d < T%d, because %s.", i+1, (i+1)%len(c.txns)+1, withNames(why, i, (i+1)%len(c.txns))))
	}
	if level == causal {
		suffix = ""
		if session {
			suffix = suffixes[1]
		}
	}
	w.note(weakNames[level]+suffix, func() ([]int32, []string) {
		return txns, append(lines, fmt.Sprintf("So T1 would come before itself: no order of all transactions is %s.", levelNames[level]))
	})
}

var levelNames = [...]string{"a monotonic atomic view", "read atomic", "causal"}

const byProcess = "by its process's order"

// fromStart is a read of what was there from the start, by one that had to see a
// writer.
func (w *weak) fromStart(writer, reader int32) mustPrecede {
	i := slices.IndexFunc(w.pairs, func(p mustPrecede) bool {
		return p.first == writer && p.reader == reader && p.second == fromStart
	})
	return w.pairs[i]
}

// pair is the reason why one transaction must precede another, of several that of the
// weakest level.
func (w *weak) pair(first, second int32) mustPrecede {
	best := mustPrecede{level: causal + 1}
	for _, p := range w.pairs {
		if p.first == first && p.second == second && p.level < best.level {
			best = p
		}
	}
	return best
}

// sees says why a reader had to see a transaction.
func (w *weak) sees(txn, reader int32) string {
	known := map[int32]bool{reader: true}
	direct := true
	for list := []int32{reader}; len(list) > 0; direct = false {
		var before []int32
		for _, t := range list {
			for _, read := range w.readsOf(t) {
				if read.writer == txn && direct {
					return "it read from it"
				}
				if read.writer == txn {
					return "it read from one that read from it, directly or through others"
				}
				if read.writer >= 0 && !known[read.writer] && len(known) < 100_000 {
					known[read.writer] = true
					before = append(before, read.writer)
				}
			}
		}
		list = before
	}
	return byProcess
}
