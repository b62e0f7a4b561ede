package harness

import (
	"slices"
	"strings"
	"testing"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/results"
)

// Finding is a row of a track record: a known behaviour of a real system, with
// the scenario that shows it and the controls that must pass.
type Finding struct {
	// Name is for instance "redis-sentinel-loss".
	Name string
	// About says what is found, in a sentence.
	About string
	// Scenario shows it.
	Scenario Scenario
	// Broken names the checkers that must all find a violation in the scenario, as
	// in their results, for instance "linearizable". Empty means that nothing is
	// known to break: the scenario itself must pass.
	Broken []string
	// Shows names figures of those checkers' results of which each must be above zero
	// in one of them: what kind of violation it is, for instance "g2_item".
	Shows []string
	// Controls must pass: the same faults on a configuration that withstands them.
	Controls []Scenario
}

// Verdict says what a run of the finding's scenario means for it: found, or what
// the run ended with instead. A violation of anything else is no find.
func (f Finding) Verdict(run results.Run) (found bool, verdict checkers.Verdict) {
	if len(f.Broken) == 0 {
		return run.Verdict == checkers.Pass, run.Verdict
	}
	for _, name := range f.Broken {
		if _, violates := violated(run, name); !violates {
			return false, run.Verdict
		}
	}
	return f.shown(run), run.Verdict
}

// shown reports whether the violations are of the kind that the finding names.
func (f Finding) shown(run results.Run) bool {
	for _, figure := range f.Shows {
		if !slices.ContainsFunc(run.Results, func(r checkers.Result) bool {
			return slices.Contains(f.Broken, r.Checker) && r.Verdict == checkers.Violation && r.Figures[figure] > 0
		}) {
			return false
		}
	}
	return true
}

// Wanted says in words what the scenario must show: "a violation of list-append
// with g2_item"; empty where it must pass.
func (f Finding) Wanted() string {
	if len(f.Broken) == 0 {
		return ""
	}
	text := "a violation of " + strings.Join(f.Broken, " and ")
	if len(f.Shows) > 0 {
		text += " with " + strings.Join(f.Shows, " and ")
	}
	return text
}

// TestFinding runs a row of a track record once in go test: the finding's
// scenario must show what it names, and every control must pass.
func TestFinding(t *testing.T, f Finding) {
	t.Helper()
	if len(f.Broken) == 0 {
		t.Run("passes", func(t *testing.T) { Test(t, f.Scenario) })
	} else {
		t.Run("finds", func(t *testing.T) { testFinds(t, f) })
	}
	for _, control := range f.Controls {
		t.Run("control "+control.Name, func(t *testing.T) { Test(t, control) })
	}
}
