package results

import (
	"bytes"
	"flag"
	"fmt"
	"html"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

var samplesFolder = flag.String("samples", "", "write the sample reports to this folder, to be looked at")

type sample struct {
	name string
	run  Run
	h    *history.History
}

func samples() []sample {
	crashed := sampleRun()
	crashed.Verdict, crashed.Summary = checkers.Error, "The cluster was not healthy within 60 s: n2 refuses connections on port 2379."
	crashed.Results, crashed.Operations, crashed.Faults = nil, nil, nil
	crashed.Took = Phases{Start: 60e9}
	many := sampleRun()
	many.Faults = nil
	for i := range 60 {
		name := []string{"kill", "black-hole", "pause"}[i%3]
		node := fmt.Sprintf("n%d", i%3+1)
		at := 4*second + int64(i)*300e6
		many.Faults = append(many.Faults, Fault{Step: i + 1, Text: name + " " + node, Nodes: []string{node}, Planned: at, Injected: at + 4e6, Healed: at + 200e6, Bit: i%7 != 0, Mix: true, Proof: "12 packets dropped"})
	}
	return []sample{
		{"pass", sampleRun(), sampleHistory(8000, sampleFaults())},
		{"violation", sampleViolation(), sampleHistory(11000, sampleFaults())},
		lostSample(),
		kindsSample(),
		{"inconclusive", sampleInconclusive(), sampleHistory(60, sampleFaults())},
		{"error", crashed, nil},
		{"huge", many, sampleHistory(200_000, many.Faults)},
	}
}

func report(t testing.TB, run Run, h *history.History) string {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, WriteReport(&text, run, h))
	return text.String()
}

func TestReports(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			text := report(t, s.run, s.h)
			if *samplesFolder != "" {
				require.NoError(t, os.WriteFile(filepath.Join(*samplesFolder, s.name+".html"), []byte(text), 0o644))
			}
			require.Less(t, len(text), 2_000_000)
			require.Contains(t, text, "<h1>"+s.run.Verdict.String()+"</h1>")
			require.Contains(t, text, html.EscapeString(s.run.Summary))
			require.Contains(t, text, fmt.Sprint(s.run.Seed))
			loads := regexp.MustCompile(`(?i)(src|href|url|import|@font-face|action)\s*[=(]\s*["']?(https?:)?//`)
			require.Empty(t, loads.FindString(text), "the page must load nothing")
			require.NotContains(t, text, "ZgotmplZ", "the template refused a value")
			require.NotContains(t, text, "NaN")
		})
	}
}

func TestReportShowsEveryFaultAndProofOperation(t *testing.T) {
	for _, s := range samples() {
		text := report(t, s.run, s.h)
		band := regexp.MustCompile(`class="band (down|paused|net)"`)
		injected := 0
		for _, f := range s.run.Faults {
			require.Contains(t, text, "<td>"+html.EscapeString(f.Text), s.name)
			if f.Injected == 0 {
				continue
			}
			injected++
			require.Equal(t, 1, strings.Count(text, fmt.Sprintf(`data-step="%d"`, f.Step)), "%s: step %d among the faults", s.name, f.Step)
			require.Equal(t, len(f.Nodes), strings.Count(text, fmt.Sprintf(`data-node-step="%d"`, f.Step)), "%s: step %d on the nodes' lanes", s.name, f.Step)
		}
		require.Len(t, band.FindAllString(text, -1), injected, s.name)
		for _, r := range s.run.Results {
			if r.Proof == nil {
				continue
			}
			for _, op := range r.Proof.Operations {
				require.Equal(t, provedBy(s.run, op.Index), strings.Count(text, fmt.Sprintf(`data-op="%d"`, op.Index)), op.Text)
				require.Contains(t, text, "<code>"+html.EscapeString(op.Text)+"</code>")
			}
			for _, fact := range r.Proof.Story {
				require.Contains(t, text, template.HTMLEscapeString(fact))
			}
		}
	}
}

