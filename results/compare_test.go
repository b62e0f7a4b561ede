package results

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

// crashed is a server of one node that acknowledged an append every 10 ms for 8 s of
// load, was down from second 5 to 6, and kept what is asked for of what it had acknowledged
// before. The load begins so long after the run.
func crashed(name, kind string, start time.Duration, keeps bool) Compared {
	begin := int64(start)
	at := func(seconds float64) int64 { return begin + int64(seconds*1e9) }
	f := Fault{Step: 1, Text: kind + " n1", Nodes: []string{"n1"}, Injected: at(5), Healed: at(6), Bit: true, Proof: "n1 is stopped"}
	b := history.NewBuilder(history.Header{Nodes: []string{"n1"}, Clients: 1, Model: "append-list"})
	b.Session(history.Session{Time: begin, Process: 0, Node: "n1"}).Session(history.Session{Time: at(8.5), Process: 1, Slot: 1, Node: "n1"})
	var held []history.Value
	for i := range 800 {
		call := at(float64(i) / 100)
		switch {
		case call < f.Injected && !keeps, call >= f.Healed || call < f.Injected:
			b.Append(0, "l", history.Int(int64(i)), call, call+1e6)
			if keeps || call >= f.Healed {
				held = append(held, history.Int(int64(i)))
			}
		default:
			b.Op(0, history.Append, "l", history.Int(int64(i)), history.None, history.None, history.Fail, call, call+1e6)
		}
	}
	for _, e := range []history.FaultEvent{{Time: f.Injected, Phase: "injected"}, {Time: f.Injected + 1e6, Phase: "bit", Detail: f.Proof}, {Time: f.Healed, Phase: "healed"}} {
		e.Step, e.Fault, e.Nodes = f.Step, f.Text, f.Nodes
		b.Fault(e)
	}
	h := b.Mark(begin, checkers.MarkLoad, "").Mark(at(8), checkers.MarkHealed, "").Mark(at(8.25), checkers.MarkRecovered, "").
		Mark(at(8.5), checkers.MarkFinal, "").List(1, "l", held, at(8.6), at(8.7)).History()
	run := Run{ID: name, Scenario: "store/append/" + name, Faults: []Fault{f}, Seed: 7,
		Results: checkers.All{checkers.NothingLost{}, checkers.RecoversWithin{}}.Judge(context.Background(), checkers.Evidence{History: h}, checkers.Budget{})}
	run.Verdict, run.Summary = checkers.Worst(run.Results), run.Results[0].Summary
	c := Compared{Role: "control", Must: "pass", About: "it keeps what it acknowledged: " + name, Run: run, History: h,
		Report: "../" + name + "/report.html", Of: 1, Expected: 1, Shown: true,
		Settings: []Setting{{"system", "store 1"}, {"clients", "1"}}}
	return c
}

// sideBySide is a finding and so many controls.
func sideBySide(controls int) Comparison {
	finding := crashed("power-loss", "power loss", 2*time.Second, false)
	finding.Role, finding.Must, finding.Report = "finding", "show a violation of lost-acknowledgements", "report.html"
	c := Comparison{Name: "store-power-loss", About: "the store loses what it acknowledged when its power goes",
		Checks: []string{"lost-acknowledgements"}, Columns: []Compared{finding, crashed("kill-alone", "kill", 3500*time.Millisecond, true)}}
	always := crashed("power-loss-sync-always", "power loss", 2*time.Second, true)
	always.Settings = append(always.Settings, Setting{"sync-interval", "always"})
	never := crashed("did-not-start", "kill", 0, true)
	never.Run = Run{Scenario: "store/append/did-not-start", Verdict: checkers.Error, Summary: "n1 refuses connections", Faults: nil}
	never.History, never.Expected, never.Shown = nil, 0, false
	c.Columns = append(c.Columns, always, never)[:1+controls]
	if controls == 3 {
		c.Verdict = checkers.Error
	}
	return c
}

