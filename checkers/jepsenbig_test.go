package checkers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// Large histories of correct systems.

func bigSim(draw *rand.Rand, operations int) *simulation {
	return &simulation{draw: draw, count: operations, clients: 20, keys: 1, step: 100_000, unknown: 0.02, failed: 0.01}
}

// bigSet has few reads: each holds all that was added to its key. Then comes a
// last read of every key.
func bigSet(draw *rand.Rand, operations int) *history.History {
	s := bigSim(draw, operations)
	s.keys = max(1, operations/500)
	var held = make([][]history.Value, s.keys)
	value := history.Value(0)
	s.ask = func(o *simOp) {
		value++
		if o.op.Kind, o.op.Value = history.Append, value; draw.IntN(50) == 0 {
			o.op.Kind, o.op.Value = history.ReadList, history.None
		}
		o.op.Key = history.Key(int(value) * s.keys / (operations + 1)) // one key after the other
	}
	s.effect = func(o *simOp) {
		list := &held[o.op.Key]
		switch {
		case o.op.Kind == history.Append && o.happens:
			*list = append(*list, o.op.Value)
		case o.op.Kind == history.ReadList && o.answered():
			o.list = slices.Clone(*list)
		}
	}
	h := s.history()
	end := h.Ops[len(h.Ops)-1].Call + 100_000_000
	for key, list := range held {
		op := history.Op{Kind: history.ReadList, Key: history.Key(key), Process: s.processes, Outcome: history.OK, Call: end, Return: end + 10,
			Value: history.None, Expect: history.None, Result: history.None, Offset: uint32(len(h.Elements)), Count: uint32(len(list))}
		h.Elements = append(h.Elements, list...)
		h.Ops = append(h.Ops, op)
		end += 20
	}
	return h
}

// bigQueue ends with a drain of each queue. Dequeues of unknown outcome take
// nothing; enqueues are in the queue at once, so that order is kept.
func bigQueue(draw *rand.Rand, operations int) *history.History {
	s := bigSim(draw, operations)
	var held []history.Value
	value := history.Value(0)
	s.ask = func(o *simOp) {
		if o.op.Kind = history.Dequeue; draw.IntN(20) < 9 {
			value++
			o.op.Kind, o.op.Value = history.Enqueue, value
		}
		o.at = min(o.at, o.op.Return)
	}
	s.effect = func(o *simOp) {
		switch {
		case o.op.Kind == history.Enqueue && o.happens:
			held = append(held, o.op.Value)
		case o.op.Kind == history.Dequeue && o.answered():
			if o.op.Result = history.Nil; len(held) > 0 {
				o.op.Result, held = held[0], held[1:]
			}
		}
	}
	h := s.history()
	end := h.Ops[len(h.Ops)-1].Call + 100_000_000
	h.Ops = append(h.Ops, history.Op{Kind: history.Drain, Process: s.processes, Outcome: history.OK, Call: end, Return: end + 10,
		Value: history.None, Expect: history.None, Result: history.None, Offset: uint32(len(h.Elements)), Count: uint32(len(held))})
	h.Elements = append(h.Elements, held...)
	return h
}

func bigIDs(draw *rand.Rand, operations int) *history.History {
	s := bigSim(draw, operations)
	id := history.Value(0)
	s.ask = func(o *simOp) { o.op.Kind = history.Generate }
	s.effect = func(o *simOp) {
		if id += 1 + history.Value(draw.IntN(3)); o.answered() {
			o.op.Result = id<<12 | history.Value(o.op.Process&0xfff)
		}
	}
	return s.history()
}

func bigCounter(draw *rand.Rand, operations int) *history.History {
	s := bigSim(draw, operations)
	held := int64(0)
	s.ask = func(o *simOp) {
		if o.op.Kind = history.Read; draw.IntN(2) == 0 {
			o.op.Kind, o.op.Value = history.Add, history.Value(draw.Int64N(9)-3)
		}
	}
	s.effect = func(o *simOp) {
		if o.op.Kind == history.Add && o.happens {
			held += int64(o.op.Value)
		} else if o.op.Kind == history.Read && o.answered() {
			o.op.Result = history.Value(held)
		}
	}
	return s.history()
}

