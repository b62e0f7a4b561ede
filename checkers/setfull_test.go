package checkers

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

func TestSetFull(t *testing.T) {
	one := []history.Value{1}
	cases := []struct {
		name    string
		strict  bool
		make    func(b *history.Builder)
		verdict Verdict
		says    string
	}{
		{"nothing at all", false, func(*history.Builder) {}, Inconclusive, "no append was acknowledged"},
		{"no read", false, func(b *history.Builder) { b.Append(1, "l", 1, 10, 20) }, Inconclusive, "no read of a list was answered"},
		{"only a read before", false, func(b *history.Builder) { b.Append(1, "l", 1, 10, 20).List(2, "l", nil, 0, 5) }, Inconclusive, "no read was called after any of the 1"},
		{"stable", true, func(b *history.Builder) {
			b.Append(1, "l", 1, 10, 20).List(2, "l", one, 30, 40).List(2, "l", one, 110, 120)
		}, Pass,
			"none of 1 acknowledged element was lost: 1 stable; 0 of unknown outcome were seen; 2 reads"},
		{"missing while the append is under way", true, func(b *history.Builder) {
			b.Append(1, "l", 1, 10, 20).List(2, "l", nil, 20, 30).List(2, "l", one, 110, 120)
		}, Pass, "1 stable"},
		{"stale, and not asked for", false, func(b *history.Builder) {
			b.Append(1, "l", 1, 10, 20).List(2, "l", nil, 21, 30).List(2, "l", one, 110, 120)
		}, Pass, "1 stale (for up to 0.000 s)"},
		{"stale", true, func(b *history.Builder) {
			b.Append(1, "l", 1, 10, 20).List(2, "l", nil, 21, 30).List(2, "l", one, 110, 120)
		}, Violation, "1 element was missed by a read"},
		{"stale after a read saw it, before its acknowledgement", true, func(b *history.Builder) {
			b.Append(1, "l", 1, 10, 90).List(2, "l", one, 20, 30).List(2, "l", nil, 31, 40).List(2, "l", one, 110, 120)
		}, Violation, "1 element was missed by a read"},
		{"two reads at once that disagree", true, func(b *history.Builder) {
			b.Append(1, "l", 1, 10, 90).List(2, "l", one, 20, 30).List(3, "l", nil, 30, 40).List(2, "l", one, 110, 120)
		}, Pass, "1 stable"},
		{"lost", false, func(b *history.Builder) {
			b.Append(1, "l", 1, 10, 20).List(2, "l", one, 30, 40).List(2, "l", nil, 110, 120)
		}, Violation, "1 of 1 acknowledged element was lost (1 of l)"},
		{"gone, and no final read", false, func(b *history.Builder) { b.Append(1, "l", 1, 10, 20).List(2, "l", nil, 30, 40) }, Inconclusive, "nobody knows whether 1 element is gone for good"},
		{"gone, and no final read, where none may be missed", true, func(b *history.Builder) { b.Append(1, "l", 1, 10, 20).List(2, "l", nil, 30, 40) }, Violation, "missed by the last read"},
		{"vanished", false, func(b *history.Builder) {
			b.Append(1, "l", 2, 0, 5).Op(1, history.Append, "l", 1, history.None, history.None, history.Info, 10, 0).
				List(2, "l", []history.Value{1, 2}, 30, 40).List(2, "l", []history.Value{2}, 110, 120)
		}, Violation, "1 element of unknown outcome vanished: it was read, and then gone for good (1 of l)"},
		{"unknown and late", true, func(b *history.Builder) {
			b.Append(1, "l", 2, 0, 5).Op(1, history.Append, "l", 1, history.None, history.None, history.Info, 10, 0).
				List(2, "l", []history.Value{2}, 30, 40).List(2, "l", []history.Value{2, 1}, 110, 120)
		}, Pass, "1 of unknown outcome were seen"},
		{"twice, appended once", false, func(b *history.Builder) { b.Append(1, "l", 1, 10, 20).List(2, "l", []history.Value{1, 1}, 110, 120) }, Violation, "more often than it was appended (1 of l)"},
		{"twice, appended twice", true, func(b *history.Builder) {
			b.Append(1, "l", 1, 10, 20).Append(1, "l", 1, 30, 40).List(2, "l", []history.Value{1, 1}, 110, 120)
		}, Pass, "1 stable"},
		{"twice before it was appended twice", false, func(b *history.Builder) {
			b.Append(1, "l", 1, 10, 20).List(2, "l", []history.Value{1, 1}, 22, 25).Append(1, "l", 1, 30, 40).List(2, "l", []history.Value{1, 1}, 110, 120)
		}, Violation, "more often than it was appended"},
		{"a read that was not answered says nothing", true, func(b *history.Builder) {
			b.Append(1, "l", 1, 10, 20).Op(3, history.ReadList, "l", history.None, history.None, history.None, history.Fail, 30, 40).List(2, "l", one, 110, 120)
		}, Pass, "1 stable; 0 of unknown outcome were seen; 1 read"},
		{"a node's own copy says nothing", true, func(b *history.Builder) {
			b.Append(1, "l", 1, 10, 20).LocalList(3, "l", []history.Value{7, 7}, 30, 40).List(2, "l", one, 110, 120)
		}, Pass, "1 stable"},
		{"of another list", false, func(b *history.Builder) {
			b.Append(1, "l", 1, 10, 20).Append(1, "m", 2, 30, 40).List(2, "l", []history.Value{1, 2}, 110, 120)
		}, Violation, "a read holds 2 of l, which was appended to another list"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := history.NewBuilder(history.Header{Model: "append-list"}).Mark(100, MarkFinal, "")
			c.make(b)
			r := judgeWith(t, SetFull{Linearizable: c.strict}, b.History())
			require.Equal(t, "set-full", r.Checker)
			require.Equal(t, c.verdict, r.Verdict, r.Summary)
			require.Contains(t, r.Summary, c.says)
		})
	}
}

