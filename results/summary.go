package results

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

// What the summary shows at most; the report has the rest.
const (
	summaryFaults     = 12
	summaryOperations = 20
	summaryStory      = 20
)

// WriteSummary writes a run for a terminal: the verdict's word first, then what
// was run, what each judge says with the proof of a violation, where things are,
// how to run it again, and the verdict once more as the last lines. dir is the
// run's directory. Colour is the caller's decision (NO_COLOR, a terminal or not).
func WriteSummary(w io.Writer, run Run, dir string, color bool) error {
	p := &printer{color: color}
	p.verdictLine(run)
	p.line("")
	p.facts(run)
	p.faults(run)
	p.checks(run)
	for _, result := range run.Results {
		p.proof(result)
	}
	p.notes(run)
	p.again(run, dir)
	p.verdictLine(run)
	p.line("report: %s", plain(filepath.Join(dir, ReportFile)))
	if _, err := w.Write(p.text.Bytes()); err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
}

type printer struct {
	text  bytes.Buffer
	color bool
}

func (p *printer) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.text.WriteString(strings.TrimRight(text, " "))
	p.text.WriteByte('\n')
}

// The terminal's colours: those of the eight that are readable on black and on white.
const (
	red, green, yellow, purple, bold, faint = "31", "32", "33", "35", "1", "2"
)

func (p *printer) paint(code, text string) string {
	if !p.color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p *printer) verdict(v checkers.Verdict, width int) string {
	code := map[checkers.Verdict]string{
		checkers.Pass: green, checkers.Violation: red, checkers.Inconclusive: yellow, checkers.Error: purple,
	}[v]
	return p.paint(bold+";"+code, pad(v.String(), width))
}

func (p *printer) verdictLine(run Run) {
	p.line("%s: %s", p.verdict(run.Verdict, 0), plain(run.Summary))
}

func (p *printer) fact(name, format string, args ...any) {
	p.line("  %s %s", p.paint(faint, pad(name, 11)), fmt.Sprintf(format, args...))
}

func (p *printer) facts(run Run) {
	p.fact("scenario", "%s", plain(run.Scenario))
	system := []string{systemText(run)}
	if len(run.Nodes) > 0 {
		system = append(system, nodesText(len(run.Nodes)))
	}
	if run.Clients > 0 {
		system = append(system, fmt.Sprintf("%d clients", run.Clients))
	}
	system = append(system, run.Runtime+" runtime")
	if len(run.Options) > 0 {
		system = append(system, optionsText(run.Options))
	}
	p.fact("system", "%s", plain(strings.Join(system, ", ")))
	p.fact("seed", "%d", run.Seed)
	started := ""
	if !run.Started.IsZero() {
		started = ", " + run.Started.UTC().Format(time.RFC3339)
	}
	p.fact("run", "%s%s", plain(run.ID), started)
	var phases []string
	for _, phase := range run.Took.List() {
		if phase.Took > 0 {
			phases = append(phases, phase.Name+" "+durationText(phase.Took))
		}
	}
	if len(phases) > 0 {
		p.fact("took", "%s (%s)", durationText(run.Took.Total()), strings.Join(phases, ", "))
	}
	p.operations(run)
}

func (p *printer) operations(run Run) {
	sum := run.Counted()
	if sum.Total() == 0 {
		p.fact("operations", "none")
		return
	}
	total := countText(sum.Total())
	if r := rate(run); r > 0 {
		total += fmt.Sprintf(", %s a second", countText(int(math.Round(r))))
	}
	p.fact("operations", "%s", total)
	rows := [][]string{{"", "ok", "fail", "unknown"}}
	for _, k := range append(run.Operations[:len(run.Operations):len(run.Operations)], sum) {
		if k.Kind == sum.Kind && len(run.Operations) == 1 {
			break
		}
		rows = append(rows, []string{plain(k.Kind), countText(k.OK), countText(k.Fail), countText(k.Info)})
	}
	p.table("              ", rows, 1, 2, 3)
}

