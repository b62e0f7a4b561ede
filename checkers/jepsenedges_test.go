package checkers

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// What the documentation of the everyday checkers says beyond Jepsen's own cases,
// and where we differ from Jepsen on purpose.
func TestEverydayEdges(t *testing.T) {
	info := func(b *history.Builder, process int32, kind history.Kind, value history.Value, call int64) {
		pending(b, process, kind, value, call)
	}
	total := int64(100)
	cases := []struct {
		name    string
		checker Checker
		make    func(b *history.Builder)
		verdict Verdict
		says    string
	}{
		{"set: acknowledged after the last read was called", Set{}, func(b *history.Builder) {
			b.Append(1, "x", 1, 5, 30).List(2, "x", nil, 10, 20)
		}, Violation, "1 of them was acknowledged only after that read was called"},
		{"set: the same by outcome", Set{ByOutcome: true}, func(b *history.Builder) {
			b.Append(1, "x", 1, 5, 30).List(2, "x", nil, 10, 20)
		}, Inconclusive, "nobody knows of 1 element"},
		{"set: acknowledged at the instant at which the last read was called", Set{ByOutcome: true}, func(b *history.Builder) {
			b.Append(1, "x", 1, 5, 10).List(2, "x", nil, 10, 20)
		}, Inconclusive, "nobody knows of 1 element"},
		{"set: read before it was added", Set{ByOutcome: true}, func(b *history.Builder) {
			b.List(2, "x", values(1), 0, 4).Append(1, "x", 1, 5, 10)
		}, Violation, "1 element is unexpected"},
		{"set: never read", Set{}, func(b *history.Builder) {
			b.Append(1, "x", 1, 5, 10).Append(1, "y", 1, 15, 20).List(2, "y", values(1), 30, 40)
		}, Inconclusive, "1 set was never read (for instance x)"},
		{"set: the last read is the one that returned last", Set{}, func(b *history.Builder) {
			b.Append(1, "x", 1, 0, 1).List(2, "x", nil, 30, 40).List(3, "x", values(1), 20, 50)
		}, Pass, "the last read holds the 1 acknowledged element, and 0 more"},
		{"set-full: stale for less than a millisecond", SetFull{Jepsen: true, Linearizable: true}, func(b *history.Builder) {
			b.Append(1, "x", 1, 0, 10).List(2, "x", nil, 20, 30).List(2, "x", values(1), 40, 50)
		}, Violation, "1 element was stale"},
		{"set-full: the same, not linearizable", SetFull{Jepsen: true}, func(b *history.Builder) {
			b.Append(1, "x", 1, 0, 10).List(2, "x", nil, 20, 30).List(2, "x", values(1), 40, 50)
		}, Pass, "1 stable, 1 of them stale for a time"},
		{"set-full: no final mark is needed", SetFull{Jepsen: true}, func(b *history.Builder) {
			b.Append(1, "x", 1, 0, 10).List(2, "x", values(1), 20, 30).List(2, "x", nil, 40, 50)
		}, Violation, "lost (1 of x)"},
		{"set-full: what is added again begins anew", SetFull{Jepsen: true}, func(b *history.Builder) {
			b.Append(1, "x", 1, 0, 10).List(2, "x", nil, 40, 50).Append(1, "x", 1, 60, 70)
		}, Inconclusive, "no element became stable"},
		{"set-full: a failed add that is read is stable", SetFull{Jepsen: true}, func(b *history.Builder) {
			failed(b, 1, history.Append, 1, 0, 10)
			b.List(2, "x", values(1), 40, 50)
		}, Pass, "1 stable"},
		{"set-full: what nobody added is not looked at, but twice", SetFull{Jepsen: true}, func(b *history.Builder) {
			b.Append(1, "x", 1, 0, 10).List(2, "x", values(1, 9, 9), 40, 50)
		}, Violation, "1 element is more than once in one read (9 of x)"},

		{"queue: a crashed drain may have taken it", TotalQueue{}, func(b *history.Builder) {
			b.Enqueue(1, "x", 1, 0, 10)
			info(b, 2, history.Drain, history.None, 20)
		}, Inconclusive, "1 element may have been taken by dequeues or drains whose outcome nobody knows (1 of x)"},
		{"queue: a crashed drain explains nothing from nowhere", TotalQueue{}, func(b *history.Builder) {
			b.Enqueue(1, "x", 1, 0, 10).Dequeue(1, "x", 5, 20, 30)
			info(b, 2, history.Drain, history.None, 20)
		}, Violation, "1 element was dequeued that nobody can have enqueued (5 of x)"},
		{"queue: a crashed dequeue has taken nothing", TotalQueue{}, func(b *history.Builder) {
			b.Enqueue(1, "x", 1, 0, 10)
			info(b, 2, history.Dequeue, history.None, 20)
		}, Violation, "1 of 1 acknowledged element was lost (1 of x), taking 1 dequeue of unknown outcome to have taken nothing"},
		{"queue: a crashed dequeue by outcome", TotalQueue{ByOutcome: true}, func(b *history.Builder) {
			b.Enqueue(1, "x", 1, 0, 10)
			info(b, 2, history.Dequeue, history.None, 20)
		}, Inconclusive, "may have been taken"},
		{"queue: one crashed dequeue for two elements", TotalQueue{ByOutcome: true}, func(b *history.Builder) {
			b.Enqueue(1, "x", 1, 0, 10).Enqueue(1, "x", 2, 20, 30)
			info(b, 2, history.Dequeue, history.None, 20)
		}, Violation, "more than 1 dequeue of unknown outcome can have taken"},
		{"queue: a crashed dequeue of another queue", TotalQueue{ByOutcome: true}, func(b *history.Builder) {
			b.Enqueue(1, "y", 1, 0, 10)
			info(b, 2, history.Dequeue, history.None, 20)
		}, Violation, "1 of 1 acknowledged element was lost (1 of y)"},
		{"queue: duplicates are no violation", TotalQueue{}, func(b *history.Builder) {
			b.Enqueue(1, "x", 1, 0, 10).Dequeue(1, "x", 1, 20, 30).Drain(1, "x", values(1), 40, 50).Dequeue(1, "x", history.Nil, 60, 70)
		}, Pass, "1 duplicated"},
		{"queue: unless they are", TotalQueue{ExactlyOnce: true}, func(b *history.Builder) {
			b.Enqueue(1, "x", 1, 0, 10).Dequeue(1, "x", 1, 20, 30).Drain(1, "x", values(1), 40, 50)
		}, Violation, "1 element was dequeued again"},
		{"queue: an enqueue that failed and came out", TotalQueue{}, func(b *history.Builder) {
			failed(b, 1, history.Enqueue, 1, 0, 10)
			b.Dequeue(1, "x", 1, 20, 30)
		}, Pass, "1 recovered"},
		{"queue: nil that was enqueued", TotalQueue{}, func(b *history.Builder) {
			b.Enqueue(1, "x", history.Nil, 0, 10).Dequeue(1, "x", history.Nil, 20, 30)
		}, Pass, "1 dequeue"},
		{"queue: dequeues at one time are in no order", TotalQueue{Ordered: true}, func(b *history.Builder) {
			b.Enqueue(1, "x", 1, 0, 10).Enqueue(1, "x", 2, 20, 30).Dequeue(2, "x", 2, 40, 50).Dequeue(3, "x", 1, 50, 60)
		}, Pass, "each producer's in order"},
		{"queue: out of order in one drain", TotalQueue{Ordered: true}, func(b *history.Builder) {
			b.Enqueue(1, "x", 1, 0, 10).Enqueue(1, "x", 2, 20, 30).Drain(2, "x", values(2, 1), 40, 50)
		}, Violation, "1 element came out after one that the producer had enqueued later (1 of x)"},
		{"queue: two producers are in no order", TotalQueue{Ordered: true}, func(b *history.Builder) {
			b.Enqueue(1, "x", 1, 0, 10).Enqueue(2, "x", 2, 20, 30).Drain(2, "x", values(2, 1), 40, 50)
		}, Pass, ""},

		{"ids: of two generators", UniqueIDs{}, func(b *history.Builder) { b.Generate(1, "x", 1, 0, 10).Generate(1, "y", 1, 20, 30) }, Pass, "2 identifiers were given"},
		{"ids: strings", UniqueIDs{}, func(b *history.Builder) {
			b.Generate(1, "x", b.String("a"), 0, 10).Generate(1, "x", b.String("a"), 20, 30)
		}, Violation, `("a" of x 2 times)`},
		{"ids: none was said", UniqueIDs{}, func(b *history.Builder) { b.Generate(1, "x", history.None, 0, 10) }, Inconclusive, "proves nothing"},

		{"counter: a decrement that may have happened", CounterBounds{}, func(b *history.Builder) {
			b.Add(1, "x", 5, 0, 10)
			info(b, 2, history.Add, -3, 20)
			b.Read(1, "x", 2, 30, 40).Read(1, "x", 5, 50, 60)
		}, Pass, "all 2 reads are within bounds"},
		{"counter: below every decrement", CounterBounds{}, func(b *history.Builder) {
			b.Add(1, "x", 5, 0, 10)
			info(b, 2, history.Add, -3, 20)
			b.Read(1, "x", 1, 30, 40)
		}, Violation, "where only 2 to 5 is possible"},
		{"counter: acknowledged at the instant of the call", CounterBounds{}, func(b *history.Builder) {
			b.Add(1, "x", 5, 0, 10).Read(2, "x", 0, 10, 20)
		}, Pass, ""},
		{"counter: called at the instant of the return", CounterBounds{}, func(b *history.Builder) {
			b.Read(2, "x", 5, 10, 20).Add(1, "x", 5, 20, 30)
		}, Pass, ""},
		{"counter: gone", CounterBounds{}, func(b *history.Builder) {
			b.Add(1, "x", 5, 0, 10).Read(2, "x", history.Nil, 20, 30)
		}, Violation, "the first is 0 of x, where only 5 to 5 is possible"},
		{"counter: amounts beyond 64 bits", CounterBounds{}, func(b *history.Builder) {
			b.Add(1, "x", history.Value(history.MaxInt), 0, 1).Add(1, "x", history.Value(history.MaxInt), 2, 3).Add(1, "x", history.Value(history.MaxInt), 4, 5).Read(1, "x", 3, 6, 7)
		}, Inconclusive, "does not fit into 64 bits"},
		{"counter: no integer", CounterBounds{}, func(b *history.Builder) { b.Read(1, "x", b.String("5"), 6, 7).Read(1, "x", 0, 8, 9) }, Inconclusive, "no integer"},

		{"bank: a transfer under way", Bank{Total: &total}, func(b *history.Builder) {
			b.Txn(1, history.OK, 0, 10, history.Reads("a", 60), history.Reads("b", 40)).
				Txn(2, history.Info, 5, 0, history.Adds("a", -10), history.Adds("b", 10)).
				Txn(1, history.OK, 20, 30, history.Reads("a", 50), history.Reads("b", 50))
		}, Pass, "all 2 reads add up to 100"},
		{"bank: a read that skews", Bank{}, func(b *history.Builder) {
			b.Txn(1, history.OK, 0, 10, history.Reads("a", 60), history.Reads("b", 40)).Txn(1, history.OK, 20, 30, history.Reads("a", 60), history.Reads("b", 50))
		}, Violation, "1 of 2 reads with another total than most"},
		{"bank: one read agrees with itself", Bank{}, func(b *history.Builder) { b.Txn(1, history.OK, 0, 10, history.Reads("a", 60)) }, Inconclusive, "nothing could disagree"},
		{"bank: an account is missing", Bank{Total: &total}, func(b *history.Builder) { b.Txn(1, history.OK, 0, 10, history.Reads("a", 60)) }, Violation, "another total than 100"},
		{"bank: debt is allowed", Bank{Total: &total, Negative: true}, func(b *history.Builder) {
			b.Txn(1, history.OK, 0, 10, history.Reads("a", 160), history.Reads("b", -60))
		}, Pass, "the 1 read adds up to 100"},
		{"bank: sums beyond 64 bits", Bank{}, func(b *history.Builder) {
			m := history.Value(history.MaxInt)
			all := []history.Step{history.Reads("a", m), history.Reads("b", m), history.Reads("c", m)}
			b.Txn(1, history.OK, 0, 10, all...).Txn(1, history.OK, 20, 30, all...)
		}, Pass, "add up to 1.38351e+19"},
		{"bank: a transaction that also writes is no read", Bank{Total: &total}, func(b *history.Builder) {
			b.Txn(1, history.OK, 0, 10, history.Reads("a", 60), history.Adds("a", 1))
		}, Inconclusive, "no read of a bank"},

		{"fork: two writes of a key", LongFork{}, func(b *history.Builder) {
			b.Txn(1, history.OK, 0, 10, history.Writes("a", 1)).Txn(1, history.Fail, 20, 30, history.Writes("a", 1)).
				Txn(2, history.OK, 40, 50, history.Reads("a", 1), history.Reads("b", history.Nil)).
				Txn(3, history.OK, 40, 50, history.Reads("a", history.Nil), history.Reads("b", 1))
		}, Inconclusive, "more than one transaction writes a"},
		{"fork: another number of keys", LongFork{Group: 2}, func(b *history.Builder) {
			b.Txn(2, history.OK, 40, 50, history.Reads("a", 1))
		}, Inconclusive, "p2's read covers 1 key, and every read must cover 2"},
		{"fork: two values of a key", LongFork{}, func(b *history.Builder) {
			b.Txn(2, history.OK, 40, 50, history.Reads("a", 1), history.Reads("b", 1)).Txn(2, history.OK, 60, 70, history.Reads("a", 2), history.Reads("b", 1))
		}, Inconclusive, "reads saw both 1 and 2 of a"},
		{"fork: reads of other keys", LongFork{}, func(b *history.Builder) {
			b.Txn(2, history.OK, 40, 50, history.Reads("a", 1), history.Reads("b", history.Nil)).Txn(2, history.OK, 60, 70, history.Reads("b", 1), history.Reads("c", history.Nil))
		}, Pass, "no long fork in 2 reads of 2 groups"},

		{"reverse: the append had not been acknowledged", CausalReverse{}, func(b *history.Builder) {
			b.Append(1, "x", 1, 0, 20).Append(2, "x", 2, 20, 30).List(3, "x", values(2), 40, 50)
		}, Pass, ""},
		{"reverse: another list", CausalReverse{}, func(b *history.Builder) {
			b.Append(1, "y", 1, 0, 10).Append(2, "x", 2, 20, 30).List(3, "x", values(2), 40, 50)
		}, Pass, ""},
		{"reverse: of a write that never ended", CausalReverse{}, func(b *history.Builder) {
			b.Append(1, "x", 1, 0, 10)
			info(b, 2, history.Append, 2, 20)
			b.List(3, "x", values(2), 40, 50)
		}, Violation, "1 of 1 read holds a write"},
		{"reverse: nothing read", CausalReverse{}, func(b *history.Builder) { b.Append(1, "x", 1, 0, 10) }, Inconclusive, "no read"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := history.NewBuilder(history.Header{})
			c.make(b)
			r := judgeWith(t, c.checker, b.History())
			require.Equal(t, c.verdict, r.Verdict, r.Summary)
			require.Contains(t, r.Summary, c.says)
		})
	}
}

