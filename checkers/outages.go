package checkers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// loadSpan is when clients were asking: from [MarkLoad], or the first call, to
// "heal", [MarkFinal] or [MarkEnd], whichever comes first, or the last instant of an
// operation. Operations that are called at limit or later are no load.
func loadSpan(h *history.History) (from, to, limit int64) {
	from, limit = atStart, history.Open
	for _, m := range h.Marks {
		switch m.Name {
		case MarkLoad:
			from = max(from, m.Time)
		case markHeal, MarkFinal, MarkEnd:
			limit = min(limit, m.Time)
		}
	}
	to = limit
	if limit == history.Open {
		to = atStart
		for i := range h.Ops {
			to = max(to, h.Ops[i].Call)
			if ret := h.Ops[i].Return; ret != history.Open {
				to = max(to, ret)
			}
		}
	}
	if from == atStart && len(h.Ops) > 0 {
		from = min(h.Ops[0].Call, to)
	}
	return from, to, limit
}

// markHeal is left when the load has ended, before faults are undone.
const markHeal = "heal"

// An outage is a time in which operations were asked for and none was acknowledged:
// from the last acknowledgement, or the first call after it where nothing was under
// way then, to the next acknowledgement. So a time in which nobody asked is none:
//
//	p1  |--ok--|                        |--ok--|
//	p2              |--fail--|
//	                |·························|
//
// An operation of unknown outcome was asked for when it was called; when its client
// gave up nobody recorded.
type outage struct {
	from, to int64
	// last is the acknowledgement before, atStart where there was none.
	last int64
	// before and after are the places in History.Ops of the acknowledgements around
	// it; none where there is none.
	before, after int32
	// open says that the load ended first.
	open bool
}

func (o *outage) length() int64 { return o.to - o.from }

// scope is whose operations of a kind are taken together: everybody's, those of a
// node's clients, or those of a group's. At most one of the names is not empty.
type scope struct {
	kind        history.Kind
	node, group string
}

// stream is what is going on within a scope.
type stream struct {
	scope
	number  int
	last    int64 // the last acknowledgement
	before  int32
	since   int64 // since when something is asked for; Open where nothing is
	pending int32 // operations under way that will return

	acked, called int
}

// sweeper goes through a load in the order of time and finds its outages.
type sweeper struct {
	h        *history.History
	from, to int64 // of the load
	limit    int64
	places   *places
	// wide: also by node and group, not only by kind.
	wide    bool
	streams []stream
	perKind int
	pending returns
	found   func(s *stream, o outage)
}

var errNoLoad = errors.New("no operation was tried: the run proves nothing")

func newSweeper(h *history.History, wide bool, found func(*stream, outage)) *sweeper {
	s := &sweeper{h: h, wide: wide, perKind: 1, found: found}
	s.from, s.to, s.limit = loadSpan(h)
	if wide {
		s.places = placesOf(h)
		s.perKind += len(s.places.nodes) + len(s.places.groups)
	}
	s.streams = make([]stream, len(history.Kinds())*s.perKind)
	for i := range s.streams {
		t := &s.streams[i]
		t.kind, t.number = history.Kind(i/s.perKind+1), i
		t.last, t.before, t.since = atStart, none, history.Open
		if at := i%s.perKind - 1; at >= 0 && at < len(s.places.nodes) {
			t.node = s.places.nodes[at]
		} else if at >= 0 {
			t.group = s.places.groups[at-len(s.places.nodes)]
		}
	}
	return s
}

// sweep goes through the load.
func (s *sweeper) sweep(ctx context.Context, deadline time.Time) error {
	for i := range s.h.Ops {
		op := &s.h.Ops[i]
		if op.Call >= s.limit {
			break
		}
		if i&0xffff == 0 {
			if err := inTime(ctx, deadline); err != nil {
				return fmt.Errorf("%d of %d operations were judged: %w", i, len(s.h.Ops), err)
			}
		}
		for len(s.pending) > 0 && s.pending[0].time <= op.Call {
			s.returned(s.pending.pop())
		}
		s.each(op, func(t *stream) { t.call(op) })
		if op.Return != history.Open {
			s.pending.push(returning{op.Return, int32(i), op.Outcome == history.OK})
		}
	}
	for len(s.pending) > 0 && s.pending[0].time <= s.to {
		s.returned(s.pending.pop())
	}
	for i := range s.streams {
		if t := &s.streams[i]; t.since < s.to {
			s.found(t, outage{from: t.since, to: s.to, last: t.last, before: t.before, after: none, open: true})
		}
	}
	return nil
}

