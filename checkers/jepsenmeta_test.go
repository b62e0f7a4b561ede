package checkers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

func renameValue(v history.Value) history.Value {
	if v.IsInt() {
		return 1_000_003 - 7*v
	}
	return v
}

// everydayChanges are what must not change a verdict, and for which checkers.
var everydayChanges = []struct {
	name   string
	except []string // checkers
	change func(h *history.History)
}{
	{"shifted in time", nil, func(h *history.History) {
		for i := range h.Ops {
			h.Ops[i].Call += 5_000_000_000
			if h.Ops[i].Return != history.Open {
				h.Ops[i].Return += 5_000_000_000
			}
		}
	}},
	{"values renamed", []string{"counter", "bank"}, func(h *history.History) {
		for i := range h.Ops {
			h.Ops[i].Value, h.Ops[i].Result = renameValue(h.Ops[i].Value), renameValue(h.Ops[i].Result)
		}
		for i := range h.Elements {
			h.Elements[i] = renameValue(h.Elements[i])
		}
		for i := range h.Micros {
			h.Micros[i].Value = renameValue(h.Micros[i].Value)
		}
	}},
	{"what failed left out", []string{"set", "set-full", "total-queue", "long-fork", "causal-reverse"}, func(h *history.History) {
		h.Ops = slices.DeleteFunc(h.Ops, func(op history.Op) bool { return op.Outcome == history.Fail })
	}},
	{"without reads of unknown outcome", []string{"set", "set-full", "total-queue"}, func(h *history.History) {
		h.Ops = slices.DeleteFunc(h.Ops, func(op history.Op) bool {
			return op.Outcome != history.OK && (op.Kind == history.Read || op.Kind == history.ReadList)
		})
	}},
	{"lists in another order", []string{"total-queue"}, func(h *history.History) {
		for i := range h.Ops {
			if op := &h.Ops[i]; op.Kind == history.ReadList && op.Outcome == history.OK {
				slices.Reverse(h.List(op))
			}
		}
	}},
	{"with a node's own copy", nil, func(h *history.History) {
		h.Ops = append(h.Ops, history.Op{Kind: history.ReadLocal, Call: h.Ops[len(h.Ops)-1].Call, Return: h.Ops[len(h.Ops)-1].Call + 1,
			Process: 1 << 20, Outcome: history.OK, Value: history.None, Expect: history.None, Result: history.None})
	}},
	{"keys in another order", nil, func(h *history.History) {
		last := history.Key(len(h.Keys) - 1)
		slices.Reverse(h.Keys)
		for i := range h.Ops {
			h.Ops[i].Key = last - h.Ops[i].Key
		}
		for i := range h.Micros {
			h.Micros[i].Key = last - h.Micros[i].Key
		}
	}},
}

func TestEverydayMetamorphic(t *testing.T) {
	for i, c := range everydayCases() {
		t.Run(c.name, func(t *testing.T) {
			draw := rand.New(rand.NewPCG(91, uint64(i)))
			for n := range differentialCount(t) / 10 {
				h := c.random(draw)
				before := judgeWith(t, c.checker, h)
				for _, x := range everydayChanges {
					if slices.Contains(x.except, c.name) {
						continue
					}
					changed := cloneHistory(h)
					x.change(changed)
					if fork, is := c.checker.(LongFork); is && fork.Group == 0 && x.name == "keys in another order" {
						continue // which read is the first depends on it
					}
					after := judgeWith(t, c.checker, changed)
					require.Equal(t, before.Verdict, after.Verdict, "%s, history %d: %s\n%s\n%s", x.name, n, before.Summary, after.Summary, listOf(h))
				}
			}
		})
	}
}

// A key is judged as if it were alone: the worst answer of any is the answer, but
// that keys that prove nothing are outweighed by others (not for sets, where
// Jepsen has each of them say something).
func TestEverydaySplittingByKey(t *testing.T) {
	for i, c := range everydayCases() {
		t.Run(c.name, func(t *testing.T) {
			draw := rand.New(rand.NewPCG(92, uint64(i)))
			violations := 0
			for range differentialCount(t) / 10 {
				h := c.random(draw)
				whole, found := judgeWith(t, c.checker, h), false
				for key := range h.Keys {
					one := cloneHistory(h)
					one.Ops = slices.DeleteFunc(one.Ops, func(op history.Op) bool { return int(op.Key) != key })
					found = found || judgeWith(t, c.checker, one).Verdict == Violation
				}
				if fork, is := c.checker.(LongFork); is && (fork.Group == 0 || whole.Verdict == Inconclusive) {
					continue // an illegal key makes all inconclusive, as in Jepsen
				}
				require.Equal(t, whole.Verdict == Violation, found, listOf(h))
				if found {
					violations++
				}
			}
			if c.name != "long-fork" {
				require.NotZero(t, violations)
			}
		})
	}
}

// Only for queues: an enqueue of unknown outcome that never came out proves nothing.
func TestQueueWithoutUnknownEnqueuesThatNobodySaw(t *testing.T) {
	draw := rand.New(rand.NewPCG(93, 1))
	for range differentialCount(t) / 10 {
		h := randomTotalQueue(draw)
		before := judgeWith(t, TotalQueue{Ordered: true}, h)
		seen := map[history.Value]bool{history.Nil: true}
		for i := range h.Ops {
			seen[h.Ops[i].Result] = true
		}
		for _, v := range h.Elements {
			seen[v] = true
		}
		less := cloneHistory(h)
		less.Ops = slices.DeleteFunc(less.Ops, func(op history.Op) bool {
			return op.Kind == history.Enqueue && op.Outcome == history.Info && !seen[op.Value]
		})
		require.Equal(t, before.Verdict, judgeWith(t, TotalQueue{Ordered: true}, less).Verdict, listOf(h))
	}
}

func TestEverydayBudgets(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range plantedCases() {
		kind := fmt.Sprintf("%T", c.checker)
		if seen[kind] {
			continue
		}
		seen[kind] = true
		h := c.make(rand.New(rand.NewPCG(5, 5)), 20_000)
		r := c.checker.Check(context.Background(), Evidence{History: h}, Budget{Bytes: 1 << 10})
		require.Equal(t, Inconclusive, r.Verdict)
		require.Contains(t, r.Summary, "out of memory")
		r = c.checker.Check(context.Background(), Evidence{History: h}, Budget{Time: time.Nanosecond})
		require.Equal(t, Inconclusive, r.Verdict, r.Summary)
		require.Contains(t, r.Summary, "out of time")
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		r = c.checker.Check(ctx, Evidence{History: h}, Budget{})
		require.Equal(t, Inconclusive, r.Verdict, r.Summary)
		require.Contains(t, r.Summary, "called off")
		require.Nil(t, r.Proof)

		empty := c.checker.Check(context.Background(), Evidence{History: history.NewBuilder(history.Header{}).History()}, Budget{})
		require.Equal(t, Inconclusive, empty.Verdict)
		require.Contains(t, empty.Summary, "proves nothing")
		require.Equal(t, Error, c.checker.Check(context.Background(), Evidence{}, Budget{}).Verdict)
		broken := cloneHistory(h)
		broken.Ops[10].Return = -1
		require.Equal(t, Error, c.checker.Check(context.Background(), Evidence{History: broken}, Budget{}).Verdict)
	}
	require.Len(t, seen, 8)
}
