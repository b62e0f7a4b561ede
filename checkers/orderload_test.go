package checkers

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seatrial/seatrial/harness/history"
)

// logLoad is a store of logs under load that is correct by construction: half of the
// clients append, the others read.
type logLoad struct {
	operations, keys, clients int
	unknown, again            float64 // shares of operations without an answer, and of appends that are tried again
	watch                     bool    // readers follow the log; otherwise they take from it, as from a queue
}

type logEvent struct {
	op    history.Op
	at    int64
	batch []history.Value
}

func (l logLoad) history(draw *rand.Rand) *history.History {
	events := l.plan(draw)
	slices.SortFunc(events, func(a, b logEvent) int { return cmp.Compare(a.at, b.at) })
	logs, taken := make([][]history.Value, l.keys), make([]int, l.keys)
	have := map[history.Value]bool{}
	position := map[[2]int32]int{}
	for i := range events {
		o := &events[i].op
		key := int(o.Key)
		switch happens := o.Outcome == history.OK || draw.IntN(2) == 0; o.Kind {
		case history.Enqueue:
			if happens && !have[o.Value] {
				have[o.Value] = true
				logs[key] = append(logs[key], o.Value)
			}
		case history.ReadLocal:
			who := [2]int32{o.Process, int32(o.Key)}
			if at := position[who]; happens {
				to := min(len(logs[key]), at+50)
				position[who] = to
				if o.Outcome == history.OK {
					events[i].batch = logs[key][at:to]
				}
			}
		case history.Dequeue:
			result := history.Nil
			if happens && taken[key] < len(logs[key]) {
				result = logs[key][taken[key]]
				taken[key]++
			}
			if o.Outcome == history.OK {
				o.Result = result
			}
		}
	}
	end := int64(0)
	for _, e := range events {
		end = max(end, e.op.Call+10_000_000)
	}
	h := &history.History{}
	slices.SortStableFunc(events, func(a, b logEvent) int { return cmp.Compare(a.op.Call, b.op.Call) })
	for key := range l.keys {
		h.Keys = append(h.Keys, fmt.Sprintf("q%d", key))
		if !l.watch {
			o := bare(history.Drain, 1<<20, history.Key(key), end+int64(key), end+int64(key))
			events = append(events, logEvent{op: o, batch: logs[key][taken[key]:]})
		}
	}
	h.Marks = append(h.Marks, history.Mark{Name: MarkFinal, Time: end})
	for _, e := range events {
		if len(e.batch) > 0 {
			e.op.Offset, e.op.Count = uint32(len(h.Elements)), uint32(len(e.batch))
			h.Elements = append(h.Elements, e.batch...)
		}
		h.Ops = append(h.Ops, e.op)
	}
	return h
}

func bare(kind history.Kind, process int32, key history.Key, call, ret int64) history.Op {
	return history.Op{Kind: kind, Process: process, Key: key, Call: call, Return: ret,
		Value: history.None, Expect: history.None, Result: history.None, Outcome: history.OK}
}

func (l logLoad) plan(draw *rand.Rand) []logEvent {
	free, process, next := make([]int64, l.clients), make([]int32, l.clients), int32(l.clients)
	for c := range process {
		process[c] = int32(c)
	}
	var events []logEvent
	retry := map[int]history.Op{}
	value := history.Value(0)
	for len(events) < l.operations {
		c := len(events) % l.clients
		call := free[c] + draw.Int64N(200_000)
		ret := call + 100_000 + draw.Int64N(2_000_000)
		o := bare(history.Enqueue, process[c], history.Key(draw.IntN(l.keys)), call, ret)
		switch {
		case c%2 == 1 && l.watch:
			o.Kind, o.Key = history.ReadLocal, history.Key(c/2%l.keys)
		case c%2 == 1:
			o.Kind = history.Dequeue
		default:
			value++
			o.Value = value
			if old, tries := retry[c]; tries {
				o.Key, o.Value = old.Key, old.Value
				delete(retry, c)
			} else if draw.Float64() < l.again {
				retry[c] = o
			}
		}
		at := call + draw.Int64N(ret-call+1)
		free[c] = ret
		if draw.Float64() < l.unknown {
			o.Outcome, o.Return = history.Info, history.Open
			at += draw.Int64N(5_000_000)
			process[c], next = next, next+1
		}
		events = append(events, logEvent{op: o, at: at})
	}
	return events
}

