package checkers_test

import (
	"context"
	"fmt"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

// How a history is judged. Times are nanoseconds.
func Example() {
	const ms = 1_000_000
	h := history.NewBuilder(history.Header{Model: "register"}).
		Write(1, "r3", 12, 1000*ms, 1200*ms).
		Write(4, "r3", 17, 3100*ms, 3201*ms).
		Read(7, "r3", 12, 3950*ms, 3951*ms).
		History()
	checks := checkers.All{checkers.Linearizable{}, checkers.LoadFloor{}}
	for _, result := range checks.Judge(context.Background(), checkers.Evidence{History: h}, checkers.Budget{}) {
		fmt.Println(result.Checker, result.Verdict, result.Method)
		if result.Proof != nil {
			for _, line := range result.Proof.Story {
				fmt.Println("  " + line)
			}
		}
	}
	// Output:
	// linearizable violation zones (1 key)
	//   p1 called write r3 = 12 at 1.000 s and was acknowledged at 1.200 s.
	//   p4 called write r3 = 17 at 3.100 s, after that, and was acknowledged at 3.201 s.
	//   p7 called read r3 at 3.950 s, after that, and was told 12 at 3.951 s.
	//   12 was there before 17: p1's write of 12 had returned at 1.200 s, before p4's write of 17 was called at 3.100 s.
	//   17 was there before 12: p4's write of 17 had returned at 3.201 s, before p7's read of 12 was called at 3.950 s.
	//   Each value was stored once only: 12 was overwritten by 17 before p7's read of 12 began, and can't have come back.
	// load-floor pass counting
}
