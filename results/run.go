package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

// SchemaVersion is the version of verdict.json that this package writes.
const SchemaVersion = 1

// Run is the content of verdict.json: what was run, how it went and what the
// judges said. See the package's documentation for what is promised of it.
type Run struct {
	// Schema is the version of this format; see [SchemaVersion].
	Schema int `json:"schema"`
	// ID is the run's identifier, unique on its host.
	ID string `json:"run"`
	// Scenario is for instance "etcd/register/minority-cut".
	Scenario string `json:"scenario"`
	// System and Version name what was tested.
	System  string `json:"system"`
	Version string `json:"version"`
	// Options are the system's settings, such as {"defect": "stale-reads"}.
	Options map[string]string `json:"options,omitempty"`
	// Runtime is "pod" or "process".
	Runtime string   `json:"runtime"`
	Nodes   []string `json:"nodes,omitempty"`
	// Clients is the number of clients that worked at a time.
	Clients int `json:"clients,omitempty"`
	// Seed is what the plan and the operations were drawn from.
	Seed uint64 `json:"seed,string"`
	// Started is the wall-clock time at which the run began.
	Started time.Time `json:"started"`
	// Took is how long each phase lasted.
	Took Phases `json:"took"`

	// Verdict is the verdict of everything together, and Summary says it in one
	// sentence: what broke, or what was shown.
	Verdict checkers.Verdict `json:"verdict"`
	Summary string           `json:"summary"`
	// Results are the judges' answers, in the order in which they were asked.
	Results []checkers.Result `json:"results,omitempty"`
	// Operations counts what clients did, by kind; see [CountOperations].
	Operations []KindCount `json:"operations,omitempty"`
	// Faults are in the order of the plan.
	Faults []Fault `json:"faults,omitempty"`

	// Again are the command lines that run this again, best first.
	Again []string `json:"again,omitempty"`
	// Files are the run directory's files, relative to it; see [Dir.Files].
	Files    []string `json:"files,omitempty"`
	Limits   Limits   `json:"limits"`
	Versions Versions `json:"versions"`
	// Notes are sentences that a reader of the verdict should know, such as
	// "the log of n2 was cut".
	Notes []string `json:"notes,omitempty"`
}

// Phases is how long each part of a run lasted. Zero means that it was not reached.
type Phases struct {
	Start      time.Duration `json:"start_ns"`       // until every node was ready
	Load       time.Duration `json:"load_ns"`        // clients and faults at work
	Settle     time.Duration `json:"settle_ns"`      // faults undone, until the system had recovered
	FinalReads time.Duration `json:"final_reads_ns"` // reads after recovery
	Evidence   time.Duration `json:"evidence_ns"`    // logs and data saved
	Check      time.Duration `json:"check_ns"`       // the judges
	TearDown   time.Duration `json:"tear_down_ns"`   // everything of the run removed
}

// Phase is one part of a run with its name.
type Phase struct {
	Name string
	Took time.Duration
}

// List returns the phases in the order in which they happen.
func (p Phases) List() []Phase {
	return []Phase{
		{"start", p.Start}, {"load", p.Load}, {"settle", p.Settle}, {"final reads", p.FinalReads},
		{"evidence", p.Evidence}, {"check", p.Check}, {"tear-down", p.TearDown},
	}
}

// Total is the sum of all phases.
func (p Phases) Total() time.Duration {
	var sum time.Duration
	for _, phase := range p.List() {
		sum += phase.Took
	}
	return sum
}

// KindCount is how many operations of a kind ended how.
type KindCount struct {
	// Kind is for instance "read".
	Kind string `json:"kind"`
	OK   int    `json:"ok"`
	Fail int    `json:"fail"`
	// Info counts those whose outcome nobody knows.
	Info int `json:"info"`
}

// Total is the number of operations of the kind.
func (k KindCount) Total() int { return k.OK + k.Fail + k.Info }

