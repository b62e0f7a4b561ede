package checkers

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/internal/synthetic"
	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// reread makes the first answered read after a place return something else.
func reread(h *history.History, after int, v func(told history.Value) history.Value) int {
	for i := after; ; i++ {
		if op := &h.Ops[i]; op.Kind == history.Read && op.Outcome == history.OK {
			op.Result = v(op.Result)
			return i
		}
	}
}

// The words of a violation that the general search or the models find name the operation
// that can't be, with what it was told, and the verdict's summary does too.
func TestStoriesNameWhatWasPlanted(t *testing.T) {
	largest := model.Spec[history.Value]{
		Name: "max-register", Initial: func(*model.Object) []history.Value { return []history.Value{0} },
		Step: func(state history.Value, op model.Op) (history.Value, bool) {
			if op.Kind == history.Read {
				return state, op.Told(state)
			}
			return max(state, op.Value), true
		},
		Observes: func(op model.Op) bool { return op.Kind == history.Read },
	}
	lower := func(told history.Value) history.Value { return told - 1_000 }
	for name, c := range map[string]struct {
		system synthetic.System
		model  model.Model
		plant  func(h *history.History) int
		says   string
		keys   int
	}{
		"a value that nobody wrote": {&synthetic.Registers{Values: 5, Swaps: 0.3, Silent: true}, nil, func(h *history.History) int {
			return reread(h, 2_000, func(history.Value) history.Value { return 77 })
		}, "77", 1},
		"a value that was overwritten": {&synthetic.Registers{Values: 1_000}, nil, func(h *history.History) int {
			read, _, _ := synthetic.PlantStaleRead(h, 2_000)
			return read
		}, "read of", 1},
		"half of another transaction": {&synthetic.Cells{}, nil, func(h *history.History) int { return synthetic.PlantHalfRead(h, 2_000) }, "txn", 3},
		"a maximum that goes back":    {&synthetic.Maxima{}, largest, func(h *history.History) int { return reread(h, 2_000, lower) }, "told", 1},
		"a sum too low":               {&synthetic.Counters{}, model.Counter(), func(h *history.History) int { return reread(h, 2_000, lower) }, "or more", 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := synthetic.Load{Operations: 3_000, Keys: c.keys, Clients: 10, Unknown: 0.001}.History(c.system, 5)
			at := c.plant(h)
			require.GreaterOrEqual(t, at, 0)
			result := Linearizable{Model: c.model}.Check(context.Background(), Evidence{History: h}, Budget{})
			require.Equal(t, Violation, result.Verdict, result.Summary)
			shown := map[int]string{}
			for _, op := range result.Proof.Operations {
				shown[op.Index] = op.Text
			}
			require.Equal(t, h.Describe(at), shown[at], "%q", result.Proof.Story)
			require.Contains(t, result.Summary, c.says)
			t.Log(result.Summary)
		})
	}
}

// A proof that could not be made small shows those operations that were called last,
// says how many there are more, and blames no single one.
func TestALargeProofShowsItsEnd(t *testing.T) {
	h := synthetic.Load{Operations: 500, Keys: 1, Clients: 5}.History(&synthetic.Registers{Values: 5}, 5)
	p := newProver(&keyOps{h: h, initial: history.Nil, index: upTo(len(h.Ops))}, nil)
	all := upTo(len(h.Ops))
	proof := p.tell(argument{flaw: flawSearch, set: all})
	require.Len(t, proof.Operations, shownOperations)
	require.Equal(t, len(h.Ops)-1, proof.Operations[shownOperations-1].Index)
	require.Contains(t, proof.Story[0], "470 operations went before these")
	require.Equal(t, "There is no order of these operations that explains every answer.", proof.Story[len(proof.Story)-1])

	proof = p.tell(argument{flaw: flawSearch, set: all[:20], least: true})
	require.Len(t, proof.Operations, 20)
	require.Contains(t, proof.Story[len(proof.Story)-1], "where the others are explained")
}
