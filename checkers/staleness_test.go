package checkers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/internal/synthetic"
	"github.com/seatrial/seatrial/harness/history"
)

func secondsNs(n float64) int64 { return int64(n * float64(time.Second)) }

func judgeStaleness(h *history.History, bound time.Duration) Result {
	return Staleness{Bound: bound}.Check(context.Background(), Evidence{History: h}, Budget{})
}

func TestStalenessNamesTheOldestRead(t *testing.T) {
	h := history.NewBuilder(history.Header{Model: "cas-register"}).
		Session(history.Session{Process: 2, Node: "n3"}).
		Write(0, "a", 1, secondsNs(1), secondsNs(2)).
		Swap(1, "a", 1, 2, secondsNs(3), secondsNs(4)).
		Read(2, "a", 1, secondsNs(4.5), secondsNs(4.6)).
		Read(2, "a", 1, secondsNs(6), secondsNs(6.1)).
		Read(2, "a", 2, secondsNs(7), secondsNs(7.1)).History()
	bad := judgeStaleness(h, time.Second)
	require.Equal(t, Violation, bad.Verdict)
	require.Equal(t, "read a → 1 was told a value that had been overwritten 2.000 s before, more than 1s; 2 of 3 reads were stale", bad.Summary)
	require.Equal(t, []string{
		"p0's write a = 1 was acknowledged at 2.000 s.",
		"p1's cas a 1→2 swapped was called after that, at 3.000 s, and acknowledged at 4.000 s.",
		"p2 called read from n3 at 6.000 s, 2.000 s later, and was still told 1.",
	}, bad.Proof.Story)
	require.Len(t, bad.Proof.Operations, 3)
	for name, want := range map[string]float64{
		"reads": 3, "stale_reads": 2, "reads_fresh": 1, "reads_aged_to_1s": 1, "reads_aged_to_10s": 1, "reads_aged_over_10s": 0,
		"age_p50_seconds": 0.5, "age_p95_seconds": 2, "age_max_seconds": 2, "stale_reads_at_n3": 2, "age_max_at_n3_seconds": 2,
	} {
		require.InDelta(t, want, bad.Figures[name], 1e-9, name)
	}
	require.Equal(t, Pass, judgeStaleness(h, 2*time.Second).Verdict)
	require.Equal(t, Pass, judgeStaleness(h, 0).Verdict, "without a bound it reports")
	require.Contains(t, judgeStaleness(h, 0).Summary, "2 of 3 reads were stale, by at most 2.000 s")
}

