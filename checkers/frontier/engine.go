package frontier

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// engine is one search.
type engine[S comparable] struct {
	p      *Problem[S]
	ctx    context.Context
	limits Limits
	events []int32 // calls, and the complements of returns
	slots  []int32 // by operation: its bit
	words  int

	pos    int // of the next event
	states states[S]
	usages usages
	rows   []uint64 // the frontier
	stride int
	masks  masks

	underway  []int32   // changes that return, by their returns
	observers []int32   // observers under way
	fresh     []int32   // observers called since the last return
	open      []int32   // classes with changes of unknown outcome that were called
	calls     int       // operations that were called
	called    []int32   // by class: how many of those
	sample    []int32   // by class: one of those, None where there is none yet
	asks      [][]int32 // by operation: what it can't be taken without
	asking    []int32   // by number: answered operations that ask for it and are not called yet
	lastAsk   []int64   // by number: the latest call of answered operations that ask for it
	left      []int32
	pending   []int32 // by holding: answered operations that need it and are not called yet
	lastCall  []int64 // by holding: the latest call of those
	soonest   []int64 // by operation: the earliest return of changes among it and all that follow

	work, after table
	row         []uint64 // in the making
	stamps      []int32  // by class: the last configuration in which it was tried
	stamp       int32
	freeStamps  []int32 // the same of those of which it makes no difference whether they were taken
	many        []S
	lastDoubt   int     // the last operation that can be refuted
	following   []int32 // by operation: it, if it is an observer, or the next that is
	// What the returning operation depends on in a configuration: by place in
	// underway, in observers, and in open.
	relevant, seen, seenOpen []bool
	list                     []int32

	wanted wanted

	wide     int  // up to which event all changes of unknown outcome are tried
	full     int  // up to which event all configurations are kept
	narrowed bool // somewhere they were not
	saved    [savedKinds]checkpoint
	joined   bool // configurations of one state are joined
	loose    *loose[S]
	patience int  // how many steps may be made before the loose search is asked
	refuted  bool // by the loose search
	// fromStart says that the last time the search went back to the beginning.
	fromStart bool
	handled   int // returns
	keep      int // up to how many states are not collected

	answer Answer[S]
	reason string
	since  int   // steps since the limits were looked at
	fixed  int64 // bytes of what does not grow
}

func newEngine[S comparable](ctx context.Context, p *Problem[S], limits Limits) *engine[S] {
	e := &engine[S]{p: p, ctx: ctx, limits: limits, keep: leastKept}
	e.events = makeEvents(p.Ops)
	for len(e.events) > p.Begun {
		last := e.events[len(e.events)-1]
		if last < 0 && !p.Ops[^last].Always {
			break
		}
		e.events = e.events[:len(e.events)-1] // nothing that follows can be refuted
	}
	for i := range p.Ops {
		if op := &p.Ops[i]; !op.Always && op.Return != Never {
			e.lastDoubt = i
		}
	}
	e.slots, e.words = makeSlots(p.Ops, e.events)
	e.stride = 1 + e.words
	e.masks.changes, e.masks.blind = make([]uint64, e.words), make([]uint64, e.words)
	overwrites := slices.ContainsFunc(p.Ops, func(op Op) bool { return op.Overwrites })
	if e.masks.free = overwrites && slices.ContainsFunc(p.Ops, func(op Op) bool { return op.Blind }); e.masks.free {
		e.stride += e.words
	}
	e.row = make([]uint64, e.stride)
	e.called, e.sample, e.stamps = make([]int32, p.Classes), make([]int32, p.Classes), make([]int32, p.Classes)
	e.freeStamps, e.wanted.results = make([]int32, p.Classes), make([]int32, p.Classes)
	for i := range e.sample {
		e.sample[i] = None
	}
	if p.Holds != nil {
		e.countHoldings()
	}
	if p.Asks != nil {
		e.countAsks()
	}
	if p.Lost != nil {
		e.following = make([]int32, len(p.Ops)+1)
		e.following[len(p.Ops)] = None
		for i := len(p.Ops) - 1; i >= 0; i-- {
			if e.following[i] = e.following[i+1]; p.Ops[i].Observer {
				e.following[i] = int32(i)
			}
		}
	}
	e.states.holdI, e.states.bytes = p.Holds, p.Bytes
	e.states.reset()
	e.usages.reset()
	e.fixed = int64(cap(e.events)+cap(e.slots)+5*p.Classes+p.Holdings)*4 + int64(cap(e.lastCall)+cap(e.soonest))*8 + int64(cap(e.following))*4 + int64(len(p.Ops))*32
	e.begin()
	return e
}

