package synthetic

import (
	"math/rand/v2"

	"github.com/seatrial/seatrial/harness/history"
)

func given(kind history.Kind, value history.Value) Request {
	return Request{Kind: kind, Value: value, Expect: history.None}
}

// Registers are read, written with unique values, and swapped.
type Registers struct {
	// Values is how many values there are, from 0 on, where they are not unique: then a
	// compare-and-set expects any of them, and most are refused.
	Values int
	// Swaps is the share of compare-and-sets. A quarter of them expects what is
	// not there.
	Swaps float64
	// Silent says that a refused compare-and-set does not say what it saw.
	Silent bool

	held map[history.Key]history.Value
}

// Model implements [System].
func (s *Registers) Model() string { return "cas-register" }

// Draw implements [System].
func (s *Registers) Draw(draw *rand.Rand, n int) Request {
	value := func() history.Value {
		if s.Values > 0 {
			return history.Value(draw.IntN(s.Values))
		}
		return history.Value(n + 1)
	}
	switch r := draw.Float64(); {
	case r < s.Swaps && s.Values > 0:
		return Request{history.CAS, value(), value()}
	case r < s.Swaps:
		guess := history.None // Apply fills it in with what is there
		if draw.IntN(4) == 0 {
			guess = history.Value(draw.IntN(n + 1))
		}
		return Request{history.CAS, history.Value(n + 1), guess}
	case r < (1+s.Swaps)/2:
		return given(history.Write, value())
	default:
		return given(history.Read, history.None)
	}
}

// Apply implements [System].
func (s *Registers) Apply(_ *rand.Rand, _ *history.History, op *history.Op) {
	if s.held == nil {
		s.held = map[history.Key]history.Value{}
	}
	have, found := s.held[op.Key]
	if !found {
		have = history.Nil
	}
	switch op.Kind {
	case history.Read:
		op.Result = have
		return
	case history.CAS:
		if op.Expect == history.None {
			op.Expect = have
		}
		if op.Expect != have {
			op.Mismatch = op.Outcome == history.OK
			if op.Mismatch && !s.Silent {
				op.Result = have
			}
			return
		}
	}
	s.held[op.Key] = op.Value
}

// Queues are FIFO queues of unique elements.
type Queues struct {
	held map[history.Key][]history.Value
}

// Model implements [System].
func (s *Queues) Model() string { return "fifo-queue" }

// Draw implements [System].
func (s *Queues) Draw(draw *rand.Rand, n int) Request {
	if draw.IntN(2) == 0 {
		return given(history.Enqueue, history.Value(n+1))
	}
	return given(history.Dequeue, history.None)
}

// Apply implements [System].
func (s *Queues) Apply(_ *rand.Rand, _ *history.History, op *history.Op) {
	if s.held == nil {
		s.held = map[history.Key][]history.Value{}
	}
	q := s.held[op.Key]
	switch {
	case op.Kind == history.Enqueue:
		s.held[op.Key] = append(q, op.Value)
	case len(q) == 0:
		op.Result = history.Nil
	default:
		op.Result = q[0]
		s.held[op.Key] = q[1:]
	}
}

// DrainQueues appends, for each queue of a history, a drain that takes what is left
// in it.
func DrainQueues(h *history.History) {
	taken := map[history.Value]bool{}
	last, process := int64(0), int32(0)
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Kind == history.Dequeue && op.Outcome == history.OK {
			taken[op.Result] = true
		}
		if op.Return != history.Open {
			last = max(last, op.Return)
		}
		last, process = max(last, op.Call), max(process, op.Process)
	}
	left := make([][]history.Value, len(h.Keys))
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Kind == history.Enqueue && op.Outcome == history.OK && !taken[op.Value] {
			left[op.Key] = append(left[op.Key], op.Value)
		}
	}
	for key, elements := range left {
		process++
		h.Ops = append(h.Ops, history.Op{
			Call: last + 1, Return: last + 2, Key: history.Key(key), Process: process, Kind: history.Drain, Outcome: history.OK,
			Value: history.None, Expect: history.None, Result: history.None,
			Offset: uint32(len(h.Elements)), Count: uint32(len(elements)),
		})
		h.Elements = append(h.Elements, elements...)
	}
}

