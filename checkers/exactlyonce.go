package checkers

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// ExactlyOnce says that every acknowledged effect is there exactly once at the end,
// and every other one at most once, however often it was delivered.
//
// An effect is an element that was appended or enqueued, known by its key and value.
// Several operations with the same key and value are deliveries of the one effect:
// retries, or a message that a stream delivered again. It is acknowledged if one of
// them is. It certainly never happened if all of them failed.
//
// What is there at the end:
//
//   - of a list, the last [history.ReadList] that was answered: of those called at or
//     after [MarkFinal], or of all where the history has no such mark or none after it;
//   - of a queue, all that was ever taken out of it by [history.Dequeue] and
//     [history.Drain].
//
// Violations, each named as what it is: duplicated (there more than once, however
// often it was delivered), lost (acknowledged before the read was called, and not
// there), and unexpected (there, though all its deliveries failed, or nobody ever
// delivered it). A queue has lost an element only if it was drained, or found empty,
// by an operation called after the acknowledgement: at or after [MarkFinal], or, where
// there is no such mark, as the last that was taken out of it. And only if there are
// more such elements than dequeues of unknown outcome, each of which may have taken
// one; a drain of unknown outcome may have taken them all. A dequeue that failed took nothing.
//
// A run in which nothing was delivered twice proves nothing, and is inconclusive.
// Deliveries after one that may have happened count, and so do marks of the name Redelivered.
//
// Figures: effects, acknowledged, deliveries, redeliveries, duplicated, lost,
// unexpected, not_judged (acknowledged, but no read or drain tells).
type ExactlyOnce struct {
	// Redelivered is the name of the marks that say that something was delivered
	// again, below what the clients see: one each, or as many as the mark's detail says,
	// where that is a number. Empty: only the operations tell.
	Redelivered string
}

// Check implements [Checker].
func (c ExactlyOnce) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	e := effects{ExactlyOnce: c}
	return runOrder(ctx, "exactly-once", evidence, budget, e.judge, e.conclude)
}

// effect is what was to happen once.
type effect struct {
	place   int32 // of the delivery that says most: acknowledged, else unknown, else failed; none where there is none
	maybe   int32 // how many deliveries may have happened
	again   int32 // the second of those, none where there is none
	ack     int64 // the earliest acknowledgement
	there   int32 // how often it is there at the end
	sawOne  int32 // the operations that were told of its first two appearances
	sawMore int32
}

// effectCase counts effects that are wrong in one way, and keeps the earliest.
type effectCase struct {
	count int
	key   history.Key
	value history.Value
	what  effect
	end   int32 // the operation that shows it; for lost ones the read or drain that lacks it
	time  int64
}

func (c *effectCase) note(x effectCase) {
	n := c.count + 1
	if c.count == 0 || x.time < c.time {
		*c = x
	}
	c.count = n
}

// effects is one call of Check.
type effects struct {
	ExactlyOnce
	run   *orderRun
	table valuetable.Table
	list  []effect // of the key at hand

	all, acked, deliveries, redeliveries, marked, notJudged int
	duplicated, lost, unexpected                            effectCase
	ends                                                    int // lists read and queues taken from
}

func (e *effects) judge(r *orderRun) {
	e.run = r
	if e.Redelivered != "" {
		for _, m := range r.h.Marks {
			if m.Name != e.Redelivered {
				continue
			}
			n, err := strconv.Atoi(strings.TrimSpace(m.Detail))
			if err != nil {
				n = 1
			}
			e.marked += max(0, n)
		}
	}
	lists, _ := split(r.h, 3*len(r.h.Keys), effectRole)
	for key := range r.h.Keys {
		deliveries, takes, reads := lists[3*key], lists[3*key+1], lists[3*key+2]
		if len(deliveries)+len(reads)+len(takes) == 0 {
			continue
		}
		if !r.alive() {
			return
		}
		e.deliver(deliveries)
		switch {
		case len(takes) > 0:
			e.queue(history.Key(key), takes)
		case len(reads) > 0:
			e.lastRead(history.Key(key), reads)
		default:
			e.settle(history.Key(key), end{read: none})
		}
	}
}

// effectRole says whether an operation delivers an effect to a key, takes from it or reads it.
func effectRole(op *history.Op) int32 {
	switch {
	case op.Kind == history.Append || op.Kind == history.Enqueue:
		return 3 * int32(op.Key)
	case (op.Kind == history.Dequeue || op.Kind == history.Drain) && op.Outcome != history.Fail:
		return 3*int32(op.Key) + 1
	case op.Kind == history.ReadList && op.Outcome == history.OK:
		return 3*int32(op.Key) + 2
	}
	return none
}