func (e *engine[S]) countHoldings() {
	ops := e.p.Ops
	e.pending, e.lastCall = make([]int32, e.p.Holdings), make([]int64, e.p.Holdings)
	e.soonest = make([]int64, len(ops)+1)
	e.soonest[len(ops)] = Never
	for i := len(ops) - 1; i >= 0; i-- {
		op := &ops[i]
		e.soonest[i] = e.soonest[i+1]
		if !op.Observer {
			e.soonest[i] = min(e.soonest[i], op.Return)
		}
		if op.Needs != None && op.Return != Never {
			e.pending[op.Needs]++
			e.lastCall[op.Needs] = max(e.lastCall[op.Needs], op.Call)
		}
	}
}

// begin makes the first configurations.
func (e *engine[S]) begin() {
	for e.pos < e.p.Begun {
		e.call(e.events[e.pos])
		e.pos++
	}
	e.after.reset(e.stride)
	for _, c := range e.p.Start {
		e.beginWith(c)
	}
	e.fresh = e.fresh[:0]
	e.takeAfter()
}

func (e *engine[S]) beginWith(c Config[S]) {
	for i, op := range c.Free {
		if e.slots[op] != None && !(e.masks.free && e.p.Ops[op].Blind) {
			rest := append(slices.Clone(c.Free[:i]), c.Free[i+1:]...)
			e.beginWith(Config[S]{c.State, c.Taken, rest})
			e.beginWith(Config[S]{c.State, append(slices.Clone(c.Taken), op), rest})
			return
		}
	}
	clear(e.row)
	usage := uint32(0)
	for _, op := range c.Taken {
		if slot := e.slots[op]; slot == None {
			usage = e.usages.plus(usage, e.p.Ops[op].Class)
		} else {
			e.row[1+slot/64] |= 1 << (slot % 64)
		}
	}
	for _, op := range c.Free {
		if slot := e.slots[op]; slot != None { // else it need not be taken in any case
			e.row[1+e.words+int(slot/64)] |= 1 << (slot % 64)
		}
	}
	e.row[0] = rowOf(e.states.number(c.State), usage)
	e.settle(e.row, e.observers)
	e.after.put(e.row, &e.masks, &e.usages)
}

func (e *engine[S]) judge() Answer[S] {
	e.look()
	dead, back := -1, 0
	for e.reason == "" && e.pos < len(e.events) {
		if e.calls > e.lastDoubt && e.settled() {
			break
		}
		e.next()
		if e.reason != "" || len(e.rows) > 0 {
			continue
		}
		if !e.narrowed {
			e.answer.Verdict = Illegal
			break
		}
		if e.pos > dead {
			dead, back = e.pos, firstBack
		} else {
			back *= 8
		}
		if back > 8*firstBack && e.refutedLoosely(dead) {
			break
		}
		// From the beginning twice: first with one of the configurations that
		// differ in their usage only, then with all.
		if e.saved[savedKinds-1].pos >= dead-back && e.wide >= dead && e.fromStart {
			e.full = dead
		}
		e.goBack(dead, back)
		e.patience = e.answer.Steps + patience
	}
	e.answer.Returns = e.handled
	if e.reason != "" && !e.refuted {
		e.answer.Verdict, e.answer.Reason = Undecided, e.reason
	} else if e.answer.Verdict != Illegal {
		e.answer.Verdict = Legal
	}
	return e.answer
}

