package checkers

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// CounterBounds says that each read of a counter is within what can have been
// added, as Jepsen's checker/counter: at least the sum of the [history.Add]s that
// were acknowledged before it was called, and at most that of those that were
// called before it returned. An add that failed counts for nothing; one of
// unknown outcome may be in any later read or in none.
//
// Amounts may be negative, which Jepsen's refuses: an add that may or may not be
// in the read is left out of the lower bound and counted in the upper one if it
// is positive, and the other way round if it is negative.
//
// It is weaker than linearizability: reads are judged one by one, and not each
// number within the bounds can be a sum. Each key is a counter of its own. It
// starts at the header's initial value where that is an integer, else at zero; a
// read of [history.Nil] found no counter, which is the initial value. A read that
// was told no integer makes the answer inconclusive; so does a history in which no
// read was answered.
//
// Figures: reads, errors (reads out of bounds), untold (answers that did not say
// what was read), adds_acknowledged, adds_unknown, adds_failed, error_max (how far
// a read is out of bounds at most).
type CounterBounds struct{}

// Check implements [Checker].
func (CounterBounds) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	return everyday(ctx, evidence, budget, "counter", func(r *everydayRun) error {
		c := counterRun{everydayRun: r, initial: integerInitial(r.h)}
		return c.judge()
	})
}

// integerInitial is the header's initial value, zero where that is no integer.
func integerInitial(h *history.History) int64 {
	if v, err := h.InitialValue(); err == nil && v.IsInt() {
		return int64(v)
	}
	return 0
}

// amounts sums what was added: increments and decrements apart.
type amounts struct{ up, down int64 }

// add reports whether the sums still fit, beyond an initial value too.
func (a *amounts) add(more amounts, initial int64) bool {
	var fits [4]bool
	a.up, fits[0] = addUp(a.up, more.up)
	a.down, fits[1] = addUp(a.down, more.down)
	_, fits[2] = addUp(initial, a.up)
	_, fits[3] = addUp(initial, a.down)
	return fits == [4]bool{true, true, true, true}
}

// amountAt is the sum of adds up to one, in the order of their calls or of their
// returns, and the instant of that.
type amountAt struct {
	instant int64
	amounts
}

// counterRun is one call of Check.
type counterRun struct {
	*everydayRun
	initial      int64
	called, acks []amountAt

	reads, untold, strange int
	acked, unknown, failed int
	errors                 instances
	first                  outOfBounds
	furthest               float64
	strangeKey             history.Key
}

// outOfBounds is a read with its bounds, and how many adds had been acknowledged
// before its call, and called before its return.
type outOfBounds struct {
	place            int32
	value, low, high int64
	key              history.Key
	certain, begun   int
}

func (c *counterRun) judge() error {
	parts, err := c.splitPlaces(history.Add, history.Read)
	if err != nil {
		return err
	}
	for n, part := range parts {
		if err := c.tick(n); err != nil {
			return fmt.Errorf("%d of %d counters were judged: %w", n, len(parts), err)
		}
		if err := c.counter(part); err != nil {
			return err
		}
	}
	c.figures()
	var found, open []string
	if n := c.errors.count; n > 0 {
		x := c.first
		found = append(found, fmt.Sprintf("%d of %s%s out of bounds: the first is %d of %s, where only %d to %d is possible",
			n, plural(c.reads, "read"), isAre(n), x.value, nameText(c.h, x.key), x.low, x.high))
	}
	if c.strange > 0 {
		open = append(open, fmt.Sprintf("%s told what is no integer (for instance of %s)", wasWere(c.strange, "read"), nameText(c.h, c.strangeKey)))
	}
	if c.reads == 0 {
		open = append(open, "no read of a counter was answered: the history proves nothing")
	}
	c.decide(found, open, func() string {
		return fmt.Sprintf("%s within bounds; %s, %d of unknown outcome",
			allAre(c.reads, "read"), plural(c.acked, "acknowledged add"), c.unknown)
	})
	if c.result.Verdict == Violation {
		c.result.Proof = c.prove()
	}
	return nil
}

func allAre(n int, noun string) string {
	if n == 1 {
		return "the 1 " + noun + " is"
	}
	return fmt.Sprintf("all %d %ss are", n, noun)
}

// counter judges one counter.
func (c *counterRun) counter(part keyPart) error {
	if err := c.take(int64(len(part.places)) * 2 * 2 * 24); err != nil {
		return err
	}
	if err := c.sum(part); err != nil {
		return err
	}
	certain, begun := 0, 0 // how many adds had been acknowledged, and called
	for n, place := range part.places {
		if err := c.tick(n + 1); err != nil {
			return fmt.Errorf("%d of %d operations on %s were judged: %w", n, len(part.places), nameText(c.h, part.key), err)
		}
		op := &c.h.Ops[place]
		if op.Kind != history.Read || op.Outcome != history.OK {
			continue
		}
		for certain < len(c.acks) && c.acks[certain].instant < op.Call {
			certain++
		}
		for begun < len(c.called) && c.called[begun].instant <= op.Call {
			begun++
		}
		c.read(op, place, certain, begun)
	}
	return nil
}

