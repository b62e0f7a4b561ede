package txn

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/history/differential"
)

// differentialCount is how many random histories a differential test judges.
func differentialCount(t *testing.T) int { return differential.Count(t, 20_000) }

// brute judges by trying all orders; it knows nothing of graphs.
type brute struct {
	h *history.History
	// before says that one transaction must come before another.
	before func(a, b int) bool
	// snapshots allows a transaction to read an older state, if nobody has committed
	// a write since to a key that it writes.
	snapshots bool
	// fresh says that what must come before must also be in the snapshot.
	fresh bool

	commits []int // which transactions committed, in their order
	done    uint
	states  []map[history.Key][]history.Value // after each commit
	wrote   []map[history.Key]bool            // by each commit
	first   history.Value
}

func (b *brute) possible() bool {
	b.states, b.wrote, b.done = []map[history.Key][]history.Value{{}}, nil, 0
	return b.search()
}

func (b *brute) search() bool {
	all := true
	for i := range b.h.Ops {
		all = all && (b.done>>i&1 == 1 || b.h.Ops[i].Outcome != history.OK)
	}
	if all {
		return true
	}
	for i := range b.h.Ops {
		if b.done>>i&1 == 1 || b.h.Ops[i].Outcome == history.Fail || !b.mayBeNext(i) {
			continue
		}
		for from := len(b.states) - 1; from >= 0; from-- {
			if b.fresh && from < len(b.commits) && b.before(b.commits[from], i) {
				break
			}
			state, wrote, fits := b.run(i, from)
			if fits {
				b.done |= 1 << i
				b.states, b.wrote, b.commits = append(b.states, state), append(b.wrote, wrote), append(b.commits, i)
				if b.search() {
					return true
				}
				b.done &^= 1 << i
				b.states, b.wrote = b.states[:len(b.states)-1], b.wrote[:len(b.wrote)-1]
				b.commits = b.commits[:len(b.commits)-1]
			}
			if !b.snapshots {
				break
			}
		}
	}
	return false
}

func (b *brute) mayBeNext(i int) bool {
	for j := range b.h.Ops {
		if b.done>>j&1 == 1 && b.before(i, j) {
			return false
		}
		if b.done>>j&1 == 0 && b.h.Ops[j].Outcome == history.OK && b.before(j, i) {
			return false
		}
	}
	return true
}

// run runs a transaction on a state and returns the state after it.
func (b *brute) run(i, from int) (map[history.Key][]history.Value, map[history.Key]bool, bool) {
	view, wrote := maps.Clone(b.states[from]), map[history.Key]bool{}
	for _, m := range b.h.Transaction(&b.h.Ops[i]) {
		switch m.Kind {
		case history.Append:
			view[m.Key] = append(slices.Clone(view[m.Key]), m.Value)
			wrote[m.Key] = true
		case history.Write:
			view[m.Key] = []history.Value{m.Value}
			wrote[m.Key] = true
		case history.ReadList:
			if m.Listed && !slices.Equal(view[m.Key], b.h.MicroList(&m)) {
				return nil, nil, false
			}
		case history.Read:
			now := b.first
			if len(view[m.Key]) > 0 {
				now = view[m.Key][0]
			}
			if m.Value != history.None && m.Value != now {
				return nil, nil, false
			}
		}
	}
	after := maps.Clone(b.states[len(b.states)-1])
	for key := range wrote {
		for _, others := range b.wrote[from:] {
			if others[key] {
				return nil, nil, false
			}
		}
		after[key] = view[key]
	}
	return after, wrote, true
}

func anyOrder(int, int) bool { return false }

func bruteRealtime(h *history.History) func(a, b int) bool {
	return func(a, b int) bool {
		return h.Ops[a].Return < h.Ops[b].Call || bruteSession(h)(a, b)
	}
}

func bruteSession(h *history.History) func(a, b int) bool {
	return func(a, b int) bool { return a < b && h.Ops[a].Process == h.Ops[b].Process }
}

// listing writes a history for a failing test.
func listing(h *history.History) string {
	var b strings.Builder
	for i := range h.Ops {
		o := &h.Ops[i]
		fmt.Fprintf(&b, "%2d p%d [%d, %d] %s\n", i, o.Process, o.Call, o.Return, h.Describe(i))
	}
	return b.String()
}

