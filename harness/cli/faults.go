package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/cluster/process"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/link"
)

// faultsDocument is what faults prints as JSON; see the package's documentation.
type faultsDocument struct {
	Faults []listedFault `json:"faults"`
}

// listedFault is a fault in the list, and its JSON.
type listedFault struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	About string `json:"about"`
	// Parameters are the fields of its Go type, in their order.
	Parameters []fault.Parameter `json:"parameters"`
	// Runtimes says of "pod" and "process" whether it applies here.
	Runtimes map[string]faultHere `json:"runtimes"`
}

// faultHere is a fault on one runtime of this machine.
type faultHere struct {
	Applies bool `json:"applies"`
	// Engine is what does it, and Why why nothing does.
	Engine string `json:"engine,omitempty"`
	Why    string `json:"why,omitempty"`
}

func (a *app) faultsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "faults",
		Short: "Show every fault, its parameters, and what does it on this machine",
		Long: `Faults shows every kind of fault: what it does, its parameters, and for pods and
processes by which means it is done here, or why it does not apply. To know, it
starts two empty pods and removes them. A system of one node has no links to cut;
seatrial plan says what of a scenario does not apply to it.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m := examineForFaults(cmd.Context(), a.say)
			out := m.faults()
			if a.json {
				return failed(a.printJSON(out))
			}
			a.printFaults(out)
			return nil
		},
	}
}

// examineForFaults makes the checks that faults depend on.
func examineForFaults(ctx context.Context, say func(string)) *machine {
	m := &machine{}
	within(ctx, checkWithin, m.askEngine)
	within(ctx, checkWithin, func(ctx context.Context) { m.noProcess = process.Runtime{}.Available(ctx) })
	m.pods.failed = errors.New("there is no Docker engine")
	if m.noEngine == nil {
		m.pods = tryPods(ctx, say)
	}
	return m
}

// faults asks every fault about both runtimes.
func (m *machine) faults() faultsDocument {
	out := faultsDocument{Faults: []listedFault{}}
	pods, processes := m.pods.network, process.Runtime{}.Network()
	if pods == nil {
		pods = pod.Runtime{}.Network()
	}
	for _, e := range fault.All() {
		out.Faults = append(out.Faults, listedFault{Name: e.Name(), Kind: string(e.Kind), About: e.About, Parameters: e.Parameters(),
			Runtimes: map[string]faultHere{
				"pod":     here(e.Example, fault.World{Runtime: "pod", Network: pods, NoDisks: m.pods.disks}, m.pods.failed),
				"process": here(e.Example, fault.World{Runtime: "process", Network: processes}, m.noProcess),
			}})
	}
	return out
}

// here says whether the fault applies to any system on a runtime, which this machine
// may lack.
func here(f fault.Fault, on fault.World, lacks error) faultHere {
	err := lacks
	if err == nil {
		w := fault.WorldOf(anySystem{})
		w.Runtime, w.Network, w.NoDisks = on.Runtime, on.Network, on.NoDisks
		w.Groups = []fault.Group{{Name: link.Clients}}
		err = fault.Applies(f, w)
	}
	if err != nil {
		return faultHere{Why: oneLine(err)}
	}
	return faultHere{Applies: true, Engine: fault.Engine(f, on.Runtime)}
}

// anySystem is what faults are shown for: three nodes with a leader.
type anySystem struct{ idle }

func (anySystem) NodeNames() []string { return []string{"n1", "n2", "n3"} }
func (anySystem) Leader(context.Context, link.Session) (string, uint64, error) {
	return "n1", 1, nil
}

func (a *app) printFaults(out faultsDocument) {
	t := table{indent: "  "}
	t.row("FAULT", "IN PODS", "AS PROCESSES", "WHAT IT DOES (PARAMETERS)")
	kind := ""
	for _, f := range out.Faults {
		if f.Kind != kind {
			kind = f.Kind
			t.row(kind)
		}
		var names []string
		for _, p := range f.Parameters {
			names = append(names, p.Name)
		}
		t.row(f.Name, f.Runtimes["pod"].cell(), f.Runtimes["process"].cell(), fmt.Sprintf("%s (%s)", f.About, strings.Join(names, ", ")))
	}
	a.printf("%s%s", t.text(), notHere(out))
}

func (f faultHere) cell() string {
	if f.Applies {
		return f.Engine
	}
	return "-"
}

// notHere says what does not apply, and why; "" where all does.
func notHere(out faultsDocument) string {
	t := table{indent: "  "}
	for _, in := range []struct{ runtime, text string }{{"pod", "in pods"}, {"process", "as processes"}} {
		var reasons []string
		of := map[string][]string{}
		for _, f := range out.Faults {
			if why := f.Runtimes[in.runtime].Why; why != "" {
				if of[why] == nil {
					reasons = append(reasons, why)
				}
				of[why] = append(of[why], f.Name)
			}
		}
		for _, why := range reasons {
			which := strings.Join(of[why], ", ")
			if len(of[why]) == len(out.Faults) {
				which = "nothing"
			}
			t.row(which+" "+in.text, why)
		}
	}
	if len(t.rows) == 0 {
		return ""
	}
	return "\nnot here, and why\n" + t.text()
}