// CountOperations counts a history's operations by kind, leaving out kinds that
// did not occur.
func CountOperations(h *history.History) []KindCount {
	byKind := map[history.Kind]*KindCount{}
	for i := range h.Ops {
		op := &h.Ops[i]
		count := byKind[op.Kind]
		if count == nil {
			count = &KindCount{Kind: op.Kind.String()}
			byKind[op.Kind] = count
		}
		switch op.Outcome {
		case history.OK:
			count.OK++
		case history.Fail:
			count.Fail++
		default:
			count.Info++
		}
	}
	var counts []KindCount
	for _, kind := range append(history.Kinds(), history.KindUnknown) {
		if count := byKind[kind]; count != nil {
			counts = append(counts, *count)
		}
	}
	return counts
}

// Fault is the life of one fault. Its times are nanoseconds since the run began;
// zero means that it did not come to that.
type Fault struct {
	// Step is the number of the plan's step.
	Step int `json:"step"`
	// Text says what it is with its target as resolved, for instance "black-hole n2 | n1 n3".
	Text  string   `json:"text"`
	Nodes []string `json:"nodes,omitempty"`

	Planned  int64 `json:"planned_ns,omitempty"`
	Injected int64 `json:"injected_ns,omitempty"`
	Healed   int64 `json:"healed_ns,omitempty"`

	// Bit says that the fault was seen to do something, and Proof by what.
	Bit   bool   `json:"bit"`
	Proof string `json:"proof,omitempty"`
	// Counted is what it did altogether, read as it was undone.
	Counted string `json:"counted,omitempty"`
	// Mix says that it was drawn by a random mix, so that it need not have bitten.
	Mix bool `json:"mix,omitempty"`
	// Error says why it could not be injected or undone.
	Error string `json:"error,omitempty"`
}

// Limits are the bounds that the run was held to. Zero means that there was none.
type Limits struct {
	HardStop      time.Duration `json:"hard_stop_ns,omitempty"`      // of the whole run
	ReadyWithin   time.Duration `json:"ready_within_ns,omitempty"`   // until every node is ready
	Operation     time.Duration `json:"operation_ns,omitempty"`      // of one operation
	RecoverWithin time.Duration `json:"recover_within_ns,omitempty"` // after the last fault was undone
	CheckTime     time.Duration `json:"check_time_ns,omitempty"`     // of each checker
	CheckBytes    int64         `json:"check_bytes,omitempty"`       // of each checker
}

// Versions are the tools that the run used.
type Versions struct {
	Harness string `json:"harness,omitempty"`
	Go      string `json:"go,omitempty"`
	Docker  string `json:"docker,omitempty"`
}

// Counted sums the operations over all kinds.
func (r Run) Counted() KindCount {
	sum := KindCount{Kind: "all"}
	for _, k := range r.Operations {
		sum.OK += k.OK
		sum.Fail += k.Fail
		sum.Info += k.Info
	}
	return sum
}

// FaultsBit is how many faults were injected and how many of these were seen to bite.
func (r Run) FaultsBit() (bit, injected int) {
	for _, f := range r.Faults {
		if f.Injected != 0 || f.Bit {
			injected++
		}
		if f.Bit {
			bit++
		}
	}
	return bit, injected
}

// Load reads the verdict file of a run directory.
func Load(dir string) (Run, error) {
	path := filepath.Join(dir, VerdictFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Run{}, fmt.Errorf("%s has no %s: the run did not get as far as its verdict, or this is not a run directory (judge its history with `seatrial check`): %w", dir, VerdictFile, err)
	} else if err != nil {
		return Run{}, fmt.Errorf("read the verdict: %w", err)
	}
	var run Run
	if err := json.Unmarshal(text, &run); err != nil {
		return Run{}, fmt.Errorf("read the verdict %s: %w", path, err)
	}
	if run.Schema < 1 || run.Schema > SchemaVersion {
		return Run{}, fmt.Errorf("%s has schema %d, this seatrial reads up to %d: use the version that wrote it", path, run.Schema, SchemaVersion)
	}
	return run, nil
}
