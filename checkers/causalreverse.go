package checkers

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// CausalReverse says that nobody sees a write without the writes that were over
// before it began, with the meaning of jepsen.tests.causal-reverse: strict
// serializability forbids it. Writes are [history.Append]s, blind inserts into a
// list or set; reads are [history.ReadList]s that were answered.
//
// If a read holds an element, it must hold each whose append had been acknowledged
// before that one's was called. An element that is appended several times counts
// from the first such call (of those that did not fail, if there is one) and the
// first acknowledgement.
//
// A read that lacks the newest elements is merely stale, and no finding; nor is the
// order within a list. What nobody appended is not looked at. Each key is judged
// for itself. Where no read was answered, the answer is inconclusive.
//
// Figures: reads, errors (reads that hold an element and lack one from before it),
// acknowledged, missing (elements that were missed so, summed over the reads).
type CausalReverse struct{}

// Check implements [Checker].
func (CausalReverse) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	return everyday(ctx, evidence, budget, "causal-reverse", func(r *everydayRun) error {
		c := reverseRun{everydayRun: r}
		return c.judge()
	})
}

// inserted is what clients were told of an element.
type inserted struct {
	call   int64 // see CausalReverse; atStart where nobody appended it
	ack    int64 // the earliest acknowledgement; Open: none
	append int32 // the place of the append that was called then
	inRead int32 // the number of the last read that holds it
	failed bool  // all its appends did
}

// reverseRun is one call of Check.
type reverseRun struct {
	*everydayRun
	index    valuetable.Table
	elements []inserted
	acks     []int64 // when elements were acknowledged; in order, once all are known
	held     []int64 // the same of what a read holds

	reads, acked, missing int
	errors                instances // their values are the places of the reads
}

func (c *reverseRun) judge() error {
	parts, err := c.splitPlaces(history.Append, history.ReadList)
	if err != nil {
		return err
	}
	for n, part := range parts {
		if err := c.tick(n); err != nil {
			return fmt.Errorf("%d of %d lists were judged: %w", n, len(parts), err)
		}
		if err := c.key(part); err != nil {
			return err
		}
	}
	for name, n := range map[string]int{"reads": c.reads, "errors": c.errors.count, "acknowledged": c.acked, "missing": c.missing} {
		c.figure(name, n)
	}
	var found, open []string
	if n := c.errors.count; n > 0 {
		found = append(found, fmt.Sprintf("%d of %s a write, and %s an earlier one that was over before it began", n, plural(c.reads, "read")+" "+holdS(n), lackS(n)))
	}
	if c.reads == 0 {
		open = append(open, "no read of a list was answered: the history proves nothing")
	}
	c.decide(found, open, func() string {
		return fmt.Sprintf("no write was seen without those before it: %s, %s", plural(c.reads, "read"), plural(c.acked, "acknowledged write"))
	})
	if c.result.Verdict == Violation {
		c.result.Proof = c.prove()
	}
	return nil
}

func holdS(n int) string {
	if n == 1 {
		return "holds"
	}
	return "hold"
}

func lackS(n int) string {
	if n == 1 {
		return "lacks"
	}
	return "lack"
}

// key judges one list.
func (c *reverseRun) key(part keyPart) error {
	if err := c.take(int64(len(part.places)) * (valuetable.Bytes + 2*32 + 2*8 + 2*8)); err != nil {
		return err
	}
	c.learn(part)
	c.acked += len(c.acks)
	sortNearly(c.acks, func(ack int64) int64 { return ack }) // they come in the order of the calls
	done := 0
	for n, place := range part.places {
		op := &c.h.Ops[place]
		if op.Kind != history.ReadList || op.Outcome != history.OK {
			continue
		}
		if done += 1 + int(op.Count); done >= stride {
			done = 0
			if err := inTime(c.ctx, c.deadline); err != nil {
				return fmt.Errorf("%d of %d operations on %s were judged: %w", n, len(part.places), nameText(c.h, part.key), err)
			}
		}
		c.reads++
		if n := c.missedBy(c.h.List(op), int32(n)); n > 0 {
			c.errors.add(instance{&listOps{h: c.h, key: part.key}, history.Value(place), op.Return})
			c.missing += n
		}
	}
	return nil
}

// learn notes when each element of a list was first called for and acknowledged.
func (c *reverseRun) learn(part keyPart) {
	c.index.Reset(len(part.places))
	c.elements, c.acks = slices.Grow(c.elements[:0], len(part.places)), slices.Grow(c.acks[:0], len(part.places))
	for _, place := range part.places {
		op := &c.h.Ops[place]
		if op.Kind != history.Append {
			continue
		}
		n, isNew := c.index.At(op.Value)
		if isNew {
			c.elements = append(c.elements, inserted{call: op.Call, ack: history.Open, append: place, inRead: none, failed: true})
		}
		e := &c.elements[n]
		if op.Outcome != history.Fail && e.failed { // calls come in order
			e.failed, e.call, e.append = false, op.Call, place
		}
		if op.Outcome == history.OK {
			e.ack = min(e.ack, op.Return)
		}
	}
	for n := range c.elements {
		if c.elements[n].ack != history.Open {
			c.acks = append(c.acks, c.elements[n].ack)
		}
	}
}

// missedBy counts the elements that had been acknowledged before the latest call of
// what a read holds, and that it lacks.
func (c *reverseRun) missedBy(list []history.Value, number int32) int {
	c.held = slices.Grow(c.held[:0], len(list))
	latest := atStart
	for _, v := range list {
		n := c.index.Find(v)
		if n == none || c.elements[n].inRead == number {
			continue
		}
		e := &c.elements[n]
		e.inRead, latest = number, max(latest, e.call)
		c.held = append(c.held, e.ack)
	}
	held := 0
	for _, ack := range c.held {
		if ack < latest {
			held++
		}
	}
	before := sort.Search(len(c.acks), func(i int) bool { return c.acks[i] >= latest })
	return before - held
}

// prove shows the first read that is wrong, with the latest write that it holds
// and the first one that it lacks.
func (c *reverseRun) prove() *Proof {
	x := c.errors.earliest[0]
	place := int32(x.value)
	read := &c.h.Ops[place]
	part := keyPart{key: x.list.key}
	for i := range c.h.Ops {
		if op := &c.h.Ops[i]; op.Key == part.key && op.Kind == history.Append {
			part.places = append(part.places, int32(i))
		}
	}
	c.learn(part)
	list := c.h.List(read)
	later, latest := none, atStart
	for _, v := range list {
		n := c.index.Find(v)
		if n == none {
			continue
		}
		e := &c.elements[n]
		if e.inRead = 0; e.call > latest {
			later, latest = e.append, e.call
		}
	}
	lacked := none
	for n := range c.elements {
		if e := &c.elements[n]; e.inRead == none && e.ack < latest && (lacked == none || e.ack < c.elements[lacked].ack) {
			lacked = int32(n)
		}
	}
	value := c.index.All()[lacked]
	earlier := bestAdd(c.h, instance{x.list, value, 0})
	proof, t := tellLists(c.h, value, earlier, later, place)
	first, second := elementText(c.h, value), elementText(c.h, c.h.Ops[later].Value)
	proof.Story = append(proof.Story, fmt.Sprintf("The append of %s had been acknowledged at %s, before that of %s was called at %s; %s's read holds %s and lacks %s.",
		first, t.time(c.h.Ops[earlier].Return), second, t.time(c.h.Ops[later].Call), who(read), second, first))
	return proof
}
