package results

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

const (
	drawnOperations = 40 // of a proof; the table beside it has all
	drawnArrows     = 10 // operations up to which arrows help more than they hide
	textRow         = 17 // pixels
	barHeight       = 12
)

// proofView is a proof as the page shows it.
type proofView struct {
	Result checkers.Result
	Rows   []proofRow // of the table
	Story  []string
	Last   string // the contradiction

	Drawing template.HTML // by the checker; "" where there is none
	Kind    string
	Also    []proofView // without bars

	Height int // of the drawing; 0 where there is nothing to draw
	Lanes  []proofLane
	Bars   []proofBar
	Arrows []proofArrow
	Edges  []float64 // percent: where something begins or ends
	Ticks  []tick
	Bands  []window
	During []string // the faults in force, in words
	Left   int      // operations that are only in the table
}

type proofRow struct {
	checkers.ProofOperation
	CallText, ReturnText, Took, Outcome string
}

type proofLane struct {
	Name      string
	Group     string // of the client, where there are several
	Y, Height int
}

type proofBar struct {
	checkers.ProofOperation
	X, Width    float64 // percent
	Y           int
	TextX       float64 // percent
	TextY       int
	Anchor      string
	Open        bool // nobody saw its end
	Title       string
	OutcomeText string
}

type proofArrow struct {
	X1, X2 float64 // percent
	Y1, Y2 int
}

// proofOf prepares a proof; groups are the client groups of the processes, nil
// where there is only one.
func proofOf(r checkers.Result, spans []span, groups map[int32]string) proofView {
	view := told(r, *r.Proof)
	for _, also := range r.Proof.Also {
		view.Also = append(view.Also, told(r, also))
	}
	for _, op := range r.Proof.Operations {
		view.Rows = append(view.Rows, rowOf(op))
	}
	if len(r.Proof.Operations) > 0 {
		view.draw(r.Proof.Operations, spans, groups)
	}
	return view
}

// told is what a proof says, without its operations.
func told(r checkers.Result, proof checkers.Proof) proofView {
	view := proofView{Result: r, Kind: proof.Kind, Drawing: template.HTML(proof.Drawing)}
	if n := len(proof.Story); n > 0 {
		view.Story, view.Last = proof.Story[:n-1], proof.Story[n-1]
	}
	return view
}

func rowOf(op checkers.ProofOperation) proofRow {
	row := proofRow{ProofOperation: op, CallText: microText(op.Call), ReturnText: returnText(op.Return), Took: "–", Outcome: outcomeText(op.Outcome)}
	if op.Return != history.Open {
		row.Took = durationText(time.Duration(op.Return - op.Call))
	}
	return row
}

func (v *proofView) draw(operations []checkers.ProofOperation, spans []span, groups map[int32]string) {
	v.Left = max(0, len(operations)-drawnOperations)
	operations = operations[:len(operations)-v.Left]
	scale := newProofScale(operations)
	v.lanes(operations, scale, groups)
	v.arrows(operations)
	v.Edges, v.Ticks = scale.edges, scale.ticks()
	lo, hi := timesOf(operations)
	for _, s := range spans {
		if s.From > hi || s.To < lo {
			continue
		}
		w := window{X: scale.at(s.From), Title: spanTitle(s)}
		w.Width = round3(max(scale.at(s.To)-w.X, 0.3))
		v.Bands = append(v.Bands, w)
		v.During = append(v.During, spanTitle(s))
	}
}

// lanes draws a lane for each process, and on it a bar for each operation with
// its text above, on as many rows as keep the texts apart.
func (v *proofView) lanes(operations []checkers.ProofOperation, scale proofScale, groups map[int32]string) {
	var processes []int32
	byProcess := map[int32][]checkers.ProofOperation{}
	for _, op := range operations {
		if byProcess[op.Process] == nil {
			processes = append(processes, op.Process)
		}
		byProcess[op.Process] = append(byProcess[op.Process], op)
	}
	y := 4
	for _, process := range processes {
		own := byProcess[process]
		sort.SliceStable(own, func(i, j int) bool { return own[i].Call < own[j].Call })
		bars := make([]proofBar, 0, len(own))
		var ends []float64 // of each row's last text
		rows := make([]int, len(own))
		for i, op := range own {
			bar := newProofBar(op, scale)
			rows[i] = place(&ends, &bar)
			bars = append(bars, bar)
		}
		texts := len(ends) * textRow
		for i := range bars {
			bars[i].Y = y + texts + 3
			bars[i].TextY = y + texts - rows[i]*textRow - 3
		}
		name := fmt.Sprintf("process %d", process)
		if node := own[0].Node; node != "" {
			name += " at " + node
		}
		height := texts + barHeight + 14
		v.Lanes = append(v.Lanes, proofLane{Name: name, Group: shorten(groups[process], 16), Y: y, Height: height})
		v.Bars = append(v.Bars, bars...)
		y += height
	}
	v.Height = y
}

