package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/results"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check RUN",
		Short: "Judge a saved run or history again, without starting anything",
		Long: `Check reads a run directory, or a history file, and asks the judges again: those
that the run's plan names, or for a history alone linearizability and enough load.
Nothing is written.`,
		Example: "  seatrial check results/runs/latest\n  seatrial check history.jsonl",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("check takes one run directory or history file, and got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := results.Open(args[0])
			if err != nil {
				return err
			}
			path, found := dir.History()
			if !found {
				return fmt.Errorf("%s holds no %s: there is nothing to judge", args[0], results.HistoryFile)
			}
			h, err := history.ReadFile(path)
			if err != nil {
				return err
			}
			checks, from, err := checksFor(dir, h.Header)
			if err != nil {
				return err
			}
			all := checks.Judge(cmd.Context(), checkers.Evidence{History: h, Logs: dir.Logs()}, checkers.Budget{})
			a.verdict = checkers.Worst(all)
			return failed(a.printCheck(path, from, h, all))
		},
	}
}

// checksFor are the checks that the run's plan names, or those that every history
// of a register can be asked.
func checksFor(dir *results.Dir, header history.Header) (checks checkers.All, from string, err error) {
	file, err := dir.OpenFile(results.PlanFile)
	if errors.Is(err, fs.ErrNotExist) {
		checks = checkers.All{checkers.Linearizable{}}
		if header.Model == "append-list" {
			checks = checkers.All{checkers.NothingLost{}, checkers.SetFull{}}
		}
		return append(checks, checkers.LoadFloor{}, checkers.Complete{}), "its header", nil
	} else if err != nil {
		return nil, "", err
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, "", fmt.Errorf("read the plan: %w", err)
	}
	checks, err = harness.PlanChecks(text)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", dir.Path(results.PlanFile), err)
	}
	return checks, results.PlanFile, nil
}

func (a *app) printCheck(path, from string, h *history.History, all []checkers.Result) error {
	if a.json {
		return a.printJSON(map[string]any{"history": path, "checks_from": from, "verdict": checkers.Worst(all), "results": all})
	}
	a.printf("%s: %d operations", shortPath(path), len(h.Ops))
	if h.Header.Scenario != "" {
		a.printf(" of %s, seed %d", h.Header.Scenario, h.Header.Seed)
	}
	a.printf("; judged as %s says\n\n", from)
	for _, r := range all {
		a.printf("%-12s  %s: %s\n", r.Verdict, r.Checker, r.Summary)
		if r.Method != "" {
			a.printf("              decided by %s in %.3f s\n", r.Method, r.Elapsed.Seconds())
		}
		if r.Proof != nil {
			for _, line := range r.Proof.Story {
				a.printf("              %s\n", strings.TrimSpace(line))
			}
		}
	}
	a.printf("\n%s\n", checkers.Worst(all))
	return nil
}
