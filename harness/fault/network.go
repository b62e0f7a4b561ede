package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
)

// networkFault is a fault that puts one effect on flows. Its effect is asked when
// a run is planned: a plan that holds one on streams has its links redirected
// before the system starts.
type networkFault interface {
	Fault
	effect() link.Effect
	// words say it without its target, for instance "latency 60ms ± 40ms".
	words() string
}

// networkApplies says why the effect of a fault does not exist on the links that
// it is aimed at.
func networkApplies(f networkFault, s cluster.System, n cluster.Network) error {
	effect := f.effect()
	if f.At().ofClients() {
		if packetsOnly(effect) {
			return fmt.Errorf("%s does not apply to the links of clients: they are byte streams, without packets of their own", f.FaultName())
		}
		return nil // a client's link always runs through a gate, which knows every other effect
	}
	if len(s.NodeNames()) < 2 {
		return fmt.Errorf("%s has one node, so there is no link between nodes to cut", s.SystemName())
	}
	if only, is := f.(Only); is && only.Port != "" {
		if _, err := portNumber(only.Port, s.Ports()); err != nil {
			return err
		}
	}
	if n == nil {
		return nil // asked before the cluster runs
	}
	return n.Applies(effect)
}

// aimNetwork resolves the target of a fault on the network to flows.
func aimNetwork(ctx context.Context, aim Aim, f networkFault) (Act, error) {
	effect := f.effect()
	if packetsOnly(effect) {
		aim.Groups = nil // no effect on the clients beside a node
	}
	c, err := f.At().cut(ctx, aim)
	if err != nil {
		return nil, err
	}
	only, _ := f.(Only)
	if only.Port != "" && aim.System != nil {
		if effect.Port, err = portNumber(only.Port, aim.System.Ports()); err != nil {
			return nil, err
		}
	}
	if draws(effect) {
		effect.Seed = aim.Draw.Uint64()
	}
	act := NetworkAct{Effect: effect, Targets: c.on, Flows: c.both(), Engine: engineOf(effect, aim.Runtime, f.At().ofClients())}
	between := " | "
	switch only.Direction {
	case Outbound:
		between, act.Flows = " > ", c.oneWay(false)
	case Inbound:
		between, act.Flows = " < ", c.oneWay(true)
	}
	act.Label = f.words() + " " + c.text(between) + only.narrows()
	return act, nil
}

// NeedsStreams reports whether the fault works on byte streams between nodes, so
// that their links must go through a proxy; those of clients always do.
func NeedsStreams(f Fault) bool {
	switch f := f.(type) {
	case Regions:
		return !f.Packets
	case networkFault:
		return f.effect().Stream() && !f.At().ofClients()
	}
	return false
}

// packetsOnly reports whether an effect is one on packets that byte streams know
// nothing of, and so does not exist on the links of clients.
func packetsOnly(e link.Effect) bool { return e.Queued() || e.Transport == link.UDP }

// draws reports whether an effect falls on traffic as chance has it.
func draws(e link.Effect) bool { return e.Probability > 0 || e.Action == link.Delay }

// engineOf names what does an effect, and whether its draws come from the seed.
func engineOf(e link.Effect, runtime string, clients bool) string {
	name := "nftables"
	switch {
	case e.Queued():
		name = "queue"
	case e.Stream() || clients || runtime == "process":
		name = "streams"
	}
	if e.Probability > 0 || e.Jitter > 0 {
		name += ", seeded"
	}
	return name
}

// NetworkAct puts one effect on some flows.
type NetworkAct struct {
	Label   string
	Targets []string
	Effect  link.Effect
	Flows   []link.Flow
	// Engine is what enforces the effect: "nftables", "streams" or "queue".
	Engine string
}

// Text is one line for people.
func (a NetworkAct) Text() string { return a.Label }

// Nodes are the targets.
func (a NetworkAct) Nodes() []string { return a.Targets }

// EngineName is what enforces the effect.
func (a NetworkAct) EngineName() string { return a.Engine }

// Inject switches the effect on at both ends of every flow.
func (a NetworkAct) Inject(ctx context.Context, c cluster.Cluster, id string) error {
	return c.Network().Apply(ctx, id, a.Effect, a.Flows)
}

// probeTimeout bounds a probe of a link; a link that answers does so in far less.
const probeTimeout = 250 * time.Millisecond

// Bit reads the counters at the places that enforce the effect; where no traffic
// of the nodes met it, a probe along the first flow must be stopped or delayed.
// What a single probe can't tell is proven by the counters alone.
func (a NetworkAct) Bit(ctx context.Context, c cluster.Cluster, id string) (bool, string, error) {
	count, err := c.Network().Count(ctx, id)
	if err != nil {
		return false, "", fmt.Errorf("read the counters of %s: %w", a.Label, err)
	}
	if count.Packets > 0 {
		return true, count.String(), nil
	}
	if !a.probed() {
		return false, "no traffic met it", nil
	}
	bit, proof, err := a.probe(ctx, c)
	if err == nil && !bit {
		proof = "no traffic, and " + proof
	}
	return bit, proof, err
}

// probed reports whether a probe can tell if the effect is there: one that cuts
// or delays all that passes. A probe is too short to be throttled or cut into
// pieces, its end is not waited for, what falls on a share of all packets may miss
// it, and it has a port of its own.
func (a NetworkAct) probed() bool {
	switch a.Effect.Action {
	case link.Drop, link.Refuse, link.HoldBack, link.Delay:
		return a.Effect.Port == 0 && a.Effect.Transport == ""
	}
	return false
}

// probe sends a few bytes along the first flow.
func (a NetworkAct) probe(ctx context.Context, c cluster.Cluster) (bool, string, error) {
	timeout := probeTimeout + a.Effect.Latency + a.Effect.Jitter
	took, err := c.Network().Probe(ctx, a.Flows[0], timeout)
	delays := a.Effect.Action == link.Delay
	switch {
	case err != nil && !errors.Is(err, cluster.ErrNoArrival):
		return false, "", fmt.Errorf("probe %v: %w", a.Flows[0], err)
	case err != nil && delays:
		return false, fmt.Sprintf("a probe along %v did not arrive at all", a.Flows[0]), nil
	case err != nil:
		return true, fmt.Sprintf("a probe along %v found the link dead", a.Flows[0]), nil
	case delays && took >= a.Effect.Latency-a.Effect.Jitter:
		return true, fmt.Sprintf("a probe along %v took %v", a.Flows[0], took.Round(time.Millisecond)), nil
	}
	return false, fmt.Sprintf("a probe along %v got through in %v", a.Flows[0], took), nil
}

// Undo takes the effect away.
func (a NetworkAct) Undo(ctx context.Context, c cluster.Cluster, id string) error {
	return c.Network().Undo(ctx, id)
}

// Undone asks the places that enforce effects whether they still know this one.
func (a NetworkAct) Undone(ctx context.Context, c cluster.Cluster, id string) error {
	active, err := c.Network().Active(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(active, id) {
		return errors.New("the effect is still in force")
	}
	return nil
}
