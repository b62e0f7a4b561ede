package checkers

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/checkers/internal/synthetic"
	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// The fast judges and the search must agree, on histories that are legal and on
// such in which an answer was changed.
func TestFastJudgesAgreeWithTheSearch(t *testing.T) {
	draw := rand.New(rand.NewPCG(31, 32))
	for name, c := range map[string]struct {
		m      model.Model
		system func() synthetic.System
		method string
	}{
		"fifo": {model.FIFOQueue(), func() synthetic.System { return &synthetic.Queues{} }, "bad patterns"},
		"bag":  {model.Queue(), func() synthetic.System { return &synthetic.Queues{} }, "bad patterns"},
		"set":  {model.Set(), func() synthetic.System { return &synthetic.Sets{Every: 4} }, "contents"},
	} {
		t.Run(name, func(t *testing.T) {
			violations := 0
			for seed := range uint64(differentialCount(t) / 20) {
				h := synthetic.Load{Operations: 30, Keys: 1, Clients: 4, Unknown: 0.1}.History(c.system(), seed)
				if seed%2 == 0 {
					spoil(draw, h)
				}
				object := model.Objects(h, c.m, history.Nil)[0]
				found := c.m.Judge(context.Background(), object, frontier.Limits{})
				require.NotEqual(t, frontier.Undecided, found.Verdict, found.Reason)
				result := Linearizable{Model: c.m}.Check(context.Background(), Evidence{History: h}, Budget{})
				require.Contains(t, result.Method, c.method)
				require.Equal(t, found.Verdict == frontier.Illegal, result.Verdict == Violation, "seed %d: %s\n%s", seed, result.Summary, listingOf(h))
				if result.Verdict == Violation {
					violations++
					require.NotEmpty(t, result.Proof.Operations)
				}
			}
			require.Greater(t, violations, differentialCount(t)/200)
		})
	}
}

// spoil changes one answer.
func spoil(draw *rand.Rand, h *history.History) {
	for {
		op := &h.Ops[draw.IntN(len(h.Ops))]
		switch {
		case op.Kind == history.Dequeue && op.Outcome == history.OK:
			op.Result = history.Value(1 + draw.IntN(len(h.Ops)))
			return
		case op.Kind == history.ReadList && op.Count > 0:
			h.Elements[op.Offset+uint32(draw.IntN(int(op.Count)))] = history.Value(1 + draw.IntN(len(h.Ops)))
			return
		case draw.IntN(1000) == 0:
			return // there is nothing to change
		}
	}
}

// A model of one's own is judged by its own rules, whatever its name.
func TestANameMakesNoFastJudge(t *testing.T) {
	own := model.Spec[int]{
		Name: "fifo-queue", Initial: func(*model.Object) []int { return []int{0} },
		Step: func(state int, _ model.Op) (int, bool) { return state, true },
	}
	h := history.NewBuilder(history.Header{}).Dequeue(1, "q", 5, 0, 10).History() // nobody enqueued it
	require.Equal(t, Pass, Linearizable{Model: own}.Check(context.Background(), Evidence{History: h}, Budget{}).Verdict)
	require.Equal(t, Violation, Linearizable{Model: model.FIFOQueue()}.Check(context.Background(), Evidence{History: h}, Budget{}).Verdict)
}
