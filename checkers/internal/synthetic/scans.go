package synthetic

import (
	"fmt"
	"math/rand/v2"

	"github.com/seatrial/seatrial/harness/history"
)

// Systems that only scans judge. Streams and Locks are meant for a Load without unknown
// outcomes: a watcher that is retired does not come back, and neither does the lock of
// a client that is.

// Bank is eight accounts of 100 each. Half of the transactions read all of them, the
// others move money.
type Bank struct{ held []history.Value }

const accounts = 8

// Model implements [System].
func (s *Bank) Model() string { return "bank" }

// Draw implements [System].
func (s *Bank) Draw(*rand.Rand, int) Request { return given(history.Txn, history.None) }

// Apply implements [System].
func (s *Bank) Apply(draw *rand.Rand, h *history.History, op *history.Op) {
	for len(s.held) < accounts {
		s.held, h.Keys = append(s.held, 100), append(h.Keys, fmt.Sprintf("account%d", len(s.held)))
	}
	first := len(h.Keys) - accounts
	var steps []history.Micro
	if op.Outcome != history.OK || draw.IntN(2) == 0 {
		from, amount := draw.IntN(accounts), 1+history.Value(draw.IntN(5))
		to := (from + 1 + draw.IntN(accounts-1)) % accounts
		amount = min(amount, s.held[from])
		s.held[from] -= amount
		s.held[to] += amount
		steps = []history.Micro{
			{Kind: history.Add, Key: history.Key(first + from), Value: -amount},
			{Kind: history.Add, Key: history.Key(first + to), Value: amount},
		}
	} else {
		for account, balance := range s.held {
			steps = append(steps, history.Micro{Kind: history.Read, Key: history.Key(first + account), Value: balance})
		}
	}
	transaction(h, op, steps)
}

func transaction(h *history.History, op *history.Op, steps []history.Micro) {
	op.Offset, op.Count = uint32(len(h.Micros)), uint32(len(steps))
	h.Micros = append(h.Micros, steps...)
}

// Groups writes one key after the other, and reads the groups of three that are being
// written: what long forks are looked for in.
type Groups struct {
	first, written int // of the keys in the history, and how many have been written
}

const groupSize = 3

// Model implements [System].
func (s *Groups) Model() string { return "long-fork" }

// Draw implements [System].
func (s *Groups) Draw(*rand.Rand, int) Request { return given(history.Txn, history.None) }

// Apply implements [System].
func (s *Groups) Apply(draw *rand.Rand, h *history.History, op *history.Op) {
	if s.first == 0 {
		s.first = len(h.Keys)
	}
	if s.first+s.written+groupSize >= len(h.Keys) {
		for range groupSize {
			h.Keys = append(h.Keys, fmt.Sprintf("x%d", len(h.Keys)-s.first))
		}
	}
	if op.Outcome != history.OK || draw.IntN(3) == 0 {
		transaction(h, op, []history.Micro{{Kind: history.Write, Key: history.Key(s.first + s.written), Value: 1}})
		s.written++
		return
	}
	group := max(0, s.written-draw.IntN(20)) / groupSize * groupSize
	var steps []history.Micro
	for _, n := range draw.Perm(groupSize) {
		m := history.Micro{Kind: history.Read, Key: history.Key(s.first + group + n), Value: history.Nil}
		if group+n < s.written {
			m.Value = 1
		}
		steps = append(steps, m)
	}
	transaction(h, op, steps)
}

// Streams are published to by all and watched: each process watches one of them, from
// when it first looks.
type Streams struct {
	held  map[history.Key][]history.Value
	heard map[int32]int // by process: up to where
}

// Model implements [System].
func (s *Streams) Model() string { return "append-list" }

// Draw implements [System].
func (s *Streams) Draw(draw *rand.Rand, n int) Request {
	if draw.IntN(2) == 0 {
		return given(history.Append, history.Value(n+1))
	}
	return given(history.ReadLocal, history.None)
}

// Apply implements [System].
func (s *Streams) Apply(_ *rand.Rand, h *history.History, op *history.Op) {
	if s.held == nil {
		s.held, s.heard = map[history.Key][]history.Value{}, map[int32]int{}
	}
	if op.Kind == history.Append {
		s.held[op.Key] = append(s.held[op.Key], op.Value)
		return
	}
	op.Key = history.Key(int(op.Process) % len(h.Keys))
	stream := s.held[op.Key]
	from, watches := s.heard[op.Process]
	if !watches {
		from = len(stream)
	}
	s.heard[op.Process] = len(stream)
	if news := stream[from:]; len(news) > 0 {
		op.Offset, op.Count = uint32(len(h.Elements)), uint32(len(news))
		h.Elements = append(h.Elements, news...)
	}
}

// Locks are taken, with tokens that grow, and released again. Who asks for one that
// is taken is told that it can't have it.
type Locks struct {
	held   map[history.Key]bool
	holds  map[int32]history.Key
	tokens map[history.Key]history.Value
}

// Model implements [System].
func (s *Locks) Model() string { return "mutex" }

// Draw implements [System].
func (s *Locks) Draw(*rand.Rand, int) Request { return given(history.Acquire, history.None) }

// Apply implements [System].
func (s *Locks) Apply(_ *rand.Rand, _ *history.History, op *history.Op) {
	if s.held == nil {
		s.held, s.holds, s.tokens = map[history.Key]bool{}, map[int32]history.Key{}, map[history.Key]history.Value{}
	}
	if key, holds := s.holds[op.Process]; holds {
		op.Kind, op.Key = history.Release, key
		delete(s.holds, op.Process)
		s.held[key] = false
		return
	}
	switch {
	case !s.held[op.Key]:
		s.held[op.Key], s.holds[op.Process] = true, op.Key
		if s.tokens[op.Key]++; op.Outcome == history.OK {
			op.Result = s.tokens[op.Key]
		}
	case op.Outcome == history.OK:
		op.Outcome = history.Fail
	}
}
