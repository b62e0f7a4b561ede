package results

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

// CompareFile is the page of a comparison, in the directory of its first run.
const CompareFile = "compare.html"

// Comparison is a scenario beside its controls: what was asked of each, what it was
// put through, and what became of it.
type Comparison struct {
	// Name is for instance "nats-power-loss", and About what it shows, in a sentence.
	Name, About string
	// Verdict is of all runs together: pass where each did what it must.
	Verdict checkers.Verdict
	// Checks names the checkers whose answers are shown, as in their results.
	Checks []string
	// Columns are shown from left to right.
	Columns []Compared
}

// Compared is one column of a comparison: a run of one of its scenarios.
type Compared struct {
	// Role says what it is there for, for instance "control".
	Role string
	// Must is what the scenario must show, in words, for instance "pass".
	Must string
	// About is what the scenario asks, in one line.
	About string
	// Settings are what the scenario says. Those that differ from column to column
	// have a row each; one that a scenario does not have is at its default.
	Settings []Setting
	Run      Run
	// History is the run's; it may be nil.
	History *history.History
	// Report is where the run's own page is, relative to the comparison.
	Report string
	// Expected of Of runs of the scenario showed what it must. Shown says that this
	// one did.
	Expected, Of int
	Shown        bool
}

// Setting is something that a scenario says, for instance {"clients", "10"}.
type Setting struct{ Name, Value string }

var (
	//go:embed page/compare.html
	compareText string
	//go:embed page/compare.css
	compareStyle string

	compareTemplate = newTemplate("compare", compareText)
)

// WriteComparison writes runs side by side as a page: one HTML file that loads
// nothing and opens anywhere, as [WriteReport]'s. All columns have one time axis,
// which begins with the load, and the same scales.
func WriteComparison(w io.Writer, c Comparison) error {
	if err := writePage(w, compareTemplate, newComparePage(c)); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}

// comparePage is what the template shows.
type comparePage struct {
	Comparison
	Head                 pageHead
	Word, Mark, Headline string
	Same                 []Setting // in all columns
	Differ               []compareRow
	Columns              []compareColumn
	Answers              []compareRow // of the checkers
	Appends              bool         // some column counts acknowledged appends
	Charts               bool         // some column has operations to draw
	FaultsHeight         int          // pixels
	Lost                 bool         // some column lost something
	Rate                 rateChart    // its levels, which all columns share
	Ticks                []tick
}

// compareRow is a row of the table: a value for each column.
type compareRow struct {
	Name   string
	Values []string
}

type compareColumn struct {
	Compared
	Faults   []faultLine
	Appends  *appendFigures
	Recovery string
	Answered string
	Chart    *compareChart
}

// faultLine is a fault, or all of a kind where there are many.
type faultLine struct{ Text, When, What string }

// appendFigures are what became of what was acknowledged.
type appendFigures struct {
	Acknowledged, Lost, Kept, NotRead int
	KeptWidth, LostWidth, RestWidth   float64 // percent of the largest column's
	LostX, RestX                      float64
	When                              string // the lost ones had been acknowledged
}

type compareChart struct {
	Blocks []block
	Lost   *block
	Rate   rateChart
}

func newComparePage(c Comparison) comparePage {
	p := comparePage{
		Comparison: c, Word: c.Verdict.String(), Mark: verdictMarks[c.Verdict],
		Headline: "not as recorded",
	}
	if c.Verdict == checkers.Pass {
		p.Headline = "as recorded"
	}
	harness := ""
	p.Same, p.Differ = sameAndDifferent(c.Columns)
	for _, one := range c.Columns {
		p.Columns = append(p.Columns, newCompareColumn(one))
		harness = one.Run.Versions.Harness
	}
	p.Head = newHead(c.Name+": side by side", harness, pageStyle+compareStyle, "")
	p.answers()
	p.sizeAppends()
	p.draw()
	return p
}

// sameAndDifferent tells settings that all columns share from those that they don't.
func sameAndDifferent(columns []Compared) (same []Setting, differ []compareRow) {
	var names []string
	for _, c := range columns {
		for _, s := range c.Settings {
			if !slices.Contains(names, s.Name) {
				names = append(names, s.Name)
			}
		}
	}
	for _, name := range names {
		row := compareRow{Name: name}
		for _, c := range columns {
			value := "default"
			if i := slices.IndexFunc(c.Settings, func(s Setting) bool { return s.Name == name }); i >= 0 {
				value = c.Settings[i].Value
			}
			row.Values = append(row.Values, value)
		}
		if len(slices.Compact(slices.Clone(row.Values))) == 1 {
			same = append(same, Setting{name, shorten(row.Values[0], 80)})
		} else {
			differ = append(differ, row)
		}
	}
	return same, differ
}

func newCompareColumn(c Compared) compareColumn {
	if len(c.Run.Operations) == 0 && c.History != nil {
		c.Run.Operations = CountOperations(c.History)
	}
	sum := c.Run.Counted()
	column := compareColumn{Compared: c, Recovery: "–", Answered: "–", Faults: faultLines(allFaults(c.Run, c.History), loadOf(c.History))}
	if sum.Total() > 0 {
		column.Answered = fmt.Sprintf("%s of %s", shareText(sum.OK, sum.Total()), countText(sum.Total()))
	}
	for _, r := range c.Run.Results {
		if after, known := r.Figures["recovery_seconds"]; known {
			column.Recovery = durationText(time.Duration(after*1e9)) + " after the last fault"
		}
		if r.Checker == lossResult && r.Figures != nil {
			column.Appends = appendsOf(r.Figures)
		}
	}
	return column
}

