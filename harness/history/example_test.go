package history_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seatrial/seatrial/harness/history"
)

// A run is recorded, read back, and told.
func Example() {
	dir, err := os.MkdirTemp("", "history")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "history.jsonl")

	recorder, err := history.Create(path, history.Header{Scenario: "example", Seed: 7})
	if err != nil {
		fmt.Println(err)
		return
	}
	recorder.Session(history.Session{Process: 3, Slot: 3, Group: "clients", Node: "n1"})
	recorder.Invoke(3, history.Write, "r1", history.Int(17), history.None)
	recorder.Complete(3, history.Write, history.OK, history.None, false)
	recorder.Invoke(3, history.CAS, "r1", history.Int(23), history.Int(5))
	recorder.Complete(3, history.CAS, history.OK, history.Int(17), true)
	recorder.Invoke(3, history.Read, "r1", history.None, history.None)
	fmt.Println("under way:", recorder.Counts().UnderWay())
	if err := recorder.Close(); err != nil {
		fmt.Println(err)
		return
	}

	recorded, err := history.ReadFile(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, o := range recorded.Ops {
		fmt.Printf("%s: %s\n", recorded.NodeOf(o.Process), recorded.Describe(i))
	}
	// Output:
	// under way: 1
	// n1: write r1 = 17
	// n1: cas r1 5→23 refused, saw 17
	// n1: read r1 unknown outcome
}

func ExampleEncode() {
	h := history.NewBuilder(history.Header{Seed: 7, Initial: 0}).
		Write(1, "r1", history.Int(17), 100, 200).
		Read(2, "r1", history.Int(17), 150, 250).
		History()
	var text bytes.Buffer
	if err := history.Encode(&text, h); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(text.String())
	// Output:
	// {"seatrial":1,"seed":7,"initial":0}
	// {"t":100,"e":"call","p":1,"f":"write","k":"r1","v":17}
	// {"t":150,"e":"call","p":2,"f":"read","k":"r1"}
	// {"t":200,"e":"ok","p":1}
	// {"t":250,"e":"ok","p":2,"r":17}
}

// A transaction is asked with its steps, and answered with the same.
func ExampleRecorder_InvokeTxn() {
	dir, err := os.MkdirTemp("", "history")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "history.jsonl")
	recorder, err := history.Create(path, history.Header{Model: "list-append"})
	if err != nil {
		fmt.Println(err)
		return
	}

	steps := []history.Step{history.Appends("x", 5), history.Asks("x"), history.Reads("y", history.None)}
	recorder.InvokeTxn(1, "", steps)
	steps[1] = history.Lists("x", 4, 5)
	steps[2] = history.Reads("y", history.Nil)
	recorder.CompleteTxn(1, steps)

	recorder.InvokeTxn(1, "", []history.Step{history.Writes("y", 1)})
	recorder.Complete(1, history.Txn, history.Fail, history.None, false)
	if err := recorder.Close(); err != nil {
		fmt.Println(err)
		return
	}

	recorded, err := history.ReadFile(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range recorded.Ops {
		fmt.Println(recorded.Describe(i))
	}
	// Output:
	// txn [append x 5, list x → [4 5], read y → nil]
	// txn [write y 1] failed
}