// each calls f with the streams that an operation is in.
func (s *sweeper) each(op *history.Op, f func(t *stream)) {
	first := (int(op.Kind) - 1) * s.perKind
	f(&s.streams[first])
	if !s.wide {
		return
	}
	here := s.places.of(op.Process)
	if here.node >= 0 {
		f(&s.streams[first+1+int(here.node)])
	}
	if here.group >= 0 {
		f(&s.streams[first+1+len(s.places.nodes)+int(here.group)])
	}
}

func (t *stream) call(op *history.Op) {
	t.called++
	// What is called at the instant of an acknowledgement, and not known to go on
	// after it, is not asked for after it.
	if t.since == history.Open && (op.Call > t.last || op.Return != history.Open && op.Return > op.Call) {
		t.since = op.Call
	}
	if op.Return != history.Open {
		t.pending++
	}
}

func (s *sweeper) returned(r returning) {
	op := &s.h.Ops[r.place]
	s.each(op, func(t *stream) {
		t.pending--
		if op.Outcome != history.OK {
			return
		}
		if t.since < r.time {
			s.found(t, outage{from: t.since, to: r.time, last: t.last, before: t.before, after: r.place})
		}
		t.acked++
		t.last, t.before, t.since = r.time, r.place, history.Open
		if t.pending > 0 {
			t.since = r.time
		}
	})
}

// returning is an operation under way.
type returning struct {
	time  int64
	place int32
	acked bool
}

// before: of those that return at one instant the acknowledged come last, so that
// only what goes on after it is under way then.
func (r returning) before(other returning) bool {
	return r.time < other.time || r.time == other.time && !r.acked && other.acked
}

// returns is a heap of what is under way, the next to return first.
type returns []returning

func (r *returns) push(x returning) {
	*r = append(*r, x)
	h := *r
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !x.before(h[up]) {
			break
		}
		h[i], i = h[up], up
	}
	h[i] = x
}

func (r *returns) pop() returning {
	h := *r
	top, x := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*r = h
	i := 0
	for {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if down+1 < len(h) && h[down+1].before(h[down]) {
			down++
		}
		if !h[down].before(x) {
			break
		}
		h[i], i = h[down], down
	}
	if len(h) > 0 {
		h[i] = x
	}
	return top
}

// proveOutage shows an outage of a kind: the acknowledgements around it, and a few
// of the operations between that were not acknowledged.
func proveOutage(h *history.History, kind history.Kind, o outage) *Proof {
	const between = 3
	var shown []int32
	if o.before != none {
		shown = append(shown, o.before)
	}
	asked, tried := 0, len(shown)
	for i := range h.Ops {
		op := &h.Ops[i]
		under := op.Call <= o.to && (op.Call >= o.from || op.Return > o.from && op.Return != history.Open)
		if op.Kind != kind || !under || int32(i) == o.before || op.Outcome == history.OK && op.Return <= o.from {
			continue
		}
		if asked++; len(shown) < tried+between && int32(i) != o.after {
			shown = append(shown, int32(i))
		}
	}
	if o.after != none {
		shown = append(shown, o.after)
	}
	slices.Sort(shown)
	proof := &Proof{}
	var ops []*history.Op
	for _, i := range shown {
		ops = append(ops, &h.Ops[i])
		proof.Operations = append(proof.Operations, proofOperation(h, int(i)))
	}
	t := teller{prover: &prover{}, digits: decimals(ops)}
	if o.before != none {
		proof.Story = append(proof.Story, fmt.Sprintf("The last %v before was acknowledged at %s: p%d's %s.", kind, t.time(o.last), h.Ops[o.before].Process, h.Describe(int(o.before))))
	} else {
		proof.Story = append(proof.Story, fmt.Sprintf("No %v had been acknowledged before.", kind))
	}
	proof.Story = append(proof.Story, fmt.Sprintf("From %s on clients asked, in %s, and none was acknowledged.", t.time(o.from), plural(asked, "operation")))
	if o.after != none {
		proof.Story = append(proof.Story, fmt.Sprintf("The next one was acknowledged at %s, %s s later: p%d's %s.", t.time(o.to), seconds(o.length(), 3), h.Ops[o.after].Process, h.Describe(int(o.after))))
	} else {
		proof.Story = append(proof.Story, fmt.Sprintf("The load ended at %s, %s s later, and none had been.", t.time(o.to), seconds(o.length(), 3)))
	}
	return proof
}
