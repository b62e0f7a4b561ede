package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster/pod"
)

func (a *app) gcCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "gc",
		Short: "Remove what dead runs left behind, and only that",
		Long: `Gc removes the containers, networks, processes and temporary files of runs whose
process is gone. Runs that are alive, and everything that no run made, are left alone.
Run directories stay.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			removed, err := harness.CollectGarbage(cmd.Context())
			if missing := (pod.Runtime{}).Available(cmd.Context()); missing != nil {
				fmt.Fprintf(a.stderr, "seatrial: containers and networks were not looked at: %v\n", missing)
			}
			if a.json {
				if removed == nil {
					removed = []string{}
				}
				if e := a.printJSON(map[string]any{"removed": removed}); e != nil {
					return failed(e)
				}
				return failed(err)
			}
			for _, line := range removed {
				a.printf("removed %s\n", line)
			}
			if len(removed) == 0 && err == nil {
				a.printf("nothing to remove\n")
			}
			return failed(err)
		},
	}
}
