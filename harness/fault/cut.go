package fault

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/link"
)

// cut is which ends are separated from which.
type cut struct {
	// on are the nodes, or the client group, that the fault is shown on.
	on []string
	// pairs are separated; the first of each is on the target's side.
	pairs [][2]link.End
	// text says it with a placeholder for what is between the sides.
	text func(between string) string
}

// cut resolves the target to what it separates. A client group that sits beside a
// node is separated from what its node is separated from.
func (t Target) cut(ctx context.Context, aim Aim) (cut, error) {
	c, err := t.lines(ctx, aim)
	switch {
	case err != nil:
		return cut{}, err
	case t.ofClients():
		return c, nil
	case len(c.pairs) == 0:
		return cut{}, fmt.Errorf("a cut of %s separates nothing: it is all nodes that there are", t.where())
	}
	return c, c.take(ctx, aim)
}

// lines is the cut without the client groups that sit beside nodes.
func (t Target) lines(ctx context.Context, aim Aim) (cut, error) {
	if group, ok := t.group(); ok {
		return sides([]string{group}, aim.Nodes), nil
	}
	if a, b, ok := t.between(); ok {
		return between(ctx, a, b, aim)
	}
	switch t {
	case EveryClient:
		return sides(groupNames(aim), aim.Nodes), nil
	case EveryNode:
		return everyLink(aim.Nodes), nil
	case Halves:
		order := shuffled(aim)
		return sides(sorted(order[:len(order)/2]), sorted(order[len(order)/2:])), nil
	case Bridge:
		order := shuffled(aim)
		bridge, rest := order[0], order[1:]
		c := sides(sorted(rest[:len(rest)/2]), sorted(rest[len(rest)/2:]))
		inner := c.text
		c.text = func(between string) string { return inner(between) + ", " + bridge + " sees both" }
		return c, nil
	case Ring:
		return ring(shuffled(aim)), nil
	}
	nodes, err := t.pick(ctx, aim)
	if err != nil {
		return cut{}, err
	}
	return sides(nodes, others(aim.Nodes, nodes)), nil
}

// between are the links from one target to another. A side that is drawn is drawn
// from what the other side leaves.
func between(ctx context.Context, a, b Target, aim Aim) (cut, error) {
	drawn := func(t Target) bool { return t == Random || t == Follower || t == Minority || t == Majority }
	first, second := a, b
	turned := drawn(a) && !drawn(b)
	if turned {
		first, second = b, a
	}
	from, err := first.ends(ctx, aim)
	if err != nil {
		return cut{}, err
	}
	aim.Members = others(aim.members(), from)
	if len(aim.Members) == 0 {
		return cut{}, fmt.Errorf("%s is all members that there are: no link leads to %s", first.where(), second.where())
	}
	to, err := second.ends(ctx, aim)
	if err != nil {
		return cut{}, err
	}
	if both := others(from, others(from, to)); len(both) > 0 {
		return cut{}, fmt.Errorf("%s and %s are both %s just now: there is no link of a node to itself", a.where(), b.where(), strings.Join(both, " "))
	}
	if turned {
		from, to = to, from
	}
	return sides(from, to), nil
}

// ends are the nodes or client groups of one side of a link.
func (t Target) ends(ctx context.Context, aim Aim) ([]string, error) {
	if group, ok := t.group(); ok {
		return []string{group}, nil
	}
	if t == EveryClient {
		return groupNames(aim), nil
	}
	return t.pick(ctx, aim)
}

func groupNames(aim Aim) []string {
	var names []string
	for _, g := range aim.Groups {
		names = append(names, string(g.Name))
	}
	return names
}

func shuffled(aim Aim) []string {
	order := make([]string, 0, len(aim.Nodes))
	for _, i := range aim.Draw.Perm(len(aim.Nodes)) {
		order = append(order, aim.Nodes[i])
	}
	return order
}

func sorted(nodes []string) []string {
	nodes = slices.Clone(nodes)
	slices.Sort(nodes)
	return nodes
}

