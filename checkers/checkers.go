package checkers

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// Verdict is what a judge says of a run.
type Verdict int

// The verdicts, in the order in which one outweighs another when several are
// taken together: a proven violation stands whatever else happened.
const (
	// Pass: everything asked was checked and holds.
	Pass Verdict = iota
	// Inconclusive: a budget ran out, or the run proved nothing. Never shown or
	// counted as a pass, and never as a violation.
	Inconclusive
	// Error: the harness or the machine failed, or the cluster was not healthy
	// before the first fault.
	Error
	// Violation: a property is broken; the smallest proof found is shown.
	Violation
)

var verdictNames = [...]string{"pass", "inconclusive", "error", "violation"}

// String is the verdict's word.
func (v Verdict) String() string { return verdictNames[v] }

// MarshalText writes the verdict's word.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads the verdict's word.
func (v *Verdict) UnmarshalText(text []byte) error {
	for i, name := range verdictNames {
		if name == string(text) {
			*v = Verdict(i)
			return nil
		}
	}
	return fmt.Errorf("verdict %q is none of pass, inconclusive, error, violation", text)
}

// ExitCode is what a command that ends with this verdict exits with. 2 is never
// used: a Go panic and make end with it.
func (v Verdict) ExitCode() int { return [...]int{0, 4, 3, 1}[v] }

// Evidence is what a run left behind.
type Evidence struct {
	History *history.History
	// Logs holds one file a node, "<node>.log"; nil where none were saved.
	Logs fs.FS
}

// Budget bounds what a checker may spend. The zero value means the defaults.
type Budget struct {
	Time  time.Duration // default 60 s
	Bytes int64         // default 1 GiB
}

// WithDefaults fills in what is zero.
func (b Budget) WithDefaults() Budget {
	if b.Time <= 0 {
		b.Time = time.Minute
	}
	if b.Bytes <= 0 {
		b.Bytes = 1 << 30
	}
	return b
}

// Checker judges evidence. It is a pure function: it starts nothing and keeps nothing.
type Checker interface {
	// Check judges within the budget and the context's deadline; when either
	// runs out its verdict is Inconclusive, with the reason.
	Check(ctx context.Context, evidence Evidence, budget Budget) Result
}

// Result is one checker's answer.
type Result struct {
	Checker string  `json:"checker"` // for instance "linearizable"
	Verdict Verdict `json:"verdict"`
	// Summary is one sentence for a person.
	Summary string `json:"summary"`
	// Method says which way decided, for instance "zones" or "porcupine".
	Method string `json:"method,omitempty"`
	// Proof is the smallest proof found of a violation.
	Proof *Proof `json:"proof,omitempty"`
	// Figures are what the checker counted, by name with the unit in the name.
	Figures map[string]float64 `json:"figures,omitempty"`
	// Elapsed is how long the judging took.
	Elapsed time.Duration `json:"elapsed_ns"`
}

// Proof is a handful of operations that can't all be true.
type Proof struct {
	// Kind is the checker's name for what they prove, where it has several: "G2-item".
	Kind string `json:"kind,omitempty"`
	// Key is the key they are on; empty where the proof spans keys or has no operations.
	Key string `json:"key,omitempty"`
	// Operations are in the order of their calls.
	Operations []ProofOperation `json:"operations,omitempty"`
	// Story is the argument, one fact a line; the last one is the contradiction.
	Story []string `json:"story"`
	// Drawing is an SVG for a page, where bars along the time would not show what is
	// wrong; it is put into the page as it is, so whoever makes it escapes what the
	// system said.
	Drawing string `json:"-"`
	// Also are proofs of other kinds, where the checker found several: each as small.
	Also []Proof `json:"also,omitempty"`
}

// ProofOperation is an operation as a person reads it.
type ProofOperation struct {
	Index   int    `json:"index"` // in History.Ops
	Process int32  `json:"process"`
	Node    string `json:"node,omitempty"`
	Call    int64  `json:"call_ns"`
	Return  int64  `json:"return_ns"` // history.Open where nobody saw the end
	Outcome string `json:"outcome"`
	// Text is for instance `write r3 = 17` or `read r3 → 5`.
	Text string `json:"text"`
}

// All asks several checkers. The zero value asks none.
type All []Checker

// Worst is the verdict that outweighs the others.
func Worst(results []Result) Verdict {
	worst := Pass
	for _, r := range results {
		worst = max(worst, r.Verdict)
	}
	return worst
}

// Judge runs every checker in turn and returns their results in the same order.
// A checker that panics is an Error, not the end of the others.
func (all All) Judge(ctx context.Context, evidence Evidence, budget Budget) []Result {
	results := make([]Result, 0, len(all))
	for _, c := range all {
		results = append(results, judgeOne(ctx, c, evidence, budget.WithDefaults()))
	}
	return results
}

func judgeOne(ctx context.Context, c Checker, evidence Evidence, budget Budget) (result Result) {
	start := time.Now()
	defer func() {
		if reason := recover(); reason != nil {
			result = Result{Checker: fmt.Sprintf("%T", c), Verdict: Error, Summary: fmt.Sprintf("the checker failed: %v", reason)}
		}
		result.Elapsed = time.Since(start)
	}()
	return c.Check(ctx, evidence, budget)
}