func bigBank(draw *rand.Rand, operations int) *history.History {
	const accounts = 8
	s := bigSim(draw, operations)
	s.names = []string{""}
	balance := make([]history.Value, accounts)
	for a := range accounts {
		s.names = append(s.names, fmt.Sprintf("a%d", a))
		balance[a] = 100
	}
	s.ask = func(o *simOp) {
		o.op.Kind = history.Txn
		if draw.IntN(2) == 0 {
			from, amount := draw.IntN(accounts), 1+history.Value(draw.IntN(5))
			o.steps = []history.Micro{{Kind: history.Add, Key: history.Key(1 + from), Value: -amount}, {Kind: history.Add, Key: history.Key(1 + (from+1+draw.IntN(accounts-1))%accounts), Value: amount}}
			return
		}
		for a := range accounts {
			o.steps = append(o.steps, history.Micro{Kind: history.Read, Key: history.Key(1 + a), Value: history.None})
		}
	}
	s.effect = func(o *simOp) {
		first := o.steps[0]
		switch {
		case first.Kind == history.Read && o.answered():
			for i := range o.steps {
				o.steps[i].Value = balance[o.steps[i].Key-1]
			}
		case first.Kind == history.Add && o.happens && balance[first.Key-1]+first.Value >= 0:
			for _, m := range o.steps {
				balance[m.Key-1] += m.Value
			}
		}
	}
	return s.history()
}

// bigFork writes one key after the other, and reads the groups in use.
func bigFork(draw *rand.Rand, operations int) *history.History {
	const size = 3
	s := bigSim(draw, operations)
	s.names = []string{""}
	for k := range operations {
		s.names = append(s.names, fmt.Sprint(k))
	}
	next := 0
	written := make([]bool, len(s.names)+size)
	s.ask = func(o *simOp) {
		o.op.Kind = history.Txn
		if draw.IntN(3) == 0 {
			next++
			o.steps = []history.Micro{{Kind: history.Write, Key: history.Key(next), Value: 1}}
			return
		}
		group := max(0, next-draw.IntN(20)) / size * size
		for _, k := range draw.Perm(size) {
			o.steps = append(o.steps, history.Micro{Kind: history.Read, Key: history.Key(1 + (group+k)%operations), Value: history.None})
		}
	}
	s.effect = func(o *simOp) {
		for i := range o.steps {
			switch m := &o.steps[i]; {
			case m.Kind == history.Write && o.happens:
				written[m.Key] = true
			case m.Kind == history.Read && o.answered():
				if m.Value = history.Nil; written[m.Key] {
					m.Value = 1
				}
			}
		}
	}
	return s.history()
}

// answeredFrom finds the first answered operation of a kind from a place on for which want holds.
func answeredFrom(h *history.History, from int, kind history.Kind, want func(op *history.Op) bool) *history.Op {
	for i := from; ; i++ {
		if op := &h.Ops[i]; op.Kind == kind && op.Outcome == history.OK && want(op) {
			return op
		}
	}
}

// lastReadOf finds the last read of a key.
func lastReadOf(h *history.History, key history.Key) *history.Op {
	for i := len(h.Ops) - 1; ; i-- {
		if op := &h.Ops[i]; op.Kind == history.ReadList && op.Key == key {
			return op
		}
	}
}

func anyOp(*history.Op) bool { return true }

func tookSomething(op *history.Op) bool { return op.Result != history.Nil }

func plainReads(h *history.History) func(op *history.Op) bool {
	return func(op *history.Op) bool { return len(h.Transaction(op)) > 1 && pureRead(h.Transaction(op)) }
}

// plantedCase is a violation in a large history.
type plantedCase struct {
	checker    Checker
	name, says string
	figures    map[string]float64
	make       func(draw *rand.Rand, operations int) *history.History
	plant      func(h *history.History)
}

