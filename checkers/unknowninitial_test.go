package checkers

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// Where nobody knows what a register held at first, the checker agrees with brute
// force, which tries every value that anybody was told or expected.
func TestUnknownInitialValueAgreesWithBruteForce(t *testing.T) {
	count := differentialCount(t) / 4
	draw := rand.New(rand.NewPCG(71, 72))
	verdicts := map[Verdict]int{}
	for n := range count {
		ops, initial := randomHistory(draw, 11, n%4 == 0, n%3 == 0)
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
