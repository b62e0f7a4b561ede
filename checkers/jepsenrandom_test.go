package checkers

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// simOp is an operation with the instant at which it takes effect, if it does.
type simOp struct {
	op      history.Op
	at      int64
	happens bool
	list    []history.Value
	steps   []history.Micro
}

// simulation makes a history: ask says what operations are called, in the order of
// the calls of each client, and effect what they do, in the order of their instants.
type simulation struct {
	draw                 *rand.Rand
	count, clients, keys int
	step                 int64   // the usual time between calls; 0: of a few nanoseconds, with ties
	unknown, failed      float64 // shares
	ask                  func(o *simOp)
	effect               func(o *simOp)
	names                []string // of keys
	processes            int32    // how many there were, when it is done
}

func (s *simulation) history() *history.History {
	ops := s.plan()
	order := make([]int32, len(ops))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(ops[a].at, ops[b].at) })
	for _, i := range order {
		s.effect(&ops[i])
	}
	slices.SortStableFunc(ops, func(a, b simOp) int { return cmp.Compare(a.op.Call, b.op.Call) })
	h := &history.History{Keys: s.names}
	if h.Keys == nil {
		for k := range max(1, s.keys) {
			h.Keys = append(h.Keys, fmt.Sprintf("k%d", k))
		}
	}
	for i := range ops {
		o := &ops[i]
		if len(o.list) > 0 {
			o.op.Offset, o.op.Count = uint32(len(h.Elements)), uint32(len(o.list))
			h.Elements = append(h.Elements, o.list...)
		}
		if len(o.steps) > 0 {
			o.op.Offset, o.op.Count = uint32(len(h.Micros)), uint32(len(o.steps))
			for _, m := range o.steps {
				if m.Kind == history.Read && o.op.Outcome != history.OK {
					m.Value = history.None
				}
				h.Micros = append(h.Micros, m)
			}
		}
		h.Ops = append(h.Ops, o.op)
	}
	return h
}

func (s *simulation) plan() []simOp {
	free, process := make([]int64, s.clients), make([]int32, s.clients)
	for i := range process {
		process[i] = int32(i)
	}
	s.processes = int32(s.clients)
	ops := make([]simOp, 0, s.count)
	small := s.step == 0
	for i := range s.count {
		c := i % s.clients
		call, took := free[c]+s.draw.Int64N(s.step+1), 1+s.draw.Int64N(2*s.step+1)
		if small {
			c = s.draw.IntN(s.clients)
			call, took = free[c]+s.draw.Int64N(4), s.draw.Int64N(5)
		}
		o := simOp{op: history.Op{Call: call, Return: call + took, Process: process[c], Outcome: history.OK,
			Value: history.None, Expect: history.None, Result: history.None}, at: call + s.draw.Int64N(took+1), happens: true}
		free[c] = o.op.Return
		if s.keys > 1 {
			o.op.Key = history.Key(s.draw.IntN(s.keys))
		}
		switch r := s.draw.Float64(); {
		case r < s.unknown:
			o.op.Outcome, o.op.Return = history.Info, history.Open
			o.at, o.happens = o.at+s.draw.Int64N(5*took+10), s.draw.IntN(2) == 0
			process[c] = s.processes
			s.processes++
		case r < s.unknown+s.failed:
			o.op.Outcome, o.happens = history.Fail, false
		}
		s.ask(&o)
		ops = append(ops, o)
	}
	return ops
}

func (o *simOp) answered() bool { return o.op.Outcome == history.OK }

// smallSim is a simulation of a handful of operations, in which a third of all
// calls have no good end.
func smallSim(draw *rand.Rand) *simulation {
	return &simulation{draw: draw, count: 2 + draw.IntN(11), clients: 1 + draw.IntN(4), keys: 1 + draw.IntN(2)*draw.IntN(2), unknown: 0.15, failed: 0.1}
}

func listOf(h *history.History) string {
	var b strings.Builder
	for i := range h.Ops {
		fmt.Fprintf(&b, "%3d  p%-3d [%d, %d] %s\n", i, h.Ops[i].Process, h.Ops[i].Call, h.Ops[i].Return, h.Describe(i))
	}
	return b.String()
}

// small histories, half of them correct and half with answers that are not

