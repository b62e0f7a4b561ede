package model

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// world is a real object that operations are done on, written without the models:
// it draws what to ask, and does it.
type world interface {
	// ask fills in what an operation asks for.
	ask(w *workload, op *history.Op)
	// do does it, and fills in the answer.
	do(w *workload, op *history.Op)
}

// workload makes small or large histories of one object: a world is simulated, and
// for most small ones something is changed. Times of small ones are drawn from a
// small range, so that equal instants are common.
type workload struct {
	draw    *rand.Rand
	h       *history.History
	world   world
	clients int
	unknown float64 // share of operations without an answer
	failed  float64
	long    bool // large histories: a microsecond and more for each operation
	next    history.Value
	process []int32
}

func newWorkload(draw *rand.Rand, w world, clients int) *workload {
	return &workload{draw: draw, world: w, clients: clients, unknown: 0.17, failed: 0.08,
		h: &history.History{Keys: []string{"x", "y", "z"}}}
}

func (w *workload) fresh() history.Value {
	w.next++
	return w.next
}

// list puts elements into the arena.
func (w *workload) list(op *history.Op, elements []history.Value) {
	op.Offset, op.Count = uint32(len(w.h.Elements)), uint32(len(elements))
	w.h.Elements = append(w.h.Elements, elements...)
}

func (w *workload) simulate(count int) {
	type planned struct {
		op history.Op
		at int64
	}
	scale := int64(1)
	if w.long {
		scale = 100_000
	}
	free := make([]int64, w.clients)
	w.process = make([]int32, w.clients)
	last := int32(w.clients)
	var plan []planned
	for i := range w.process {
		w.process[i] = int32(i)
		free[i] = w.draw.Int64N(3 * scale)
	}
	for range count {
		c := w.draw.IntN(w.clients)
		call := free[c] + w.draw.Int64N(4*scale)
		at := call + w.draw.Int64N(4*scale)
		ret := at + w.draw.Int64N(4*scale)
		free[c] = ret
		op := history.Op{Call: call, Return: ret, Process: w.process[c], Value: history.None, Expect: history.None, Result: history.None, Outcome: history.OK}
		switch r := w.draw.Float64(); {
		case r < w.unknown:
			op.Outcome, op.Return = history.Info, history.Open
			at += w.draw.Int64N(10 * scale)
			w.process[c] = last
			last++
		case r < w.unknown+w.failed:
			op.Outcome = history.Fail
		}
		plan = append(plan, planned{op, at})
	}
	slices.SortStableFunc(plan, func(a, b planned) int { return cmp.Compare(a.at, b.at) })
	for i := range plan {
		op := &plan[i].op
		w.world.ask(w, op)
		if op.Outcome == history.OK || op.Outcome == history.Info && w.draw.IntN(2) == 0 {
			w.world.do(w, op)
		}
		if op.Outcome != history.OK {
			op.Result, op.Mismatch = history.None, false
			if op.Kind != history.Txn {
				op.Offset, op.Count = 0, 0
			}
		}
		w.h.Ops = append(w.h.Ops, *op)
	}
	slices.SortStableFunc(w.h.Ops, byCall)
}

// mutate changes one thing, which may or may not break the history.
func (w *workload) mutate() {
	op := &w.h.Ops[w.draw.IntN(len(w.h.Ops))]
	switch w.draw.IntN(6) {
	case 0, 1, 2:
		w.reanswer(op)
	case 3:
		if op.Outcome == history.OK {
			shift := w.draw.Int64N(13) - 6
			op.Call, op.Return = max(0, op.Call+shift), max(0, op.Return+shift)
		}
	case 4:
		if op.Outcome == history.Info && op.Result == history.None && (op.Kind == history.Write || op.Kind == history.Append ||
			op.Kind == history.Enqueue || op.Kind == history.Add || op.Kind == history.Release || op.Kind == history.Acquire) {
			op.Outcome, op.Return = history.OK, op.Call+w.draw.Int64N(5)
		}
	case 5:
		if len(w.h.Ops) > 2 {
			i := w.draw.IntN(len(w.h.Ops))
			w.h.Ops = slices.Delete(w.h.Ops, i, i+1)
		}
	}
	slices.SortStableFunc(w.h.Ops, byCall)
}

