package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
)

// Target says on which nodes a fault falls.
type Target string

// The targets that are drawn or looked up. Random, Minority and Majority are
// drawn from the seed when the plan is made; Leader and Follower are looked up
// when the fault is injected.
const (
	// Random is one node.
	Random Target = "random"
	// Leader is the node that leads.
	Leader Target = "leader"
	// Follower is one node that does not lead.
	Follower Target = "follower"
	// Minority is the largest number of nodes that is no quorum, drawn at random.
	Minority Target = "minority"
	// Majority is the smallest quorum, drawn at random.
	Majority Target = "majority"
)

const nodePrefix = "node "

// Node is the node of that name.
func Node(name string) Target { return Target(nodePrefix + name) }

// validate says whether the target can be meant for these nodes.
func (t Target) validate(nodes []string) error {
	switch t {
	case Random, Leader, Follower, Minority, Majority:
		return nil
	case "":
		return fmt.Errorf("no target: say for instance fault.Leader")
	}
	name, ok := strings.CutPrefix(string(t), nodePrefix)
	if !ok {
		return fmt.Errorf("target %q is none of leader, follower, random, minority, majority; for a node by name use fault.Node(%q)", string(t), string(t))
	}
	if !slices.Contains(nodes, name) {
		return fmt.Errorf("there is no node %q; there are %s", name, strings.Join(nodes, ", "))
	}
	return nil
}

// fixed picks what needs no running cluster; false for Leader and Follower.
func (t Target) fixed(nodes []string, draw *rand.Rand) ([]string, bool) {
	quorum := len(nodes)/2 + 1
	switch t {
	case Random:
		return drawSome(nodes, 1, draw), true
	case Minority:
		// One or two nodes have no minority that leaves a quorum behind: the
		// largest set that is no quorum is then one node or none.
		return drawSome(nodes, max(1, len(nodes)-quorum), draw), true
	case Majority:
		return drawSome(nodes, quorum, draw), true
	case Leader, Follower:
		return nil, false
	}
	return []string{strings.TrimPrefix(string(t), nodePrefix)}, true
}

// pick resolves the target on a running cluster.
func (t Target) pick(ctx context.Context, aim Aim) ([]string, error) {
	if nodes, ok := t.fixed(aim.Nodes, aim.Draw); ok {
		return nodes, nil
	}
	leader, err := aim.Leader(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the leader: %w", err)
	}
	if t == Leader {
		return []string{leader}, nil
	}
	var followers []string
	for _, node := range aim.Nodes {
		if node != leader {
			followers = append(followers, node)
		}
	}
	if len(followers) == 0 {
		return nil, fmt.Errorf("there is no follower among %s", strings.Join(aim.Nodes, ", "))
	}
	return drawSome(followers, 1, aim.Draw), nil
}

func drawSome(nodes []string, count int, draw *rand.Rand) []string {
	picked := make([]string, 0, count)
	for _, i := range draw.Perm(len(nodes))[:count] {
		picked = append(picked, nodes[i])
	}
	sort.Strings(picked)
	return picked
}

// Aim is what a fault needs to resolve its targets.
type Aim struct {
	Nodes []string
	// Draw is the step's own random stream.
	Draw *rand.Rand
	// Leader asks the cluster who leads.
	Leader func(ctx context.Context) (string, error)
}

func others(nodes, targets []string) []string {
	var rest []string
	for _, node := range nodes {
		if !slices.Contains(targets, node) {
			rest = append(rest, node)
		}
	}
	return rest
}
