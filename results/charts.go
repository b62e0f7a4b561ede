package results

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Heights of the charts' panels, in pixels. Places along the time axis are in
// percent, so that a page of any width keeps its letters the same size.
const (
	rateHeight    = 132
	latencyHeight = 176
	rugHeight     = 9 // of the strip above the latencies that shows operations without an answer
	faultRow      = 21
	markRow       = 16
)

// level is a labelled height of a panel.
type level struct {
	Y     float64 // pixels
	Label string
}

// hover is the text of one column, shown under the mouse.
type hover struct {
	X, Width float64 // percent
	Text     string
}

// rateChart is the operations a second, stacked by outcome.
type rateChart struct {
	Height         int
	Columns        int // the drawing's width: one unit a column
	OK, Fail, Info string
	Levels         []level
	Width          string // of a column, in words
}

// busiest is the number of operations in the column that has most.
func busiest(columns []column) int {
	most := 0
	for i := range columns {
		most = max(most, columns[i].total())
	}
	return most
}

// rateOf draws the columns so high that one with most operations would fit.
func rateOf(columns []column, a axis, height, most int) rateChart {
	chart := rateChart{Height: height, Columns: len(columns), Width: durationText(time.Duration(a.width))}
	perSecond := 1e9 / float64(a.width)
	top, step := niceTop(float64(most) * perSecond)
	whole := float64(height)
	y := func(count int) float64 { return round3(whole * (1 - float64(count)*perSecond/top)) }
	var ok, fail, info strings.Builder
	for i := range columns {
		c := &columns[i]
		bar(&ok, i, y(0), y(c.OK))
		bar(&fail, i, y(c.OK), y(c.OK+c.Fail))
		bar(&info, i, y(c.OK+c.Fail), y(c.total()))
	}
	chart.OK, chart.Fail, chart.Info = ok.String(), fail.String(), info.String()
	for value := 0.0; value <= top*1.001; value += step {
		chart.Levels = append(chart.Levels, level{Y: round3(whole * (1 - value/top)), Label: rateText(value)})
	}
	return chart
}

// bar adds a column from y down to base to a path.
func bar(path *strings.Builder, column int, base, y float64) {
	if base-y < 0.001 {
		return
	}
	// Something that happened is visible, however little it is.
	y = min(y, base-1)
	fmt.Fprintf(path, "M%d %sV%sh1V%sz", column, number(base), number(y), number(base))
}

func number(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }

// niceTop is the end of a scale from zero that holds the value, and its step.
func niceTop(value float64) (top, step float64) {
	if value <= 0 {
		return 1, 1
	}
	power := math.Pow(10, math.Floor(math.Log10(value/3)))
	for _, factor := range []float64{1, 2, 2.5, 5, 10} {
		step = factor * power
		if top = math.Ceil(value/step-1e-9) * step; top <= 4*step+1e-9 {
			return top, step
		}
	}
	return top, step
}

func rateText(x float64) string {
	switch {
	case x >= 10_000:
		return threeDigits(x/1000) + " k"
	case x >= 1000:
		return countText(int(x))
	default:
		return threeDigits(x)
	}
}

// latencyChart is the time from call to return of OK operations, on a logarithmic scale.
type latencyChart struct {
	Height    int
	Columns   int
	Heat      []string // paths, from few operations to many
	P50, P95  string
	Max       string
	Unanswers string // the columns with operations whose end nobody saw
	Levels    []level
	Empty     bool
}

const (
	heatLevels = 5
	heatBins   = 10 // a decade
	minDecade  = 3  // 1 µs
)

func latenciesOf(columns []column) latencyChart {
	chart := latencyChart{Height: latencyHeight, Columns: len(columns)}
	low, high := int64(math.MaxInt64), int64(0)
	for i := range columns {
		if l := columns[i].latencies; len(l) > 0 {
			low, high = min(low, max(l[0], 1)), max(high, l[len(l)-1])
		}
	}
	chart.Empty = high == 0
	if chart.Empty {
		low, high = 1e6, 1e9
	}
	scale := newLogScale(low, high)
	chart.Levels = scale.levels()
	chart.Heat = scale.heat(columns)
	chart.P50 = scale.line(columns, func(c *column) int64 { return c.P50 })
	chart.P95 = scale.line(columns, func(c *column) int64 { return c.P95 })
	chart.Max = scale.line(columns, func(c *column) int64 { return c.Max })
	var rug strings.Builder
	for i := range columns {
		if columns[i].Info > 0 {
			bar(&rug, i, rugHeight-2, 0)
		}
	}
	chart.Unanswers = rug.String()
	return chart
}

