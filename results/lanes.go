package results

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

const (
	// letter is the width of a letter as a share of the narrowest plot, in percent.
	// Labels are kept apart by it; on a wider page they have more room.
	letter = 1.0
	// namedFaults is up to how many faults have a row each; more are grouped by kind.
	namedFaults = 14
)

// block is a fault on a lane.
type block struct {
	span
	X, Width float64 // percent
	Y        int     // pixels
	Label    string
	LabelX   float64 // percent
	LabelDX  int     // pixels
	Anchor   string
	Inside   bool // the label is on the block itself
	Title    string
}

// lane is a row of blocks with its name.
type lane struct {
	Name   string
	Title  string
	Y      int // pixels, of its upper edge
	Height int
	Blocks []block
	// OK, Some and None are paths: the columns in which the node's clients had
	// all, some or none of their operations answered. Empty where nobody asked.
	OK, Some, None string
	Strip          int // pixels, of the strip's upper edge
}

// lanes are rows below each other.
type lanes struct {
	Height  int
	Columns int
	Rows    []lane
}

func newBlock(s span, a axis) block {
	b := block{span: s, X: a.percent(s.From), Title: spanTitle(s)}
	b.Width = round3(max(a.percent(s.To)-b.X, 0.15))
	return b
}

func spanTitle(s span) string {
	title := fmt.Sprintf("step %d: %s, %s", s.Step, s.Text, spanText(s.Fault))
	if s.Healed != 0 {
		title += " (" + durationText(time.Duration(s.Healed-s.Injected)) + ")"
	}
	title += ", " + s.Fate()
	if what := s.What(); what != "" {
		title += ": " + what
	}
	if s.Error != "" {
		title += ": " + s.Error
	}
	return title
}

// faultLanes gives each fault a row with its text, or each kind of fault where there are many.
func faultLanes(spans []span, a axis) lanes {
	if len(spans) > namedFaults {
		return groupedLanes(spans, a)
	}
	var all lanes
	for _, s := range spans {
		b := newBlock(s, a)
		b.Y = all.Height + 3
		b.Label = shorten(s.Text, 72)
		b.placeLabel()
		all.Rows = append(all.Rows, lane{Name: fmt.Sprintf("step %d", s.Step), Title: s.Text, Y: all.Height, Height: faultRow, Blocks: []block{b}})
		all.Height += faultRow
	}
	return all
}

// placeLabel puts the label behind the block, before it, or on it, where there is room.
func (b *block) placeLabel() {
	end, width := b.X+b.Width, letter*float64(len([]rune(b.Label)))
	switch {
	case end+width < 100:
		b.LabelX, b.LabelDX, b.Anchor = round3(end), 6, "start"
	case b.X-width > 0:
		b.LabelX, b.LabelDX, b.Anchor = b.X, -6, "end"
	default:
		b.LabelX, b.LabelDX, b.Anchor, b.Inside = b.X, 6, "start", true
	}
}

func groupedLanes(spans []span, a axis) lanes {
	byName := map[string][]span{}
	var names []string
	for _, s := range spans {
		if byName[s.Name] == nil {
			names = append(names, s.Name)
		}
		byName[s.Name] = append(byName[s.Name], s)
	}
	var all lanes
	for _, name := range names {
		blocks, height := stack(byName[name], a, all.Height)
		all.Rows = append(all.Rows, lane{Name: fmt.Sprintf("%s × %d", shorten(name, 12), len(blocks)), Title: name,
			Y: all.Height, Height: height, Blocks: blocks})
		all.Height += height
	}
	return all
}

// stack puts spans that overlap below each other.
func stack(spans []span, a axis, y int) (blocks []block, height int) {
	var ends []int64 // of the last span of each level
	for _, s := range spans {
		level := slices.IndexFunc(ends, func(end int64) bool { return end <= s.From })
		if level < 0 {
			level = len(ends)
			ends = append(ends, 0)
		}
		ends[level] = s.To
		b := newBlock(s, a)
		b.Y = y + 3 + level*faultRow
		blocks = append(blocks, b)
	}
	return blocks, max(len(ends), 1) * faultRow
}