// everyLink is the link between any two of the nodes.
func everyLink(nodes []string) cut {
	c := cut{on: nodes, text: func(string) string { return "of every link among " + strings.Join(nodes, " ") }}
	for i, a := range nodes {
		for _, b := range nodes[i+1:] {
			c.pairs = append(c.pairs, [2]link.End{link.End(a), link.End(b)})
		}
	}
	return c
}

// sides separates all of a from all of b.
func sides(a, b []string) cut {
	c := cut{on: a, text: func(between string) string {
		return strings.Join(a, " ") + between + strings.Join(b, " ")
	}}
	for _, from := range a {
		for _, to := range b {
			c.pairs = append(c.pairs, [2]link.End{link.End(from), link.End(to)})
		}
	}
	return c
}

// ring separates each node from those that are far from it in the order, so that
// it keeps just enough neighbours for a majority. Of three nodes one link is cut:
// with two neighbours in a ring of three everybody would see everybody.
func ring(order []string) cut {
	n := len(order)
	reach := (n/2 + 1) / 2 // neighbours on each side
	c := cut{on: sorted(order)}
	var texts []string
	for i := range n {
		for j := i + 1; j < n; j++ {
			distance := min(j-i, n-(j-i))
			if far := distance > reach || n == 3 && i == 0 && j == 2; far {
				c.pairs = append(c.pairs, [2]link.End{link.End(order[i]), link.End(order[j])})
				texts = append(texts, order[i]+"%s"+order[j])
			}
		}
	}
	c.text = func(between string) string {
		return "ring " + strings.ReplaceAll(strings.Join(texts, ", "), "%s", between)
	}
	return c
}

// take puts every client group that sits beside a node on the side of that node.
func (c *cut) take(ctx context.Context, aim Aim) error {
	nodePairs := slices.Clone(c.pairs)
	for _, g := range aim.Groups {
		anchor, err := c.anchor(ctx, aim, g)
		if err != nil {
			return err
		}
		if anchor == "" {
			continue
		}
		for _, p := range nodePairs {
			switch anchor {
			case p[0]:
				c.pairs = append(c.pairs, [2]link.End{g.Name, p[1]})
			case p[1]:
				c.pairs = append(c.pairs, [2]link.End{p[0], g.Name})
			}
		}
		inner, at := c.text, fmt.Sprintf(", %s beside %s", g.Name, anchor)
		c.text = func(between string) string { return inner(between) + at }
	}
	return nil
}

// anchor is the node that the group sits beside now, "" in the open.
func (c *cut) anchor(ctx context.Context, aim Aim, g Group) (link.End, error) {
	switch g.Beside {
	case "":
		return "", nil
	case Leader:
		leader, err := aim.Leader(ctx)
		if err != nil {
			return "", fmt.Errorf("find the leader, which the client group %s sits beside: %w", g.Name, err)
		}
		return link.End(leader), nil
	case Majority:
		return c.best(aim.Nodes), nil
	}
	name, _ := g.Beside.IsNode()
	return link.End(name), nil
}

// best is the node that is separated from the fewest others: it is on the larger side.
func (c *cut) best(nodes []string) link.End {
	lost := map[link.End]int{}
	for _, p := range c.pairs {
		lost[p[0]]++
		lost[p[1]]++
	}
	best := link.End(nodes[0])
	for _, node := range nodes {
		if lost[link.End(node)] < lost[best] {
			best = link.End(node)
		}
	}
	return best
}

// both are the flows of every pair, both ways.
func (c *cut) both() []link.Flow {
	var flows []link.Flow
	for _, p := range c.pairs {
		flows = append(flows, link.Flow{From: p[0], To: p[1]}, link.Flow{From: p[1], To: p[0]})
	}
	return flows
}

// oneWay are the flows from the target's side, or to it.
func (c *cut) oneWay(inbound bool) []link.Flow {
	var flows []link.Flow
	for _, p := range c.pairs {
		f := link.Flow{From: p[0], To: p[1]}
		if inbound {
			f = f.Reverse()
		}
		flows = append(flows, f)
	}
	return flows
}
