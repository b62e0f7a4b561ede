package checkers

import (
	"context"
	"fmt"
	"time"
)

// The marks that a run leaves when it waits for the system to recover.
const (
	// MarkHealed: all faults are proven undone.
	MarkHealed = "healed"
	// MarkRecovered: every node answered its readiness probe again.
	MarkRecovered = "recovered"
	// MarkNotRecovered: the harness's own deadline for that passed; the detail
	// says which nodes did not answer.
	MarkNotRecovered = "not-recovered"
)

// RecoversWithin asks that every node serves again within a time after all faults
// were proven undone. It reads the run's marks.
//
// It is a violation when the first mark after "healed" says "not-recovered"
// (the harness's deadline is a limit too, be it the smaller one), or when
// "recovered" came later than the limit. Where neither was recorded the run ended
// before anybody knew, and where nothing was healed there was nothing to recover
// from: both are inconclusive.
//
// The figure is recovery_seconds, where the system did recover, and limit_seconds.
type RecoversWithin struct {
	// Limit is the longest time allowed; zero means [RecoveryLimit].
	Limit time.Duration
}

// RecoveryLimit is the default of [RecoversWithin].
const RecoveryLimit = 30 * time.Second

// Check implements [Checker].
func (r RecoversWithin) Check(_ context.Context, evidence Evidence, _ Budget) Result {
	limit := r.Limit
	if limit <= 0 {
		limit = RecoveryLimit
	}
	result := Result{Checker: "recovers", Method: "marks", Figures: map[string]float64{"limit_seconds": limit.Seconds()}}
	say := func(v Verdict, format string, args ...any) Result {
		result.Verdict, result.Summary = v, fmt.Sprintf(format, args...)
		return result
	}
	if evidence.History == nil {
		return say(Error, "the evidence has no history")
	}
	healed, ok := evidence.History.Find(MarkHealed)
	if !ok {
		return say(Inconclusive, "the run has no mark %q: faults were never proven undone, so recovery was not tried", MarkHealed)
	}
	for _, mark := range evidence.History.Marks {
		after := time.Duration(mark.Time - healed.Time)
		if after < 0 {
			continue
		}
		switch mark.Name {
		case MarkNotRecovered:
			line := fmt.Sprintf("not every node served again: the harness gave up %.3f s after the faults were undone", after.Seconds())
			if mark.Detail != "" {
				line += ": " + mark.Detail
			}
			if after < min(limit, RecoveryLimit)/2 {
				// Given up before its time: the run was stopped, and that says
				// nothing of the system.
				return say(Inconclusive, "%s", line)
			}
			result.Proof = recoveryProof(healed.Time, line)
			return say(Violation, "%s", line)
		case MarkRecovered:
			result.Figures["recovery_seconds"] = after.Seconds()
			if after <= limit {
				return say(Pass, "every node served again %.3f s after the faults were undone (limit %v)", after.Seconds(), limit)
			}
			line := fmt.Sprintf("every node served again only %.3f s after the faults were undone, the limit is %v", after.Seconds(), limit)
			result.Proof = recoveryProof(healed.Time, line)
			return say(Violation, "%s", line)
		}
	}
	return say(Inconclusive, "the run ended after %q without saying whether the system recovered", MarkHealed)
}

func recoveryProof(healed int64, line string) *Proof {
	return &Proof{Story: []string{
		fmt.Sprintf("All faults were proven undone at %s s.", seconds(healed, 3)),
		line + ".",
	}}
}
