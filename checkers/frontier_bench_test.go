package checkers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// vagueLoad is a load whose refused compare-and-sets do not say what they saw.
func vagueLoad(l load, seed uint64) *history.History {
	h := l.history(rand.New(rand.NewPCG(seed, 7)))
	for i := range h.Ops {
		if h.Ops[i].Mismatch {
			h.Ops[i].Result = history.None
		}
	}
	return h
}

// recentLoad makes refusals expect a value that was read or written shortly before, as
// a client does that reads and then swaps.
func recentLoad(l load, seed uint64) *history.History {
	h := vagueLoad(l, seed)
	draw := rand.New(rand.NewPCG(seed, 8))
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Mismatch {
			// A value that was gone when the operation was called: it is refused rightly.
			for j := i - 20 - draw.IntN(40); j >= 0; j-- {
				if w := &h.Ops[j]; w.Kind == history.Write && w.Outcome == history.OK && w.Return < op.Call && overwritten(h, j, i) {
					op.Expect = w.Value
					break
				}
			}
		}
	}
	return h
}

// overwritten reports whether a write was certainly overwritten before an operation's call.
func overwritten(h *history.History, write, before int) bool {
	for i := write + 1; i < before; i++ {
		if w := &h.Ops[i]; w.Kind == history.Write && w.Outcome == history.OK && w.Call > h.Ops[write].Return && w.Return < h.Ops[before].Call {
			return true
		}
	}
	return false
}

// ownCell is a model as a user would write it, with no more than what is needed.
var ownCell = model.Spec[history.Value]{
	Name:    "own",
	Initial: func(*model.Object) []history.Value { return []history.Value{history.Nil} },
	Step: func(state history.Value, op model.Op) (history.Value, bool) {
		switch op.Kind {
		case history.Read:
			return state, op.Told(state)
		case history.Write:
			return op.Value, true
		default:
			if op.Mismatch {
				return state, state != op.Expect && op.Told(state)
			}
			return op.Value, state == op.Expect
		}
	},
}

var ownCellObserving = func() model.Spec[history.Value] {
	s := ownCell
	s.Observes = func(op model.Op) bool { return op.Kind == history.Read || op.Mismatch }
	return s
}()

// cpuSeconds is what the process has used: other work on the machine does not count.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func BenchmarkFrontier(b *testing.B) {
	for _, c := range []struct {
		name string
		l    load
		m    model.Model
	}{
		{"cas-register refusals say nothing 1M", load{operations: 1_000_000, keys: 1, clients: 20, unknown: 0.05, swaps: 0.3}, model.CASRegister()},
		{"cas-register refusals say nothing 1M 50 clients", load{operations: 1_000_000, keys: 1, clients: 50, unknown: 0.05, swaps: 0.3}, model.CASRegister()},
		{"own model 100k", load{operations: 100_000, keys: 1, clients: 10, swaps: 0.2}, ownCell},
		{"own model with observers 100k", load{operations: 100_000, keys: 1, clients: 10, swaps: 0.2}, ownCellObserving},
		{"own model 100k 1 percent", load{operations: 100_000, keys: 1, clients: 10, unknown: 0.01, swaps: 0.2}, ownCell},
		{"own model with observers 100k 1 percent", load{operations: 100_000, keys: 1, clients: 10, unknown: 0.01, swaps: 0.2}, ownCellObserving},
	} {
		h := recentLoad(c.l, 7)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var answer model.Answer
			began := cpuSeconds()
			for b.Loop() {
				o := model.Objects(h, c.m, history.Nil)[0]
				answer = c.m.Judge(context.Background(), o, frontier.Limits{Deadline: time.Now().Add(time.Minute), Bytes: 1 << 30})
			}
			if answer.Verdict != frontier.Legal {
				b.Log(fmt.Sprint(answer))
			}
			b.ReportMetric((cpuSeconds()-began)/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(answer.Bytes)/1e6, "MB-held")
			b.ReportMetric(float64(answer.Widest), "widest")
			b.ReportMetric(float64(answer.Steps)/float64(len(h.Ops)), "steps/op")
		})
	}
}

// The whole checker on refusals that say nothing.
func BenchmarkLinearizableVague(b *testing.B) {
	for _, clients := range []int{20, 50} {
		h := recentLoad(load{operations: 1_000_000, keys: 1, clients: clients, unknown: 0.05, swaps: 0.3}, 7)
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			began := cpuSeconds()
			var result Result
			for b.Loop() {
				result = Linearizable{}.Check(context.Background(), Evidence{History: h}, Budget{})
			}
			b.ReportMetric((cpuSeconds()-began)/float64(b.N), "cpu-s/op")
			b.Log(result.Verdict, result.Method, result.Summary)
		})
	}
}
