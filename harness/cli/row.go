package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/results"
)

// triesMax is how often what a row needs may be tried, without --repeat.
const triesMax = 3

// The roles of a row's runs.
const (
	roleFinding = "finding"
	roleControl = "control"
)

// attempt is one run made for a row, and its JSON.
type attempt struct {
	// Role is "finding" or "control".
	Role     string `json:"role"`
	Scenario string `json:"scenario"`
	// Try counts from 1 for each scenario of the row.
	Try     int              `json:"try"`
	Verdict checkers.Verdict `json:"verdict"`
	// Expected says that the run showed what the row says: the violations that it
	// names, or a pass.
	Expected bool `json:"as_expected"`
	// Seed is a string of digits, as in verdict.json.
	Seed uint64 `json:"seed,string"`
	// Summary says in one sentence what broke or what was shown, or why it could
	// not be run.
	Summary   string   `json:"summary"`
	Directory string   `json:"directory,omitempty"`
	Report    string   `json:"report,omitempty"`
	Again     []string `json:"again,omitempty"`
	Seconds   float64  `json:"seconds"`
}

// tally is what the runs of one scenario of a row come to, and its JSON.
type tally struct {
	Role     string `json:"role"`
	Scenario string `json:"scenario"`
	// Expected of Of runs showed what the row says.
	Expected int `json:"as_expected"`
	Of       int `json:"of"`
	// Verdict is pass where that is often enough; violation where a scenario that
	// must pass broke; error where it could not be run; else inconclusive.
	Verdict checkers.Verdict `json:"verdict"`
	Runs    []attempt        `json:"runs"`

	mustPass bool // nothing of it is known to break
	broke    bool // it could not be run at all
	stopped  bool // an interrupt came before its end
	ran      []harness.Ran
}

// row is what was seen of a finding, and its JSON.
type row struct {
	Name     string           `json:"name"`
	About    string           `json:"about"`
	Broken   []string         `json:"broken"`
	Shows    []string         `json:"shows,omitempty"`
	Verdict  checkers.Verdict `json:"verdict"`
	Finding  tally            `json:"finding"`
	Controls []tally          `json:"controls"`
	Seconds  float64          `json:"seconds"`
	// Comparison is the page that shows the scenario beside its controls; "" where
	// fewer than two of them ran.
	Comparison string `json:"comparison,omitempty"`
}

// errStopped is a runner's answer after an interrupt: nothing was run.
var errStopped = errors.New("interrupted")

// runner runs a scenario once for a row. An error means that nothing was run.
type runner func(s harness.Scenario, role string, try int) (results.Run, *results.Dir, error)

// examine runs a finding and its controls. Without repeat each is tried until it
// shows what it must, three times at most, and a violation of what must pass is
// never tried away. With repeat each runs that often.
func examine(f harness.Finding, repeat int, run runner) row {
	r := row{Name: f.Name, About: f.About, Broken: append([]string{}, f.Broken...), Shows: f.Shows, Controls: []tally{}}
	r.Finding = try(f.Scenario, roleFinding, len(f.Broken) == 0, repeat, run, f.Verdict)
	for _, control := range f.Controls {
		t := tally{Role: roleControl, Scenario: control.Name, mustPass: true, Runs: []attempt{}}
		if r.Finding.broke || r.Finding.stopped {
			// What the scenario lacks its control lacks too.
			t.Verdict, t.stopped = checkers.Inconclusive, true
		} else {
			t = try(control, roleControl, true, repeat, run, harness.Finding{}.Verdict)
		}
		r.Controls = append(r.Controls, t)
	}
	for _, t := range r.tallies() {
		r.Verdict = max(r.Verdict, t.Verdict)
		for _, one := range t.Runs {
			r.Seconds += one.Seconds
		}
	}
	return r
}

// compare writes the page that shows the row's scenarios side by side. A row whose
// page can't be written is an error.
func (r *row) compare(f harness.Finding) (err error) {
	var runs [][]harness.Ran
	for _, t := range r.tallies() {
		runs = append(runs, t.ran)
	}
	if r.Comparison, err = f.Compare(r.Verdict, runs); err != nil {
		r.Verdict = max(r.Verdict, checkers.Error)
	}
	return err
}

func (r row) tallies() []tally { return append([]tally{r.Finding}, r.Controls...) }

