package txn

import "slices"

var (
	cycleNames = []string{G0, G1c, GSingle, GNonadjacent, G2Item}
	suffixes   = []string{"", "-process", "-realtime"}
)

// cycle is a cycle of transactions, by their places in History.Ops: kinds[i] leads
// from txns[i] to the next one, and the last one to the first.
type cycle struct {
	txns  []int32
	kinds []int
}

// name classifies a cycle as Elle does (txn.clj): by how many rw edges there are and
// whether two of them follow each other, and then by the weakest kind of order that
// it needs.
func (c *cycle) name() string {
	count := [6]int{}
	inRow := false
	for i, kind := range c.kinds {
		count[kind]++
		inRow = inRow || kind == rw && c.kinds[(i+1)%len(c.kinds)] == rw
	}
	name := G0
	switch {
	case count[rw] == 1:
		name = GSingle
	case inRow:
		name = G2Item
	case count[rw] > 1:
		name = GNonadjacent
	case count[wr] > 0:
		name = G1c
	}
	switch {
	case count[realtime] > 0:
		return name + suffixes[2]
	case count[process] > 0:
		return name + suffixes[1]
	}
	return name
}

// class is a class of cycles, which are found by a search for the shortest path from
// an edge's end back to its beginning. The search remembers as much of the path as
// the class needs: a state.
type class struct {
	number int
	// kinds are the edges that its cycles consist of, and seed the kind of the edge
	// that each has at least one of.
	kinds mask
	seed  int
	// step is the state after an edge that is rw, and after any other; dead where
	// there is none.
	step [states][2]int8
	// accept are the states in which a path may end that closes with an edge that
	// is rw (the seed), and with one that is not.
	accept [2]mask
	// apart says that the cycle has no two rw edges in a row.
	apart bool
}

const (
	states = 3
	dead   = int8(-1)
)

// In the states of the first two classes nothing is remembered; of G-single whether
// there was an rw; of G-nonadjacent whether there was none, one just now, or one
// before; of G2-item whether there was one.
var classes = []class{
	{number: 0, kinds: onlyWW, seed: ww, step: [states][2]int8{{dead, 0}}, accept: [2]mask{0, 1}},
	{number: 1, kinds: reads, seed: wr, step: [states][2]int8{{dead, 0}}, accept: [2]mask{0, 1}},
	{number: 2, kinds: data, seed: rw, step: [states][2]int8{{1, 0}, {dead, 1}}, accept: [2]mask{1 << 1, 1 << 1}, apart: true},
	{number: 3, kinds: data, seed: rw, step: [states][2]int8{{1, 0}, {dead, 2}, {1, 2}}, accept: [2]mask{1 << 2, 1<<1 | 1<<2}, apart: true},
	{number: 4, kinds: data, seed: rw, step: [states][2]int8{{1, 0}, {1, 1}}, accept: [2]mask{1 << 1, 1 << 1}},
}

// covers says which classes need not be looked for where one was found: it implies
// them.
var covers = []mask{1<<0 | 1<<1, 1 << 1, 1<<2 | 1<<3 | 1<<4, 1<<3 | 1<<4, 1 << 4}

// finding is the smallest cycle of a name that was found.
type cycleFinding struct {
	cycle cycle
	// components is in how many components one was found; others may have one that
	// were not searched for it, because they have a worse one.
	components int
}

// search finds the cycles of a graph, the smallest of each name.
type search struct {
	g     *graph // inside its components only
	found map[string]*cycleFinding
	// steps is how many more edges may be followed. Short says that they did not do.
	steps int64
	short bool
	stop  func() bool

	level   int
	class   *class
	kinds   mask    // that a path may follow
	whole   []int32 // the component of each node over all kinds of this level
	inner   []int32 // the same over the kinds of the class
	have    []mask  // classes that are covered, by the number of the component in whole
	current string  // the name that is looked for

	mark  []int32 // when a state was last reached
	now   int32
	from  []int32 // the state before, and how it was left
	by    []uint8
	queue []int32
}

// searchSteps bounds the search of one class at one level: some seconds.
const searchSteps = 100_000_000

