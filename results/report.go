package results

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

var (
	//go:embed page/report.html
	pageText string
	//go:embed page/parts.html
	partsText string
	//go:embed page/report.css
	pageStyle string
	//go:embed page/report.js
	pageScript string

	pageTemplate = newTemplate("report", pageText)
)

// newTemplate is a page with the parts that all pages share.
func newTemplate(name, text string) *template.Template {
	return template.Must(template.Must(template.New(name).Funcs(template.FuncMap{
		"count": countText, "nodes": nodesText, "duration": durationText, "seconds": secondsText, "instant": instantText,
		"figure": figureText, "size": byteText, "add": func(a, b int) int { return a + b },
	}).Parse(partsText)).Parse(text))
}

// WriteReport writes a run as a page: one HTML file that loads nothing, opens
// anywhere and stays small however long the history. The history may be nil.
//
// What comes from the system under test is escaped; beyond that the page's own
// policy lets no script or style run but the two it was written with.
func WriteReport(w io.Writer, run Run, h *history.History) error {
	if err := writePage(w, pageTemplate, newPage(run, h)); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// writePage writes into memory first: a template that fails must not leave half a page.
func writePage(w io.Writer, page *template.Template, data any) error {
	var text bytes.Buffer
	if err := page.Execute(&text, data); err != nil {
		return err
	}
	_, err := text.WriteTo(w)
	return err
}

// pageHead is what all pages begin with.
type pageHead struct {
	Title, Harness string
	Style          template.CSS
	Policy         string
}

// newHead lets a page have its style and its script, "" for none, and load nothing.
func newHead(title, harness, style, script string) pageHead {
	scripts := ""
	if script != "" {
		scripts = fmt.Sprintf(" script-src 'sha256-%s';", digest(script))
	}
	return pageHead{Title: title, Harness: harness, Style: template.CSS(style),
		Policy: fmt.Sprintf("default-src 'none'; style-src 'sha256-%s';%s base-uri 'none'; form-action 'none'", digest(style), scripts)}
}

// page is what the template shows.
type page struct {
	Head   pageHead
	Run    Run
	Script template.JS

	Word, Mark, Headline string // of the verdict
	System, Options      string
	Cards                []card
	Proofs               []proofView
	Chart                *chart
	Faults               []Fault
	Kinds                []kindRow
	Phases               []phaseRow
	Facts                []fact
}

// card is a figure at the head of the page.
type card struct{ Name, Value, Note, Class string }

type fact struct{ Name, Value string }

// chart is everything that is drawn along the run's time.
type chart struct {
	Axis    axis
	Ticks   []tick
	Bands   []block
	Proofs  []window
	Flags   []milestone
	FlagsH  int
	Faults  lanes
	Lost    *block // when what was lost had been acknowledged
	Rate    rateChart
	Latency latencyChart
	Nodes   lanes
	Groups  lanes // of clients, where there are several
	Hovers  []hover
	Any     bool   // there is something to draw
	Unclear string // why there is little to see
}

// kindRow is a kind of operation with its latencies.
type kindRow struct {
	KindCount
	Share              string // of ok, in percent
	P50, P95, P99, Max string
}

type phaseRow struct {
	Phase
	X, Width float64 // percent
	Class    string
}

func newPage(run Run, h *history.History) page {
	p := page{
		Head: newHead(run.Verdict.String()+": "+run.Scenario, run.Versions.Harness, pageStyle, pageScript),
		Run:  run, Script: template.JS(pageScript),
		Word: run.Verdict.String(), System: systemText(run), Options: optionsText(run.Options),
	}
	p.Mark = verdictMarks[run.Verdict]
	if len(run.Operations) == 0 && h != nil {
		p.Run.Operations = CountOperations(h)
	}
	p.Faults = allFaults(run, h)
	p.Run.Faults = p.Faults
	p.Chart = newChart(p.Run, h, p.Faults)
	groups, _ := groupsOf(h)
	for _, r := range run.Results {
		if r.Proof != nil {
			p.Proofs = append(p.Proofs, proofOf(r, spansOf(p.Faults, p.Chart.Axis.hi), groups))
		}
	}
	p.Kinds = kindsOf(p.Run, h)
	p.Cards = cardsOf(p.Run)
	p.Phases = phasesOf(run.Took)
	p.Facts = factsOf(run, groupsText(h))
	return p
}

// verdictMarks are the signs of the verdicts.
var verdictMarks = map[checkers.Verdict]string{
	checkers.Pass: "✓", checkers.Violation: "✗", checkers.Inconclusive: "?", checkers.Error: "!",
}

// digest is how a content security policy names an inline script or style.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func newChart(run Run, h *history.History, faults []Fault) *chart {
	a := newAxis(h, faults)
	spans := spansOf(faults, a.hi)
	columns := columnsOf(h, a)
	c := &chart{
		Axis: a, Ticks: a.ticks(), Proofs: proofWindows(run.Results, a),
		Faults: faultLanes(spans, a), Rate: rateOf(columns, a, rateHeight, busiest(columns)), Latency: latenciesOf(columns),
		Nodes: nodeLanes(nodeNames(run, h, spans), spans, h, a), Groups: groupLanes(h, a), Hovers: hoversOf(columns, a),
		Lost: lossOf(run.Results, h, a),
	}
	c.Flags, c.FlagsH = milestones(h, run.Results, a)
	for _, s := range spans {
		c.Bands = append(c.Bands, newBlock(s, a))
	}
	operations := h != nil && len(h.Ops) > 0
	c.Any = operations || len(c.Bands) > 0 || len(c.Flags) > 0
	if !operations {
		c.Unclear = "No operations were recorded: the run ended before its clients began, or the history is missing."
	}
	return c
}

