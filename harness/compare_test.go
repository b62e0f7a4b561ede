package harness_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/results"
)

// In go test a row leaves a page that shows its scenario beside its control, with
// links to their reports.
func TestARowIsShownSideBySide(t *testing.T) {
	folder := t.TempDir()
	t.Setenv(results.EnvResults, folder)
	down := func(name string, f fault.Fault) harness.Scenario {
		s := short(name, Shelf{}, fault.After{Delay: 300 * time.Millisecond, Do: fault.For{Duration: 300 * time.Millisecond, Fault: f}})
		s.About = "the store keeps what it is told: " + name
		return s
	}
	control := down("pause", fault.Pause{Target: fault.Node("n1")})
	control.Clients = 4
	harness.TestFinding(t, harness.Finding{Name: "shelf-forgets", About: "the store forgets all when it is killed", Broken: []string{"linearizable"},
		Scenario: down("kill", fault.Kill{Target: fault.Node("n1")}), Controls: []harness.Scenario{control}})

	pages, err := filepath.Glob(filepath.Join(folder, "*", results.CompareFile))
	require.NoError(t, err)
	require.Len(t, pages, 1)
	require.Contains(t, pages[0], "shelf-verdict-kill")
	text, err := os.ReadFile(pages[0])
	require.NoError(t, err)
	for _, part := range []string{"shelf-forgets", "<h1>as recorded</h1>", "must show a violation of linearizable: it did", "must pass: it did",
		"the store keeps what it is told: pause", `<td class="setting">3</td><td class="setting">4</td>`} {
		require.Contains(t, string(text), part)
	}
	links := regexp.MustCompile(`class="scenario" href="([^"]*)">([^<]*)<`).FindAllStringSubmatch(string(text), -1)
	require.Len(t, links, 2)
	for _, link := range links {
		report, err := os.ReadFile(filepath.Join(filepath.Dir(pages[0]), link[1]))
		require.NoError(t, err)
		require.Contains(t, string(report), `<p class="where">`+link[2]+`</p>`, "the report is that of its column")
	}
}

// Of several runs the page shows what speaks: where a control broke, that run, else
// one that did what it must.
func TestWhichRunsAreCompared(t *testing.T) {
	row := harness.Finding{Name: "row", Broken: []string{"linearizable"},
		Scenario: short("finding", Shelf{}, nil), Controls: []harness.Scenario{short("control", Shelf{}, nil), short("other", Shelf{}, nil)}}
	folder := t.TempDir()
	ran := func(id string, verdict checkers.Verdict) harness.Ran {
		dir, err := results.Create(folder, id, "s")
		require.NoError(t, err)
		return harness.Ran{Dir: dir, Run: results.Run{ID: id, Scenario: id, Verdict: verdict, Summary: "it was " + id,
			Results: []checkers.Result{{Checker: "linearizable", Verdict: verdict, Summary: "it was " + id}}}}
	}
	page := func(runs ...[]harness.Ran) string {
		path, err := row.Compare(checkers.Violation, runs)
		require.NoError(t, err)
		require.NotEmpty(t, path)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(text)
	}
	shown := func(page string) (ids []string) {
		for _, match := range regexp.MustCompile(`class="scenario" href="[^"]*">([^<]*)<`).FindAllStringSubmatch(page, -1) {
			ids = append(ids, match[1])
		}
		return ids
	}
	found, lost := ran("found", checkers.Violation), ran("not-found", checkers.Pass)
	passed, broke, died := ran("passed", checkers.Pass), ran("broke", checkers.Violation), ran("died", checkers.Error)
	text := page([]harness.Ran{found, lost}, []harness.Ran{broke, passed}, []harness.Ran{died, passed, died})
	require.Equal(t, []string{"found", "broke", "passed"}, shown(text))
	require.Contains(t, text, "must show a violation of linearizable: it did; 1 of 2 runs did")
	require.Contains(t, text, "1 of 3 runs did")
	require.True(t, strings.Contains(text, "<h1>not as recorded</h1>"))
	require.Equal(t, []string{"not-found", "died"}, shown(page([]harness.Ran{lost}, []harness.Ran{died})), "without one that did what it must the last")

	path, err := row.Compare(checkers.Inconclusive, [][]harness.Ran{{found}, nil, nil})
	require.NoError(t, err)
	require.Empty(t, path, "there is nothing beside it")
}
