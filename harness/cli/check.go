package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/checkers/txn"
	"github.com/seatrial/seatrial/harness/history/edn"
	"github.com/seatrial/seatrial/results"
)

// checkOptions are the flags of check.
type checkOptions struct {
	as       string // the model; empty where the history says it
	initial  string
	nilRead  string
	unwrap   bool
	report   string
	level    string
	judge    checkers.ModelOptions
	total    int64
	given    map[string]bool // the flags that were given, by name
	progress time.Duration   // how long to be silent
}

func (a *app) checkCommand() *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Judge saved runs and histories, without starting anything",
		Long: `Check reads run directories, history files of seatrial, and histories of Jepsen in
EDN, and judges them: a run by the checks that its plan names, a history alone by
the model that its header names or --as says. Nothing is written but the report.

Models that are judged for linearizability: register, cas-register, multi-register,
kv (read, write, append), mutex, fenced-mutex, fifo-queue, queue,
linearizable-set, linearizable-counter.
Models that are judged as Jepsen does: set, set-full, total-queue, counter,
unique-ids, bank, long-fork, causal-reverse.
Transactions, by the consistency model that --level names: list-append, rw-register.

Of several files a table is printed, and the exit code is that of the worst.`,
		Example: `  seatrial check results/runs/latest
  seatrial check history.jsonl
  seatrial check jepsen/history.edn --as cas-register --initial 0
  seatrial check *.edn --as register --unwrap`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("check takes run directories or history files, and got none")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.given = map[string]bool{}
			for _, name := range []string{"initial", "nil-read", "unwrap", "total", "negative", "group", "level", "as", "report"} {
				o.given[name] = cmd.Flags().Changed(name)
			}
			o.progress = 2 * time.Second
			if o.given["total"] {
				o.judge.Total = &o.total
			}
			if err := o.validate(args); err != nil {
				return err
			}
			return a.check(cmd.Context(), args, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.as, "as", "", "the `MODEL` of the history, see above")
	f.StringVar(&o.initial, "initial", "", "what every key held at first: an integer, nil, or a text; of EDN registers it is unknown unless given")
	f.StringVar(&o.nilRead, "nil-read", "", "EDN: what a read of nil means, `wildcard` (nobody knows) or value (the key is absent)")
	f.BoolVar(&o.unwrap, "unwrap", false, "EDN: values [k v] are a key and its value")
	f.Int64Var(&o.total, "total", 0, "bank: what all balances sum up to; else all reads must agree")
	f.BoolVar(&o.judge.Negative, "negative", false, "bank: balances may be negative")
	f.IntVar(&o.judge.Group, "group", 0, "long-fork: how many keys a group has; else as many as a read covers")
	f.StringVar(&o.level, "level", "", "list-append and rw-register: the consistency `MODEL` that must not be refuted (default strict-serializable)")
	f.StringVar(&o.report, "report", "", "write a report page to this `FILE`")
	return cmd
}

// validate checks the flags against each other and against the number of files.
func (o *checkOptions) validate(args []string) error {
	if o.given["as"] && !slices.Contains(modelNames(), o.as) {
		return fmt.Errorf("--as %q is no model: there are %s", o.as, strings.Join(modelNames(), ", "))
	}
	if o.given["level"] && !isTransactional(o.as) {
		return fmt.Errorf("--level is for --as %s and --as %s", modelListAppend, modelRWRegister)
	}
	if o.given["level"] && !slices.Contains(txn.Levels(), o.level) {
		return fmt.Errorf("--level %q is no consistency model: there are %s", o.level, strings.Join(txn.Levels(), ", "))
	}
	for flag, model := range map[string]string{"total": "bank", "negative": "bank", "group": "long-fork"} {
		if o.given[flag] && o.as != model {
			return fmt.Errorf("--%s is for --as %s", flag, model)
		}
	}
	switch {
	case o.given["nil-read"] && o.nilRead != edn.Wildcard && o.nilRead != edn.NilValue:
		return fmt.Errorf("--nil-read %q: it is %s or %s", o.nilRead, edn.Wildcard, edn.NilValue)
	case o.given["group"] && o.judge.Group < 2:
		return fmt.Errorf("--group %d: a group has at least 2 keys", o.judge.Group)
	case o.given["report"] && len(args) > 1:
		return fmt.Errorf("--report shows one history, and %d files are given", len(args))
	}
	return nil
}

// check judges files in turn. A file that can't be read does not keep the others
// from being judged; the exit code is 64 all the same.
func (a *app) check(ctx context.Context, paths []string, o checkOptions) error {
	judged := make([]*judged, 0, len(paths))
	var unreadable []error
	for _, path := range paths {
		j := a.judgeFile(ctx, path, o)
		if j.err != nil {
			unreadable = append(unreadable, j.err)
		}
		judged = append(judged, j)
		a.verdict = max(a.verdict, j.Verdict)
	}
	if o.report != "" && len(unreadable) == 0 {
		if err := writeCheckReport(o.report, judged[0]); err != nil {
			return err
		}
	}
	if len(paths) == 1 && len(unreadable) == 1 {
		return unreadable[0]
	}
	if err := a.printCheck(judged, a.verdict); err != nil {
		return failed(err)
	}
	if len(unreadable) > 0 {
		return fmt.Errorf("%d of %d files can't be judged:\n%w", len(unreadable), len(paths), errors.Join(unreadable...))
	}
	return nil
}

// writeCheckReport writes the page of one history.
func writeCheckReport(path string, j *judged) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	err = results.WriteReport(file, j.run(), j.history)
	return errors.Join(err, file.Close())
}

// The models of transactions, which have a package of their own.
const (
	modelListAppend = "list-append"
	modelRWRegister = "rw-register"
)

func isTransactional(model string) bool { return model == modelListAppend || model == modelRWRegister }

// modelNames are those that --as may have.
func modelNames() []string { return append(checkers.Models(), modelListAppend, modelRWRegister) }

// modelChecks are the checks of a model.
func modelChecks(model, level string, o checkers.ModelOptions) (checkers.All, error) {
	switch model {
	case modelListAppend:
		return checkers.All{txn.ListAppend{Level: level}}, nil
	case modelRWRegister:
		return checkers.All{txn.Register{Level: level}}, nil
	default:
		return checkers.ForModel(model, o)
	}
}