func TestStalenessOfWhatIsNotJudged(t *testing.T) {
	header := history.Header{Model: "register"}
	for _, c := range []struct {
		name    string
		h       *history.Builder
		verdict Verdict
		says    string
	}{
		{"the initial value, overwritten", history.NewBuilder(header).Write(0, "a", 1, 0, 10).Read(1, "a", history.Nil, 2e9, 2e9+1), Violation, "overwritten 2.000 s"},
		{"the initial value, written again", history.NewBuilder(header).Write(0, "a", 1, 0, 10).Write(0, "a", history.Nil, 20, 30).Read(1, "a", history.Nil, 2e9, 2e9+1), Inconclusive, "no read was told"},
		{"another initial value", history.NewBuilder(history.Header{Model: "register", Initial: 7}).Write(0, "a", 1, 0, 10).Read(1, "a", history.Nil, 2e9, 2e9+1), Inconclusive, "no read was told"},
		{"nobody knows the initial value", history.NewBuilder(history.Header{Model: "register", InitialUnknown: true}).Write(0, "a", 1, 0, 10).Read(1, "a", history.Nil, 2e9, 2e9+1), Inconclusive, "no read was told"},
		{"an unknown write of the value", history.NewBuilder(header).Op(0, history.Write, "a", 1, history.None, history.None, history.Info, 0, 0).
			Write(1, "a", 2, 20, 30).Read(2, "a", 1, 2e9, 2e9+1), Inconclusive, "no read was told"},
		{"stored twice", history.NewBuilder(header).Write(0, "a", 1, 0, 10).Write(0, "a", 2, 20, 30).Write(3, "a", 1, 25, 40).Read(2, "a", 1, 2e9, 2e9+1), Inconclusive, "no read was told"},
		{"an unknown overwriting", history.NewBuilder(header).Write(1, "a", 1, 0, 10).Op(0, history.Write, "a", 2, history.None, history.None, history.Info, 20, 0).
			Read(2, "a", 1, 2e9, 2e9+1), Pass, "no read was stale"},
		{"a failed overwriting", history.NewBuilder(header).Write(1, "a", 1, 0, 10).Op(0, history.Write, "a", 2, history.None, history.None, history.Fail, 20, 30).
			Read(2, "a", 1, 2e9, 2e9+1), Pass, "no read was stale"},
		{"called at the instant of the return", history.NewBuilder(header).Write(1, "a", 1, 0, 10).Write(0, "a", 2, 10, 30).Read(2, "a", 1, 2e9, 2e9+1), Pass, "no read was stale"},
		{"called just after it", history.NewBuilder(header).Write(1, "a", 1, 0, 10).Write(0, "a", 2, 11, 30).Read(2, "a", 1, 2e9, 2e9+1), Violation, "overwritten 2.000 s"},
		{"a refusal that says what it saw", history.NewBuilder(header).Write(1, "a", 1, 0, 10).Write(0, "a", 2, 11, 30).Refuse(2, "a", 5, 6, 1, 2e9, 2e9+1), Violation, "overwritten 2.000 s"},
		{"a key with an append", history.NewBuilder(header).Write(1, "a", 1, 0, 10).Write(0, "a", 2, 11, 30).Append(0, "a", 3, 40, 50).Read(2, "a", 1, 2e9, 2e9+1), Inconclusive, "no read was told"},
		{"a key that a transaction is on", history.NewBuilder(header).Write(1, "a", 1, 0, 10).Write(0, "a", 2, 11, 30).
			Txn(3, history.OK, 100, 200, history.Writes("a", 1)).Read(2, "a", 1, 2e9, 2e9+1), Inconclusive, "no read was told"},
		{"nothing", history.NewBuilder(header), Inconclusive, "no read was told"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := judgeStaleness(c.h.History(), time.Second)
			require.Equal(t, c.verdict, r.Verdict, r.Summary)
			require.Contains(t, r.Summary, c.says)
		})
	}
	require.Equal(t, Error, judgeStaleness(nil, 0).Verdict)
}

// agesByDefinition lists the ages of all judged reads, tried pair by pair.
func agesByDefinition(h *history.History, initial history.Value) []int64 {
	stores := func(o *history.Op) bool {
		return (o.Kind == history.Write || o.Kind == history.CAS && !o.Mismatch) && o.Outcome != history.Fail
	}
	var ages []int64
	for i := range h.Ops {
		read := &h.Ops[i]
		if read.Outcome != history.OK || read.Result == history.None || read.Kind == history.CAS && !read.Mismatch || read.Kind == history.Write {
			continue
		}
		var writers []*history.Op
		for j := range h.Ops {
			if w := &h.Ops[j]; w.Key == read.Key && stores(w) && w.Value == read.Result {
				writers = append(writers, w)
			}
		}
		there := atStart
		if read.Result == initial {
			if len(writers) > 0 {
				continue
			}
		} else {
			if len(writers) != 1 || writers[0].Outcome != history.OK {
				continue
			}
			there = writers[0].Return
		}
		age := int64(0)
		for j := range h.Ops {
			if o := &h.Ops[j]; o.Key == read.Key && stores(o) && o.Outcome == history.OK && o.Call > there {
				age = max(age, read.Call-o.Return)
			}
		}
		ages = append(ages, age)
	}
	return ages
}

// The ages are those of the definition.
func TestStalenessAgreesWithItsDefinition(t *testing.T) {
	count := differentialCount(t)
	draw := rand.New(rand.NewPCG(1, 2))
	verdicts := map[Verdict]int{}
	for n := range count {
		ops, initial := randomHistory(draw, 12, n%4 == 0, n%3 == 0)
		h := oneKey(ops, initial)
		if n%2 == 0 { // two keys
			h.Keys = append(h.Keys, "other")
			for i := range h.Ops {
				h.Ops[i].Key = history.Key(draw.IntN(2))
			}
		}
		for i := range h.Ops { // what was read is old, now and then
			if r := &h.Ops[i]; r.Kind == history.Read && r.Outcome == history.OK && draw.IntN(2) == 0 {
				if w := &h.Ops[draw.IntN(i+1)]; w.Value != history.None {
					r.Result = w.Value
				}
			}
		}
		ages := agesByDefinition(h, initial)
		bound := time.Duration(1 + draw.IntN(4))
		r := judgeStaleness(h, bound)
		verdicts[r.Verdict]++
		require.InDelta(t, float64(len(ages)), r.Figures["reads"], 0, listing(ops, initial))
		if len(ages) == 0 {
			require.Equal(t, Inconclusive, r.Verdict)
			continue
		}
		slices.Sort(ages)
		oldest := ages[len(ages)-1]
		require.InDelta(t, float64(oldest), r.Figures["age_max_seconds"]*1e9, 1e-3, listing(ops, initial))
		require.InDelta(t, float64(ages[(len(ages)+1)/2-1]), r.Figures["age_p50_seconds"]*1e9, 1e-3, listing(ops, initial))
		require.Equal(t, oldest > int64(bound), r.Verdict == Violation, listing(ops, initial))
		require.Equal(t, oldest > int64(bound), r.Proof != nil)
	}
	t.Logf("%d histories: %v, no disagreement", count, verdicts)
	require.Greater(t, verdicts[Violation], count/25)
	require.Greater(t, verdicts[Pass], count/10)
	require.NotZero(t, verdicts[Inconclusive])
}

