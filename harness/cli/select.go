package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness"
)

// tagTrackRecord is the tag of every scenario that is known to show a violation,
// beside those that it has.
const tagTrackRecord = "track-record"

// selection is what names, tags and --all choose.
type selection struct {
	names []string
	tags  []string
	all   bool
}

func (s *selection) flags(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&s.tags, "tag", nil, "all scenarios with this tag; see seatrial list")
	cmd.Flags().BoolVar(&s.all, "all", false, "all scenarios")
}

// one says that a single scenario was asked for by its name.
func (s selection) one() bool { return len(s.names) == 1 && len(s.tags) == 0 && !s.all }

func (s selection) check() error {
	ways := 0
	for _, used := range []bool{len(s.names) > 0, len(s.tags) > 0, s.all} {
		if used {
			ways++
		}
	}
	switch ways {
	case 0:
		return errors.New("run takes the name of one scenario or more, or --tag, or --all: see seatrial list")
	case 1:
		return nil
	}
	return errors.New("names, --tag and --all are three ways to choose scenarios: use one of them")
}

// choose returns the scenarios that were asked for, varied as the flags say, and
// the names of those left out because they are known to show a violation: asked
// for by --all or by a tag of something else, they would turn the exit code red
// every time.
func (a *app) choose(s selection, c choice) (chosen []harness.Scenario, leftOut []string, err error) {
	names := s.names
	if len(names) == 0 {
		if names, leftOut, err = a.tagged(s); err != nil {
			return nil, nil, err
		}
	}
	var seen []string
	for _, name := range names {
		if slices.Contains(seen, name) {
			continue
		}
		seen = append(seen, name)
		one, err := a.scenario(name, c)
		if err != nil {
			return nil, nil, err
		}
		chosen = append(chosen, one)
	}
	return chosen, leftOut, nil
}

// tagged are the names that --tag or --all choose, and those left out.
func (a *app) tagged(s selection) (names, leftOut []string, err error) {
	there := map[string]bool{}
	for _, one := range a.scenarios {
		tags := a.tags(one)
		for _, tag := range tags {
			there[tag] = true
		}
		asked := s.all || slices.ContainsFunc(s.tags, func(tag string) bool { return slices.Contains(tags, tag) })
		switch {
		case !asked:
		case a.known(one.Name) != nil && !slices.Contains(s.tags, tagTrackRecord):
			leftOut = append(leftOut, one.Name)
		default:
			names = append(names, one.Name)
		}
	}
	for _, tag := range s.tags {
		if !there[tag] {
			return nil, nil, fmt.Errorf("--tag %s: no scenario has that tag: %s", tag, tagsThere(there))
		}
	}
	if len(names) == 0 {
		return nil, nil, fmt.Errorf("%s chooses no scenario but those with a known violation (%s): name them, or use --tag %s",
			s.text(), orNone(leftOut), tagTrackRecord)
	}
	return names, leftOut, nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "this program has none"
	}
	return strings.Join(names, ", ")
}

func (s selection) text() string {
	if s.all {
		return "--all"
	}
	return "--tag " + strings.Join(s.tags, ",")
}

func tagsThere(there map[string]bool) string {
	if len(there) == 0 {
		return "none has any"
	}
	return "there are " + strings.Join(slices.Sorted(maps.Keys(there)), ", ")
}

// tags are a scenario's own, and tagTrackRecord where a violation of it is known.
func (a *app) tags(s harness.Scenario) []string {
	tags := slices.Clone(s.Tags)
	if a.known(s.Name) != nil && !slices.Contains(tags, tagTrackRecord) {
		tags = append(tags, tagTrackRecord)
	}
	return tags
}

// known is the finding that knows a violation of that scenario; nil where none does.
func (a *app) known(scenario string) *harness.Finding {
	for i, f := range a.findings {
		if f.Scenario.Name == scenario && len(f.Broken) > 0 {
			return &a.findings[i]
		}
	}
	return nil
}

// nearest names up to three of the names that a name may have meant.
func nearest(name string, all []string) string {
	distance := func(other string) int {
		if strings.Contains(other, name) {
			return 0
		}
		return editDistance(name, other)
	}
	sorted := slices.Clone(all)
	sort.SliceStable(sorted, func(i, j int) bool { return distance(sorted[i]) < distance(sorted[j]) })
	return strings.Join(sorted[:min(3, len(sorted))], ", ")
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
