package checkers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// StreamOrder judges what watchers of a stream are told: etcd watches, consumers of
// a NATS or Kafka stream, tails of a log.
//
// A key is a stream, and a process that reads it is a watcher. What a watcher was
// told is one sequence: the elements of its [history.ReadLocal]s,
// [history.ReadList]s and [history.Drain]s and the results of its
// [history.Dequeue]s, as far as they were answered, in the order of its calls. So
// each read holds what is new since the watcher's last one:
//
//	an etcd watch      a ReadLocal (or ReadList) for each response, of its events
//	a NATS consumer    a Dequeue for each message, or a Drain for each batch fetched
//	the tail of a log  a ReadLocal for each poll, of the lines that came
//
// A watcher that begins anew (from an earlier revision, or from the start) is another
// process. Elements are told apart by their values. What is published is an Append,
// Enqueue, Write or swap of the element to the stream's key; a stream may also have
// been filled by somebody whom the history doesn't know.
//
// Violations, each named as what it is:
//
//   - a step back: a watcher was told an element that it had been told before.
//   - different orders: there is no one order of the elements that agrees with every
//     watcher's sequence. Two watchers that were told two elements the other way round
//     are the simplest case; three can contradict each other without two of them doing so.
//   - a gap: a watcher was told an element, and later another one, and never one that
//     is between the two in the agreed order and that was acknowledged when it was
//     published. Between are those that other watchers' sequences put there, by
//     themselves or joined; where nobody's does, nobody knows, and nothing is said.
//
// The beginning and the end of what a watcher was told prove nothing.
// Without two elements told to a watcher the answer is inconclusive.
//
// Figures: streams, watchers, told, published, gaps (elements missed, for each
// watcher that did), steps_back, orders_differ (streams), never_told (acknowledged
// elements that no watcher was told, which is no finding).
type StreamOrder struct {
	// Revisions says that the elements are integers that the stream itself counts up,
	// such as etcd's revisions or a log's offsets: then their order is known, each
	// watcher's sequence must grow strictly, and any acknowledged revision between
	// two that it was told is a gap, whoever else was told it. An acknowledged
	// publication's revision is its Result, and its value where it has none.
	Revisions bool
	// ProducerOrder says that the elements that one process published are in the
	// stream in the order in which it did, as in any log whose producers wait for
	// acknowledgements. Then that order counts as a watcher's does, and a single watcher
	// shows gaps.
	ProducerOrder bool
	// Redelivered says that a watcher may be told an element again (delivery at
	// least once): then only the first time counts.
	Redelivered bool
	// Shared says that the watchers of a stream share its elements among them, as
	// consumers of a queue or members of a group do: then there are no gaps to be found.
	Shared bool
}

// Check implements [Checker].
func (c StreamOrder) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	s := streams{StreamOrder: c}
	return runOrder(ctx, "stream-order", evidence, budget, s.judge, s.conclude)
}

// told is one element of a watcher's sequence.
type told struct {
	element int32
	place   int32 // the operation that was told it
}

// watcher is who was told a sequence, or published one.
type watcher struct {
	process   int32
	publisher bool
	from, to  int32 // its part of streams.told
}

// streamCase counts what is wrong in one way, and keeps the earliest.
type streamCase struct {
	count  int
	key    history.Key
	time   int64
	places []int32 // of the operations that show it
	why    func(t tale) []string
}

// earlier counts one case, and reports whether it is to be kept.
func (c *streamCase) earlier(key history.Key, time int64) bool {
	if c.count++; c.count > 1 && time >= c.time {
		return false
	}
	c.key, c.time = key, time
	return true
}

func (c *streamCase) keep(places []int32, why func(t tale) []string) { c.places, c.why = places, why }

func (c *streamCase) prove(h *history.History) *Proof {
	proof, t := beginTale(h, c.places...)
	proof.Story = append(proof.Story, c.why(t)...)
	return proof
}

// streamElement is one element of a stream.
type streamElement struct {
	published int32 // the publication that was acknowledged, else one that wasn't, else none
	lastTold  int32 // the number of the last watcher that was told it, plus one
	toldAt    int32 // where in told that was
	acked     bool
	// For the merging of sequences: how many have it, how many have it as their head,
	// and one more than the last one of these; the others follow in streamGraph.behind.
	wanted, arrived, waiting int32
}

// streams is one call of Check.
type streams struct {
	StreamOrder
	run     *orderRun
	key     history.Key
	seats   bySeat
	answers []answer // of the stream at hand
	// copied is what the answers hold. Those of one watcher are far apart in the history's
	// memory. Where all are copied in its order, and nothing else is done meanwhile, the
	// processor fetches several at once, and does not wait for each.
	copied   []history.Value
	table    valuetable.Table
	elements []streamElement
	told     []told
	watchers []watcher
	graph    streamGraph
	sorted   []zone

	streams, watching, heard, sent, neverTold, longest int
	back, order, gap                                   streamCase
}

func (s *streams) judge(r *orderRun) {
	lists, known := split(r.h, 2*len(r.h.Keys), streamRole)
	s.run, s.seats = r, newBySeat(known)
	for key := range r.h.Keys {
		sends, watches := lists[2*key], lists[2*key+1]
		if len(watches) == 0 {
			continue
		}
		if !r.alive() {
			return
		}
		s.key = history.Key(key)
		s.streams++
		s.publish(sends)
		s.listen(watches)
		if r.stopped != nil {
			return
		}
		switch {
		case s.Revisions:
			s.judgeRevisions()
		default:
			s.judgeOrder(sends)
		}
		s.countNeverTold()
	}
}

