package checkers

import (
	"context"
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// TotalQueue says that what goes into a queue comes out, with the meaning of
// Jepsen's checker/total-queue. It compares how often each value was enqueued
// and dequeued; a [history.Drain] is so many dequeues. A history must end with a
// drain, or with dequeues until the queue is empty: what is in it still is lost.
//
//	lost        more often acknowledged than dequeued: the difference
//	unexpected  dequeued, and nobody ever called an enqueue of it
//	duplicated  more often dequeued than enqueues of it were called
//	recovered   dequeued, more often than acknowledged, and within what was called
//
// Lost and unexpected elements are violations. Duplicated ones are not, unless
// ExactlyOnce is set: most queues promise to deliver at least once. Each key is a
// queue of its own. A dequeue that found the queue empty ([history.Nil]) takes nothing.
//
// A drain of unknown outcome may have taken anything: then lost elements make the
// answer inconclusive (Jepsen's gives up on such a history). A dequeue of unknown
// outcome is taken to have taken nothing, as Jepsen's does: queues with
// acknowledgements deliver again what nobody acknowledged. And an element that
// comes out though its enqueue failed counts as recovered. ByOutcome judges both
// otherwise. Where nothing was acknowledged and nothing dequeued, the answer is
// inconclusive.
//
// Figures: attempted, acknowledged, dequeued (drained ones among them),
// dequeues_empty, dequeues_unknown (answers that never came, or did not say what
// was taken), drains_unknown; ok (dequeued, within what was called), lost,
// unexpected, duplicated, recovered; with Ordered also ordered_pairs_broken, the
// number of elements that came out after one that their producer had enqueued later.
type TotalQueue struct {
	// ExactlyOnce says that duplicated elements are violations.
	ExactlyOnce bool
	// ByOutcome takes clients at their word. A dequeue of unknown outcome may
	// have taken an element for good: as long as there are as many of them in a
	// queue as elements are lost, the answer is inconclusive. An enqueue that
	// failed never happened: what comes out is unexpected if no other enqueue of it
	// had been called by then, and duplicated if it came out more often than that.
	ByOutcome bool
	// Ordered says that each queue keeps the order of each producer (a process):
	// of two elements that it enqueued one after the other, the dequeue of the
	// second must not have returned before that of the first was called, and one
	// drain must list them in that order. Elements that were enqueued or dequeued
	// more than once are not judged.
	Ordered bool
}

// Check implements [Checker].
func (c TotalQueue) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	return everyday(ctx, evidence, budget, "total-queue", func(r *everydayRun) error {
		q := queueRun{TotalQueue: c, everydayRun: r}
		return q.judge()
	})
}

// queued is what happened to one value of a queue.
type queued struct {
	attempts, failed, acked int32 // enqueues that were called, and ended so
	dequeued                int32
	call                    int64 // the earliest call of an enqueue that may have happened
	first                   int64 // the earliest return of a dequeue of it
	enqueue                 int32 // the place of one enqueue, the last that may have happened
	dequeue                 int32 // the place of the last dequeue or drain that took it
}

const queuedBytes = 40

// queueRun is one call of Check.
type queueRun struct {
	TotalQueue
	*everydayRun
	index    valuetable.Table
	elements []queued // by their numbers
	order    producers

	attempted, acked, dequeued, ok, recovered int
	empty, unknown, drains                    int
	lost, unexpected, duplicated, excusable   copies
	broken                                    instances
	crossed                                   [2]int32 // the two enqueues of the earliest broken order
}

// copies counts elements as often as they occur.
type copies struct {
	instances
	copies int
}

func (c *copies) times(x instance, n int32) {
	if n > 0 {
		c.add(x)
		c.copies += int(n)
	}
}

func (q *queueRun) judge() error {
	parts, err := q.splitPlaces(history.Enqueue, history.Dequeue, history.Drain)
	if err != nil {
		return err
	}
	for n, part := range parts {
		if err := q.tick(n); err != nil {
			return fmt.Errorf("%d of %d queues were judged: %w", n, len(parts), err)
		}
		if err := q.queue(part); err != nil {
			return err
		}
	}
	q.figures()
	var open []string
	if n := q.excusable.copies; n > 0 {
		open = append(open, fmt.Sprintf("%s may have been taken by dequeues or drains whose outcome nobody knows (%s)",
			plural(n, "element"), q.excusable.names(q.h)))
	}
	if q.acked == 0 && q.dequeued == 0 {
		open = append(open, "nothing was acknowledged and nothing dequeued: the history proves nothing")
	}
	q.decide(q.findings(), open, func() string {
		text := fmt.Sprintf("%s came out; %s, %d recovered, %d duplicated",
			allOfThem(q.acked, "acknowledged element"), plural(q.dequeued, "dequeue"), q.recovered, q.duplicated.copies)
		if q.Ordered {
			text += "; each producer's in order"
		}
		return text
	})
	if q.result.Verdict == Violation {
		q.result.Proof = q.prove()
	}
	return nil
}

