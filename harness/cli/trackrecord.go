package cli

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/results"
)

func (a *app) trackrecordCommand() *cobra.Command {
	var o manyOptions
	cmd := &cobra.Command{
		Use:   "trackrecord [NAME...]",
		Short: "Show again what is known of real systems, with controls",
		Long: `Trackrecord runs rows of the track record: a scenario that is known to show a
violation, and its controls, which must pass under the same faults. A row counts
only where the violation is of the properties that it names. A row that names none
says that nothing is known to break: its scenario must pass.

Without --repeat a scenario is tried until it shows what it must, three times at
most; so is a control that ends with an error or inconclusively, but a violation
in a control is never tried away. With --repeat N each scenario and each control
runs N times, and nine of ten must show what they should.

For each row with controls a page is written that shows a run of the scenario beside
one of each control: what differs, what became of it, and when.

Exit codes, the first that applies: 1 a control broke, 3 a row could not be run,
4 a row was not found, 0 all rows found and all controls pass.`,
		Example: "  seatrial trackrecord\n  seatrial trackrecord --repeat 10 --jobs 2",
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.repeat < 1 && cmd.Flags().Changed("repeat") {
				return fmt.Errorf("--repeat %d: it must be at least 1", o.repeat)
			}
			rows, err := a.rows(args)
			if err != nil {
				return err
			}
			return a.trackrecord(cmd.Context(), rows, o)
		},
	}
	cmd.Flags().IntVar(&o.repeat, "repeat", 0, "run each scenario and each control that many times, and show the rates")
	cmd.Flags().IntVar(&o.jobs, "jobs", 1, "how many rows run side by side")
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "tell what is being done even without a terminal")
	return cmd
}

// rows are the findings of those names, all where none is named.
func (a *app) rows(names []string) ([]harness.Finding, error) {
	var known []string
	for _, f := range a.findings {
		known = append(known, f.Name)
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("this program has no track record: its cli.Set names no Findings")
	}
	if len(names) == 0 {
		names = known
	}
	var rows []harness.Finding
	var seen []string
	for _, name := range names {
		i := slices.Index(known, name)
		if i < 0 {
			return nil, fmt.Errorf("the track record has no row %q: the nearest are %s; seatrial list shows all", name, nearest(name, known))
		}
		if slices.Contains(seen, name) {
			continue
		}
		seen = append(seen, name)
		if err := validateRow(a.findings[i]); err != nil {
			return nil, err
		}
		rows = append(rows, a.findings[i])
	}
	return rows, nil
}

// validateRow finds before anything starts what can't be run.
func validateRow(f harness.Finding) error {
	for _, s := range append([]harness.Scenario{f.Scenario}, f.Controls...) {
		if err := s.Validate(); err != nil {
			return fmt.Errorf("row %s of the track record: %w", f.Name, err)
		}
	}
	return nil
}

// trackRecordDocument is what --json prints; see the package's documentation.
type trackRecordDocument struct {
	Verdict checkers.Verdict `json:"verdict"`
	// Repeat is how often each scenario was to run; 0 means up to Tries times.
	Repeat int   `json:"repeat"`
	Tries  int   `json:"tries"`
	Rows   []row `json:"rows"`
	// NotRun names the rows that an interrupt left.
	NotRun []string `json:"not_run,omitempty"`
}

// trackrecord runs rows and prints a line for each as it ends.
func (a *app) trackrecord(ctx context.Context, findings []harness.Finding, o manyOptions) error {
	jobs, err := jobCount(o.jobs)
	if err != nil {
		return err
	}
	ctx, interrupt, stop := a.signals(ctx)
	defer stop()
	width := 0
	for _, f := range findings {
		width = max(width, len(f.Name))
	}
	rows := make([]*row, len(findings))
	show := newBoard(a.stderr, o.verbose, len(findings))
	sideBySide(jobs, len(findings), interrupt, func(i int) {
		shown := show.begin(findings[i].Name)
		r := examine(findings[i], o.repeat, a.rowRunner(ctx, interrupt, findings[i], shown))
		err := r.compare(findings[i])
		shown.end(func() {
			rows[i] = &r
			if err != nil {
				fmt.Fprintf(a.stderr, "seatrial: %v\n", err)
			}
			if a.json {
				return
			}
			a.printf("%s\n", r.line(o.repeat, width))
			if r.Comparison != "" {
				a.printf("%s  side by side: %s\n", pad("", width), shortPath(r.Comparison))
			}
		})
	})
	out := gatherRows(findings, rows, o.repeat)
	a.verdict = out.Verdict
	if a.json {
		return failed(a.printJSON(out))
	}
	a.printTrackRecord(out, len(findings))
	return nil
}

