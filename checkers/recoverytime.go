package checkers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// RecoveryTime says how long operations were not served because of each fault, and
// how long it took after the heal until they were.
//
// The unavailable window of a fault, for a kind of operation, is the longest time
// without an acknowledgement that the fault had a part in: one that overlaps the
// time from its injection to its heal, or that ended with the first acknowledgement after the heal.
// It lasts from the last acknowledgement before (or, where nothing was under way
// then, from the next call: a time in which nobody asked is no outage) to the next
// acknowledgement. A refused compare-and-set was acknowledged.
//
//	fault            |-injected······healed-|
//	acknowledged  x x   x                       x  x
//	                    |·······················|          unavailable
//	                                        |···|          after the heal
//
// It is taken over everybody's operations, and for the figures also over those of
// each node's clients and each group's, as far as sessions are recorded. Several
// faults may have a part in one outage. Not taken as samples are a fault that was
// seen not to bite, and one that was in force when the load ended: nobody asked
// whether the system recovers. [RecoversWithin] asks the nodes themselves.
//
// Without limits the checker only reports. With one, a longer time is a violation;
// if the load ended before anybody could know, the answer is inconclusive, as it is
// where a kind of operation was never acknowledged, or no fault was healed under load.
//
// Figures: faults, faults_cut_short, faults_without_bite; for each kind
// unavailable_max_seconds_<kind>, after_heal_max_seconds_<kind>, and where there are
// samples enough for an interval (6 for p50, 59 for p95; see [Quantile]) the same with
// p50 and p95, each with _low and _high after it: unavailable_p50_low_seconds_<kind>;
// unavailable_max_seconds_<kind>_at_<node> and _of_<group>.
type RecoveryTime struct {
	// Limit is the longest unavailable window allowed. Zero: any is.
	Limit time.Duration
	// AfterHeal is the longest time allowed from a heal to the first acknowledgement
	// of each kind. Zero: any is.
	AfterHeal time.Duration
	// Group confines the limits to the operations of one group of clients, for
	// instance those that stay with the majority. Empty: everybody's operations.
	Group string
}

// Check implements [Checker].
func (c RecoveryTime) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	began := time.Now()
	r := recoveryTime{RecoveryTime: c, h: evidence.History, result: Result{Checker: "recovery-time", Method: "scan"}}
	if err := Sound(r.h); err != nil {
		r.result.Verdict, r.result.Summary = Error, err.Error()
	} else {
		r.run(ctx, began.Add(budget.WithDefaults().Time))
	}
	r.result.Elapsed = time.Since(began)
	return r.result
}

// recoveryTime is one call of Check.
type recoveryTime struct {
	RecoveryTime
	h      *history.History
	result Result
}

func (r *recoveryTime) run(ctx context.Context, deadline time.Time) {
	samples, s, err := sampleOutages(ctx, r.h, deadline)
	if err != nil {
		r.result.Verdict, r.result.Summary = Inconclusive, err.Error()
		return
	}
	all := Recovery(samples)
	r.figures(samples, all)
	if sample, o, problem := r.exceeded(samples); problem != "" {
		r.result.Verdict, r.result.Summary = Violation, problem
		r.result.Proof = r.prove(sample, o)
		return
	}
	var texts []string
	for _, k := range all.Kinds {
		texts = append(texts, fmt.Sprintf("%s %s", k.Kind, k.Unavailable.text("s")))
	}
	if problem := r.unclear(samples, all, s); problem != "" {
		r.result.Verdict, r.result.Summary = Inconclusive, problem
		return
	}
	r.result.Summary = "unavailable: " + strings.Join(texts, "; ")
}

// judged lists the outages that the limits are for.
func (r *recoveryTime) judged(s *FaultRecovery) []*FaultOutage {
	var outages []*FaultOutage
	for i := range s.Outages {
		if o := &s.Outages[i]; o.Node == "" && o.Group == r.Group && !s.NoBite {
			outages = append(outages, o)
		}
	}
	return outages
}