// deliver notes what was delivered to a key.
func (e *effects) deliver(places []int32) {
	e.table.Reset(len(places))
	e.list = e.list[:0]
	for _, place := range places {
		op := &e.run.h.Ops[place]
		x := e.at(op.Value)
		e.deliveries++
		if op.Outcome == history.Fail {
			if x.place == none {
				x.place = place
			}
			continue
		}
		if x.maybe++; x.maybe == 1 {
			x.place = place
		} else {
			e.redeliveries++
			if x.again == none {
				x.again = place
			}
		}
		if op.Outcome == history.OK && op.Return < x.ack {
			x.ack, x.place = op.Return, place
		}
	}
}

func (e *effects) at(v history.Value) *effect {
	n, fresh := e.table.At(v)
	if fresh {
		e.list = append(e.list, effect{place: none, again: none, ack: history.Open, sawOne: none, sawMore: none})
	}
	return &e.list[n]
}

func (e *effects) saw(place int32, v history.Value) {
	x := e.at(v)
	switch x.there++; x.there {
	case 1:
		x.sawOne = place
	case 2:
		x.sawMore = place
	}
}

// end is what shows that an effect is not there.
type end struct {
	read     int32 // none where nothing does
	call     int64
	excused  int  // how many may be missing all the same
	anything bool // any number may be
}

// lastRead judges a list by its last read.
func (e *effects) lastRead(key history.Key, reads []int32) {
	h := e.run.h
	last := reads[len(reads)-1] // the final ones are the last ones
	e.ends++
	for _, v := range h.List(&h.Ops[last]) {
		e.saw(last, v)
		if !e.run.goOn() {
			return
		}
	}
	e.settle(key, end{read: last, call: h.Ops[last].Call})
}

// queue judges a queue by all that was taken out of it. What shows that something
// is gone is the last drain, or dequeue that found nothing: at the end of the run,
// since a message that a consumer failed to confirm is hidden for a while, and comes back.
func (e *effects) queue(key history.Key, takes []int32) {
	h := e.run.h
	last := end{read: none}
	final, marked := h.Find(MarkFinal)
	e.ends++
	for _, place := range takes {
		op := &h.Ops[place]
		switch {
		case op.Outcome == history.Info && op.Kind == history.Drain:
			last.anything = true
		case op.Outcome == history.Info:
			last.excused++
		case op.Kind == history.Drain:
			for _, v := range h.List(op) {
				e.saw(place, v)
			}
		case op.Result != history.Nil && op.Result != history.None:
			e.saw(place, op.Result)
		}
		switch emptied := op.Kind == history.Drain || op.Result == history.Nil; {
		case op.Outcome != history.OK:
		case emptied && (!marked || op.Call >= final.Time):
			last.read, last.call = place, op.Call
		case !marked: // there was something all the same: it may come back
			last.read = none
		}
		if !e.run.goOn() {
			return
		}
	}
	e.settle(key, last)
}

// settle says what became of each effect of a key.
func (e *effects) settle(key history.Key, last end) {
	ops := e.run.h.Ops
	missing := 0
	for n := range e.list {
		x := &e.list[n]
		if x.place != none {
			e.all++
		}
		if x.ack != history.Open {
			e.acked++
		}
		c := effectCase{key: key, value: e.table.All()[n], what: *x}
		switch {
		case x.there > 0 && x.maybe == 0:
			c.end, c.time = x.sawOne, ops[x.sawOne].Return
			e.unexpected.note(c)
		case x.there > 1:
			c.end, c.time = x.sawMore, ops[x.sawMore].Return
			e.duplicated.note(c)
		case x.there == 1 || x.ack == history.Open:
		case last.read == none || x.ack >= last.call || last.anything:
			e.notJudged++
		default:
			missing++
		}
	}
	if missing <= last.excused {
		e.notJudged += missing
		return
	}
	for n := range e.list {
		if x := &e.list[n]; x.there == 0 && x.ack < last.call {
			e.lost.note(effectCase{key: key, value: e.table.All()[n], what: *x, end: last.read, time: x.ack})
		}
	}
	e.lost.count -= last.excused
	e.notJudged += last.excused
}

