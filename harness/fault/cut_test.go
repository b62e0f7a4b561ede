package fault_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/link"
)

// seen is whom each node is in touch with under a cut, itself among them.
func seen(t *testing.T, target fault.Target, count int, seed uint64) map[string][]string {
	t.Helper()
	act := aim(t, fault.BlackHole{Target: target}, count, seed)
	all := map[string][]string{}
	for _, from := range nodes(count) {
		for _, to := range nodes(count) {
			there := slices.Contains(act.Flows, link.Flow{From: link.End(from), To: link.End(to)})
			back := slices.Contains(act.Flows, link.Flow{From: link.End(to), To: link.End(from)})
			require.Equal(t, there, back, "a black hole swallows both ways")
			if !there {
				all[from] = append(all[from], to)
			}
		}
	}
	return all
}

func TestInARingEveryNodeSeesAMajorityAndNobodyAll(t *testing.T) {
	for count := 3; count <= 9; count++ {
		for seed := range uint64(20) {
			views := map[string]bool{}
			all := 0
			for _, view := range seen(t, fault.Ring, count, seed) {
				require.Greater(t, len(view)*2, count, "%d nodes", count)
				views[link.Flow{From: link.End(view[0]), To: link.End(view[len(view)-1])}.String()+string(rune(len(view)))] = true
				if len(view) == count {
					all++
				}
			}
			if count == 3 {
				require.Equal(t, 1, all, "one of three nodes sees both others")
				continue
			}
			require.Zero(t, all, "%d nodes", count)
		}
	}
}

// Of a majority ring of five, no two nodes see the same.
func TestInARingNoTwoNodesSeeTheSame(t *testing.T) {
	for count := 4; count <= 9; count++ {
		var views [][]string
		for _, view := range seen(t, fault.Ring, count, 7) {
			for _, other := range views {
				require.NotEqual(t, other, view, "%d nodes", count)
			}
			views = append(views, view)
		}
	}
}

func TestABridgeIsTheOnlyNodeThatSeesBothHalves(t *testing.T) {
	for count := 3; count <= 9; count++ {
		for seed := range uint64(20) {
			bridges := 0
			for _, view := range seen(t, fault.Bridge, count, seed) {
				if len(view) == count {
					bridges++
				} else {
					require.LessOrEqual(t, len(view), count/2+1)
				}
			}
			require.Equal(t, 1, bridges, "%d nodes", count)
		}
	}
}

func TestHalvesSeeThemselvesOnly(t *testing.T) {
	for count := 2; count <= 9; count++ {
		for _, view := range seen(t, fault.Halves, count, 3) {
			require.Contains(t, []int{count / 2, count - count/2}, len(view))
			for _, other := range view {
				require.Equal(t, view, seen(t, fault.Halves, count, 3)[other], "whom I see sees what I see")
			}
		}
	}
}

func grouped(t *testing.T, f fault.Fault, groups ...fault.Group) fault.NetworkAct {
	t.Helper()
	w := fault.World{Nodes: []string{"n1", "n2", "n3", "s1"}, Members: []string{"n1", "n2", "n3"}, Groups: groups}
	act, err := f.Aim(t.Context(), fault.Aim{World: w, Draw: rand.New(rand.NewPCG(1, 1)),
		Leader: func(context.Context) (string, error) { return "n2", nil }})
	require.NoError(t, err)
	return act.(fault.NetworkAct)
}

// peers are those that an end can't send to.
func peers(act fault.NetworkAct, from link.End) []link.End {
	var list []link.End
	for _, f := range act.Flows {
		if f.From == from {
			list = append(list, f.To)
		}
	}
	return list
}

// A client group is cut off from exactly what its node is cut off from, and never
// from that node.
func TestAClientGroupSharesTheFateOfItsNode(t *testing.T) {
	leader := fault.BlackHole{Target: fault.Leader}
	near := grouped(t, leader, fault.Group{Name: "c", Beside: fault.Leader})
	require.ElementsMatch(t, []link.End{"n1", "n3", "s1"}, peers(near, "c"))
	require.Equal(t, "black hole n2 | n1 n3 s1, c beside n2", near.Text())

	far := grouped(t, leader, fault.Group{Name: "c", Beside: fault.Majority})
	require.Equal(t, []link.End{"n2"}, peers(far, "c"), "the majority is in touch with all but the leader")

	third := grouped(t, leader, fault.Group{Name: "c", Beside: fault.Node("n3")})
	require.Equal(t, []link.End{"n2"}, peers(third, "c"))

	require.Empty(t, peers(grouped(t, leader, fault.Group{Name: "c"}), "c"), "no cut of nodes meets a group in the open")

	out := grouped(t, fault.Only{Fault: leader, Direction: fault.Outbound}, fault.Group{Name: "c", Beside: fault.Leader})
	require.ElementsMatch(t, []link.End{"n1", "n3", "s1"}, peers(out, "c"))
	require.Empty(t, peers(out, "n1"), "one way is one way")
	in := grouped(t, fault.Only{Fault: leader, Direction: fault.Inbound}, fault.Group{Name: "c", Beside: fault.Leader})
	require.Empty(t, peers(in, "c"))
	require.ElementsMatch(t, []link.End{"n2", "c"}, peers(in, "n1"))
}