func comparison(t *testing.T, c Comparison) string {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, WriteComparison(&text, c))
	return text.String()
}

// cells are the cells of the table's row of that name, as text.
func cells(t *testing.T, page, row string) []string {
	t.Helper()
	found := regexp.MustCompile(`(?s)<tr><th scope="row"[^>]*>`+regexp.QuoteMeta(row)+`</th>(.*?)</tr>`).FindAllStringSubmatch(page, -1)
	require.Len(t, found, 1, "the row %s", row)
	var texts []string
	for _, cell := range regexp.MustCompile(`(?s)<td[^>]*>(.*?)</td>`).FindAllStringSubmatch(found[0][1], -1) {
		text := regexp.MustCompile(`(?s)<[^>]*>`).ReplaceAllString(cell[1], " ")
		texts = append(texts, html.UnescapeString(strings.Join(strings.Fields(text), " ")))
	}
	return texts
}

func TestComparisonShowsWhatDiffersAndWhatBecameOfIt(t *testing.T) {
	for controls := 1; controls <= 3; controls++ {
		t.Run(fmt.Sprint(controls+1, " columns"), func(t *testing.T) {
			text := comparison(t, sideBySide(controls))
			if *samplesFolder != "" {
				name := fmt.Sprintf("compare-%d.html", controls+1)
				require.NoError(t, os.WriteFile(filepath.Join(*samplesFolder, name), []byte(text), 0o644))
			}
			row := func(name string) []string {
				got := cells(t, text, name)
				require.Len(t, got, controls+1)
				return got
			}
			require.Equal(t, []string{
				"violation must show a violation of lost-acknowledgements: it did", "pass must pass: it did",
				"pass must pass: it did", "error must pass: it did not"}[:controls+1], row("verdict"))
			require.Equal(t, []string{
				"power loss n1 at 5.0 s for 1 s: n1 is stopped", "kill n1 at 5.0 s for 1 s: n1 is stopped",
				"power loss n1 at 5.0 s for 1 s: n1 is stopped", "none"}[:controls+1], row("faults"))
			require.Equal(t, []string{
				"700 acknowledged 500 lost 200 recovered the lost were acknowledged from 0.0 s to 5.0 s", "700 acknowledged 0 lost 700 recovered",
				"700 acknowledged 0 lost 700 recovered", "not counted"}[:controls+1], row("acknowledged appends"))
			require.Equal(t, []string{"250 ms after the last fault", "250 ms after the last fault", "250 ms after the last fault", "–"}[:controls+1],
				row("every node served again"))
			require.Contains(t, row("lost-acknowledgements")[0], "500 of 700 acknowledged appends were lost")
			if controls > 1 {
				require.Equal(t, []string{"default", "default", "always", "default"}[:controls+1], row("sync-interval"))
			} else {
				require.NotContains(t, text, "sync-interval")
			}
			require.Contains(t, text, "<span>system store 1</span><span>clients 1</span>", "what they share is said once")
			for i, c := range sideBySide(controls).Columns {
				require.Equal(t, 2, strings.Count(text, fmt.Sprintf("href=%q", c.Report)), "column %d", i)
			}
			require.Equal(t, controls/3, strings.Count(text, "no operations were recorded"), "of the one that did not start")
			headline := "<h1>as recorded</h1>"
			if controls == 3 {
				headline = "<h1>not as recorded</h1>"
			}
			require.Contains(t, text, headline)
		})
	}
}

