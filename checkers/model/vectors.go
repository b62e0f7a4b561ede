package model

// vectors are immutable lists of small numbers, each stored once: equal lists have
// the same number, so a state that is a list of thousands is one word. A list is a
// tree of nodes with sixteen places; number 0 is the list, and the node, that holds
// zeros only.
type vectors struct {
	levels int
	nodes  [][16]int32
	slots  []int32 // open addressing, by content; one more than a node's number
}

// newVectors makes room for lists of so many places.
func newVectors(places int) *vectors {
	t := &vectors{levels: 1, nodes: make([][16]int32, 1, 64), slots: make([]int32, 128)}
	for room := 16; room < places; room *= 16 {
		t.levels++
	}
	return t
}

// get is what a list has at a place.
func (t *vectors) get(list int32, place int32) int32 {
	for level := t.levels - 1; level > 0; level-- {
		list = t.nodes[list][place>>(4*level)&15]
	}
	return t.nodes[list][place&15]
}

// set is the list with something else at one place.
func (t *vectors) set(list, place, to int32) int32 { return t.setAt(t.levels-1, list, place, to) }

func (t *vectors) setAt(level int, node, place, to int32) int32 {
	made := t.nodes[node]
	at := place >> (4 * level) & 15
	if level > 0 {
		to = t.setAt(level-1, made[at], place, to)
	}
	if made[at] == to {
		return node
	}
	made[at] = to
	return t.intern(&made)
}

func (t *vectors) intern(node *[16]int32) int32 {
	if *node == ([16]int32{}) {
		return 0
	}
	i := nodeHash(node) & (len(t.slots) - 1)
	for ; t.slots[i] != 0; i = (i + 1) & (len(t.slots) - 1) {
		if n := t.slots[i] - 1; t.nodes[n] == *node {
			return n
		}
	}
	t.nodes = append(t.nodes, *node)
	n := int32(len(t.nodes))
	t.slots[i] = n
	if 2*int(n) > len(t.slots) {
		t.slots = make([]int32, 2*len(t.slots))
		for n := 1; n < len(t.nodes); n++ {
			i := nodeHash(&t.nodes[n]) & (len(t.slots) - 1)
			for t.slots[i] != 0 {
				i = (i + 1) & (len(t.slots) - 1)
			}
			t.slots[i] = int32(n + 1)
		}
	}
	return n - 1
}

func nodeHash(node *[16]int32) int {
	h := uint64(0)
	for i := 0; i < 16; i += 2 {
		h = (h ^ uint64(uint32(node[i])) ^ uint64(uint32(node[i+1]))<<32) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return int(h >> 1)
}

// each calls f with every place that is not zero, in order, until f says no.
func (t *vectors) each(list int32, f func(place, value int32) bool) bool {
	return t.eachAt(t.levels-1, list, 0, f)
}

func (t *vectors) eachAt(level int, node, from int32, f func(place, value int32) bool) bool {
	for at, v := range t.nodes[node] {
		place := from + int32(at)<<(4*level)
		if v == 0 {
			continue
		}
		if level > 0 && !t.eachAt(level-1, v, place, f) || level == 0 && !f(place, v) {
			return false
		}
	}
	return true
}

// within reports whether a list has zeros wherever another one does.
func (t *vectors) within(a, b int32) bool { return t.withinAt(t.levels-1, a, b) }

func (t *vectors) withinAt(level int, a, b int32) bool {
	if a == b || a == 0 {
		return true
	}
	one, other := &t.nodes[a], &t.nodes[b]
	for i, v := range one {
		if v != 0 && (other[i] == 0 || level > 0 && !t.withinAt(level-1, v, other[i])) {
			return false
		}
	}
	return true
}

func (t *vectors) size() int64 { return int64(cap(t.nodes))*64 + int64(cap(t.slots))*4 }
