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

// BlackHole swallows every packet between the target and the other nodes, of
// established connections too. Nobody is told.
type BlackHole struct{ Target Target }

// OneWay cuts only what the target sends to the other nodes, or with Inbound only
// what they send to it. Action is link.Drop (the default), link.Refuse or
// link.HoldBack.
type OneWay struct {
	Target  Target
	Inbound bool
	Action  link.Action `json:",omitempty"`
}

// Reset answers every packet between the target and the other nodes with a
// reset: established connections break, new ones are refused, both ends know.
type Reset struct{ Target Target }

// Hold keeps every byte between the target and the other nodes, and delivers
// all of them in order when it ends.
type Hold struct{ Target Target }

// Latency delays every byte between the target and the other nodes by
// Latency ± a uniform draw of up to Jitter, each way.
type Latency struct {
	Target  Target
	Latency time.Duration
	Jitter  time.Duration
}

// FaultName is "black-hole".
func (BlackHole) FaultName() string { return "black-hole" }

// FaultName is "one-way".
func (OneWay) FaultName() string { return "one-way" }

// FaultName is "reset".
func (Reset) FaultName() string { return "reset" }

// FaultName is "hold".
func (Hold) FaultName() string { return "hold" }

// FaultName is "latency".
func (Latency) FaultName() string { return "latency" }

// At is the target.
func (f BlackHole) At() Target { return f.Target }

// At is the target.
func (f OneWay) At() Target { return f.Target }

// At is the target.
func (f Reset) At() Target { return f.Target }

// At is the target.
func (f Hold) At() Target { return f.Target }

// At is the target.
func (f Latency) At() Target { return f.Target }

func (BlackHole) effect() link.Effect { return link.Effect{Action: link.Drop} }
func (f OneWay) effect() link.Effect {
	if f.Action == "" {
		return link.Effect{Action: link.Drop}
	}
	return link.Effect{Action: f.Action}
}
func (Reset) effect() link.Effect { return link.Effect{Action: link.Refuse} }
func (Hold) effect() link.Effect  { return link.Effect{Action: link.HoldBack} }
func (f Latency) effect() link.Effect {
	return link.Effect{Action: link.Delay, Latency: f.Latency, Jitter: f.Jitter}
}

// Applies needs a second node.
func (f BlackHole) Applies(s cluster.System, n cluster.Network) error { return cutApplies(f, s, n) }

// Applies needs a second node, and an action that has a direction.
func (f OneWay) Applies(s cluster.System, n cluster.Network) error {
	switch f.effect().Action {
	case link.Drop, link.Refuse, link.HoldBack:
		return cutApplies(f, s, n)
	}
	return fmt.Errorf("one way: the action %q is none of drop, refuse, hold", f.Action)
}

// Applies needs a second node.
func (f Reset) Applies(s cluster.System, n cluster.Network) error { return cutApplies(f, s, n) }

// Applies needs a second node.
func (f Hold) Applies(s cluster.System, n cluster.Network) error { return cutApplies(f, s, n) }

// Applies needs a second node and a latency.
func (f Latency) Applies(s cluster.System, n cluster.Network) error {
	if f.Latency <= 0 || f.Jitter < 0 || f.Jitter > f.Latency {
		return fmt.Errorf("latency %v with jitter %v: the latency must be above zero, and the jitter between zero and the latency", f.Latency, f.Jitter)
	}
	return cutApplies(f, s, n)
}

func cutApplies(f networkFault, s cluster.System, n cluster.Network) error {
	if strings.HasPrefix(string(f.At()), groupPrefix) {
		return nil // a client's link always runs through a gate, which knows every action
	}
	if len(s.NodeNames()) < 2 {
		return fmt.Errorf("%s has one node, so there is no link between nodes to cut", s.SystemName())
	}
	if n == nil {
		return nil // asked before the cluster runs
	}
	return n.Applies(f.effect())
}

// Aim cuts the target from every other node, both ways.
func (f BlackHole) Aim(ctx context.Context, aim Aim) (Act, error) {
	return aimCut(ctx, aim, f.Target, "black hole", f.effect())
}

