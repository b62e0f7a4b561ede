// Package synthetic makes large histories of a correct system under load, for
// benchmarks and tests: what it returns is linearizable by construction, until a
// violation is planted in it.
//
// Each operation takes effect at an instant of its own between its call and its
// return. Of those whose outcome nobody knows half take effect, some of them long
// after their client gave up.
package synthetic

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// Load is how much of what is asked of a system.
type Load struct {
	Operations, Keys, Clients int
	// Unknown is the share of operations, reads apart, without an answer.
	Unknown float64
}

// System is a correct system: how its clients draw operations, and what it answers.
type System interface {
	// Model is the name for the history's header.
	Model() string
	// Draw returns the kind of the n-th operation, and what it is given. All values
	// that it does not set are history.None.
	Draw(draw *rand.Rand, n int) Request
	// Apply lets an operation on a key take effect and sets what its client is told.
	// The outcome is Info where nobody is told.
	Apply(draw *rand.Rand, h *history.History, op *history.Op)
}

// Request is what a client asks for.
type Request struct {
	Kind          history.Kind
	Value, Expect history.Value
}

// planned is an operation with the instant at which it takes effect.
type planned struct {
	op history.Op
	at int64
}

// History simulates a system under load. The same seed makes the same history.
func (l Load) History(system System, seed uint64) *history.History {
	draw := rand.New(rand.NewPCG(seed, 0x5ea))
	plan := l.plan(system, draw)
	order := make([]int32, len(plan))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(plan[a].at, plan[b].at), cmp.Compare(a, b))
	})
	h := &history.History{Header: history.Header{Schema: history.SchemaVersion, Model: system.Model(), UniqueValues: true}}
	for k := range l.Keys {
		h.Keys = append(h.Keys, fmt.Sprintf("k%d", k))
	}
	for _, i := range order {
		op := &plan[i].op
		if op.Outcome == history.OK || draw.IntN(2) == 0 {
			system.Apply(draw, h, op)
		} else if op.Kind == history.CAS && op.Expect == history.None {
			op.Expect = history.Nil
		}
	}
	h.Ops = make([]history.Op, len(plan))
	for i := range plan {
		h.Ops[i] = plan[i].op
	}
	return h
}

// plan draws the operations in the order of their calls, a millisecond or so each.
func (l Load) plan(system System, draw *rand.Rand) []planned {
	plan := make([]planned, 0, l.Operations+l.Clients)
	free := make([]int64, l.Clients)
	process := make([]int32, l.Clients)
	last := int32(l.Clients)
	for i := range free {
		free[i], process[i] = draw.Int64N(1_000_000), int32(i)
	}
	for len(plan) < l.Operations {
		for c := range l.Clients {
			p := planned{op: l.request(system, draw, len(plan))}
			took := 100_000 + draw.Int64N(2_000_000)
			p.op.Process, p.op.Call = process[c], free[c]+draw.Int64N(200_000)
			p.op.Return = p.op.Call + took
			p.at = p.op.Call + draw.Int64N(took+1)
			free[c] = p.op.Return
			if changes(p.op.Kind) && draw.Float64() < l.Unknown {
				p.op.Outcome, p.op.Return = history.Info, history.Open
				p.at += draw.Int64N(20_000_000)
				process[c] = last
				last++
			}
			plan = append(plan, p)
		}
	}
	slices.SortStableFunc(plan, func(a, b planned) int { return cmp.Compare(a.op.Call, b.op.Call) })
	return plan[:l.Operations]
}

func (l Load) request(system System, draw *rand.Rand, n int) history.Op {
	r := system.Draw(draw, n)
	return history.Op{Kind: r.Kind, Value: r.Value, Expect: r.Expect, Result: history.None,
		Key: history.Key(draw.IntN(l.Keys)), Outcome: history.OK}
}

// changes reports whether a kind may change what the system holds: only then does
// it matter that nobody knows whether it happened.
func changes(kind history.Kind) bool {
	switch kind {
	case history.Read, history.ReadList, history.ReadLocal, history.Dequeue, history.Drain, history.Generate:
		return false
	default:
		return true
	}
}