// logScale maps latencies to heights; its ends are powers of ten, not always whole ones.
type logScale struct{ low, high float64 }

func newLogScale(low, high int64) logScale {
	s := logScale{math.Log10(float64(low)), math.Log10(float64(high))}
	// Room for the outermost, and a scale that does not blow small differences up.
	s.low, s.high = max(s.low-0.08, minDecade), s.high+0.08
	if missing := 1.4 - (s.high - s.low); missing > 0 {
		s.low, s.high = s.low-missing/2, s.high+missing/2
	}
	return s
}

func (s logScale) y(nanos int64) float64 {
	share := (math.Log10(math.Max(float64(nanos), 1)) - s.low) / (s.high - s.low)
	return latencyHeight - (latencyHeight-rugHeight)*math.Max(share, 0)
}

// levels are the whole powers of ten, and where these are few, steps between them.
func (s logScale) levels() []level {
	factors := []float64{1}
	if s.high-s.low < 2.2 {
		factors = []float64{1, 2, 5}
	}
	var levels []level
	for decade := math.Floor(s.low); decade <= s.high; decade++ {
		for _, factor := range factors {
			value := factor * math.Pow(10, decade)
			if at := math.Log10(value); at < s.low || at > s.high {
				continue
			}
			nanos := int64(math.Round(value))
			levels = append(levels, level{Y: round3(s.y(nanos)), Label: durationText(time.Duration(nanos))})
		}
	}
	return levels
}

// line is a stepped path through a figure of each column, with gaps where there is none.
func (s logScale) line(columns []column, of func(*column) int64) string {
	var path strings.Builder
	drawing := false
	for i := range columns {
		if columns[i].Count == 0 {
			drawing = false
			continue
		}
		y := number(s.y(of(&columns[i])))
		if drawing {
			fmt.Fprintf(&path, "V%sh1", y)
		} else {
			fmt.Fprintf(&path, "M%d %sh1", i, y)
		}
		drawing = true
	}
	return path.String()
}

// heat is how many operations each column has at each height: one path for each
// shade, so that a hundred thousand operations cost no more than a thousand.
func (s logScale) heat(columns []column) []string {
	bins := int((s.high-s.low)*heatBins) + 1
	count := make([][]int, len(columns))
	most := 1
	for i := range columns {
		count[i] = make([]int, bins)
		for _, nanos := range columns[i].latencies {
			at := (math.Log10(math.Max(float64(nanos), 1)) - s.low) * heatBins
			bin := min(max(int(at), 0), bins-1)
			count[i][bin]++
			most = max(most, count[i][bin])
		}
	}
	shades := make([]strings.Builder, heatLevels)
	height := (latencyHeight - rugHeight) / ((s.high - s.low) * heatBins)
	for i := range count {
		for bin, n := range count[i] {
			if n == 0 {
				continue
			}
			shade := min(int(heatLevels*math.Log1p(float64(n))/math.Log1p(float64(most))), heatLevels-1)
			base := latencyHeight - float64(bin)*height
			bar(&shades[shade], i, base, max(base-height, rugHeight))
		}
	}
	paths := make([]string, heatLevels)
	for i := range shades {
		paths[i] = shades[i].String()
	}
	return paths
}

// hoversOf are the columns' figures in words.
func hoversOf(columns []column, a axis) []hover {
	hovers := make([]hover, 0, len(columns))
	for i := range columns {
		c := &columns[i]
		text := fmt.Sprintf("%s to %s: ", strings.TrimSuffix(axisText(c.From, a.width), " s"), axisText(c.To, a.width))
		if c.total() == 0 {
			text += "no operations"
		} else {
			text += fmt.Sprintf("%d ok, %d failed, %d unknown", c.OK, c.Fail, c.Info)
		}
		if c.Count > 0 {
			text += fmt.Sprintf("; p50 %s, p95 %s, max %s", durationText(time.Duration(c.P50)),
				durationText(time.Duration(c.P95)), durationText(time.Duration(c.Max)))
		}
		hovers = append(hovers, hover{X: a.percent(c.From), Width: round3(100 / float64(a.n)), Text: text})
	}
	return hovers
}
