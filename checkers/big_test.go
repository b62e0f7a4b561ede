package checkers

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/seatrial/seatrial/checkers/internal/synthetic"
	"github.com/seatrial/seatrial/harness/history"
)

// load is a correct system under load, to make large histories that are
// linearizable by construction.
type load struct {
	operations, keys, clients int
	unknown                   float64 // share of writes and swaps without an answer
	swaps                     float64 // share of compare-and-sets
}

// history simulates it. Operations take effect at an instant of their own
// between call and return; half of the unknown ones take effect, some long after.
func (l load) history(draw *rand.Rand) *history.History {
	plan := l.plan(draw)
	order := make([]int32, len(plan))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(plan[a].at, plan[b].at) })
	state := make([]history.Value, l.keys)
	for i := range state {
		state[i] = history.Nil
	}
	for _, i := range order {
		op := &plan[i].op
		s := &state[op.Key]
		happens := op.Outcome == history.OK || draw.IntN(2) == 0
		switch op.Kind {
		case history.Read:
			if op.Outcome == history.OK {
				op.Result = *s
			}
		case history.Write:
			if happens {
				*s = op.Value
			}
		case history.CAS:
			op.Expect = *s
			if draw.IntN(4) == 0 {
				op.Expect = history.Value(draw.IntN(len(plan)))
			}
			if op.Expect != *s && op.Outcome == history.OK {
				op.Mismatch, op.Result = true, *s
			} else if op.Expect == *s && happens {
				*s = op.Value
			}
		}
	}
	h := &history.History{Header: history.Header{Model: "cas-register", UniqueValues: true}}
	for k := range l.keys {
		h.Keys = append(h.Keys, fmt.Sprintf("r%d", k))
	}
	h.Ops = make([]history.Op, len(plan))
	for i := range plan {
		h.Ops[i] = plan[i].op
	}
	return h
}

// plan draws the operations in the order of their calls, a millisecond or so each.
func (l load) plan(draw *rand.Rand) []planned {
	plan := make([]planned, 0, l.operations)
	free := make([]int64, l.clients)
	process := make([]int32, l.clients)
	last := int32(l.clients)
	for i := range free {
		free[i], process[i] = draw.Int64N(1000_000), int32(i)
	}
	for len(plan) < l.operations {
		for c := range l.clients {
			call := free[c] + draw.Int64N(200_000)
			took := 100_000 + draw.Int64N(2_000_000)
			at, ret := call+draw.Int64N(took+1), call+took
			op := history.Op{Call: call, Return: ret, Process: process[c], Key: history.Key(draw.IntN(l.keys)),
				Kind: history.Read, Value: history.None, Expect: history.None, Result: history.None, Outcome: history.OK}
			switch r := draw.Float64(); {
			case r < l.swaps:
				op.Kind = history.CAS
			case r < (1+l.swaps)/2:
				op.Kind = history.Write
			}
			if op.Kind != history.Read {
				op.Value = history.Value(len(plan) + 1)
			}
			if draw.Float64() < l.unknown {
				op.Outcome, op.Return = history.Info, history.Open
				at += draw.Int64N(20_000_000)
				process[c] = last
				last++
			}
			free[c] = ret
			plan = append(plan, planned{op, at})
		}
	}
	plan = plan[:l.operations]
	slices.SortStableFunc(plan, func(a, b planned) int { return cmp.Compare(a.op.Call, b.op.Call) })
	return plan
}

func BenchmarkLinearizable(b *testing.B) {
	for _, c := range []load{
		{operations: 1_000_000, keys: 1, clients: 50, unknown: 0.05},
		{operations: 1_000_000, keys: 1, clients: 50, unknown: 0.05, swaps: 0.3},
		{operations: 1_000_000, keys: 100, clients: 50, unknown: 0.05},
		{operations: 1_000_000, keys: 100, clients: 50, unknown: 0.05, swaps: 0.3},
		{operations: 1_000_000, keys: 100_000, clients: 50, unknown: 0.05},
	} {
		h := c.history(rand.New(rand.NewPCG(7, 7)))
		b.Run(fmt.Sprintf("keys=%d/swaps=%.1f", c.keys, c.swaps), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				result := Linearizable{}.Check(context.Background(), Evidence{History: h}, Budget{})
				if result.Verdict != Pass {
					b.Fatal(result.Summary)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(h.Ops)), "ns/operation")
		})
	}
}

func BenchmarkSound(b *testing.B) {
	h := load{operations: 1_000_000, keys: 1, clients: 50, unknown: 0.05}.history(rand.New(rand.NewPCG(7, 7)))
	for b.Loop() {
		if err := Sound(h); err != nil {
			b.Fatal(err)
		}
	}
}

// The time from the verdict to the proof, one stale read in a million operations.
func BenchmarkProof(b *testing.B) {
	h := load{operations: 1_000_000, keys: 1, clients: 50, unknown: 0.05}.history(rand.New(rand.NewPCG(7, 7)))
	synthetic.PlantStaleRead(h, 500_000)
	for b.Loop() {
		result := Linearizable{}.Check(context.Background(), Evidence{History: h}, Budget{Time: time.Minute})
		if result.Verdict != Violation {
			b.Fatal(result.Summary)
		}
	}
}
