package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/results"
)

func (a *app) runCommand() *cobra.Command {
	var s selection
	var c choice
	o := manyOptions{repeat: 1}
	cmd := &cobra.Command{
		Use:   "run SCENARIO... | --tag TAG | --all",
		Short: "Run scenarios and judge them",
		Long: `Run starts a scenario's system, lets clients work while faults come and go,
judges what they saw and writes a run directory with a report.

Several scenarios run side by side, as many at a time as this host has places: one
for every two cores and 3 GiB of free memory (SEATRIAL_PLACES overrides it). --jobs
takes fewer; more of them wait for a place. The exit code is that of the worst:
violation (1), error (3), inconclusive (4), pass (0).

--all and --tag leave out the scenarios that are known to show a violation, and
name them. Run these by name, by --tag track-record, or by the command trackrecord,
which expects the violation: run calls it one, and exits with 1.

Ctrl-C once ends the load, heals, saves and tears down; twice tears down at once.`,
		Example: `  seatrial run canary/register/mixed
  seatrial run canary/register/minority-cut --defect stale-read --repeat 5
  seatrial run --all --jobs 2`,
		Args: func(_ *cobra.Command, args []string) error {
			s.names = args
			return s.check()
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.repeat < 1 {
				return fmt.Errorf("--repeat %d: it must be at least 1", o.repeat)
			}
			chosen, leftOut, err := a.choose(s, c)
			if err != nil {
				return err
			}
			if o.seed, err = c.seedValue(); err != nil {
				return err
			}
			if s.one() {
				return a.run(cmd.Context(), chosen[0], c, harness.Options{Seed: o.seed}, o.repeat, o.verbose)
			}
			o.leftOut, o.again = leftOut, c.again
			return a.runMany(cmd.Context(), chosen, o)
		},
	}
	s.flags(cmd)
	c.flags(cmd)
	cmd.Flags().IntVar(&o.repeat, "repeat", 1, "run each that many times and count the verdicts")
	cmd.Flags().IntVar(&o.jobs, "jobs", 0, "how many run side by side (default: the host's places)")
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "tell what is being done even without a terminal")
	return cmd
}

// runsDocument is what --json prints; see the package's documentation.
type runsDocument struct {
	Verdict checkers.Verdict `json:"verdict"`
	// Counts are the runs by verdict.
	Counts map[string]int `json:"counts"`
	Runs   []runDocument  `json:"runs"`
	// NotRun are the scenarios, one entry a run, that could not be run or were not
	// reached.
	NotRun []notRun `json:"not_run,omitempty"`
	// LeftOut are scenarios that --all or --tag would have chosen, had they no
	// known violation.
	LeftOut []string `json:"left_out,omitempty"`

	byVerdict map[checkers.Verdict]int
}

func newRunsDocument() *runsDocument {
	return &runsDocument{Counts: map[string]int{}, Runs: []runDocument{}, byVerdict: map[checkers.Verdict]int{}}
}

func (d *runsDocument) add(run runDocument) {
	d.Runs = append(d.Runs, run)
	d.Counts[run.Verdict.String()]++
	d.byVerdict[run.Verdict]++
	d.Verdict = max(d.Verdict, run.Verdict)
}

type runDocument struct {
	Directory string `json:"directory"`
	// Known is the finding of the track record that knows a violation of the
	// scenario.
	Known string `json:"known,omitempty"`
	// Beside are the runs of this command that ran at the same time, by their
	// identifiers.
	Beside []string `json:"beside,omitempty"`
	results.Run
}

// notRun is a run that did not come about.
type notRun struct {
	Scenario string `json:"scenario"`
	// Why is what the machine lacks, or that it was interrupted.
	Why string `json:"why"`
}