func appendsOf(figures map[string]float64) *appendFigures {
	a := &appendFigures{Acknowledged: int(figures["acknowledged"]), Lost: int(figures["lost"]), NotRead: int(figures["not_read"])}
	a.Kept = a.Acknowledged - a.Lost - a.NotRead
	if a.Lost > 0 {
		a.When = fmt.Sprintf("acknowledged from %.1f s to %.1f s", figures["lost_from_s"], figures["lost_to_s"])
	}
	return a
}

// loadOf is when the load began; what came before is of no interest here.
func loadOf(h *history.History) int64 {
	if h == nil {
		return 0
	}
	load, _ := h.Find(checkers.MarkLoad)
	return load.Time
}

// linesOfFaults is up to how many faults have a line each.
const linesOfFaults = 4

func faultLines(faults []Fault, load int64) []faultLine {
	var injected []Fault
	for _, f := range faults {
		if f.Injected != 0 || f.Error != "" {
			injected = append(injected, f)
		}
	}
	var lines []faultLine
	if len(injected) <= linesOfFaults {
		for _, f := range injected {
			line := faultLine{Text: f.Text, What: f.What()}
			if f.Injected != 0 {
				line.When = fmt.Sprintf("at %.1f s", float64(f.Injected-load)/1e9)
			}
			if f.Healed > f.Injected {
				line.When += " for " + durationText(time.Duration(f.Healed-f.Injected))
			}
			if !f.Bit {
				line.What = strings.TrimSuffix(f.Fate()+": "+line.What+" "+f.Error, ":  ")
			}
			lines = append(lines, line)
		}
		return lines
	}
	var names []string
	counts, bit := map[string]int{}, map[string]int{}
	for _, f := range injected {
		name := faultName(f)
		if counts[name]++; counts[name] == 1 {
			names = append(names, name)
		}
		if f.Bit {
			bit[name]++
		}
	}
	for _, name := range names {
		line := faultLine{Text: fmt.Sprintf("%s × %d", name, counts[name])}
		if left := counts[name] - bit[name]; left > 0 {
			line.What = fmt.Sprintf("%d did not bite", left)
		}
		lines = append(lines, line)
	}
	return lines
}

// answers are what the checkers said of each column, or what the run did where no
// checker is named.
func (p *comparePage) answers() {
	if len(p.Checks) == 0 {
		row := compareRow{Name: "what it showed"}
		for _, c := range p.Columns {
			row.Values = append(row.Values, c.Run.Summary)
		}
		p.Answers = []compareRow{row}
	}
	for _, name := range p.Checks {
		row := compareRow{Name: name}
		for _, c := range p.Columns {
			said := "not asked; the run: " + c.Run.Summary
			if i := slices.IndexFunc(c.Run.Results, func(r checkers.Result) bool { return r.Checker == name }); i >= 0 {
				said = c.Run.Results[i].Summary
			}
			row.Values = append(row.Values, said)
		}
		p.Answers = append(p.Answers, row)
	}
}

// sizeAppends gives the bars of all columns one scale.
func (p *comparePage) sizeAppends() {
	most := 1
	for _, c := range p.Columns {
		if c.Appends != nil {
			p.Appends, most = true, max(most, c.Appends.Acknowledged)
		}
	}
	share := func(n int) float64 { return round3(100 * float64(n) / float64(most)) }
	for _, c := range p.Columns {
		if a := c.Appends; a != nil {
			a.KeptWidth, a.LostWidth, a.RestWidth = share(a.Kept), share(a.Lost), share(a.NotRead)
			a.LostX, a.RestX = a.KeptWidth, round3(a.KeptWidth+a.LostWidth)
		}
	}
}

const (
	compareRateHeight = 72 // pixels
	// ticksOfColumn is how many labels of the time axis a narrow column has room for.
	ticksOfColumn = 5
)

// draw gives all columns one time axis, which begins with the load, and one scale.
func (p *comparePage) draw() {
	var length int64
	for _, c := range p.Columns {
		if h := c.History; h != nil && len(h.Ops) > 0 {
			length = max(length, newAxis(h, allFaults(c.Run, h)).hi-loadOf(h))
		}
	}
	if length == 0 {
		return
	}
	width := nice(length / fewestColumns)
	n := int((length-1)/width) + 1
	axisFrom := func(load int64) axis {
		return axis{lo: load, hi: load + int64(n)*width, width: width, n: n}
	}
	most := 0
	columns := make([][]column, len(p.Columns))
	for i, c := range p.Columns {
		columns[i] = columnsOf(c.History, axisFrom(loadOf(c.History)))
		most = max(most, busiest(columns[i]))
	}
	p.Charts = true
	ticks := slices.DeleteFunc(axisFrom(0).ticks(), func(t tick) bool { return t.Minor })
	for i := 0; i < len(ticks); i += (len(ticks)-1)/ticksOfColumn + 1 {
		p.Ticks = append(p.Ticks, ticks[i])
	}
	p.Rate = rateOf(nil, axisFrom(0), compareRateHeight, most)
	for i := range p.Columns {
		c := &p.Columns[i]
		if c.History == nil || len(c.History.Ops) == 0 {
			continue
		}
		a := axisFrom(loadOf(c.History))
		blocks, height := stack(spansOf(allFaults(c.Run, c.History), a.hi), a, 0)
		c.Chart = &compareChart{Blocks: blocks, Lost: lossOf(c.Run.Results, c.History, a), Rate: rateOf(columns[i], a, compareRateHeight, most)}
		p.FaultsHeight = max(p.FaultsHeight, height+4)
		p.Lost = p.Lost || c.Chart.Lost != nil
	}
}
