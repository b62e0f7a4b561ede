package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster"
)

// What a run takes beyond its load, measured: starting, settling, judging and
// tearing down.
const (
	beyondInPods      = 5 * time.Second
	beyondAsProcesses = 2 * time.Second
)

// listing is what list prints as JSON; see the package's documentation.
type listing struct {
	Scenarios []listed        `json:"scenarios"`
	Systems   []listedSystem  `json:"systems"`
	Defects   []listedDefect  `json:"defects"`
	Findings  []listedFinding `json:"track_record"`
}

// listed is a scenario in the list, and its JSON.
type listed struct {
	Name string `json:"name"`
	// Family is the middle part of the name, for instance "register".
	Family string `json:"family"`
	// About is what must hold.
	About    string   `json:"about"`
	System   string   `json:"system"`
	Versions []string `json:"versions"`
	Runtimes []string `json:"runtimes"`
	Tags     []string `json:"tags"`
	// LoadSeconds is how long clients work, and Seconds about how long the whole
	// takes on the runtime that is the default.
	LoadSeconds float64 `json:"load_seconds"`
	Seconds     float64 `json:"about_seconds"`
	// Known is the finding that knows a violation of it, and Controls are the
	// scenarios that must pass in its place.
	Known    string   `json:"known_violation,omitempty"`
	Controls []string `json:"controls,omitempty"`
}

// listedSystem is a system in the list, and its JSON.
type listedSystem struct {
	Name      string   `json:"name"`
	Versions  []string `json:"versions"`
	Runtimes  []string `json:"runtimes"`
	Scenarios int      `json:"scenarios"`
}

// listedDefect is a defect in the list, and its JSON.
type listedDefect struct {
	System   string `json:"system"`
	Name     string `json:"name"`
	About    string `json:"about"`
	CaughtBy string `json:"caught_by"`
}

// listedFinding is a row of the track record in the list, and its JSON.
type listedFinding struct {
	Name     string   `json:"name"`
	About    string   `json:"about"`
	Scenario string   `json:"scenario"`
	Broken   []string `json:"broken"`
	Shows    []string `json:"shows,omitempty"`
	Controls []string `json:"controls"`
	Seconds  float64  `json:"about_seconds"`
}

// filter is what of the list is asked for.
type filter struct {
	texts, tags, systems []string
}

func (a *app) listCommand() *cobra.Command {
	var f filter
	cmd := &cobra.Command{
		Use:   "list [TEXT...]",
		Short: "Show the scenarios, the track record, and the defects that can be switched on",
		Long: `List shows every scenario by its family, with what must hold, its tags and about
how long it takes; then the systems, the track record, and the defects.

Each TEXT must be in a scenario's name, description or tags. --tag and --system
may be given more than once: one of them is enough.`,
		Example: "  seatrial list\n  seatrial list register cut\n  seatrial list --system canary --json",
		RunE: func(_ *cobra.Command, args []string) error {
			f.texts = args
			l, err := a.listing(f)
			if err != nil {
				return err
			}
			if a.json {
				return failed(a.printJSON(l))
			}
			return failed(a.printList(l))
		},
	}
	cmd.Flags().StringSliceVar(&f.tags, "tag", nil, "only scenarios with this tag")
	cmd.Flags().StringSliceVar(&f.systems, "system", nil, "only scenarios of this system")
	return cmd
}

// listing is what the filter lets through. Systems, defects and findings are
// those that belong to a scenario that is shown.
func (a *app) listing(f filter) (listing, error) {
	l := listing{Scenarios: []listed{}, Systems: []listedSystem{}, Defects: []listedDefect{}, Findings: []listedFinding{}}
	shown := map[string]bool{}
	for _, s := range a.scenarios {
		if one := a.listed(s); f.lets(one) {
			l.Scenarios = append(l.Scenarios, one)
			shown[s.Name] = true
			l.addSystem(one, s.System)
		}
	}
	for _, finding := range a.findings {
		if shown[finding.Scenario.Name] || f.lets(a.listed(finding.Scenario)) {
			l.Findings = append(l.Findings, listFinding(finding))
		}
	}
	l.Defects = slices.DeleteFunc(l.Defects, func(d listedDefect) bool { return !shown[d.CaughtBy] })
	if len(l.Scenarios)+len(l.Findings) == 0 && len(a.scenarios) > 0 {
		return l, a.nothing(f)
	}
	return l, nil
}

