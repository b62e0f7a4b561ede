package checkers

import (
	"context"
	"fmt"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// PerKeyOrder says that the elements which one process appended or enqueued to one
// key are seen in the order in which it did so. Kafka promises it for one producer
// and one partition; a queue or list that is linearizable has it by itself.
//
// What sees elements in an order is a sequence:
//
//   - each [history.ReadList] that was answered;
//   - all that one process took out of one key, by [history.Dequeue]s and
//     [history.Drain]s in the order of its calls.
//
// In each sequence the elements of one producer, by their first appearance, must
// be in the order of its calls. What is missing is no finding, and neither is an
// element that comes again later: a redelivery (see [ExactlyOnce], [SetFull],
// [StreamOrder]).
// Two consumers of a queue are two sequences: nothing is said of an order between them.
//
// A process has one operation at a time, so its order is known without a clock,
// ties included. An operation that failed has no place in it. One of unknown
// outcome is its process's last: it must not be seen before the others. A value that
// was appended to the key twice, by whomever, tells nobody's order and is left out.
//
// Figures: sequences, compared (pairs of neighbours of one producer in a
// sequence), out_of_order, ambiguous (elements that were left out).
type PerKeyOrder struct {
	// Local says that each node's own copy ([history.ReadLocal]) must hold them in
	// order too.
	Local bool
}

// Check implements [Checker].
func (c PerKeyOrder) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	p := producerOrder{PerKeyOrder: c, first: disorder{earlier: none}}
	return runOrder(ctx, "per-key-order", evidence, budget, p.judge, p.conclude)
}

// sent is an element as its producer sent it.
type sent struct {
	place    int32 // of the append
	producer int32 // its seat; none where the value was sent twice
	seq      int32 // which of its producer's on this key
	seen     int32 // the last sequence that it was seen in
	seenBy   int32 // the place of the operation that saw it there
}

// disorder is two elements of one producer that were seen the wrong way round.
type disorder struct {
	earlier, later     int32 // the appends; earlier is none where there is no disorder
	sawLater, sawFirst int32 // the operations that were told of them
}

// producerOrder is one call of Check.
type producerOrder struct {
	PerKeyOrder
	run     *orderRun
	table   valuetable.Table
	sent    []sent
	seats   bySeat
	counts  []int32 // by seat: how many elements it sent to this key
	counted []int32 // the key's number, plus one, that counts is of
	last    []int32 // by seat: the last element of it in this sequence
	lastIn  []int32 // the sequence that last is of

	sequence                       int32
	compared, disorders, ambiguous int
	first                          disorder
}

func (p *producerOrder) judge(r *orderRun) {
	lists, known := split(r.h, 3*len(r.h.Keys), p.role)
	p.run, p.seats = r, newBySeat(known)
	n := p.seats.count
	p.counts, p.counted, p.last, p.lastIn = make([]int32, n), make([]int32, n), make([]int32, n), make([]int32, n)
	for key := range r.h.Keys {
		if !r.alive() {
			return
		}
		sends, takes, reads := lists[3*key], lists[3*key+1], lists[3*key+2]
		if len(takes)+len(reads) == 0 {
			continue
		}
		p.number(int32(key), sends)
		for _, place := range reads {
			p.sequence++
			p.see(place, r.h.List(&r.h.Ops[place]))
			if r.stopped != nil {
				return
			}
		}
		p.consume(takes)
	}
}

// role says whether an operation sends to a key, takes from it or reads it.
func (p *producerOrder) role(op *history.Op) int32 {
	switch {
	case op.Kind == history.Append || op.Kind == history.Enqueue:
		if op.Outcome != history.Fail {
			return 3 * int32(op.Key)
		}
	case op.Outcome != history.OK:
	case op.Kind == history.Dequeue || op.Kind == history.Drain:
		return 3*int32(op.Key) + 1
	case op.Kind == history.ReadList || op.Kind == history.ReadLocal && p.Local:
		return 3*int32(op.Key) + 2
	}
	return none
}