// exceeded finds the outage that is furthest over a limit.
func (r *recoveryTime) exceeded(samples []FaultRecovery) (sample *FaultRecovery, worst *FaultOutage, problem string) {
	over := time.Duration(0)
	for i := range samples {
		s := &samples[i]
		for _, o := range r.judged(s) {
			least := ""
			if o.Unended {
				least = "at least "
			}
			if by := o.Unavailable - r.Limit; r.Limit > 0 && by > over {
				over, sample, worst = by, s, o
				problem = fmt.Sprintf("%s was unavailable for %s%.3f s around step %d, %s: the limit is %v",
					o.Kind, least, o.Unavailable.Seconds(), s.Step, s.Fault, r.Limit)
			}
			if by := o.AfterHeal - r.AfterHeal; r.AfterHeal > 0 && by > over {
				over, sample, worst = by, s, o
				least = ""
				if !o.Recovered {
					least = "at least "
				}
				problem = fmt.Sprintf("%s was not acknowledged for %s%.3f s after step %d, %s, was healed: the limit is %v",
					o.Kind, least, o.AfterHeal.Seconds(), s.Step, s.Fault, r.AfterHeal)
			}
		}
	}
	return sample, worst, problem
}

// unclear says why the run proves nothing, "" where it does.
func (r *recoveryTime) unclear(samples []FaultRecovery, all RecoverySummary, s *sweeper) string {
	if never := s.neverAcked(); never != "" {
		return never
	}
	if all.Faults == 0 {
		return "no fault was injected: there was nothing to recover from"
	}
	if all.Faults == all.CutShort+all.NoBite {
		return fmt.Sprintf("none of %s bit and was healed while clients asked", plural(all.Faults, "fault"))
	}
	asked := false
	for i := range samples {
		if samples[i].CutShort {
			continue
		}
		for _, o := range r.judged(&samples[i]) {
			asked = true
			if (r.Limit > 0 || r.AfterHeal > 0) && (o.Unended || o.asked && !o.Recovered) {
				return fmt.Sprintf("the load ended %.3f s after step %d, %s, was healed, and no %s had been acknowledged since",
					o.AfterHeal.Seconds(), samples[i].Step, samples[i].Fault, o.Kind)
			}
		}
	}
	if !asked && r.Group != "" {
		return fmt.Sprintf("no operation of group %s was tried while a fault was in force", r.Group)
	}
	if !asked {
		return "no operation was tried while a fault was in force, or after it"
	}
	return ""
}

// neverAcked says which kinds of operation were never acknowledged, "" where all were.
func (s *sweeper) neverAcked() string {
	var never []string
	tried := false
	for i := range s.streams {
		t := &s.streams[i]
		tried = tried || t.called > 0
		if t.called > 0 && t.acked == 0 && t.node == "" && t.group == "" {
			never = append(never, neverSucceeded(t.kind, t.called))
		}
	}
	if !tried {
		return errNoLoad.Error()
	}
	return strings.Join(never, "; ")
}

func (r *recoveryTime) figures(samples []FaultRecovery, all RecoverySummary) {
	f := map[string]float64{"faults": float64(all.Faults), "faults_cut_short": float64(all.CutShort), "faults_without_bite": float64(all.NoBite)}
	for _, k := range all.Kinds {
		k.Unavailable.add(f, "unavailable", "_seconds_"+k.Kind)
		k.AfterHeal.add(f, "after_heal", "_seconds_"+k.Kind)
	}
	for _, s := range samples {
		for _, o := range s.Outages {
			name := "unavailable_max_seconds_" + o.Kind
			switch {
			case s.CutShort || s.NoBite || o.Node == "" && o.Group == "":
				continue
			case o.Node != "":
				name += "_at_" + o.Node
			default:
				name += "_of_" + o.Group
			}
			f[name] = max(f[name], o.Unavailable.Seconds())
		}
	}
	r.result.Figures = f
}

func (r *recoveryTime) prove(s *FaultRecovery, o *FaultOutage) *Proof {
	proof := proveOutage(r.h, o.kind, o.outage)
	first := fmt.Sprintf("Step %d, %s, was injected at %s s and was in force when the load ended.", s.Step, s.Fault, seconds(s.Injected, 3))
	if s.Healed != history.Open {
		first = fmt.Sprintf("Step %d, %s, was injected at %s s and healed at %s s.", s.Step, s.Fault, seconds(s.Injected, 3), seconds(s.Healed, 3))
	}
	proof.Story = append([]string{first}, proof.Story...)
	return proof
}