// reanswer gives an operation the answer of another one, or something near to its own.
func (w *workload) reanswer(op *history.Op) {
	if op.Outcome != history.OK {
		return
	}
	if op.Kind == history.Txn {
		steps := w.h.Transaction(op)
		if len(steps) > 0 {
			if m := &steps[w.draw.IntN(len(steps))]; m.Kind == history.Read {
				m.Value = w.anyValue()
			}
		}
		return
	}
	if op.ReadsList() {
		list := slices.Clone(w.h.List(op))
		switch {
		case len(list) > 0 && w.draw.IntN(2) == 0:
			i := w.draw.IntN(len(list))
			list = slices.Delete(list, i, i+1)
		case len(list) > 1 && w.draw.IntN(2) == 0:
			list[0], list[1] = list[1], list[0]
		default:
			list = append(list, w.anyValue())
		}
		w.list(op, list)
		return
	}
	if op.Result != history.None {
		op.Result = w.anyValue()
	}
}

func (w *workload) anyValue() history.Value {
	for range 5 {
		op := &w.h.Ops[w.draw.IntN(len(w.h.Ops))]
		if op.Result != history.None && w.draw.IntN(2) == 0 {
			return op.Result
		}
		if op.Value != history.None {
			return op.Value
		}
	}
	return 99
}

// The worlds.

type registerWorld struct {
	value  history.Value
	repeat bool // values are drawn from a few
	vague  bool // refusals may not say what they saw
}

func (r *registerWorld) ask(w *workload, op *history.Op) {
	op.Kind = history.Read
	switch n := w.draw.IntN(10); {
	case n < 3:
		op.Kind, op.Value = history.Write, r.some(w)
	case n < 6:
		op.Kind, op.Value, op.Expect = history.CAS, r.some(w), r.value
		if w.draw.IntN(3) == 0 && w.next > 0 {
			op.Expect = 1 + history.Value(w.draw.IntN(int(w.next)))
		}
	}
}

func (r *registerWorld) some(w *workload) history.Value {
	if r.repeat && w.draw.IntN(2) == 0 {
		return history.Value(w.draw.IntN(3))
	}
	return w.fresh()
}

func (r *registerWorld) do(w *workload, op *history.Op) {
	switch {
	case op.Kind == history.Read:
		op.Result = r.value
	case op.Kind == history.Write || op.Expect == r.value:
		r.value = op.Value
	case op.Kind == history.CAS:
		op.Mismatch, op.Result = true, r.value
		if r.vague && w.draw.IntN(2) == 0 {
			op.Result = history.None
		}
	}
}

type multiWorld struct {
	values map[history.Key]history.Value
	unique bool // each value is written once
}

func (m *multiWorld) ask(w *workload, op *history.Op) {
	op.Kind = history.Txn
	op.Offset = uint32(len(w.h.Micros))
	for range 1 + w.draw.IntN(3) {
		step := history.Micro{Kind: history.Read, Key: history.Key(w.draw.IntN(3)), Value: history.None}
		if w.draw.IntN(2) == 0 {
			step.Kind, step.Value = history.Write, history.Value(w.draw.IntN(4))
			if m.unique {
				step.Value = w.fresh()
			}
		}
		w.h.Micros = append(w.h.Micros, step)
		op.Count++
	}
}

func (m *multiWorld) do(w *workload, op *history.Op) {
	steps := w.h.Transaction(op)
	for i := range steps {
		step := &steps[i]
		if step.Kind == history.Write {
			m.values[step.Key] = step.Value
		} else if op.Outcome == history.OK {
			step.Value = m.values[step.Key]
		}
	}
}

type kvWorld struct {
	text   string
	marked bool   // a text says what it is made of
	form   string // of its pieces
}

func (k *kvWorld) ask(w *workload, op *history.Op) {
	switch n := w.draw.IntN(10); {
	case n < 4:
		op.Kind = history.Read
	case n < 5 && !w.long:
		op.Kind, op.Value = history.Write, history.Value(w.draw.IntN(4))
	default:
		op.Kind, op.Value = history.Append, history.Value(w.draw.IntN(4))
	}
	if most := 30; op.Kind == history.Append && len(k.text) > most && (!w.long || len(k.text) > 5*most) {
		op.Kind = history.Write
	}
	if op.Kind != history.Read && k.marked {
		n := int(w.fresh())
		if !w.long && w.draw.IntN(4) == 0 {
			n = w.draw.IntN(n) // again
		}
		op.Value = w.intern(fmt.Sprintf(k.form, n))
	}
}

