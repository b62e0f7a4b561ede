package checkers

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// forkGroups are the sets of keys that are read together, all of one size.
//
// Reads of a group are without a fork if and only if what they saw written is a
// chain, each a part of the next. It takes one read for each number of written
// keys to find out: another read that saw as many must have seen the same ones, and
// each must be a part of the next larger.
type forkGroups struct {
	size, count int
	byFirst     []int32 // by key: one more than the number of the group that was the first to begin with it
	slots       []int32 // of the others: one more than the number of a group; 0 is free
	hashed      int     // how many these are
	keys        []history.Key
	values      []history.Value // what a key was seen with first; Nil before that
	reads       []int32         // size+1 a group: a read by its number of written keys
	masks       []uint64        // what these saw
	forks       [][2]int32      // of a group: two reads; none where there is no fork
}

func (g *forkGroups) reset(keys int) {
	g.count, g.hashed, g.slots, g.byFirst = 0, 0, make([]int32, 64), resized(g.byFirst, keys)
	g.keys, g.values, g.reads, g.masks, g.forks = g.keys[:0], g.values[:0], g.reads[:0], g.masks[:0], g.forks[:0]
}

func (g *forkGroups) words() int { return (g.size + 63) / 64 }

// bytes is what a group takes, twice where slices grow.
func (g *forkGroups) bytes() int64 {
	return 2 * int64(4*4+8+(4+8)*g.size+(g.size+1)*(4+8*g.words()))
}

func (g *forkGroups) keysOf(n int32) []history.Key { return g.keys[int(n)*g.size : (int(n)+1)*g.size] }

func (g *forkGroups) slot(keys []history.Key) int {
	hash := uint64(0)
	for _, key := range keys {
		hash = (hash ^ uint64(key)) * 0x9e3779b97f4a7c15
		hash ^= hash >> 32
	}
	return int(hash) & (len(g.slots) - 1)
}

// at returns the number of a group, which it makes if need be. Nearly always no two
// groups begin with the same key; those that do are told apart by a hash.
func (g *forkGroups) at(keys []history.Key) (n int32, isNew bool) {
	if len(keys) > 0 {
		first := &g.byFirst[keys[0]]
		if *first == 0 {
			*first = int32(g.count + 1)
			return g.add(keys), true
		}
		if n := *first - 1; slices.Equal(g.keysOf(n), keys) {
			return n, false
		}
	}
	i := g.slot(keys)
	for ; g.slots[i] != 0; i = (i + 1) & (len(g.slots) - 1) {
		if n := g.slots[i] - 1; slices.Equal(g.keysOf(n), keys) {
			return n, false
		}
	}
	g.slots[i] = int32(g.count + 1)
	n = g.add(keys)
	if g.hashed++; 2*g.hashed > len(g.slots) {
		g.grow()
	}
	return n, true
}

// add makes a group.
func (g *forkGroups) add(keys []history.Key) int32 {
	g.keys = append(g.keys, keys...)
	for range g.size {
		g.values = append(g.values, history.Nil)
	}
	for range g.size + 1 {
		g.reads = append(g.reads, none)
		for range g.words() {
			g.masks = append(g.masks, 0)
		}
	}
	g.forks = append(g.forks, [2]int32{none, none})
	g.count++
	return int32(g.count - 1)
}

func (g *forkGroups) grow() {
	old := g.slots
	g.slots = make([]int32, 2*len(old))
	for _, group := range old {
		if group == 0 {
			continue
		}
		i := g.slot(g.keysOf(group - 1))
		for g.slots[i] != 0 {
			i = (i + 1) & (len(g.slots) - 1)
		}
		g.slots[i] = group
	}
}

// step is the place of a group's entry for a number of written keys.
func (g *forkGroups) step(n int32, written int) int { return int(n)*(g.size+1) + written }

func (g *forkGroups) maskAt(step int) []uint64 { return g.masks[step*g.words() : (step+1)*g.words()] }

// note adds a read to its group.
func (g *forkGroups) note(n int32, written int, mask []uint64, place int32) {
	step := g.step(n, written)
	if g.reads[step] == none {
		g.reads[step] = place
		copy(g.maskAt(step), mask)
	} else if g.forks[n][0] == none && !slices.Equal(g.maskAt(step), mask) {
		g.forks[n] = [2]int32{g.reads[step], place}
	}
}

// chain looks for a fork between reads that saw different numbers of keys written.
func (g *forkGroups) chain(n int32) {
	last := none
	for written := 0; written <= g.size && g.forks[n][0] == none; written++ {
		step := g.step(n, written)
		if g.reads[step] == none {
			continue
		}
		if last != none && !within(g.maskAt(int(last)), g.maskAt(step)) {
			g.forks[n] = [2]int32{g.reads[last], g.reads[step]}
		}
		last = int32(step)
	}
}

// within reports whether all bits of a are in b.
func within(a, b []uint64) bool {
	for i := range a {
		if a[i]&^b[i] != 0 {
			return false
		}
	}
	return true
}

