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
// the fault is injected; Random, Minority and Majority are drawn from the seed when
// the plan is made, among the members of the system (see [cluster.Membered]). A cut
// of such a target separates it from every other node.
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
	// EveryNode is all nodes, members or not; of a fault on the network it is the
	// link between any two of them.
	EveryNode Target = "every node"
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
	// EveryClient is all client groups: a cut separates them from every node.
	EveryClient Target = "every client"
)

const (
	nodePrefix    = "node "
	nodesPrefix   = "nodes "
	groupPrefix   = "clients "
	betweenPrefix = "between "
	betweenAnd    = " and "
)

// Node is the node of that name.
func Node(name string) Target { return Target(nodePrefix + name) }

// Nodes are the nodes of these names.
func Nodes(names ...string) Target { return Target(nodesPrefix + strings.Join(names, " ")) }

// Clients is the client group of that name: a cut separates it from every node.
func Clients(group string) Target { return Target(groupPrefix + group) }

// Between are the links between two targets and no others, for faults on the
// network: Between(Node("n1"), Node("n2")) is one link. The two have no node in
// common: what is drawn is drawn from the rest, so Between(Leader, Random) is the
// link between the leader and some other member. Either may be a client group.
func Between(a, b Target) Target {
	return Target(betweenPrefix + string(a) + betweenAnd + string(b))
}

// IsNode reports whether the target is one node by name, and which.
func (t Target) IsNode() (name string, is bool) { return strings.CutPrefix(string(t), nodePrefix) }

// At is the target itself: a fault that embeds its target has this method.
func (t Target) At() Target { return t }

// names are those of a target that is nodes by name.
func (t Target) names() (names []string, are bool) {
	if name, is := t.IsNode(); is {
		return []string{name}, true
	}
	list, are := strings.CutPrefix(string(t), nodesPrefix)
	return strings.Fields(list), are
}

// group is the client group of the target, if it is one.
func (t Target) group() (name string, is bool) { return strings.CutPrefix(string(t), groupPrefix) }

// between are the two sides of a target that is the links between two.
func (t Target) between() (a, b Target, is bool) {
	rest, is := strings.CutPrefix(string(t), betweenPrefix)
	if !is {
		return "", "", false
	}
	first, second, is := strings.Cut(rest, betweenAnd)
	return Target(first), Target(second), is
}

// ofClients reports whether the links of the target all end at clients.
func (t Target) ofClients() bool {
	a, b, _ := t.between()
	_, group := t.group()
	return group || t == EveryClient || a != "" && (a.ofClients() || b.ofClients())
}

// isShape reports whether the target makes sense for faults on the network only.
func (t Target) isShape() bool {
	_, _, between := t.between()
	return t == Halves || t == Ring || t == Bridge || between || t.ofClients()
}

// needsLeader reports whether somebody must say who leads.
func (t Target) needsLeader() bool {
	a, b, _ := t.between()
	return t == Leader || t == Follower || a != "" && (a.needsLeader() || b.needsLeader())
}

// where says it for people: "the leader", "n1 n2", "between n1 and the leader".
func (t Target) where() string {
	if names, are := t.names(); are {
		return strings.Join(names, " ")
	}
	if a, b, is := t.between(); is {
		return "the link between " + a.where() + " and " + b.where()
	}
	if group, is := t.group(); is {
		return "the clients " + group
	}
	switch t {
	case EveryNode, EveryClient:
		return string(t)
	case Random:
		return "a random node"
	case Follower, Minority, Majority, Ring, Bridge:
		return "a " + string(t)
	}
	return "the " + string(t)
}

// World is what faults can be aimed at.
type World struct {
	// Nodes are all; Members are those that hold data, all where it is empty.
	Nodes, Members []string
	Groups         []Group
	// System is asked which faults apply to it, and for its ports by name.
	System cluster.System
	// Runtime is "pod" or "process"; it decides by which means a fault is done.
	Runtime string
	// NoTransactions says why clients hold no transactions open; nil where they may.
	NoTransactions error
	// NoDisks says why disks can't fail; nil where they may, or where that is found
	// out when a fault is injected.
	NoDisks error
	// Network answers what applies on the runtime, before a cluster runs. It may be
	// nil: then that is found out when a fault is injected.
	Network cluster.Network
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
	return World{Nodes: system.NodeNames(), Members: cluster.Members(system), System: system}
}

func (w World) members() []string {
	if len(w.Members) == 0 {
		return w.Nodes
	}
	return w.Members
}

// validate says what is wrong with the target: it can't be meant in this world.
func (t Target) validate(w World) error {
	switch t {
	case Random, Leader, Follower, Minority, Majority, EveryNode, EveryClient, Halves, Ring, Bridge:
		return nil
	case "":
		return fmt.Errorf("no target: say for instance fault.Leader")
	}
	if group, ok := t.group(); ok {
		var names []string
		for _, g := range w.Groups {
			names = append(names, string(g.Name))
		}
		if !slices.Contains(names, group) {
			return fmt.Errorf("there is no client group %q; there are %s", group, strings.Join(names, ", "))
		}
		return nil
	}
	if a, b, ok := t.between(); ok {
		return validateBetween(a, b, w)
	}
	names, ok := t.names()
	if !ok {
		return fmt.Errorf("target %q is none of leader, follower, random, minority, majority, every node, every client, halves, ring, bridge; for a node by name use fault.Node(%q), for a client group fault.Clients(%q)", string(t), string(t), string(t))
	}
	if len(names) == 0 {
		return fmt.Errorf("no nodes: fault.Nodes wants at least one name")
	}
	for i, name := range names {
		if !slices.Contains(w.Nodes, name) {
			return fmt.Errorf("there is no node %q; there are %s", name, strings.Join(w.Nodes, ", "))
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("the node %s is named twice", name)
		}
	}
	return nil
}

func validateBetween(a, b Target, w World) error {
	for _, side := range []Target{a, b} {
		_, _, nested := side.between()
		if nested || side.isShape() && !side.ofClients() || side == EveryNode {
			return fmt.Errorf("fault.Between of the %s: a side is nodes or clients", side)
		}
		if err := side.validate(w); err != nil {
			return err
		}
	}
	first, _ := a.names()
	second, _ := b.names()
	switch {
	case a.ofClients() && b.ofClients():
		return fmt.Errorf("there is no link between clients: a side of fault.Between must be nodes")
	case a == b && a != Random && a != Follower, slices.ContainsFunc(first, func(name string) bool { return slices.Contains(second, name) }):
		return fmt.Errorf("both sides of fault.Between are %s: there is no link of a node to itself", a.where())
	}
	return nil
}

// fits says why there is no such target in this world, though there might be in another.
func (t Target) fits(w World) error {
	switch {
	case (t == Ring || t == Bridge) && len(w.Nodes) < 3:
		return fmt.Errorf("a %s needs at least 3 nodes, and there are %d", t, len(w.Nodes))
	case t == EveryClient && len(w.Groups) == 0:
		return fmt.Errorf("there are no clients")
	}
	if _, finds := w.System.(cluster.LeaderFinder); w.System != nil && !finds && t.needsLeader() {
		return fmt.Errorf("%s has no way to say who leads", w.System.SystemName())
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
	case EveryNode:
		return aim.Nodes, true
	case Leader, Follower:
		return nil, false
	}
	names, _ := t.names()
	return names, true
}

// pick resolves the target to nodes.
func (t Target) pick(ctx context.Context, aim Aim) ([]string, error) {
	if t.isShape() {
		return nil, fmt.Errorf("%s is no node: it is a target for faults on the network", t.where())
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
