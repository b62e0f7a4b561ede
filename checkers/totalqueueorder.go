package checkers

import (
	"fmt"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// produced is an element that was enqueued once and dequeued once.
type produced struct {
	number    int32 // of the element
	enqueue   int32 // place
	dequeue   int32 // place of the dequeue or drain that took it
	inDrain   int32 // its place in the drain's list; none where a dequeue took it
	call, ret int64 // of the dequeue
}

// producers holds, for one queue, what each producer put in, in its order.
type producers struct {
	lines  [][]produced
	line   valuetable.Table // of a process
	member []int32          // of an element: its line, none where it is not judged
	within []int32          // and its place in the line
}

// ordered finds what came out after an element that its producer enqueued later.
//
// An enqueue of unknown outcome is the last one of its process, so it is in
// the order like the others: if it happened, it came after those before it.
func (q *queueRun) ordered(part keyPart) error {
	if err := q.take(int64(len(part.places)) * 2 * 48); err != nil {
		return err
	}
	p := &q.order
	p.line.Reset(64)
	p.lines = nil
	p.member = append(p.member[:0], make([]int32, len(q.elements))...)
	p.within = append(p.within[:0], make([]int32, len(q.elements))...)
	for n := range p.member {
		p.member[n] = none
	}
	for _, place := range part.places {
		op := &q.h.Ops[place]
		if op.Kind != history.Enqueue || op.Outcome == history.Fail {
			continue
		}
		n := q.index.Find(op.Value)
		if e := &q.elements[n]; e.attempts-e.failed == 1 && e.dequeued == 1 {
			p.put(n, op.Process, place, &q.h.Ops[e.dequeue], e.dequeue)
		}
	}
	for _, place := range part.places {
		if op := &q.h.Ops[place]; op.Kind == history.Drain && op.Outcome == history.OK {
			for i, v := range q.h.List(op) {
				if n := q.index.Find(v); p.member[n] != none {
					p.lines[p.member[n]][p.within[n]].inDrain = int32(i)
				}
			}
		}
	}
	list := &listOps{h: q.h, key: part.key}
	for _, line := range p.lines {
		q.cross(list, line)
	}
	return nil
}

func (p *producers) put(n, process, place int32, taken *history.Op, dequeue int32) {
	at, isNew := p.line.At(history.Value(process))
	if isNew {
		p.lines = append(p.lines, nil)
	}
	p.member[n], p.within[n] = at, int32(len(p.lines[at]))
	p.lines[at] = append(p.lines[at], produced{number: n, enqueue: place, dequeue: dequeue, inDrain: none, call: taken.Call, ret: taken.Return})
}

// cross goes back through what one producer enqueued, with the later element that
// was out first by its dequeue's return, and for each drain the one nearest to its front.
func (q *queueRun) cross(list *listOps, line []produced) {
	earliest := none
	var front map[int32]int32 // of a drain: the later element nearest to its front
	for i := int32(len(line)) - 1; i >= 0; i-- {
		x, other := &line[i], none
		if earliest != none && line[earliest].ret < x.call {
			other = earliest
		}
		if x.inDrain != none {
			f, met := front[x.dequeue]
			if met && line[f].inDrain < x.inDrain && other == none {
				other = f
			}
			if front == nil {
				front = map[int32]int32{}
			}
			if !met || x.inDrain < line[f].inDrain {
				front[x.dequeue] = i
			}
		}
		if other != none {
			at := instance{list, q.index.All()[x.number], x.call}
			if q.broken.add(at); q.broken.earliest[0] == at {
				q.crossed = [2]int32{x.enqueue, line[other].enqueue}
			}
		}
		if earliest == none || x.ret < line[earliest].ret {
			earliest = i
		}
	}
}

// took finds the next operation that took a value out.
func (q *queueRun) took(x instance, from int32) int32 {
	for i := from; i < int32(len(q.h.Ops)); i++ {
		op := &q.h.Ops[i]
		if op.Key != x.list.key || op.Outcome != history.OK {
			continue
		}
		if op.Kind == history.Dequeue && op.Result == x.value {
			return i
		}
		if op.Kind == history.Drain {
			for _, v := range q.h.List(op) {
				if v == x.value {
					return i
				}
			}
		}
	}
	return none
}

// prove shows the first finding by its earliest element.
func (q *queueRun) prove() *Proof {
	switch {
	case q.lost.copies > 0:
		return q.proveLost(q.lost.earliest[0])
	case q.unexpected.copies > 0:
		return q.proveUnexpected(q.unexpected.earliest[0])
	case q.duplicated.copies > 0 && q.ExactlyOnce:
		return q.proveAgain(q.duplicated.earliest[0])
	default:
		return q.proveOrder(q.broken.earliest[0])
	}
}

// enqueues lists the places of the enqueues of a value, those that failed last.
func (q *queueRun) enqueues(x instance) (happened, failed []int32) {
	for i := range q.h.Ops {
		if op := &q.h.Ops[i]; op.Kind == history.Enqueue && op.Key == x.list.key && op.Value == x.value {
			if op.Outcome == history.Fail {
				failed = append(failed, int32(i))
			} else {
				happened = append(happened, int32(i))
			}
		}
	}
	return happened, failed
}

// takes lists the places of the operations that took a value out, each as often as it did.
func (q *queueRun) takes(x instance) []int32 {
	var all []int32
	for i := q.took(x, 0); i != none; i = q.took(x, i+1) {
		times := 1
		if op := &q.h.Ops[i]; op.Kind == history.Drain {
			times = 0
			for _, v := range q.h.List(op) {
				if v == x.value {
					times++
				}
			}
		}
		for range times {
			all = append(all, i)
		}
	}
	return all
}

// few is up to how many operations of a kind a proof shows.
const few = 6

func firstFew(places []int32) []int32 { return places[:min(len(places), few)] }

func (q *queueRun) proveLost(x instance) *Proof {
	happened, _ := q.enqueues(x)
	var acked []int32
	for _, place := range happened {
		if q.h.Ops[place].Outcome == history.OK {
			acked = append(acked, place)
		}
	}
	takes := q.takes(x)
	proof, _ := beginTaleOf(q.h, x.value, append(firstFew(acked), firstFew(takes)...)...)
	text, queue := elementText(q.h, x.value), nameText(q.h, x.list.key)
	if len(takes) == 0 {
		proof.Story = append(proof.Story, fmt.Sprintf("No dequeue or drain of %s was ever told %s.", queue, text))
	} else {
		proof.Story = append(proof.Story, fmt.Sprintf("%s was acknowledged %s and came out of %s %s only.", text, times(int32(len(acked))), queue, times(int32(len(takes)))))
	}
	return proof
}

func (q *queueRun) proveUnexpected(x instance) *Proof {
	happened, failed := q.enqueues(x)
	taken := q.takes(x)[:1]
	for _, place := range q.takes(x) {
		if q.h.Ops[place].Return < q.h.Ops[taken[0]].Return {
			taken[0] = place
		}
	}
	text, queue := elementText(q.h, x.value), nameText(q.h, x.list.key)
	why := fmt.Sprintf("Nobody ever called an enqueue of %s to %s.", text, queue)
	switch {
	case len(happened) > 0:
		why = fmt.Sprintf("%s came out before anybody had begun to enqueue it.", text)
	case len(failed) > 0:
		why = fmt.Sprintf("Nobody else ever tried to enqueue %s: what failed must never come out.", text)
	}
	proof, _ := beginTaleOf(q.h, x.value, append(taken, firstFew(append(happened, failed...))...)...)
	proof.Story = append(proof.Story, why)
	return proof
}

func (q *queueRun) proveAgain(x instance) *Proof {
	happened, failed := q.enqueues(x)
	if !q.ByOutcome {
		happened = append(happened, failed...)
	}
	takes := q.takes(x)
	proof, _ := beginTaleOf(q.h, x.value, append(firstFew(happened), firstFew(takes)...)...)
	proof.Story = append(proof.Story, fmt.Sprintf("%s came out of %s %s, and was put in %s at most.",
		elementText(q.h, x.value), nameText(q.h, x.list.key), times(int32(len(takes))), times(int32(len(happened)))))
	return proof
}

func (q *queueRun) proveOrder(x instance) *Proof {
	pair := q.crossed
	other := instance{x.list, q.h.Ops[pair[1]].Value, 0}
	mine, its := q.took(x, 0), q.took(other, 0)
	proof, t := beginTale(q.h, pair[0], pair[1], mine, its)
	first, second := elementText(q.h, x.value), elementText(q.h, other.value)
	why := fmt.Sprintf("%s enqueued %s before %s, and %s was out at %s, before anybody asked for what was %s.",
		who(&q.h.Ops[pair[0]]), first, second, second, t.time(q.h.Ops[its].Return), first)
	if mine == its {
		why = fmt.Sprintf("%s enqueued %s before %s, and one drain took %s first.", who(&q.h.Ops[pair[0]]), first, second, second)
	}
	proof.Story = append(proof.Story, why)
	return proof
}
