package checkers

import (
	"context"
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// FaultsBit says whether the faults of a run did anything: every named fault
// must have bitten at least once, and of a random mix at least one. A run whose
// faults did nothing proves nothing, so the answer is pass or inconclusive.
type FaultsBit struct{}

// Check reads the fault events of the history.
func (FaultsBit) Check(_ context.Context, evidence Evidence, _ Budget) Result {
	result := Result{Checker: "faults-bit", Method: "fault events"}
	steps, order := faultSteps(evidence.History.Faults)
	if len(order) == 0 {
		result.Summary = "no fault was planned"
		return result
	}
	var missed []string
	bit, mixed, mixBit := 0, 0, 0
	for _, number := range order {
		s := steps[number]
		if s.mix {
			mixed++
		}
		switch {
		case s.bit && s.mix:
			mixBit++
			bit++
		case s.bit:
			bit++
		case !s.mix:
			missed = append(missed, fmt.Sprintf("step %d, %s: %s", number, s.text, s.why))
		}
	}
	result.Figures = map[string]float64{"steps": float64(len(order)), "steps_bit": float64(bit)}
	switch {
	case len(missed) > 0:
		result.Verdict = Inconclusive
		result.Summary = fmt.Sprintf("%d of %d faults did not bite: %s", len(missed), len(order), strings.Join(missed, "; "))
	case mixed > 0 && mixBit == 0:
		result.Verdict = Inconclusive
		result.Summary = fmt.Sprintf("none of the %d faults of the mix bit, so the run proves nothing", mixed)
	default:
		result.Summary = fmt.Sprintf("%d of %d faults bit", bit, len(order))
	}
	return result
}

type faultStep struct {
	text, why string
	mix, bit  bool
}

// faultSteps gathers what happened to each step, in the order of the plan.
func faultSteps(events []history.FaultEvent) (map[int]*faultStep, []int) {
	steps := map[int]*faultStep{}
	var order []int
	for _, e := range events {
		if e.Phase == PhaseCrashed { // no fault of ours
			continue
		}
		s := steps[e.Step]
		if s == nil {
			s = &faultStep{text: e.Fault, why: "it was never injected"}
			steps[e.Step] = s
			order = append(order, e.Step)
		}
		switch e.Phase {
		case "planned":
			s.mix = e.Detail == "mix"
		case "injected":
			s.text, s.why = e.Fault, "it ended before it was asked"
		case "bit":
			s.bit = true
		case "no-bite":
			s.why = e.Detail
		case "failed":
			s.why = e.Detail
		}
	}
	return steps, order
}
