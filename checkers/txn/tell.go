package txn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

// tellSight makes the anomaly of what was seen.
func (a *analysis) tellSight(name string, s *sight) Anomaly {
	x := Anomaly{Name: name, Count: s.count, Edges: s.edges}
	for _, t := range s.txns {
		x.Transactions = append(x.Transactions, int(t))
	}
	x.Story = a.tellTransactions(x.Transactions)
	for _, line := range s.story {
		x.Story = append(x.Story, withNames(line, 0, 1))
	}
	return x
}

// say writes a sentence in which #0 and #1 stand for two transactions that have no
// names yet; see [withNames].
func say(format string, args ...any) string {
	return fmt.Sprintf(strings.NewReplacer("#0", "\x01", "#1", "\x02").Replace(format), args...)
}

// withNames puts transactions' names into a sentence of [say].
func withNames(line string, first, second int) string {
	return strings.NewReplacer("\x01", fmt.Sprintf("T%d", first+1), "\x02", fmt.Sprintf("T%d", second+1)).Replace(line)
}

// tellCycle makes the anomaly of a cycle.
func (a *analysis) tellCycle(name string, found *cycleFinding) Anomaly {
	x := Anomaly{Name: name, Count: found.components}
	c := &found.cycle
	for _, t := range c.txns {
		x.Transactions = append(x.Transactions, int(t))
	}
	x.Story = a.tellTransactions(x.Transactions)
	for i, kind := range c.kinds {
		next := (i + 1) % len(c.txns)
		why := withNames(a.because(c.txns[i], c.txns[next], kind), i, next)
		x.Edges = append(x.Edges, Edge{kindNames[kind], why})
		x.Story = append(x.Story, fmt.Sprintf("T%d < T%d, because %s (%s).", i+1, next+1, why, kindNames[kind]))
	}
	x.Story = append(x.Story, fmt.Sprintf("So T1 would come before itself: a cycle, %s.", name))
	return x
}

func (a *analysis) because(from, to int32, kind int) string {
	one, other := &a.h.Ops[from], &a.h.Ops[to]
	digits := a.digits([]int{int(from), int(to)})
	switch kind {
	case process:
		return say("process %d had #0 answered at %s before it called #1 at %s", one.Process, seconds(one.Return, digits), seconds(other.Call, digits))
	case realtime:
		return say("#0 (process %d) returned at %s, before #1 (process %d) was called at %s", one.Process, seconds(one.Return, digits), other.Process, seconds(other.Call, digits))
	}
	return a.explain(from, to, kind)
}

// shownTransactions bounds what is told of a long cycle.
const shownTransactions = 40

// tellTransactions says what each transaction did, and when.
func (a *analysis) tellTransactions(places []int) []string {
	var lines []string
	digits := a.digits(places)
	for i, place := range places {
		if i == shownTransactions {
			return append(lines, fmt.Sprintf("… and %d more transactions.", len(places)-i))
		}
		o := &a.h.Ops[place]
		end := "was committed at " + seconds(o.Return, digits)
		switch o.Outcome {
		case history.Info:
			end = "never learned the outcome"
		case history.Fail:
			end = "failed at " + seconds(o.Return, digits)
		}
		node := a.h.NodeOf(o.Process)
		if node != "" {
			node = " at " + node
		}
		lines = append(lines, fmt.Sprintf("T%d is process %d%s, called at %s: %s; it %s.", i+1, o.Process, node, seconds(o.Call, digits), steps(a.h, place), end))
	}
	return lines
}

// steps is what a transaction did, without the word before and the outcome behind.
func steps(h *history.History, place int) string {
	text := strings.TrimPrefix(h.Describe(place), "txn ")
	return strings.TrimSuffix(strings.TrimSuffix(text, " failed"), " unknown outcome")
}

// digits is how many of a second it takes to tell the times of transactions apart.
func (a *analysis) digits(places []int) int {
	var times []int64
	for _, place := range places {
		o := &a.h.Ops[place]
		times = append(times, o.Call)
		if o.Return != history.Open {
			times = append(times, o.Return)
		}
	}
	slices.Sort(times)
	times = slices.Compact(times)
	for _, digits := range []int{3, 6} {
		clear := true
		for i := 1; i < len(times); i++ {
			clear = clear && seconds(times[i], digits) != seconds(times[i-1], digits)
		}
		if clear {
			return digits
		}
	}
	return 9
}

// seconds writes nanoseconds as seconds; what it does not show it cuts off.
func seconds(ns int64, digits int) string {
	text := fmt.Sprintf("%d.%09d", ns/1e9, ns%1e9)
	return text[:len(text)-9+digits] + " s"
}

// prove makes the proof that a result carries.
func (a *analysis) prove(x *Anomaly) *checkers.Proof {
	proof := &checkers.Proof{Kind: alsoCalled(x.Name), Story: x.Story}
	if len(x.Edges) > 0 {
		proof.Drawing = x.SVG(a.h)
	}
	places := slices.Clone(x.Transactions)
	slices.Sort(places)
	for _, place := range slices.Compact(places) {
		o := &a.h.Ops[place]
		proof.Operations = append(proof.Operations, checkers.ProofOperation{
			Index: place, Process: o.Process, Node: a.h.NodeOf(o.Process), Call: o.Call, Return: o.Return,
			Outcome: o.Outcome.String(), Text: a.h.Describe(place),
		})
	}
	return proof
}
