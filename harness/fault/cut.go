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
	if group, ok := strings.CutPrefix(string(t), groupPrefix); ok {
		c := sides([]string{group}, aim.Nodes)
		return c, nil
	}
	var c cut
	switch t {
	case Halves:
		order := shuffled(aim)
		a, b := order[:len(order)/2], order[len(order)/2:]
		c = sides(sorted(a), sorted(b))
	case Bridge:
		order := shuffled(aim)
		bridge, rest := order[0], order[1:]
		c = sides(sorted(rest[:len(rest)/2]), sorted(rest[len(rest)/2:]))
		inner := c.text
		c.text = func(between string) string { return inner(between) + ", " + bridge + " sees both" }
	case Ring:
		c = ring(shuffled(aim))
	default:
		nodes, err := t.pick(ctx, aim)
		if err != nil {
			return cut{}, err
		}
		c = sides(nodes, others(aim.Nodes, nodes))
	}
	if len(c.pairs) == 0 {
		return cut{}, fmt.Errorf("a cut of the %s separates nothing: it is all nodes that there are", t)
	}
	return c, c.take(ctx, aim)
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