// provedBy is how many proofs an operation is in.
func provedBy(run Run, index int) int {
	n := 0
	for _, r := range run.Results {
		if r.Proof != nil && slices.ContainsFunc(r.Proof.Operations, func(op checkers.ProofOperation) bool { return op.Index == index }) {
			n++
		}
	}
	return n
}

// A fault that only the history knows of is shown as well.
func TestReportTakesFaultsFromTheHistory(t *testing.T) {
	run := sampleRun()
	run.Faults = nil
	text := report(t, run, sampleHistory(100, sampleFaults()))
	for step := 1; step <= 3; step++ {
		require.Contains(t, text, fmt.Sprintf(`data-step="%d"`, step))
	}
	require.Contains(t, text, "214 packets, 18,404 bytes dropped")
}

func TestReportEscapesWhatTheSystemSaid(t *testing.T) {
	const evil = `"'><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}`
	run := sampleViolation()
	run.Scenario, run.Summary, run.System, run.Version, run.ID = evil, evil, evil, evil, evil
	run.Options = map[string]string{evil: evil}
	run.Nodes, run.Again, run.Notes, run.Files = []string{evil}, []string{evil}, []string{evil}, []string{evil, "javascript:alert(1)"}
	run.Operations = []KindCount{{Kind: evil, OK: 1}}
	run.Versions = Versions{evil, evil, evil}
	r := &run.Results[0]
	r.Checker, r.Summary, r.Method, r.Figures = evil, evil, evil, map[string]float64{evil: 1}
	r.Proof.Key, r.Proof.Story = evil, []string{evil, evil}
	for i := range r.Proof.Operations {
		op := &r.Proof.Operations[i]
		op.Text, op.Node, op.Outcome = evil, evil, evil
	}
	for i := range run.Faults {
		f := &run.Faults[i]
		f.Text, f.Proof, f.Error, f.Nodes = evil, evil, evil, []string{evil}
	}
	h := sampleHistory(100, run.Faults)
	for i := range h.Marks {
		h.Marks[i].Name, h.Marks[i].Detail = evil, evil
	}
	text := report(t, run, h)
	require.NotContains(t, text, "<img")
	require.NotContains(t, text, `href="javascript`)
	require.Equal(t, 1, strings.Count(text, "<script"), "the page's own script and no other")
	require.Equal(t, 1, strings.Count(text, "</script"))
	require.NotRegexp(t, `<[^>]*\sonerror=`, strings.ReplaceAll(text, html.EscapeString(evil), ""))
}

// The policy names the page's script and style by their digests; were these
// altered by the template, a browser would run neither.
func TestReportKeepsItsOwnPolicy(t *testing.T) {
	text := report(t, sampleRun(), nil)
	for _, tag := range []string{"script", "style"} {
		match := regexp.MustCompile(`(?s)<` + tag + `>(.*?)</` + tag + `>`).FindStringSubmatch(text)
		require.Len(t, match, 2)
		require.Contains(t, html.UnescapeString(text), "sha256-"+digest(match[1]))
	}
	require.NotRegexp(t, `<[a-z][^>]*\sstyle=`, text, "the policy forbids styles in attributes")
}

// The drawings are well-formed: every element that is opened is closed.
func TestReportDrawingsAreWellFormed(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) { balanced(t, report(t, s.run, s.h)) })
	}
}

func TestReportOfNothing(t *testing.T) {
	for name, h := range map[string]*history.History{"missing": nil, "empty": {}} {
		text := report(t, Run{Verdict: checkers.Error, Summary: "nothing started"}, h)
		require.Contains(t, text, "No operations were recorded", name)
		require.Contains(t, text, "Nothing was checked", name)
		require.NotContains(t, text, `id="timechart"`, name)
	}
}