// Longer histories, with reads that take long: they are what the tree in
// setfulljepsen.go is for.
func TestSetFullOfJepsenAgreesOnLongerHistories(t *testing.T) {
	draw := rand.New(rand.NewPCG(95, 1))
	long := 0
	for n := range differentialCount(t) / 50 {
		value := history.Value(0)
		s := &simulation{draw: draw, count: 150, clients: 8, keys: 1, unknown: 0.05, failed: 0.05}
		s.ask = func(o *simOp) {
			if o.op.Kind = history.ReadList; draw.IntN(4) == 0 {
				value++
				o.op.Kind, o.op.Value = history.Append, value
			}
		}
		var held []history.Value
		s.effect = func(o *simOp) {
			if o.op.Kind == history.Append && o.happens {
				held = append(held, o.op.Value)
			} else if o.op.Kind == history.ReadList && o.answered() {
				o.list = spoilList(draw, append([]history.Value(nil), held...), value)
			}
		}
		h := s.history()
		for i := range h.Ops { // the last read of some clients takes until the end
			op := &h.Ops[i]
			lastOfProcess := true
			for j := i + 1; j < len(h.Ops); j++ {
				lastOfProcess = lastOfProcess && h.Ops[j].Process != op.Process
			}
			if lastOfProcess && op.Kind == history.ReadList && op.Outcome == history.OK {
				op.Return += draw.Int64N(200)
				long++
			}
		}
		want, r := bruteSetFull(h, n%2 == 0), judgeWith(t, SetFull{Jepsen: true, Linearizable: n%2 == 0}, h)
		require.Equal(t, want.verdict, r.Verdict, listOf(h))
		for _, name := range []string{"stable", "lost", "stale", "never_read", "duplicated"} {
			require.Equal(t, want.figures[name], r.Figures[name], "%s\n%s", name, listOf(h))
		}
	}
	require.NotZero(t, long)
}