// nothing says what could have been asked for.
func (a *app) nothing(f filter) error {
	systems, tags := map[string]bool{}, map[string]bool{}
	for _, s := range a.scenarios {
		systems[s.System.SystemName()] = true
		for _, tag := range a.tags(s) {
			tags[tag] = true
		}
	}
	text := fmt.Sprintf("no scenario has all of that (%s): the systems are %s", f.text(), strings.Join(slices.Sorted(maps.Keys(systems)), ", "))
	if len(tags) > 0 {
		text += ", the tags " + strings.Join(slices.Sorted(maps.Keys(tags)), ", ")
	}
	return fmt.Errorf("%s", text)
}

func (f filter) text() string {
	parts := slices.Clone(f.texts)
	for _, tag := range f.tags {
		parts = append(parts, "--tag "+tag)
	}
	for _, system := range f.systems {
		parts = append(parts, "--system "+system)
	}
	return strings.Join(parts, " ")
}

func (f filter) lets(l listed) bool {
	hay := strings.ToLower(strings.Join(append([]string{l.Name, l.About}, l.Tags...), "\n"))
	for _, text := range f.texts {
		if !strings.Contains(hay, strings.ToLower(text)) {
			return false
		}
	}
	hasTag := func(tag string) bool { return slices.Contains(l.Tags, tag) }
	return (len(f.tags) == 0 || slices.ContainsFunc(f.tags, hasTag)) &&
		(len(f.systems) == 0 || slices.Contains(f.systems, l.System))
}

func (a *app) listed(s harness.Scenario) listed {
	l := listed{Name: s.Name, Family: family(s.Name), About: s.About, System: s.System.SystemName(),
		Versions: []string{s.System.SystemVersion()}, Runtimes: runtimesOf(s.System), Tags: a.tags(s),
		LoadSeconds: load(s).Seconds(), Seconds: takes(s).Seconds()}
	if versioned, ok := s.System.(cluster.Versioned); ok {
		l.Versions = versioned.Versions()
	}
	if l.Tags == nil {
		l.Tags = []string{}
	}
	if f := a.known(s.Name); f != nil {
		l.Known, l.Controls = f.Name, names(f.Controls)
	}
	return l
}

// addSystem counts the scenario for its system, and takes note of a system that
// is met for the first time.
func (l *listing) addSystem(one listed, system cluster.System) {
	i := slices.IndexFunc(l.Systems, func(s listedSystem) bool { return s.Name == one.System })
	if i >= 0 {
		l.Systems[i].Scenarios++
		return
	}
	l.Systems = append(l.Systems, listedSystem{one.System, one.Versions, one.Runtimes, 1})
	if defective, ok := system.(cluster.Defective); ok {
		for _, d := range defective.Defects() {
			l.Defects = append(l.Defects, listedDefect{one.System, d.Name, d.About, d.CaughtBy})
		}
	}
}

func listFinding(f harness.Finding) listedFinding {
	seconds := takes(f.Scenario)
	for _, control := range f.Controls {
		seconds += takes(control)
	}
	return listedFinding{f.Name, f.About, f.Scenario.Name, slices.Clip(append([]string{}, f.Broken...)), f.Shows, names(f.Controls), seconds.Seconds()}
}

// family is the middle part of system/family/variant.
func family(name string) string {
	if parts := strings.Split(name, "/"); len(parts) > 1 {
		return parts[1]
	}
	return "other"
}

func names(scenarios []harness.Scenario) []string {
	list := []string{}
	for _, s := range scenarios {
		list = append(list, s.Name)
	}
	return list
}

func runtimesOf(system cluster.System) []string {
	runtimes := []string{}
	if _, ok := system.(cluster.ProcessSystem); ok {
		runtimes = append(runtimes, "process")
	}
	if _, ok := system.(cluster.PodSystem); ok {
		runtimes = append(runtimes, "pod")
	}
	return runtimes
}

// load is how long clients work.
func load(s harness.Scenario) time.Duration {
	if s.Duration == 0 {
		return 20 * time.Second
	}
	return s.Duration
}

// takes is about how long a run of the scenario lasts where its images are there.
func takes(s harness.Scenario) time.Duration {
	if slow, ok := s.System.(cluster.Leisurely); ok {
		return load(s) + slow.Beyond()
	}
	_, process := s.System.(cluster.ProcessSystem)
	if s.Runtime == "pod" || s.Runtime == "" && !process {
		return load(s) + beyondInPods
	}
	return load(s) + beyondAsProcesses
}
