package script_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/docker/canary"
	"github.com/seatrial/seatrial/docker/postgres"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/cluster/pod/podtest"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/script"
	"github.com/seatrial/seatrial/results"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/workloads"
)

// run runs a scenario and returns its verdict and history.
func run(t *testing.T, s harness.Scenario) (results.Run, *history.History) {
	t.Helper()
	podtest.Need(t, pod.Runtime{})
	seed := uint64(1)
	out, dir, err := harness.Run(t.Context(), s, harness.Options{Seed: &seed, Results: t.TempDir(),
		Watch: func(p harness.Progress) {
			if p.Line != "" {
				t.Log(p.Line)
			}
		}})
	require.NoError(t, err)
	t.Log(out.Verdict, out.Summary, out.Took)
	h, err := history.ReadFile(dir.Path(results.HistoryFile))
	require.NoError(t, err)
	require.NoError(t, h.Validate())
	return out, h
}

// writers are the outcomes of the transactions that append to a key, and what they read.
func writer(t *testing.T, h *history.History, key string) (history.Op, history.Micro) {
	t.Helper()
	for _, op := range h.Ops {
		steps := h.Transaction(&op)
		if len(steps) == 2 && steps[1].Kind == history.Append && h.KeyName(steps[1].Key) == key {
			return op, steps[0]
		}
	}
	t.Fatalf("nobody appended to %s", key)
	return history.Op{}, history.Micro{}
}

// A transaction that is held open while 1300 others commit, commits though it and
// another each did not see the other's write; with 1100 it is aborted.
func TestPostgresForgetsATransaction(t *testing.T) {
	for name, want := range map[string]history.Outcome{scenarios.PostgresSSI.Name: history.OK, scenarios.PostgresSSIControl.Name: history.Fail} {
		t.Run(name, func(t *testing.T) {
			s := scenarios.PostgresSSI
			if want == history.Fail {
				s = scenarios.PostgresSSIControl
			}
			out, h := run(t, s)
			verdict := checkers.Pass
			if want == history.OK {
				verdict = checkers.Violation // both committed: write skew at SERIALIZABLE
			}
			require.Equal(t, verdict, out.Verdict, out.Summary)
			t1, t1Read := writer(t, h, "B")
			t4, t4Read := writer(t, h, "A")
			require.Equal(t, history.OK, t1.Outcome)
			require.Zero(t, t1Read.Count, "T1 has not seen T4's write")
			require.Less(t, t4.Call, t1.Call, "T4 is held open around T1")
			require.Equal(t, want, t4.Outcome)
			if want == history.OK {
				require.Greater(t, t4.Return, t1.Return)
				require.True(t, t4Read.Listed)
				require.Zero(t, t4Read.Count, "T4 has not seen T1's write: no serial order allows both")
			}
		})
	}
}

