package checkers

import (
	"context"
	"fmt"
	"strings"
)

// The marks that the harness writes about a run that did not go as planned, and
// about its end.
const (
	MarkLoad        = "load"
	MarkFinal       = "final" // what follows are the final reads
	MarkEnd         = "end"
	MarkInterrupted = "interrupted"
	MarkProblem     = "problem"      // the harness or the machine failed
	MarkMissed      = "final-missed" // a final read did not succeed
	markCut         = "cut"          // a passing history that was too large to keep
	// PhaseCrashed is the phase of a fault event for a node that had ended by
	// itself, found when a fault was to fall on it or at the end.
	PhaseCrashed = "crashed"
)

// Complete says whether the history is that of a whole run: a torn, cut or
// interrupted one proves nothing by what it does not hold.
type Complete struct{}

// Check reads the marks.
func (Complete) Check(_ context.Context, evidence Evidence, _ Budget) Result {
	h := evidence.History
	result := Result{Checker: "complete", Method: "marks", Summary: "the whole run was recorded"}
	var short, broken []string
	for _, m := range h.Marks {
		switch m.Name {
		case MarkProblem:
			broken = append(broken, m.Detail)
		case MarkInterrupted, MarkMissed, markCut:
			short = append(short, strings.TrimSuffix(m.Name+": "+m.Detail, ": "))
		}
	}
	if h.Torn > 0 {
		if _, ended := h.Find(MarkEnd); !ended {
			short = append(short, fmt.Sprintf("%d bytes of a torn end were dropped", h.Torn))
		}
	}
	if _, loaded := h.Find(MarkLoad); loaded {
		if _, ended := h.Find(MarkEnd); !ended {
			short = append(short, "the run did not come to its end")
		}
	}
	switch {
	case len(broken) > 0:
		result.Verdict, result.Summary = Error, strings.Join(broken, "; ")
	case len(short) > 0:
		result.Verdict, result.Summary = Inconclusive, strings.Join(short, "; ")
	}
	return result
}

// StaysUp says that no node's program ended by itself: only faults may end one.
type StaysUp struct{}

// Check reads the fault events.
func (StaysUp) Check(_ context.Context, evidence Evidence, _ Budget) Result {
	result := Result{Checker: "stays-up", Method: "fault events", Summary: "no node was found to have ended by itself"}
	var crashed []string
	for _, e := range evidence.History.Faults {
		if e.Phase == PhaseCrashed {
			crashed = append(crashed, fmt.Sprintf("%s had ended by itself, as was seen at %.3f s (%s)",
				strings.Join(e.Nodes, " "), float64(e.Time)/1e9, e.Detail))
		}
	}
	if len(crashed) > 0 {
		result.Verdict, result.Summary = Violation, crashed[0]
		result.Proof = &Proof{Story: crashed}
	}
	return result
}