func (a *app) run(ctx context.Context, s harness.Scenario, c choice, o harness.Options, repeat int, verbose bool) error {
	ctx, interrupt, stop := a.signals(ctx)
	defer stop()
	o.Interrupt = interrupt
	o.Again = c.again
	out := newRunsDocument()
	for n := range repeat {
		show := newProgress(a.stderr, verbose)
		if repeat > 1 {
			show.prefix = fmt.Sprintf("%d/%d ", n+1, repeat)
		}
		o.Watch = show.tell
		run, dir, err := harness.Run(ctx, s, o)
		show.clear()
		if err != nil {
			// What was found before stands.
			if out.Verdict == checkers.Violation {
				fmt.Fprintf(a.stderr, "seatrial: %v\n", err)
				break
			}
			return failed(err)
		}
		out.add(a.document(run, dir))
		if err := a.showRun(run, dir, repeat, n); err != nil {
			return failed(err)
		}
		if isClosed(interrupt) {
			break
		}
	}
	if len(out.Runs) < repeat { // interrupted: what did not run is no pass
		out.Verdict = max(out.Verdict, checkers.Inconclusive)
	}
	a.verdict = out.Verdict
	if a.json {
		return failed(a.printJSON(out))
	}
	if out.Verdict == checkers.Pass {
		a.suggestDefect(s)
	}
	if repeat > 1 {
		a.printf("\n%s: %s\n", s.Name, harness.CountsText(out.byVerdict, len(out.Runs)))
	}
	return nil
}

// document is a run's JSON.
func (a *app) document(run results.Run, dir *results.Dir) runDocument {
	d := runDocument{Directory: dir.Path(""), Run: run}
	if f := a.known(run.Scenario); f != nil {
		d.Known = f.Name
	}
	return d
}

// showRun prints a run's summary; of many runs a line each, and the whole of
// those that did not pass only for the first of its verdict.
func (a *app) showRun(run results.Run, dir *results.Dir, repeat, n int) error {
	switch {
	case a.json:
		return nil
	case repeat == 1:
		return results.WriteSummary(a.stdout, run, shortPath(dir.Path("")), color(a.stdout))
	}
	a.printf("%3d  %-12s  seed %-11d %6d operations  %s\n", n+1, run.Verdict, run.Seed, run.Counted().Total(), shortPath(dir.Path(results.ReportFile)))
	if run.Verdict != checkers.Pass {
		a.printf("     %s\n", run.Summary)
	}
	return nil
}

// suggestDefect says how to see a violation, after a pass of a system that has
// defects to switch on.
func (a *app) suggestDefect(s harness.Scenario) {
	defective, ok := s.System.(cluster.Defective)
	if !ok || len(defective.Defects()) == 0 {
		return
	}
	d := defective.Defects()[0]
	a.printf("\n%s has defects to switch on. See one caught:\n  %s run %s --defect %s\n", s.System.SystemName(), program(), d.CaughtBy, d.Name)
}

// again are the commands that repeat a run.
func (c choice) again(s harness.Scenario, seed uint64) []string {
	line := fmt.Sprintf("%s run %s --seed %d", program(), s.Name, seed)
	for _, flag := range []struct{ name, value string }{{"version", c.version}, {"defect", c.defect}, {"runtime", c.runtime}} {
		if flag.value != "" {
			line += " --" + flag.name + " " + flag.value
		}
	}
	return []string{line, line + " --repeat 10"}
}

// program is how the user called this program, so that a suggested line works
// pasted as printed.
func program() string { return os.Args[0] }

// shortPath is the path relative to the working directory where that is shorter.
func shortPath(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(here, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return rel
}

// signals turns the first SIGINT or SIGTERM into a closed channel and the second
// into the end of the context.
func (a *app) signals(ctx context.Context) (context.Context, <-chan struct{}, func()) {
	ctx, cancel := context.WithCancel(ctx)
	interrupt := make(chan struct{})
	arrived := make(chan os.Signal, 2)
	signal.Notify(arrived, os.Interrupt, syscall.SIGTERM)
	go func() {
		for first := true; ; first = false {
			select {
			case <-arrived:
			case <-ctx.Done():
				return
			}
			if !first {
				signal.Stop(arrived) // a third one ends the program
				cancel()
				return
			}
			fmt.Fprintln(a.stderr, "\nseatrial: interrupted: healing, saving and tearing down; again to tear down at once")
			close(interrupt)
		}
	}()
	return ctx, interrupt, func() { signal.Stop(arrived); cancel() }
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