func findCycles(g *graph, stop func() bool) *search {
	s := &search{g: g, found: map[string]*cycleFinding{}, stop: stop}
	s.mark = make([]int32, states*g.nodes())
	s.from = make([]int32, states*g.nodes())
	s.by = make([]uint8, states*g.nodes())
	var seen []cycleAt
	for s.level = range suffixes {
		order := [...]mask{0, session, session | timed}[s.level]
		whole := g.components(data|order, false)
		s.whole = whole.numbers(g.nodes())
		s.have = make([]mask, whole.count())
		for _, one := range seen {
			s.have[s.whole[one.node]] |= covers[one.class]
		}
		for i := range classes {
			s.class = &classes[i]
			s.kinds = s.class.kinds | order&^timed
			s.current = cycleNames[i] + suffixes[s.level]
			s.steps = searchSteps
			seen = s.searchClass(whole, g.components(s.class.kinds|order, s.class.apart), seen)
		}
	}
	return s
}

// cycleAt says where a class of cycle was found.
type cycleAt struct {
	node  int32
	class int
}

// searchClass searches each component for the class, and adds where it was found.
func (s *search) searchClass(whole, inner *components, seen []cycleAt) []cycleAt {
	if inner.count() == 0 {
		return seen
	}
	s.inner = inner.numbers(s.g.nodes())
	if s.class.apart { // those are of doubled nodes, and may share some
		for i := range s.inner {
			s.inner[i] = min(s.inner[i], 0)
		}
	}
	for i := range whole.count() {
		most := len(whole.at(i))
		if s.have[i].has(s.class.number) {
			most = min(most, s.shortest()-1)
		}
		if !s.component(whole.at(i), most) {
			continue
		}
		s.found[s.current].components++
		s.have[i] |= covers[s.class.number]
		seen = append(seen, cycleAt{whole.at(i)[0], s.class.number})
	}
	return seen
}

// shortest is how long the shortest cycle of the class is that needs less order than
// this level has: a stale read may be a cycle of two transactions with a realtime
// edge, and of twelve without. 0 where none was found.
func (s *search) shortest() int {
	length := 0
	for _, suffix := range suffixes[:s.level] {
		if f := s.found[cycleNames[s.class.number]+suffix]; f != nil && (length == 0 || len(f.cycle.txns) < length) {
			length = len(f.cycle.txns)
		}
	}
	return length
}

// component searches one component for cycles of the class of up to most edges, for
// short ones first: in a large component a search without a limit sees all of it
// from every node.
func (s *search) component(members []int32, most int) bool {
	for limit := 2; most >= 2; limit += 1 + limit/8 {
		limit = min(limit, most)
		hit := false
		for _, node := range members {
			if int(node) >= s.g.n || s.inner[node] == nobody {
				continue
			}
			if s.steps <= 0 || s.stop() {
				s.short = true
				return hit
			}
			if s.path(node, limit) {
				hit = true
				if limit = len(s.found[s.current].cycle.txns) - 1; limit < 2 {
					return true
				}
			}
		}
		s.short = s.short || s.steps <= 0
		if hit || limit == most {
			return hit
		}
	}
	return false
}

func (s *search) inside(a, b int32) bool {
	return s.whole[a] == s.whole[b] && s.inner[a] == s.inner[b]
}

// path looks for the shortest cycle of the class, of up to limit edges, that begins at
// a node: with an edge of the seed's kind, or with one to the next of its process, or,
// for cycles with a realtime edge, with any, and then that edge closes it.
func (s *search) path(node int32, limit int) bool {
	first := [...]mask{1 << s.class.seed, session, s.kinds}[s.level]
	accept := s.class.accept[1]
	if s.level == 0 && s.class.seed == rw {
		accept = s.class.accept[0]
	}
	if s.level == 2 {
		limit-- // for the edge that closes it
	}
	s.now++
	s.from[node*states] = nobody
	s.queue = append(s.queue[:0], node*states)
	end := 1 // of the states that are at the present distance
	for at, distance := 0, 0; at < len(s.queue) && s.steps > 0; at++ {
		if at == end {
			distance++
			end = len(s.queue)
		}
		if distance >= limit {
			return false
		}
		kinds := s.kinds
		if at == 0 {
			kinds = first
		}
		if s.expand(s.queue[at], kinds, node, accept) {
			return true
		}
	}
	return false
}

// expand reaches what follows a state, and reports whether that closed a cycle of
// the class.
func (s *search) expand(at int32, kinds mask, target int32, accept mask) bool {
	g, node := s.g, at/states
	step := &s.class.step[at%states]
	for _, x := range g.to[g.off[node]:g.off[node+1]] {
		to, kind := int32(x>>2), int(x&3)
		s.steps--
		if !kinds.has(kind) {
			continue
		}
		next := step[1]
		if kind == rw {
			next = step[0]
		}
		switch {
		case next == dead:
		case int(to) >= g.n:
			if s.through(at, to, next, target, accept) {
				return true
			}
		case s.reach(at, to, next, kind, target, accept):
			return true
		}
	}
	return kinds.has(process) && g.then[node] != nobody && step[1] != dead &&
		s.reach(at, g.then[node], step[1], process, target, accept)
}