// streamRole says whether an operation publishes to a stream or watches it.
func streamRole(op *history.Op) int32 {
	switch {
	case op.Kind == history.Append || op.Kind == history.Enqueue || op.Kind == history.Write || op.Kind == history.CAS:
		if op.Outcome != history.Fail && !op.Mismatch {
			return 2 * int32(op.Key)
		}
	case (op.ReadsList() || op.Kind == history.Dequeue) && op.Outcome == history.OK:
		return 2*int32(op.Key) + 1
	}
	return none
}

// element is the element that an operation published.
func (s *streams) element(op *history.Op) history.Value {
	if s.Revisions && op.Outcome == history.OK && op.Result.IsInt() {
		return op.Result
	}
	return op.Value
}

func (s *streams) at(v history.Value) int32 {
	n, fresh := s.table.At(v)
	if fresh {
		s.elements = append(s.elements, streamElement{published: none, toldAt: none})
	}
	return n
}

func (s *streams) publish(places []int32) {
	s.table.Reset(len(places))
	s.elements = slices.Grow(s.elements[:0], len(places))
	for place, op := range s.seats.batch.of(s.run.h, places) {
		n := s.at(s.element(op))
		if e := &s.elements[n]; e.published == none || !e.acked && op.Outcome == history.OK {
			e.published, e.acked = place, op.Outcome == history.OK
		}
	}
	s.sent += len(s.elements)
}

// answer is what one operation of a watcher was told: a part of streams.copied.
type answer struct {
	place    int32 // of the operation
	from, to int32
}

// listen makes the watchers' sequences, and finds steps back.
func (s *streams) listen(places []int32) {
	h := s.run.h
	s.told, s.watchers, s.answers, s.copied = s.told[:0], s.watchers[:0], s.answers[:0], s.copied[:0]
	s.seats.begin(len(places))
	for place, op := range s.seats.batch.of(h, places) {
		s.seats.add(op.Process)
		a := answer{place: place, from: int32(len(s.copied))}
		s.copied = append(s.copied, h.List(op)...)
		if op.Kind == history.Dequeue && op.Result != history.Nil && op.Result != history.None {
			s.copied = append(s.copied, op.Result)
		}
		a.to = int32(len(s.copied))
		s.answers = append(s.answers, a)
	}
	s.told = slices.Grow(s.told, len(s.copied))
	for _, seat := range s.seats.order {
		first := s.seats.first[seat]
		w := watcher{process: h.Ops[places[first]].Process, from: int32(len(s.told))}
		for n := first; n != none; n = s.seats.next[n] {
			a := &s.answers[n]
			for _, v := range s.copied[a.from:a.to] {
				s.hear(a.place, v)
			}
			if !s.run.goOn() {
				return
			}
		}
		w.to = int32(len(s.told))
		s.longest = max(s.longest, int(w.to-w.from))
		s.watchers = append(s.watchers, w)
	}
	s.watching += len(s.watchers)
}

// hear adds an element to the sequence of the watcher at hand. One that it was told
// before stays where it was first.
func (s *streams) hear(place int32, v history.Value) {
	s.heard++
	n, number := s.at(v), int32(len(s.watchers))+1
	e := &s.elements[n]
	if e.lastTold != number {
		e.lastTold, e.toldAt = number, int32(len(s.told))
		e.wanted++
		s.told = append(s.told, told{n, place})
		return
	}
	if s.Redelivered {
		return
	}
	before := s.told[e.toldAt].place
	if s.back.earlier(s.key, s.run.h.Ops[place].Return) {
		s.back.keep([]int32{before, place}, func(t tale) []string {
			return []string{fmt.Sprintf("%s had been told %s by %s, and was told it again by %s.", who(t.op(place)), t.value(v), t.when(before), t.when(place))}
		})
	}
}

func (s *streams) countNeverTold() {
	for n := range s.elements {
		if e := &s.elements[n]; e.lastTold == 0 && e.acked {
			s.neverTold++
		}
	}
}

func (s *streams) conclude(r *orderRun) {
	r.result.Figures = map[string]float64{
		"streams": float64(s.streams), "watchers": float64(s.watching), "told": float64(s.heard), "published": float64(s.sent),
		"gaps": float64(s.gap.count), "steps_back": float64(s.back.count), "orders_differ": float64(s.order.count), "never_told": float64(s.neverTold),
	}
	var found []string
	var first *streamCase
	for _, c := range []struct {
		*streamCase
		name, one, many string
	}{
		{&s.order, "different orders", "stream", "streams"},
		{&s.back, "a step back", "time", "times"},
		{&s.gap, "a gap", "element missed", "elements missed"},
	} {
		if c.count == 0 {
			continue
		}
		if first == nil {
			first = c.streamCase
		}
		unit := c.one
		if c.count > 1 {
			unit = c.many
		}
		found = append(found, fmt.Sprintf("%s in %s (%d %s)", c.name, nameText(r.h, c.key), c.count, unit))
	}
	switch {
	case first != nil:
		r.result.Proof = first.prove(r.h)
		r.say(Violation, "%s: %s", strings.Join(found, ", "), r.result.Proof.Story[len(r.result.Proof.Story)-1])
	case r.stopped != nil:
		r.say(Inconclusive, "not everything was judged: %v", r.stopped)
	case s.longest < 2:
		r.say(Inconclusive, "no watcher was told two elements of a stream: the history proves nothing")
	default:
		r.say(Pass, "%s of %s agree on one order, with no gap and no step back: %s told", plural(s.watching, "watcher"), plural(s.streams, "stream"), plural(s.heard, "element"))
	}
}