// settled reports whether, in some configuration, all operations were taken that can
// be refuted: then nothing can go wrong any more.
func (e *engine[S]) settled() bool {
	taken := func(row []uint64, list []int32) bool {
		for _, n := range list {
			if !e.p.Ops[n].Always && e.owes(row, n) {
				return false
			}
		}
		return true
	}
	for at := 0; at < len(e.rows); at += e.stride {
		row := e.rows[at : at+e.stride]
		e.settle(row, e.fresh)
		if taken(row, e.observers) && taken(row, e.underway) {
			return true
		}
	}
	return false
}

// next handles one event.
func (e *engine[S]) next() {
	event := e.events[e.pos]
	if base := &e.saved[savedKinds-1]; !base.set && !e.joined && (len(e.open) > 0 || event >= 0 && e.p.Ops[event].Return == Never) {
		e.saveAt(savedKinds - 1)
	}
	e.pos++
	if event >= 0 {
		e.call(event)
		return
	}
	e.returned(^event)
	e.handled++
	e.collect()
	if !e.joined {
		e.save()
	}
}

func (e *engine[S]) call(n int32) {
	op := &e.p.Ops[n]
	e.calls = int(n) + 1
	if op.Return == Never {
		if e.called[op.Class]++; e.called[op.Class] == 1 {
			e.open = append(e.open, op.Class)
		}
		e.sample[op.Class] = n
		return
	}
	if op.Needs != None {
		e.pending[op.Needs]--
	}
	e.countCalled(n, -1)
	if op.Observer {
		e.observers = append(e.observers, n)
		e.fresh = append(e.fresh, n)
		return
	}
	e.addChange(n)
}

func (e *engine[S]) addChange(n int32) {
	slot := e.slots[n]
	e.masks.changes[slot/64] |= 1 << (slot % 64)
	if e.p.Ops[n].Blind {
		e.masks.blind[slot/64] |= 1 << (slot % 64)
	}
	at := len(e.underway)
	for at > 0 && e.p.Ops[e.underway[at-1]].Return > e.p.Ops[n].Return {
		at--
	}
	e.underway = slices.Insert(e.underway, at, n)
}

// has reports whether a row took an operation under way.
func (e *engine[S]) has(row []uint64, n int32) bool {
	slot := e.slots[n]
	return row[1+slot/64]>>(slot%64)&1 == 1
}

// frees reports whether it makes no difference to a row whether an operation was taken.
func (e *engine[S]) frees(row []uint64, n int32) bool {
	slot := e.slots[n]
	return e.masks.free && row[1+e.words+int(slot/64)]>>(slot%64)&1 == 1
}

// owes reports whether an operation under way is still to be taken.
func (e *engine[S]) owes(row []uint64, n int32) bool { return !e.has(row, n) && !e.frees(row, n) }

// settle takes observers that are legal in a row's state.
func (e *engine[S]) settle(row []uint64, observers []int32) {
	state := uint32(row[0])
	for _, n := range observers {
		slot := e.slots[n]
		if row[1+slot/64]>>(slot%64)&1 == 1 {
			continue
		}
		if needs := e.p.Ops[n].Needs; needs != None && needs != e.states.holds[state] {
			continue
		}
		e.answer.Steps++
		if e.p.Branch == nil {
			if _, ok := e.p.Step(e.states.all[state], n); !ok {
				continue
			}
		} else if e.many = e.p.Branch(e.states.all[state], n, e.many[:0]); len(e.many) == 0 {
			continue
		}
		row[1+slot/64] |= 1 << (slot % 64)
	}
}