// through reaches what follows a hub. Nobody needs to come there again in the same
// state, unless something was left out.
func (s *search) through(at, hub int32, state int8, target int32, accept mask) bool {
	g, node := s.g, at/states
	mark := &s.mark[hub*states+int32(state)]
	if *mark == s.now {
		return false
	}
	*mark = s.now
	for _, y := range g.to[g.off[hub]:g.off[hub+1]] {
		s.steps--
		to := int32(y >> 2)
		if s.mark[to*states+int32(state)] == s.now {
			continue
		}
		if g.direct(node, to) != pass {
			*mark = 0 // a stronger edge leads there from here, and not from others
		} else if s.reach(at, to, state, rw, target, accept) {
			return true
		}
	}
	return false
}

// reach comes to a state. What closes a cycle may still be of a stronger class, by
// edges that lead the same way: then the search goes on.
func (s *search) reach(at, to int32, state int8, kind int, target int32, accept mask) bool {
	next := to*states + int32(state)
	if s.mark[next] == s.now || !s.inside(at/states, to) {
		return false
	}
	s.mark[next] = s.now
	s.from[next], s.by[next] = at, uint8(kind)
	s.queue = append(s.queue, next)
	closes := to == target
	if s.level == 2 {
		closes = s.g.next[to] <= target
	}
	return closes && accept.has(int(state)) && s.record(next)
}

// record takes the cycle of the path that ends in a state, and reports whether it
// is of the class that was looked for.
func (s *search) record(last int32) bool {
	var c cycle
	if s.level == 2 {
		c.txns, c.kinds = append(c.txns, last/states), append(c.kinds, realtime)
	}
	for at := last; ; {
		before := s.from[at]
		c.txns, c.kinds = append(c.txns, before/states), append(c.kinds, int(s.by[at]))
		if at = before; at == s.queue[0] {
			break
		}
	}
	slices.Reverse(c.txns)
	slices.Reverse(c.kinds)
	hit := false
	for _, simple := range c.simple() {
		s.strengthen(&simple)
		name := simple.name()
		if name != s.current {
			continue
		}
		hit = true
		if have := s.found[name]; have == nil || len(simple.txns) < len(have.cycle.txns) {
			simple.rotate()
			for i, node := range simple.txns {
				simple.txns[i] = s.g.op(node)
			}
			components := 0
			if have != nil {
				components = have.components
			}
			s.found[name] = &cycleFinding{cycle: simple, components: components}
		}
	}
	return hit
}

// simple splits a walk that comes to a transaction twice into cycles that do not.
func (c *cycle) simple() []cycle {
	var parts []cycle
	var rest cycle
	for i, node := range c.txns {
		if at := slices.Index(rest.txns, node); at >= 0 {
			parts = append(parts, cycle{slices.Clone(rest.txns[at:]), slices.Clone(rest.kinds[at:])})
			rest.txns, rest.kinds = rest.txns[:at], rest.kinds[:at]
		}
		rest.txns, rest.kinds = append(rest.txns, node), append(rest.kinds, c.kinds[i])
	}
	return append(parts, rest)
}

// rotate begins a cycle with the transaction that was called first.
func (c *cycle) rotate() {
	at := slices.Index(c.txns, slices.Min(c.txns))
	c.txns = slices.Concat(c.txns[at:], c.txns[:at])
	c.kinds = slices.Concat(c.kinds[at:], c.kinds[:at])
}

// strengthen replaces edges by stronger ones that lead the same way: what is also a
// ww is no reason to call a cycle one of rw. A realtime edge is not replaced by wr or
// rw: without it the cycle may be of a class that says something else.
func (s *search) strengthen(c *cycle) {
	for i, node := range c.txns {
		next := c.txns[(i+1)%len(c.txns)]
		have := mask(1) << c.kinds[i]
		if s.g.then[node] == next {
			have |= session
		}
		if kind := s.g.direct(node, next); kind != pass {
			have |= 1 << kind
		}
		c.kinds[i] = strongest(c.kinds[i], have)
	}
}

// strongest is the strongest kind of those that there are that can stand for one.
func strongest(kind int, have mask) int {
	switch {
	case have.has(ww):
		return ww
	case kind == rw && have.has(wr):
		return wr
	case kind == realtime && have.has(process):
		return process
	}
	return kind
}
