package checkers

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// queueProof makes the proof of what a [queueJudge] found. It has all that was done
// to the elements that it is about. An element can be taken out of a legal history
// with all that was done to it; so if these operations by themselves can't all be
// true, the whole history is not legal.
type queueProof struct {
	*queueJudge
	places  []int32 // of the operations
	counted []int32 // more of them, of which only the number matters
	about   []int32 // elements
	chain   []stay  // that leave no room for an answer "empty"
	digits  int
}

// shownCounted is up to how many operations are shown where only their number
// matters; of more, one stands for all.
const shownCounted = 12

// prove tells why a key is not linearizable. The judge still holds what it found.
func (q *queueJudge) prove(answer queueAnswer) *Proof {
	p := queueProof{queueJudge: q}
	p.gather(answer)
	if p.counted = sorted(p.counted); len(p.counted) <= shownCounted {
		p.places = append(p.places, p.counted...)
	}
	p.places = sorted(slices.DeleteFunc(p.places, func(place int32) bool { return place == none }))
	ops := make([]*history.Op, len(p.places))
	for i, place := range p.places {
		ops[i] = q.op(place)
	}
	p.digits = decimals(ops)
	proof := &Proof{Key: q.h.KeyName(q.op(0).Key)}
	for i, place := range p.places {
		proof.Operations = append(proof.Operations, proofOperation(q.h, q.indexOf(place)))
		proof.Story = append(proof.Story, p.sentence(ops[i], i > 0 && ops[i].Call > ops[i-1].Return))
	}
	proof.Story = append(proof.Story, p.conclusion(answer)...)
	return proof
}

// indexOf is the index in History.Ops of the operation at a place.
func (q *queueJudge) indexOf(place int32) int {
	if q.index == nil {
		return int(place)
	}
	return int(q.index[place])
}

// gather collects the operations that prove it.
func (p *queueProof) gather(answer queueAnswer) {
	a := &p.elements[answer.a]
	switch answer.flaw {
	case queueGarbage, queueTwice:
		p.about = []int32{answer.a}
		p.places = append(p.placesOf(p.All()[answer.a]), answer.place)
	case queueEarly:
		p.about = []int32{answer.a}
		p.places = []int32{a.enqueue, answer.place}
	case queueOvertaken, queueDrainOrder, queueSkipped:
		b := &p.elements[answer.b]
		p.about = []int32{answer.a, answer.b}
		p.places = []int32{a.enqueue, b.enqueue, b.taker, a.taker}
		if answer.flaw == queueSkipped {
			p.count(p.calledBy(b.dr))
		}
	case queueNotEmpty:
		p.places = []int32{answer.place}
		p.chain = p.cover(p.op(answer.place))
		for _, s := range p.chain {
			p.addStay(s)
		}
	}
}

// placesOf lists what was done to a value: enqueues, those that failed only where
// there are no others, and what took it.
func (p *queueProof) placesOf(v history.Value) []int32 {
	var places, failed []int32
	for place := range p.operations() {
		op := p.op(place)
		switch {
		case op.Kind == history.Enqueue && op.Value == v && op.Outcome == history.Fail:
			failed = append(failed, place)
		case op.Kind == history.Enqueue && op.Value == v,
			op.Kind == history.Dequeue && op.Outcome == history.OK && op.Result == v,
			op.Kind == history.Drain && slices.Contains(p.h.List(op), v):
			places = append(places, place)
		}
	}
	if p.elements[p.Find(v)].enqueues == 0 {
		places = append(places, failed...)
	}
	return places
}

// calledBy is how many unknown dequeues had been called by an instant.
func (p *queueProof) calledBy(instant int64) int {
	return sort.Search(len(p.unknown), func(i int) bool { return p.unknown[i].call > instant })
}

// count adds so many unknown dequeues, and as many leftovers for them to take: one
// more can't have been taken too.
func (p *queueProof) count(unknown int) {
	for i := range unknown {
		p.counted = append(p.counted, p.elements[p.left[i]].enqueue, p.unknown[i].place)
		p.about = append(p.about, p.left[i])
	}
}

