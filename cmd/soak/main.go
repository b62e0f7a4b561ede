// Command soak runs the long acceptance of seatrial: many seeds of the scenarios
// that ship, with one line an item and its measured rate. It goes on where an
// earlier call stopped: finished runs are kept in results/soak, and belong to the
// code they ran with.
//
//	go run ./cmd/soak            every item
//	go run ./cmd/soak etcd-mixed one item
//
// It exits with 0 when every item it was asked for holds, else with 1.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/docker/canary"
	"github.com/seatrial/seatrial/docker/canary/store"
	"github.com/seatrial/seatrial/docker/etcd"
	"github.com/seatrial/seatrial/docker/nats"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/results"
	"github.com/seatrial/seatrial/scenarios"
)

// item is one line of the acceptance: a scenario that is run many times, or a
// test of the repository at a size that CI does not have the time for.
type item struct {
	name string
	// test is the arguments of go test, with what it needs in its environment.
	test, env []string

	scenario harness.Scenario
	runs     int
	// need is how many runs must end as wanted.
	need   int
	want   checkers.Verdict
	minOps int
	// finding is what a violation must be of, where it is a row of the track record;
	// oneOf are checkers of which one must find it.
	finding *harness.Finding
	oneOf   []string
	// everyFault asks that each kind of fault bit at least once over all runs.
	everyFault bool
	// losses is how many faults must have bitten over all runs while the system
	// acknowledged writes.
	losses int
}

func items() []item {
	all := []item{
		{name: "differential", test: []string{"-run", "Agree", "./checkers", "./checkers/model"}, env: []string{"SEATRIAL_DIFFERENTIAL=100000"}},
		{name: "killed-runner", test: []string{"-run", "TestAKilledRunner", "-count", "5", "./harness"}},
		{name: "killed-disks", test: []string{"-p", "1", "-run", "AreKilled|IsKilled", "./harness/disk/layer", "./docker/disk"},
			env: []string{"SEATRIAL_SOAK=1", "SEATRIAL_REQUIRE_DOCKER=1"}},
		{name: "etcd-mixed", scenario: scenarios.EtcdMixed, runs: 20, need: 20, want: checkers.Pass, minOps: 5000, everyFault: true},
		{name: "etcd-appends", scenario: scenarios.EtcdAppends, runs: 20, need: 20, want: checkers.Pass},
		{name: "etcd-everything", scenario: scenarios.EtcdEverything, runs: 20, need: 20, want: checkers.Pass},
		{name: "etcd-everything-next", scenario: nextEtcd(scenarios.EtcdEverything), runs: 20, need: 20, want: checkers.Pass},
		{name: "etcd-disks", scenario: scenarios.EtcdDisks, runs: 20, need: 20, want: checkers.Pass, everyFault: true},
		{name: "etcd-slow-disk", scenario: scenarios.EtcdSlowDisk, runs: 20, need: 20, want: checkers.Pass},
		{name: "conformance", test: []string{"-run", ".", "-count", "1", "-timeout", "60m", "./harness/conformance"}, env: []string{"SEATRIAL_SOAK=1"}},
		{name: "etcd-appends-five", scenario: scenarios.EtcdAppendsFive, runs: 5, need: 5, want: checkers.Pass},
	}
	for _, s := range scenarios.All() {
		if s.System == (canary.Cluster{Nodes: 3}) {
			all = append(all, item{name: dashed(s.Name), scenario: s, runs: 50, need: 50, want: checkers.Pass})
		}
	}
	for _, d := range (canary.Cluster{}).Defects() {
		for _, s := range scenarios.All() {
			if s.Name == d.CaughtBy {
				s.System = canary.Cluster{Nodes: 3, Defect: d.Name}
				all = append(all, item{name: "canary-" + d.Name, scenario: s, runs: 20, need: 18, want: checkers.Violation, oneOf: judges})
			}
		}
	}
	for _, f := range scenarios.TrackRecord() {
		if len(f.Broken) == 0 {
			continue // its scenarios are items of their own
		}
		all = append(all, item{name: f.Name, scenario: f.Scenario, runs: 10, need: 9, want: checkers.Violation, finding: &f})
		for _, control := range f.Controls {
			all = append(all, item{name: f.Name + "-control-" + path.Base(control.Name), scenario: control, runs: 10, need: 10, want: checkers.Pass})
		}
	}
	return append(all, durable()...)
}

