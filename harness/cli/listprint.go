package cli

import (
	"fmt"
	"slices"
	"strings"
)

// printList prints the list for people: scenarios by family, then systems, the
// track record, and defects.
func (a *app) printList(l listing) error {
	parts := []string{scenariosText(l), systemsText(l)}
	if len(l.Findings) > 0 {
		parts = append(parts, findingsText(l))
	}
	if len(l.Defects) > 0 {
		parts = append(parts, defectsText(l))
	}
	_, err := fmt.Fprint(a.stdout, strings.Join(parts, "\n"))
	return err
}

func scenariosText(l listing) string {
	t := table{indent: "  "}
	t.row("SCENARIO", "TAKES ABOUT", "WHAT MUST HOLD [TAGS]")
	for _, family := range families(l) {
		t.row(family)
		for _, s := range l.Scenarios {
			if s.Family != family {
				continue
			}
			about := s.About
			if s.Known != "" {
				about += " [track record: " + s.Known + "]"
			}
			if tags := shownTags(s); len(tags) > 0 {
				about += " [" + strings.Join(tags, ", ") + "]"
			}
			t.row(s.Name, secondsText(s.Seconds), about)
		}
	}
	return t.text()
}

// shownTags are a scenario's tags without the one that its row of the track record says.
func shownTags(s listed) []string {
	return slices.DeleteFunc(slices.Clone(s.Tags), func(tag string) bool { return tag == tagTrackRecord && s.Known != "" })
}

// families are in the order in which their first scenarios are.
func families(l listing) []string {
	var all []string
	for _, s := range l.Scenarios {
		if !slices.Contains(all, s.Family) {
			all = append(all, s.Family)
		}
	}
	return all
}

func systemsText(l listing) string {
	t := table{}
	t.row("SYSTEM", "SCENARIOS", "RUNTIME", "VERSIONS (the default first)")
	for _, s := range l.Systems {
		t.row(s.Name, fmt.Sprint(s.Scenarios), strings.Join(s.Runtimes, " "), strings.Join(s.Versions, " "))
	}
	return t.text()
}

func findingsText(l listing) string {
	t := table{}
	t.row("TRACK RECORD", "TAKES ABOUT", "WHAT IS KNOWN, BY WHICH SCENARIO, AND THE CONTROL THAT MUST PASS")
	for _, f := range l.Findings {
		text := f.About + ": " + f.Scenario
		if len(f.Controls) > 0 {
			text += "; control " + strings.Join(f.Controls, ", ")
		}
		t.row(f.Name, secondsText(f.Seconds), text)
	}
	return t.text() + fmt.Sprintf("Reproduce a row: %s trackrecord %s\n", program(), l.Findings[0].Name)
}

func defectsText(l listing) string {
	t := table{}
	t.row("DEFECT", "SYSTEM", "WHAT IT BREAKS, AND THE SCENARIO THAT CATCHES IT")
	for _, d := range l.Defects {
		t.row(d.Name, d.System, d.About+": "+d.CaughtBy)
	}
	first := l.Defects[0]
	return t.text() + fmt.Sprintf("See one caught: %s run %s --defect %s\n", program(), first.CaughtBy, first.Name)
}

func secondsText(seconds float64) string { return fmt.Sprintf("%.0f s", seconds) }
