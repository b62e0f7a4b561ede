package cli

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/named"
)

func (a *app) planCommand() *cobra.Command {
	var c choice
	cmd := &cobra.Command{
		Use:     "plan SCENARIO",
		Short:   "Print the steps of a seed without starting anything",
		Example: "  seatrial plan canary/register/mixed --seed 7",
		Args:    oneScenario,
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.scenario(args[0], c)
			if err != nil {
				return err
			}
			seed, err := c.seedValue()
			if err != nil {
				return err
			}
			if seed == nil {
				drawn := uint64(rand.Uint32())
				seed = &drawn
			}
			plan, err := harness.NewPlan(s, *seed)
			if err != nil {
				return err
			}
			return a.printPlan(plan, c)
		},
	}
	c.flags(cmd)
	return cmd
}

func (a *app) printPlan(plan harness.Plan, c choice) error {
	if a.json {
		text, err := named.Marshal(plan)
		if err != nil {
			return failed(err)
		}
		a.printf("%s\n", text)
		return nil
	}
	s := plan.Scenario
	a.printf("%s, seed %d\n", s.Name, plan.Seed)
	load := fmt.Sprintf("%d clients, at most %d operations a second, for %v", s.Clients, s.Rate, s.Duration)
	if !s.Script.Empty() {
		load = fmt.Sprintf("a script, beside %d clients at random, for at most %v", s.Clients, s.Duration)
	}
	a.printf("%s %s, %d nodes, %s runtime; %s\n\n",
		s.System.SystemName(), s.System.SystemVersion(), len(s.System.NodeNames()), s.Runtime, load)
	if len(plan.Steps) == 0 {
		a.printf("no faults\n")
	}
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	if len(plan.Steps) > 0 {
		fmt.Fprintln(table, "STEP\tAT\tFOR\tENGINE\tFAULT")
	}
	for _, step := range plan.Steps {
		engine := step.Engine
		if engine == "" {
			engine = "-"
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", step.Number, seconds(step.At), seconds(step.For), engine, step.Text)
	}
	if err := table.Flush(); err != nil {
		return failed(err)
	}
	if len(plan.LeftOut) > 0 {
		a.printf("\nLEFT OUT\n")
		for _, one := range plan.LeftOut {
			a.printf("%s: %s\n", one.Fault, one.Reason)
		}
	}
	if lines := s.Script.Text(); len(lines) > 0 {
		a.printf("\nSCRIPT\n%s\n", strings.Join(lines, "\n"))
	}
	a.printf("\nRun it: %s\n", c.again(s, plan.Seed)[0])
	return nil
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3f s", d.Seconds())
}