// returned keeps the configurations in which an operation was taken, or can be.
func (e *engine[S]) returned(n int32) {
	slot := e.slots[n]
	word, bit := 1+int(slot/64), uint64(1)<<(slot%64)
	all := true
	for at := 0; at < len(e.rows); at += e.stride {
		row := e.rows[at : at+e.stride]
		e.settle(row, e.fresh)
		all = all && row[word]&bit != 0
	}
	e.fresh = e.fresh[:0]
	e.remove(n)
	if all {
		for at := word; at < len(e.rows); at += e.stride {
			e.rows[at] &^= bit
		}
		return
	}
	e.work.reset(e.stride)
	e.after.reset(e.stride)
	e.work.dropped, e.after.dropped = false, false
	e.work.single, e.after.single = e.pos > e.full, e.pos > e.full
	for at := 0; at < len(e.rows); at += e.stride {
		row := e.rows[at : at+e.stride]
		if row[word]&bit == 0 {
			if free := word + e.words; e.masks.free && row[free]&bit != 0 {
				row[free] &^= bit
				e.after.put(row, &e.masks, &e.usages)
			}
			e.work.put(row, &e.masks, &e.usages)
			continue
		}
		row[word] &^= bit
		e.after.put(row, &e.masks, &e.usages)
	}
	e.explore(n)
	if e.reason != "" {
		return
	}
	e.narrowed = e.narrowed || e.work.dropped || e.after.dropped
	if e.after.live == 0 {
		e.remember(n)
	}
	e.takeAfter()
}

func (e *engine[S]) remove(n int32) {
	list := &e.underway
	if e.p.Ops[n].Observer {
		list = &e.observers
	} else {
		slot := e.slots[n]
		e.masks.changes[slot/64] &^= 1 << (slot % 64)
		e.masks.blind[slot/64] &^= 1 << (slot % 64)
	}
	at := slices.Index(*list, n)
	*list = slices.Delete(*list, at, at+1)
}

// takeAfter makes what survived the frontier.
func (e *engine[S]) takeAfter() {
	e.rows = e.rows[:0]
	for n := range e.after.count() {
		if !e.after.dead[n] {
			e.rows = append(e.rows, e.after.row(n)...)
		}
	}
	e.answer.Widest = max(e.answer.Widest, e.after.live)
}

// remember notes in which states the operation was tried that no configuration survived.
func (e *engine[S]) remember(n int32) {
	e.answer.At, e.answer.Found = n, nil
	seen := map[uint32]bool{}
	for i := range e.work.count() {
		state := uint32(e.work.row(i)[0])
		if !seen[state] && len(seen) < FoundLimit {
			seen[state] = true
			e.answer.Found = append(e.answer.Found, e.states.all[state])
		}
	}
}

// lookEvery is after how many steps the limits are looked at.
const lookEvery = 1 << 10

// look notes when a limit is reached.
func (e *engine[S]) look() {
	if e.wide > 0 && e.pos <= e.wide && !e.joined && e.answer.Steps > e.patience && e.refutedLoosely(e.wide) {
		e.reason = "the loose search found that there is no order"
		return
	}
	held := e.size()
	e.answer.Bytes = max(e.answer.Bytes, held)
	switch {
	case e.ctx.Err() != nil:
		e.reason = "the search was called off"
	case !e.limits.Deadline.IsZero() && !time.Now().Before(e.limits.Deadline):
		e.reason = "the search ran out of time"
	case e.limits.Bytes > 0 && held > e.limits.Bytes:
		e.reason = fmt.Sprintf("the search needed more than its %d MB of memory", e.limits.Bytes>>20)
	}
}

func (e *engine[S]) size() int64 {
	held := e.fixed + e.states.size() + e.usages.size() + e.work.size() + e.after.size() + int64(cap(e.rows))*8
	for i := range e.saved {
		held += int64(cap(e.saved[i].rows)) * 8
	}
	if e.p.Held != nil {
		held += e.p.Held()
	}
	if e.loose != nil && e.loose.engine != nil {
		held += e.loose.held
	}
	return held
}
