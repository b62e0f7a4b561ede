package txn_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/checkers/txn"
	"github.com/seatrial/seatrial/harness/history"
)

// Two transactions each read what the other writes, and neither sees the other:
// write skew, which snapshot isolation allows and serializability does not.
func ExampleListAppend() {
	h := history.NewBuilder(history.Header{}).
		Txn(1, history.OK, 1e6, 5e6, history.Lists("x"), history.Appends("y", history.Int(1))).
		Txn(2, history.OK, 2e6, 6e6, history.Lists("y"), history.Appends("x", history.Int(2))).
		History()
	report := txn.ListAppend{Level: "serializable"}.Report(context.Background(), checkers.Evidence{History: h}, checkers.Budget{})
	fmt.Println(report.Result.Verdict)
	fmt.Println(strings.Join(report.WeakestRefuted, ", "))
	fmt.Println(strings.Join(report.Result.Proof.Story, "\n"))
	// Output:
	// violation
	// repeatable-read
	// T1 is process 1, called at 0.001 s: [list x → [], append y 1]; it was committed at 0.005 s.
	// T2 is process 2, called at 0.002 s: [list y → [], append x 2]; it was committed at 0.006 s.
	// T1 < T2, because T1 read x as [], without T2's append of 2 (rw).
	// T2 < T1, because T2 read y as [], without T1's append of 1 (rw).
	// So T1 would come before itself: a cycle, G2-item.
}
