package harness_test

import (
	"context"
	"fmt"
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

// AnswersWithin says that no operation was acknowledged later than Limit after
// it was called.
type AnswersWithin struct{ Limit time.Duration }

func (c AnswersWithin) Check(_ context.Context, evidence checkers.Evidence, _ checkers.Budget) checkers.Result {
	result := checkers.Result{Checker: "answers-within", Method: "scan"}
	h := evidence.History
	answered := 0
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Outcome != history.OK {
			continue
		}
		answered++
		if took := time.Duration(op.Return - op.Call); took > c.Limit {
			result.Verdict = checkers.Violation
			result.Summary = fmt.Sprintf("%s took %v, more than %v", h.Describe(i), took, c.Limit)
			result.Proof = &checkers.Proof{Key: h.KeyName(op.Key), Story: []string{result.Summary}}
			return result
		}
	}
	if answered == 0 { // silence proves nothing
		result.Verdict, result.Summary = checkers.Inconclusive, "no operation was acknowledged"
		return result
	}
	result.Summary = fmt.Sprintf("%d operations were acknowledged within %v", answered, c.Limit)
	return result
}

func Example_checker() {
	h := history.NewBuilder(history.Header{Model: "cas-register"}).
		Write(0, "r1", history.Int(1), 0, int64(3*time.Millisecond)).
		Read(1, "r1", history.Int(1), int64(4*time.Millisecond), int64(90*time.Millisecond)).
		History()
	results := checkers.All{AnswersWithin{Limit: 50 * time.Millisecond}}.
		Judge(context.Background(), checkers.Evidence{History: h}, checkers.Budget{})
	fmt.Println(results[0].Verdict, "-", results[0].Summary)
	// Output: violation - read r1 → 1 took 86ms, more than 50ms
}
