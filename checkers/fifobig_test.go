package checkers

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seatrial/seatrial/harness/history"
)

// queueLoad is a correct queue under load, to make large histories that are
// linearizable by construction.
type queueLoad struct {
	operations, clients int
	unknown             float64 // share of operations without an answer
	drain               bool    // a client empties the queue at the end
	bag                 bool
}

func (l queueLoad) history(draw *rand.Rand) *history.History {
	plan := l.plan(draw)
	order := make([]int32, len(plan))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(plan[a].at, plan[b].at) })
	h := &history.History{Header: history.Header{UniqueValues: true}, Keys: []string{"q"}}
	var queue []history.Value
	for _, i := range order {
		op := &plan[i].op
		switch {
		case op.Outcome == history.Info && draw.IntN(2) == 0:
		case op.Kind == history.Enqueue:
			queue = append(queue, op.Value)
		default:
			v := history.Nil
			if len(queue) > 0 {
				if l.bag {
					at := draw.IntN(len(queue))
					queue[0], queue[at] = queue[at], queue[0]
				}
				v, queue = queue[0], queue[1:]
			}
			if op.Outcome == history.OK {
				op.Result = v
			}
		}
	}
	for i := range plan {
		h.Ops = append(h.Ops, plan[i].op)
	}
	if l.drain {
		end := int64(0)
		for i := range h.Ops {
			if h.Ops[i].Return != history.Open {
				end = max(end, h.Ops[i].Return)
			}
		}
		end += 100_000_000 // what is unknown has happened by now, in this history
		h.Ops = append(h.Ops, history.Op{Call: end, Return: end + 1000_000, Process: 1 << 20, Kind: history.Drain,
			Value: history.None, Expect: history.None, Result: history.None, Outcome: history.OK})
		relist(h, &h.Ops[len(h.Ops)-1], queue)
	}
	return h
}

func (l queueLoad) plan(draw *rand.Rand) []planned {
	plan := (load{operations: l.operations, keys: 1, clients: l.clients, unknown: l.unknown}).plan(draw)
	for i := range plan {
		op := &plan[i].op
		op.Kind, op.Value = history.Enqueue, history.Value(i+1)
		// The queue fills and empties in turn, and is empty now and then.
		if fill := i / 2000 % 2; draw.IntN(100) < 40+25*fill {
			op.Kind, op.Value = history.Dequeue, history.None
		}
	}
	return plan
}

func BenchmarkQueue(b *testing.B) {
	for _, c := range []struct {
		name    string
		unknown float64
		bag     bool
	}{{"fifo", 0, false}, {"fifo", 0.05, false}, {"bag", 0.05, true}} {
		h := queueLoad{operations: 1_000_000, clients: 50, unknown: c.unknown, bag: c.bag, drain: true}.history(rand.New(rand.NewPCG(7, 7)))
		b.Run(fmt.Sprintf("%s/unknown=%.2f", c.name, c.unknown), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var q queueJudge
				if answer := q.decide(h, nil, !c.bag); answer.flaw != queueFlawless || !answer.exact {
					b.Fatal(answer)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(h.Ops)), "ns/operation")
		})
	}
}