// nodeLanes shows for each node which faults it was under and how its clients fared.
func nodeLanes(names []string, spans []span, h *history.History, a axis) lanes {
	all := lanes{Columns: a.n}
	fared := faredByNode(h, a)
	for _, name := range names {
		var own []span
		for _, s := range spans {
			if slices.Contains(s.Nodes, name) {
				own = append(own, s)
			}
		}
		blocks, height := stack(own, a, all.Height)
		for i := range blocks {
			if b := &blocks[i]; b.Width > letter*float64(len(b.Name)+2) {
				b.Label, b.LabelX, b.LabelDX, b.Anchor, b.Inside = b.Name, b.X, 6, "start", true
			}
		}
		row := lane{Name: name, Title: "node " + name, Y: all.Height, Blocks: blocks, Height: height + 14, Strip: all.Height + height}
		row.strips(fared[name])
		all.Rows = append(all.Rows, row)
		all.Height += row.Height
	}
	return all
}

// strips shows how those who asked in each column fared.
func (l *lane) strips(columns []answered) {
	l.OK = strip(columns, func(c answered) bool { return c.ok > 0 && c.not == 0 })
	l.Some = strip(columns, func(c answered) bool { return c.ok > 0 && c.not > 0 })
	l.None = strip(columns, func(c answered) bool { return c.ok == 0 && c.not > 0 })
}

// answered counts the operations of a column that were ok, and that were not.
type answered struct{ ok, not int }

func faredByNode(h *history.History, a axis) map[string][]answered {
	if h == nil || len(h.Sessions) == 0 {
		return nil
	}
	return faredBy(h, a, nodesByProcess(h))
}

// faredBy counts the operations in each column by what their processes belong to.
func faredBy(h *history.History, a axis, names map[int32]string) map[string][]answered {
	fared := map[string][]answered{}
	for i := range h.Ops {
		op := &h.Ops[i]
		name, known := names[op.Process]
		if !known {
			continue
		}
		columns := fared[name]
		if columns == nil {
			columns = make([]answered, a.n)
			fared[name] = columns
		}
		if c := &columns[a.column(op.Call)]; op.Outcome == history.OK {
			c.ok++
		} else {
			c.not++
		}
	}
	return fared
}

func nodesByProcess(h *history.History) map[int32]string {
	nodes := make(map[int32]string, len(h.Sessions))
	for _, s := range h.Sessions {
		if s.Node != "" {
			nodes[s.Process] = s.Node
		}
	}
	return nodes
}

// strip is a path over the runs of columns that are wanted.
func strip(columns []answered, wanted func(answered) bool) string {
	var path strings.Builder
	for i := 0; i < len(columns); i++ {
		if !wanted(columns[i]) {
			continue
		}
		begin := i
		for i+1 < len(columns) && wanted(columns[i+1]) {
			i++
		}
		fmt.Fprintf(&path, "M%d 0h%dv1h-%dz", begin, i+1-begin, i+1-begin)
	}
	return path.String()
}

// nodeNames are the run's nodes, or those that its history names.
func nodeNames(run Run, h *history.History, spans []span) []string {
	names := slices.Clone(run.Nodes)
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if h != nil {
		for _, name := range h.Header.Nodes {
			add(name)
		}
		for _, s := range h.Sessions {
			add(s.Node)
		}
	}
	for _, s := range spans {
		for _, name := range s.Nodes {
			add(name)
		}
	}
	return names
}

// shorten cuts a text that is too long for its place; its title has all of it.
func shorten(s string, length int) string {
	if letters := []rune(s); len(letters) > length {
		return string(letters[:length-1]) + "…"
	}
	return s
}