// number notes what was sent to a key.
func (p *producerOrder) number(key int32, sends []int32) {
	p.table.Reset(len(sends))
	p.sent = p.sent[:0]
	for place, op := range p.seats.batch.of(p.run.h, sends) {
		n, fresh := p.table.At(op.Value)
		if !fresh {
			if p.sent[n].producer != none {
				p.ambiguous++
			}
			p.sent[n].producer = none
			continue
		}
		seat := p.seats.of(op.Process)
		if p.counted[seat] != key+1 {
			p.counted[seat], p.counts[seat] = key+1, 0
		}
		p.counts[seat]++
		p.sent = append(p.sent, sent{place: place, producer: seat, seq: p.counts[seat], seen: 0, seenBy: none})
	}
}

// consume reads what each process took out.
func (p *producerOrder) consume(takes []int32) {
	h := p.run.h
	p.seats.link(h, takes)
	for _, seat := range p.seats.order {
		p.sequence++
		for n := p.seats.first[seat]; n != none; n = p.seats.next[n] {
			op := &h.Ops[takes[n]]
			if op.Kind == history.Drain {
				p.see(takes[n], h.List(op))
			} else if op.Result != history.Nil && op.Result != history.None {
				p.one(takes[n], op.Result)
			}
			if !p.run.goOn() {
				return
			}
		}
	}
}

func (p *producerOrder) see(place int32, elements []history.Value) {
	for _, v := range elements {
		p.one(place, v)
		if !p.run.goOn() {
			return
		}
	}
}

// one adds an element to the sequence at hand.
func (p *producerOrder) one(place int32, v history.Value) {
	n := p.table.Find(v)
	if n == none || p.sent[n].producer == none || p.sent[n].seen == p.sequence {
		return
	}
	s := &p.sent[n]
	s.seen, s.seenBy = p.sequence, place
	if p.lastIn[s.producer] == p.sequence {
		p.compared++
		if before := &p.sent[p.last[s.producer]]; before.seq > s.seq {
			p.note(disorder{earlier: s.place, later: before.place, sawLater: before.seenBy, sawFirst: place})
			return // what comes next is compared with the latest one seen
		}
	}
	p.last[s.producer], p.lastIn[s.producer] = n, p.sequence
}

// note keeps the disorder that was seen first.
func (p *producerOrder) note(d disorder) {
	p.disorders++
	if ops := p.run.h.Ops; p.first.earlier == none || ops[d.sawFirst].Return < ops[p.first.sawFirst].Return {
		p.first = d
	}
}

func (p *producerOrder) conclude(r *orderRun) {
	r.result.Figures = map[string]float64{"sequences": float64(p.sequence), "compared": float64(p.compared),
		"out_of_order": float64(p.disorders), "ambiguous": float64(p.ambiguous)}
	switch {
	case p.disorders > 0:
		d, ops := p.first, r.h.Ops
		more := ""
		if p.disorders > 1 {
			more = fmt.Sprintf("; %d elements are out of order in all", p.disorders)
		}
		r.say(Violation, "out of order: %s saw %s before %s of %s, which %s had sent the other way round%s", who(&ops[d.sawFirst]),
			elementText(r.h, ops[d.later].Value), elementText(r.h, ops[d.earlier].Value), nameText(r.h, ops[d.earlier].Key), who(&ops[d.earlier]), more)
		r.result.Proof = d.prove(r.h)
	case r.stopped != nil:
		r.say(Inconclusive, "not everything was judged: %v", r.stopped)
	case p.compared == 0:
		r.say(Inconclusive, "nobody saw two elements that one process had sent to one key: the history proves nothing")
	default:
		r.say(Pass, "every process's elements were seen in its order: %s, %s of elements compared", plural(int(p.sequence), "sequence"), plural(p.compared, "pair"))
	}
}

func (d disorder) prove(h *history.History) *Proof {
	proof, t := beginTale(h, d.earlier, d.later, d.sawLater, d.sawFirst)
	earlier, later := t.op(d.earlier), t.op(d.later)
	how := fmt.Sprintf("has %s before %s", t.value(later.Value), t.value(earlier.Value))
	if d.sawLater != d.sawFirst {
		how = fmt.Sprintf("comes after it had been told %s by an earlier one", t.value(later.Value))
	}
	proof.Story = append(proof.Story, fmt.Sprintf("%s sent %s before %s; what %s was told at %s %s.",
		who(earlier), t.value(earlier.Value), t.value(later.Value), who(t.op(d.sawFirst)), t.time(t.op(d.sawFirst).Return), how))
	return proof
}
