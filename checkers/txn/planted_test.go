package txn

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/checkers/internal/synthetic"
	"github.com/seatrial/seatrial/harness/history"
)

// plant is a small history that shows one anomaly.
type plant struct {
	name    string
	history *history.History
	lists   ListAppend
	Register
	registers bool
}

func small() *history.Builder { return history.NewBuilder(history.Header{}) }

var one, two = history.Int(1), history.Int(2)

func published(t *testing.T) []plant {
	var all []plant
	for _, c := range publishedLists {
		all = append(all, plant{name: c.file, history: readEDN(t, filepath.Join("testdata", "list-append", c.file+".edn"), nil)})
	}
	for _, c := range publishedRegisters {
		if c.initial == nil {
			all = append(all, plant{name: c.file, registers: true, Register: c.Register, history: readEDN(t, filepath.Join("testdata", "rw-register", c.file+".edn"), nil)})
		}
	}
	return all
}

func (p plant) judge(h *history.History) Report {
	if p.registers {
		return p.Register.Report(context.Background(), checkers.Evidence{History: h}, checkers.Budget{})
	}
	return p.lists.Report(context.Background(), checkers.Evidence{History: h}, checkers.Budget{})
}

func names(r Report) []string {
	var list []string
	for _, x := range r.Anomalies {
		list = append(list, x.Name)
	}
	return list
}

// into adds the plant's transactions to a history, on keys and by clients of their own.
func (p plant) into(b *history.Builder, at int64) {
	h := p.history
	for i := range h.Ops {
		o := &h.Ops[i]
		var steps []history.Step
		for _, m := range h.Transaction(o) {
			key := "planted " + h.KeyName(m.Key)
			switch {
			case m.Kind == history.Append:
				steps = append(steps, history.Appends(key, m.Value))
			case m.Kind == history.Write:
				steps = append(steps, history.Writes(key, m.Value))
			case m.Kind == history.Read:
				steps = append(steps, history.Reads(key, m.Value))
			case m.Listed:
				steps = append(steps, history.Lists(key, h.MicroList(&m)...))
			default:
				steps = append(steps, history.Asks(key))
			}
		}
		b.Txn(1_000_000+o.Process, o.Outcome, at+o.Call, at+o.Return, steps...)
	}
}

func TestMadeHistoriesShowWhatTheyAreNamedAfter(t *testing.T) {
	for _, p := range made() {
		report := p.judge(p.history)
		others := slices.DeleteFunc(names(report), func(name string) bool {
			return name != p.name && slices.ContainsFunc(weakNames[:], func(weak string) bool { return strings.HasPrefix(name, weak) })
		})
		require.Equal(t, []string{p.name}, others) // some are also cycles of a weak level
		require.Equal(t, checkers.Violation, report.Result.Verdict)
	}
}

// What a small history shows is found, and named alike, in the midst of a hundred
// thousand transactions of 20 clients that are in order.
func TestPlantedAnomaliesAreFoundAndNamedInLargeHistories(t *testing.T) {
	size := 100_000
	if testing.Short() {
		size = 10_000
	}
	clean := map[bool]*history.History{}
	for _, registers := range []bool{false, true} {
		clean[registers] = synthetic.Transactions{Operations: size, Registers: registers}.History(31)
		report := plant{registers: registers}.judge(clean[registers])
		require.Equal(t, checkers.Pass, report.Result.Verdict, report.Result.Summary)
		require.Empty(t, report.Anomalies)
	}
	for _, p := range append(made(), published(t)...) {
		t.Run(p.name, func(t *testing.T) {
			alone := p.judge(p.history)
			h := clean[p.registers]
			b := small()
			p.into(b, h.Ops[len(h.Ops)/2].Call)
			mixed := p.judge(mix(h, b.History()))
			require.Equal(t, names(alone), names(mixed))
			require.Equal(t, alone.Refuted, mixed.Refuted)
			for i, x := range mixed.Anomalies {
				require.Len(t, x.Transactions, len(alone.Anomalies[i].Transactions), x.Name)
				require.Equal(t, alone.Anomalies[i].Count, x.Count, x.Name)
			}
		})
	}
}

// mix puts two histories into one.
func mix(h, other *history.History) *history.History {
	m := *h
	m.Ops, m.Keys = slices.Clone(h.Ops), slices.Clone(h.Keys)
	m.Micros, m.Elements = slices.Clone(h.Micros), slices.Clone(h.Elements)
	for _, o := range other.Ops {
		o.Offset += uint32(len(h.Micros))
		o.Key += history.Key(len(h.Keys))
		m.Ops = append(m.Ops, o)
	}
	for _, x := range other.Micros {
		x.Key += history.Key(len(h.Keys))
		if x.Listed {
			x.Offset += uint32(len(h.Elements))
		}
		m.Micros = append(m.Micros, x)
	}
	m.Keys = append(m.Keys, other.Keys...)
	m.Elements = append(m.Elements, other.Elements...)
	slices.SortStableFunc(m.Ops, func(a, b history.Op) int { return int(a.Call - b.Call) })
	return &m
}

// A read that is some transactions old, somewhere among a hundred thousand, is a
// cycle with a realtime edge; and the smallest is found, of two transactions.
func TestAStaleReadInALargeHistoryIsAShortCycle(t *testing.T) {
	h := synthetic.Transactions{Operations: 100_000}.History(33)
	planted := synthetic.PlantStaleTransaction(h, len(h.Ops)/2)
	require.Positive(t, planted)
	report := ListAppend{}.Report(context.Background(), checkers.Evidence{History: h}, checkers.Budget{})
	require.True(t, report.Has(GSingle+"-realtime"), report.Result.Summary)
	proof := report.Result.Proof
	require.Len(t, proof.Operations, 2, strings.Join(proof.Story, "\n"))
	require.Contains(t, []int{proof.Operations[0].Index, proof.Operations[1].Index}, planted)

	h = synthetic.Transactions{Operations: 100_000, Registers: true}.History(33)
	require.Positive(t, synthetic.PlantStaleTransaction(h, len(h.Ops)/2))
	result := Register{}.Check(context.Background(), checkers.Evidence{History: h}, checkers.Budget{})
	require.Equal(t, checkers.Violation, result.Verdict, result.Summary)
	require.LessOrEqual(t, len(result.Proof.Operations), 4, strings.Join(result.Proof.Story, "\n"))
}

// Every kind of anomaly that a workload can show is among those that are planted.
func TestEveryAnomalyIsPlanted(t *testing.T) {
	shown := map[bool]map[string]bool{false: {}, true: {}}
	for _, p := range append(made(), published(t)...) {
		for _, name := range names(p.judge(p.history)) {
			shown[p.registers][name] = true
		}
	}
	listsOnly := []string{DuplicateElements, IncompatibleOrder, DirtyUpdate, G0 + "-process", G0 + "-realtime"}
	registersOnly := []string{CyclicVersions, RealtimeVersions}
	for _, name := range severity {
		if base, _ := splitAnomaly(name); slices.Contains(weakNames[:], base) {
			continue // see weak_test.go
		}
		require.Equal(t, !slices.Contains(registersOnly, name), shown[false][name], "lists: %s", name)
		require.Equal(t, !slices.Contains(listsOnly, name), shown[true][name], "registers: %s", name)
	}
}
