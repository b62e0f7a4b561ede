package checkers

import (
	"context"
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// LongFork says that all see writes to several keys in one order, with the meaning
// of jepsen.tests.long-fork. Every key is written once, from [history.Nil] to a
// value, each in a transaction of its own; reads are transactions
// ([history.Txn]) of [history.Read]s and nothing else, of a whole group of keys.
// Two reads of one group are a fork if each lacks a write that the other has seen:
//
//	read  x = 1, y = nil    so x was written first
//	read  x = nil, y = 1    so y was
//
// Snapshot isolation has no forks; parallel snapshot isolation has. Groups are
// told apart by their keys. Other transactions than reads, and writes of one key,
// are not looked at.
//
// The answer is inconclusive, as Jepsen's is unknown, where a key is written by more
// than one transaction (however they ended), where reads cover another number of
// keys than Group, and where reads of a group saw two values of one key and there is
// no fork; and where no read was answered. Reads of which the client was not told
// a value ([history.None]) are left out. Each key of the transactions themselves (""
// where there is no such grouping) is judged for itself.
//
// Figures: reads, early_reads (that saw no write), late_reads (that saw all: neither
// can tell of a fork), untold, groups, forks (pairs of reads; at least so many
// where there are very many).
type LongFork struct {
	// Group is how many keys each read covers. Zero: what the first one does.
	Group int
}

// Check implements [Checker].
func (c LongFork) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	return everyday(ctx, evidence, budget, "long-fork", func(r *everydayRun) error {
		f := forkRun{LongFork: c, everydayRun: r}
		return f.judge()
	})
}

// forkRun is one call of Check.
type forkRun struct {
	LongFork
	*everydayRun
	groups forkGroups
	writer []int32 // of a key: the place of the last transaction that writes it
	// keys are those of the read at hand, in ascending order, and seen their values;
	// at has the value of a key, and mask the bits of those that are written.
	keys []history.Key
	seen []history.Value
	at   []history.Value
	mask []uint64

	reads, early, late, untold, allGroups, forks int
	twice, odd, split                            string   // why the answer is inconclusive
	first                                        [2]int32 // the reads of the fork that was complete first
	cut                                          bool     // not all forks were counted
}

func (f *forkRun) judge() error {
	parts, err := f.splitPlaces(history.Txn)
	if err != nil {
		return err
	}
	if err := f.take(int64(len(f.h.Keys)) * (4 + 4 + 8)); err != nil {
		return err
	}
	f.writer, f.at = make([]int32, len(f.h.Keys)), make([]history.Value, len(f.h.Keys))
	for key := range f.writer {
		f.writer[key] = none
	}
	f.first = [2]int32{none, none}
	for n, part := range parts {
		if err := f.tick(n); err != nil {
			return fmt.Errorf("%d of %d groupings were judged: %w", n, len(parts), err)
		}
		if err := f.part(part); err != nil {
			return err
		}
	}
	f.figures()
	f.answer()
	return nil
}

func (f *forkRun) answer() {
	var found, open []string
	for _, why := range []string{f.twice, f.odd} {
		if why != "" {
			open = append(open, why)
		}
	}
	if f.forks > 0 && len(open) == 0 {
		least := ""
		if f.cut {
			least = "at least "
		}
		found = append(found, fmt.Sprintf("%s%s of %s: two reads of the same keys, each of which lacks a write that the other saw",
			least, plural(f.forks, "long fork"), plural(f.reads, "read")))
	}
	if f.split != "" {
		open = append(open, f.split)
	}
	if f.reads == 0 {
		open = append(open, "no read was answered: the history proves nothing")
	}
	f.decide(found, open, func() string {
		return fmt.Sprintf("no long fork in %s of %s of keys; %d too early and %d too late to show one",
			plural(f.reads, "read"), plural(f.allGroups, "group"), f.early, f.late)
	})
	if f.result.Verdict == Violation {
		f.result.Proof = f.prove()
	}
}

// part judges the transactions of one key of transactions.
func (f *forkRun) part(part keyPart) error {
	f.groups.reset(len(f.h.Keys))
	for n, place := range part.places {
		if err := f.tick(n + 1); err != nil {
			return fmt.Errorf("%d of %d transactions were judged: %w", n, len(part.places), err)
		}
		op := &f.h.Ops[place]
		steps := f.h.Transaction(op)
		switch {
		case len(steps) == 1 && steps[0].Kind == history.Write:
			f.write(steps[0].Key, place)
		case op.Outcome == history.OK && pureRead(steps):
			if err := f.read(steps, place); err != nil {
				return err
			}
		}
	}
	f.allGroups += f.groups.count
	return f.findForks(part)
}

func (f *forkRun) write(key history.Key, place int32) {
	other := f.writer[key]
	if other != none && f.h.Ops[other].Key == f.h.Ops[place].Key && f.twice == "" {
		f.twice = fmt.Sprintf("more than one transaction writes %s: the order of writes is not known then", nameText(f.h, key))
	}
	f.writer[key] = place
}

// read puts a read into its group. f.keys and f.seen are what it covers.
func (f *forkRun) read(steps []history.Micro, place int32) error {
	if !f.gather(steps) {
		f.untold++
		return nil
	}
	f.reads++
	written := 0
	for _, v := range f.seen {
		if v != history.Nil {
			written++
		}
	}
	if written == 0 {
		f.early++
	}
	if written == len(f.seen) {
		f.late++
	}
	if f.reads == 1 {
		f.groups.size = len(f.keys)
		if f.Group > 0 {
			f.groups.size = f.Group
		}
	}
	if len(f.keys) != f.groups.size {
		if f.odd == "" {
			f.odd = fmt.Sprintf("%s's read covers %s, and every read must cover %d", who(&f.h.Ops[place]), plural(len(f.keys), "key"), f.groups.size)
		}
		return nil
	}
	g, isNew := f.groups.at(f.keys)
	if isNew {
		if err := f.take(f.groups.bytes()); err != nil {
			return err
		}
	}
	f.compareValues(g)
	f.groups.note(g, written, f.mask, place)
	return nil
}

// gather sorts the keys of a read, with the last value it was told of each. It
// reports whether it was told all.
func (f *forkRun) gather(steps []history.Micro) bool {
	f.keys, f.seen = f.keys[:0], f.seen[:0]
	for i := range steps {
		f.keys = append(f.keys, steps[i].Key)
		f.at[steps[i].Key] = steps[i].Value
	}
	slices.Sort(f.keys)
	f.keys = slices.Compact(f.keys)
	told := true
	for _, key := range f.keys {
		f.seen = append(f.seen, f.at[key])
		told = told && f.at[key] != history.None
	}
	f.mask = f.mask[:0]
	for n, v := range f.seen {
		if n%64 == 0 {
			f.mask = append(f.mask, 0)
		}
		if v != history.Nil {
			f.mask[n/64] |= 1 << (n % 64)
		}
	}
	return told
}