func (p *printer) faults(run Run) {
	if len(run.Faults) == 0 {
		p.fact("faults", "none")
		return
	}
	bit, injected := run.FaultsBit()
	p.fact("faults", "%d of %d bit%s", bit, injected, notInjected(len(run.Faults)-injected))
	shown := run.Faults[:min(len(run.Faults), summaryFaults)]
	var rows [][]string
	for _, f := range shown {
		why := f.What()
		if f.Error != "" {
			why = f.Error
		}
		rows = append(rows, []string{fmt.Sprintf("%d", f.Step), spanText(f), plain(f.Text), f.Fate(), plain(why)})
	}
	p.table("              ", rows, 0)
	if left := len(run.Faults) - len(shown); left > 0 {
		p.line("              and %d more, in the report", left)
	}
}

func notInjected(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d not injected", n)
}

func spanText(f Fault) string {
	if f.Injected == 0 {
		return "–"
	}
	if f.Healed == 0 {
		return secondsText(f.Injected) + " on"
	}
	return strings.TrimSuffix(secondsText(f.Injected), " s") + "–" + secondsText(f.Healed)
}

func (p *printer) checks(run Run) {
	if len(run.Results) == 0 {
		p.fact("checks", "none")
		return
	}
	p.line("  %s", p.paint(faint, "checks"))
	width := 0
	for _, r := range run.Results {
		width = max(width, utf8.RuneCountInString(plain(r.Checker)))
	}
	for _, r := range run.Results {
		how := durationText(r.Elapsed)
		if r.Method != "" {
			how = plain(r.Method) + ", " + how
		}
		p.line("    %s  %s  %s %s", p.verdict(r.Verdict, len("inconclusive")), pad(plain(r.Checker), width),
			plain(r.Summary), p.paint(faint, "("+how+")"))
	}
}

func (p *printer) proof(r checkers.Result) {
	if r.Proof == nil {
		return
	}
	p.line("")
	on := ""
	if r.Proof.Key != "" {
		on = " on key " + plain(r.Proof.Key)
	}
	kind := ""
	if r.Proof.Kind != "" {
		kind = ", " + plain(r.Proof.Kind)
	}
	p.line("  %s", p.paint(bold, "proof ("+plain(r.Checker)+kind+on+")"))
	if operations := r.Proof.Operations; len(operations) > 0 {
		rows := [][]string{{"call", "return", "process", "node", "operation", "outcome"}}
		for _, op := range operations[:min(len(operations), summaryOperations)] {
			rows = append(rows, []string{microText(op.Call), returnText(op.Return), fmt.Sprintf("p%d", op.Process),
				plain(op.Node), plain(op.Text), outcomeText(plain(op.Outcome))})
		}
		p.table("    ", rows, 0, 1, 2)
		if left := len(operations) - summaryOperations; left > 0 {
			p.line("    and %d more, in the report", left)
		}
	}
	p.story(r.Proof.Story)
}

func (p *printer) story(story []string) {
	if len(story) == 0 {
		return
	}
	p.line("  %s", p.paint(bold, "why"))
	skipped := max(0, len(story)-summaryStory)
	for i, fact := range story {
		// The last one is the contradiction, so it is the middle that is left out.
		if i >= summaryStory/2 && i < summaryStory/2+skipped {
			if i == summaryStory/2 {
				p.line("       … %d more facts, in the report", skipped)
			}
			continue
		}
		text := plain(fact)
		if i == len(story)-1 {
			text = p.paint(bold, text)
		}
		p.line("    %2d. %s", i+1, text)
	}
}

func returnText(t int64) string {
	if t == history.Open {
		return "never"
	}
	return microText(t)
}

func (p *printer) notes(run Run) {
	if len(run.Notes) == 0 {
		return
	}
	p.line("")
	for _, note := range run.Notes {
		p.line("  note: %s", plain(note))
	}
}

func (p *printer) again(run Run, dir string) {
	p.line("")
	p.line("  files: %s", plain(dir))
	if len(run.Again) > 0 {
		p.line("  run it again:")
		for _, command := range run.Again {
			p.line("    %s", plain(command))
		}
	}
	p.line("")
}

// table writes aligned columns; those in right are aligned to the right, and the
// last one is never padded.
func (p *printer) table(indent string, rows [][]string, right ...int) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	toRight := map[int]bool{}
	for _, i := range right {
		toRight[i] = true
	}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = pad(cell, widths[i])
			if toRight[i] {
				cells[i] = strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)) + cell
			}
		}
		p.line("%s%s", indent, strings.Join(cells, "  "))
	}
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