func TestAGroupCanBeCutOffFromEveryNode(t *testing.T) {
	act := grouped(t, fault.Reset{Target: fault.Clients("c")}, fault.Group{Name: "c"})
	require.ElementsMatch(t, []link.End{"n1", "n2", "n3", "s1"}, peers(act, "c"))
	require.Equal(t, []link.End{"c"}, peers(act, "n1"), "the nodes keep each other")
	require.Equal(t, link.Refuse, act.Effect.Action)
	require.False(t, fault.NeedsStreams(fault.Hold{Target: fault.Clients("c")}), "clients' links are always proxied")
	require.True(t, fault.NeedsStreams(fault.Hold{Target: fault.Random}))
}

// What only watches is never drawn, and is on the other side of every cut.
func TestOnlyMembersAreDrawn(t *testing.T) {
	for _, target := range []fault.Target{fault.Random, fault.Minority, fault.Majority, fault.Follower} {
		act := grouped(t, fault.Hold{Target: target})
		require.NotContains(t, act.Nodes(), "s1")
		require.Contains(t, peers(act, link.End(act.Nodes()[0])), link.End("s1"))
	}
}

// A swizzle isolates every member, all at once for a moment, and heals in another order.
func TestASwizzleIsolatesAndHealsOneByOne(t *testing.T) {
	swizzle := fault.Swizzle{Step: 500 * time.Millisecond}
	orders := 0
	for seed := range uint64(20) {
		steps := fault.Plan(swizzle, seed, world(5), 20*time.Second)
		require.Len(t, steps, 5)
		targets := map[fault.Target]bool{}
		var cut, healed []time.Duration
		for _, s := range steps {
			targets[s.Fault.At()] = true
			cut, healed = append(cut, s.At), append(healed, s.At+s.For)
		}
		require.Len(t, targets, 5)
		require.Less(t, slices.Max(cut), slices.Min(healed), "for a moment everybody is alone")
		require.Empty(t, fault.Never(swizzle, steps))
		if !slices.IsSorted(healed) {
			orders++
		}
		slices.Sort(healed)
		for i := 1; i < len(healed); i++ {
			require.Equal(t, swizzle.Step, healed[i]-healed[i-1], "one node a step comes back")
		}
	}
	require.Greater(t, orders, 10, "the order of healing is not that of cutting")
	require.Equal(t, []string{"swizzle"}, fault.Never(swizzle, fault.Plan(swizzle, 1, world(5), time.Second)))
	require.ErrorContains(t, fault.Check(fault.Swizzle{}, bare{count: 3}, world(3)), "Step is 0s")
	require.ErrorContains(t, fault.Check(fault.Swizzle{Step: 1, Action: link.Delay}, bare{count: 3}, world(3)), "none of drop, refuse, hold")
}

func TestShapesAreForTheNetworkOnly(t *testing.T) {
	w := world(3)
	w.Groups = []fault.Group{{Name: "c"}}
	for _, target := range []fault.Target{fault.Halves, fault.Ring, fault.Bridge, fault.Clients("c")} {
		require.NoError(t, fault.Check(fault.For{Duration: 1, Fault: fault.BlackHole{Target: target}}, bare{count: 3}, w))
		require.ErrorContains(t, fault.Check(fault.For{Duration: 1, Fault: fault.Kill{Target: target}}, bare{count: 3}, w), "for faults on the network")
	}
	require.ErrorContains(t, fault.Check(fault.For{Duration: 1, Fault: fault.Hold{Target: fault.Clients("d")}}, bare{count: 3}, w), `no client group "d"; there are c`)
	require.ErrorContains(t, fault.Check(fault.For{Duration: 1, Fault: fault.Hold{Target: fault.Ring}}, bare{count: 2}, world(2)), "at least 3 nodes")
}
