package model

import (
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// AppendList is a list: [history.Append] adds an element at the end, and
// [history.ReadList] is told all elements in their order. It is empty at first.
func AppendList() Spec[int32] {
	return Spec[int32]{
		Name:      "append-list",
		Kinds:     []history.Kind{history.Append, history.ReadList},
		Separable: true,
		Always:    putsAlways,
		Observes:  func(op Op) bool { return op.Kind == history.ReadList },
		Fresh:     freshList,
	}
}

// chains is the table of lists: each is a list and one more element. Number 0 is
// the empty one.
type chains struct {
	nodes []chainNode
	next  map[chainNode]int32
	lists map[[2]uint32][]int32 // by a list's place in the arena: the states on the way to it
	steps int64                 // how many those are
	reads map[int32]int32       // states that reads were told, numbered
}

type chainNode struct {
	before, length int32
	value          history.Value
}

func freshList(*Object) Spec[int32] {
	s := AppendList()
	c := &chains{nodes: make([]chainNode, 1), next: map[chainNode]int32{}, lists: map[[2]uint32][]int32{}, reads: map[int32]int32{}}
	s.Initial = func(*Object) []int32 { return []int32{0} }
	s.Step = c.step
	s.Lost = c.lost
	s.Held = func() int64 {
		return int64(cap(c.nodes))*16 + int64(len(c.next))*40 + int64(len(c.lists)+len(c.reads))*48 + c.steps*4
	}
	s.Describe = c.describe
	s.Reduce = func(s *Spec[int32], o *Object) *Object {
		o = reduceElements(s, o)
		c.number(s, o)
		s.Step = c.stepRead
		return o
	}
	return s
}

// number numbers the lists that reads were told: a list only grows, so it never is
// one of them again.
func (c *chains) number(s *Spec[int32], o *Object) {
	for i := range o.Ops {
		if op := o.Op(i); op.Kind == history.ReadList && op.Known() {
			if n := c.list(op); c.reads[n] == 0 {
				c.reads[n] = int32(len(c.reads)) + 1
			}
		}
	}
	s.Once = &Once[int32]{
		Count: len(c.reads),
		Holds: func(state int32) int32 { return c.reads[state] - 1 },
		Needs: func(op Op) int32 {
			if op.Kind != history.ReadList || !op.Known() {
				return -1
			}
			return c.reads[c.list(op)] - 1
		},
	}
}

// elsewhere is every list that none that was read begins with: it only grows, so it
// stays one, and no read is told it.
const elsewhere = int32(-1)

// stepRead makes one state of all lists that are elsewhere. All that were read are in
// the table by now.
func (c *chains) stepRead(state int32, op Op) (int32, bool) {
	if op.Kind != history.Append {
		return state, !op.Known() || c.list(op) == state
	}
	if state == elsewhere {
		return elsewhere, true
	}
	if n, read := c.next[chainNode{state, c.nodes[state].length + 1, op.Value}]; read {
		return n, true
	}
	return elsewhere, true
}

func (c *chains) step(state int32, op Op) (int32, bool) {
	if op.Kind == history.Append {
		return c.add(state, op.Value), true
	}
	return state, !op.Known() || c.list(op) == state
}

// lost: a list only grows at its end.
func (c *chains) lost(state int32, op Op) bool {
	if state == elsewhere {
		return true
	}
	way := c.way(op)
	length := int(c.nodes[state].length)
	return length >= len(way) || way[length] != state
}

func (c *chains) add(list int32, v history.Value) int32 {
	node := chainNode{list, c.nodes[list].length + 1, v}
	n, made := c.next[node]
	if !made {
		n = int32(len(c.nodes))
		c.nodes = append(c.nodes, node)
		c.next[node] = n
	}
	return n
}

func (c *chains) list(op Op) int32 {
	way := c.way(op)
	return way[len(way)-1]
}

// way lists the states from the empty list to the one that a read was told.
func (c *chains) way(op Op) []int32 {
	at := [2]uint32{op.Offset, op.Count}
	way, made := c.lists[at]
	if !made {
		way = append(make([]int32, 0, op.Count+1), 0)
		for _, v := range op.List() {
			way = append(way, c.add(way[len(way)-1], v))
		}
		c.lists[at] = way
		c.steps += int64(len(way))
	}
	return way
}

// describe writes a state as [1 2 3], of a long one the end.
func (c *chains) describe(o *Object, state int32) string {
	if state == elsewhere {
		return "another list than any that was read"
	}
	const most = 12
	var words []string
	for n := state; n != 0; n = c.nodes[n].before {
		if len(words) == most {
			words = append(words, "…")
			break
		}
		words = append(words, o.H.Text(c.nodes[n].value))
	}
	for i, j := 0, len(words)-1; i < j; i, j = i+1, j-1 {
		words[i], words[j] = words[j], words[i]
	}
	return "[" + strings.Join(words, " ") + "]"
}
