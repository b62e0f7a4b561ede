package fault

import (
	"context"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
)

// BlackHole swallows every packet between the target and the other nodes, of
// established connections too. Nobody is told.
type BlackHole struct{ Target }

// Reset answers every packet between the target and the other nodes with a
// reset: established connections break, new ones are refused, both ends know.
type Reset struct{ Target }

// Hold keeps every byte between the target and the other nodes, and delivers
// all of them in order when it ends.
type Hold struct{ Target }

// FaultName is "black-hole".
func (BlackHole) FaultName() string { return "black-hole" }

// FaultName is "reset".
func (Reset) FaultName() string { return "reset" }

// FaultName is "hold".
func (Hold) FaultName() string { return "hold" }

func (BlackHole) words() string { return "black hole" }
func (Reset) words() string     { return "reset" }
func (Hold) words() string      { return "hold" }

func (BlackHole) effect() link.Effect { return link.Effect{Action: link.Drop} }
func (Reset) effect() link.Effect     { return link.Effect{Action: link.Refuse} }
func (Hold) effect() link.Effect      { return link.Effect{Action: link.HoldBack} }

// Applies needs a second node.
func (f BlackHole) Applies(s cluster.System, n cluster.Network) error { return networkApplies(f, s, n) }

// Applies needs a second node.
func (f Reset) Applies(s cluster.System, n cluster.Network) error { return networkApplies(f, s, n) }

// Applies needs a second node.
func (f Hold) Applies(s cluster.System, n cluster.Network) error { return networkApplies(f, s, n) }

// Aim cuts the target from every other node, both ways.
func (f BlackHole) Aim(ctx context.Context, aim Aim) (Act, error) { return aimNetwork(ctx, aim, f) }

// Aim resets the links from the target to every other node.
func (f Reset) Aim(ctx context.Context, aim Aim) (Act, error) { return aimNetwork(ctx, aim, f) }

// Aim holds the links from the target to every other node, both ways.
func (f Hold) Aim(ctx context.Context, aim Aim) (Act, error) { return aimNetwork(ctx, aim, f) }

func init() {
	Register(
		Entry{Kind: KindNetwork, Example: BlackHole{Target: Leader},
			About: "swallows every packet, of established connections too; nobody is told",
			More:  []Fault{BlackHole{Target: Minority}, BlackHole{Target: Halves}, BlackHole{Target: Ring}, BlackHole{Target: Bridge}, BlackHole{Target: EveryClient}}},
		Entry{Kind: KindNetwork, Example: Reset{Target: Minority},
			About: "answers every packet with a reset: connections break at once, new ones are refused",
			More:  []Fault{Reset{Target: Bridge}, Reset{Target: EveryClient}}},
		Entry{Kind: KindNetwork, Example: Hold{Target: Random},
			About: "keeps every byte, and delivers all of them in order when it ends",
			More:  []Fault{Hold{Target: Halves}}},
	)
}