// Counters are added to, by one to five at a time, and read.
type Counters struct {
	held map[history.Key]history.Value
}

// Model implements [System].
func (s *Counters) Model() string { return "counter" }

// Draw implements [System].
func (s *Counters) Draw(draw *rand.Rand, _ int) Request {
	if draw.IntN(2) == 0 {
		return given(history.Add, history.Value(1+draw.IntN(5)))
	}
	return given(history.Read, history.None)
}

// Apply implements [System].
func (s *Counters) Apply(_ *rand.Rand, _ *history.History, op *history.Op) {
	if s.held == nil {
		s.held = map[history.Key]history.Value{}
	}
	if op.Kind == history.Add {
		s.held[op.Key] += op.Value
	} else {
		op.Result = s.held[op.Key]
	}
}

// Maxima are cells that keep the largest value written: a model of one's own, as a
// user would write it.
type Maxima struct {
	held map[history.Key]history.Value
}

// Model implements [System].
func (s *Maxima) Model() string { return "max-register" }

// Draw implements [System].
func (s *Maxima) Draw(draw *rand.Rand, n int) Request {
	if draw.IntN(2) == 0 {
		return given(history.Write, history.Value(n+draw.IntN(20)))
	}
	return given(history.Read, history.None)
}

// Apply implements [System].
func (s *Maxima) Apply(_ *rand.Rand, _ *history.History, op *history.Op) {
	if s.held == nil {
		s.held = map[history.Key]history.Value{}
	}
	if op.Kind == history.Write {
		s.held[op.Key] = max(s.held[op.Key], op.Value)
	} else {
		op.Result = s.held[op.Key]
	}
}

// Sets are grown by unique elements, and read as a whole once in Every operations.
type Sets struct {
	Every int

	held map[history.Key][]history.Value
}

// Model implements [System].
func (s *Sets) Model() string { return "append-list" }

// Draw implements [System].
func (s *Sets) Draw(_ *rand.Rand, n int) Request {
	if (n+1)%s.Every == 0 {
		return given(history.ReadList, history.None)
	}
	return given(history.Append, history.Value(n+1))
}

// Apply implements [System].
func (s *Sets) Apply(_ *rand.Rand, h *history.History, op *history.Op) {
	if s.held == nil {
		s.held = map[history.Key][]history.Value{}
	}
	if op.Kind == history.Append {
		s.held[op.Key] = append(s.held[op.Key], op.Value)
		return
	}
	op.Offset, op.Count = uint32(len(h.Elements)), uint32(len(s.held[op.Key]))
	h.Elements = append(h.Elements, s.held[op.Key]...)
}

// ReadSets appends, for each set of a history, a read after everything else.
func ReadSets(h *history.History) {
	held := make([][]history.Value, len(h.Keys))
	last, process := int64(0), int32(0)
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Kind == history.Append && op.Outcome == history.OK {
			held[op.Key] = append(held[op.Key], op.Value)
		}
		if op.Return != history.Open {
			last = max(last, op.Return)
		}
		last, process = max(last, op.Call), max(process, op.Process)
	}
	for key, elements := range held {
		process++
		h.Ops = append(h.Ops, history.Op{
			Call: last + 1, Return: last + 2, Key: history.Key(key), Process: process, Kind: history.ReadList, Outcome: history.OK,
			Value: history.None, Expect: history.None, Result: history.None,
			Offset: uint32(len(h.Elements)), Count: uint32(len(elements)),
		})
		h.Elements = append(h.Elements, elements...)
	}
}

// IDs hands out identifiers.
type IDs struct{ last history.Value }

// Model implements [System].
func (s *IDs) Model() string { return "unique-ids" }

// Draw implements [System].
func (s *IDs) Draw(*rand.Rand, int) Request { return given(history.Generate, history.None) }

// Apply implements [System].
func (s *IDs) Apply(_ *rand.Rand, _ *history.History, op *history.Op) {
	s.last++
	op.Result = s.last
}
