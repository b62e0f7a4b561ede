package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/results"
)

// Test runs a scenario in go test. Everything but a pass fails the test, with
// the verdict as the first word; see the package for the environment that
// decides seed, repetition and where run directories go.
func Test(t *testing.T, s Scenario) {
	t.Helper()
	testPasses(t, s, func(results.Run, *results.Dir) {})
}

// testPasses is Test; it hands each run to keep.
func testPasses(t *testing.T, s Scenario, keep func(results.Run, *results.Dir)) {
	t.Helper()
	skip := ""
	forEachRun(t, s, func(run results.Run, dir *results.Dir) {
		t.Helper()
		keep(run, dir)
		switch {
		case run.Verdict == checkers.Pass:
			t.Logf("pass: %s\nreport: %s", run.Summary, dir.Path(results.ReportFile))
		case run.Verdict == checkers.Inconclusive && os.Getenv("SEATRIAL_INCONCLUSIVE") == "skip":
			skip = "inconclusive: " + run.Summary
		default:
			t.Errorf("%s", failureText(run, dir))
		}
	})
	if skip != "" && !t.Failed() {
		t.Skip(skip)
	}
}

// TestFinds runs a scenario that is known to break the properties of some
// checkers, named as in their results (for instance "linearizable"), and fails
// the test when one of these violations is not found.
func TestFinds(t *testing.T, s Scenario, checker ...string) {
	t.Helper()
	testFinds(t, Finding{Scenario: s, Broken: checker}, func(results.Run, *results.Dir) {})
}

// testFinds is TestFinds; it hands each run to keep.
func testFinds(t *testing.T, f Finding, keep func(results.Run, *results.Dir)) {
	t.Helper()
	forEachRun(t, f.Scenario, func(run results.Run, dir *results.Dir) {
		t.Helper()
		keep(run, dir)
		if found, _ := f.Verdict(run); !found {
			t.Errorf("not found: %s was expected of %s\n%s", f.Wanted(), f.Scenario.Name, failureText(run, dir))
			return
		}
		for _, name := range f.Broken {
			summary, _ := violated(run, name)
			t.Logf("found, as expected: %s\nreport: %s", summary, dir.Path(results.ReportFile))
		}
	})
}

func violated(run results.Run, checker string) (summary string, found bool) {
	for _, result := range run.Results {
		if result.Checker == checker && result.Verdict == checkers.Violation {
			return result.Summary, true
		}
	}
	return "", false
}

func failureText(run results.Run, dir *results.Dir) string {
	var text strings.Builder
	if err := results.WriteSummary(&text, run, dir.Path(""), false); err != nil {
		fmt.Fprintf(&text, "(the summary could not be written: %v)", err)
	}
	return text.String() // its first word is the verdict
}

// forEachRun runs the scenario as often as the environment says.
func forEachRun(t *testing.T, s Scenario, judge func(results.Run, *results.Dir)) {
	t.Helper()
	options, repeat, err := testOptions(t)
	if err != nil {
		t.Fatalf("error: %v", err)
	}
	counts := map[checkers.Verdict]int{}
	for range repeat {
		run, dir, err := Run(t.Context(), s, options)
		if err != nil {
			skipOrFail(t, s, err)
		}
		if err := defeatTestCache(); err != nil {
			t.Errorf("error: %v", err)
		}
		counts[run.Verdict]++
		judge(run, dir)
	}
	if repeat > 1 {
		t.Log(CountsText(counts, repeat))
	}
}

// CountsText says how many of some runs ended how, for instance
// "violation 1 of 10, pass 9 of 10".
func CountsText(counts map[checkers.Verdict]int, of int) string {
	var parts []string
	for v := checkers.Violation; v >= checkers.Pass; v-- {
		if counts[v] > 0 {
			parts = append(parts, fmt.Sprintf("%s %d of %d", v, counts[v], of))
		}
	}
	return strings.Join(parts, ", ")
}

func testOptions(t *testing.T) (o Options, repeat int, err error) {
	repeat = 1
	if text := os.Getenv("SEATRIAL_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return o, 0, fmt.Errorf("SEATRIAL_SEED=%s is not a number: %w", text, err)
		}
		o.Seed = &seed
	}
	if text := os.Getenv("SEATRIAL_REPEAT"); text != "" {
		if repeat, err = strconv.Atoi(text); err != nil || repeat < 1 {
			return o, 0, fmt.Errorf("SEATRIAL_REPEAT=%s is not a number above zero", text)
		}
	}
	if deadline, ok := t.Deadline(); ok {
		if o.Deadline = deadline; time.Until(deadline) < afterLoad {
			return o, 0, errors.New("the test's deadline leaves no time to run a scenario: give go test a longer -timeout")
		}
	}
	o.Watch = func(p Progress) {
		if p.Line != "" {
			t.Log(p.Line)
		}
	}
	o.Again = func(_ Scenario, seed uint64) []string { return testAgain(t.Name(), seed) }
	return o, repeat, nil
}

// testAgain is the go test line that runs a failed test again ten times.
func testAgain(name string, seed uint64) []string {
	folder := "."
	if here, err := os.Getwd(); err == nil {
		if root, ok := moduleRoot(here); ok {
			if rel, err := filepath.Rel(root, here); err == nil && rel != "." {
				folder = "./" + filepath.ToSlash(rel)
			}
		}
	}
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = "^" + part + "$"
	}
	return []string{fmt.Sprintf("SEATRIAL_SEED=%d SEATRIAL_REPEAT=10 go test -count=1 -timeout 30m -run '%s' %s", seed, strings.Join(parts, "/"), folder)}
}

func moduleRoot(dir string) (string, bool) {
	for {
		if info, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && info.Mode().IsRegular() {
			return dir, true
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", false
		}
		dir = up
	}
}

// skipOrFail ends a test whose scenario could not be run at all.
func skipOrFail(t *testing.T, s Scenario, err error) {
	t.Helper()
	var missing cluster.Unavailable
	if errors.As(err, &missing) && os.Getenv("SEATRIAL_REQUIRE_DOCKER") != "1" {
		t.Skipf("skipped: %v", err)
	}
	t.Fatalf("error: scenario %s could not be run: %v", s.Name, err)
}

// defeatTestCache makes go test run a chaos test again instead of showing its
// last result: the go command caches no result of a test that read a file of its
// module which was just written.
func defeatTestCache() error {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	root, ok := moduleRoot(here)
	if !ok {
		return nil
	}
	folder := filepath.Join(root, "results", "runs")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil // a module that can't be written can't be tested twice without -count=1
	}
	if err := os.WriteFile(filepath.Join(folder, ".gitignore"), []byte("*\n"), 0o644); err != nil {
		return nil
	}
	stamp := filepath.Join(folder, ".stamp")
	if err := os.WriteFile(stamp, []byte(time.Now().Format(time.RFC3339Nano)), 0o644); err != nil {
		return fmt.Errorf("write a stamp against the test cache: %w", err)
	}
	// The go command takes a file for just written when it is younger than two
	// seconds at the end of the test binary, whenever that is.
	future := time.Now().Add(24 * time.Hour)
	if err := os.Chtimes(stamp, future, future); err != nil {
		return fmt.Errorf("date a stamp against the test cache: %w", err)
	}
	_, err = os.ReadFile(stamp)
	return err
}
