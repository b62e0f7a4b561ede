package txn

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/checkers"
)

// ListAppend judges a history of transactions that append to lists and read them
// whole: history.Append and history.ReadList. It is named after Elle's checker of
// that name, and calls things what Elle calls them.
//
// The answer is a violation exactly if the level is refuted. A pass says that it is
// not: no anomaly that it forbids is in the history. For serializable and
// strict-serializable that is more: there is then an order of the transactions that
// explains every read. The summary names the strongest levels that are not refuted
// and the weakest that are, whatever was asked.
//
// Every element must be appended to a key once at most. A history in which no
// transaction depends on another is inconclusive.
type ListAppend struct {
	// Level is the consistency model that is asked for, one of [Levels]; empty is
	// strict-serializable.
	Level string
}

// Register judges a history of transactions that write registers and read them:
// history.Write and history.Read. It is named after Elle's rw-register.
//
// Every value must be written to a key once at most, and the header's initial value
// never. Values say which write a read saw, but not which of two writes came later:
// so far more is left undecided than with [ListAppend], and a pass says only that
// nothing was found.
type Register struct {
	// Level is the consistency model that is asked for, one of [Levels]; empty is
	// strict-serializable.
	Level string
	// SequentialKeys says that each key by itself is sequentially consistent: what a
	// process saw of it later is newer. Elle's :sequential-keys?.
	SequentialKeys bool
	// LinearizableKeys says that each key by itself is linearizable: what was seen of
	// it by a transaction that was called later, after the other had returned, is
	// newer. Elle's :linearizable-keys?.
	LinearizableKeys bool
	// InitialUnknown says that nobody knows what keys held at first: a value that
	// nobody wrote may be that, and is not garbage.
	InitialUnknown bool
}

// Check implements [checkers.Checker].
func (c ListAppend) Check(ctx context.Context, evidence checkers.Evidence, budget checkers.Budget) checkers.Result {
	return c.Report(ctx, evidence, budget).Result
}

// Report is Check with all that was found.
func (c ListAppend) Report(ctx context.Context, evidence checkers.Evidence, budget checkers.Budget) Report {
	return judge(ctx, evidence, budget, "list-append", c.Level, (*analysis).lists)
}

// Check implements [checkers.Checker].
func (c Register) Check(ctx context.Context, evidence checkers.Evidence, budget checkers.Budget) checkers.Result {
	return c.Report(ctx, evidence, budget).Result
}

// Report is Check with all that was found.
func (c Register) Report(ctx context.Context, evidence checkers.Evidence, budget checkers.Budget) Report {
	return judge(ctx, evidence, budget, "rw-register", c.Level, func(a *analysis) error { return a.registers(c) })
}

// Report is all that was found.
type Report struct {
	Result checkers.Result
	// Anomalies are the kinds that were found, the worst first, each with the smallest
	// example.
	Anomalies []Anomaly
	// WeakestRefuted are the weakest models that the anomalies refute, Refuted those
	// and all stronger ones, and StrongestLeft the strongest that they do not refute.
	WeakestRefuted, Refuted, StrongestLeft []string
	// Unfinished says that the budget ended the search for cycles, so that more may
	// be refuted, and smaller cycles may exist.
	Unfinished bool
}

// Has reports whether an anomaly of a name was found.
func (r *Report) Has(name string) bool {
	return slices.ContainsFunc(r.Anomalies, func(a Anomaly) bool { return a.Name == name })
}

// Anomaly is one kind of anomaly, with the smallest example found.
type Anomaly struct {
	Name string
	// Count is how many cases there are; of a cycle, in how many groups of
	// transactions that depend on each other in a circle one was looked for and found.
	Count int
	// Transactions are those of the example, by their places in History.Ops; of a
	// cycle in its order. In words the first is T1, and so on.
	Transactions []int
	// Edges are those of a cycle: the first leads from T1 to T2, the last back to T1.
	Edges []Edge
	// Story is the example in words, one fact a line.
	Story []string
}

// Edge says why one transaction comes before another.
type Edge struct {
	Kind string // ww, wr, rw, process or realtime
	Why  string // for instance "T2 appended 5 to x after T1's 4"
}

