package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
)

// Region is some nodes that are near each other.
type Region struct {
	Name  string
	Nodes []string
}

// Target is the region's nodes: BlackHole{Target: far.Target()} loses the region.
func (r Region) Target() Target { return Nodes(r.Nodes...) }

// Regions puts distance between groups of nodes: what passes between two of them
// takes half of their round trip each way. A client group that sits beside a node
// is in that node's region; one in the open is near everybody.
//
//	fault.Regions{
//		Regions: []fault.Region{{Name: "near", Nodes: []string{"n1", "n2"}}, {Name: "far", Nodes: []string{"n3"}}},
//		RoundTrip: [][]time.Duration{
//			{0, 80 * time.Millisecond},
//			{80 * time.Millisecond, 0},
//		},
//	}
type Regions struct {
	Regions []Region
	// RoundTrip has a row and a column for each region, in their order, and is the
	// same both ways. On the diagonal it is what a round trip within the region takes.
	RoundTrip [][]time.Duration
	// Jitter is drawn from the seed around each delay of one way, evenly up to
	// Jitter or the delay, whichever is less.
	Jitter time.Duration
	// Packets delays packets of every protocol instead of byte streams, except those
	// of clients, whose links are streams.
	Packets bool
}

// FaultName is "regions".
func (Regions) FaultName() string { return "regions" }

// At is every node.
func (Regions) At() Target { return EveryNode }

// Engine names what delays.
func (f Regions) Engine(runtime string) string {
	return engineOf(f.effect(time.Second), runtime, false)
}

func (f Regions) effect(roundTrip time.Duration) link.Effect {
	one := roundTrip / 2
	return link.Effect{Action: link.Delay, Latency: one, Jitter: min(f.Jitter, one), Packets: f.Packets}
}

// Validate wants regions without common nodes, and a symmetric matrix.
func (f Regions) Validate() error {
	if len(f.Regions) == 0 || f.Jitter < 0 {
		return fmt.Errorf("%d regions with jitter %v: there must be a region, and the jitter not below zero", len(f.Regions), f.Jitter)
	}
	of := map[string]string{}
	names := map[string]bool{}
	for i, r := range f.Regions {
		if r.Name == "" || strings.ContainsAny(r.Name, " \t\n") || names[r.Name] || len(r.Nodes) == 0 {
			return fmt.Errorf("the region %q at place %d: its name must be one word of its own, and it must have nodes", r.Name, i)
		}
		names[r.Name] = true
		for _, node := range r.Nodes {
			if other := of[node]; other != "" {
				return fmt.Errorf("the node %s is in the regions %s and %s: it can be in one", node, other, r.Name)
			}
			of[node] = r.Name
		}
	}
	return f.validateRoundTrips()
}

func (f Regions) validateRoundTrips() error {
	if len(f.RoundTrip) != len(f.Regions) {
		return fmt.Errorf("field RoundTrip has %d rows for %d regions", len(f.RoundTrip), len(f.Regions))
	}
	far := false
	for i, row := range f.RoundTrip {
		if len(row) != len(f.Regions) {
			return fmt.Errorf("row %d of RoundTrip has %d times for %d regions", i, len(row), len(f.Regions))
		}
		for j, took := range row {
			if took < 0 || j < i && took != f.RoundTrip[j][i] {
				return fmt.Errorf("the round trip between %s and %s is %v and back %v: it is the same both ways, and not below zero",
					f.Regions[i].Name, f.Regions[j].Name, took, f.RoundTrip[j][i])
			}
			far = far || took > 0
		}
	}
	if !far {
		return errors.New("every round trip is zero: nothing would be delayed")
	}
	return nil
}

// Applies where each node is in a region, and delays exist.
func (f Regions) Applies(s cluster.System, n cluster.Network) error {
	var placed []string
	for _, r := range f.Regions {
		placed = append(placed, r.Nodes...)
	}
	nodes := s.NodeNames()
	if without := others(nodes, placed); len(without) > 0 {
		return fmt.Errorf("the nodes %s are in no region", strings.Join(without, " "))
	}
	if unknown := others(placed, nodes); len(unknown) > 0 {
		return fmt.Errorf("there are no nodes %s; there are %s", strings.Join(unknown, " "), strings.Join(nodes, " "))
	}
	if n == nil {
		return nil // asked before the cluster runs
	}
	return n.Applies(f.effect(time.Second))
}