// lastAfter is asked directly, of reads in any shape.
func TestLastReadThatReturnedAfterAnInstant(t *testing.T) {
	draw := rand.New(rand.NewPCG(96, 1))
	for range 300 {
		s := jepsenSet{list: &listOps{h: &history.History{}}}
		count := draw.IntN(20)
		for i := range count {
			s.list.h.Ops = append(s.list.h.Ops, history.Op{Return: draw.Int64N(30)})
			s.list.reads = append(s.list.reads, int32(i))
		}
		for range 50 {
			from, to, instant := int32(draw.IntN(count+1)), int32(draw.IntN(count+1)), draw.Int64N(32)
			want := none
			for i := from; i < to; i++ {
				if s.list.h.Ops[i].Return >= instant {
					want = i
				}
			}
			require.Equal(t, want, s.lastAfter(from, to, instant))
		}
	}
}

// Groups of more keys than fit into one word.
func TestLongForkOfManyKeys(t *testing.T) {
	for _, last := range []int{64, 70, 129} {
		read := func(except ...int) []history.Step {
			var steps []history.Step
			for k := range 130 {
				v := history.Value(1)
				for _, e := range except {
					if k == e {
						v = history.Nil
					}
				}
				steps = append(steps, history.Reads(fmt.Sprint(k), v))
			}
			return steps
		}
		b := history.NewBuilder(history.Header{}).Txn(1, history.OK, 0, 10, read(3, last)...).Txn(1, history.OK, 20, 30, read(3)...).
			Txn(1, history.OK, 40, 50, read()...)
		require.Equal(t, Pass, judgeWith(t, LongFork{}, b.History()).Verdict)
		r := judgeWith(t, LongFork{}, b.Txn(1, history.OK, 60, 70, read(last)...).History())
		require.Equal(t, Violation, r.Verdict)
		require.Equal(t, float64(1), r.Figures["forks"])
		require.Contains(t, r.Proof.Story[2], fmt.Sprintf("saw %d written and 3 not yet", last))
		// Of other sizes than neighbours.
		r = judgeWith(t, LongFork{}, b.Txn(1, history.OK, 80, 90, read(5, 6, last)...).History())
		require.Equal(t, float64(1+2), r.Figures["forks"], "beside the one before, with the reads that lack 3")
	}
}
