package checkers

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/internal/synthetic"
	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// Where all refusals find a place in the order of the zones, the history is legal.
// That they do not proves nothing; but it is rare.
func TestRefusalsThatFitAgreeWithBruteForce(t *testing.T) {
	draw := rand.New(rand.NewPCG(41, 42))
	var z zones
	fit, legalOnes, refused := 0, 0, 0
	for n := range differentialCount(t) {
		ops, initial := randomHistory(draw, 12, false, true)
		answer := z.decide(ops, nil, initial, 0)
		if answer.flaw != noFlaw || answer.exact || z.repeated {
			continue
		}
		legal, err := model.BruteForce(initial, ops)
		require.NoError(t, err)
		refused++
		if legal {
			legalOnes++
		}
		if z.refusalsFit(ops, nil) {
			fit++
			require.True(t, legal, "history %d is not legal:\n%s", n, listing(ops, initial))
		}
	}
	t.Logf("%d histories with refusals that say nothing: %d legal, %d of them by the zones' order", refused, legalOnes, fit)
	require.Greater(t, 10*fit, 7*legalOnes, "the order is of little use")
	require.Greater(t, refused, legalOnes, "all were legal: nothing was tried")
}

// In a history of a system under load nearly all fit, so that no search is needed.
func TestRefusalsFitUnderLoad(t *testing.T) {
	var z zones
	fit := 0
	for seed := range uint64(20) {
		h := synthetic.Load{Operations: 5_000, Keys: 1, Clients: 20, Unknown: 0.05}.History(&synthetic.Registers{Swaps: 0.3, Silent: true}, seed)
		answer := z.decide(h.Ops, nil, history.Nil, 0)
		require.Equal(t, noFlaw, answer.flaw)
		if z.refusalsFit(h.Ops, nil) {
			fit++
		}
	}
	require.Greater(t, fit, 10)
}