func randomSet(draw *rand.Rand) *history.History {
	s := smallSim(draw)
	held := make([][]history.Value, s.keys)
	wild, value := draw.IntN(2) == 0, history.Value(0)
	repeat := draw.IntN(3) == 0
	reads := 1 + draw.IntN(6)
	s.ask = func(o *simOp) {
		if o.op.Kind = history.Append; draw.IntN(10) < reads {
			o.op.Kind = history.ReadList
			return
		}
		if value++; repeat && draw.IntN(3) == 0 {
			value = max(1, value-1-history.Value(draw.IntN(2)))
		}
		o.op.Value = value
	}
	s.effect = func(o *simOp) {
		list := &held[o.op.Key]
		switch {
		case o.op.Kind == history.Append && o.happens && !slices.Contains(*list, o.op.Value):
			*list = append(*list, o.op.Value)
		case o.op.Kind == history.ReadList && o.answered():
			o.list = slices.Clone(*list)
			if wild {
				o.list = spoilList(draw, o.list, value)
			}
		}
	}
	h := s.history()
	if draw.IntN(3) == 0 { // times of a size at which milliseconds matter
		scale := []int64{300_000, 1_000_000}[draw.IntN(2)]
		for i := range h.Ops {
			h.Ops[i].Call *= scale
			if h.Ops[i].Return != history.Open {
				h.Ops[i].Return *= scale
			}
		}
	}
	return h
}

func spoilList(draw *rand.Rand, list []history.Value, most history.Value) []history.Value {
	for range draw.IntN(3) {
		v := history.Value(draw.Int64N(int64(most) + 2))
		switch draw.IntN(8) {
		case 0:
			list = append(list, v)
		case 1:
			if len(list) > 0 {
				list = append(list, list[0])
			}
		default:
			list = slices.DeleteFunc(list, func(x history.Value) bool { return x == v })
		}
	}
	return list
}

func randomTotalQueue(draw *rand.Rand) *history.History {
	s := smallSim(draw)
	held := make([][]history.Value, s.keys)
	wild, value := draw.IntN(2) == 0, history.Value(0)
	repeat := draw.IntN(4) == 0
	s.ask = func(o *simOp) {
		switch draw.IntN(10) {
		case 0, 1, 2, 3, 4:
			if value++; repeat && draw.IntN(3) == 0 {
				value = max(1, value-1)
			}
			o.op.Kind, o.op.Value = history.Enqueue, value
			if draw.IntN(60) == 0 {
				o.op.Value = history.Nil
			}
		case 5:
			o.op.Kind = history.Drain
		default:
			o.op.Kind = history.Dequeue
		}
	}
	s.effect = func(o *simOp) {
		q := &held[o.op.Key]
		if !o.happens {
			return
		}
		if wild && len(*q) > 0 {
			switch at := draw.IntN(len(*q)); draw.IntN(12) {
			case 0:
				*q = slices.Delete(slices.Clone(*q), at, at+1)
			case 1:
				*q = append(*q, (*q)[at])
			case 2, 3:
				(*q)[0], (*q)[at] = (*q)[at], (*q)[0]
			case 4:
				*q = append(*q, history.Value(draw.Int64N(int64(value)+2)))
			}
		}
		switch o.op.Kind {
		case history.Enqueue:
			*q = append(*q, o.op.Value)
		case history.Drain:
			if o.answered() {
				o.list = slices.Clone(*q)
			}
			*q = nil
		case history.Dequeue:
			result := history.Nil
			if len(*q) > 0 {
				result, *q = (*q)[0], slices.Clone((*q)[1:])
			}
			if o.answered() && draw.IntN(20) > 0 {
				o.op.Result = result
			}
		}
	}
	return s.history()
}

func randomIDs(draw *rand.Rand) *history.History {
	s := smallSim(draw)
	span := []int64{3, 10, 1000}[draw.IntN(3)]
	s.ask = func(o *simOp) { o.op.Kind = history.Generate }
	s.effect = func(o *simOp) {
		if o.answered() && draw.IntN(20) > 0 {
			o.op.Result = history.Value(draw.Int64N(span) - span/4)
		}
		if o.answered() && draw.IntN(40) == 0 {
			o.op.Result = history.Nil
		}
	}
	return s.history()
}

func randomCounter(draw *rand.Rand) *history.History {
	s := smallSim(draw)
	held := make([]int64, s.keys)
	initial := draw.Int64N(2) * draw.Int64N(5)
	for i := range held {
		held[i] = initial
	}
	wild, low := draw.IntN(2) == 0, draw.Int64N(2)*4
	s.ask = func(o *simOp) {
		if o.op.Kind = history.Read; draw.IntN(2) == 0 {
			o.op.Kind, o.op.Value = history.Add, history.Value(draw.Int64N(6)-low)
		}
	}
	s.effect = func(o *simOp) {
		switch {
		case o.op.Kind == history.Add && o.happens:
			held[o.op.Key] += int64(o.op.Value)
		case o.op.Kind == history.Read && o.answered() && draw.IntN(30) > 0:
			o.op.Result = history.Value(held[o.op.Key])
			if wild && draw.IntN(3) == 0 {
				o.op.Result += history.Value(draw.Int64N(9) - 4)
			}
			if held[o.op.Key] == initial && draw.IntN(5) == 0 {
				o.op.Result = history.Nil
			}
			if draw.IntN(200) == 0 {
				o.op.Result = history.StringValue(0)
			}
		}
	}
	h := s.history()
	h.Header.Initial, h.Strings = initial, []string{"many"}
	return h
}

