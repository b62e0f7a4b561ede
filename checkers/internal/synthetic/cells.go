package synthetic

import (
	"math/rand/v2"

	"github.com/seatrial/seatrial/harness/history"
)

// Cells are the registers that a history's keys are, all of them one object: transactions
// of up to three reads and writes of unique values.
type Cells struct {
	held map[history.Key]history.Value
	last history.Value
}

// Model implements [System].
func (s *Cells) Model() string { return "multi-register" }

// Draw implements [System].
func (s *Cells) Draw(*rand.Rand, int) Request { return given(history.Txn, history.None) }

// Apply implements [System].
func (s *Cells) Apply(draw *rand.Rand, h *history.History, op *history.Op) {
	if s.held == nil {
		s.held = map[history.Key]history.Value{}
	}
	var steps []history.Micro
	for range 1 + draw.IntN(3) {
		m := history.Micro{Kind: history.Read, Key: history.Key(draw.IntN(len(h.Keys))), Value: history.None}
		if draw.IntN(2) == 0 {
			s.last++
			m.Kind, m.Value = history.Write, s.last
			s.held[m.Key] = m.Value
		} else if op.Outcome == history.OK {
			m.Value = history.Nil
			if v, found := s.held[m.Key]; found {
				m.Value = v
			}
		}
		steps = append(steps, m)
	}
	transaction(h, op, steps)
}

// PlantHalfRead makes a transaction, the first one after a place for which there is one,
// that saw what another one wrote to two registers see in one of them what a third had
// written, which had returned before that other was called. It returns its place, -1 where
// there is none.
func PlantHalfRead(h *history.History, after int) int {
	by := map[history.Value]*history.Op{} // who wrote a value
	wrote := func(op *history.Op, key history.Key) *history.Micro {
		var last *history.Micro
		steps := h.Transaction(op)
		for i := range steps {
			if m := &steps[i]; m.Kind == history.Write && m.Key == key {
				last = m
			}
		}
		return last
	}
	for i := range h.Ops {
		for _, m := range h.Transaction(&h.Ops[i]) {
			if m.Kind == history.Write {
				by[m.Value] = &h.Ops[i]
			}
		}
	}
	for i := after; i < len(h.Ops); i++ {
		r := &h.Ops[i]
		steps := h.Transaction(r)
		if r.Outcome != history.OK || len(steps) != 2 || steps[0].Kind != history.Read || steps[1].Kind != history.Read || steps[0].Key == steps[1].Key {
			continue
		}
		w := by[steps[0].Value]
		if w == nil || w != by[steps[1].Value] || w.Outcome != history.OK {
			continue
		}
		for j := i; j >= 0; j-- {
			old := &h.Ops[j]
			if m := wrote(old, steps[1].Key); m != nil && old.Outcome == history.OK && old.Return < w.Call {
				steps[1].Value = m.Value
				return i
			}
		}
	}
	return -1
}
