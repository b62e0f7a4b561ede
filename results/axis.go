package results

import (
	"math"
	"slices"
	"strconv"

	"github.com/seatrial/seatrial/harness/history"
)

// A chart has at most mostColumns, about one for five pixels, and fewer where
// there are few operations to fill them, but not less than fewestColumns.
const mostColumns, fewestColumns, operationsAColumn = 240, 80, 8

// axis is the time axis that all charts of a page share, cut into n equal
// columns. Times are nanoseconds since the run began.
type axis struct {
	lo, hi int64
	width  int64 // of a column
	n      int
}

// newAxis covers everything that happened in a run.
func newAxis(h *history.History, faults []Fault) axis {
	lo, hi := int64(math.MaxInt64), int64(math.MinInt64)
	see := func(t int64) {
		if t != history.Open {
			lo, hi = min(lo, t), max(hi, t)
		}
	}
	if h != nil {
		for i := range h.Ops {
			see(h.Ops[i].Call)
			see(h.Ops[i].Return)
		}
		for _, m := range h.Marks {
			see(m.Time)
		}
		for _, f := range h.Faults {
			see(f.Time)
		}
	}
	for _, f := range faults {
		if f.Injected != 0 {
			see(f.Injected)
		}
		if f.Healed != 0 {
			see(f.Healed)
		}
	}
	if lo > hi {
		lo, hi = 0, 0
	}
	columns := fewestColumns
	if h != nil {
		columns = min(max(len(h.Ops)/operationsAColumn, fewestColumns), mostColumns)
	}
	a := axis{width: nice((hi - lo) / int64(columns))}
	a.lo = lo - ((lo%a.width)+a.width)%a.width
	a.n = int((hi-a.lo)/a.width) + 1
	a.hi = a.lo + int64(a.n)*a.width
	return a
}

// nice is the next number from n upward that is 1, 2 or 5 times a power of ten; at least 1 µs.
func nice(n int64) int64 {
	for power := int64(1000); ; power *= 10 {
		for _, step := range []int64{1, 2, 5} {
			if step*power > n || power > math.MaxInt64/100 {
				return step * power
			}
		}
	}
}

// percent places an instant on the axis, for an attribute of an SVG element.
func (a axis) percent(t int64) float64 {
	t = min(max(t, a.lo), a.hi)
	return round3(100 * float64(t-a.lo) / float64(a.hi-a.lo))
}

// column is the number of the column that an instant is in.
func (a axis) column(t int64) int {
	return min(max(int((t-a.lo)/a.width), 0), a.n-1)
}

func round3(x float64) float64 { return math.Round(x*1000) / 1000 }

// tick is a labelled place on an axis.
type tick struct {
	At     float64 // percent
	Label  string
	Anchor string // of the label: start, middle or end
	Minor  bool   // shown when the chart is zoomed
}

// ticks are the axis's labels: at most ten, and a few minor ones between each two.
func (a axis) ticks() []tick {
	major := nice((a.hi - a.lo) / 10)
	minor := major / 5
	if nice(major/2-1) == major/2 { // 2, 20, 200 …: in halves of one
		minor = major / 4
	}
	var ticks []tick
	for t := a.lo - a.lo%minor; t <= a.hi; t += minor {
		if t < a.lo {
			continue
		}
		at, step := a.percent(t), major
		if t%major != 0 {
			step = minor
		}
		ticks = append(ticks, tick{At: at, Label: axisText(t, step), Anchor: anchor(at, 1.5, 97), Minor: step == minor})
	}
	return ticks
}

func anchor(at, low, high float64) string {
	switch {
	case at < low:
		return "start"
	case at > high:
		return "end"
	default:
		return "middle"
	}
}

// axisText is an instant with the decimals that its axis's steps need.
func axisText(t, step int64) string {
	places := 0
	for unit := int64(1e9); step%unit != 0 && unit > 1; unit /= 10 {
		places++
	}
	text := strconv.FormatFloat(float64(t)/1e9, 'f', places, 64)
	return text + " s"
}

// column of a chart: what the operations that were called within it came to.
type column struct {
	From, To             int64
	OK, Fail, Info       int
	P50, P95, Max, Count int64 // of the latencies of OK operations, nanoseconds
	latencies            []int64
}

func (c *column) total() int { return c.OK + c.Fail + c.Info }

// columnsOf sorts a history's operations into the axis's columns by their calls.
func columnsOf(h *history.History, a axis) []column {
	columns := make([]column, a.n)
	for i := range columns {
		columns[i].From = a.lo + int64(i)*a.width
		columns[i].To = columns[i].From + a.width
	}
	if h == nil {
		return columns
	}
	for i := range h.Ops {
		op := &h.Ops[i]
		c := &columns[a.column(op.Call)]
		switch op.Outcome {
		case history.OK:
			c.OK++
			c.latencies = append(c.latencies, op.Return-op.Call)
		case history.Fail:
			c.Fail++
		default:
			c.Info++
		}
	}
	for i := range columns {
		c := &columns[i]
		slices.Sort(c.latencies)
		c.P50, c.P95, c.Max = quantile(c.latencies, 0.5), quantile(c.latencies, 0.95), quantile(c.latencies, 1)
		c.Count = int64(len(c.latencies))
	}
	return columns
}

// quantile is the smallest value that at least the fraction q of the sorted values do not exceed.
func quantile(sorted []int64, q float64) int64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}
