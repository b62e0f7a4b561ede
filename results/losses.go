package results

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

// lossResult is the judge whose figures say when the run lost what it had acknowledged.
const lossResult = "lost-acknowledgements"

// lossOf is the time in which what was lost had been acknowledged, nil where
// nothing was. Its figures count from the mark "load".
func lossOf(results []checkers.Result, h *history.History, a axis) *block {
	for _, r := range results {
		lost := r.Figures["lost"]
		if r.Checker != lossResult || lost == 0 || h == nil {
			continue
		}
		load, _ := h.Find(checkers.MarkLoad)
		from := load.Time + int64(r.Figures["lost_from_s"]*1e9)
		to := load.Time + int64(r.Figures["lost_to_s"]*1e9)
		part := figureText(lost) + " of " + figureText(r.Figures["acknowledged"])
		b := &block{X: a.percent(from), Y: 3, Label: part + " lost"}
		b.Width = round3(max(a.percent(to)-b.X, 0.3))
		b.Title = fmt.Sprintf("%s acknowledged appends lost: acknowledged from %s to %s", part, secondsText(from), secondsText(to))
		b.placeLabel()
		return b
	}
	return nil
}

// groupsOf is the client group of each process, nil where all clients are of one.
// names are the groups in the order in which they came. Those who make the final
// reads are not clients of the load, and make no group of their own.
func groupsOf(h *history.History) (byProcess map[int32]string, names []string) {
	if h == nil {
		return nil, nil
	}
	end := history.Open
	if final, found := h.Find(checkers.MarkFinal); found {
		end = final.Time
	}
	byProcess = map[int32]string{}
	for _, s := range h.Sessions {
		if s.Group == "" || s.Time >= end {
			continue
		}
		byProcess[s.Process] = s.Group
		if !slices.Contains(names, s.Group) {
			names = append(names, s.Group)
		}
	}
	if len(names) < 2 {
		return nil, nil
	}
	return byProcess, names
}

// groupLanes show how the clients of each group fared, where there are several.
func groupLanes(h *history.History, a axis) lanes {
	byProcess, names := groupsOf(h)
	all := lanes{Columns: a.n}
	if len(names) == 0 {
		return all
	}
	fared := faredBy(h, a, byProcess)
	for _, name := range names {
		row := lane{Name: shorten(name, 14), Title: "clients of group " + name, Y: all.Height, Height: 18, Strip: all.Height + 5}
		row.strips(fared[name])
		all.Rows = append(all.Rows, row)
		all.Height += row.Height
	}
	return all
}

// groupsText says how many clients each group has, "" where there is one group.
func groupsText(h *history.History) string {
	byProcess, names := groupsOf(h)
	if len(names) == 0 {
		return ""
	}
	slots := map[string]map[int32]bool{}
	for _, s := range h.Sessions {
		if group, known := byProcess[s.Process]; known {
			if slots[group] == nil {
				slots[group] = map[int32]bool{}
			}
			slots[group][s.Slot] = true
		}
	}
	parts := make([]string, 0, len(names))
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %d", name, len(slots[name])))
	}
	return strings.Join(parts, ", ")
}