// What must not change a verdict does not: other times, other names of values,
// an unknown write that nobody saw; and the keys may be judged one by one.
func TestStalenessMetamorphic(t *testing.T) {
	draw := rand.New(rand.NewPCG(5, 6))
	for n := range 3000 {
		ops, initial := randomHistory(draw, 12, n%4 == 0, n%3 == 0)
		h := oneKey(ops, initial)
		before := judgeStaleness(h, 3)
		shifted := oneKey(slices.Clone(ops), initial)
		for i := range shifted.Ops {
			op := &shifted.Ops[i]
			op.Call += 1_000_000
			if op.Return != history.Open {
				op.Return += 1_000_000
			}
			for _, v := range []*history.Value{&op.Value, &op.Expect, &op.Result} {
				if v.IsInt() && *v != initial {
					*v += 5000
				}
			}
		}
		after := judgeStaleness(shifted, 3)
		require.Equal(t, before.Verdict, after.Verdict, listing(ops, initial))
		require.Equal(t, before.Figures, after.Figures)

		kept := slices.DeleteFunc(slices.Clone(ops), func(w history.Op) bool {
			return w.Outcome == history.Info && !slices.ContainsFunc(ops, func(r history.Op) bool { return r.Result == w.Value })
		})
		pruned := judgeStaleness(oneKey(kept, initial), 3)
		require.Equal(t, before.Verdict, pruned.Verdict, listing(ops, initial))
		require.Equal(t, before.Figures, pruned.Figures)
	}
}

func TestStalenessFindsAPlantedRead(t *testing.T) {
	h := load{operations: 100_000, keys: 5, clients: 20, unknown: 0.02, swaps: 0.2}.history(rand.New(rand.NewPCG(3, 3)))
	clean := judgeStaleness(h, 1)
	require.Equal(t, Pass, clean.Verdict, clean.Summary)
	read, _, _ := synthetic.PlantStaleRead(h, 60_000)
	r := judgeStaleness(h, 1)
	require.Equal(t, Violation, r.Verdict)
	require.InDelta(t, 1, r.Figures["stale_reads"], 0)
	require.Equal(t, h.Describe(read), r.Proof.Operations[2].Text)
	require.LessOrEqual(t, len(r.Proof.Operations), 3)
}

func TestStalenessKeepsItsBudget(t *testing.T) {
	h := load{operations: 1000, keys: 5, clients: 5}.history(rand.New(rand.NewPCG(3, 3)))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := Staleness{}.Check(ctx, Evidence{History: h}, Budget{})
	require.Equal(t, Inconclusive, r.Verdict)
	require.Contains(t, r.Summary, "called off")
	r = Staleness{}.Check(context.Background(), Evidence{History: h}, Budget{Bytes: 1000})
	require.Equal(t, Inconclusive, r.Verdict)
	require.Contains(t, r.Summary, "out of memory")
}

func BenchmarkStaleness(b *testing.B) {
	for _, keys := range []int{1, 100} {
		h := load{operations: 1_000_000, keys: keys, clients: 50, unknown: 0.05, swaps: 0.1}.history(rand.New(rand.NewPCG(7, 7)))
		for i := range 20_000 {
			h.Sessions = append(h.Sessions, history.Session{Process: int32(i), Node: fmt.Sprintf("n%d", i%3+1)})
		}
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := judgeStaleness(h, time.Hour); r.Verdict != Pass {
					b.Fatal(r.Summary)
				}
			}
		})
	}
}
