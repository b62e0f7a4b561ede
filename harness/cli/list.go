package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness/cluster"
)

// listed is a scenario in the list, and its JSON.
type listed struct {
	Name     string   `json:"name"`
	About    string   `json:"about"`
	System   string   `json:"system"`
	Versions []string `json:"versions"`
	Runtimes []string `json:"runtimes"`
	// Seconds is how long clients work.
	Seconds float64 `json:"load_seconds"`
}

// listedDefect is a defect in the list, and its JSON.
type listedDefect struct {
	System   string `json:"system"`
	Name     string `json:"name"`
	About    string `json:"about"`
	CaughtBy string `json:"caught_by"`
}

func (a *app) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Show the scenarios, and the defects that can be switched on",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			scenarios, defects := a.listing()
			if a.json {
				return failed(a.printJSON(map[string]any{"scenarios": scenarios, "defects": defects}))
			}
			return failed(a.printList(scenarios, defects))
		},
	}
}

func (a *app) listing() (scenarios []listed, defects []listedDefect) {
	seen := map[string]bool{}
	for _, s := range a.scenarios {
		l := listed{Name: s.Name, About: s.About, System: s.System.SystemName(), Seconds: s.Duration.Seconds(),
			Versions: []string{s.System.SystemVersion()}}
		if versioned, ok := s.System.(cluster.Versioned); ok {
			l.Versions = versioned.Versions()
		}
		if _, ok := s.System.(cluster.ProcessSystem); ok {
			l.Runtimes = append(l.Runtimes, "process")
		}
		if _, ok := s.System.(cluster.PodSystem); ok {
			l.Runtimes = append(l.Runtimes, "pod")
		}
		scenarios = append(scenarios, l)
		if defective, ok := s.System.(cluster.Defective); ok && !seen[l.System] {
			seen[l.System] = true
			for _, d := range defective.Defects() {
				defects = append(defects, listedDefect{l.System, d.Name, d.About, d.CaughtBy})
			}
		}
	}
	return scenarios, defects
}

func (a *app) printList(scenarios []listed, defects []listedDefect) error {
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SCENARIO\tVERSIONS\tRUNTIME\tLOAD\tWHAT MUST HOLD")
	for _, l := range scenarios {
		load := time.Duration(l.Seconds * float64(time.Second))
		fmt.Fprintf(table, "%s\t%s\t%s\t%v\t%s\n", l.Name, strings.Join(l.Versions, " "), strings.Join(l.Runtimes, " "), load, l.About)
	}
	if len(defects) > 0 {
		fmt.Fprintln(table, "\nDEFECT\tSYSTEM\t\t\tCAUGHT BY")
		for _, d := range defects {
			fmt.Fprintf(table, "%s\t%s\t\t\t%s run %s --defect %s\n", d.Name, d.System, program(), d.CaughtBy, d.Name)
		}
	}
	return table.Flush()
}
