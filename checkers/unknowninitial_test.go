package checkers

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// Where nobody knows what a register held at first, the checker agrees with brute
// force, which tries every value that anybody was told or expected. Failed operations
// are left out: what they mean here is another test's.
func TestUnknownInitialValueAgreesWithBruteForce(t *testing.T) {
	count := differentialCount(t) / 4
	draw := rand.New(rand.NewPCG(71, 72))
	verdicts := map[Verdict]int{}
	for n := range count {
		ops, initial := randomHistory(draw, 11, n%4 == 0, n%3 == 0)
		ops = slices.DeleteFunc(ops, func(op history.Op) bool { return op.Outcome == history.Fail })
		h := oneKey(ops, initial)
		h.Header.Initial, h.Header.InitialUnknown = nil, true
		values := map[history.Value]bool{history.None: true}
		for i := range ops {
			values[ops[i].Expect], values[ops[i].Result] = true, true
		}
		legal := false
		for v := range values {
			one, err := model.BruteForce(v, ops)
			require.NoError(t, err)
			legal = legal || one
		}
		result := judgeLinearizable(t, h)
		verdicts[result.Verdict]++
		switch result.Verdict {
		case Pass:
			require.True(t, legal, "missed, history %d:\n%s", n, listing(ops, initial))
		case Violation:
			require.False(t, legal, "false alarm, history %d:\n%s", n, listing(ops, initial))
			require.NotEmpty(t, result.Proof.Story)
		default:
			require.Contains(t, result.Summary, "proves nothing", listing(ops, initial))
		}
	}
	t.Logf("%d histories: %v", count, verdicts)
	require.Greater(t, verdicts[Violation], count/20)
	require.Greater(t, verdicts[Pass], count/10)
}

// What is seen after a failed attempt to store it is the trace of that attempt.
func TestUnknownInitialValueIsNotWhatFailed(t *testing.T) {
	failed := func(call int64) *history.Builder {
		return history.NewBuilder(history.Header{InitialUnknown: true}).
			Op(1, history.Write, "x", 3, history.None, history.None, history.Fail, call, call+10)
	}
	for name, c := range map[string]struct {
		h    *history.Builder
		want Verdict
	}{
		"seen after it":              {failed(0).Read(2, "x", 3, 5, 20), Violation},
		"seen before it":             {failed(30).Read(2, "x", 3, 5, 20), Pass},
		"stored by somebody as well": {failed(0).Write(3, "x", 3, 0, 30).Read(2, "x", 3, 5, 20), Pass},
		"another value":              {failed(0).Read(2, "x", 4, 5, 20), Pass},
	} {
		result := judgeLinearizable(t, c.h.History())
		require.Equal(t, c.want, result.Verdict, "%s: %s", name, result.Summary)
	}
	known := failed(0).Read(2, "x", 3, 5, 20).History()
	known.Header.Initial, known.Header.InitialUnknown = 3, false
	require.Equal(t, Pass, judgeLinearizable(t, known).Verdict, "whoever knows the initial value is spared the guess")
}