// Aim cuts one direction.
func (f OneWay) Aim(ctx context.Context, aim Aim) (Act, error) {
	c, err := f.Target.cut(ctx, aim)
	if err != nil {
		return nil, err
	}
	arrow, word := " > ", map[link.Action]string{link.Drop: "swallowed", link.Refuse: "refused", link.HoldBack: "held"}[f.effect().Action]
	if f.Inbound {
		arrow = " < "
	}
	return NetworkAct{Effect: f.effect(), Targets: c.on, Flows: c.oneWay(f.Inbound),
		Label: fmt.Sprintf("one way %s %s", c.text(arrow), word)}, nil
}

// Aim resets the links from the target to every other node.
func (f Reset) Aim(ctx context.Context, aim Aim) (Act, error) {
	return aimCut(ctx, aim, f.Target, "reset", f.effect())
}

// Aim holds the links from the target to every other node, both ways.
func (f Hold) Aim(ctx context.Context, aim Aim) (Act, error) {
	return aimCut(ctx, aim, f.Target, "hold", f.effect())
}

// Aim delays the links from the target to every other node, both ways.
func (f Latency) Aim(ctx context.Context, aim Aim) (Act, error) {
	effect := f.effect()
	effect.Seed = aim.Draw.Uint64()
	return aimCut(ctx, aim, f.Target, fmt.Sprintf("latency %v ± %v", f.Latency, f.Jitter), effect)
}

func aimCut(ctx context.Context, aim Aim, target Target, word string, effect link.Effect) (Act, error) {
	c, err := target.cut(ctx, aim)
	if err != nil {
		return nil, err
	}
	return NetworkAct{Effect: effect, Targets: c.on, Flows: c.both(), Label: word + " " + c.text(" | ")}, nil
}

// NetworkAct puts one effect on some flows.
type NetworkAct struct {
	Label   string
	Targets []string
	Effect  link.Effect
	Flows   []link.Flow
}

// Text is one line for people.
func (a NetworkAct) Text() string { return a.Label }

// Nodes are the targets.
func (a NetworkAct) Nodes() []string { return a.Targets }

// Inject switches the effect on at both ends of every flow.
func (a NetworkAct) Inject(ctx context.Context, c cluster.Cluster, id string) error {
	return c.Network().Apply(ctx, id, a.Effect, a.Flows)
}

// probeTimeout bounds a probe of a link; a link that answers does so in far less.
const probeTimeout = 250 * time.Millisecond

// Bit reads the counters at the places that enforce the effect; where no traffic
// of the nodes met it, a probe along the first flow must be stopped or delayed.
// What only shapes a stream is proven by the counters alone.
func (a NetworkAct) Bit(ctx context.Context, c cluster.Cluster, id string) (bool, string, error) {
	count, err := c.Network().Count(ctx, id)
	if err != nil {
		return false, "", fmt.Errorf("read the counters of %s: %w", a.Label, err)
	}
	if count.Packets > 0 {
		return true, count.String(), nil
	}
	switch a.Effect.Action {
	case link.Throttle, link.SlowClose, link.Slice:
		// A probe is too short to be throttled or cut, and its end is not waited for.
		return false, "no traffic met it", nil
	}
	timeout := probeTimeout + a.Effect.Latency + a.Effect.Jitter
	took, err := c.Network().Probe(ctx, a.Flows[0], timeout)
	delays := a.Effect.Action == link.Delay
	switch {
	case err != nil && !errors.Is(err, cluster.ErrNoArrival):
		return false, "", fmt.Errorf("probe %v: %w", a.Flows[0], err)
	case err != nil && delays:
		return false, fmt.Sprintf("no traffic, and a probe along %v did not arrive at all", a.Flows[0]), nil
	case err != nil:
		return true, fmt.Sprintf("a probe along %v found the link dead", a.Flows[0]), nil
	case delays && took >= a.Effect.Latency-a.Effect.Jitter:
		return true, fmt.Sprintf("a probe along %v took %v", a.Flows[0], took.Round(time.Millisecond)), nil
	}
	return false, fmt.Sprintf("no traffic, and a probe along %v got through in %v", a.Flows[0], took), nil
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
