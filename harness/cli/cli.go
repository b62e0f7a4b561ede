package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness"
)

// ExitUsage is the exit code for wrong flags, names or files.
const ExitUsage = 64

// Set is what a command line knows.
type Set struct {
	Scenarios []harness.Scenario
	// Findings are the rows of the track record.
	Findings []harness.Finding
}

// Main runs the command line with the program's arguments, and exits.
func Main(set Set) {
	os.Exit(Run(context.Background(), set, os.Args[1:], os.Stdout, os.Stderr))
}

// Run runs one command and returns its exit code.
func Run(ctx context.Context, set Set, args []string, stdout, stderr io.Writer) int {
	a := &app{scenarios: set.Scenarios, findings: set.Findings, stdout: stdout, stderr: stderr}
	root := a.command()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return a.verdict.ExitCode()
	}
	fmt.Fprintf(stderr, "seatrial: %v\n", err)
	var failed failure
	if errors.As(err, &failed) {
		return checkers.Error.ExitCode()
	}
	return ExitUsage
}

// app is one invocation of the command line.
type app struct {
	scenarios      []harness.Scenario
	findings       []harness.Finding
	stdout, stderr io.Writer
	json           bool
	// verdict decides the exit code where there was no error.
	verdict checkers.Verdict
}

// failure marks an error of the machine or the harness, as opposed to one in
// what was asked for. It exits with 3.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// failed marks every error but a usage error.
func failed(err error) error {
	var wrong harness.UsageError
	if err == nil || errors.As(err, &wrong) {
		return err
	}
	return failure{err}
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "seatrial",
		Short: "Breaks stateful systems on purpose and judges what their clients saw",
		Long: `seatrial starts a real system, lets clients work while faults are injected,
records what they asked and were told, and judges the record.

Exit codes: 0 pass, 1 violation, 3 error, 4 inconclusive, 64 wrong flags, names or files.`,
		Version:       harness.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no command %q: see seatrial --help", args[0])
			}
			return cmd.Help()
		},
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print one JSON document for scripts")
	root.AddCommand(a.runCommand(), a.planCommand(), a.listCommand(), a.faultsCommand(), a.checkCommand(),
		a.trackrecordCommand(), a.doctorCommand(), a.gcCommand())
	return root
}

// printJSON writes one indented document.
func (a *app) printJSON(v any) error {
	encoder := json.NewEncoder(a.stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// printf writes to standard output. That it can't be written to is nothing that
// could be told there.
func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.stdout, format, args...) }

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// color says whether w takes colours; see no-color.org.
func color(w io.Writer) bool { return os.Getenv("NO_COLOR") == "" && isTerminal(w) }
