package txn

import (
	"math/bits"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// The kinds of edge. Those of the first four are stored with the edge, in two
// bits; those of the last two follow from the transactions' processes and times.
const (
	ww   = 0 // the one wrote the version that the other overwrote
	wr   = 1 // the one wrote the version that the other read
	rw   = 2 // the one read the version that the other overwrote
	pass = 3 // from a hub on: the rest of the rw edge that led to the hub

	process  = 4 // the one came before the other in their process
	realtime = 5 // the one returned before the other was called
)

// mask is a set of kinds of edge.
type mask uint8

const (
	onlyWW  mask = 1 << ww
	reads   mask = onlyWW | 1<<wr
	data    mask = reads | 1<<rw
	session mask = 1 << process
	timed   mask = 1 << realtime
)

func (m mask) has(kind int) bool { return m>>kind&1 != 0 }

const nobody = int32(-1)

// edge is an edge on its way into a graph: to is the target and, in the lowest two
// bits, the kind.
type edge struct {
	from int32
	to   uint32
}

// graph holds what comes before what. Its nodes are first the transactions, in the
// order of their calls, and then hubs.
//
// A hub stands between many that read a version and many that may have overwritten
// it: r readers and w writers cost r+w edges instead of r×w.
//
// Realtime is not stored. Let next be the first transaction that was called after
// this one returned: all from there on were. For the search of components there is
// a timeline, a chain of one node a transaction from each of which that
// transaction and the timeline's next node are reached; so every transaction needs
// one edge only, to the timeline's node of its next.
type graph struct {
	ops  []int32 // where the transactions are in History.Ops; nil where node i is operation i
	n    int     // transactions
	off  []int32 // edges of node i are to[off[i]:off[i+1]]
	to   []uint32
	then []int32 // the transaction that follows in the same process; nobody
	next []int32 // see above; n where there is none
}

func (g *graph) nodes() int { return len(g.off) - 1 }

// op is the place in History.Ops of a transaction.
func (g *graph) op(node int32) int32 {
	if g.ops == nil {
		return node
	}
	return g.ops[node]
}

// edges collects edges.
type edges struct {
	list  []edge
	n     int32 // transactions
	nodes int32
}

func (e *edges) add(from, to int32, kind int) {
	if from != to {
		e.list = append(e.list, edge{from, uint32(to)<<2 | uint32(kind)})
	}
}

// direct is the kind of the edge between two nodes of a graph whose edges are sorted;
// pass where there is none.
func (g *graph) direct(from, to int32) int {
	list := g.to[g.off[from]:g.off[from+1]]
	if i, _ := slices.BinarySearch(list, uint32(to)<<2); i < len(list) && list[i]>>2 == uint32(to) {
		return int(list[i] & 3)
	}
	return pass
}

// overwrite adds an rw edge from every reader to every writer but itself. Both are
// sorted, and hold nobody twice.
//
// Where there are many, they go through hubs. One that is a reader and a writer must
// not reach itself: the writers are numbered, and for each bit of the number there
// are two hubs, before the writers that have it and before those that don't. All
// but oneself are those that differ in at least one bit.
func (e *edges) overwrite(readers, writers []int32) {
	if len(readers)*len(writers) <= 4*(len(readers)+len(writers)) {
		for _, r := range readers {
			for _, w := range writers {
				e.add(r, w, rw)
			}
		}
		return
	}
	e.throughHubs(readers, writers)
}

func (e *edges) throughHubs(readers, writers []int32) {
	all := e.hub(writers, func(int) bool { return true })
	width := bits.Len(uint(len(writers) - 1))
	differ := make([][2]int32, width)
	for _, r := range readers {
		number, both := slices.BinarySearch(writers, r)
		if !both {
			e.add(r, all, rw)
			continue
		}
		for b := range differ {
			if differ[b][0] == 0 {
				differ[b][0] = e.hub(writers, func(i int) bool { return i>>b&1 == 0 })
				differ[b][1] = e.hub(writers, func(i int) bool { return i>>b&1 == 1 })
			}
			e.add(r, differ[b][1-number>>b&1], rw)
		}
	}
}

func (e *edges) hub(writers []int32, want func(i int) bool) int32 {
	hub := e.nodes
	e.nodes++
	for i, w := range writers {
		if want(i) {
			e.add(hub, w, pass)
		}
	}
	return hub
}

// graph sorts the edges by where they come from.
func (e *edges) graph() *graph {
	g := &graph{n: int(e.n), off: make([]int32, e.nodes+1), to: make([]uint32, len(e.list))}
	for i := range e.list {
		g.off[e.list[i].from]++
	}
	sum := int32(0)
	for i := range g.off {
		sum += g.off[i]
		g.off[i] = sum
	}
	for i := len(e.list) - 1; i >= 0; i-- {
		x := &e.list[i]
		g.off[x.from]--
		g.to[g.off[x.from]] = x.to
	}
	return g
}

// order fills in what follows from processes and times. Failed transactions never
// happened, and those of unknown outcome come before nothing.
func (g *graph) order(h *history.History) {
	g.then, g.next = make([]int32, g.n), make([]int32, g.n)
	top := int32(0)
	for i := range h.Ops {
		top = max(top, h.Ops[i].Process)
	}
	later := lastOf{dense: make([]int32, min(int(top)+1, 4*g.n+1024))}
	for i := g.n - 1; i >= 0; i-- {
		o := &h.Ops[i]
		g.then[i], g.next[i] = nobody, int32(g.n)
		if o.Outcome == history.Fail {
			continue
		}
		last := later.at(o.Process)
		if o.Outcome == history.OK {
			g.then[i] = *last - 1
			g.next[i] = int32(firstAfter(h.Ops, i, o.Return))
		}
		*last = int32(i) + 1
	}
}

// firstAfter finds the first operation after i that was called after t: mostly one
// of the next few.
func firstAfter(ops []history.Op, i int, t int64) int {
	low, step := i, 1
	for low+step < len(ops) && ops[low+step].Call <= t {
		low += step
		step *= 2
	}
	high := min(low+step, len(ops)) // ops[low] is called by t, ops[high] is not
	for high-low > 1 {
		if mid := (low + high) / 2; ops[mid].Call <= t {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// lastOf holds a number for each process.
type lastOf struct {
	dense  []int32
	sparse map[int32]*int32
}

func (l *lastOf) at(process int32) *int32 {
	if int(process) < len(l.dense) {
		return &l.dense[process]
	}
	if l.sparse == nil {
		l.sparse = map[int32]*int32{}
	}
	if l.sparse[process] == nil {
		l.sparse[process] = new(int32)
	}
	return l.sparse[process]
}

// within is the part of the graph that is inside its components: other edges are on
// no cycle. Of edges that lead the same way it keeps the strongest; a node's edges
// are sorted.
func (g *graph) within(c *components) *graph {
	of := c.numbers(g.nodes())
	rank := make([]int32, g.nodes()+1) // how many nodes before this one are kept
	for i, number := range of {
		rank[i+1] = rank[i]
		if number != nobody {
			rank[i+1]++
		}
	}
	part := &graph{n: int(rank[g.n]), off: make([]int32, 1, rank[g.nodes()]+1)}
	for i, number := range of {
		if number == nobody {
			continue
		}
		if i < g.n {
			part.ops = append(part.ops, g.op(int32(i)))
			part.next = append(part.next, rank[g.next[i]])
			part.then = append(part.then, nobody)
			if then := g.then[i]; then != nobody && of[then] == number {
				part.then[len(part.then)-1] = rank[then]
			}
		}
		start := len(part.to)
		for _, to := range g.to[g.off[i]:g.off[i+1]] {
			if of[to>>2] == number {
				part.to = append(part.to, uint32(rank[to>>2])<<2|to&3)
			}
		}
		slices.Sort(part.to[start:])
		kept := slices.CompactFunc(part.to[start:], func(a, b uint32) bool { return a>>2 == b>>2 })
		part.to = part.to[:start+len(kept)]
		part.off = append(part.off, int32(len(part.to)))
	}
	return part
}
