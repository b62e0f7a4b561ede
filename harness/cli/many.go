package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/results"
)

// manyOptions are how several scenarios are run.
type manyOptions struct {
	seed         *uint64
	repeat, jobs int
	verbose      bool
	leftOut      []string
	again        func(harness.Scenario, uint64) []string
}

// sideBySide does n things in their order, so many at a time as there are jobs,
// and returns when all that were begun have ended. After stop is closed nothing
// more is begun.
func sideBySide(jobs, n int, stop <-chan struct{}, do func(i int)) {
	var mu sync.Mutex
	next := 0
	take := func() (i int, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if next >= n || isClosed(stop) {
			return 0, false
		}
		next++
		return next - 1, true
	}
	var working sync.WaitGroup
	for range min(jobs, n) {
		working.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				do(i)
			}
		})
	}
	working.Wait()
}

// jobCount is how many runs are begun at a time: what was asked for, or as many
// as the host has places.
func jobCount(asked int) (int, error) {
	switch {
	case asked < 0:
		return 0, fmt.Errorf("--jobs %d: it must be at least 1", asked)
	case asked > 0:
		return asked, nil
	}
	return harness.Places()
}

// manyRun is one of several runs, and what became of it.
type manyRun struct {
	scenario harness.Scenario
	ended    *runDocument // nil where it did not come about
	err      error        // why not; nil where it was not begun
}

// runMany runs several scenarios side by side: a line each as they end, a table
// at the end.
func (a *app) runMany(ctx context.Context, chosen []harness.Scenario, o manyOptions) error {
	jobs, err := jobCount(o.jobs)
	if err != nil {
		return err
	}
	if o.seed != nil { // a plan that can't be drawn is known before anything starts
		for _, s := range chosen {
			if _, err := harness.NewPlan(s, *o.seed); err != nil {
				return err
			}
		}
	}
	ctx, interrupt, stop := a.signals(ctx)
	defer stop()
	var runs []*manyRun
	for _, s := range chosen {
		for range o.repeat {
			runs = append(runs, &manyRun{scenario: s})
		}
	}
	show := newBoard(a.stderr, o.verbose, len(runs))
	if !a.json {
		a.printf("%d runs of %d scenarios, up to %d at a time\n", len(runs), len(chosen), min(jobs, len(runs)))
	}
	sideBySide(jobs, len(runs), interrupt, func(i int) {
		a.runOne(ctx, interrupt, runs[i], o, show.begin(runs[i].scenario.Name))
	})
	out := gather(runs)
	out.LeftOut = o.leftOut
	for _, m := range runs {
		if isUsage(m.err) && len(out.Runs) == 0 {
			return m.err
		} else if m.err != nil {
			fmt.Fprintf(a.stderr, "seatrial: %s could not be run: %v\n", m.scenario.Name, m.err)
		}
	}
	a.verdict = out.Verdict
	if a.json {
		return failed(a.printJSON(out))
	}
	return failed(a.printMany(chosen, runs, out))
}

// runOne runs one of several, and prints its line.
func (a *app) runOne(ctx context.Context, interrupt <-chan struct{}, m *manyRun, o manyOptions, show *boardRun) {
	run, dir, err := harness.Run(ctx, m.scenario, harness.Options{Seed: o.seed, Interrupt: interrupt, Watch: show.tell, Again: o.again})
	show.end(func() {
		switch {
		case err != nil && isClosed(interrupt): // it waited for a place: it was not begun
		case err != nil:
			m.err = err
		default:
			ended := a.document(run, dir)
			m.ended = &ended
			a.showOneOfMany(ended, dir)
		}
	})
}

func (a *app) showOneOfMany(run runDocument, dir *results.Dir) {
	if a.json {
		return
	}
	known := ""
	if run.Known != "" {
		known = "  (known: " + run.Known + ")"
	}
	a.printf("%-12s  %s  %.1f s  %d operations  seed %d%s\n", run.Verdict, run.Scenario,
		run.Took.Total().Seconds(), run.Counted().Total(), run.Seed, known)
	if run.Verdict == checkers.Pass {
		return
	}
	a.printf("              %s\n              report: %s\n", flat(run.Summary), shortPath(dir.Path(results.ReportFile)))
	if len(run.Again) > 0 {
		a.printf("              again: %s\n", run.Again[0])
	}
}

// gather puts the runs into one document. What did not run is no pass.
func gather(runs []*manyRun) *runsDocument {
	out := newRunsDocument()
	for _, m := range runs {
		switch {
		case m.ended != nil:
			out.add(*m.ended)
		case m.err != nil:
			out.NotRun = append(out.NotRun, notRun{m.scenario.Name, m.err.Error()})
			out.Verdict = max(out.Verdict, checkers.Error)
		default:
			out.NotRun = append(out.NotRun, notRun{m.scenario.Name, "interrupted"})
			out.Verdict = max(out.Verdict, checkers.Inconclusive)
		}
	}
	for i := range out.Runs {
		for j := range out.Runs {
			if i != j && overlap(out.Runs[i].Run, out.Runs[j].Run) {
				out.Runs[i].Beside = append(out.Runs[i].Beside, out.Runs[j].ID)
			}
		}
	}
	return out
}

// overlap says that two runs were under way at the same time.
func overlap(a, b results.Run) bool {
	return a.Started.Before(b.Started.Add(b.Took.Total())) && b.Started.Before(a.Started.Add(a.Took.Total()))
}

// printMany prints the table of several runs, a line a scenario, and what it
// comes to.
func (a *app) printMany(chosen []harness.Scenario, runs []*manyRun, out *runsDocument) error {
	a.printf("\n")
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "VERDICT\tSCENARIO\tRUNS\tTOOK\tKNOWN")
	passed := 0
	for _, s := range chosen {
		if a.tableLine(table, s, runs) == checkers.Pass {
			passed++
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	a.printf("\n%s: %d of %d scenarios pass\n", out.Verdict, passed, len(chosen))
	if len(out.LeftOut) > 0 {
		a.printf("left out, because they are known to show a violation: %s\n  %s trackrecord shows that they do\n",
			strings.Join(out.LeftOut, ", "), program())
	}
	return nil
}

// tableLine writes a scenario's line and returns its verdict.
func (a *app) tableLine(table io.Writer, s harness.Scenario, runs []*manyRun) checkers.Verdict {
	var own []*manyRun
	for _, m := range runs {
		if m.scenario.Name == s.Name {
			own = append(own, m)
		}
	}
	out := gather(own)
	var took time.Duration
	for _, run := range out.Runs {
		took += run.Took.Total()
	}
	var texts []string
	if len(out.Runs) > 0 {
		texts = append(texts, harness.CountsText(out.byVerdict, len(own)))
	}
	if n := len(out.NotRun); n > 0 {
		texts = append(texts, fmt.Sprintf("not run %d of %d", n, len(own)))
	}
	known := "-"
	if f := a.known(s.Name); f != nil {
		known = f.Name
	}
	fmt.Fprintf(table, "%s\t%s\t%s\t%.1f s\t%s\n", out.Verdict, s.Name, strings.Join(texts, ", "), took.Seconds(), known)
	return out.Verdict
}

// isUsage says that what was asked for makes no sense.
func isUsage(err error) bool {
	var wrong harness.UsageError
	return errors.As(err, &wrong)
}
