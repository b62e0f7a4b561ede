package script_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/results"
	"github.com/seatrial/seatrial/scenarios"
)

// run runs a scenario and returns its verdict and history.
func run(t *testing.T, s harness.Scenario) (results.Run, *history.History) {
	t.Helper()
	if err := (pod.Runtime{}).Available(t.Context()); err != nil {
		if os.Getenv("SEATRIAL_REQUIRE_DOCKER") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
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
			require.Equal(t, checkers.Pass, out.Verdict, out.Summary)
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
