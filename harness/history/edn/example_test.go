package edn_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/history/edn"
)

// What Jepsen recorded, in the words of this project.
func ExampleImport() {
	recorded := `{:type :invoke, :f :write, :value [:x 3], :process 0, :time 10}
{:type :info, :f :start-partition, :value ["n1"], :process :nemesis, :time 15}
{:type :ok, :f :write, :value [:x 3], :process 0, :time 20}
{:type :invoke, :f :cas, :value [:x [3 4]], :process 1, :time 30}
`
	h, err := edn.Import(strings.NewReader(recorded), "history.edn", edn.Options{Model: "cas-register", Unwrap: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range h.Ops {
		fmt.Println(h.Describe(i))
	}
	fmt.Println(h.Marks[0].Name)
	// Output:
	// write :x = 3
	// cas :x 3→4 unknown outcome
	// nemesis start-partition
}

// A history for Knossos.
func ExampleExport() {
	h := history.NewBuilder(history.Header{Model: "register"}).
		Write(0, "r1", 3, 10, 20).
		Read(1, "r1", 3, 15, 25).
		History()
	if err := edn.Export(os.Stdout, h); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {:index 0, :time 10, :process 0, :type :invoke, :f :write, :value 3}
	// {:index 1, :time 15, :process 1, :type :invoke, :f :read, :value nil}
	// {:index 2, :time 20, :process 0, :type :ok, :f :write, :value 3}
	// {:index 3, :time 25, :process 1, :type :ok, :f :read, :value 3}
}
