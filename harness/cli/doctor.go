package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/checkers"
)

// The states of a check.
const (
	stateOK      = "ok"
	stateWarning = "warning"
	stateMissing = "missing"
)

// diagnosis is what a check of this machine found, and its JSON.
type diagnosis struct {
	// Name is for instance "docker".
	Name string `json:"name"`
	// State is "ok", "warning" or "missing".
	State string `json:"state"`
	// Text is what was found.
	Text string `json:"text"`
	// Inferred says that it was not tried, but concluded from what is installed.
	Inferred bool `json:"inferred"`
	// Costs is what does not work without it, and Remedy what to do.
	Costs  string `json:"costs,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// doctorDocument is what doctor prints as JSON; see the package's documentation.
type doctorDocument struct {
	Checks []diagnosis `json:"checks"`
	// Runs are the scenarios that can run here, by the runtime on which they would.
	Runs map[string][]string `json:"runs"`
	// Lacks are the scenarios that can't run here, with what each lacks.
	Lacks []lacking `json:"lacks"`
}

// lacking is a scenario that can't run here.
type lacking struct {
	Scenario string `json:"scenario"`
	Lacks    string `json:"lacks"`
}

// buildWithin bounds the building of the agent, which on a new machine compiles
// it and its libraries; checkWithin bounds every other check.
const (
	buildWithin = 3 * time.Minute
	checkWithin = 10 * time.Second
)

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine can run, and what to do about the rest",
		Long: `Doctor tries what runs need: it asks the Docker engine, builds the pods' agent,
starts two empty pods, cuts them apart and looks whether anything comes through,
and removes them. What can't be tried cheaply is concluded from what is installed,
and marked as inferred.

The exit code is 0 where at least one scenario can run here, else 3; the last lines
name those that can't.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m := examineMachine(cmd.Context(), a.say)
			out := a.diagnose(m)
			if len(out.Lacks) > 0 && len(out.Runs) == 0 {
				a.verdict = checkers.Error
			}
			if a.json {
				return failed(a.printJSON(out))
			}
			a.printDoctor(out)
			return nil
		},
	}
}

// say tells of something that takes long.
func (a *app) say(line string) { fmt.Fprintf(a.stderr, "%s\n", line) }

// within runs a check under a deadline.
func within(ctx context.Context, limit time.Duration, check func(context.Context)) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
	defer cancel()
	check(ctx)
}

// diagnose puts the checks and what they mean for the scenarios together.
func (a *app) diagnose(m *machine) doctorDocument {
	out := doctorDocument{Runs: map[string][]string{}, Lacks: []lacking{}}
	for _, s := range a.scenarios {
		if runtime, lacks := m.canRun(s); lacks == nil {
			out.Runs[runtime] = append(out.Runs[runtime], s.Name)
		} else {
			out.Lacks = append(out.Lacks, lacking{s.Name, lacks.Error()})
		}
	}
	out.Checks = m.checks(a.scenarios)
	return out
}

func (a *app) printDoctor(out doctorDocument) {
	t := table{}
	for _, d := range out.Checks {
		text := d.Text
		if d.Inferred {
			text += " (inferred)"
		}
		t.row(d.State, d.Name, text)
		if d.Costs != "" {
			t.row("", "  costs", d.Costs)
		}
		if d.Remedy != "" {
			t.row("", "  do", d.Remedy)
		}
	}
	a.printf("%s\n", t.text())
	can := 0
	var where []string
	for _, in := range []struct{ runtime, text string }{{"pod", "in pods"}, {"process", "as processes"}} {
		if n := len(out.Runs[in.runtime]); n > 0 {
			can += n
			where = append(where, fmt.Sprintf("%d %s", n, in.text))
		}
	}
	if can > 0 {
		a.printf("%d of %d scenarios can run here: %s\n", can, can+len(out.Lacks), strings.Join(where, ", "))
	} else {
		a.printf("none of %d scenarios can run here\n", len(out.Lacks))
	}
	for i := 0; i < len(out.Lacks); {
		same := i
		for same < len(out.Lacks) && out.Lacks[same].Lacks == out.Lacks[i].Lacks {
			same++
		}
		a.printf("not here: %s\n", out.Lacks[i].Lacks)
		for _, one := range out.Lacks[i:same] {
			a.printf("  %s\n", one.Scenario)
		}
		i = same
	}
}
