package checkers

import (
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// places says where each process sat: its node and its group, by their numbers in
// nodes and groups. It is made once, for scans that ask it of every operation.
type places struct {
	nodes, groups []string // sorted
	dense         []place  // by process
	sparse        map[int32]place
}

// place is -1 where nobody recorded it.
type place struct{ node, group int32 }

var nowhere = place{-1, -1}

func placesOf(h *history.History) *places {
	p := &places{}
	highest := int32(-1)
	for i := range h.Sessions {
		s := &h.Sessions[i]
		highest = max(highest, s.Process)
		p.nodes, p.groups = append(p.nodes, s.Node), append(p.groups, s.Group)
	}
	sortUnique := func(names []string) []string {
		slices.Sort(names)
		names = slices.Compact(names)
		return slices.DeleteFunc(names, func(name string) bool { return name == "" })
	}
	p.nodes, p.groups = sortUnique(p.nodes), sortUnique(p.groups)
	if int(highest) < 8*len(h.Sessions)+1024 {
		p.dense = slices.Repeat([]place{nowhere}, int(highest)+1)
	} else {
		p.sparse = make(map[int32]place, len(h.Sessions))
	}
	for i := range h.Sessions { // the last session of a process counts, as in NodeOf
		s := &h.Sessions[i]
		here := nowhere
		if n, found := slices.BinarySearch(p.nodes, s.Node); found {
			here.node = int32(n)
		}
		if n, found := slices.BinarySearch(p.groups, s.Group); found {
			here.group = int32(n)
		}
		if p.sparse != nil {
			p.sparse[s.Process] = here
		} else {
			p.dense[s.Process] = here
		}
	}
	return p
}

func (p *places) of(process int32) place {
	if p.sparse != nil {
		if here, found := p.sparse[process]; found {
			return here
		}
		return nowhere
	}
	if int(process) < len(p.dense) {
		return p.dense[process]
	}
	return nowhere
}

// node is the name of a process's node, "" where nobody recorded it.
func (p *places) node(process int32) string {
	if n := p.of(process).node; n >= 0 {
		return p.nodes[n]
	}
	return ""
}
