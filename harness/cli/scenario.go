package cli

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster"
)

// choice is a scenario with the flags that vary it.
type choice struct {
	seed                     string
	version, defect, runtime string
}

func (c *choice) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.seed, "seed", "", "what the plan and the operations are drawn from (default: drawn)")
	cmd.Flags().StringVar(&c.version, "version", "", "the system's version")
	cmd.Flags().StringVar(&c.defect, "defect", "", "switch a defect of the system on; see seatrial list")
	cmd.Flags().StringVar(&c.runtime, "runtime", "", "process or pod")
}

// seedValue is the seed that was asked for, nil where none was.
func (c *choice) seedValue() (*uint64, error) {
	if c.seed == "" {
		return nil, nil
	}
	seed, err := strconv.ParseUint(c.seed, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("--seed %s is not a whole number from 0 to 2^64-1", c.seed)
	}
	return &seed, nil
}

// scenario finds the scenario by its name and varies it as the flags say.
func (a *app) scenario(name string, c choice) (harness.Scenario, error) {
	i := slices.IndexFunc(a.scenarios, func(s harness.Scenario) bool { return s.Name == name })
	if i < 0 {
		return harness.Scenario{}, fmt.Errorf("there is no scenario %q: %s", name, a.suggest(name))
	}
	s := a.scenarios[i]
	if c.version != "" {
		versioned, ok := s.System.(cluster.Versioned)
		if !ok {
			return s, fmt.Errorf("--version %s: %s comes in one version only", c.version, s.System.SystemName())
		}
		s.System = versioned.WithVersion(c.version)
	}
	if c.defect != "" {
		defective, ok := s.System.(cluster.Defective)
		if !ok {
			return s, fmt.Errorf("--defect %s: %s has no defects to switch on", c.defect, s.System.SystemName())
		}
		s.System = defective.WithDefect(c.defect)
	}
	if c.runtime != "" {
		s.Runtime = c.runtime
	}
	return s, s.Validate()
}

// suggest names the scenarios nearest to a name that does not exist.
func (a *app) suggest(name string) string {
	var names []string
	for _, s := range a.scenarios {
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		return "this program has none"
	}
	return "the nearest are " + nearest(name, names) + "; seatrial list shows all"
}

// noArguments is the argument check of commands that take none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments, and got %q", cmd.Name(), args[0])
	}
	return nil
}

// oneScenario is the argument check of commands that take a scenario's name.
func oneScenario(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s takes the name of one scenario, and got %d: see seatrial list", cmd.Name(), len(args))
	}
	return nil
}
