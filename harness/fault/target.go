package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
)

// Target says on which nodes a fault falls, or along which lines a cut runs.
type Target string

// The targets that are drawn or looked up. Leader and Follower are looked up when
// the fault is injected; the others are drawn from the seed when the plan is made,
// among the members of the system (see [cluster.Membered]). A cut of such a target
// separates it from every other node.
const (
	// Random is one member.
	Random Target = "random"
	// Leader is the node that leads.
	Leader Target = "leader"
	// Follower is one member that does not lead.
	Follower Target = "follower"
	// Minority is the largest number of members that is no quorum, drawn at random.
	Minority Target = "minority"
	// Majority is the smallest quorum of members, drawn at random.
	Majority Target = "majority"
)

// The shapes of a cut that runs through all nodes, members or not, in an order
// drawn from the seed. They are for faults on the network.
const (
	// Halves cuts the nodes into two halves; of an odd number one is larger.
	Halves Target = "halves"
	// Ring leaves every node in touch with a majority, itself among it, and with
	// more than three nodes none with the same one.
	Ring Target = "ring"
	// Bridge cuts the nodes into two halves that only one node is in touch with both of.
	Bridge Target = "bridge"
)

const (
	nodePrefix  = "node "
	groupPrefix = "clients "
)

// Node is the node of that name.
func Node(name string) Target { return Target(nodePrefix + name) }

// Clients is the client group of that name: a cut separates it from every node.
func Clients(group string) Target { return Target(groupPrefix + group) }

// IsNode reports whether the target is one node by name, and which.
func (t Target) IsNode() (name string, is bool) { return strings.CutPrefix(string(t), nodePrefix) }

// isShape reports whether the target makes sense for faults on the network only.
func (t Target) isShape() bool {
	return t == Halves || t == Ring || t == Bridge || strings.HasPrefix(string(t), groupPrefix)
}

// World is what faults can be aimed at.
type World struct {
	// Nodes are all; Members are those that hold data, all where it is empty.
	Nodes, Members []string
	Groups         []Group
}

// Group is a client group and its place; see [Target] for Beside.
type Group struct {
	Name link.End
	// Beside is the node that the group sits beside, Leader, or Majority (the
	// larger side of each cut); "" is the open, where no cut of nodes meets it.
	Beside Target
}

// WorldOf is a system's world without client groups.
func WorldOf(system cluster.System) World {
	return World{Nodes: system.NodeNames(), Members: cluster.Members(system)}
}

func (w World) members() []string {
	if len(w.Members) == 0 {
		return w.Nodes
	}
	return w.Members
}

// validate says whether the target can be meant in this world.
func (t Target) validate(w World) error {
	switch t {
	case Random, Leader, Follower, Minority, Majority, Halves:
		return nil
	case Ring, Bridge:
		if len(w.Nodes) < 3 {
			return fmt.Errorf("a %s needs at least 3 nodes, and there are %d", t, len(w.Nodes))
		}
		return nil
	case "":
		return fmt.Errorf("no target: say for instance fault.Leader")
	}
	if group, ok := strings.CutPrefix(string(t), groupPrefix); ok {
		var names []string
		for _, g := range w.Groups {
			names = append(names, string(g.Name))
		}
		if !slices.Contains(names, group) {
			return fmt.Errorf("there is no client group %q; there are %s", group, strings.Join(names, ", "))
		}
		return nil
	}
	name, ok := t.IsNode()
	if !ok {
		return fmt.Errorf("target %q is none of leader, follower, random, minority, majority, halves, ring, bridge; for a node by name use fault.Node(%q), for a client group fault.Clients(%q)", string(t), string(t), string(t))
	}
	if !slices.Contains(w.Nodes, name) {
		return fmt.Errorf("there is no node %q; there are %s", name, strings.Join(w.Nodes, ", "))
	}
	return nil
}

// ValidatePlace says whether the target can be what a client group sits beside.
func (t Target) ValidatePlace(system cluster.System) error {
	_, finds := system.(cluster.LeaderFinder)
	_, isNode := t.IsNode()
	switch {
	case t == "" || t == Majority:
		return nil
	case isNode:
		return t.validate(WorldOf(system))
	case t != Leader:
		return fmt.Errorf("a client group can't sit beside the %s: say a node, fault.Leader or fault.Majority", t)
	case !finds:
		return fmt.Errorf("it is to sit beside the leader, and %s has no way to say who leads", system.SystemName())
	}
	return nil
}

// Aim is what a fault needs to resolve its targets.
type Aim struct {
	World
	// Draw is the step's own random stream.
	Draw *rand.Rand
	// Leader asks the cluster who leads.
	Leader func(ctx context.Context) (string, error)
}

// fixed picks what needs no running cluster; false for Leader and Follower.
func (t Target) fixed(aim Aim) ([]string, bool) {
	members := aim.members()
	quorum := len(members)/2 + 1
	switch t {
	case Random:
		return drawSome(members, 1, aim.Draw), true
	case Minority:
		// One or two nodes have no minority that leaves a quorum behind: the
		// largest set that is no quorum is then one node or none.
		return drawSome(members, max(1, len(members)-quorum), aim.Draw), true
	case Majority:
		return drawSome(members, quorum, aim.Draw), true
	case Leader, Follower:
		return nil, false
	}
	name, _ := t.IsNode()
	return []string{name}, true
}

// pick resolves the target to nodes.
func (t Target) pick(ctx context.Context, aim Aim) ([]string, error) {
	if t.isShape() {
		return nil, fmt.Errorf("%s are no nodes: it is for faults on the network", t)
	}
	if nodes, ok := t.fixed(aim); ok {
		return nodes, nil
	}
	leader, err := aim.Leader(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the leader: %w", err)
	}
	if t == Leader {
		return []string{leader}, nil
	}
	followers := others(aim.members(), []string{leader})
	if len(followers) == 0 {
		return nil, fmt.Errorf("there is no follower among %s", strings.Join(aim.members(), ", "))
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

func others(nodes, targets []string) []string {
	var rest []string
	for _, node := range nodes {
		if !slices.Contains(targets, node) {
			rest = append(rest, node)
		}
	}
	return rest
}
