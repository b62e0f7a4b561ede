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
// scenario must show what it names, and every control must pass. It logs the path of
// a page that shows them side by side.
func TestFinding(t *testing.T, f Finding) {
	t.Helper()
	runs := make([][]Ran, 1+len(f.Controls))
	keep := func(i int) func(results.Run, *results.Dir) {
		return func(run results.Run, dir *results.Dir) { runs[i] = append(runs[i], Ran{run, dir}) }
	}
	if len(f.Broken) == 0 {
		t.Run("passes", func(t *testing.T) { testPasses(t, f.Scenario, keep(0)) })
	} else {
		t.Run("finds", func(t *testing.T) { testFinds(t, f, keep(0)) })
	}
	for i, control := range f.Controls {
		t.Run("control "+control.Name, func(t *testing.T) { testPasses(t, control, keep(1+i)) })
	}
	path, err := f.Compare(f.judge(runs), runs)
	switch {
	case err != nil:
		t.Errorf("error: %v", err)
	case path != "":
		t.Logf("side by side: %s", path)
	}
}

// judge is the verdict of all runs together: where one of the scenarios did not run
// or did not show what it must, it is not a pass.
func (f Finding) judge(runs [][]Ran) checkers.Verdict {
	worst := checkers.Pass
	for i, ran := range runs {
		if len(ran) == 0 {
			worst = max(worst, checkers.Inconclusive)
		}
		for _, one := range ran {
			expected, verdict := f.of(i).Verdict(one.Run)
			switch {
			case expected:
			case verdict == checkers.Violation && f.of(i).Broken == nil, verdict == checkers.Error:
				worst = max(worst, verdict)
			default:
				worst = max(worst, checkers.Inconclusive)
			}
		}
	}
	return worst
}

// of is what must be found in the row's scenario of that number: of the first what
// the finding says, of a control nothing.
func (f Finding) of(scenario int) Finding {
	if scenario == 0 && len(f.Broken) > 0 {
		return f
	}
	return Finding{}
}
