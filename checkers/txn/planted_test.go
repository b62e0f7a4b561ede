package txn

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
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

// made are the anomalies that the published files do not show.
func made() []plant {
	x, y := "x", "y"
	disorder := func(second int32) *history.History {
		return small().
			Txn(0, history.OK, 0, 1000, history.Appends(x, one)).
			Txn(second, history.OK, 2000, 3000, history.Appends(x, two)).
			Txn(3, history.OK, 0, 9000, history.Lists(x, two, one)).History()
	}
	skew := func(second int32) *history.History {
		return small().
			Txn(0, history.OK, 0, 1000, history.Appends(y, one)).
			Txn(second, history.OK, 2000, 3000, history.Lists(x)).
			Txn(3, history.OK, 0, 9000, history.Lists(y), history.Appends(x, one)).History()
	}
	return []plant{
		{name: G0 + "-process", history: disorder(0)},
		{name: G0 + "-realtime", history: disorder(1)},
		{name: G2Item + "-process", history: skew(0)},
		{name: G2Item + "-realtime", history: skew(1)},
		{name: G1c + "-realtime", history: small().
			Txn(0, history.OK, 0, 1000, history.Lists(x, one)).
			Txn(1, history.OK, 2000, 3000, history.Appends(x, one)).History()},
		{name: GNonadjacent + "-realtime", history: small().
			Txn(0, history.OK, 0, 1000, history.Appends(x, one)).
			Txn(1, history.OK, 2000, 3000, history.Lists(y)).
			Txn(2, history.OK, 0, 9000, history.Appends(y, one)).
			Txn(3, history.OK, 0, 9000, history.Lists(x), history.Lists(y, one)).History()},
		{name: Garbage, history: small().Txn(0, history.OK, 0, 1, history.Lists(x, one)).History()},
		{name: G1c, registers: true, history: small().
			Txn(0, history.OK, 0, 9, history.Writes(x, one), history.Reads(y, one)).
			Txn(1, history.OK, 0, 9, history.Writes(y, one), history.Reads(x, one)).History()},
		{name: FutureRead, registers: true, history: small().
			Txn(0, history.OK, 0, 9, history.Reads(x, one), history.Writes(x, one)).History()},
		{name: G2Item, registers: true, history: small().
			Txn(0, history.OK, 0, 9, history.Reads(x, history.Nil), history.Writes(y, one)).
			Txn(1, history.OK, 0, 9, history.Reads(y, history.Nil), history.Writes(x, one)).History()},
		{name: RealtimeVersions, registers: true, history: small(). // a stale read among blind writes
										Txn(0, history.OK, 0, 9, history.Writes(x, one)).
										Txn(1, history.OK, 10, 19, history.Writes(x, two)).
										Txn(2, history.OK, 20, 29, history.Reads(x, one)).History()},
		{name: RealtimeVersions, registers: true, history: small(). // 1, then 2, then 1 again
										Txn(0, history.OK, 0, 99, history.Writes(x, one)).
										Txn(1, history.OK, 0, 99, history.Writes(x, two)).
										Txn(2, history.OK, 10, 19, history.Reads(x, one)).
										Txn(3, history.OK, 20, 29, history.Reads(x, two)).
										Txn(4, history.OK, 30, 39, history.Reads(x, one)).History()},
		{name: GSingle + "-process", registers: true, history: small().
			Txn(0, history.OK, 0, 9, history.Writes(x, one)).
			Txn(0, history.OK, 10, 19, history.Reads(x, history.Nil)).History()},
	}
}

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
		clean[registers] = large(rand.New(rand.NewPCG(31, 32)), size, registers).History()
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
	h := large(rand.New(rand.NewPCG(33, 34)), 100_000, false).History()
	for i := len(h.Ops) / 2; ; i++ {
		o := &h.Ops[i]
		if o.Outcome != history.OK || o.Count != 1 {
			continue
		}
		m := &h.Micros[o.Offset]
		if !m.Listed || m.Count < 30 {
			continue
		}
		list := h.MicroList(m)
		m.Count -= 20
		for appender(h, m.Key, list[m.Count-1]) == appender(h, m.Key, list[m.Count]) {
			m.Count-- // not in the midst of one transaction's appends: that is G1b
		}
		break
	}
	report := ListAppend{}.Report(context.Background(), checkers.Evidence{History: h}, checkers.Budget{})
	require.True(t, report.Has(GSingle+"-realtime"), report.Result.Summary)
	require.Len(t, report.Result.Proof.Operations, 2, strings.Join(report.Result.Proof.Story, "\n"))
}

func appender(h *history.History, key history.Key, v history.Value) int {
	return slices.IndexFunc(h.Ops, func(o history.Op) bool {
		return slices.ContainsFunc(h.Transaction(&o), func(m history.Micro) bool {
			return m.Kind == history.Append && m.Key == key && m.Value == v
		})
	})
}
