package checkers

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

const second = int64(time.Second)

// lossyRun is a run of 40 acknowledged appends, one every 0.5 s from 10 s on, of
// which those from the 9th to the 28th are gone at the end; n1's own copy has them.
func lossyRun() *history.History {
	b := history.NewBuilder(history.Header{Model: "append-list"}).
		Session(history.Session{Process: 1, Node: "n1"}).Session(history.Session{Process: 2, Node: "n2"}).
		Session(history.Session{Process: 3, Node: "n1"}).Session(history.Session{Process: 4, Node: "n2"}).
		Mark(10*second, MarkLoad, "").Mark(40*second, MarkFinal, "")
	var all, left []history.Value
	for i := range int64(40) {
		v, call := history.Int(i+1), 10*second+i*second/2
		b.Append(1, "l0", v, call, call+second/10)
		all = append(all, v)
		if i < 8 || i >= 28 {
			left = append(left, v)
		}
	}
	return b.List(2, "l0", left, 41*second, 42*second).
		LocalList(3, "l0", all, 43*second, 44*second).LocalList(4, "l0", left, 43*second, 44*second).History()
}

func TestNothingLostSaysHowMuchAndWhenAndWhoHasIt(t *testing.T) {
	r := judgeWith(t, NothingLost{}, lossyRun())
	require.Equal(t, "lost-acknowledgements", r.Checker)
	require.Equal(t, Violation, r.Verdict)
	require.Equal(t, "20 of 40 acknowledged appends were lost, acknowledged between 4.1 s and 13.6 s of the load (9.5 s): "+
		"9, 10 and 11 of l0, …; still held by n1 (20)", r.Summary)
	require.Equal(t, map[string]float64{"acknowledged": 40, "lost": 20, "survived_unknown": 0, "not_read": 0, "unexpected": 0,
		"lost_from_s": 4.1, "lost_to_s": 13.6, "window_seconds": 9.5, "held_by_n1": 20}, r.Figures)
	require.Equal(t, "l0", r.Proof.Key)
	require.Equal(t, []string{
		"p1 at n1 called append l0 = 9 at 14.000 s and was acknowledged at 14.100 s.",
		"p1 at n1 called append l0 = 28 at 23.500 s, after that, and was acknowledged at 23.600 s.",
		"p2 at n2 called list l0 at 41.000 s, after that, and was told 20 elements at 42.000 s.",
		"9 was acknowledged at 14.100 s, and is not among the elements of l0 at the end.",
		"28 was acknowledged at 23.600 s, and is not among the elements of l0 at the end.",
		"Of all that was lost some is in the nodes' own copies at the end: still held by n1 (20).",
		"Nothing takes elements away: what was acknowledged, or read, before a read of the whole list began must be in it.",
	}, r.Proof.Story)
	require.Equal(t, "list l0 → [1 2 3 … 40] (20 elements)", r.Proof.Operations[2].Text)
}

