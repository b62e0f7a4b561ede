package results

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	require.Equal(t, read(t, path), got, "go test ./results -update writes the golden files anew")
}

func summary(t *testing.T, run Run, color bool) string {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, WriteSummary(&text, run, "/runs/r1", color))
	return text.String()
}

func TestSummary(t *testing.T) {
	for _, s := range samples() {
		if s.name == "huge" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			text := summary(t, s.run, false)
			golden(t, s.name, text)
			lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
			verdict := s.run.Verdict.String() + ": " + s.run.Summary
			require.Equal(t, verdict, lines[0])
			require.Equal(t, []string{verdict, "report: /runs/r1/report.html"}, lines[len(lines)-2:])
		})
	}
}

func TestSummaryInColour(t *testing.T) {
	golden(t, "violation-colour", summary(t, sampleViolation(), true))
	for _, s := range samples() {
		require.NotContains(t, summary(t, s.run, false), "\x1b")
	}
}

// An escape sequence in a value must not reach the terminal.
func TestSummaryIsPlainText(t *testing.T) {
	run := sampleViolation()
	const evil = "\x1b[2J\x1b]0;x\a\u202e\nviolation"
	run.Summary, run.Scenario, run.Notes, run.Again = evil, evil, []string{evil}, []string{evil}
	run.Faults[0].Proof, run.Results[0].Summary = evil, evil
	run.Results[0].Proof.Operations[0].Text, run.Results[0].Proof.Story[0] = evil, evil
	text := summary(t, run, false)
	require.NotContains(t, text, "\x1b")
	require.NotContains(t, text, "\u202e")
	require.NotContains(t, text, "\nviolation\n")
	require.Contains(t, text, `\x1b[2J`)
}

func TestSummaryOfLongProofs(t *testing.T) {
	run := sampleViolation()
	proof := run.Results[0].Proof
	for len(proof.Story) < 50 {
		proof.Story = append([]string{"a fact"}, proof.Story...)
	}
	for len(proof.Operations) < 50 {
		proof.Operations = append(proof.Operations, proof.Operations[0])
	}
	text := summary(t, run, false)
	require.Contains(t, text, "… 30 more facts")
	require.Contains(t, text, "and 30 more, in the report")
	require.Contains(t, text, "50. 57 was written after 41", "the contradiction is kept")
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestWritersPassErrorsOn(t *testing.T) {
	require.ErrorContains(t, WriteSummary(brokenPipe{}, sampleRun(), "", false), "broken pipe")
	require.ErrorContains(t, WriteReport(brokenPipe{}, sampleRun(), nil), "broken pipe")
}

func TestCountOperations(t *testing.T) {
	h := &history.History{Ops: []history.Op{
		{Kind: history.CAS, Outcome: history.OK}, {Kind: history.Read, Outcome: history.Fail}, {Kind: history.Read}, {Kind: history.Read, Outcome: history.OK},
	}}
	counts := CountOperations(h)
	require.Equal(t, []KindCount{{Kind: "read", OK: 1, Fail: 1, Info: 1}, {Kind: "cas", OK: 1}}, counts)
	require.Equal(t, KindCount{Kind: "all", OK: 2, Fail: 1, Info: 1}, Run{Operations: counts}.Counted())
	require.Empty(t, CountOperations(&history.History{}))
}

func TestFaultsOf(t *testing.T) {
	h := &history.History{Faults: []history.FaultEvent{
		{Time: 1, Step: 1, Phase: "planned", Fault: "kill the leader", Detail: "named"},
		{Time: 2, Step: 2, Phase: "planned", Fault: "pause n3", Detail: "mix"},
		{Time: 3, Step: 3, Phase: "planned", Fault: "hold n1"},
		{Time: 10, Step: 1, Phase: "injected", Fault: "kill n2", Nodes: []string{"n2"}},
		{Time: 11, Step: 2, Phase: "injected", Fault: "pause n3", Nodes: []string{"n3"}},
		{Time: 12, Step: 1, Phase: "bit", Fault: "kill n2", Detail: "gone"},
		{Time: 13, Step: 2, Phase: "no-bite", Fault: "pause n3", Detail: "no traffic"},
		{Time: 14, Step: 1, Phase: "healed", Fault: "kill n2"},
		{Time: 15, Step: 3, Phase: "failed", Fault: "hold n1", Detail: "no proxy"},
		{Time: 16, Step: 1, Phase: "injected", Fault: "kill n1", Nodes: []string{"n1"}},
	}}
	faults := FaultsOf(h)
	require.Equal(t, []Fault{
		{Step: 1, Text: "kill n2", Nodes: []string{"n2"}, Injected: 10, Healed: 14, Bit: true, Proof: "gone"},
		{Step: 2, Text: "pause n3", Nodes: []string{"n3"}, Injected: 11, Proof: "no traffic", Mix: true},
		{Step: 3, Text: "hold n1", Error: "no proxy"},
		{Step: 1, Text: "kill n1", Nodes: []string{"n1"}, Injected: 16},
	}, faults)
	var fates []string
	for _, f := range faults {
		fates = append(fates, f.Fate())
	}
	require.Equal(t, []string{"bit", "did not bite", "failed", "did not bite"}, fates)
	bit, injected := Run{Faults: faults}.FaultsBit()
	require.Equal(t, []int{1, 3}, []int{bit, injected})
}

func TestFaultNames(t *testing.T) {
	for text, want := range map[string]string{
		"black hole n2 | n1 n3": "black hole net", "black-hole n2 | n1": "black-hole net", "latency 60ms ± 40ms n3": "latency net",
		"kill alpha beta": "kill down", "pause the leader": "pause paused", "stop n1": "stop down", "": "fault net",
	} {
		spans := spansOf([]Fault{{Text: text, Nodes: []string{"alpha", "beta"}, Injected: 1}}, 9)
		require.Len(t, spans, 1)
		require.Equal(t, want, spans[0].Name+" "+spans[0].Class)
		require.Equal(t, int64(9), spans[0].To, "never healed: until the end")
	}
}

func TestTexts(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 7: "7 ns", 1500: "1.5 µs", 999_499: "999 µs", 999_600: "1 ms", 12_345_678: "12.3 ms",
		999_600_000: "1 s", 1_239_000_000: "1.24 s", 61 * time.Second: "61 s", 125 * time.Second: "2 min 05 s", 2*time.Hour + 3*time.Minute: "2 h 03 min",
		-1500 * time.Millisecond: "-1.5 s",
	} {
		require.Equal(t, want, durationText(d))
	}
	require.Equal(t, []string{"0", "999", "1,000", "-12,345,678"}, []string{countText(0), countText(999), countText(1000), countText(-12345678)})
	require.Equal(t, []string{"999 bytes", "1 kB", "4.2 MB"}, []string{byteText(999), byteText(1000), byteText(4_200_000)})
	require.Equal(t, "99.9 %", shareText(9999, 10000), "not all of them")
	require.Equal(t, []string{"12", "0.5"}, []string{figureText(12), figureText(0.5)})
}

func TestVerdictsHaveTheirOwnLooks(t *testing.T) {
	seen := map[string]bool{}
	for v := checkers.Pass; v <= checkers.Violation; v++ {
		p := newPage(Run{Verdict: v}, nil)
		require.NotEmpty(t, p.Mark)
		require.False(t, seen[p.Mark], "not told apart by colour alone")
		seen[p.Mark] = true
		require.Contains(t, pageStyle, ".is-"+v.String())
	}
}