// Aim delays each pair of regions by an effect of its own.
func (f Regions) Aim(ctx context.Context, aim Aim) (Act, error) {
	clients, err := f.clients(ctx, aim)
	if err != nil {
		return nil, err
	}
	act := Acts{Label: f.label()}
	add := func(label string, effect link.Effect, targets []string, flows []link.Flow) {
		if len(flows) == 0 {
			return
		}
		effect.Seed = aim.Draw.Uint64()
		act.Parts = append(act.Parts, DistanceAct{NetworkAct{Label: label, Targets: targets, Effect: effect, Flows: flows,
			Engine: engineOf(effect, aim.Runtime, false)}})
	}
	for i, a := range f.Regions {
		for j, b := range f.Regions[i:] {
			took := f.RoundTrip[i][i+j]
			if took == 0 {
				continue
			}
			both, nodes := slices.Concat(a.Nodes, b.Nodes), link.Between(ends(a.Nodes), ends(b.Nodes))
			if j == 0 {
				both, nodes = a.Nodes, within(ends(a.Nodes))
			}
			effect := f.effect(took)
			pair := a.Name + "-" + b.Name
			add(pair, effect, both, nodes)
			effect.Packets = false
			add(pair+" for clients", effect, both, f.clientFlows(clients, i, i+j))
		}
	}
	if len(act.Parts) == 0 {
		return nil, errors.New("no two nodes are apart: only regions of one node have a round trip")
	}
	return act, nil
}

func (f Regions) label() string {
	var places, times []string
	for i, r := range f.Regions {
		places = append(places, strings.Join(r.Nodes, " "))
		for j := range f.Regions[i:] {
			if took := f.RoundTrip[i][i+j]; took > 0 {
				times = append(times, fmt.Sprintf("%s-%s %v", r.Name, f.Regions[i+j].Name, took))
			}
		}
	}
	text := fmt.Sprintf("regions %s, round trips %s", strings.Join(places, " | "), strings.Join(times, ", "))
	if f.Jitter > 0 {
		text += fmt.Sprintf(" ± %v", f.Jitter)
	}
	return text
}

func ends(names []string) []link.End {
	all := make([]link.End, len(names))
	for i, name := range names {
		all[i] = link.End(name)
	}
	return all
}

// within are the flows between any two of the ends.
func within(all []link.End) []link.Flow {
	var flows []link.Flow
	for i := range all {
		flows = append(flows, link.Between(all[i:i+1], all[i+1:])...)
	}
	return flows
}

// clients are the client groups of each region.
func (f Regions) clients(ctx context.Context, aim Aim) ([][]link.End, error) {
	in := make([][]link.End, len(f.Regions))
	for _, g := range aim.Groups {
		node, is := g.Beside.IsNode()
		if g.Beside == Leader {
			leader, err := aim.Leader(ctx)
			if err != nil {
				return nil, fmt.Errorf("find the leader, which the client group %s sits beside: %w", g.Name, err)
			}
			node, is = leader, true
		}
		if !is {
			continue // in the open, or with the larger side of a cut, and this is none
		}
		for i, r := range f.Regions {
			if slices.Contains(r.Nodes, node) {
				in[i] = append(in[i], g.Name)
			}
		}
	}
	return in, nil
}

// clientFlows are between the clients of either region and the nodes of the other.
func (f Regions) clientFlows(clients [][]link.End, i, j int) []link.Flow {
	flows := link.Between(clients[i], ends(f.Regions[j].Nodes))
	if i != j {
		flows = append(flows, link.Between(clients[j], ends(f.Regions[i].Nodes))...)
	}
	return flows
}

// DistanceAct delays what passes between two regions.
type DistanceAct struct{ NetworkAct }

// Bit measures the delay along the first flow by a probe. Where another fault lets
// none arrive, the counters tell.
func (a DistanceAct) Bit(ctx context.Context, c cluster.Cluster, id string) (bool, string, error) {
	flow, effect := a.Flows[0], a.Effect
	took, err := c.Network().Probe(ctx, flow, probeTimeout+effect.Latency+effect.Jitter)
	switch {
	case err == nil:
		return took >= effect.Latency-effect.Jitter, fmt.Sprintf("a probe along %v took %v", flow, took.Round(100*time.Microsecond)), nil
	case !errors.Is(err, cluster.ErrNoArrival):
		return false, "", fmt.Errorf("probe %v: %w", flow, err)
	}
	count, err := c.Network().Count(ctx, id)
	if err != nil {
		return false, "", fmt.Errorf("read the counters of %s: %w", a.Label, err)
	}
	return count.Packets > 0, fmt.Sprintf("no probe along %v arrived; %v", flow, count), nil
}

func init() {
	Register(Entry{Kind: KindNetwork, About: "puts distance between groups of nodes: a round-trip time for each pair",
		Example: Regions{
			Regions:   []Region{{"near", []string{"n1", "n2"}}, {"far", []string{"n3"}}},
			RoundTrip: [][]time.Duration{{0, 80 * time.Millisecond}, {80 * time.Millisecond, 0}},
			Jitter:    10 * time.Millisecond,
		}})
}