func TestNothingLost(t *testing.T) {
	unknown := func(b *history.Builder, v history.Value, call int64) {
		b.Op(int32(100+v), history.Append, "l0", v, history.None, history.None, history.Info, call, 0)
	}
	cases := []struct {
		name    string
		make    func(b *history.Builder)
		verdict Verdict
		says    string
	}{
		{"nothing at all", func(*history.Builder) {}, Inconclusive, "no append was acknowledged"},
		{"nothing acknowledged", func(b *history.Builder) {
			unknown(b, 1, 10)
			b.List(2, "l0", []history.Value{1}, 110, 120)
		}, Inconclusive, "no append was acknowledged"},
		{"all there", func(b *history.Builder) {
			unknown(b, 2, 10)
			unknown(b, 3, 10)
			b.Append(1, "l0", 1, 10, 20).List(2, "l0", []history.Value{1, 2}, 110, 120)
		}, Pass, "the 1 acknowledged append is there at the end, and 1 of unknown outcome"},
		{"no final read of one list", func(b *history.Builder) {
			b.Append(1, "l0", 1, 10, 20).Append(1, "l7", 2, 30, 40).List(2, "l0", []history.Value{1}, 110, 120)
		}, Inconclusive, "no final read of list l7 that came after them was answered (2 of l7)"},
		{"a final read that failed", func(b *history.Builder) {
			b.Append(1, "l0", 1, 10, 20).Op(2, history.ReadList, "l0", history.None, history.None, history.None, history.Fail, 110, 120)
		}, Inconclusive, "no final read of list l0"},
		{"read too early", func(b *history.Builder) { b.Append(1, "l0", 1, 10, 20).List(2, "l0", nil, 50, 60) }, Inconclusive, "no final read of list l0"},
		{"acknowledged only when the final read was under way", func(b *history.Builder) {
			b.Append(1, "l0", 1, 10, 110).List(2, "l0", nil, 110, 120)
		}, Inconclusive, "1 of 1 acknowledged appends"},
		{"a node's own copy proves nothing", func(b *history.Builder) {
			b.Append(1, "l0", 1, 10, 20).List(2, "l0", []history.Value{1}, 110, 120).LocalList(3, "l0", []history.Value{99}, 130, 140)
		}, Pass, "is there"},
		{"lost", func(b *history.Builder) { b.Append(1, "l0", 1, 10, 20).List(2, "l0", nil, 110, 120) }, Violation,
			"1 of 1 acknowledged append was lost, acknowledged at 0.000 s of the run: 1 of l0"},
		{"missing once, and there in a later read", func(b *history.Builder) {
			b.Append(1, "l0", 1, 10, 20).List(2, "l0", nil, 110, 120).List(2, "l0", []history.Value{1}, 130, 140)
		}, Pass, "is there"},
		{"there, and missing later", func(b *history.Builder) {
			b.Append(1, "l0", 1, 10, 20).List(2, "l0", []history.Value{1}, 110, 120).List(2, "l0", nil, 130, 140)
		}, Violation, "1 of 1 acknowledged append was lost"},
		{"a violation outweighs what was not read", func(b *history.Builder) {
			b.Append(1, "l0", 1, 10, 20).Append(1, "l7", 2, 30, 40).List(2, "l0", nil, 110, 120)
		}, Violation, "1 of 2 acknowledged appends was lost"},
		{"there though it failed", func(b *history.Builder) {
			b.Append(1, "l0", 1, 10, 20).Op(1, history.Append, "l0", 2, history.None, history.None, history.Fail, 30, 40).
				List(2, "l0", []history.Value{1, 2}, 110, 120)
		}, Violation, "a read holds 2 of l0, though its append had failed"},
		{"failed once and acknowledged once", func(b *history.Builder) {
			b.Op(1, history.Append, "l0", 2, history.None, history.None, history.Fail, 10, 20).Append(1, "l0", 2, 30, 40).
				List(2, "l0", []history.Value{2}, 110, 120)
		}, Pass, "is there"},
		{"garbage", func(b *history.Builder) {
			b.Append(1, "l0", 1, 10, 20).List(2, "l0", []history.Value{1, b.String(strings.Repeat("x", 500))}, 110, 120)
		}, Violation, `a read holds "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…" of l0, which nobody ever appended`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := history.NewBuilder(history.Header{Model: "append-list"}).Mark(100, MarkFinal, "")
			c.make(b)
			r := judgeWith(t, NothingLost{}, b.History())
			require.Equal(t, c.verdict, r.Verdict, r.Summary)
			require.Contains(t, r.Summary, c.says)
		})
	}
	r := judgeWith(t, NothingLost{}, history.NewBuilder(history.Header{}).Append(1, "l0", 1, 10, 20).List(1, "l0", nil, 30, 40).History())
	require.Equal(t, Inconclusive, r.Verdict)
	require.Contains(t, r.Summary, `no mark "final"`)
}

