package harness

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// watched is a system of three members and one node that watches.
type watched struct {
	cluster.PodSystem
	workloads.RegisterOpener
}

func (watched) SystemName() string  { return "watched" }
func (watched) Validate() error     { return nil }
func (watched) NodeNames() []string { return []string{"n1", "n2", "n3", "w1"} }
func (watched) Members() []string   { return []string{"n1", "n2", "n3"} }

func groupedScenario(groups ...ClientGroup) Scenario {
	return Scenario{Name: "a/b/c", System: watched{}, Workload: workloads.Registers{}, Groups: groups}
}

func TestClientsSitWhereTheirGroupIs(t *testing.T) {
	s := groupedScenario(ClientGroup{Name: "near", Clients: 2, Beside: fault.Node("n2")}, ClientGroup{Name: "far", Clients: 4, Beside: fault.Majority})
	require.NoError(t, s.Validate())
	require.Equal(t, []place{
		{0, "near", "n2"}, {1, "near", "n2"},
		{2, "far", "n1"}, {3, "far", "n2"}, {4, "far", "n3"}, {5, "far", "n1"},
	}, s.withDefaults().places(), "a group beside a node works through it, others through the members in turn")

	one := Scenario{Name: "a/b/c", System: watched{}, Workload: workloads.Registers{}, Clients: 4}
	for _, at := range one.places() {
		require.Equal(t, link.Clients, at.group)
		require.NotEqual(t, "w1", at.node, "clients work on members")
	}
}

func TestMistakesInGroupsAreSaidBeforeARun(t *testing.T) {
	for says, s := range map[string]Scenario{
		"Clients is 0":                    groupedScenario(ClientGroup{Name: "c"}),
		"must be one word":                groupedScenario(ClientGroup{Clients: 1}),
		"the name n1 is taken":            groupedScenario(ClientGroup{Name: "n1", Clients: 1}),
		"the name c is taken":             groupedScenario(ClientGroup{Name: "c", Clients: 1}, ClientGroup{Name: "c", Clients: 1}),
		"the name harness is taken":       groupedScenario(ClientGroup{Name: "harness", Clients: 1}),
		`there is no node "n9"`:           groupedScenario(ClientGroup{Name: "c", Clients: 1, Beside: fault.Node("n9")}),
		"can't sit beside the ring":       groupedScenario(ClientGroup{Name: "c", Clients: 1, Beside: fault.Ring}),
		"watched has no way to say who":   groupedScenario(ClientGroup{Name: "c", Clients: 1, Beside: fault.Leader}),
		"Clients and Groups are both set": {Name: "a/b/c", System: watched{}, Workload: workloads.Registers{}, Clients: 3, Groups: []ClientGroup{{Name: "c", Clients: 1}}},
	} {
		err := s.Validate()
		require.ErrorContains(t, err, says)
		require.ErrorAs(t, err, new(UsageError))
	}
}
