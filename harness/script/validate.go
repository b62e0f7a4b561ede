package script

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/workloads"
)

// Validate says what is wrong with a script for a system, before anything starts.
func (s Script) Validate(system cluster.System, w fault.World) error {
	c, err := compile(s, 0)
	if err != nil {
		return err
	}
	for _, at := range s.Sessions {
		if at.Node != "" && !slices.Contains(system.NodeNames(), at.Node) {
			return fmt.Errorf("script: session %s sits with %q: there are %s", at.Name, at.Node, strings.Join(system.NodeNames(), ", "))
		}
		if at.Group != "" && !slices.ContainsFunc(w.Groups, func(g fault.Group) bool { return string(g.Name) == at.Group }) {
			return fmt.Errorf("script: session %s is in the client group %q, and there is none of that name", at.Name, at.Group)
		}
	}
	for _, a := range c.actions {
		if err := a.validate(system, w); err != nil {
			return fmt.Errorf("script: step %d, %s: %w", a.number, a.text, err)
		}
	}
	return nil
}

func (a action) validate(system cluster.System, w fault.World) error {
	switch {
	case a.fault != nil:
		return fault.Check(fault.For{Duration: time.Second, Fault: a.fault}, system, w)
	case a.barrier != nil:
		return validateBarrier(a.barrier, system)
	}
	steps := append(slices.Clone(a.steps), a.op.Steps...)
	if len(steps) == 0 {
		return nil
	}
	opener, ok := system.(workloads.TransactionOpener)
	if !ok {
		return fmt.Errorf("%s has no transactions", system.SystemName())
	}
	for _, step := range steps {
		if !slices.Contains(opener.TransactionSteps(), step.Kind()) {
			return fmt.Errorf("the transactions of %s have no step %v", system.SystemName(), step.Kind())
		}
	}
	return nil
}

func validateBarrier(b Barrier, system cluster.System) error {
	var node string
	switch b := b.(type) {
	case Acknowledged:
		if b.More < 1 {
			return fmt.Errorf("the number More is %d: it must be at least 1", b.More)
		}
	case LeaderIs, LeaderIsNot:
		if _, finds := system.(cluster.LeaderFinder); !finds {
			return fmt.Errorf("%s has no way to say who leads", system.SystemName())
		}
		if is, ok := b.(LeaderIs); ok {
			node = is.Node
		} else if not := b.(LeaderIsNot); not.Node != "" {
			node = not.Node
		} else {
			return nil
		}
		return known(node, system)
	case Seen:
		if _, views := system.(cluster.Viewer); !views {
			return fmt.Errorf("%s says nothing of itself", system.SystemName())
		}
		return known(b.Node, system)
	case LogLine:
		if b.Contains == "" {
			return fmt.Errorf("the text Contains is empty: every line does")
		}
		return known(b.Node, system)
	}
	return nil
}

func known(node string, system cluster.System) error {
	if !slices.Contains(system.NodeNames(), node) {
		return fmt.Errorf("there is no node %q; there are %s", node, strings.Join(system.NodeNames(), ", "))
	}
	return nil
}

// NeedsStreams reports whether a fault of the script works on byte streams between
// nodes, so that their links must go through a proxy.
func (s Script) NeedsStreams() bool { return slices.ContainsFunc(s.Faults(), fault.NeedsStreams) }

// NeedsNames reports whether a fault of the script is one on names, so that what
// nodes ask of their name servers must go through a relay.
func (s Script) NeedsNames() bool { return slices.ContainsFunc(s.Faults(), fault.NeedsNames) }

// NeedsDisk reports whether a fault of the script is one on disks, so that nodes
// must keep their data behind a disk that can fail.
func (s Script) NeedsDisk() bool { return slices.ContainsFunc(s.Faults(), fault.NeedsDisk) }

// Faults lists every fault that the script injects.
func (s Script) Faults() []fault.Fault {
	c, err := compile(s, 0)
	if err != nil {
		return nil
	}
	var all []fault.Fault
	for _, a := range c.actions {
		if a.fault != nil {
			all = append(all, a.fault)
		}
	}
	return all
}

// FinalReads lists the keys that the script uses, to be read once after everything
// is healed.
func (s Script) FinalReads() []workloads.FinalRead {
	c, err := compile(s, 0)
	if err != nil {
		return nil
	}
	return c.final
}