func plantedCases() []plantedCase {
	total := int64(800)
	return []plantedCase{
		{Set{}, "lost", "acknowledged elements was lost", map[string]float64{"lost": 1}, bigSet, plantLostElement},
		{Set{}, "unexpected", "1 element is unexpected", map[string]float64{"unexpected": 1}, bigSet, func(h *history.History) { with(h, lastReadOf(h, 3), 7_777_777) }},
		{Set{ByOutcome: true}, "an add that failed", "1 element is unexpected", map[string]float64{"unexpected": 1}, bigSet, func(h *history.History) {
			answeredFrom(h, 50_000, history.Append, anyOp).Outcome = history.Fail
		}},
		{SetFull{Jepsen: true}, "lost", "elements was lost", map[string]float64{"lost": 1}, bigSet, plantLostElement},
		{SetFull{Jepsen: true}, "twice", "more than once in one read", map[string]float64{"duplicated": 1}, bigSet, func(h *history.History) {
			r := lastReadOf(h, 3)
			with(h, r, h.List(r)[7])
		}},
		{SetFull{Jepsen: true, Linearizable: true}, "stale", "1 element was stale", map[string]float64{"stale": 1}, bigSet, plantStaleElement},
		{CausalReverse{}, "a write without an earlier one", "holds a write, and lacks an earlier one", map[string]float64{"errors": 1, "missing": 1}, bigSet, plantLostElement},
		{TotalQueue{}, "lost", "acknowledged elements was lost", map[string]float64{"lost": 1}, bigQueue, func(h *history.History) {
			acked := map[history.Value]bool{}
			for i := range h.Ops {
				if h.Ops[i].Kind == history.Enqueue && h.Ops[i].Outcome == history.OK {
					acked[h.Ops[i].Value] = true
				}
			}
			answeredFrom(h, 50_000, history.Dequeue, func(op *history.Op) bool { return acked[op.Result] }).Result = history.Nil
		}},
		{TotalQueue{}, "from nowhere", "1 element was dequeued that nobody can have enqueued (7777777", map[string]float64{"unexpected": 1, "lost": 0}, bigQueue, func(h *history.History) {
			answeredFrom(h, 50_000, history.Dequeue, func(op *history.Op) bool { return op.Result == history.Nil }).Result = 7_777_777
		}},
		{TotalQueue{ByOutcome: true}, "an enqueue that failed", "nobody can have enqueued", map[string]float64{"unexpected": 1}, bigQueue, func(h *history.History) {
			v := answeredFrom(h, 50_000, history.Dequeue, tookSomething).Result
			for i := range h.Ops {
				if op := &h.Ops[i]; op.Kind == history.Enqueue && op.Value == v {
					op.Outcome, op.Return = history.Fail, op.Call
				}
			}
		}},
		{TotalQueue{ExactlyOnce: true}, "again", "1 element was dequeued again", map[string]float64{"duplicated": 1}, bigQueue, func(h *history.History) {
			v := answeredFrom(h, 40_000, history.Dequeue, tookSomething).Result
			answeredFrom(h, 50_000, history.Dequeue, func(op *history.Op) bool { return op.Result == history.Nil }).Result = v
		}},
		{TotalQueue{Ordered: true}, "out of order", "1 element came out after one that the producer had enqueued later", map[string]float64{"ordered_pairs_broken": 1}, bigQueue, plantDisorder},
		{UniqueIDs{}, "twice", "1 identifier was given more than once", map[string]float64{"duplicated": 1}, bigIDs, func(h *history.History) {
			answeredFrom(h, 60_000, history.Generate, anyOp).Result = answeredFrom(h, 30_000, history.Generate, anyOp).Result
		}},
		{CounterBounds{}, "too high", "out of bounds", map[string]float64{"errors": 1}, bigCounter, func(h *history.History) {
			answeredFrom(h, 60_000, history.Read, anyOp).Result += 1_000_000
		}},
		{CounterBounds{}, "too low", "out of bounds", map[string]float64{"errors": 1}, bigCounter, func(h *history.History) {
			answeredFrom(h, 60_000, history.Read, anyOp).Result -= 1_000_000
		}},
		{Bank{Total: &total}, "wrong total", "with another total than 800 (they are from 800 to 801)", map[string]float64{"wrong_total": 1, "errors": 1}, bigBank, func(h *history.History) {
			h.Transaction(answeredFrom(h, 60_000, history.Txn, plainReads(h)))[2].Value++
		}},
		{Bank{}, "reads that disagree", "with another total than most (they are from 799 to 800)", map[string]float64{"wrong_total": 1, "errors": 1}, bigBank, func(h *history.History) {
			h.Transaction(answeredFrom(h, 60_000, history.Txn, plainReads(h)))[2].Value--
		}},
		{Bank{}, "debt", "with a balance below zero", map[string]float64{"negative_value": 1, "errors": 1}, bigBank, func(h *history.History) {
			steps := h.Transaction(answeredFrom(h, 60_000, history.Txn, plainReads(h)))
			steps[2].Value, steps[3].Value = -5, steps[3].Value+steps[2].Value+5
		}},
		{Bank{}, "no balance", "with an account that has no balance", map[string]float64{"nil_balance": 1, "errors": 1}, bigBank, func(h *history.History) {
			h.Transaction(answeredFrom(h, 60_000, history.Txn, plainReads(h)))[2].Value = history.Nil
		}},
		{Bank{Accounts: []string{"a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7"}}, "no such account", "with an account that does not exist", map[string]float64{"unexpected_key": 1, "errors": 1}, bigBank, func(h *history.History) {
			h.Keys = append(h.Keys, "a99")
			h.Transaction(answeredFrom(h, 60_000, history.Txn, plainReads(h)))[2].Key = history.Key(len(h.Keys) - 1)
		}},
		{LongFork{}, "a fork", "1 long fork of", map[string]float64{"forks": 1}, bigFork, func(h *history.History) {
			// Two reads that are alone with a group, and see one of two writes each.
			at := h.Ops[len(h.Ops)-1]
			for p := range int32(2) {
				op := at
				op.Call, op.Return, op.Process, op.Outcome = at.Call+100, at.Call+200, 1<<20+p, history.OK
				op.Offset, op.Count = uint32(len(h.Micros)), 3
				for k := range int32(3) {
					m := history.Micro{Kind: history.Read, Key: history.Key(90_000 + k), Value: history.Nil}
					if k == p {
						m.Value = 1
					}
					h.Micros = append(h.Micros, m)
				}
				h.Ops = append(h.Ops, op)
			}
		}},
	}
}

