package checkers

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// ms is a millisecond in the times of the conformance cases.
const ms = int64(1_000_000)

func values(list ...history.Value) []history.Value { return list }

// pending adds an operation whose end nobody saw.
func pending(b *history.Builder, process int32, kind history.Kind, value history.Value, call int64) {
	b.Op(process, kind, "x", value, history.None, history.None, history.Info, call, 0)
}

func failed(b *history.Builder, process int32, kind history.Kind, value history.Value, call, ret int64) {
	b.Op(process, kind, "x", value, history.None, history.None, history.Fail, call, ret)
}

// conformance are the cases of histories/conformance, which restate the tests of
// Jepsen's own checkers, with what those say of them.
var conformance = []struct {
	name    string
	checker Checker
	make    func(b *history.Builder)
	verdict Verdict
	says    string
	figures map[string]float64
}{
	{"set/mixed", Set{}, func(b *history.Builder) {
		b.Append(0, "x", 0, 0, 1*ms).Append(0, "x", 1, 2*ms, 3*ms)
		pending(b, 1, history.Append, 10, 4*ms)
		pending(b, 3, history.Append, 11, 6*ms)
		failed(b, 2, history.Append, 20, 8*ms, 9*ms)
		failed(b, 2, history.Append, 21, 10*ms, 11*ms)
		b.List(4, "x", values(0, 10, 20, 30), 12*ms, 13*ms)
	}, Violation, "1 of 2 acknowledged elements was lost: not in the last read (1 of x); 1 element is unexpected in the last read: nobody can have added it (30 of x)",
		map[string]float64{"attempted": 6, "acknowledged": 2, "ok": 3, "lost": 1, "recovered": 2, "recovered_failed": 1, "unexpected": 1}},

	{"set-full/never-read", SetFull{Jepsen: true}, func(b *history.Builder) { b.Append(0, "x", 0, 0, 1*ms) },
		Inconclusive, "no read of a set was answered", map[string]float64{"never_read": 1}},
	{"set-full/unconfirmed-absent", SetFull{Jepsen: true}, func(b *history.Builder) {
		pending(b, 0, history.Append, 0, 0)
		b.List(1, "x", nil, 1*ms, 2*ms)
	}, Inconclusive, "no element became stable", map[string]float64{"never_read": 1, "stable": 0}},
	{"set-full/present-0", SetFull{Jepsen: true}, setFullCase(0, 2, 1, 3, 0), Pass, "1 stable", presentFigures},
	{"set-full/present-1", SetFull{Jepsen: true}, setFullCase(0, 3, 1, 2, 0), Pass, "1 stable", presentFigures},
	{"set-full/present-2", SetFull{Jepsen: true}, setFullCase(1, 2, 0, 3, 0), Pass, "1 stable", presentFigures},
	{"set-full/present-3", SetFull{Jepsen: true}, setFullCase(1, 3, 0, 2, 0), Pass, "1 stable", presentFigures},
	{"set-full/present-4", SetFull{Jepsen: true}, setFullCase(2, 3, 0, 1, 0), Pass, "1 stable", presentFigures},
	{"set-full/lost", SetFull{Jepsen: true}, setFullCase(2, 3, 0, 1), Violation, "1 of 1 element was lost (0 of x)",
		map[string]float64{"lost": 1, "lost_latency_max_ms": 0}},
	{"set-full/absent-concurrent-0", SetFull{Jepsen: true}, setFullCase(0, 2, 1, 3), Inconclusive, "", map[string]float64{"never_read": 1}},
	{"set-full/absent-concurrent-1", SetFull{Jepsen: true}, setFullCase(0, 3, 1, 2), Inconclusive, "", map[string]float64{"never_read": 1}},
	{"set-full/absent-concurrent-2", SetFull{Jepsen: true}, setFullCase(1, 2, 0, 3), Inconclusive, "", map[string]float64{"never_read": 1}},
	{"set-full/absent-concurrent-3", SetFull{Jepsen: true}, setFullCase(1, 3, 0, 2), Inconclusive, "", map[string]float64{"never_read": 1}},
	{"set-full/write-present-missing", SetFull{Jepsen: true}, func(b *history.Builder) {
		b.Append(0, "x", 0, 0, 4*ms).Append(1, "x", 1, 1*ms, 5*ms).
			List(2, "x", values(1), 2*ms, 3*ms).List(2, "x", values(0, 1), 6*ms, 7*ms).
			List(2, "x", values(0), 8*ms, 9*ms).List(2, "x", nil, 10*ms, 11*ms)
	}, Violation, "2 of 2 elements were lost (1 and 0 of x)",
		map[string]float64{"lost": 2, "stale": 0, "stable": 0, "lost_latency_min_ms": 3, "lost_latency_p50_ms": 4, "lost_latency_max_ms": 4}},
	{"set-full/flutter", SetFull{Jepsen: true}, func(b *history.Builder) {
		b.Append(0, "x", 0, 0, 1*ms).Append(1, "x", 1, 2*ms, 5*ms).
			List(2, "x", values(1), 3*ms, 4*ms).List(2, "x", values(0), 6*ms, 9*ms).List(3, "x", values(1), 7*ms, 8*ms)
	}, Violation, "1 of 2 elements was lost (0 of x)",
		map[string]float64{"lost": 1, "stale": 1, "stable": 1, "stable_latency_max_ms": 2, "lost_latency_max_ms": 5}},

	{"total-queue/sane", TotalQueue{}, func(b *history.Builder) {
		pending(b, 1, history.Enqueue, 1, 0)
		b.Enqueue(2, "x", 2, 1*ms, 2*ms).Dequeue(3, "x", 1, 3*ms, 4*ms).Dequeue(3, "x", 2, 5*ms, 6*ms)
	}, Pass, "the 1 acknowledged element came out; 2 dequeues, 1 recovered, 0 duplicated",
		map[string]float64{"attempted": 2, "acknowledged": 1, "ok": 2, "recovered": 1, "lost": 0, "unexpected": 0, "duplicated": 0}},
	{"total-queue/pathological", TotalQueue{}, func(b *history.Builder) {
		pending(b, 1, history.Enqueue, b.String("hung"), 0)
		b.Enqueue(2, "x", b.String("enqueued"), 1*ms, 2*ms).Enqueue(3, "x", b.String("dup"), 3*ms, 4*ms)
		pending(b, 4, history.Dequeue, history.None, 5*ms)
		b.Dequeue(5, "x", b.String("wtf"), 6*ms, 7*ms).Dequeue(6, "x", b.String("dup"), 8*ms, 9*ms).Dequeue(7, "x", b.String("dup"), 10*ms, 11*ms)
	}, Violation, `1 of 2 acknowledged elements was lost ("enqueued" of x), taking 1 dequeue of unknown outcome to have taken nothing; 1 element was dequeued that nobody can have enqueued ("wtf" of x)`,
		map[string]float64{"attempted": 3, "acknowledged": 2, "ok": 1, "lost": 1, "unexpected": 1, "duplicated": 1, "recovered": 0}},

	{"counter/initial", CounterBounds{}, func(b *history.Builder) { b.Read(0, "x", 0, 0, 1*ms) }, Pass, "the 1 read is within bounds",
		map[string]float64{"reads": 1, "errors": 0}},
	{"counter/ignore-failed", CounterBounds{}, func(b *history.Builder) {
		failed(b, 0, history.Add, 1, 0, 1*ms)
		b.Read(0, "x", 0, 2*ms, 3*ms)
	}, Pass, "within bounds", map[string]float64{"reads": 1, "adds_failed": 1}},
	{"counter/incomplete", CounterBounds{}, func(b *history.Builder) {
		pending(b, 0, history.Add, 1, 0)
		b.Read(1, "x", 0, 1*ms, 2*ms).Read(1, "x", 1, 3*ms, 4*ms)
	}, Pass, "all 2 reads are within bounds", map[string]float64{"reads": 2, "adds_unknown": 1}},
	{"counter/initial-invalid", CounterBounds{}, func(b *history.Builder) { b.Read(0, "x", 1, 0, 1*ms) }, Violation,
		"the first is 1 of x, where only 0 to 0 is possible", map[string]float64{"reads": 1, "errors": 1, "error_max": 1}},
	{"counter/interleaved", CounterBounds{}, func(b *history.Builder) {
		b.Read(0, "x", 6, 0, 9*ms).Add(1, "x", 1, 1*ms, 10*ms).Read(2, "x", 0, 2*ms, 11*ms).Add(3, "x", 2, 3*ms, 12*ms).
			Read(4, "x", 3, 4*ms, 13*ms).Add(5, "x", 4, 5*ms, 14*ms).Read(6, "x", 100, 6*ms, 15*ms).
			Add(7, "x", 8, 7*ms, 16*ms).Read(8, "x", 15, 8*ms, 17*ms)
	}, Violation, "1 of 5 reads is out of bounds: the first is 100 of x, where only 0 to 15 is possible", map[string]float64{"reads": 5, "errors": 1, "error_max": 85}},
	{"counter/rolling", CounterBounds{}, func(b *history.Builder) {
		b.Read(0, "x", 0, 0, 2*ms).Add(1, "x", 1, 1*ms, 4*ms).Read(0, "x", 3, 3*ms, 6*ms).Add(1, "x", 2, 5*ms, 8*ms).Read(0, "x", 5, 7*ms, 9*ms)
	}, Violation, "the first is 5 of x, where only 1 to 3 is possible", map[string]float64{"reads": 3, "errors": 1}},

	{"unique-ids/dups", UniqueIDs{}, func(b *history.Builder) {
		b.Generate(0, "x", 0, 0, 1*ms).Generate(1, "x", 1, 2*ms, 3*ms).Generate(2, "x", 0, 4*ms, 5*ms).Generate(3, "x", 0, 6*ms, 7*ms)
		pending(b, 4, history.Generate, history.None, 8*ms)
	}, Violation, "1 identifier was given more than once (0 of x 3 times)",
		map[string]float64{"attempted": 5, "acknowledged": 4, "duplicated": 1, "duplicated_most_times": 3, "range_min": 0, "range_max": 1}},

	{"long-fork/fork", LongFork{Group: 3}, func(b *history.Builder) {
		b.Txn(0, history.OK, 0, 2*ms, history.Reads("0", 1), history.Reads("1", 1), history.Reads("2", history.Nil)).
			Txn(1, history.OK, 1*ms, 3*ms, history.Reads("2", 1), history.Reads("0", 1), history.Reads("1", history.Nil))
	}, Violation, "1 long fork of 2 reads", map[string]float64{"reads": 2, "early_reads": 0, "late_reads": 0, "forks": 1, "groups": 1}},

	{"causal-reverse/valid", CausalReverse{}, reverseCase(1, 2), Pass, "no write was seen without those before it", map[string]float64{"reads": 1, "errors": 0}},
	{"causal-reverse/one-without-two", CausalReverse{}, reverseCase(1), Pass, "", map[string]float64{"reads": 1, "errors": 0}},
	{"causal-reverse/two-without-one", CausalReverse{}, reverseCase(2), Violation, "1 of 1 read holds a write, and lacks an earlier one",
		map[string]float64{"reads": 1, "errors": 1, "missing": 1}},
}