// Judges of lists say when they could not begin, or end.
func TestListJudgesKeepTheirBudget(t *testing.T) {
	h := lossyRun()
	called, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []Checker{NothingLost{}, SetFull{}} {
		r := c.Check(called, Evidence{History: h}, Budget{})
		require.Equal(t, Inconclusive, r.Verdict)
		require.Contains(t, r.Summary, "called off")
		r = c.Check(context.Background(), Evidence{History: h}, Budget{Time: 1})
		require.Equal(t, Inconclusive, r.Verdict)
		require.Contains(t, r.Summary, "0 of 1 lists were judged: out of time")
		require.Equal(t, Error, c.Check(context.Background(), Evidence{}, Budget{}).Verdict)
		spoilt := *h
		spoilt.Elements = nil
		r = c.Check(context.Background(), Evidence{History: &spoilt}, Budget{})
		require.Equal(t, Error, r.Verdict)
		require.Contains(t, r.Summary, "malformed")
	}
}

// What judges registers does not pass lists by.
func TestRegistersJudgesAndLists(t *testing.T) {
	lists := func(model string) *history.Builder {
		return history.NewBuilder(history.Header{Model: model}).Append(1, "l0", 1, 0, 10).List(2, "l0", nil, 20, 30)
	}
	for _, model := range []string{"append-list", "register", ""} {
		r := judgeLinearizable(t, lists(model).History())
		require.Equal(t, Inconclusive, r.Verdict, r.Summary)
		require.Contains(t, r.Summary, "SetFull")
	}
	mixed := lists("register").Write(1, "x", 1, 40, 50).Read(2, "x", 1, 60, 70)
	r := judgeLinearizable(t, mixed.History())
	require.Equal(t, Inconclusive, r.Verdict, "the register is linearizable, and the list was not judged")
	require.Contains(t, r.Summary, "1 key of 2 not judged: l0 has operations that are none on a register")
	require.Equal(t, float64(1), r.Figures["keys_undecided"])
	r = Staleness{Bound: time.Second}.Check(context.Background(), Evidence{History: mixed.History()}, Budget{})
	require.Equal(t, Pass, r.Verdict)
	require.Contains(t, r.Summary, "1 reads of lists were not judged")

	r = judgeLinearizable(t, mixed.Read(3, "x", 9, 80, 90).History())
	require.Equal(t, Violation, r.Verdict, "a register's violation stands")
	require.Equal(t, "x", r.Proof.Key)

	h := lists("append-list").History()
	require.ErrorIs(t, Picture(h, 0, &bytes.Buffer{}), ErrNotDrawn)
	r = LoadFloor{}.Check(context.Background(), Evidence{History: h}, Budget{})
	require.Equal(t, Pass, r.Verdict)
	require.Equal(t, "append 1 of 1 ok, read-list 1 of 1 ok", r.Summary)
	h.Elements, h.Ops[1].Count = []history.Value{history.None}, 1
	require.ErrorContains(t, Sound(h), "element 0 of its list")
}

func BenchmarkNothingLost(b *testing.B) {
	h := listLoad{appends: 1_000_000, reads: 2_500, clients: 50, retire: 400, unknown: 0.02, failed: 0.01, nodes: 3}.history(rand.New(rand.NewPCG(7, 7)))
	b.ReportMetric(float64(len(h.Elements)), "elements")
	b.ReportAllocs()
	for b.Loop() {
		if r := (NothingLost{}).Check(context.Background(), Evidence{History: h}, Budget{}); r.Verdict != Pass {
			b.Fatal(r.Summary)
		}
	}
}

// A loss within the declared recovery point is told, and is no violation; one that
// is a moment longer is. What nobody appended is never within it.
func TestNothingLostAllowsWhatWasDeclared(t *testing.T) {
	span := 9500 * time.Millisecond
	within := judgeWith(t, NothingLost{Within: span}, lossyRun())
	require.Equal(t, Pass, within.Verdict)
	require.Contains(t, within.Summary, "20 of 40 acknowledged appends were lost")
	require.Contains(t, within.Summary, "within the 9.5s that may be lost")
	require.Equal(t, 20.0, within.Figures["lost"])
	require.Nil(t, within.Proof)
	require.Equal(t, Violation, judgeWith(t, NothingLost{Within: span - 1}, lossyRun()).Verdict)

	h := lossyRun()
	h.Elements[0] = 999 // in the first list that was read at the end
	require.Equal(t, Violation, judgeWith(t, NothingLost{Within: time.Hour}, h).Verdict)
}