// The fault and the loss are in the same places in all columns, though the runs took
// different times to start.
func TestComparisonHasOneTimeAxis(t *testing.T) {
	c := sideBySide(2)
	text := comparison(t, c)
	number := func(s string) float64 {
		x, err := strconv.ParseFloat(s, 64)
		require.NoError(t, err)
		return x
	}
	places := func(pattern string) (all [][2]float64) {
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			x := number(match[1])
			all = append(all, [2]float64{x, x + number(match[2])})
		}
		return all
	}
	faults := places(`class="block down" x="([0-9.]+)%" width="([0-9.]+)%"`)
	require.Len(t, faults, 3)
	require.Equal(t, faults[0], faults[1], "one run began 1.5 s later")
	require.Equal(t, faults[0], faults[2])
	lost := places(`class="block loss" x="([0-9.]+)%" width="([0-9.]+)%"`)
	require.Len(t, lost, 1, "only one lost something")
	require.InDelta(t, 0, lost[0][0], 0.1)
	require.InDelta(t, faults[0][0], lost[0][1], 0.3, "up to the fault")
	sixth := regexp.MustCompile(`class="tick" x="([0-9.]+)%"[^>]*>6 s<`).FindStringSubmatch(text)
	require.Len(t, sixth, 2)
	require.InDelta(t, faults[0][1], number(sixth[1]), 0.01)
	require.Equal(t, [][2]float64{{28.571, 100}, {100, 100}, {100, 100}}, places(`class="lost" x="([0-9.]+)%" width="([0-9.]+)%"`), "all bars have one scale")
}

func TestComparisonCountsRunsAndKindsOfFaults(t *testing.T) {
	c := sideBySide(1)
	c.Columns[1].Of, c.Columns[1].Expected = 10, 9
	c.Columns[1].Run.Faults = nil
	h := *c.Columns[1].History
	h.Faults = nil
	c.Columns[1].History = &h
	for i := range 6 {
		f := Fault{Step: i + 1, Text: []string{"kill n1", "pause n1"}[i%2], Injected: int64(4+i) * 1e9, Healed: int64(4+i)*1e9 + 5e8, Bit: i > 0}
		c.Columns[1].Run.Faults = append(c.Columns[1].Run.Faults, f)
	}
	text := comparison(t, c)
	require.Contains(t, cells(t, text, "verdict")[1], "9 of 10 runs did")
	require.Equal(t, "kill × 3 1 did not bite pause × 3", cells(t, text, "faults")[1])
}

func TestComparisonLoadsNothingAndEscapes(t *testing.T) {
	const evil = `"'><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}`
	c := sideBySide(3)
	c.Name, c.About = evil, evil
	for i := range c.Columns {
		column := &c.Columns[i]
		column.About, column.Must, column.Run.Scenario, column.Run.Summary, column.Run.Notes = evil, evil, evil, evil, []string{evil}
		column.Settings = append(column.Settings, Setting{evil, evil + fmt.Sprint(i)})
		for j := range column.Run.Faults {
			column.Run.Faults[j].Text, column.Run.Faults[j].Proof = evil, evil
		}
		for j := range column.Run.Results {
			column.Run.Results[j].Summary = evil
		}
	}
	text := comparison(t, c)
	require.NotContains(t, text, "<script")
	require.NotContains(t, text, "<img")
	require.NotContains(t, text, "ZgotmplZ")
	require.NotContains(t, text, "NaN")
	require.NotRegexp(t, `<[a-z][^>]*\sstyle=`, text, "the policy forbids styles in attributes")
	require.Empty(t, regexp.MustCompile(`(?i)(src|href|url|import|@font-face|action)\s*[=(]\s*["']?(https?:)?//`).FindString(text), "the page must load nothing")
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(text)
	require.Contains(t, html.UnescapeString(text), "sha256-"+digest(style[1]))
	balanced(t, text)
}

// balanced fails the test where an element of the page's body is not closed.
func balanced(t *testing.T, text string) {
	t.Helper()
	body := text[strings.Index(text, "<main>") : strings.Index(text, "</main>")+len("</main>")]
	decoder := xml.NewDecoder(strings.NewReader(body))
	decoder.Strict, decoder.Entity = false, xml.HTMLEntity
	var open []string
	for {
		token, err := decoder.RawToken()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			open = append(open, token.Name.Local)
		case xml.EndElement:
			require.Equal(t, open[len(open)-1], token.Name.Local)
			open = open[:len(open)-1]
		}
	}
	require.Empty(t, open)
}
