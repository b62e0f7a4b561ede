package checkers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/history/differential"
)

// differentialCount is how many random histories each differential test judges.
func differentialCount(t *testing.T) int { return differential.Count(t, 20_000) }

func listing(ops []history.Op, initial history.Value) string {
	var b strings.Builder
	h := oneKey(ops, initial)
	fmt.Fprintf(&b, "initial %s\n", h.Text(initial))
	for i := range h.Ops {
		fmt.Fprintf(&b, "%3d  [%d, %d] %s\n", i, h.Ops[i].Call, h.Ops[i].Return, h.Describe(i))
	}
	return b.String()
}

// Three judges that share no code must agree: the zones, porcupine, and brute
// force. Where the zones prove nothing they must at least not be wrong.
func TestZonesAgreeWithPorcupineAndBruteForce(t *testing.T) {
	count := differentialCount(t)
	draw := rand.New(rand.NewPCG(1, 2))
	var z zones
	violations, passes, undecided, flaws := 0, 0, 0, map[flaw]int{}
	for n := range count {
		ops, initial := randomHistory(draw, 12, n%10 == 0, n%5 == 0)
		legal, err := model.BruteForce(initial, ops)
		require.NoError(t, err)
		answer := z.decide(ops, nil, initial, 0)
		flaws[answer.flaw]++
		switch {
		case answer.flaw != noFlaw:
			violations++
			require.False(t, legal, "false alarm, flaw %d, history %d:\n%s", answer.flaw, n, listing(ops, initial))
		case answer.exact:
			passes++
			require.True(t, legal, "missed violation, history %d:\n%s", n, listing(ops, initial))
		default:
			undecided++
		}
		if n%2 == 0 {
			byPorcupine := porcupine.CheckOperations(model.Cell(initial, nil), model.Convert(ops))
			require.Equal(t, legal, byPorcupine, "porcupine and brute force disagree, history %d:\n%s", n, listing(ops, initial))
		}
		if n%4 == 0 {
			pruned, err := model.BruteForce(initial, dropUnseen(append([]history.Op(nil), (&keyOps{h: oneKey(ops, initial), index: upTo(len(ops))}).searchable()...)))
			require.NoError(t, err)
			require.Equal(t, legal, pruned, "leaving out unseen writes changed the answer, history %d:\n%s", n, listing(ops, initial))
		}
	}
	t.Logf("%d histories: %d violations, %d legal, %d not for zones, no disagreement; flaws %v", count, violations, passes, undecided, flaws)
	require.Greater(t, violations, count/5)
	require.Greater(t, passes, count/5)
	for f := flawContradicted; f < flawSearch; f++ {
		require.NotZero(t, flaws[f], "no history showed flaw %d", f)
	}
}

func upTo(n int) []int32 {
	list := make([]int32, n)
	for i := range list {
		list[i] = int32(i)
	}
	return list
}

// The checker as a user calls it gives the same answers, and every proof stands
// by itself.
func TestLinearizableAgreesAndProves(t *testing.T) {
	count := differentialCount(t) / 4
	draw := rand.New(rand.NewPCG(3, 4))
	verdicts := map[Verdict]int{}
	sizes := map[int]int{}
	for n := range count {
		ops, initial := randomHistory(draw, 12, n%4 == 0, n%3 == 0)
		h := oneKey(ops, initial)
		legal, err := model.BruteForce(initial, ops)
		require.NoError(t, err)
		result := Linearizable{}.Check(context.Background(), Evidence{History: h}, Budget{})
		verdicts[result.Verdict]++
		switch result.Verdict {
		case Pass:
			require.True(t, legal, "missed, history %d:\n%s", n, listing(ops, initial))
		case Violation:
			require.False(t, legal, "false alarm, history %d:\n%s", n, listing(ops, initial))
			sizes[len(result.Proof.Operations)]++
			requireProof(t, h, initial, result.Proof, listing(ops, initial))
			if strings.HasPrefix(result.Method, "zones (1") {
				require.NotContains(t, result.Summary, "no order", "what the zones found was not argued:\n%s", listing(ops, initial))
			}
		case Inconclusive:
			require.Contains(t, result.Summary, "proves nothing", listing(ops, initial))
		default:
			require.Fail(t, result.Summary, listing(ops, initial))
		}
	}
	t.Logf("%d histories: %v; proofs by number of operations: %v", count, verdicts, sizes)
	require.Greater(t, verdicts[Violation], count/5)
	require.Greater(t, verdicts[Pass], count/5)
}

// requireProof judges a proof's operations by brute force, as the whole key would
// be judged had nothing else happened.
func requireProof(t *testing.T, h *history.History, initial history.Value, proof *Proof, listed string) {
	t.Helper()
	require.NotNil(t, proof)
	require.NotEmpty(t, proof.Story)
	p := newProver(&keyOps{h: h, initial: initial, index: upTo(len(h.Ops))}, nil)
	var set []int32
	for i, op := range proof.Operations {
		set = append(set, int32(op.Index))
		require.Equal(t, h.Describe(op.Index), op.Text)
		if i > 0 {
			require.LessOrEqual(t, proof.Operations[i-1].Call, op.Call)
		}
	}
	legal, err := model.BruteForce(initial, p.alone(set))
	require.NoError(t, err)
	require.False(t, legal, "the proof proves nothing: %q\n%s", proof.Story, listed)
}
