package fault

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
)

// Loss drops packets between the target and the other nodes at random: a share of
// Probability, above 0 and at most 1. With Burst above 1 that many are lost in a
// row on average, and the share stays what it is, at most Burst/(Burst+1).
type Loss struct {
	Target
	Probability float64
	Burst       int
}

// Reorder holds packets between the target and the other nodes back by Delay at
// random, a share of Probability, so that those behind overtake them.
type Reorder struct {
	Target
	Probability float64
	Delay       time.Duration
}

// Duplicate sends packets between the target and the other nodes twice at random,
// a share of Probability.
type Duplicate struct {
	Target
	Probability float64
}

// Corrupt flips a bit in packets between the target and the other nodes at random,
// a share of Probability. Their checksums stay as they were, so the receiver's
// kernel drops them, unless it does not look.
type Corrupt struct {
	Target
	Probability float64
}

// FaultName is "loss".
func (Loss) FaultName() string { return "loss" }

// FaultName is "reorder".
func (Reorder) FaultName() string { return "reorder" }

// FaultName is "duplicate".
func (Duplicate) FaultName() string { return "duplicate" }

// FaultName is "corrupt".
func (Corrupt) FaultName() string { return "corrupt" }

func (f Loss) words() string {
	text := "loss " + percent(f.Probability)
	if f.Burst > 1 {
		text += fmt.Sprintf(" in bursts of %d", f.Burst)
	}
	return text
}
func (f Reorder) words() string {
	return fmt.Sprintf("reorder %s by %v", percent(f.Probability), f.Delay)
}
func (f Duplicate) words() string { return "duplicate " + percent(f.Probability) }
func (f Corrupt) words() string   { return "corrupt " + percent(f.Probability) }

// percent is "2.5%".
func percent(share float64) string { return strconv.FormatFloat(100*share, 'g', 4, 64) + "%" }

func (f Loss) effect() link.Effect {
	return link.Effect{Action: link.Lose, Probability: f.Probability, Burst: f.Burst}
}
func (f Reorder) effect() link.Effect {
	return link.Effect{Action: link.Reorder, Probability: f.Probability, Latency: f.Delay}
}
func (f Duplicate) effect() link.Effect {
	return link.Effect{Action: link.Duplicate, Probability: f.Probability}
}
func (f Corrupt) effect() link.Effect {
	return link.Effect{Action: link.Corrupt, Probability: f.Probability}
}

// Validate wants a share, and a length of bursts that is none of everything.
func (f Loss) Validate() error {
	if most := float64(f.Burst) / float64(f.Burst+1); f.Burst < 0 || f.Burst > 1 && f.Probability > most {
		return fmt.Errorf("loss: Burst is %d with Probability %v: between two bursts a packet passes, so at most %.3g can be lost so; fault.BlackHole loses all", f.Burst, f.Probability, most)
	}
	return validateShare("loss", f.Probability)
}

// Validate wants a share and a delay.
func (f Reorder) Validate() error {
	if f.Delay <= 0 {
		return fmt.Errorf("reorder: Delay is %v: it must be above zero, or nothing is overtaken", f.Delay)
	}
	return validateShare("reorder", f.Probability)
}

// Validate wants a share.
func (f Duplicate) Validate() error { return validateShare("duplicate", f.Probability) }

// Validate wants a share.
func (f Corrupt) Validate() error { return validateShare("corrupt", f.Probability) }

func validateShare(name string, share float64) error {
	if share > 0 && share <= 1 {
		return nil
	}
	return fmt.Errorf("%s: Probability is %v: it must be above 0 and at most 1, for instance 0.05", name, share)
}

// Applies needs a second node, and packets.
func (f Loss) Applies(s cluster.System, n cluster.Network) error { return networkApplies(f, s, n) }

// Applies needs a second node, and packets.
func (f Reorder) Applies(s cluster.System, n cluster.Network) error { return networkApplies(f, s, n) }

// Applies needs a second node, and packets.
func (f Duplicate) Applies(s cluster.System, n cluster.Network) error { return networkApplies(f, s, n) }

// Applies needs a second node, and packets.
func (f Corrupt) Applies(s cluster.System, n cluster.Network) error { return networkApplies(f, s, n) }

// Aim loses packets between the target and every other node, both ways.
func (f Loss) Aim(ctx context.Context, aim Aim) (Act, error) { return aimNetwork(ctx, aim, f) }

// Aim reorders packets between the target and every other node, both ways.
func (f Reorder) Aim(ctx context.Context, aim Aim) (Act, error) { return aimNetwork(ctx, aim, f) }

// Aim doubles packets between the target and every other node, both ways.
func (f Duplicate) Aim(ctx context.Context, aim Aim) (Act, error) { return aimNetwork(ctx, aim, f) }

// Aim corrupts packets between the target and every other node, both ways.
func (f Corrupt) Aim(ctx context.Context, aim Aim) (Act, error) { return aimNetwork(ctx, aim, f) }

func init() {
	Register(
		Entry{Kind: KindNetwork, Example: Loss{Target: Random, Probability: 0.2},
			About: "drops packets at random, alone or in bursts",
			More:  []Fault{Loss{Target: EveryNode, Probability: 0.05, Burst: 8}}},
		Entry{Kind: KindNetwork, Example: Reorder{Target: Random, Probability: 0.2, Delay: 5 * time.Millisecond},
			About: "lets packets at random be overtaken by those behind them"},
		Entry{Kind: KindNetwork, Example: Duplicate{Target: Random, Probability: 0.2},
			About: "sends packets at random twice"},
		Entry{Kind: KindNetwork, Example: Corrupt{Target: Random, Probability: 0.1},
			About: "flips a bit in packets at random; their checksums stay as they were"},
	)
}