// world runs a random small history on a system that keeps its promises, or breaks
// them.
type world struct {
	draw      *rand.Rand
	registers bool
	keys      int
	b         *history.Builder
	states    []map[int][]int64 // committed
	count     map[int]int64
}

// randomTransactions makes up to most transactions of up to three steps each.
func randomTransactions(draw *rand.Rand, registers bool, most int) *history.History {
	w := &world{draw: draw, registers: registers, keys: 1 + draw.IntN(3), count: map[int]int64{}, states: []map[int][]int64{{}}}
	w.b = history.NewBuilder(history.Header{})
	free := make([]int64, 1+draw.IntN(4)) // when each client is free again
	process := make([]int32, len(free))
	next := int32(0)
	for i := range process {
		process[i], next = next, next+1
	}
	level := draw.IntN(6)
	now := int64(0)
	for range 2 + draw.IntN(most-1) {
		client := draw.IntN(len(free))
		call := max(free[client], now-int64(draw.IntN(6)))
		ret := max(call, now) + int64(draw.IntN(6))
		now = max(now, call) + int64(draw.IntN(3))
		outcome := history.OK
		switch draw.IntN(10) {
		case 0:
			outcome = history.Info
		case 1:
			outcome = history.Fail
		}
		w.b.Txn(process[client], outcome, call, ret, w.transaction(level, outcome)...)
		free[client] = ret + int64(draw.IntN(2))
		if outcome == history.Info {
			process[client], next = next, next+1
		}
	}
	return w.b.History()
}

// transaction runs one at the level: 0 and 1 serially, 2 on an older snapshot, 3 on
// what is committed, 4 each step on some older state, 5 with any luck at all.
func (w *world) transaction(level int, outcome history.Outcome) []history.Step {
	newest := w.states[len(w.states)-1]
	view, after := newest, maps.Clone(newest)
	older := func() map[int][]int64 { return w.states[max(0, len(w.states)-1-w.draw.IntN(3))] }
	if level >= 2 && level != 3 {
		view = older()
	}
	own := map[int][]int64{}
	var steps []history.Step
	for range 1 + w.draw.IntN(3) {
		if level >= 4 {
			view = older()
		}
		key := w.draw.IntN(w.keys)
		if w.draw.IntN(2) == 0 {
			w.count[key]++
			own[key] = append(own[key], w.count[key])
			steps = append(steps, w.write(key, w.count[key]))
			continue
		}
		seen := slices.Concat(view[key], own[key])
		if level == 5 && w.draw.IntN(4) == 0 && len(seen) > 0 {
			seen = slices.Delete(slices.Clone(seen), 0, 1)
			if w.draw.IntN(3) == 0 {
				seen = append(seen, int64(w.draw.IntN(5)))
			}
		}
		steps = append(steps, w.read(key, seen, outcome))
	}
	happened := outcome == history.OK || outcome == history.Info && w.draw.IntN(2) == 0 || w.draw.IntN(12) == 0
	if happened {
		for key := range w.keys {
			values := own[key]
			if len(values) == 0 {
				continue
			}
			after[key] = slices.Concat(newest[key], values)
			if level == 5 && w.draw.IntN(6) == 0 {
				after[key] = slices.Concat(newest[key], values[:1])
			}
		}
		w.states = append(w.states, after)
	}
	return steps
}

func (w *world) write(key int, value int64) history.Step {
	if w.registers {
		return history.Writes(strconv.Itoa(key), history.Int(value))
	}
	return history.Appends(strconv.Itoa(key), history.Int(value))
}

func (w *world) read(key int, seen []int64, outcome history.Outcome) history.Step {
	name := strconv.Itoa(key)
	switch {
	case outcome != history.OK && w.registers:
		return history.Reads(name, history.None)
	case outcome != history.OK:
		return history.Asks(name)
	case w.registers && len(seen) == 0:
		return history.Reads(name, history.Nil)
	case w.registers:
		return history.Reads(name, history.Int(seen[len(seen)-1]))
	}
	list := make([]history.Value, len(seen))
	for i, v := range seen {
		list[i] = history.Int(v)
	}
	return history.Lists(name, list...)
}