var kindNames = [...]string{ww: "ww", wr: "wr", rw: "rw", process: "process", realtime: "realtime"}

func judge(ctx context.Context, evidence checkers.Evidence, budget checkers.Budget, checker, level string, analyse func(*analysis) error) Report {
	began := time.Now()
	report := Report{Result: checkers.Result{Checker: checker, Method: "cycles"}}
	r := &report.Result
	level, err := canonical(level)
	if err == nil {
		err = checkers.Sound(evidence.History)
	}
	if err != nil {
		r.Verdict, r.Summary = checkers.Error, err.Error()
		return report
	}
	a := newAnalysis(ctx, evidence.History, began.Add(budget.WithDefaults().Time))
	err = a.room(budget.WithDefaults().Bytes, checker == "rw-register")
	if err == nil {
		err = analyse(a)
	}
	if err != nil {
		r.Verdict, r.Summary = checkers.Inconclusive, err.Error()
	} else {
		a.report(&report, level)
	}
	r.Elapsed = time.Since(began)
	return report
}

// room says whether there is enough for the tables, which grow with the history and
// with nothing else: as measured, with some to spare.
func (a *analysis) room(bytes int64, registers bool) error {
	need := 60*int64(len(a.h.Ops)) + 40*int64(len(a.h.Micros))
	if registers {
		need = 200*int64(len(a.h.Ops)) + 200*int64(len(a.h.Micros))
	}
	if need > bytes {
		return fmt.Errorf("%d transactions take about %d MB to judge, and the budget is %d MB", len(a.h.Ops), need>>20, bytes>>20)
	}
	return nil
}

// report searches for cycles and says what all of it means.
func (a *analysis) report(report *Report, level string) {
	r := &report.Result
	stored := len(a.edges.list)
	g := a.edges.graph()
	a.edges.list = nil
	g.order(a.h)
	if a.stop() {
		r.Verdict, r.Summary = checkers.Inconclusive, errTime.Error()
		return
	}
	whole := g.components(data|session|timed, false)
	if whole.count() > 0 || report.Result.Checker == "rw-register" {
		a.judgeWeak(g, level) // a list-append history without a cycle is strictly serializable
	}
	for name, s := range a.seen {
		report.Anomalies = append(report.Anomalies, a.tellSight(name, s))
	}
	if whole.count() > 0 {
		s := findCycles(g.within(whole), a.stop)
		for name, found := range s.found {
			report.Anomalies = append(report.Anomalies, a.tellCycle(name, found))
		}
		report.Unfinished = s.short
	}
	report.Unfinished = report.Unfinished || a.over
	report.weigh()
	if !slices.Contains(report.Refuted, level) && (level == "strict-serializable" || level == "strong-snapshot-isolation") && a.inRealTime != nil {
		a.realTime(report, g)
		report.weigh()
	}
	r.Figures = map[string]float64{
		"committed": float64(a.committed), "unknown": float64(a.unknown), "failed": float64(a.failed),
		"answered_reads": float64(a.observed), "dependencies": float64(stored), "components": float64(whole.count()),
	}
	if a.causalOpen {
		r.Figures["causal_undecided"] = 1
	}
	for _, x := range report.Anomalies {
		r.Figures[strings.ReplaceAll(strings.ToLower(x.Name), "-", "_")] = float64(x.Count)
	}
	a.conclude(report, level, stored)
}

// realTime adds what is found with the order of versions in real time.
func (a *analysis) realTime(report *Report, g *graph) {
	timedGraph, seen := a.inRealTime(g)
	whole := timedGraph.components(data|session|timed, false)
	var more []Anomaly
	for name, s := range seen {
		more = append(more, a.tellSight(name, s))
	}
	if whole.count() > 0 {
		s := findCycles(timedGraph.within(whole), a.stop)
		for name, found := range s.found {
			more = append(more, a.tellCycle(name, found))
		}
		report.Unfinished = report.Unfinished || s.short
	}
	report.Unfinished = report.Unfinished || a.over
	for _, x := range more {
		base, suffix := splitAnomaly(x.Name)
		switch base {
		case GSingle, GNonadjacent, G2Item:
			base += suffixes[2]
		default:
			base = RealtimeVersions
		}
		if suffix != suffixes[2] && len(x.Edges) > 0 {
			x.Story[len(x.Story)-1] = fmt.Sprintf("So T1 would come before itself, with the values in the order of real time: a cycle, %s.", base)
		}
		x.Name = base
		if !report.Has(base) {
			report.Anomalies = append(report.Anomalies, x)
		}
	}
}

