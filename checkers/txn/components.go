package txn

import "math"

// components are the strongly connected components of more than one node: every
// cycle lies within one.
type components struct {
	members []int32
	ends    []int32
}

func (c *components) count() int { return len(c.ends) }

func (c *components) at(i int) []int32 {
	from := int32(0)
	if i > 0 {
		from = c.ends[i-1]
	}
	return c.members[from:c.ends[i]]
}

// numbers says for each node in which component it is; nobody for none.
func (c *components) numbers(nodes int) []int32 {
	numbers := make([]int32, nodes)
	for i := range numbers {
		numbers[i] = nobody
	}
	for i := range c.count() {
		for _, node := range c.at(i) {
			numbers[node] = int32(i)
		}
	}
	return numbers
}

// finder finds the components of a graph over some kinds of edge: Tarjan's
// algorithm as Pearce wrote it (A space-efficient algorithm for finding strongly
// connected components, 2016), with a stack of its own.
//
// With alternate set the nodes are doubled: transaction v came by an edge that is
// not rw, or, at v + nodes, by one that is; then no other rw edge leads on. What is
// a cycle there is one in g without two rw edges in a row. The timeline's nodes are
// behind both.
type finder struct {
	g         *graph
	kinds     mask
	alternate bool
	nodes     int32 // of g
	timeline  int32 // the number of the timeline's first node

	rank  []int32 // 0: not seen; small: being searched; large: its component is known
	index int32
	done  int32
	stack []int32
	path  []frame
	found components
}

type frame struct {
	node   int32
	cursor int32 // the next edge
	root   bool
}

func (g *graph) components(kinds mask, alternate bool) *components {
	f := finder{g: g, kinds: kinds, alternate: alternate, nodes: int32(g.nodes()), index: 1, done: math.MaxInt32}
	f.timeline = f.nodes
	if alternate {
		f.timeline *= 2
	}
	total := f.timeline
	if kinds.has(realtime) {
		total += int32(g.n)
	}
	f.rank = make([]int32, total)
	// From the last one on: most edges lead to what is called later, and was
	// searched by then. So the path stays short.
	for i := total - 1; i >= f.timeline; i-- {
		f.search(i)
		f.search(i - f.timeline)
	}
	for i := f.timeline - 1; i >= 0; i-- {
		f.search(i)
	}
	return &f.found
}

func (f *finder) search(start int32) {
	if f.rank[start] != 0 {
		return
	}
	f.enter(start)
	for len(f.path) > 0 {
		top := &f.path[len(f.path)-1]
		to := f.step(top)
		switch {
		case to == nobody:
			f.leave()
		case f.rank[to] == 0:
			f.enter(to)
		default:
			f.lower(top, to)
		}
	}
}

func (f *finder) enter(node int32) {
	f.rank[node] = f.index
	f.index++
	f.path = append(f.path, frame{node: node, root: true})
}

func (f *finder) lower(top *frame, to int32) {
	if f.rank[to] < f.rank[top.node] {
		f.rank[top.node] = f.rank[to]
		top.root = false
	}
}

func (f *finder) leave() {
	top := f.path[len(f.path)-1]
	f.path = f.path[:len(f.path)-1]
	if !top.root {
		f.stack = append(f.stack, top.node)
	} else {
		f.close(top.node)
	}
	if len(f.path) > 0 {
		f.lower(&f.path[len(f.path)-1], top.node)
	}
}

// close takes a component off the stack.
func (f *finder) close(node int32) {
	f.index--
	rank, several := f.rank[node], false
	for len(f.stack) > 0 && f.rank[f.stack[len(f.stack)-1]] >= rank {
		member := f.stack[len(f.stack)-1]
		f.stack = f.stack[:len(f.stack)-1]
		f.rank[member] = f.done
		f.index--
		several = true
		f.keep(member)
	}
	f.rank[node] = f.done
	f.done--
	if several {
		f.keep(node)
		f.found.ends = append(f.found.ends, int32(len(f.found.members)))
	}
}

// keep adds a node to the component, under its number in g. With alternate a
// transaction can be in one twice.
func (f *finder) keep(node int32) {
	if node >= f.timeline {
		return
	}
	if node >= f.nodes {
		node -= f.nodes
	}
	f.found.members = append(f.found.members, node)
}

// step returns where the next edge of a node leads, nobody where there is none.
func (f *finder) step(top *frame) int32 {
	node := top.node
	if node >= f.timeline {
		at := node - f.timeline
		top.cursor++
		switch {
		case top.cursor == 1:
			return at
		case top.cursor == 2 && int(at)+1 < f.g.n:
			return node + 1
		}
		return nobody
	}
	came := int32(0)
	if node >= f.nodes {
		came = f.nodes
		node -= f.nodes
	}
	edges := f.g.to[f.g.off[node]:f.g.off[node+1]]
	for int(top.cursor) < len(edges) {
		x := edges[top.cursor]
		top.cursor++
		kind, to := int(x&3), int32(x>>2)
		switch {
		case kind == pass:
			return to + came
		case !f.kinds.has(kind):
		case kind != rw || !f.alternate:
			return to
		case came == 0:
			return to + f.nodes
		}
	}
	return f.implied(top, node, int32(len(edges)))
}

// implied returns where the edges lead that are not stored.
func (f *finder) implied(top *frame, node, edges int32) int32 {
	if int(node) >= f.g.n {
		return nobody
	}
	if top.cursor == edges {
		top.cursor++
		if f.kinds.has(process) && f.g.then[node] != nobody {
			return f.g.then[node]
		}
	}
	if top.cursor == edges+1 {
		top.cursor++
		if f.kinds.has(realtime) && int(f.g.next[node]) < f.g.n {
			return f.timeline + f.g.next[node]
		}
	}
	return nobody
}