func cardsOf(run Run) []card {
	sum := run.Counted()
	operations := card{Name: "operations", Value: countText(sum.Total())}
	if r := rate(run); r > 0 {
		operations.Note = rateText(r) + " a second"
	}
	answered := card{Name: "answered ok", Value: shareText(sum.OK, sum.Total()), Note: fmt.Sprintf("%s failed, %s unknown", countText(sum.Fail), countText(sum.Info))}
	bit, injected := run.FaultsBit()
	faults := card{Name: "faults that bit", Value: fmt.Sprintf("%d of %d", bit, injected)}
	if left := len(run.Faults) - injected; left > 0 {
		faults.Note = fmt.Sprintf("%d more not injected", left)
	} else if injected == 0 {
		faults.Value, faults.Note = "none", "no fault was injected"
	}
	passed := 0
	for _, r := range run.Results {
		if r.Verdict == checkers.Pass {
			passed++
		}
	}
	checks := card{Name: "checks that hold", Value: fmt.Sprintf("%d of %d", passed, len(run.Results))}
	if len(run.Results) == 0 {
		checks.Value = "none"
	} else if worst := checkers.Worst(run.Results); worst != checkers.Pass {
		checks.Class = worst.String()
	}
	took := card{Name: "duration", Value: durationText(run.Took.Total()), Note: durationText(run.Took.Load) + " of load"}
	return []card{checks, operations, answered, faults, took}
}

func shareText(part, total int) string {
	switch {
	case total == 0:
		return "–"
	case part == total:
		return "100 %"
	default:
		// Rounded down: 99.96 % is not all of them.
		return fmt.Sprintf("%.1f %%", float64(part*1000/total)/10)
	}
}

func kindsOf(run Run, h *history.History) []kindRow {
	latencies := map[string][]int64{}
	if h != nil {
		for i := range h.Ops {
			if op := &h.Ops[i]; op.Outcome == history.OK {
				kind := op.Kind.String()
				latencies[kind] = append(latencies[kind], op.Return-op.Call)
			}
		}
	}
	rows := make([]kindRow, 0, len(run.Operations))
	for _, k := range run.Operations {
		row := kindRow{KindCount: k, Share: shareText(k.OK, k.Total()), P50: "–", P95: "–", P99: "–", Max: "–"}
		if l := latencies[k.Kind]; len(l) > 0 {
			slices.Sort(l)
			for q, to := range map[float64]*string{0.5: &row.P50, 0.95: &row.P95, 0.99: &row.P99, 1: &row.Max} {
				*to = durationText(time.Duration(quantile(l, q)))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func phasesOf(took Phases) []phaseRow {
	total := took.Total()
	var rows []phaseRow
	var before time.Duration
	for i, phase := range took.List() {
		if phase.Took <= 0 {
			continue
		}
		rows = append(rows, phaseRow{Phase: phase, Class: fmt.Sprintf("phase%d", i),
			X: round3(100 * float64(before) / float64(total)), Width: round3(100 * float64(phase.Took) / float64(total))})
		before += phase.Took
	}
	return rows
}

func factsOf(run Run, groups string) []fact {
	facts := []fact{
		{"run", run.ID}, {"scenario", run.Scenario}, {"system", systemText(run)}, {"options", optionsText(run.Options)},
		{"runtime", run.Runtime}, {"nodes", fmt.Sprint(len(run.Nodes))}, {"clients", fmt.Sprint(run.Clients)}, {"client groups", groups},
		{"seed", fmt.Sprint(run.Seed)}, {"seatrial", run.Versions.Harness}, {"Go", run.Versions.Go}, {"Docker", run.Versions.Docker},
	}
	if !run.Started.IsZero() {
		facts = append(facts, fact{"started", run.Started.UTC().Format(time.RFC3339)})
	}
	limit := func(name string, d time.Duration) {
		if d > 0 {
			facts = append(facts, fact{name, durationText(d)})
		}
	}
	limit("limit: whole run", run.Limits.HardStop)
	limit("limit: until ready", run.Limits.ReadyWithin)
	limit("limit: one operation", run.Limits.Operation)
	limit("limit: recovery", run.Limits.RecoverWithin)
	limit("limit: each check", run.Limits.CheckTime)
	if run.Limits.CheckBytes > 0 {
		facts = append(facts, fact{"limit: memory of a check", byteText(run.Limits.CheckBytes)})
	}
	return slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" || f.Value == "0" })
}