var presentFigures = map[string]float64{"stable": 1, "stale": 0, "stable_latency_max_ms": 0, "stable_latency_min_ms": 0}

// setFullCase is an add of 0 and a read, with the milliseconds of their calls and returns.
func setFullCase(readCall, readReturn, addCall, addReturn int64, read ...history.Value) func(b *history.Builder) {
	return func(b *history.Builder) {
		b.Append(0, "x", 0, addCall*ms, addReturn*ms).List(1, "x", read, readCall*ms, readReturn*ms)
	}
}

func reverseCase(read ...history.Value) func(b *history.Builder) {
	return func(b *history.Builder) {
		b.Append(0, "x", 1, 0, 1*ms).Append(0, "x", 2, 2*ms, 3*ms).List(0, "x", read, 4*ms, 5*ms)
	}
}

func TestConformance(t *testing.T) {
	for _, c := range conformance {
		t.Run(c.name, func(t *testing.T) {
			b := history.NewBuilder(history.Header{})
			c.make(b)
			r := judgeWith(t, c.checker, b.History())
			require.Equal(t, c.verdict, r.Verdict, r.Summary)
			require.Contains(t, r.Summary, c.says)
			for name, want := range c.figures {
				require.Contains(t, r.Figures, name)
				require.Equal(t, want, r.Figures[name], name)
			}
			if r.Proof != nil {
				t.Logf("%s\n%q", r.Summary, r.Proof.Story)
			}
		})
	}
}
