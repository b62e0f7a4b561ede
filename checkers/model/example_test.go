package model_test

import (
	"context"
	"fmt"

	"github.com/anishathalye/porcupine"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// highWater is a model of one's own: a cell that keeps the greatest value that was
// written to it. Its state is that value.
var highWater = model.Spec[history.Value]{
	Name:    "high-water",
	Kinds:   []history.Kind{history.Read, history.Write},
	Initial: func(*model.Object) []history.Value { return []history.Value{0} },
	Step: func(state history.Value, op model.Op) (history.Value, bool) {
		if op.Kind == history.Write {
			return max(state, op.Value), true
		}
		return state, op.Told(state)
	},
	Observes: func(op model.Op) bool { return op.Kind == history.Read },
	Always:   func(op model.Op) bool { return op.Kind == history.Write },
}

// A model of one's own is judged like any other, by brute force and by porcupine too.
func Example() {
	h := history.NewBuilder(history.Header{}).
		Write(1, "mark", 7, 0, 10).
		Write(2, "mark", 5, 20, 30).
		Read(3, "mark", 5, 40, 50).
		History()
	check := checkers.Linearizable{Model: highWater}
	result := check.Check(context.Background(), checkers.Evidence{History: h}, checkers.Budget{})
	fmt.Println(result.Verdict, result.Method)
	for _, line := range result.Proof.Story {
		fmt.Println("  " + line)
	}

	object := model.Objects(h, highWater, h.Initial())[0]
	legal, err := highWater.BruteForce(object)
	fmt.Println("brute force:", legal, err)
	m, ops := highWater.Porcupine(object)
	fmt.Println("porcupine:", porcupine.CheckOperations(m, ops))
	// Output:
	// violation frontier (1 key)
	//   p1 called write mark = 7 at 0.000000000 s and was acknowledged at 0.000000010 s.
	//   p2 called write mark = 5 at 0.000000020 s, after that, and was acknowledged at 0.000000030 s.
	//   p3 called read mark at 0.000000040 s, after that, and was told 5 at 0.000000050 s.
	//   It can't be right even if p2's write mark = 5 took effect at any other time after the call, or never.
	//   No order that respects the clock explains p3's read mark, which was told 5: in every order it finds 7.
	// brute force: false <nil>
	// porcupine: false
}