func TestReportOfOneInstant(t *testing.T) {
	h := &history.History{Keys: []string{"x"}, Ops: []history.Op{{Call: 5, Return: 5, Kind: history.Read, Outcome: history.OK, Process: 1}}}
	run := Run{Results: []checkers.Result{{Checker: "c", Verdict: checkers.Violation, Proof: &checkers.Proof{
		Operations: []checkers.ProofOperation{{Process: 1, Call: 5, Return: 5, Outcome: "ok", Text: "read x → 1"}},
	}}}}
	text := report(t, run, h)
	require.Contains(t, text, "1 ok, 0 failed, 0 unknown")
	require.NotContains(t, text, "NaN")
	require.NotContains(t, text, "Inf")
}

func TestReportStaysSmall(t *testing.T) {
	// A fault every 20 ms is far beyond what any scenario does.
	var faults []Fault
	for i := range 1000 {
		at := 4*second + int64(i)*20e6
		faults = append(faults, Fault{Step: i, Text: "kill n2", Nodes: []string{"n2"}, Injected: at, Healed: at + 9e6, Proof: "the program was gone for 9 ms", Mix: true})
	}
	run := sampleRun()
	run.Faults = faults
	h := sampleHistory(200_000, nil)
	require.Greater(t, len(h.Ops), 100_000)
	require.Less(t, len(report(t, run, h)), 2_000_000)
}

func BenchmarkReport(b *testing.B) {
	h := sampleHistory(200_000, sampleFaults())
	run := sampleViolation()
	b.ReportMetric(float64(len(h.Ops)), "operations")
	for b.Loop() {
		require.NoError(b, WriteReport(io.Discard, run, h))
	}
}

// A checker's own drawing is shown as it is, and none leaves no trace.
func TestReportShowsTheDrawingOfAProof(t *testing.T) {
	run := Run{Scenario: "x", Verdict: checkers.Violation, Results: []checkers.Result{{
		Checker: "list-append", Verdict: checkers.Violation,
		Proof: &checkers.Proof{Story: []string{"a cycle"}, Drawing: `<svg viewBox="0 0 1 1"><text>T1</text></svg>`},
	}}}
	var page bytes.Buffer
	require.NoError(t, WriteReport(&page, run, nil))
	require.Contains(t, page.String(), `<div class="graph"><svg viewBox="0 0 1 1"><text>T1</text></svg></div>`)
	run.Results[0].Proof.Drawing = ""
	page.Reset()
	require.NoError(t, WriteReport(&page, run, nil))
	require.NotContains(t, page.String(), `class="graph"`)

	run.Results[0].Proof.Kind = "internal"
	run.Results[0].Proof.Also = []checkers.Proof{{Kind: "G2-item (write skew)", Story: []string{"T1 < T2", "T2 < T1"}, Drawing: `<svg viewBox="0 0 2 2"></svg>`}}
	page.Reset()
	require.NoError(t, WriteReport(&page, run, nil))
	for _, part := range []string{"list-append, internal<", "Also G2-item (write skew)", `<svg viewBox="0 0 2 2"></svg>`, "T1 &lt; T2", "T2 &lt; T1"} {
		require.Contains(t, page.String(), part)
	}
	var summary bytes.Buffer
	require.NoError(t, WriteSummary(&summary, run, "dir", false))
	require.Contains(t, summary.String(), "proof (list-append, internal)")
}

// What is drawn in a colour is of that kind.
func TestReportTellsKindsOfFaultsApart(t *testing.T) {
	for text, class := range map[string]string{
		"slow disk 5s on fsync, n1": "scarce", "disk error EIO on fsync, n1": "scarce", "cpu-quota 20% n1": "scarce",
		"power loss n1, torn": "down", "kill n1": "down", "pause n1": "paused", "slow close 500ms n1 | n2": "net", "black hole n1 | n2": "net",
	} {
		run := sampleRun()
		run.Faults = []Fault{{Step: 1, Text: text, Nodes: []string{"n1"}, Injected: 5 * second, Healed: 6 * second, Bit: true}}
		require.Contains(t, report(t, run, sampleHistory(100, nil)), fmt.Sprintf(`class="band %s"`, class), text)
	}
}