// try runs one scenario of a row as often as it takes.
func try(s harness.Scenario, role string, mustPass bool, repeat int, run runner, judge func(results.Run) (bool, checkers.Verdict)) tally {
	t := tally{Role: role, Scenario: s.Name, mustPass: mustPass, Runs: []attempt{}}
	for n := 1; n <= max(repeat, 1) || repeat == 0 && n <= triesMax; n++ {
		one, dir, err := run(s, role, n)
		if errors.Is(err, errStopped) {
			t.stopped = true
			break
		}
		t.Of++
		if err != nil {
			t.Runs = append(t.Runs, attempt{Role: role, Scenario: s.Name, Try: n, Verdict: checkers.Error, Summary: err.Error()})
			t.broke = true
			break
		}
		if dir != nil {
			t.ran = append(t.ran, harness.Ran{Run: one, Dir: dir})
		}
		expected, verdict := judge(one)
		t.Runs = append(t.Runs, attemptOf(one, dir, role, n, expected))
		if expected {
			t.Expected++
		}
		if repeat == 0 && (expected || mustPass && verdict == checkers.Violation) {
			break
		}
	}
	t.Verdict = t.judge(repeat)
	return t
}

func attemptOf(run results.Run, dir *results.Dir, role string, n int, expected bool) attempt {
	a := attempt{Role: role, Scenario: run.Scenario, Try: n, Verdict: run.Verdict, Expected: expected,
		Seed: run.Seed, Summary: run.Summary, Again: run.Again, Seconds: run.Took.Total().Seconds()}
	if dir != nil {
		a.Directory, a.Report = dir.Path(""), dir.Path(results.ReportFile)
	}
	return a
}

// enough is how many of some runs must show what they should: nine of ten. Of
// systems with clocks and threads no rate is certain, and a row that shows in less
// than that is not worth relying on.
func enough(repeat int) int {
	if repeat == 0 {
		return 1
	}
	return (9*repeat + 9) / 10
}

// judge says what the runs of a scenario come to.
func (t *tally) judge(repeat int) checkers.Verdict {
	counts := t.counts()
	switch {
	case t.mustPass && counts[checkers.Violation] > 0:
		return checkers.Violation
	case t.broke:
		return checkers.Error
	case t.Expected >= enough(repeat):
		return checkers.Pass
	case t.Of > 0 && counts[checkers.Error] == t.Of:
		return checkers.Error
	}
	return checkers.Inconclusive
}

func (t *tally) counts() map[checkers.Verdict]int {
	counts := map[checkers.Verdict]int{}
	for _, one := range t.Runs {
		counts[one.Verdict]++
	}
	return counts
}

// line is the row in one line, its name first and padded to a width.
func (r row) line(repeat, width int) string {
	parts := []string{r.Finding.text(repeat)}
	for _, control := range r.Controls {
		parts = append(parts, "control "+control.Scenario+" "+control.text(repeat))
	}
	return fmt.Sprintf("%s  %s (%s)", pad(r.Name, width), strings.Join(parts, "; "), secondsText(r.Seconds))
}

// text says how often a scenario showed what it must, with the number of runs.
func (t *tally) text(repeat int) string {
	done := "found"
	if t.mustPass {
		done = "passes"
	}
	switch {
	case t.Of == 0:
		return "not run"
	case t.broke && t.Verdict != checkers.Violation: // a violation that was seen stands
		return "could not be run: " + flat(t.Runs[t.Of-1].Summary)
	case repeat == 0 && t.Expected == 1 && t.Role == roleFinding:
		return fmt.Sprintf("%s on try %d of %d", done, t.Of, triesMax)
	case t.mustPass && t.Verdict == checkers.Violation:
		return fmt.Sprintf("BROKE: %s", harness.CountsText(t.counts(), t.Of))
	case t.Expected == t.Of:
		return fmt.Sprintf("%s %d of %d", done, t.Expected, t.Of)
	case t.mustPass:
		return harness.CountsText(t.counts(), t.Of)
	case t.Expected == 0:
		return fmt.Sprintf("NOT FOUND in %d: %s", t.Of, t.others())
	}
	return fmt.Sprintf("found %d of %d; else %s", t.Expected, t.Of, t.others())
}

// others says how the runs ended that did not show what they should.
func (t *tally) others() string {
	counts := map[checkers.Verdict]int{}
	for _, one := range t.Runs {
		if !one.Expected {
			counts[one.Verdict]++
		}
	}
	return strings.Replace(harness.CountsText(counts, t.Of), checkers.Violation.String(), "violation of something else", 1)
}
