package results_test

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/results"
)

func Example() {
	root, err := os.MkdirTemp("", "runs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(root)

	dir, err := results.Create(root, "20260301-101500-4fa2c1", "etcd/register/minority-cut")
	if err != nil {
		fmt.Println(err)
		return
	}
	recorded := &history.History{
		Keys: []string{"r1"},
		Ops:  []history.Op{{Kind: history.Write, Outcome: history.OK, Process: 1, Call: 1_000_000, Return: 3_000_000}},
	}
	run := results.Run{
		Scenario: "etcd/register/minority-cut", System: "etcd", Version: "3.5.35", Runtime: "pod", Seed: 7,
		Took:    results.Phases{Load: time.Second},
		Verdict: checkers.Pass, Summary: "1 register stayed linearizable.",
		Operations: results.CountOperations(recorded),
	}
	if err := dir.Finish(run.Verdict == checkers.Pass); err != nil {
		fmt.Println(err)
	}
	if err := dir.WriteRun(run, recorded); err != nil {
		fmt.Println(err)
	}
	fmt.Println(filepath.Base(dir.Path("")), dir.Files())

	again, err := results.Load(filepath.Join(root, "latest"))
	fmt.Println(again.Verdict, again.Operations[0].OK, err)
	// Output:
	// 20260301-101500-4fa2c1-etcd-register-minority-cut [report.html summary.txt verdict.json]
	// pass 1 <nil>
}

func ExampleWriteSummary() {
	run := results.Run{
		ID: "20260301-101500-4fa2c1", Scenario: "etcd/register/minority-cut", System: "etcd", Version: "3.5.35", Runtime: "pod", Seed: 7,
		Took:    results.Phases{Start: 3 * time.Second, Load: 20 * time.Second},
		Verdict: checkers.Inconclusive, Summary: "No fault bit, so nothing was shown.",
		Operations: []results.KindCount{{Kind: "read", OK: 4980, Info: 20}},
		Again:      []string{"go test -run '^TestMinorityCut$' -count=1"},
	}
	if err := results.WriteSummary(os.Stdout, run, "results/runs/latest", false); err != nil {
		fmt.Println(err)
	}
	// Output:
	// inconclusive: No fault bit, so nothing was shown.
	//
	//   scenario    etcd/register/minority-cut
	//   system      etcd 3.5.35, pod runtime
	//   seed        7
	//   run         20260301-101500-4fa2c1
	//   took        23 s (start 3 s, load 20 s)
	//   operations  5,000, 250 a second
	//                        ok  fail  unknown
	//               read  4,980     0       20
	//   faults      none
	//   checks      none
	//
	//   files: results/runs/latest
	//   run it again:
	//     go test -run '^TestMinorityCut$' -count=1
	//
	// inconclusive: No fault bit, so nothing was shown.
	// report: results/runs/latest/report.html
}