// queue judges one queue.
func (q *queueRun) queue(part keyPart) error {
	if err := q.take(int64(len(part.places)) * (valuetable.Bytes + 2*queuedBytes)); err != nil {
		return err
	}
	q.index.Reset(len(part.places))
	q.elements = slices.Grow(q.elements[:0], len(part.places)/2)
	for _, place := range part.places {
		if op := &q.h.Ops[place]; op.Kind == history.Enqueue {
			q.enqueue(op, place)
		}
	}
	dequeues, drains := 0, 0
	for n, place := range part.places {
		if err := q.tick(n + 1); err != nil {
			return fmt.Errorf("%d of %d operations on %s were judged: %w", n, len(part.places), nameText(q.h, part.key), err)
		}
		switch op := &q.h.Ops[place]; {
		case op.Kind == history.Enqueue || op.Outcome == history.Fail:
		case op.Kind == history.Drain && op.Outcome == history.Info:
			drains++
		case op.Kind == history.Drain:
			for _, v := range q.h.List(op) {
				q.dequeue(v, op, place)
			}
		case op.Outcome == history.Info || op.Result == history.None:
			dequeues++
		case op.Result == history.Nil && q.index.Find(history.Nil) == none:
			q.empty++ // unless somebody enqueued nil
		default:
			q.dequeue(op.Result, op, place)
		}
	}
	q.unknown += dequeues
	q.drains += drains
	q.compare(part, dequeues, drains)
	if q.Ordered {
		return q.ordered(part)
	}
	return nil
}

func (q *queueRun) element(v history.Value) *queued {
	n, isNew := q.index.At(v)
	if isNew {
		q.elements = append(q.elements, queued{call: history.Open, first: history.Open, enqueue: none, dequeue: none})
	}
	return &q.elements[n]
}

func (q *queueRun) enqueue(op *history.Op, place int32) {
	e := q.element(op.Value)
	e.attempts++
	switch op.Outcome {
	case history.Fail:
		e.failed++
		if e.enqueue == none {
			e.enqueue = place
		}
		return
	case history.OK:
		e.acked++
	}
	e.call, e.enqueue = min(e.call, op.Call), place
}

func (q *queueRun) dequeue(v history.Value, op *history.Op, place int32) {
	e := q.element(v)
	e.dequeued++
	e.first, e.dequeue = min(e.first, op.Return), place
}

// compare counts what went in and what came out, value by value.
func (q *queueRun) compare(part keyPart, dequeues, drains int) {
	list := &listOps{h: q.h, key: part.key}
	before := q.lost
	for n := range q.elements {
		e := &q.elements[n]
		q.attempted += int(e.attempts)
		q.acked += int(e.acked)
		q.dequeued += int(e.dequeued)
		x := instance{list, q.index.All()[n], min(e.call, e.first)}
		possible, cameTooEarly := e.attempts, false
		if q.ByOutcome {
			possible -= e.failed
			cameTooEarly = e.first < e.call
		}
		q.lost.times(x, e.acked-e.dequeued)
		if possible == 0 || cameTooEarly {
			x.time = e.first
			q.unexpected.times(x, e.dequeued)
			continue
		}
		q.duplicated.times(x, e.dequeued-possible)
		ok := min(e.dequeued, possible)
		q.ok += int(ok)
		q.recovered += int(max(0, ok-e.acked))
	}
	lost := q.lost.copies - before.copies
	if lost > 0 && (drains > 0 || q.ByOutcome && lost <= dequeues) {
		for n := range q.elements {
			e := &q.elements[n]
			q.excusable.times(instance{list, q.index.All()[n], min(e.call, e.first)}, e.acked-e.dequeued)
		}
		q.lost = before
	}
}

func (q *queueRun) figures() {
	for name, n := range map[string]int{"attempted": q.attempted, "acknowledged": q.acked, "dequeued": q.dequeued,
		"dequeues_empty": q.empty, "dequeues_unknown": q.unknown, "drains_unknown": q.drains, "ok": q.ok,
		"lost": q.lost.copies + q.excusable.copies, "unexpected": q.unexpected.copies, "duplicated": q.duplicated.copies, "recovered": q.recovered} {
		q.figure(name, n)
	}
	if q.Ordered {
		q.figure("ordered_pairs_broken", q.broken.count)
	}
}

func (q *queueRun) findings() []string {
	var found []string
	if n := q.lost.copies; n > 0 {
		text := fmt.Sprintf("%d of %s %s lost (%s)", n, plural(q.acked, "acknowledged element"), was(n), q.lost.names(q.h))
		if q.unknown > 0 {
			text += fmt.Sprintf(", taking %s of unknown outcome to have taken nothing", plural(q.unknown, "dequeue"))
			if q.ByOutcome {
				text = fmt.Sprintf("%d of %s %s lost (%s), more than %s of unknown outcome can have taken",
					n, plural(q.acked, "acknowledged element"), was(n), q.lost.names(q.h), plural(q.unknown, "dequeue"))
			}
		}
		found = append(found, text)
	}
	if n := q.unexpected.copies; n > 0 {
		found = append(found, fmt.Sprintf("%s dequeued that nobody can have enqueued (%s)", wasWere(n, "element"), q.unexpected.names(q.h)))
	}
	if n := q.duplicated.copies; n > 0 && q.ExactlyOnce {
		found = append(found, fmt.Sprintf("%s dequeued again (%s)", wasWere(n, "element"), q.duplicated.names(q.h)))
	}
	if n := q.broken.count; n > 0 {
		found = append(found, fmt.Sprintf("%s came out after one that the producer had enqueued later (%s)", plural(n, "element"), q.broken.names(q.h)))
	}
	return found
}
