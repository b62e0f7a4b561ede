package fault

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/seatrial/seatrial/harness/cluster"
)

// walk visits a schedule and every schedule in it.
func walk(s Schedule, visit func(Schedule)) {
	visit(s)
	switch s := s.(type) {
	case Every:
		walk(s.Do, visit)
	case After:
		walk(s.Do, visit)
	case Together:
		for _, one := range s {
			walk(one, visit)
		}
	}
}

// faultsOf lists every fault that a schedule itself may inject, and whether by
// chance, as one of a mix.
func faultsOf(s Schedule) (faults []Fault, mix bool) {
	switch s := s.(type) {
	case For:
		return []Fault{s.Fault}, false
	case Swizzle:
		return []Fault{s.fault(Random)}, false
	case Rolling:
		f, _ := aimedAt(s.Fault, Random)
		return []Fault{f}, false
	case Mix:
		for _, f := range s.Faults {
			if heavy, is := f.(Weighted); is {
				f = heavy.Fault
			}
			faults = append(faults, f)
		}
		return faults, true
	}
	return nil, false
}

// Check says what is wrong with a schedule for a system, before anything starts.
func Check(s Schedule, system cluster.System, w World) error {
	if s == nil {
		return nil
	}
	if err := s.check(); err != nil {
		return err
	}
	w.System = system
	var first error
	walk(s, func(s Schedule) {
		if first == nil {
			first = w.check(s)
		}
	})
	return first
}

// check looks at the faults of a schedule itself. Of a mix only mistakes are
// errors, unless nothing of it is left.
func (w World) check(s Schedule) error {
	faults, mix := faultsOf(s)
	left := 0
	var not error
	for _, f := range faults {
		if err := w.mistake(f); err != nil {
			return err
		}
		switch err := Applies(f, w); {
		case err == nil:
			left++
		case !mix:
			return fmt.Errorf("fault %s does not apply: %w", f.FaultName(), err)
		case not == nil:
			not = fmt.Errorf("%s: %w", f.FaultName(), err)
		}
	}
	if mix && left == 0 {
		return fmt.Errorf("nothing of the mix applies: %w", not)
	}
	return nil
}

// mistake says what is wrong with a fault wherever it is injected.
func (w World) mistake(f Fault) error {
	if err := validate(f); err != nil {
		return err
	}
	if err := f.At().validate(w); err != nil {
		return fmt.Errorf("fault %s: %w", f.FaultName(), err)
	}
	if !onNetwork(f) && f.At().isShape() {
		return fmt.Errorf("fault %s of %s: that is a target for faults on the network", f.FaultName(), f.At().where())
	}
	return nil
}

// Applies says why a fault does not exist for the world's system on its runtime,
// as far as its Network knows: before a cluster runs, or of one that does.
func Applies(f Fault, w World) error {
	if err := f.At().fits(w); err != nil {
		return err
	}
	if w.System == nil {
		return nil
	}
	return f.Applies(w.System, w.Network)
}

// LeftOut is a fault of a mix that is never drawn.
type LeftOut struct{ Fault, Reason string }

// Omissions lists what the mixes of a schedule leave out.
func Omissions(s Schedule, w World) []LeftOut {
	var all []LeftOut
	if s == nil {
		return nil
	}
	walk(s, func(s Schedule) {
		faults, mix := faultsOf(s)
		for _, f := range faults {
			if !mix {
				continue
			}
			if err := Applies(f, w); err != nil {
				all = append(all, LeftOut{Aimed(f), err.Error()})
			}
		}
	})
	return all
}

// Never lists what of a schedule has no step in the plan drawn from it: named
// faults that come too late, and mixes that have no time for a single fault.
func Never(s Schedule, steps []Step) []string {
	var never []string
	if s == nil {
		return nil
	}
	walk(s, func(s Schedule) {
		if !slices.ContainsFunc(steps, func(step Step) bool { return isOf(step, s) }) {
			never = append(never, missing(s)...)
		}
	})
	return never
}

// isOf reports whether a step may be of the schedule itself.
func isOf(step Step, s Schedule) bool {
	switch s := s.(type) {
	case For:
		return !step.Mix && reflect.DeepEqual(step.Fault, s.Fault)
	case Swizzle:
		return step.swizzle
	case Rolling:
		if !step.rolling {
			return false
		}
		f, _ := aimedAt(step.Fault, "")
		return reflect.DeepEqual(f, s.Fault)
	case Mix:
		faults, _ := faultsOf(s)
		return step.Mix && slices.ContainsFunc(faults, func(f Fault) bool { return reflect.DeepEqual(step.Fault, f) })
	case Func:
		return step.Fault == nil && step.Func.Name == s.Name
	}
	return true
}

// missing says what it is that never comes.
func missing(s Schedule) []string {
	switch s := s.(type) {
	case For:
		return []string{Aimed(s.Fault)}
	case Swizzle:
		return []string{"swizzle"}
	case Rolling:
		return []string{"rolling " + s.Fault.FaultName()}
	case Mix:
		return []string{"any of the mix"}
	case Func:
		return []string{s.Name}
	}
	return nil
}
