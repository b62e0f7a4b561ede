package fault

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"sort"
	"time"
)

// Step is one fault of a plan.
type Step struct {
	// Number is the step's place in the plan, from 1.
	Number int
	// At is when it is injected, since the load began; For is how long it lasts.
	At, For time.Duration
	Fault   Fault
	// Func is set instead of Fault for a schedule that is code.
	Func Func `json:"-"`
	// Mix marks a fault of a random mix, which need not bite by itself.
	Mix bool
	// swizzle and rolling mark the steps of a Swizzle and of a Rolling.
	swizzle, rolling bool
	// chain tells the mixes and rolling faults of a plan apart, above 0: within one, a
	// step waits until those of earlier places are healed; with overlap, until
	// those of the place before it are being healed.
	chain, place int
	overlap      bool
	// Draw is the seed of the step's own random stream.
	Draw uint64
	// Text says what is done, with what the seed decides filled in.
	Text string
	// Engine is what does it, where that is known.
	Engine string
}

// Stream returns the random stream of that name. Streams of one seed are
// independent, so adding a client does not move the faults.
func Stream(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

type planner struct {
	random *rand.Rand
	world  World
	chains int
	steps  []Step
}

func (p *planner) add(s Step) {
	s.Draw = p.random.Uint64()
	p.steps = append(p.steps, s)
}

// aim is the step's aim on a running cluster, or for a plan without one.
func (s Step) aim(w World, leader func(context.Context) (string, error)) Aim {
	return Aim{World: w, Draw: rand.New(rand.NewPCG(s.Draw, 1)), Leader: leader}
}

var errNotRunning = errors.New("known when the cluster runs")

// Plan draws the steps of a schedule, ordered by time. The same seed, schedule,
// world and duration give the same plan.
func Plan(s Schedule, seed uint64, w World, duration time.Duration) []Step {
	if s == nil {
		return nil
	}
	p := &planner{random: Stream(seed, "faults"), world: w}
	s.draw(p, 0, duration)
	sort.SliceStable(p.steps, func(i, j int) bool { return p.steps[i].At < p.steps[j].At })
	for i := range p.steps {
		p.steps[i].Number = i + 1
		p.steps[i].Text = p.steps[i].describe(w)
		if p.steps[i].Fault != nil && w.Runtime != "" {
			p.steps[i].Engine = Engine(p.steps[i].Fault, w.Runtime)
		}
	}
	return p.steps
}

// Aimed says what a fault is aimed at, before it is known which nodes that means:
// "kill of the leader".
func Aimed(f Fault) string { return f.FaultName() + " of " + f.At().where() }

// describe says what the step will do, as far as that is known before the run.
func (s Step) describe(w World) string {
	if s.Fault == nil {
		return s.Func.Name + " (code)"
	}
	unknown := func(context.Context) (string, error) { return "", errNotRunning }
	act, err := s.Fault.Aim(context.Background(), s.aim(w, unknown))
	if err != nil {
		return Aimed(s.Fault)
	}
	return act.Text()
}

// PlanNeedsStreams reports whether a step works on byte streams, so links
// between nodes must go through a proxy. Code may do anything: it counts as yes
// only where the schedule says so by another step.
func PlanNeedsStreams(steps []Step) bool {
	for _, s := range steps {
		if s.Fault != nil && NeedsStreams(s.Fault) {
			return true
		}
	}
	return false
}