func randomBank(draw *rand.Rand) *history.History {
	s := smallSim(draw)
	accounts := 1 + draw.IntN(3)
	s.names = []string{"", "other"}
	for a := range accounts + 1 {
		s.names = append(s.names, fmt.Sprintf("a%d", a))
	}
	s.keys = min(s.keys, 2)
	balance := make([][]history.Value, 2)
	for i := range balance {
		for range accounts {
			balance[i] = append(balance[i], 10)
		}
	}
	wild, debt := draw.IntN(2) == 0, draw.IntN(4) == 0
	s.ask = func(o *simOp) {
		o.op.Kind = history.Txn
		if draw.IntN(2) == 0 && accounts > 1 {
			from, amount := draw.IntN(accounts), 1+history.Value(draw.IntN(8))
			o.steps = []history.Micro{{Kind: history.Add, Key: history.Key(2 + from), Value: -amount}, {Kind: history.Add, Key: history.Key(2 + (from+1)%accounts), Value: amount}}
			return
		}
		for a := range accounts {
			o.steps = append(o.steps, history.Micro{Kind: history.Read, Key: history.Key(2 + a), Value: history.None})
		}
		if draw.IntN(30) == 0 {
			o.steps = append(o.steps, history.Micro{Kind: history.Read, Key: 2, Value: history.None})
		}
	}
	s.effect = func(o *simOp) {
		held := balance[o.op.Key]
		for i := range o.steps {
			m := &o.steps[i]
			switch {
			case m.Kind == history.Read && o.answered():
				m.Value = held[m.Key-2]
				if wild {
					spoilBalance(draw, m, accounts)
				}
			case m.Kind == history.Add && o.happens && (debt || held[o.steps[0].Key-2]+o.steps[0].Value >= 0 || i > 0):
				held[m.Key-2] += m.Value
			case m.Kind == history.Add:
				return // refused for want of money, or never happened
			}
		}
		if wild && o.answered() && draw.IntN(20) == 0 && o.steps[0].Kind == history.Read {
			o.steps = o.steps[1:]
		}
	}
	h := s.history()
	h.Strings = []string{"much"}
	return h
}

func spoilBalance(draw *rand.Rand, m *history.Micro, accounts int) {
	switch draw.IntN(40) {
	case 0, 1:
		m.Value++
	case 2:
		m.Value = history.Nil
	case 3:
		m.Value = history.None
	case 4:
		m.Key = history.Key(2 + accounts)
	case 5:
		m.Value -= 20
	case 6:
		if draw.IntN(4) == 0 {
			m.Value = history.StringValue(0)
		}
	}
}

func randomFork(draw *rand.Rand) *history.History {
	s := smallSim(draw)
	s.names = []string{"", "other", "a", "b", "c", "d", "e", "f"}
	s.keys = min(s.keys, 2)
	size := []int{1, 2, 2, 2, 3, 4}[draw.IntN(6)]
	next, written := 0, [2][8]history.Value{}
	for p := range written {
		for k := range written[p] {
			written[p][k] = history.Nil
		}
	}
	wild, sloppy := draw.IntN(2) == 0, draw.IntN(6) == 0
	s.ask = func(o *simOp) {
		o.op.Kind = history.Txn
		if draw.IntN(3) == 0 && (next < 6 || sloppy) {
			o.steps = []history.Micro{{Kind: history.Write, Key: history.Key(2 + next%6), Value: history.Value(1 + draw.IntN(2))}}
			if next++; sloppy && draw.IntN(3) == 0 {
				next--
			}
			if draw.IntN(20) == 0 {
				o.steps = append(o.steps, history.Micro{Kind: history.Write, Key: 2, Value: 1})
			}
			return
		}
		group, n := draw.IntN(2)*draw.IntN(2)*size%6, size
		if sloppy && draw.IntN(5) == 0 {
			n++
		}
		for _, k := range draw.Perm(n) {
			o.steps = append(o.steps, history.Micro{Kind: history.Read, Key: history.Key(2 + (group+k)%6), Value: history.None})
		}
	}
	s.effect = func(o *simOp) {
		for i := range o.steps {
			m := &o.steps[i]
			switch {
			case m.Kind == history.Write && o.happens:
				written[o.op.Key][m.Key] = m.Value
			case m.Kind == history.Read && o.answered():
				m.Value = written[o.op.Key][m.Key]
				if wild && draw.IntN(3) == 0 {
					m.Value = []history.Value{history.Nil, 1, 1}[draw.IntN(3)]
				}
				if draw.IntN(100) == 0 {
					m.Value = history.None
				}
			}
		}
	}
	return s.history()
}