// sum fills called and acks: sums in the order of the calls and of the returns.
func (c *counterRun) sum(part keyPart) error {
	c.called, c.acks = slices.Grow(c.called[:0], len(part.places)/2), slices.Grow(c.acks[:0], len(part.places)/2)
	all := amounts{}
	for _, place := range part.places {
		op := &c.h.Ops[place]
		if op.Kind != history.Add {
			continue
		}
		amount := amounts{max(0, int64(op.Value)), min(0, int64(op.Value))}
		switch op.Outcome {
		case history.Fail:
			c.failed++
			continue
		case history.OK:
			c.acked++
			c.acks = append(c.acks, amountAt{op.Return, amount})
		default:
			c.unknown++
		}
		if !all.add(amount, c.initial) {
			return fmt.Errorf("what was added to %s does not fit into 64 bits", nameText(c.h, part.key))
		}
		c.called = append(c.called, amountAt{op.Call, all})
	}
	sortByInstant(c.acks)
	sum := amounts{}
	for i := range c.acks {
		sum.up += c.acks[i].up
		sum.down += c.acks[i].down
		c.acks[i].amounts = sum
	}
	return nil
}

// sortByInstant sorts what is nearly in order, as returns in the order of calls are.
func sortByInstant(list []amountAt) {
	moves, allowed := 0, 64*len(list)
	for i := 1; i < len(list); i++ {
		k, j := list[i], i
		for ; j > 0 && list[j-1].instant > k.instant; j-- {
			list[j] = list[j-1]
		}
		list[j] = k
		if moves += i - j; moves > allowed {
			slices.SortFunc(list, func(a, b amountAt) int { return cmp.Compare(a.instant, b.instant) })
			return
		}
	}
}

// read judges one read: so many adds had been acknowledged before it was called,
// and so many called by then.
func (c *counterRun) read(op *history.Op, place int32, certain, begun int) {
	value := c.initial
	switch {
	case op.Result == history.None:
		c.untold++
		return
	case op.Result.IsInt():
		value = int64(op.Result)
	case op.Result != history.Nil:
		c.strange++
		c.strangeKey = op.Key
		return
	}
	c.reads++
	begun = calledBy(c.called, begun, op.Return)
	possible, sure := amounts{}, amounts{}
	if begun > 0 {
		possible = c.called[begun-1].amounts
	}
	if certain > 0 {
		sure = c.acks[certain-1].amounts
	}
	low, high := c.initial+(sure.up+possible.down), c.initial+(possible.up+sure.down)
	if low <= value && value <= high {
		return
	}
	x := instance{&listOps{h: c.h, key: op.Key}, history.Value(place), op.Return}
	if c.errors.add(x); c.errors.earliest[0] == x {
		c.first = outOfBounds{place, value, low, high, op.Key, certain, begun}
	}
	c.furthest = max(c.furthest, float64(low)-float64(value), float64(value)-float64(high))
}

// calledBy is how many adds had been called by an instant, when at least so many
// had. Reads are short, so that the answer is near.
func calledBy(called []amountAt, least int, instant int64) int {
	step := 1
	low, high := least, least
	for high < len(called) && called[high].instant <= instant {
		low = high + 1
		high += step
		step *= 2
	}
	high = min(high, len(called))
	for low < high {
		if middle := (low + high) / 2; called[middle].instant <= instant {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

func (c *counterRun) figures() {
	for name, n := range map[string]int{"reads": c.reads, "errors": c.errors.count, "untold": c.untold,
		"adds_acknowledged": c.acked, "adds_unknown": c.unknown, "adds_failed": c.failed} {
		c.figure(name, n)
	}
	c.result.Figures["error_max"] = c.furthest
}

// prove shows the first read that is out of bounds, and the adds where they are few.
func (c *counterRun) prove() *Proof {
	x := c.first
	read := &c.h.Ops[x.place]
	var adds []int32
	downs := false
	for i := range c.h.Ops {
		op := &c.h.Ops[i]
		if op.Kind == history.Add && op.Key == x.key && op.Outcome != history.Fail && op.Call <= read.Return {
			adds = append(adds, int32(i))
			downs = downs || op.Value < 0
		}
	}
	if len(adds) > few {
		adds = nil
	}
	proof, t := beginTale(c.h, append(adds, x.place)...)
	start := fmt.Sprintf("The counter starts at %d. ", c.initial)
	why, with := "", ""
	if x.value < x.low {
		if downs {
			with = " with every decrement that can have happened"
		}
		why = fmt.Sprintf("When the read was called at %s, %s had been acknowledged:%s it is %d at least, and not %d.",
			t.time(read.Call), plural(x.certain, "add"), with, x.low, x.value)
	} else {
		if downs {
			with = " without the decrements that need not have happened"
		}
		why = fmt.Sprintf("When the read returned at %s, %s had been called:%s it is %d at most, and not %d.",
			t.time(read.Return), plural(x.begun, "add"), with, x.high, x.value)
	}
	proof.Story = append(proof.Story, start+why)
	return proof
}
