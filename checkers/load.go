package checkers

import (
	"context"
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// LoadFloor asks for enough load: of every kind of operation that the clients
// tried, at least a number were answered. A run in which every write failed is
// linearizable, and proves nothing. Its verdict is pass or inconclusive.
//
// A compare-and-set that was refused was answered: it says what the system held,
// as a read does. But a run in which none was ever swapped has not tried
// swapping: at least one must be, however large or small the history. A script
// that means to be refused only should not ask for this check.
//
// Figures, for each kind: <kind>_ok, <kind>_fail, <kind>_info; for compare-and-sets
// also cas_swapped, which is a part of cas_ok.
type LoadFloor struct {
	// AtLeast is how many of each kind must be answered. Zero means 1.
	AtLeast int
}

// Check implements [Checker].
func (f LoadFloor) Check(_ context.Context, evidence Evidence, _ Budget) Result {
	result := Result{Checker: "load-floor", Method: "counting", Figures: map[string]float64{}}
	if evidence.History == nil {
		result.Verdict, result.Summary = Error, "the evidence has no history"
		return result
	}
	counts := countKinds(evidence.History)
	if len(counts) == 0 {
		result.Verdict, result.Summary = Inconclusive, "no operation was tried: the run proves nothing"
		return result
	}
	var short, enough []string
	for _, kind := range history.Kinds() {
		c := counts[kind]
		if c == nil {
			continue
		}
		c.figures(kind, result.Figures)
		if problem := c.problem(kind, max(1, f.AtLeast)); problem != "" {
			short = append(short, problem)
		}
		enough = append(enough, fmt.Sprintf("%v %d of %d ok", kind, c.ok, c.total()))
	}
	if len(short) > 0 {
		result.Verdict, result.Summary = Inconclusive, strings.Join(short, "; ")
		return result
	}
	result.Summary = strings.Join(enough, ", ")
	return result
}

// countKinds counts the operations of the load by their kind.
func countKinds(h *history.History) map[history.Kind]*kindCounts {
	counts := map[history.Kind]*kindCounts{}
	final, hasFinal := h.Find(MarkFinal)
	for i := range h.Ops {
		op := &h.Ops[i]
		if hasFinal && op.Call >= final.Time {
			break // final reads are no load; operations are in the order of their calls
		}
		c := counts[op.Kind]
		if c == nil {
			c = &kindCounts{}
			counts[op.Kind] = c
		}
		c.add(op)
	}
	return counts
}

type kindCounts struct{ ok, fail, info, swapped int }

func (c *kindCounts) add(op *history.Op) {
	switch op.Outcome {
	case history.OK:
		c.ok++
	case history.Fail:
		c.fail++
	default:
		c.info++
	}
	if op.Swapped() {
		c.swapped++
	}
}

func (c *kindCounts) total() int { return c.ok + c.fail + c.info }

func (c *kindCounts) figures(kind history.Kind, figures map[string]float64) {
	figures[kind.String()+"_ok"] = float64(c.ok)
	figures[kind.String()+"_fail"] = float64(c.fail)
	figures[kind.String()+"_info"] = float64(c.info)
	if kind == history.CAS {
		figures["cas_swapped"] = float64(c.swapped)
	}
}

func neverSucceeded(kind history.Kind, tried int) string {
	return fmt.Sprintf("%v never succeeded: 0 of %d ok", kind, tried)
}

// problem says what was too little of a kind, "" where nothing was.
func (c *kindCounts) problem(kind history.Kind, floor int) string {
	switch {
	case c.ok == 0:
		return neverSucceeded(kind, c.total())
	case c.ok < floor:
		return fmt.Sprintf("%v succeeded too rarely: %d of %d ok, asked for were %d", kind, c.ok, c.total(), floor)
	case kind == history.CAS && c.swapped == 0:
		return fmt.Sprintf("cas never swapped: all of the %d that were answered were refused", c.ok)
	}
	return ""
}