// compareValues notes that a key of a group was seen with two values.
func (f *forkRun) compareValues(n int32) {
	values := f.groups.values[int(n)*f.groups.size:]
	for i, v := range f.seen {
		if v == history.Nil || v == values[i] {
			continue
		}
		if values[i] == history.Nil {
			values[i] = v
		} else if f.split == "" {
			f.split = fmt.Sprintf("reads saw both %s and %s of %s: a key must be written once only",
				elementText(f.h, values[i]), elementText(f.h, v), nameText(f.h, f.keys[i]))
		}
	}
}

// findForks finishes the groups of a part, and counts the forks where there are any.
func (f *forkRun) findForks(part keyPart) error {
	forked := map[int32]map[string]int{} // how many reads saw what, of groups with forks
	for n := range int32(f.groups.count) {
		f.groups.chain(n)
		pair := f.groups.forks[n]
		if pair[0] == none {
			continue
		}
		forked[n] = map[string]int{}
		if f.first[0] == none || f.complete(pair) < f.complete(f.first) {
			f.first = pair
		}
	}
	if len(forked) == 0 {
		return nil
	}
	for n, place := range part.places {
		if err := f.tick(n + 1); err != nil {
			return fmt.Errorf("long forks were found, and %d of %d transactions looked at to count them: %w", n, len(part.places), err)
		}
		op := &f.h.Ops[place]
		steps := f.h.Transaction(op)
		if op.Outcome != history.OK || !pureRead(steps) || !f.gather(steps) || len(f.keys) != f.groups.size {
			continue
		}
		if number, _ := f.groups.at(f.keys); forked[number] != nil {
			forked[number][f.maskText()]++
		}
	}
	for _, saw := range forked {
		f.pairs(saw)
	}
	return nil
}

func (f *forkRun) maskText() string {
	var text []byte
	for _, word := range f.mask {
		text = binary.LittleEndian.AppendUint64(text, word)
	}
	return string(text)
}

// complete is when both reads of a fork had returned.
func (f *forkRun) complete(pair [2]int32) int64 {
	return max(f.h.Ops[pair[0]].Return, f.h.Ops[pair[1]].Return)
}

// mostSights is up to how many different sights of a group are compared to count forks.
const mostSights = 1000

// pairs counts the pairs of reads that are forks.
func (f *forkRun) pairs(saw map[string]int) {
	var sights []string
	for text := range saw {
		sights = append(sights, text)
	}
	slices.Sort(sights)
	if len(sights) > mostSights {
		f.cut = true
		f.forks++
		return
	}
	for i, a := range sights {
		for _, b := range sights[:i] {
			if !textWithin(a, b) && !textWithin(b, a) {
				f.forks += saw[a] * saw[b]
			}
		}
	}
}

func textWithin(a, b string) bool {
	for i := range len(a) {
		if bits.OnesCount8(a[i]&^b[i]) > 0 {
			return false
		}
	}
	return true
}

func (f *forkRun) figures() {
	for name, n := range map[string]int{"reads": f.reads, "early_reads": f.early, "late_reads": f.late, "untold": f.untold,
		"groups": f.allGroups, "forks": f.forks} {
		f.figure(name, n)
	}
}

// prove shows the two reads of the fork that was complete first, and the writes
// of two keys about which they differ.
func (f *forkRun) prove() *Proof {
	a, b := &f.h.Ops[f.first[0]], &f.h.Ops[f.first[1]]
	values := map[history.Key]history.Value{}
	for _, m := range f.h.Transaction(b) {
		values[m.Key] = m.Value
	}
	onlyA, onlyB := history.Key(none), history.Key(none)
	f.gather(f.h.Transaction(a))
	for n, key := range f.keys {
		switch {
		case f.seen[n] != history.Nil && values[key] == history.Nil:
			onlyA = key
		case f.seen[n] == history.Nil && values[key] != history.Nil:
			onlyB = key
		}
	}
	proof, _ := beginTale(f.h, f.first[0], f.first[1], f.writeOf(a.Key, onlyA), f.writeOf(a.Key, onlyB))
	x, y := nameText(f.h, onlyA), nameText(f.h, onlyB)
	proof.Story = append(proof.Story,
		fmt.Sprintf("%s's read saw %s written and %s not yet, so %s was written first.", who(a), x, y, x),
		fmt.Sprintf("%s's read saw %s written and %s not yet, so %s was written first: both can't be.", who(b), y, x, y))
	return proof
}

// writeOf finds the transaction that wrote a key.
func (f *forkRun) writeOf(part, key history.Key) int32 {
	for i := range f.h.Ops {
		op := &f.h.Ops[i]
		if op.Kind != history.Txn || op.Key != part {
			continue
		}
		if steps := f.h.Transaction(op); len(steps) == 1 && steps[0].Kind == history.Write && steps[0].Key == key {
			return int32(i)
		}
	}
	return none
}