// durable are the systems that must keep all that they acknowledged over at least
// twenty losses of power each, many of them in one run, so that what a loss leaves
// behind is there at the next; and what loses on power alone, killed.
func durable() []item {
	const losses = 20
	var all []item
	for _, s := range []harness.Scenario{
		scenarios.EtcdPowerLossOne, scenarios.EtcdPowerLoss,
		scenarios.NatsPowerLossAlways, scenarios.NatsPowerLossOneAlways, scenarios.NatsPowerLossAllAlways,
		scenarios.RedisPowerLossAlways, scenarios.PostgresPowerLossFsync,
		scenarios.CanaryPowerLossAll,
	} {
		runs := 2
		if s.System == (nats.Cluster{Nodes: 3, SyncInterval: nats.Always}) {
			runs = 6 // three servers of NATS take long to serve again
		}
		s.Duration = time.Minute
		all = append(all, item{name: dashed(s.Name) + "-long", scenario: s, runs: runs, need: runs, want: checkers.Pass, losses: losses})
	}
	killed := scenarios.CanaryAppendsKillAll
	killed.System = canary.Cluster{Nodes: 3, Defect: store.NoFsync}
	return append(all,
		item{name: "canary-no-fsync-killed", scenario: killed, runs: 10, need: 10, want: checkers.Pass},
		item{name: "etcd-append-kill-all", scenario: scenarios.EtcdKillAll, runs: 10, need: 10, want: checkers.Pass})
}

// nextEtcd is a scenario on the newer of the versions that must hold.
func nextEtcd(s harness.Scenario) harness.Scenario {
	s.System = etcd.Cluster{Nodes: 3, Version: "3.6.16"}
	return s
}

// judges are the checkers of what the store holds, as opposed to how the run went.
var judges = []string{"linearizable", "lost-acknowledgements", "set-full"}

// dashed is a scenario's name as an item's.
func dashed(name string) string { return strings.ReplaceAll(name, "/", "-") }

