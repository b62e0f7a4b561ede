package results

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

// milestone is a named instant above the charts.
type milestone struct {
	At     float64 // percent
	Y      int     // pixels
	Label  string
	Anchor string
	Title  string
	Proof  bool // the proof's operations began here
}

// milestones are a history's marks and the places of the proofs, on as few rows as
// their names need.
func milestones(h *history.History, results []checkers.Result, a axis) (all []milestone, height int) {
	if h != nil {
		for _, m := range h.Marks {
			title := m.Name + ", " + secondsText(m.Time)
			if m.Detail != "" {
				title += ": " + m.Detail
			}
			all = append(all, milestone{At: a.percent(m.Time), Label: shorten(m.Name, 24), Title: title})
		}
	}
	for _, window := range proofWindows(results, a) {
		if window.Flag {
			all = append(all, milestone{At: window.X, Label: "proof", Proof: true, Title: window.Title})
		}
	}
	slices.SortStableFunc(all, func(x, y milestone) int { return cmp.Compare(x.At, y.At) })
	all = joined(all)
	var ends []float64
	for i := range all {
		row := all[i].place(&ends)
		all[i].Y = row*markRow + 12
	}
	return all, len(ends)*markRow + 2
}

// joined makes one milestone of those that can't be told apart on the axis: the
// phases after the load often follow each other within milliseconds.
func joined(all []milestone) []milestone {
	const together = 0.6 // percent
	var apart []milestone
	for _, m := range all {
		if last := len(apart) - 1; last >= 0 && m.At-apart[last].At < together && m.Proof == apart[last].Proof {
			if !m.Proof {
				apart[last].Label += ", " + m.Label
			}
			apart[last].Title += "; " + m.Title
			continue
		}
		apart = append(apart, m)
	}
	return apart
}

// place finds the first row on which the name meets no other; ends are where the
// rows' last names end.
func (m *milestone) place(ends *[]float64) (row int) {
	m.Label = shorten(m.Label, 60)
	width := letter * float64(len([]rune(m.Label))+2)
	left := m.At
	m.Anchor = "start"
	if m.At+width > 100 {
		m.Anchor, left = "end", m.At-width
	}
	row = slices.IndexFunc(*ends, func(end float64) bool { return end <= left })
	if row < 0 {
		row = len(*ends)
		*ends = append(*ends, 0)
	}
	(*ends)[row] = left + width
	return row
}

// window is a piece of the time axis.
type window struct {
	X, Width float64 // percent
	Title    string
	Flag     bool // it is named above the charts
}

// widestProof is how much of the axis, in percent, a proof may fill: one that spans
// more (an append, and the read at the end that lacks it) is shown by its ends.
const widestProof = 10

// proofWindows are the times from the first call to the last known return of each
// proof; of a long one, those of its operations.
func proofWindows(results []checkers.Result, a axis) []window {
	var windows []window
	for _, r := range results {
		if r.Proof == nil || len(r.Proof.Operations) == 0 {
			continue
		}
		lo, hi := timesOf(r.Proof.Operations)
		if a.percent(hi)-a.percent(lo) <= widestProof {
			w := newWindow(lo, hi, a, fmt.Sprintf("proof of %s: %s to %s", r.Checker, secondsText(lo), secondsText(hi)))
			w.Flag = true
			windows = append(windows, w)
			continue
		}
		last := len(r.Proof.Operations) - 1
		for i, op := range r.Proof.Operations {
			lo, hi := timesOf(r.Proof.Operations[i : i+1])
			w := newWindow(lo, hi, a, fmt.Sprintf("proof of %s: %s, %s to %s", r.Checker, op.Text, secondsText(lo), secondsText(hi)))
			w.Flag = i == 0 || i == last
			windows = append(windows, w)
		}
	}
	return windows
}

func newWindow(from, to int64, a axis, title string) window {
	w := window{X: a.percent(from), Title: title}
	w.Width = round3(max(a.percent(to)-w.X, 0.2))
	return w
}

func timesOf(operations []checkers.ProofOperation) (lo, hi int64) {
	lo, hi = operations[0].Call, operations[0].Call
	for _, op := range operations {
		lo, hi = min(lo, op.Call), max(hi, op.Call)
		if op.Return != history.Open {
			hi = max(hi, op.Return)
		}
	}
	return lo, hi
}