// weigh sorts the anomalies and says what they refute.
func (r *Report) weigh() {
	slices.SortFunc(r.Anomalies, func(x, y Anomaly) int {
		return cmp.Or(cmp.Compare(slices.Index(severity, x.Name), slices.Index(severity, y.Name)), cmp.Compare(len(x.Transactions), len(y.Transactions)))
	})
	var names []string
	for _, x := range r.Anomalies {
		names = append(names, x.Name)
	}
	r.WeakestRefuted, r.Refuted, r.StrongestLeft = Boundary(names)
}

func (a *analysis) conclude(report *Report, level string, dependencies int) {
	r := &report.Result
	boundary := "no model of the lattice is refuted"
	if len(report.Refuted) > 0 {
		boundary = "weakest refuted: " + strings.Join(report.WeakestRefuted, ", ")
		if len(report.StrongestLeft) > 0 {
			boundary += "; strongest not refuted: " + strings.Join(report.StrongestLeft, ", ")
		} else {
			boundary += "; none is left"
		}
	}
	switch {
	case slices.Contains(report.Refuted, level):
		r.Verdict = checkers.Violation
		r.Summary = fmt.Sprintf("not %s: %s (%s)", level, report.counted(), boundary)
		for i, x := range report.refuting(level) {
			if i == 0 {
				r.Proof = a.prove(x)
			} else {
				r.Proof.Also = append(r.Proof.Also, *a.prove(x))
			}
		}
	case a.committed == 0:
		r.Verdict, r.Summary = checkers.Inconclusive, "no transaction was committed: the history proves nothing"
	case a.observed == 0:
		r.Verdict, r.Summary = checkers.Inconclusive, "no read was answered: the history proves nothing"
	case dependencies == 0:
		r.Verdict, r.Summary = checkers.Inconclusive, "no transaction read or overwrote what another wrote: the history proves nothing"
	case a.causalOpen && strings.Contains(level, "causal"):
		r.Verdict = checkers.Inconclusive
		r.Summary = fmt.Sprintf("%s was not refuted, and not decided either: %d transactions by so many processes are too many", level, a.committed)
	case report.Unfinished:
		r.Verdict = checkers.Inconclusive
		r.Summary = fmt.Sprintf("%s was not refuted, but the budget ended the search for cycles (%s)", level, boundary)
	default:
		r.Summary = fmt.Sprintf("%s is not refuted by %s; %s", level, plural(a.committed, "committed transaction"), boundary)
		if len(report.Anomalies) > 0 {
			r.Summary += "; found: " + report.counted()
		}
	}
}

// refuting are the anomalies that each refute a level, first the one with the fewest
// transactions; of several the worst.
func (r *Report) refuting(level string) []*Anomaly {
	var all []*Anomaly
	for i := range r.Anomalies {
		x := &r.Anomalies[i]
		if _, refuted, _ := Boundary([]string{x.Name}); slices.Contains(refuted, level) {
			all = append(all, x)
		}
	}
	slices.SortStableFunc(all, func(x, y *Anomaly) int { return cmp.Compare(len(x.Transactions), len(y.Transactions)) })
	return all
}

// counted lists the anomalies.
func (r *Report) counted() string {
	var parts []string
	for _, x := range r.Anomalies {
		switch {
		case x.Name != LostUpdate && len(x.Edges) > 0:
			parts = append(parts, fmt.Sprintf("%s of %s", x.Name, plural(len(x.Transactions), "transaction")))
		case x.Count > 1:
			parts = append(parts, fmt.Sprintf("%s %d times", x.Name, x.Count))
		default:
			parts = append(parts, x.Name)
		}
	}
	return joinAnd(parts)
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