func newProofBar(op checkers.ProofOperation, scale proofScale) proofBar {
	row := rowOf(op)
	bar := proofBar{ProofOperation: op, X: scale.at(op.Call), Open: op.Return == history.Open, OutcomeText: row.Outcome}
	end := 100.0
	if !bar.Open {
		end = scale.at(op.Return)
	}
	bar.Width = round3(max(end-bar.X, 0.8))
	bar.Title = fmt.Sprintf("%s: process %d, called at %s, returned at %s (%s), %s", op.Text, op.Process, row.CallText, row.ReturnText, row.Took, row.Outcome)
	return bar
}

// place finds the lowest row on which the bar's text meets no other.
func place(ends *[]float64, bar *proofBar) int {
	width := letter * 1.25 * float64(len([]rune(bar.Label()))+2)
	bar.TextX, bar.Anchor = bar.X, "start"
	left := bar.X
	if bar.X+width > 100 {
		bar.TextX, bar.Anchor = round3(min(bar.X+bar.Width, 100)), "end"
		left = bar.TextX - width
	}
	row := slices.IndexFunc(*ends, func(end float64) bool { return end <= left })
	if row < 0 {
		row = len(*ends)
		*ends = append(*ends, 0)
	}
	(*ends)[row] = left + width
	return row
}

// Label is the operation's text where there is room for it.
func (b proofBar) Label() string {
	text := shorten(b.Text, 60)
	if b.Outcome != "ok" {
		text += " (" + b.OutcomeText + ")"
	}
	return text
}

// arrows point from an operation to each that began after it had ended, leaving
// out what follows from the others.
func (v *proofView) arrows(operations []checkers.ProofOperation) {
	if len(operations) > drawnArrows {
		return
	}
	before := func(a, b *proofBar) bool { return !a.Open && a.Return < b.Call }
	for i := range v.Bars {
		for j := range v.Bars {
			a, b := &v.Bars[i], &v.Bars[j]
			if a.Process == b.Process || !before(a, b) {
				continue
			}
			between := func(k proofBar) bool { return before(a, &k) && before(&k, b) }
			if slices.ContainsFunc(v.Bars, between) {
				continue
			}
			v.Arrows = append(v.Arrows, proofArrow{X1: round3(a.X + a.Width), Y1: a.Y + barHeight/2, X2: b.X, Y2: b.Y + barHeight/2})
		}
	}
}

// proofScale is a time axis on which every beginning and end can be told apart:
// their order is exact, the distances between them are compressed.
type proofScale struct {
	times []int64
	edges []float64 // percent, of the times
}

func newProofScale(operations []checkers.ProofOperation) proofScale {
	var s proofScale
	for _, op := range operations {
		s.times = append(s.times, op.Call)
		if op.Return != history.Open {
			s.times = append(s.times, op.Return)
		}
	}
	slices.Sort(s.times)
	s.times = slices.Compact(s.times)
	shortest := int64(math.MaxInt64)
	for i := 1; i < len(s.times); i++ {
		shortest = min(shortest, s.times[i]-s.times[i-1])
	}
	at := []float64{0}
	for i := 1; i < len(s.times); i++ {
		gap := float64(s.times[i]-s.times[i-1]) / float64(shortest)
		at = append(at, at[i-1]+1+0.8*math.Log10(gap))
	}
	// A margin on both sides: what is still open at the end must be seen to go on.
	const left, right = 2.0, 94.0
	for _, x := range at {
		if last := at[len(at)-1]; last > 0 {
			x = x / last
		}
		s.edges = append(s.edges, round3(left+(right-left)*x))
	}
	return s
}

// at places any instant, between two known ones in proportion.
func (s proofScale) at(t int64) float64 {
	i, exact := slices.BinarySearch(s.times, t)
	switch {
	case exact:
		return s.edges[i]
	case i == 0:
		return 0
	case i == len(s.times):
		return 100
	}
	share := float64(t-s.times[i-1]) / float64(s.times[i]-s.times[i-1])
	return round3(s.edges[i-1] + share*(s.edges[i]-s.edges[i-1]))
}

// ticks label as many of the times as there is room for: the first as an instant
// of the run, the others by their distance from it.
func (s proofScale) ticks() []tick {
	var ticks []tick
	free := 0.0
	for i, t := range s.times {
		label := microText(t)
		if i > 0 {
			label = "+" + durationText(time.Duration(t-s.times[0]))
		}
		at := s.edges[i]
		width := letter * float64(len([]rune(label))+2)
		left := at - width/2
		where := anchor(at, 5, 96)
		switch where {
		case "start":
			left = at
		case "end":
			left = at - width
		}
		if left < free {
			continue
		}
		free = left + width
		ticks = append(ticks, tick{At: at, Label: label, Anchor: where})
	}
	return ticks
}