// cover returns the fewest stays that leave no instant between the call and the
// return of an operation: each is the one that lasts longest of those that begin
// before the last one ended. Of those that last long enough, one of an element that
// was taken is the easiest to show.
func (p *queueProof) cover(op *history.Op) []stay {
	p.addStays() // judging joined them
	better := func(a, b stay) bool {
		if a.to > op.Return && b.to > op.Return {
			return p.elements[a.element].takes > p.elements[b.element].takes
		}
		return a.to > b.to
	}
	var chosen []stay
	next := 0
	for at := op.Call; at <= op.Return; {
		best := stay{to: atStart, element: none}
		for ; next < len(p.stays) && p.stays[next].from < at; next++ {
			if s := p.stays[next]; best.element == none || better(s, best) {
				best = s
			}
		}
		if best.to <= at {
			break
		}
		chosen = append(chosen, best)
		at = best.to
	}
	last := &chosen[len(chosen)-1]
	if p.elements[last.element].takes == 0 {
		// The fewest leftovers: as many as unknown dequeues by then, and one more.
		n := p.left[p.calledBy(op.Return)]
		*last = stay{p.elements[n].er, p.elements[n].dc, n}
	}
	return chosen
}

func (p *queueProof) addStay(s stay) {
	e := &p.elements[s.element]
	p.about = append(p.about, s.element)
	p.places = append(p.places, e.enqueue, e.taker)
	if e.takes == 0 {
		p.count(p.calledBy(s.to - 1))
	}
	if other := p.holder(s); other != none {
		p.about = append(p.about, other)
		p.places = append(p.places, p.elements[other].enqueue)
	}
}

// holder returns the element that a drain took before that of the stay, and which
// was enqueued so late that the stay is longer for it; none where there is none.
func (p *queueProof) holder(s stay) int32 {
	e := &p.elements[s.element]
	if e.takes == 0 || s.to == p.op(e.taker).Call {
		return none
	}
	for _, v := range p.h.List(p.op(e.taker)) {
		if n := p.Find(v); n != none && p.elements[n].ec == s.to {
			return n
		}
	}
	return none
}

func (p *queueProof) time(ns int64) string { return seconds(ns, p.digits) + " s" }

// text writes an element as it stands in a sentence.
func (p *queueProof) text(n int32) string { return elementText(p.h, p.All()[n]) }

// sentence says what one operation's client asked and was told, and when; after
// says that it was called after the one before it in the story had returned.
func (p *queueProof) sentence(op *history.Op, after bool) string {
	what := nameText(p.h, op.Key)
	if op.Kind == history.Enqueue {
		what += " = " + elementText(p.h, op.Value)
	}
	begin := fmt.Sprintf("%s called %v %s at %s", who(op), op.Kind, what, p.time(op.Call))
	if after {
		begin += ", after that,"
	}
	told := "was acknowledged"
	switch {
	case op.Outcome == history.Info:
		return begin + " and never learned the outcome."
	case op.Outcome == history.Fail:
		told = "was told that it did not happen"
	case op.Kind == history.Drain:
		told = "was told " + p.drained(op)
	case op.Kind == history.Dequeue && op.Result == history.Nil:
		told = "was told that it was empty"
	case op.Kind == history.Dequeue:
		told = "was told " + elementText(p.h, op.Result)
	}
	return fmt.Sprintf("%s and %s at %s.", begin, told, p.time(op.Return))
}

// drained says what a drain took, as far as it matters.
func (p *queueProof) drained(op *history.Op) string {
	list := p.h.List(op)
	text := plural(len(list), "element")
	var named []string
	for _, v := range list {
		if n := p.Find(v); n != none && slices.Contains(p.about, n) {
			named = append(named, elementText(p.h, v))
		}
	}
	switch len(named) {
	case 0:
		return text
	case 1:
		return text + ", " + named[0] + " among them,"
	default:
		return text + ", among them " + strings.Join(named, ", then ") + ","
	}
}

// enqueueOf and takerOf name an operation within a sentence.
func (p *queueProof) enqueueOf(n int32) string {
	return fmt.Sprintf("%s's enqueue of %s", who(p.op(p.elements[n].enqueue)), p.text(n))
}

func (p *queueProof) takerOf(n int32) string { return p.takerAt(p.elements[n].taker, n) }

func (p *queueProof) takerAt(place, n int32) string {
	op := p.op(place)
	if op.Kind == history.Drain {
		return who(op) + "'s drain"
	}
	return fmt.Sprintf("%s's dequeue of %s", who(op), p.text(n))
}

// conclusion says why the operations can't all be true; the last line is the contradiction.
func (p *queueProof) conclusion(answer queueAnswer) []string {
	a := &p.elements[answer.a]
	switch answer.flaw {
	case queueGarbage:
		return []string{p.nobody(answer.a)}
	case queueEarly:
		return []string{fmt.Sprintf("%s was taken before anybody had begun to enqueue it: %s had returned at %s, before %s was called at %s.",
			p.text(answer.a), p.takerAt(answer.place, answer.a), p.time(p.op(answer.place).Return), p.enqueueOf(answer.a), p.time(a.ec))}
	case queueTwice:
		return []string{fmt.Sprintf("%s was enqueued %s at most, and taken %s.", p.text(answer.a), times(a.enqueues), times(a.takes))}
	case queueNotEmpty:
		return p.concludeNotEmpty(p.op(answer.place))
	default:
		return p.concludeOrder(answer)
	}
}

