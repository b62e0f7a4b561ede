package checkers

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// RecoveryPoint says how much each fault lost of what was acknowledged: how many
// appends, and how long before the last of them the first was acknowledged. What is
// lost is found as [NothingLost] finds it, by the final reads.
//
// What was acknowledged and lost counts against the first fault that was not yet
// healed then: the one in force, or, as with a crash that loses what had just been
// acknowledged, the next one. What was acknowledged after the last heal counts
// against the last fault.
//
// Without limits the checker only reports: NothingLost says whether anything may be
// lost at all. Where nothing was acknowledged, or not all of it was read at the end,
// or no fault was injected, the answer is inconclusive.
//
// Figures: faults, faults_with_loss, acknowledged, lost, lost_operations_max,
// lost_seconds_max (of one fault), and with samples enough for an interval
// (see [Quantile]) lost_operations_p50, lost_seconds_p50 and p95 with _low and _high.
type RecoveryPoint struct {
	// Within is the longest time from the first to the last lost acknowledgement of a fault
	// that is allowed. Zero: any is.
	Within time.Duration
	// Operations is how many acknowledged appends one fault may lose. Zero: any number.
	Operations int
}

// Check implements [Checker].
func (c RecoveryPoint) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	began := time.Now()
	result := Result{Checker: "recovery-point", Method: "scan"}
	if err := Sound(evidence.History); err != nil {
		result.Verdict, result.Summary = Error, err.Error()
	} else if losses, err := reckonLosses(ctx, evidence.History, began.Add(budget.WithDefaults().Time)); err != nil {
		result.Verdict, result.Summary = Inconclusive, err.Error()
	} else {
		c.judge(losses, &result)
	}
	result.Elapsed = time.Since(began)
	return result
}

// reckonLosses finds what was lost, as NothingLost does.
func reckonLosses(ctx context.Context, h *history.History, deadline time.Time) (*losses, error) {
	l := newLosses(h)
	return l, l.scanLists(ctx, deadline)
}

func (c RecoveryPoint) judge(l *losses, result *Result) {
	spans := faultSpans(l.h)
	samples := make([]FaultRecovery, len(spans))
	for i, span := range spans {
		samples[i] = FaultRecovery{Run: l.h.Header.Run, Step: span.step, Fault: span.text, Injected: span.injected, Healed: span.healed}
	}
	lossy, worst := 0, -1
	of := sampleLosses(l, samples)
	for i := range samples {
		if samples[i].LostOperations > 0 {
			lossy++
		}
		if c.exceeded(&samples[i]) && (worst < 0 || samples[i].LostOperations > samples[worst].LostOperations) {
			worst = i
		}
	}
	all := Recovery(samples)
	result.Figures = map[string]float64{"faults": float64(len(samples)), "faults_with_loss": float64(lossy),
		"acknowledged": float64(l.acked), "lost": float64(l.lost.count)}
	all.LostOperations.add(result.Figures, "lost_operations", "")
	all.LostSeconds.add(result.Figures, "lost_seconds", "")
	switch {
	case worst >= 0:
		c.violation(l, &samples[worst], func(n int) bool { return of[n] == worst }, result)
	case l.acked == 0:
		result.Verdict, result.Summary = Inconclusive, "no append was acknowledged: nothing could be lost"
	case len(samples) == 0:
		result.Verdict, result.Summary = Inconclusive, "no fault was injected: there was nothing to recover from"
	case l.unread.count > 0:
		result.Verdict, result.Summary = Inconclusive, l.unreadSentence()
	case l.lost.count == 0:
		result.Summary = fmt.Sprintf("none of %s lost any of %s", plural(len(samples), "fault"), plural(l.acked, "acknowledged append"))
	default:
		result.Summary = fmt.Sprintf("%d of %s lost something of %s, for each %s; in time, %s", lossy, plural(len(samples), "fault"),
			plural(l.acked, "acknowledged append"), all.LostOperations.text("appends"), all.LostSeconds.text("s"))
	}
}

func (c RecoveryPoint) exceeded(s *FaultRecovery) bool {
	return c.Within > 0 && s.LostWindow > c.Within || c.Operations > 0 && s.LostOperations > c.Operations
}

// sampleLosses counts what was lost against the faults, and returns the number of
// each lost element's fault.
func sampleLosses(l *losses, samples []FaultRecovery) []int {
	if len(samples) == 0 {
		return nil
	}
	healedBy := make([]int64, len(samples)) // the latest heal of a sample and all before it
	for i := range samples {
		samples[i].LossKnown = true
		if healedBy[i] = samples[i].Healed; i > 0 {
			healedBy[i] = max(healedBy[i], healedBy[i-1])
		}
	}
	first, last := make([]int64, len(samples)), make([]int64, len(samples))
	of := make([]int, len(l.allLost))
	for n, x := range l.allLost {
		// The first that was healed at that instant or later is the first that makes
		// the latest heal so late.
		i := min(sort.Search(len(samples), func(i int) bool { return healedBy[i] >= x.time }), len(samples)-1)
		of[n] = i
		if samples[i].LostOperations++; samples[i].LostOperations == 1 {
			first[i], last[i] = x.time, x.time
		}
		first[i], last[i] = min(first[i], x.time), max(last[i], x.time)
	}
	for i := range samples {
		samples[i].LostWindow = time.Duration(last[i] - first[i])
	}
	return of
}

// violation shows the first and the last of what is counted against a fault.
func (c RecoveryPoint) violation(l *losses, s *FaultRecovery, ofFault func(n int) bool, result *Result) {
	limit := fmt.Sprintf("%v may be lost", c.Within)
	if c.Operations > 0 && s.LostOperations > c.Operations {
		limit = fmt.Sprintf("%d may be lost", c.Operations)
	}
	result.Verdict = Violation
	result.Summary = fmt.Sprintf("step %d, %s, lost %s of a time of %.3f s: %s", s.Step, s.Fault,
		plural(s.LostOperations, "acknowledged append"), s.LostWindow.Seconds(), limit)
	healed := "was never healed"
	if s.Healed != history.Open {
		healed = fmt.Sprintf("healed at %s s", seconds(s.Healed, 3))
	}
	l.lost = instances{}
	for n, x := range l.allLost {
		if ofFault(n) {
			l.lost.add(x)
		}
	}
	result.Proof = l.prove()
	result.Proof.Story = append([]string{fmt.Sprintf("Step %d, %s, was injected at %s s and %s.", s.Step, s.Fault, seconds(s.Injected, 3), healed)}, result.Proof.Story...)
	result.Proof.Story = append(result.Proof.Story, fmt.Sprintf("Counted against that step are %s, of a time of %.3f s: %s.",
		plural(s.LostOperations, "lost append"), s.LostWindow.Seconds(), limit))
}