func (k *kvWorld) do(w *workload, op *history.Op) {
	switch op.Kind {
	case history.Read:
		if k.text == "" {
			op.Result = history.Nil
		} else {
			op.Result = w.intern(k.text)
		}
	case history.Write:
		k.text = w.h.Text(op.Value)
	default:
		k.text += w.h.Text(op.Value)
	}
}

func (w *workload) intern(s string) history.Value {
	if w.long {
		w.h.Strings = append(w.h.Strings, s)
		return history.StringValue(len(w.h.Strings) - 1)
	}
	return w.h.Intern(s)
}

type setWorld struct {
	in     []history.Value
	repeat bool
	list   bool // a list, where elements may be twice
	rare   int  // a read is so many times rarer
}

func (s *setWorld) ask(w *workload, op *history.Op) {
	op.Kind = history.ReadList
	if w.draw.IntN(3) > 0 || s.rare > 0 && w.draw.IntN(s.rare) > 0 {
		op.Kind, op.Value = history.Append, w.fresh()
		if s.repeat && w.draw.IntN(2) == 0 {
			op.Value = history.Value(w.draw.IntN(4))
		}
	}
}

func (s *setWorld) do(w *workload, op *history.Op) {
	if op.Kind == history.Append {
		if s.list || !slices.Contains(s.in, op.Value) {
			s.in = append(s.in, op.Value)
		}
		return
	}
	list := slices.Clone(s.in)
	if !s.list {
		w.draw.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	w.list(op, list)
}

type counterWorld struct {
	sum    history.Value
	signed bool
}

func (c *counterWorld) ask(w *workload, op *history.Op) {
	op.Kind = history.Read
	if w.draw.IntN(2) == 0 {
		op.Kind, op.Value = history.Add, history.Value(1+w.draw.IntN(3))
		if c.signed {
			op.Value -= 2
		}
	}
}

func (c *counterWorld) do(_ *workload, op *history.Op) {
	if op.Kind == history.Add {
		c.sum += op.Value
	} else {
		op.Result = c.sum
	}
}

type queueWorld struct {
	in       []history.Value
	repeat   bool
	anywhere bool // it gives back any element
	drains   bool
}

func (q *queueWorld) ask(w *workload, op *history.Op) {
	switch n := w.draw.IntN(10); {
	case n < 5:
		op.Kind, op.Value = history.Enqueue, w.fresh()
		if q.repeat && w.draw.IntN(2) == 0 {
			op.Value = history.Value(w.draw.IntN(4))
		}
	case n < 9 || !q.drains:
		op.Kind = history.Dequeue
	default:
		op.Kind = history.Drain
	}
}

func (q *queueWorld) do(w *workload, op *history.Op) {
	take := func() history.Value {
		i := 0
		if q.anywhere {
			i = w.draw.IntN(len(q.in))
		}
		v := q.in[i]
		q.in = slices.Delete(q.in, i, i+1)
		return v
	}
	switch {
	case op.Kind == history.Enqueue:
		q.in = append(q.in, op.Value)
	case op.Kind == history.Dequeue && len(q.in) == 0:
		op.Result = history.Nil
	case op.Kind == history.Dequeue:
		op.Result = take()
	default:
		var list []history.Value
		for len(q.in) > 0 {
			list = append(list, take())
		}
		w.list(op, list)
	}
}

type lockWorld struct {
	held   bool
	holder int32
	token  history.Value
	fenced bool
}

func (l *lockWorld) ask(w *workload, op *history.Op) {
	op.Kind = history.Acquire
	switch {
	case l.held && (op.Process == l.holder || !l.fenced || w.draw.IntN(8) == 0):
		op.Kind = history.Release
	case l.fenced && w.draw.IntN(4) == 0:
		op.Kind, op.Value, op.Expect = history.Write, w.fresh(), max(l.token, 1)
	}
	if w.draw.IntN(12) == 0 && !w.long {
		op.Kind, op.Expect, op.Value = history.Release, history.None, history.None
	}
	if w.long && l.fenced && op.Outcome == history.Info && op.Kind == history.Release && op.Process == l.holder {
		l.held = false // else nobody ever could
	}
	if w.long && op.Kind == history.Acquire && l.held {
		op.Outcome = history.Fail
		op.Return = op.Call + 1
	}
}

func (l *lockWorld) do(w *workload, op *history.Op) {
	switch {
	case w.long && op.Outcome == history.Info:
	case op.Kind == history.Acquire && !l.held:
		l.held, l.holder = true, op.Process
		l.token++
		if l.fenced && w.draw.IntN(8) > 0 {
			op.Result = l.token
		}
	case op.Kind == history.Release && l.held && (!l.fenced || op.Process == l.holder):
		l.held = false
	case op.Kind == history.Write:
	default:
		op.Outcome = history.Fail // it was refused
	}
}

// randomCases are the models with worlds of theirs.
var randomCases = []struct {
	name  string
	model Model
	world func(draw *rand.Rand) (world, history.Value)
}{
	{"register", CASRegister(), func(draw *rand.Rand) (world, history.Value) {
		return &registerWorld{value: history.Nil}, history.Nil
	}},
	{"register with repeated values and refusals that say nothing", CASRegister(), func(draw *rand.Rand) (world, history.Value) {
		return &registerWorld{value: 0, repeat: draw.IntN(3) == 0, vague: true}, 0
	}},
	{"register with repeated values, by search alone", searchedRegister(), func(*rand.Rand) (world, history.Value) {
		return &registerWorld{value: 0, repeat: true, vague: true}, 0
	}},
	{"multi-register", MultiRegister(), func(*rand.Rand) (world, history.Value) {
		return &multiWorld{values: map[history.Key]history.Value{}}, 0
	}},
	{"multi-register, by search alone", searchedMulti(), func(draw *rand.Rand) (world, history.Value) {
		return &multiWorld{values: map[history.Key]history.Value{}, unique: draw.IntN(2) == 0}, 0
	}},
	{"kv", KV(), func(*rand.Rand) (world, history.Value) { return &kvWorld{}, history.Nil }},
	{"kv with marked pieces", KV(), func(draw *rand.Rand) (world, history.Value) {
		return &kvWorld{marked: true, form: []string{"x%dy", "%d,"}[draw.IntN(2)]}, history.Nil
	}},
	{"set", Set(), func(draw *rand.Rand) (world, history.Value) {
		return &setWorld{repeat: draw.IntN(3) == 0}, history.Nil
	}},
	{"list", AppendList(), func(draw *rand.Rand) (world, history.Value) {
		return &setWorld{repeat: draw.IntN(3) == 0, list: true}, history.Nil
	}},
	{"counter", Counter(), func(draw *rand.Rand) (world, history.Value) {
		return &counterWorld{signed: draw.IntN(3) == 0}, history.Nil
	}},
	{"fifo-queue", FIFOQueue(), func(draw *rand.Rand) (world, history.Value) {
		return &queueWorld{repeat: draw.IntN(3) == 0, drains: draw.IntN(4) == 0}, history.Nil
	}},
	{"queue", Queue(), func(draw *rand.Rand) (world, history.Value) {
		return &queueWorld{repeat: draw.IntN(3) == 0, anywhere: true, drains: draw.IntN(4) == 0}, history.Nil
	}},
	{"mutex", Mutex(), func(*rand.Rand) (world, history.Value) { return &lockWorld{}, history.Nil }},
	{"fenced-mutex", FencedMutex(), func(*rand.Rand) (world, history.Value) { return &lockWorld{fenced: true}, history.Nil }},
}

// searchedRegister is a register whose violations nothing but the search finds.
func searchedRegister() Spec[history.Value] {
	s := CASRegister()
	s.refute = nil
	return s
}

// searchedMulti is the same of several registers.
func searchedMulti() Spec[int32] {
	s := MultiRegister()
	s.refute = nil
	return s
}

func listing(o *Object) string {
	h := *o.H
	h.Ops = o.Ops
	text := ""
	for i := range h.Ops {
		text += fmt.Sprintf("%3d  p%d [%d, %d] %s\n", i, h.Ops[i].Process, h.Ops[i].Call, h.Ops[i].Return, h.Describe(i))
	}
	return text
}