// done is what is kept of a finished run.
type done struct {
	Code       string           `json:"code"`
	Seed       uint64           `json:"seed"`
	Verdict    checkers.Verdict `json:"verdict"`
	Operations int              `json:"operations"`
	Bit        []string         `json:"bit"`
	Losses     int              `json:"losses"`
	Summary    string           `json:"summary"`
	Report     string           `json:"report"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	only := os.Args[1:]
	var known []string
	ok, matched := true, false
	for _, it := range items() {
		known = append(known, it.name)
		if len(only) > 0 && !contains(only, it.name) {
			continue
		}
		matched = true
		holds, err := it.soak(ctx)
		if err != nil {
			fmt.Fprintf(os.Stderr, "soak: %s: %v\n", it.name, err)
			os.Exit(3)
		}
		ok = ok && holds
	}
	if !matched {
		fmt.Fprintf(os.Stderr, "soak: there is no item %s; there are %s\n", strings.Join(only, " "), strings.Join(known, ", "))
		os.Exit(64)
	}
	if !ok {
		os.Exit(1)
	}
}

func contains(list []string, one string) bool {
	for _, s := range list {
		if s == one {
			return true
		}
	}
	return false
}

// soak runs what is still missing of an item and prints its line.
func (it item) soak(ctx context.Context) (holds bool, err error) {
	if it.test != nil {
		return it.soakTest(ctx)
	}
	file := filepath.Join("results", "soak", it.name+".jsonl")
	code, err := codeHash()
	if err != nil {
		return false, err
	}
	finished, err := load(file, code)
	if err != nil {
		return false, err
	}
	for seed := uint64(len(finished) + 1); len(finished) < it.runs; seed++ {
		run, dir, err := harness.Run(ctx, it.scenario, harness.Options{Seed: &seed, Interrupt: ctx.Done()})
		if err != nil {
			return false, err
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		losses, err := midst(run, dir)
		if err != nil {
			return false, err
		}
		d := done{Code: code, Seed: seed, Verdict: it.verdict(run), Operations: run.Counted().Total(),
			Bit: bitKinds(run), Losses: losses, Summary: run.Summary, Report: dir.Path(results.ReportFile)}
		if now, err := codeHash(); err != nil || now != code {
			return false, errors.Join(err, errors.New("the code was changed while it was measured: begin again"))
		}
		if err := save(file, d); err != nil {
			return false, err
		}
		finished = append(finished, d)
		fmt.Fprintf(os.Stderr, "  %s %d/%d seed %d: %s, %d operations  %s\n", it.name, len(finished), it.runs, seed, d.Verdict, d.Operations, unexpected(d, it.want))
	}
	return it.line(finished), nil
}

// soakTest runs a test and prints its line, with what the test says of its size.
func (it item) soakTest(ctx context.Context) (holds bool, err error) {
	command := exec.CommandContext(ctx, "go", append([]string{"test", "-v", "-count=1", "-timeout", "60m"}, it.test...)...)
	command.Env = append(os.Environ(), it.env...)
	out, err := command.CombinedOutput()
	passed, failed := strings.Count(string(out), "--- PASS"), strings.Count(string(out), "--- FAIL")+strings.Count(string(out), "--- SKIP")
	word := "holds"
	if err != nil || failed > 0 || passed == 0 {
		word = "FAILS"
		os.Stderr.Write(out)
	}
	var said []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "histories") || strings.Contains(line, "killings") {
			said = append(said, strings.TrimSpace(line))
		}
	}
	fmt.Printf("%-6s %-24s %d tests passed, %d failed or skipped  %s\n", word, it.name, passed, failed, strings.Join(said, "; "))
	return word == "holds", ctx.Err()
}

// verdict is the run's; a violation counts only where it is of what must break.
func (it item) verdict(run results.Run) checkers.Verdict {
	one := len(it.oneOf) == 0
	for _, result := range run.Results {
		one = one || result.Verdict == checkers.Violation && contains(it.oneOf, result.Checker)
	}
	if run.Verdict == checkers.Violation && !one {
		return checkers.Inconclusive // a violation of something else
	}
	if it.finding != nil && run.Verdict == checkers.Violation {
		if found, _ := it.finding.Verdict(run); !found {
			return checkers.Inconclusive
		}
	}
	return run.Verdict
}

func unexpected(d done, want checkers.Verdict) string {
	if d.Verdict == want {
		return ""
	}
	return d.Summary + " " + d.Report
}

// midst is how many faults bit less than a second after a write was acknowledged.
func midst(run results.Run, dir *results.Dir) (count int, err error) {
	recorded, err := history.ReadFile(dir.Path(results.HistoryFile))
	if err != nil {
		return 0, err
	}
	for _, f := range run.Faults {
		if f.Bit && slices.ContainsFunc(recorded.Ops, func(o history.Op) bool {
			return o.Outcome == history.OK && !o.ReadsList() && o.Kind != history.Read &&
				o.Return < f.Injected && f.Injected-o.Return < int64(time.Second)
		}) {
			count++
		}
	}
	return count, nil
}

// bitKinds are the kinds of fault that bit, by the first words of their texts.
func bitKinds(run results.Run) []string {
	seen := map[string]bool{}
	for _, f := range run.Faults {
		if f.Bit {
			seen[kindOf(f.Text)] = true
		}
	}
	kinds := make([]string, 0, len(seen))
	for kind := range seen {
		kinds = append(kinds, kind)
	}
	sort.Strings(kinds)
	return kinds
}

// oneWay is the kind of every fault that is narrowed to a direction.
const oneWay = "one way"

// kindsOf are the kinds that a scenario's mix may draw.
func kindsOf(s harness.Scenario) []string {
	mix, _ := s.Faults.(fault.Mix)
	var kinds []string
	for _, f := range mix.Faults {
		kind := kindOf(strings.ReplaceAll(f.FaultName(), "-", " "))
		if only, is := f.(fault.Only); is && only.Direction != "" {
			kind = oneWay
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// kindOf is the kind of a fault, by its text.
func kindOf(text string) string {
	if strings.Contains(text, " > ") || strings.Contains(text, " < ") {
		return oneWay
	}
	for _, entry := range fault.All() {
		if kind := strings.ReplaceAll(entry.Name(), "-", " "); text == kind || strings.HasPrefix(text, kind+" ") {
			return kind
		}
	}
	return text
}

// line prints the item's line.
func (it item) line(finished []done) (holds bool) {
	hits, fewest, losses := 0, 0, 0
	bit := map[string]int{}
	for i, d := range finished {
		if d.Verdict == it.want {
			hits++
		}
		if i == 0 || d.Operations < fewest {
			fewest = d.Operations
		}
		losses += d.Losses
		for _, kind := range d.Bit {
			bit[kind]++
		}
	}
	holds = hits >= it.need && fewest >= it.minOps && losses >= it.losses
	text := fmt.Sprintf("%s %d of %d (needed %d), at least %d operations a run", it.want, hits, len(finished), it.need, fewest)
	if it.losses > 0 {
		text += fmt.Sprintf(", %d faults in the midst of acknowledgements (needed %d)", losses, it.losses)
	}
	if kinds := kindsOf(it.scenario); len(kinds) > 0 {
		var parts []string
		for _, kind := range kinds {
			parts = append(parts, fmt.Sprintf("%s %d", kind, bit[kind]))
			holds = holds && (bit[kind] > 0 || !it.everyFault)
		}
		text += "; runs in which a fault bit: " + strings.Join(parts, ", ")
	}
	word := "holds"
	if !holds {
		word = "FAILS"
	}
	fmt.Printf("%-6s %-24s %s\n", word, it.name, text)
	return holds
}

// codeHash identifies the code as it is in the working tree: a change of the
// documentation does not make a finished run worthless.
func codeHash() (string, error) {
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.go", "*.tmpl", "go.mod", "go.sum", ":!*_test.go", ":!cmd/soak")
	names, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("list the code with git: %w", err)
	}
	hash := sha256.New()
	for _, name := range strings.Split(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "%s %d\n", name, len(text))
		hash.Write(text)
	}
	return hex.EncodeToString(hash.Sum(nil))[:12], nil
}

func load(path, code string) ([]done, error) {
	file, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer file.Close()
	var list []done
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var d done
		if json.Unmarshal(lines.Bytes(), &d) == nil && d.Code == code {
			list = append(list, d)
		}
	}
	return list, lines.Err()
}

func save(path string, d done) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	text, err := json.Marshal(d)
	if err == nil {
		_, err = file.Write(append(text, '\n'))
	}
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}