// lockLoad is clients that take locks in turn and write under them, with tokens.
func lockLoad(draw *rand.Rand, operations, locks, clients int, unknown float64) *history.History {
	h := &history.History{Keys: []string{"x"}}
	process, free, next := make([]int32, clients), make([]int64, clients), int32(clients)
	for c := range process {
		process[c] = int32(c)
	}
	for lock := range locks {
		h.Keys = append(h.Keys, fmt.Sprintf("m%d", lock))
		now, token := int64(0), history.Value(0)
		for n := 0; n < operations/locks; {
			c := lock + locks*draw.IntN(clients/locks)
			call := max(free[c], now-draw.Int64N(50_000))
			o := bare(history.Acquire, process[c], history.Key(lock+1), call, max(call, now)+1+draw.Int64N(10_000))
			token++
			o.Result = token
			h.Ops = append(h.Ops, o)
			now, n = o.Return, n+1
			retired := false
			for range 1 + draw.IntN(3) {
				w := bare(history.Write, process[c], 0, now, now+1000+draw.Int64N(5000))
				w.Value, w.Expect = history.Value(len(h.Ops)), token
				now, n = w.Return, n+1
				if draw.Float64() < unknown {
					w.Outcome, w.Return, retired = history.Info, history.Open, true
				}
				h.Ops = append(h.Ops, w)
				if retired {
					break
				}
			}
			if free[c] = now; retired {
				process[c], next = next, next+1
				continue
			}
			r := bare(history.Release, process[c], history.Key(lock+1), now, now+500)
			h.Ops = append(h.Ops, r)
			n, free[c] = n+1, r.Return
			now++
		}
	}
	slices.SortStableFunc(h.Ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
	return h
}

func benchmarkOrder(b *testing.B, c Checker, h *history.History) {
	b.ReportAllocs()
	b.ReportMetric(float64(len(h.Ops)), "operations")
	for b.Loop() {
		if r := c.Check(context.Background(), Evidence{History: h}, Budget{}); r.Verdict != Pass {
			b.Fatal(r.Summary)
		}
	}
}

func BenchmarkSessions(b *testing.B) {
	for _, keys := range []int{1, 100} {
		for _, swaps := range []float64{0, 0.2} {
			h := load{operations: 1_000_000, keys: keys, clients: 50, unknown: 0.05, swaps: swaps}.history(rand.New(rand.NewPCG(7, 7)))
			b.Run(fmt.Sprintf("keys=%d/swaps=%.1f", keys, swaps), func(b *testing.B) { benchmarkOrder(b, Sessions{}, h) })
		}
	}
	lists := listLoad{appends: 1_000_000, reads: 2_500, clients: 50, retire: 400, unknown: 0.02, nodes: 3}.history(rand.New(rand.NewPCG(7, 7)))
	b.Run("lists", func(b *testing.B) { benchmarkOrder(b, Sessions{}, lists) })
}

func BenchmarkOrderCheckers(b *testing.B) {
	draw := func() *rand.Rand { return rand.New(rand.NewPCG(7, 7)) }
	queue := logLoad{operations: 1_000_000, keys: 10, clients: 50, unknown: 0.02, again: 0.05}.history(draw())
	b.Run("per-key-order", func(b *testing.B) { benchmarkOrder(b, PerKeyOrder{}, queue) })
	b.Run("exactly-once", func(b *testing.B) { benchmarkOrder(b, ExactlyOnce{}, queue) })
	locks := lockLoad(draw(), 1_000_000, 10, 50, 0.02)
	b.Run("mutual-exclusion", func(b *testing.B) { benchmarkOrder(b, MutualExclusion{}, locks) })
	stream := logLoad{operations: 1_000_000, keys: 10, clients: 50, unknown: 0, watch: true}.history(draw())
	b.Run(fmt.Sprintf("stream-order/told=%d", len(stream.Elements)), func(b *testing.B) { benchmarkOrder(b, StreamOrder{}, stream) })
	b.Run("stream-order/producers", func(b *testing.B) { benchmarkOrder(b, StreamOrder{ProducerOrder: true}, stream) })
}