func (e *effects) conclude(r *orderRun) {
	e.run = r
	again := e.redeliveries + e.marked
	r.result.Figures = map[string]float64{
		"effects": float64(e.all), "acknowledged": float64(e.acked), "deliveries": float64(e.deliveries), "redeliveries": float64(again),
		"duplicated": float64(e.duplicated.count), "lost": float64(e.lost.count), "unexpected": float64(e.unexpected.count), "not_judged": float64(e.notJudged),
	}
	found := e.findings()
	switch {
	case len(found) > 0:
		r.say(Violation, "%s", strings.Join(found, "; "))
		r.result.Proof = e.prove()
	case r.stopped != nil:
		r.say(Inconclusive, "not everything was judged: %v", r.stopped)
	case e.acked == 0:
		r.say(Inconclusive, "no effect was acknowledged: the history proves nothing")
	case e.ends == 0:
		r.say(Inconclusive, "no list was read and no queue taken from: the history proves nothing")
	case e.notJudged == e.acked:
		r.say(Inconclusive, "nothing shows whether any of the %s is there: no read or drain was called after its acknowledgement that could tell", plural(e.acked, "acknowledged effect"))
	case again == 0:
		r.say(Inconclusive, "nothing was ever delivered twice: the run proves nothing")
	default:
		text := fmt.Sprintf("each of %s is there exactly once, after %s", plural(e.acked-e.notJudged, "acknowledged effect"), redeliveriesText(again))
		if e.notJudged > 0 {
			text += fmt.Sprintf("; of %d more nobody can tell", e.notJudged)
		}
		r.say(Pass, "%s", text)
	}
}

func redeliveriesText(n int) string {
	if n == 1 {
		return "1 redelivery"
	}
	return fmt.Sprintf("%d redeliveries", n)
}

// findings are what is violated, in words; the first is what the proof is of.
func (e *effects) findings() []string {
	h := e.run.h
	var found []string
	say := func(c *effectCase, name, one, many string) {
		if c.count == 0 {
			return
		}
		first := elementText(h, c.value) + " of " + nameText(h, c.key)
		if c.count == 1 {
			found = append(found, fmt.Sprintf("%s: %s %s", name, first, one))
		} else {
			found = append(found, fmt.Sprintf("%s: %s and %d more %s", name, first, c.count-1, many))
		}
	}
	say(&e.lost, "lost", "was acknowledged, and is not there", "were acknowledged, and are not there")
	say(&e.duplicated, "duplicated", "is there more than once", "are there more than once")
	say(&e.unexpected, "unexpected", "is there, and never happened", "are there, and never happened")
	return found
}

// prove shows the first finding.
func (e *effects) prove() *Proof {
	switch {
	case e.lost.count > 0:
		return e.proveLost()
	case e.duplicated.count > 0:
		return e.proveTwice()
	default:
		return e.proveUnexpected()
	}
}

func (e *effects) proveLost() *Proof {
	c := &e.lost
	proof, t := beginTale(e.run.h, c.what.place, c.end)
	last, ack := t.op(c.end), t.time(c.what.ack)
	if last.Kind == history.ReadList {
		proof.Story = append(proof.Story, fmt.Sprintf("%s had been acknowledged at %s, before the last read was called at %s, and is not in it.", t.value(c.value), ack, t.time(last.Call)))
	} else {
		proof.Story = append(proof.Story, fmt.Sprintf("%s had been acknowledged at %s, before %s took what was left at %s; nobody was ever told that it was taken out.", t.value(c.value), ack, who(last), t.time(last.Call)))
	}
	return proof
}

func (e *effects) proveTwice() *Proof {
	c := &e.duplicated
	proof, t := beginTale(e.run.h, c.what.place, c.what.again, c.what.sawOne, c.what.sawMore)
	delivered := "It was delivered once."
	if c.what.maybe > 1 {
		delivered = fmt.Sprintf("It was delivered %d times, and must take effect once.", c.what.maybe)
	}
	proof.Story = append(proof.Story, fmt.Sprintf("%s is there %s. %s", t.value(c.value), times(c.what.there), delivered))
	return proof
}

func (e *effects) proveUnexpected() *Proof {
	c := &e.unexpected
	proof, t := beginTale(e.run.h, c.what.place, c.end)
	if c.what.place == none {
		proof.Story = append(proof.Story, fmt.Sprintf("Nobody ever delivered %s to %s.", t.value(c.value), nameText(t.h, c.key)))
	} else {
		proof.Story = append(proof.Story, fmt.Sprintf("Every delivery of %s failed: it must never be there.", t.value(c.value)))
	}
	return proof
}
