package fault

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/named"
)

// Schedule says when faults are injected and healed. It is drawn into steps
// before the run, so a plan can be read without running it.
type Schedule interface {
	// draw adds the schedule's steps within [from, until) of the run.
	draw(p *planner, from, until time.Duration)
	// check says what is wrong with the schedule's parameters.
	check() error
}

// For injects a fault at once and heals it after Duration.
type For struct {
	Duration time.Duration
	Fault    Fault
}

// Every repeats a schedule, for the first time after one Period.
type Every struct {
	Period time.Duration
	Do     Schedule
}

// After begins a schedule later.
type After struct {
	Delay time.Duration
	Do    Schedule
}

// Together runs schedules side by side.
type Together []Schedule

// Swizzle isolates the members one by one, in an order drawn from the seed, one a
// Step, until each is cut off from every other node, and then heals them in
// another order, one a Step. The order in which links come back has found what no
// single cut does. Action is link.Drop (the default), link.Refuse or link.HoldBack.
type Swizzle struct {
	Step   time.Duration
	Action link.Action `json:",omitempty"`
}

// fault isolates a target as the swizzle says.
func (s Swizzle) fault(t Target) Fault {
	switch s.Action {
	case link.Refuse:
		return Reset{Target: t}
	case link.HoldBack:
		return Hold{Target: t}
	}
	return BlackHole{Target: t}
}

func (s Swizzle) draw(p *planner, from, until time.Duration) {
	members := p.world.members()
	cut, heal := p.random.Perm(len(members)), p.random.Perm(len(members))
	if from+2*time.Duration(len(members))*s.Step > until {
		return
	}
	for place, member := range cut {
		at := from + time.Duration(place)*s.Step
		end := from + time.Duration(len(members)+slices.Index(heal, member))*s.Step + s.Step
		p.add(Step{At: at, For: end - at, Fault: s.fault(Node(members[member])), swizzle: true})
	}
}

func (s Swizzle) check() error {
	switch {
	case s.Step <= 0:
		return fmt.Errorf("fault.Swizzle: Step is %v: say how long it takes from one node to the next", s.Step)
	case s.Action != "" && s.Action != link.Drop && s.Action != link.Refuse && s.Action != link.HoldBack:
		return fmt.Errorf("fault.Swizzle: the action %q is none of drop, refuse, hold", s.Action)
	}
	return nil
}

// Func is code for what no schedule can say. It begins with the load and must
// end by itself when its context ends. A plan shows it by its name, and can't
// read it back.
type Func struct {
	Name string
	Do   func(ctx context.Context, in *Injector) error
}

// Describe is shown in the plan.
func (f Func) Describe() string { return f.Name }

func (s For) draw(p *planner, from, until time.Duration) {
	if from < until {
		p.add(Step{At: from, For: min(s.Duration, until-from), Fault: s.Fault})
	}
}

func (s Every) draw(p *planner, from, until time.Duration) {
	for at := from + s.Period; at < until; at += s.Period {
		s.Do.draw(p, at, min(at+s.Period, until))
	}
}

func (s After) draw(p *planner, from, until time.Duration) { s.Do.draw(p, from+s.Delay, until) }

func (s Together) draw(p *planner, from, until time.Duration) {
	for _, one := range s {
		one.draw(p, from, until)
	}
}

func (s Func) draw(p *planner, from, _ time.Duration) {
	p.add(Step{At: from, Func: s})
}

func (s For) check() error {
	if s.Duration <= 0 {
		return fmt.Errorf("fault.For: Duration is %v: say how long the fault lasts", s.Duration)
	}
	switch s.Fault.(type) {
	case nil:
		return fmt.Errorf("fault.For: no Fault")
	case Weighted:
		return fmt.Errorf("fault.For: a weight counts in a fault.Mix only: leave fault.Weighted out")
	}
	return nil
}

func (s Every) check() error {
	if s.Period <= 0 {
		return fmt.Errorf("fault.Every: Period is %v: it must be above zero", s.Period)
	}
	return checkInner("fault.Every", s.Do)
}

func (s After) check() error {
	if s.Delay < 0 {
		return fmt.Errorf("fault.After: Delay is %v: it can't be below zero", s.Delay)
	}
	return checkInner("fault.After", s.Do)
}

func (s Together) check() error {
	for _, one := range s {
		if err := checkInner("fault.Together", one); err != nil {
			return err
		}
	}
	return nil
}

func (s Func) check() error {
	if s.Name == "" || s.Do == nil {
		return fmt.Errorf("fault.Func: needs a Name, for the plan, and Do")
	}
	return nil
}

func checkInner(outer string, inner Schedule) error {
	if inner == nil {
		return fmt.Errorf("%s: nothing to do: Do is nil", outer)
	}
	return inner.check()
}

func init() {
	named.Register(For{}, Every{}, After{}, Together{}, Swizzle{}, NetworkAct{}, DistanceAct{}, Acts{}, ProcessAct{})
}
