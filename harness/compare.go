package harness

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/results"
)

// Ran is a run of one of a finding's scenarios, and its directory.
type Ran struct {
	Run results.Run
	Dir *results.Dir
}

// Compare writes a page that shows a run of the finding's scenario beside one of
// each control, and returns its path: [results.CompareFile] in the directory of the
// first run that it shows. The runs are those of the scenario, then those of each
// control in their order; of several the page shows one that broke where it must pass,
// else the last that showed what it must. Where fewer than two of the scenarios ran
// there is nothing to compare, and the path is empty. The verdict is of all together.
func (f Finding) Compare(verdict checkers.Verdict, runs [][]Ran) (path string, err error) {
	page := results.Comparison{Name: f.Name, About: f.About, Verdict: verdict, Checks: f.Broken}
	var dirs []*results.Dir
	for i, s := range append([]Scenario{f.Scenario}, f.Controls...) {
		if i >= len(runs) || len(runs[i]) == 0 {
			continue
		}
		column, dir, err := f.compared(s, i, runs[i])
		if err != nil {
			return "", err
		}
		page.Columns, dirs = append(page.Columns, column), append(dirs, dir)
	}
	if len(dirs) < 2 {
		return "", nil
	}
	for i, dir := range dirs {
		if page.Columns[i].Report, err = filepath.Rel(dirs[0].Path(""), dir.Path(results.ReportFile)); err != nil {
			return "", fmt.Errorf("compare the runs of %s: %w", f.Name, err)
		}
		page.Columns[i].Report = filepath.ToSlash(page.Columns[i].Report)
	}
	if err := dirs[0].WriteFile(results.CompareFile, func(w io.Writer) error { return results.WriteComparison(w, page) }); err != nil {
		return "", fmt.Errorf("compare the runs of %s: %w", f.Name, err)
	}
	return dirs[0].Path(results.CompareFile), nil
}

// compared is the column of the row's scenario of that number: one of its runs.
func (f Finding) compared(s Scenario, number int, runs []Ran) (results.Compared, *results.Dir, error) {
	column := results.Compared{Role: "control", Must: "pass", About: s.About, Settings: s.settings(), Of: len(runs)}
	if number == 0 {
		column.Role = "finding"
	}
	if wanted := f.of(number).Wanted(); wanted != "" {
		column.Must = "show " + wanted
	}
	shown, broke := runs[len(runs)-1], false
	for _, one := range runs {
		expected, verdict := f.of(number).Verdict(one.Run)
		switch {
		case expected:
			column.Expected++
			if !broke {
				shown = one
			}
		case verdict == checkers.Violation && f.of(number).Broken == nil && !broke:
			shown, broke = one, true
		}
	}
	column.Run = shown.Run
	column.Shown, _ = f.of(number).Verdict(shown.Run)
	if path, found := shown.Dir.History(); found {
		h, err := history.ReadFile(path)
		if err != nil {
			return column, nil, fmt.Errorf("compare the runs of %s: %w", f.Name, err)
		}
		column.History = h
	}
	return column, shown.Dir, nil
}

// settings are what the scenario says, in words, beside its faults at random and its checks.
func (s Scenario) settings() []results.Setting {
	s = s.withDefaults()
	list := []results.Setting{
		{Name: "system", Value: s.System.SystemName() + " " + s.System.SystemVersion()},
		{Name: "nodes", Value: fmt.Sprint(len(s.System.NodeNames()))},
	}
	options := s.options()
	for _, name := range slices.Sorted(maps.Keys(options)) {
		list = append(list, results.Setting{Name: name, Value: options[name]})
	}
	workload := []string{s.Workload.WorkloadName()}
	fields := parameters(s.Workload)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		workload = append(workload, name+" "+fields[name])
	}
	list = append(list, results.Setting{Name: "workload", Value: strings.Join(workload, ", ")})
	for _, g := range s.groups() {
		if g.Clients > 0 {
			list = append(list, results.Setting{Name: g.Name, Value: fmt.Sprint(g.Clients)})
		}
	}
	var steps []string
	for _, step := range s.Script.Steps {
		steps = append(steps, step.Text())
	}
	if len(steps) > 0 {
		list = append(list, results.Setting{Name: "script", Value: strings.Join(steps, "; ")})
	}
	return append(list, results.Setting{Name: "at most", Value: fmt.Sprintf("%d operations a second", s.Rate)},
		results.Setting{Name: "load", Value: s.Duration.String()}, results.Setting{Name: "operation timeout", Value: s.OperationTimeout.String()},
		results.Setting{Name: "runtime", Value: s.Runtime})
}