// Faults and barriers of a script on a real cluster, beside load at random: a
// leader is cut off until another one leads, and killed until the cluster serves.
func TestFaultsAndBarriersBesideLoad(t *testing.T) {
	s := harness.Scenario{
		Name: "canary/script/leader", System: canary.Cluster{Nodes: 3}, Workload: workloads.Registers{Keys: 4},
		Clients: 4, Duration: time.Minute, Check: checkers.All{checkers.Linearizable{}},
		Faults: fault.After{Delay: 100 * time.Millisecond, Do: fault.For{Duration: 300 * time.Millisecond, Fault: fault.Pause{Target: fault.Random}}},
		Script: script.Script{
			Sessions: []script.Session{{Name: "S2", Node: "n2"}},
			Steps: script.Steps{
				script.Until{Barrier: script.Acknowledged{More: 20}},
				script.Inject{Name: "cut", Fault: fault.BlackHole{Target: fault.Leader}},
				script.Until{Barrier: script.LeaderIsNot{}, Within: 20 * time.Second},
				script.Do{Session: "S1", Op: "write x"},
				script.Wait{For: 500 * time.Millisecond},
				script.Heal{Name: "cut"},
				script.Until{Barrier: script.Serves{}, Within: 20 * time.Second},
				script.Inject{Name: "kill", Fault: fault.Kill{Target: fault.Node("n2")}},
				script.Heal{Name: "kill"},
				script.Until{Barrier: script.Serves{}, Within: 20 * time.Second},
				script.Do{Session: "S2", Op: "read x"},
			},
		},
	}
	seed := uint64(1)
	out, dir, err := harness.Run(t.Context(), s, harness.Options{Seed: &seed, Results: t.TempDir()})
	require.NoError(t, err)
	require.Equal(t, checkers.Pass, out.Verdict, out.Summary)
	require.Less(t, out.Took.Load, 50*time.Second, "the load ends with the script")
	h, err := history.ReadFile(dir.Path(results.HistoryFile))
	require.NoError(t, err)
	steps, bit, load := 0, 0, 0
	for _, m := range h.Marks {
		if m.Name == script.MarkStep {
			steps++
		}
	}
	for _, f := range h.Faults {
		if f.Phase == "bit" {
			bit++
		}
	}
	for i := range h.Ops {
		if h.KeyName(h.Ops[i].Key) != "x" {
			load++
		}
	}
	require.Equal(t, 11, steps)
	require.Equal(t, 3, bit, "of the schedule and of the script")
	require.Greater(t, load, 20)

	s.Faults, s.Script.Steps = nil, script.Steps{script.Until{Barrier: script.LeaderIs{Node: "n1"}, Within: time.Second}, script.Until{Barrier: script.LeaderIsNot{Node: "n1"}, Within: time.Second}}
	out, _, err = harness.Run(t.Context(), s, harness.Options{Seed: &seed, Results: t.TempDir()})
	require.NoError(t, err)
	require.Equal(t, checkers.Inconclusive, out.Verdict, "one of the two barriers is not reached")
	require.Regexp(t, `leads( than n1)?, at most 1s: not within 1s; seen last: n`, out.Summary)
}

// What a transaction's client knows when its server is killed, paused, or out of
// reach: before the commit it certainly never happened, after it nobody knows.
func TestPostgresKilledPausedAndCutOff(t *testing.T) {
	held := func(session, key string, f fault.Fault, end ...script.Step) script.Steps {
		steps := script.Steps{script.Begin{Session: session, Do: "append " + key}, script.Inject{Name: "fault", Fault: f}}
		return append(append(steps, end...), script.Heal{Name: "fault"},
			script.Until{Barrier: script.Serves{}, Within: 30 * time.Second})
	}
	commit := func(session string) script.Step { return script.Commit{Session: session} }
	var steps script.Steps
	steps = append(steps, held("T1", "a", fault.Kill{Target: fault.Node("n1")}, script.Then{Session: "T1", Do: "append a2"}, commit("T1"))...)
	steps = append(steps, script.Until{Barrier: script.LogLine{Node: "n1", Contains: "database system is ready to accept connections"}},
		script.Until{Barrier: script.Seen{Node: "n1", Contains: "primary, 0 transactions open"}})
	steps = append(steps, held("T2", "b", fault.Pause{Target: fault.Node("n1")}, commit("T2"))...)
	steps = append(steps, held("T3", "c", fault.BlackHole{Target: fault.Clients(string(link.Clients))}, commit("T3"))...)
	steps = append(steps, script.Txn{Session: "T4", Do: "read-list a, read-list b, read-list c"})
	out, h := run(t, harness.Scenario{
		Name: "postgres/script/faults", System: postgres.Cluster{Level: postgres.RepeatableRead},
		Workload: workloads.Transactions{}, Duration: 2 * time.Minute, Script: script.Script{Steps: steps},
	})
	require.Equal(t, checkers.Pass, out.Verdict, out.Summary)
	outcomes := map[string]history.Outcome{}
	read := history.Op{}
	for _, op := range h.Ops {
		if steps := h.Transaction(&op); steps[0].Kind == history.Append {
			outcomes[h.KeyName(steps[0].Key)] = op.Outcome
		} else if len(steps) == 3 {
			read = op
		}
	}
	require.Equal(t, map[string]history.Outcome{"a": history.Fail, "b": history.Info, "c": history.Info}, outcomes)
	require.Equal(t, history.OK, read.Outcome)
	require.Zero(t, h.Transaction(&read)[0].Count, "what certainly never happened is not there")
	for _, result := range out.Results {
		if result.Checker == "faults-bit" {
			require.EqualValues(t, 3, result.Figures["steps_bit"], result.Summary)
		}
	}
}
