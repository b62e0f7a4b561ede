package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/named"
)

// CPUNoise is a noisy neighbour: it takes the processors away from the target for
// Share of the time (0.5 is half of it), once in each Period (default 1 s) for a
// time drawn from the seed, between half and one and a half times its share. The
// target is left a hundredth of a processor then. Nothing else on the machine is
// loaded.
type CPUNoise struct {
	Target
	Share  float64
	Period time.Duration `json:",omitempty"`
}

// leastNoise is the shortest period: to change a quota takes the engine some ten
// milliseconds, and more on a machine that is busy.
const leastNoise = 500 * time.Millisecond

// FaultName is "cpu-noise".
func (CPUNoise) FaultName() string { return "cpu-noise" }

// Validate names what is wrong with the parameters.
func (f CPUNoise) Validate() error {
	switch {
	case !(f.Share > 0 && f.Share <= 0.9):
		return fmt.Errorf("cpu noise: Share is %v: it must be above zero and at most 0.9", f.Share)
	case f.Period != 0 && f.Period < leastNoise:
		return fmt.Errorf("cpu noise: Period is %v: it must be at least %v", f.Period, leastNoise)
	}
	return nil
}

// Applies everywhere.
func (CPUNoise) Applies(cluster.System, cluster.Network) error { return nil }

// AppliesAt says that only pods have control groups of their own.
func (CPUNoise) AppliesAt(w World) error { return needsPods(w) }

// Engine is the kernel's control groups.
func (CPUNoise) Engine(string) string { return "control group, seeded" }

// Aim resolves the target and draws the seed of the noise.
func (f CPUNoise) Aim(ctx context.Context, aim Aim) (Act, error) {
	nodes, err := f.Target.pick(ctx, aim)
	act := NoiseAct{Limited: LimitAct{Label: fmt.Sprintf("cpu noise %v", f.Share), Targets: nodes, Limits: cluster.Limits{CPUs: leastCPUs}},
		Share: f.Share, Period: f.Period, Seed: aim.Draw.Uint64()}
	if act.Period == 0 {
		act.Period = time.Second
	}
	return act, err
}

// NoiseAct limits some nodes again and again.
type NoiseAct struct {
	Limited LimitAct
	Share   float64
	Period  time.Duration
	Seed    uint64
}

// Text is one line for people.
func (a NoiseAct) Text() string { return a.Limited.Text() }

// Nodes are the targets.
func (a NoiseAct) Nodes() []string { return a.Limited.Targets }

// Prepare notes what there was.
func (a NoiseAct) Prepare(ctx context.Context, c cluster.Cluster, id string) (Act, error) {
	limited, err := a.Limited.Prepare(ctx, c, id)
	a.Limited = limited.(LimitAct)
	return a, err
}

// Inject does nothing yet.
func (a NoiseAct) Inject(context.Context, cluster.Cluster, string) error { return nil }

// Go makes the noise.
func (a NoiseAct) Go(ctx context.Context, c cluster.Cluster, id string, did func(string)) error {
	return each(a.Nodes(), func(node string) error {
		// A stream of its own for each node, so that none moves another's.
		draw := Stream(a.Seed, "noise "+node)
		begin := time.Now()
		for ctx.Err() == nil {
			from, length := a.burst(draw)
			if !waitUntil(ctx, begin.Add(from)) {
				return nil
			}
			on, off := a.Limited, a.Limited
			on.Targets, off.Targets = []string{node}, []string{node}
			if err := whole(ctx, func(ctx context.Context) error { return on.Inject(ctx, c, id) }); err != nil {
				return err
			}
			did("took the processors of " + node)
			waitUntil(ctx, begin.Add(from+length))
			if err := whole(ctx, func(ctx context.Context) error { return off.Undo(ctx, c, id) }); err != nil {
				return err
			}
			begin = later(begin.Add(a.Period), time.Now())
		}
		return nil
	})
}

// burst is a time within a period.
func (a NoiseAct) burst(draw *rand.Rand) (from, length time.Duration) {
	share := min(0.95, a.Share*(0.5+draw.Float64()))
	length = time.Duration(share * float64(a.Period))
	return time.Duration(draw.Float64() * float64(a.Period-length)), length
}

// later is the later one: on a machine that is too slow for its periods they move.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Bit reads the kernel's counters.
func (a NoiseAct) Bit(ctx context.Context, c cluster.Cluster, id string) (bool, string, error) {
	return a.Limited.Bit(ctx, c, id)
}

// Counted reads the same counters.
func (a NoiseAct) Counted(ctx context.Context, c cluster.Cluster, id string) (string, error) {
	return a.Limited.Counted(ctx, c, id)
}

// Undo takes the quota away.
func (a NoiseAct) Undo(ctx context.Context, c cluster.Cluster, id string) error {
	return a.Limited.Undo(ctx, c, id)
}

// Undone compares the limits with those before.
func (a NoiseAct) Undone(ctx context.Context, c cluster.Cluster, id string) error {
	return a.Limited.Undone(ctx, c, id)
}

func init() {
	named.Register(NoiseAct{})
	Register(Entry{Kind: KindResource, Example: CPUNoise{Target: Random, Share: 0.6, Period: 500 * time.Millisecond},
		About: "takes the processor away for a Share of each Period, at moments of the seed, as a noisy neighbour does"})
}