// rowRunner runs a row's scenarios with the board told.
func (a *app) rowRunner(ctx context.Context, interrupt <-chan struct{}, f harness.Finding, shown *boardRun) runner {
	return func(s harness.Scenario, role string, try int) (results.Run, *results.Dir, error) {
		if isClosed(interrupt) {
			return results.Run{}, nil, errStopped
		}
		shown.relabel(fmt.Sprintf("%s, %s %d", f.Name, role, try))
		again := func(s harness.Scenario, seed uint64) []string { return a.rowAgain(f, s, seed) }
		run, dir, err := harness.Run(ctx, s, harness.Options{Interrupt: interrupt, Watch: shown.tell, Again: again})
		if err != nil && isClosed(interrupt) {
			err = errStopped // it waited for a place
		}
		return run, dir, err
	}
}

// rowAgain are the commands that repeat a row's run. A scenario that is not this
// program's under its own name can be run as part of its row only.
func (a *app) rowAgain(f harness.Finding, s harness.Scenario, seed uint64) []string {
	i := slices.IndexFunc(a.scenarios, func(own harness.Scenario) bool { return own.Name == s.Name })
	if i >= 0 && sameScenario(a.scenarios[i], s) {
		return choice{}.again(s, seed)
	}
	return []string{fmt.Sprintf("%s trackrecord %s --repeat 10", program(), f.Name)}
}

// sameScenario says that two scenarios of one name draw the same plan: the one
// that ran has its defaults filled in.
func sameScenario(listed, ran harness.Scenario) bool {
	planned, err := harness.NewPlan(listed, 1)
	again, err2 := harness.NewPlan(ran, 1)
	return err == nil && err2 == nil && reflect.DeepEqual(planned.Scenario, again.Scenario)
}

// gatherRows puts the rows into one document. What did not run is not found.
func gatherRows(findings []harness.Finding, rows []*row, repeat int) trackRecordDocument {
	out := trackRecordDocument{Repeat: repeat, Tries: triesMax, Rows: []row{}}
	for i, r := range rows {
		if r == nil {
			out.NotRun = append(out.NotRun, findings[i].Name)
			out.Verdict = max(out.Verdict, checkers.Inconclusive)
			continue
		}
		out.Rows = append(out.Rows, *r)
		out.Verdict = max(out.Verdict, r.Verdict)
	}
	return out
}

// printTrackRecord prints what did not come out as it must, and what all comes to.
func (a *app) printTrackRecord(out trackRecordDocument, of int) {
	reproduced := 0
	for _, r := range out.Rows {
		if r.Verdict == checkers.Pass {
			reproduced++
			continue
		}
		for _, t := range r.tallies() {
			if t.Verdict != checkers.Pass && (!t.broke || t.Verdict == checkers.Violation) {
				a.printDeviations(r, t)
			}
		}
	}
	a.printf("\n%s: %d of %d rows as recorded\n", out.Verdict, reproduced, of)
	if len(out.NotRun) > 0 {
		a.printf("not run: %s\n", strings.Join(out.NotRun, ", "))
	}
}

// printDeviations shows the runs of a scenario that did not do what the row says,
// the first of each verdict, violations first. All are in the JSON.
func (a *app) printDeviations(r row, t tally) {
	what := "did not show " + harness.Finding{Broken: r.Broken, Shows: r.Shows}.Wanted()
	if t.mustPass {
		what = "must pass"
	}
	for verdict := checkers.Violation; verdict >= checkers.Pass; verdict-- {
		i := slices.IndexFunc(t.Runs, func(one attempt) bool { return !one.Expected && one.Verdict == verdict })
		if i < 0 {
			continue
		}
		one := t.Runs[i]
		a.printf("\n%s: %s %s\n  %s on try %d: %s\n  report: %s\n", r.Name, t.Scenario, what, one.Verdict, one.Try, flat(one.Summary), shortPath(one.Report))
		for _, command := range one.Again {
			a.printf("  again:  %s\n", command)
		}
	}
}