// plantLostElement takes an acknowledged element out of the last read of its key,
// and of those before that are called after its acknowledgement.
func plantLostElement(h *history.History) {
	a := answeredFrom(h, 50_000, history.Append, anyOp)
	r := lastReadOf(h, a.Key)
	for i := range h.Ops {
		if op := &h.Ops[i]; op != r && op.Kind == history.ReadList && op.Key == a.Key && slices.Contains(h.List(op), a.Value) {
			op.Outcome, op.Offset, op.Count = history.Fail, 0, 0 // nobody else saw it
		}
	}
	without(h, r, a.Value)
}

// plantStaleElement takes an element out of one read, which was called a
// millisecond and more after its acknowledgement, and not out of the last.
func plantStaleElement(h *history.History) {
	r := answeredFrom(h, 50_000, history.ReadList, func(op *history.Op) bool { return op.Count > 300 })
	without(h, r, h.List(r)[10])
}

// plantDisorder swaps two results of dequeues, far from each other, of one producer's elements.
func plantDisorder(h *history.History) {
	producer := map[history.Value]int32{}
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Kind == history.Enqueue && op.Outcome == history.OK {
			producer[op.Value] = op.Process
		}
	}
	a := answeredFrom(h, 50_000, history.Dequeue, tookSomething)
	var b *history.Op
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Kind == history.Dequeue && op.Call > a.Return && op.Result.IsInt() && producer[op.Result] == producer[a.Result] && op.Result > a.Result {
			b = op
			break
		}
	}
	a.Result, b.Result = b.Result, a.Result
}

func TestPlantedInEverydayHistories(t *testing.T) {
	made := map[string]*history.History{}
	for _, c := range plantedCases() {
		t.Run(strings.TrimPrefix(fmt.Sprintf("%T", c.checker), "checkers.")+"/"+c.name, func(t *testing.T) {
			id := fmt.Sprintf("%p", c.make)
			if made[id] == nil {
				made[id] = c.make(rand.New(rand.NewPCG(81, 82)), 100_000)
			}
			h := cloneHistory(made[id])
			before := judgeWith(t, c.checker, h)
			require.Equal(t, Pass, before.Verdict, before.Summary)
			c.plant(h)
			r := judgeWith(t, c.checker, h)
			require.Equal(t, Violation, r.Verdict, r.Summary)
			require.Contains(t, r.Summary, c.says)
			for name, want := range c.figures {
				require.Equal(t, want, r.Figures[name], "%s: %s", name, r.Summary)
			}
			require.LessOrEqual(t, len(r.Proof.Operations), few)
			t.Logf("%s\n%s", r.Summary, strings.Join(r.Proof.Story, "\n"))
		})
	}
}

func cloneHistory(h *history.History) *history.History {
	c := *h
	c.Ops, c.Elements, c.Micros, c.Keys = slices.Clone(h.Ops), slices.Clone(h.Elements), slices.Clone(h.Micros), slices.Clone(h.Keys)
	return &c
}

func BenchmarkEveryday(b *testing.B) {
	total := int64(800)
	for _, c := range []struct {
		name    string
		checker Checker
		make    func(draw *rand.Rand, operations int) *history.History
	}{
		{"set", Set{}, bigSet}, {"set-full", SetFull{Jepsen: true, Linearizable: true}, bigSet}, {"causal-reverse", CausalReverse{}, bigSet},
		{"total-queue", TotalQueue{}, bigQueue}, {"total-queue-ordered", TotalQueue{ByOutcome: true, ExactlyOnce: true, Ordered: true}, bigQueue},
		{"unique-ids", UniqueIDs{}, bigIDs}, {"counter", CounterBounds{}, bigCounter},
		{"bank", Bank{}, bigBank}, {"bank-total", Bank{Total: &total}, bigBank}, {"long-fork", LongFork{}, bigFork},
	} {
		h := c.make(rand.New(rand.NewPCG(7, 7)), 1_000_000)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := c.checker.Check(context.Background(), Evidence{History: h}, Budget{}); r.Verdict != Pass {
					b.Fatal(r.Summary)
				}
			}
			b.ReportMetric(float64(len(h.Elements)+len(h.Micros)), "elements")
		})
	}
}