func (p *queueProof) nobody(n int32) string {
	text := fmt.Sprintf("Nobody ever tried to enqueue %s", p.text(n))
	for _, place := range p.places {
		if p.op(place).Outcome == history.Fail {
			text = fmt.Sprintf("Nobody else ever tried to enqueue %s", p.text(n))
		}
	}
	return fmt.Sprintf("%s in %s, and it was taken.", text, nameText(p.h, p.op(0).Key))
}

func (p *queueProof) concludeOrder(answer queueAnswer) []string {
	a, b := &p.elements[answer.a], &p.elements[answer.b]
	first, second := p.text(answer.a), p.text(answer.b)
	lines := []string{fmt.Sprintf("%s was enqueued before %s: %s had returned at %s, before %s was called at %s.",
		first, second, p.enqueueOf(answer.a), p.time(a.er), p.enqueueOf(answer.b), p.time(b.ec))}
	unknown := p.calledBy(b.dr)
	switch {
	case answer.flaw == queueDrainOrder:
		return append(lines, fmt.Sprintf("Yet %s took %s before %s, and what goes in first must come out first.", p.takerOf(answer.a), second, first))
	case answer.flaw == queueOvertaken:
		return append(lines, fmt.Sprintf("Yet %s was taken before %s, and what goes in first must come out first: %s had returned at %s, before %s was called at %s.",
			second, first, p.takerOf(answer.b), p.time(b.dr), p.takerOf(answer.a), p.time(p.op(a.taker).Call)))
	case unknown == 0:
		return append(lines, fmt.Sprintf("Yet %s was taken at %s, and %s never was, though what goes in first must come out first: nobody was told %s, and no dequeue of unknown outcome had been called by then.",
			second, p.time(b.dr), first, first))
	default:
		return append(lines,
			fmt.Sprintf("Yet %s was taken, and what goes in first must come out first. %s had been enqueued before %s that nobody was ever told; %s is the last of them.",
				second, plural(unknown+1, "element"), second, first),
			fmt.Sprintf("By %s, when %s returned, only %s of unknown outcome had been called, which may have taken one element each.",
				p.time(b.dr), p.takerOf(answer.b), plural(unknown, "dequeue")))
	}
}

func (p *queueProof) concludeNotEmpty(op *history.Op) []string {
	var lines []string
	for _, s := range p.chain {
		lines = append(lines, p.stayed(s))
	}
	return append(lines, fmt.Sprintf("So %s was never empty between %s and %s, and %s was told that it was.",
		nameText(p.h, op.Key), p.time(op.Call), p.time(op.Return), who(op)))
}

// stayed says from when to when an element was in the queue.
func (p *queueProof) stayed(s stay) string {
	e := &p.elements[s.element]
	begin := fmt.Sprintf("%s was in the queue from %s, when %s had returned, ", p.text(s.element), p.time(e.er), p.enqueueOf(s.element))
	unknown := p.calledBy(s.to - 1)
	switch other := p.holder(s); {
	case other != none:
		return begin + fmt.Sprintf("until %s at least: %s took %s before it, and %s was called then.",
			p.time(s.to), p.takerOf(s.element), p.text(other), p.enqueueOf(other))
	case e.takes > 0:
		return begin + fmt.Sprintf("until %s at least, when %s was called.", p.time(s.to), p.takerOf(s.element))
	case s.to == history.Open && unknown == 0:
		return begin + "and nobody ever took it."
	case unknown == 0:
		return begin + fmt.Sprintf("and nobody was told it: no dequeue of unknown outcome was called before %s.", p.time(s.to))
	}
	counted := fmt.Sprintf("At %s %s were in the queue that nobody was ever told, %s the last of them", p.time(e.er), plural(unknown+1, "element"), p.text(s.element))
	if s.to == history.Open {
		return counted + fmt.Sprintf("; there are only %s of unknown outcome, which may have taken one each.", plural(unknown, "dequeue"))
	}
	return counted + fmt.Sprintf("; before %s only %s of unknown outcome had been called, which may have taken one each.", p.time(s.to), plural(unknown, "dequeue"))
}