func TestSetFullTellsHowLongAndWhoLags(t *testing.T) {
	b := history.NewBuilder(history.Header{Model: "append-list"}).Mark(100*second, MarkFinal, "").
		Session(history.Session{Process: 8, Node: "n1"}).Session(history.Session{Process: 9, Node: "n2"}).
		Append(1, "l", 1, 0, 10*second).Append(1, "l", 2, 10*second, 20*second).Append(1, "l", 3, 20*second, 30*second).
		List(2, "l", []history.Value{2, 3}, 40*second, 41*second).
		List(2, "l", []history.Value{3}, 50*second, 51*second).
		List(2, "l", []history.Value{1, 2}, 110*second, 120*second).
		LocalList(8, "l", []history.Value{1, 2, 3}, 110*second, 120*second).
		LocalList(9, "l", []history.Value{1, 2, 3}, 60*second, 61*second).
		LocalList(9, "l", []history.Value{2, 2, 77}, 110*second, 120*second)
	r := judgeWith(t, SetFull{}, b.History())
	require.Equal(t, "1 of 3 acknowledged elements was lost (3 of l)", r.Summary)
	for name, want := range map[string]float64{
		"stale_p50_seconds": 30, "stale_p95_seconds": 30, "stale_max_seconds": 40, // 2 from 20 s, 1 from 10 s, to the read at 50 s
		"lost_max_seconds": 80, "local_lacks_n1": 0, "local_lacks_n2": 2,
	} {
		require.InDelta(t, want, r.Figures[name], 1e-9, name)
	}
	require.Equal(t, "Nothing takes elements away: p2's read had held it before p2 called list l at 110.000 s, and 3 is not in that read nor in any later one.",
		r.Proof.Story[len(r.Proof.Story)-1])
}

func BenchmarkSetFull(b *testing.B) {
	h := listLoad{appends: 1_000_000, reads: 2_500, clients: 50, retire: 400, unknown: 0.02, failed: 0.01, nodes: 3}.history(rand.New(rand.NewPCG(7, 7)))
	b.ReportMetric(float64(len(h.Elements)), "elements")
	b.ReportAllocs()
	for b.Loop() {
		if r := (SetFull{Linearizable: true}).Check(context.Background(), Evidence{History: h}, Budget{}); r.Verdict != Pass {
			b.Fatal(r.Summary)
		}
	}
}

// One list that holds everything, read a few times, with a value that is a multiple
// of a power of two: what tables of hashes are slow at.
func BenchmarkSetFullOneList(b *testing.B) {
	h := listLoad{appends: 200_000, reads: 20, clients: 50, retire: 1_000_000, unknown: 0.02, nodes: 1}.history(rand.New(rand.NewPCG(7, 7)))
	for i := range h.Ops {
		if h.Ops[i].Kind == history.Append {
			h.Ops[i].Value <<= 20
		}
	}
	for i := range h.Elements {
		h.Elements[i] <<= 20
	}
	b.ReportMetric(float64(len(h.Elements)), "elements")
	for b.Loop() {
		if r := (SetFull{}).Check(context.Background(), Evidence{History: h}, Budget{}); r.Verdict != Pass {
			b.Fatal(r.Summary)
		}
	}
}
