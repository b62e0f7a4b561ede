package pod

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
)

func applyNames(t *testing.T, c *running, id string, effect link.NameEffect, nodes ...string) {
	t.Helper()
	require.NoError(t, c.network.ApplyNames(t.Context(), id, effect, nodes))
	active, err := c.Network().Active(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{id}, active)
}

func resolve(t *testing.T, c *running, node, name string, timeout time.Duration) link.Resolution {
	t.Helper()
	told, err := c.network.Resolve(t.Context(), node, name, timeout)
	require.NoError(t, err)
	return told
}

// What a node's program is told about names is seen by its own dialling.
func TestNameFaultsAreWhatNodesSee(t *testing.T) {
	c := upWith(t, echo{nodes: 3}, cluster.Options{Names: true})
	require.NoError(t, c.network.NamesApply())
	dial := func(node, to string) string {
		return ask(t, c, node, "dial %s:7002 %d", to, patience)
	}
	addressOf := func(node string) string { return fmt.Sprint([]any{c.byName[node].address}) }
	asEver := func() {
		t.Helper()
		for _, name := range []string{"n2", "n3"} {
			require.Contains(t, dial("n1", name), "ok")
			require.Equal(t, addressOf(name), fmt.Sprint(resolve(t, c, "n1", name, 10*time.Second).Addresses))
		}
	}
	asEver()
	for _, one := range []struct {
		effect link.NameEffect
		dials  func(told string) bool
		told   func(link.Resolution) bool
	}{
		{link.NameEffect{Action: link.NoSuchName},
			func(told string) bool { return told == "error: dial tcp: lookup n2 on 127.0.0.11:53: no such host" },
			func(r link.Resolution) bool { return r.NotFound }},
		{link.NameEffect{Action: link.ServerFailure},
			func(told string) bool {
				return told == "error: dial tcp: lookup n2 on 127.0.0.11:53: server misbehaving"
			},
			func(r link.Resolution) bool { return r.Failure != "" && !r.NotFound }},
		{link.NameEffect{Action: link.NoAnswer},
			func(told string) bool { return told == "timeout" },
			func(r link.Resolution) bool { return r.TimedOut }},
		{link.NameEffect{Action: link.LateAnswer, Latency: impatience * time.Millisecond},
			func(told string) bool { return milliseconds(t, told) >= impatience },
			func(r link.Resolution) bool {
				return fmt.Sprint(r.Addresses) == addressOf("n2") && r.Took >= impatience*time.Millisecond
			}},
		{link.NameEffect{Action: link.WrongAnswer, Answer: "n3"},
			func(told string) bool { return milliseconds(t, told) >= 0 && ask(t, c, "n3", "heard") == "hello" },
			func(r link.Resolution) bool { return fmt.Sprint(r.Addresses) == addressOf("n3") }},
	} {
		t.Run(string(one.effect.Action), func(t *testing.T) {
			one.effect.Names = []string{"n2"}
			require.Equal(t, "forget", ask(t, c, "n3", "echo forget"))
			limit := patience
			if one.effect.Action == link.NoAnswer {
				limit = impatience
			}
			applyNames(t, c, "names", one.effect, "n1")
			told := ask(t, c, "n1", "dial n2:7002 %d", limit)
			require.True(t, one.dials(told), told)
			looked := resolve(t, c, "n1", "n2", time.Duration(limit)*time.Millisecond)
			require.True(t, one.told(looked), "%s", looked)
			require.Contains(t, dial("n1", "n3"), "ok", "another name")
			require.Contains(t, dial("n3", "n2"), "ok", "another node")
			requireBit(t, c, "names")
			undo(t, c, "names")
			asEver()
		})
	}
	t.Run("undone while its node is dead", func(t *testing.T) {
		applyNames(t, c, "names", link.NameEffect{Action: link.NoSuchName}, "n1", "n2")
		require.NoError(t, c.Kill(t.Context(), "n1"))
		require.True(t, resolve(t, c, "n1", "n3", 10*time.Second).NotFound)
		undo(t, c, "names")
		require.NoError(t, c.StartNode(t.Context(), "n1"))
		serves(t, c, "n1")
		asEver()
	})
	t.Run("what makes no sense is refused", func(t *testing.T) {
		gone := link.NameEffect{Action: link.NoSuchName}
		require.ErrorContains(t, c.network.ApplyNames(t.Context(), "x", gone, []string{"n9"}), `"n9" is no node`)
		require.ErrorContains(t, c.network.ApplyNames(t.Context(), "x", gone, nil), "no nodes")
		wrong := link.NameEffect{Action: link.WrongAnswer, Answer: "n9"}
		require.ErrorContains(t, c.network.ApplyNames(t.Context(), "x", wrong, []string{"n1", "n2"}), `"n9"`)
		active, err := c.Network().Active(t.Context())
		require.NoError(t, err)
		require.Empty(t, active)
	})
	t.Run("the life of each fault", func(t *testing.T) { nameFaultsLive(t, c); asEver() })
}

// nameFaultsLive carries out a plan in which nobody's program asks for anything,
// so that each fault is proven by a lookup.
func nameFaultsLive(t *testing.T, c *running) {
	n1 := fault.Node("n1")
	var plan fault.Together
	for i, f := range []fault.Fault{
		fault.NamesFail{Target: n1}, fault.NamesFail{Target: n1, Names: []string{"n2"}, How: link.NoAnswer},
		fault.NamesFail{Target: n1, How: link.QueryRefused},
		fault.NamesSlow{Target: n1, Latency: 200 * time.Millisecond, Jitter: 100 * time.Millisecond},
		fault.NamesWrong{Target: n1, Answer: "n3"}, fault.NamesWrong{Target: n1, Names: []string{"n*"}, Answer: "192.0.2.1"},
	} {
		plan = append(plan, fault.After{Delay: time.Duration(i) * 800 * time.Millisecond, Do: fault.For{Duration: 400 * time.Millisecond, Fault: f}})
	}
	world := fault.WorldOf(c.system)
	require.NoError(t, fault.Check(plan, c.system, world))
	steps := fault.Plan(plan, 1, world, time.Minute)
	require.True(t, fault.PlanNeedsNames(steps))

	journal, err := fault.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	require.NoError(t, err)
	defer journal.Close()
	var mu sync.Mutex
	phases := map[string]int{}
	record := func(e history.FaultEvent) {
		mu.Lock()
		defer mu.Unlock()
		phases[e.Phase]++
		t.Logf("%s: %s: %s", e.Phase, e.Fault, e.Detail)
	}
	injector := fault.NewInjector(c, world, nil, record, journal)
	require.NoError(t, injector.Run(t.Context(), steps))
	require.NoError(t, injector.HealAll(t.Context()))
	require.Equal(t, map[string]int{"planned": len(steps), "injected": len(steps), "bit": len(steps), "healed": len(steps)}, phases)
}

func TestNamesNeedTheOption(t *testing.T) {
	n := &network{}
	require.ErrorContains(t, n.NamesApply(), "Options.Names")
	require.ErrorContains(t, n.ApplyNames(t.Context(), "x", link.NameEffect{Action: link.NoAnswer}, []string{"n1"}), "Options.Names")
}
