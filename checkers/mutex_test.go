package checkers

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// randomLocks draws clients that take a lock in turn, more or less, and write under it.
func randomLocks(t *testing.T) func(draw *rand.Rand) (*history.History, Checker) {
	return func(draw *rand.Rand) (*history.History, Checker) {
		keys := []string{"m", "x", "y"}
		if draw.IntN(2) == 0 {
			keys = append(keys, "n")
		}
		c := newCrowd(draw, 1+draw.IntN(4), keys...)
		spoil := 1 + draw.IntN(12)
		wrong := func() bool { return draw.IntN(spoil) == 0 && spoil < 9 }
		token := map[history.Key]history.Value{}
		holder, mine := map[history.Key]int32{}, map[[2]int32]history.Value{}
		free := map[history.Key]int64{}
		for range 3 + draw.IntN(12) {
			o := c.op(history.Acquire, 5, 8)
			lock := history.Key(0)
			if len(keys) == 4 && draw.IntN(2) == 0 {
				lock = 3
			}
			me := [2]int32{o.Process, int32(lock)}
			held, taken := holder[lock]
			switch {
			case taken && held == o.Process && draw.IntN(2) == 0:
				o.Key, o.Kind = lock, history.Release
				if o.Outcome != history.Fail {
					delete(holder, lock)
					free[lock] = o.Call
				}
			case (!taken && o.Outcome != history.Info && o.Return >= free[lock]) || wrong():
				o.Key = lock
				if o.Outcome == history.OK {
					token[lock]++
					if wrong() {
						token[lock] = max(1, token[lock]-1-history.Value(draw.IntN(2)))
					}
					holder[lock], mine[me] = o.Process, token[lock]
					if draw.IntN(8) > 0 {
						o.Result = token[lock]
					}
				}
			default:
				o.Kind, o.Key = history.Write, history.Key(1+draw.IntN(2))
				o.Value = history.Value(len(c.h.Ops))
				if v, had := mine[me]; had && (held == o.Process || wrong()) {
					o.Expect = v
				}
			}
			c.add(o)
		}
		return c.history(t), MutualExclusion{Lease: time.Duration(draw.IntN(3) * draw.IntN(12))}
	}
}

// locksDue is the definition, pair by pair.
func locksDue(h *history.History, c Checker) Verdict {
	lease := int64(c.(MutualExclusion).Lease)
	type holding struct {
		o        *history.Op
		from, to int64
		last     int // the operation that ended it; -1
	}
	var grants []holding
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Kind != history.Acquire || !ok(o) {
			continue
		}
		g := holding{o, o.Return, history.Open, -1}
		if lease > 0 {
			g.to = o.Call + lease
		}
		for j := i + 1; j < len(h.Ops); j++ {
			p := &h.Ops[j]
			if p.Process != o.Process {
				continue
			}
			if p.Outcome == history.Info || p.Kind == history.Release && p.Key == o.Key && p.Outcome != history.Fail {
				g.to = min(g.to, p.Call)
			}
			if p.Kind == history.Release && p.Key == o.Key && p.Outcome != history.Fail && g.last < 0 {
				g.last = j
			}
		}
		grants = append(grants, g)
	}
	due := Inconclusive
	index := func(o *history.Op) int {
		for i := range h.Ops {
			if &h.Ops[i] == o {
				return i
			}
		}
		return -1
	}
	for i, a := range grants {
		for j, b := range grants {
			if a.o.Key != b.o.Key || i == j {
				continue
			}
			ints := a.o.Result.IsInt() && b.o.Result.IsInt()
			if a.o.Process == b.o.Process {
				if i > j || !ints {
					continue
				}
				released := a.last >= 0 && a.last < index(b.o)
				if b.o.Result < a.o.Result || b.o.Result == a.o.Result && released {
					return Violation
				}
				continue
			}
			due = Pass
			if max(a.from, b.from) < min(a.to, b.to) {
				return Violation
			}
			if ints && (a.o.Result == b.o.Result || a.o.Return < b.o.Call && a.o.Result >= b.o.Result) {
				return Violation
			}
		}
	}
	if effectsDue(h) == Violation {
		return Violation
	}
	return due
}

func effectsDue(h *history.History) Verdict {
	locks := map[history.Key]bool{}
	for _, o := range h.Ops {
		if o.Kind == history.Acquire && o.Outcome == history.OK || o.Kind == history.Release && o.Outcome != history.Fail {
			locks[o.Key] = true
		}
	}
	of := func(w *history.Op) (history.Key, bool) {
		found := map[history.Key]bool{}
		for _, o := range h.Ops {
			if o.Kind == history.Acquire && o.Outcome == history.OK && o.Process == w.Process && o.Result == w.Expect {
				found[o.Key] = true
			}
		}
		if len(locks) == 1 {
			found = locks
		}
		for key := range found {
			return key, len(found) == 1
		}
		return 0, false
	}
	for i := range h.Ops {
		for j := range h.Ops {
			a, b := &h.Ops[i], &h.Ops[j]
			if a.Kind != history.Write || b.Kind != history.Write || !ok(a) || !ok(b) || !a.Expect.IsInt() || !b.Expect.IsInt() {
				continue
			}
			one, known := of(a)
			other, too := of(b)
			if known && too && one == other && a.Return < b.Call && a.Expect > b.Expect {
				return Violation
			}
		}
	}
	return Pass
}

func TestMutualExclusionAgreesWithItsDefinition(t *testing.T) {
	agree(t, 110, randomLocks(t), locksDue, func(_ *history.History, c Checker) Checker { return c })
}

func TestMutualExclusionIsNotChangedByWhatDoesNotMatter(t *testing.T) {
	unchanged(t, 111, randomLocks(t), map[string]func(h *history.History){
		"shifted": shiftTimes, "renamed": renameValues, "processes renamed": renameProcesses, "failed ones left out": dropFailed,
	})
}
