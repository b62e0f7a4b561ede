package model

import (
	"sort"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// Register is a cell that is read and written. It is [CASRegister] by another name:
// one that nobody swaps on is the same cell.
func Register() Spec[history.Value] {
	s := CASRegister()
	s.Name = "register"
	return s
}

// CASRegister is a cell that is read, written, and swapped by compare-and-set. A
// compare-and-set that was refused is a read: the cell held something else than
// what it expected, namely what it saw, where the answer said that.
func CASRegister() Spec[history.Value] {
	return Spec[history.Value]{
		Name:       "cas-register",
		Kinds:      []history.Kind{history.Read, history.Write, history.CAS},
		Initial:    (*Object).Initial,
		Step:       stepRegister,
		Observes:   observesRegister,
		Always:     putsAlways,
		Overwrites: func(op Op) bool { return op.Kind == history.Write },
		Reduce:     reduceRegister,
		sees:       onlyCell,
		refute:     refuteRegister,
		builtin:    BuiltinRegister,
	}
}

func stepRegister(state history.Value, op Op) (history.Value, bool) {
	switch op.Kind {
	case history.Read:
		return state, op.Told(state)
	case history.Write:
		return op.Value, true
	case history.CAS:
		if op.Mismatch {
			return state, state != op.Expect && op.Told(state)
		}
		return op.Value, state == op.Expect
	}
	return state, false
}

func observesRegister(op Op) bool {
	return op.Kind == history.Read || op.Kind == history.CAS && (op.Mismatch || op.Expect == op.Value)
}

// onlyCell is what a register must hold for an operation to be legal.
func onlyCell(op Op) (history.Value, bool) {
	v := op.Result
	if op.Kind == history.CAS && !op.Mismatch {
		v = op.Expect
	}
	return v, op.Kind != history.Write && v != history.None
}

// cells reduces the operations on one register.
type cells struct {
	o      *Object
	keep   []bool
	values *valuetable.Table
	facts  []cellValue
}

// cellValue is what is known of one value.
type cellValue struct {
	sources  int32 // operations that may have stored it, and the start
	source   int32 // the last of them
	asked    int32 // operations that are legal, or not, because of it
	seen     int64 // the earliest return of those that certainly saw it
	pinned   bool  // it comes once: from one source
	startsIt bool
}

// reduceRegister makes the operations on a register easier to place:
//
//   - A value with one source that somebody saw was stored before the first who saw
//     it was answered: its source happened, if that was unknown, and by then.
//   - Values that nobody asked for (no answer saw one, no compare-and-set expects one)
//     are as good as each other: they become one value. Where no refusal is left
//     that does not say what it saw, who stored one and was not answered is left out.
//   - A refusal that does not say what it saw is left out where the key can't have held
//     what it expected: nobody had begun to store it, or it was overwritten by then.
//   - What can't be evidence is left out: reads that were not answered.
//
// A value with one source never comes back once it is overwritten: see [Once].
func reduceRegister(s *Spec[history.Value], o *Object) *Object {
	c, vague := newCells(o)
	if vague {
		vague = c.dropTrivial()
	}
	if !vague {
		for c.dropUnasked() {
		}
	}
	c.merge()
	s.Once = &Once[history.Value]{Count: len(c.values.All()), Holds: c.holds, Needs: c.needs}
	for i := range c.facts {
		c.facts[i].pinned = c.facts[i].sources == 1
	}
	s.visible = func(op Op) bool { n := c.holds(op.Value); return n >= 0 && c.facts[n].seen != history.Open }
	return c.o.filter(func(i int) bool { return c.keep[i] })
}

// newCells collects what is known of the values, and says whether there are
// refusals that do not say what they saw.
func newCells(o *Object) (c *cells, vague bool) {
	c = &cells{keep: make([]bool, len(o.Ops)), values: valuetable.New(len(o.Ops) / 2)}
	c.o = o.with(append([]history.Op(nil), o.Ops...), o.Index)
	for i := range c.o.Ops {
		op := &c.o.Ops[i]
		c.keep[i] = true
		if op.Outcome != history.OK && observesRegister(Op{op, o.H}) || op.Kind == history.Read && op.Result == history.None {
			c.keep[i] = false
		}
		vague = vague || op.Mismatch && op.Result == history.None
	}
	c.collect(o.Initial())
	c.settle()
	return c, vague
}

func (c *cells) fact(v history.Value) *cellValue {
	n, _ := c.values.At(v)
	for int(n) >= len(c.facts) {
		c.facts = append(c.facts, cellValue{source: -1, seen: history.Open})
	}
	return &c.facts[n]
}

// sees returns the value without which an operation can't have been answered as it
// was, None where there is none.
func sees(op *history.Op) history.Value {
	switch {
	case op.Outcome != history.OK || op.Kind == history.Write:
		return history.None
	case op.Kind == history.CAS && !op.Mismatch:
		return op.Expect
	default:
		return op.Result
	}
}

// stores reports whether an operation puts its value into the cell, if it happens.
func stores(op *history.Op) bool {
	return op.Kind == history.Write || op.Kind == history.CAS && !op.Mismatch && op.Expect != op.Value
}

func (c *cells) collect(initial []history.Value) {
	for _, v := range initial {
		f := c.fact(v)
		f.sources, f.startsIt = f.sources+1, true
	}
	for i := range c.o.Ops {
		op := &c.o.Ops[i]
		if !c.keep[i] {
			continue
		}
		c.count(op, 1)
		if v := sees(op); v != history.None {
			f := c.fact(v)
			f.seen = min(f.seen, op.Return)
		}
		if stores(op) {
			f := c.fact(op.Value)
			f.sources++
			f.source = int32(i)
		}
	}
}

// count counts what an operation asks for.
func (c *cells) count(op *history.Op, n int32) {
	if op.Kind == history.CAS {
		c.fact(op.Expect).asked += n
	}
	if op.Kind != history.Write && op.Result != history.None {
		c.fact(op.Result).asked += n
	}
}

// settle brings forward the return of sources whose value was seen. Where that is a
// compare-and-set, what it expected was seen by then too.
func (c *cells) settle() {
	for n := range c.facts {
		for at := int32(n); at >= 0; {
			f := &c.facts[at]
			if f.sources != 1 || f.startsIt || f.seen == history.Open {
				break
			}
			op := &c.o.Ops[f.source]
			if f.seen < op.Call || op.Return <= f.seen {
				break // seen too early: the search will find that
			}
			op.Outcome, op.Return = history.OK, f.seen
			at = -1
			if op.Kind == history.CAS {
				from := c.fact(op.Expect)
				if from.seen > op.Return {
					from.seen = op.Return
					at = c.values.Find(op.Expect)
				}
			}
		}
	}
}

// dropTrivial leaves out refusals that do not say what they saw and can't but be right, and
// reports whether there are others.
func (c *cells) dropTrivial() (left bool) {
	ops := c.o.Ops
	soonest := make([]int64, len(ops)+1) // the earliest return of stores from here on
	soonest[len(ops)] = history.Open
	for i := len(ops) - 1; i >= 0; i-- {
		soonest[i] = soonest[i+1]
		if c.keep[i] && ops[i].Outcome == history.OK && stores(&ops[i]) {
			soonest[i] = min(soonest[i], ops[i].Return)
		}
	}
	for i := range ops {
		if op := &ops[i]; !c.keep[i] || !op.Mismatch || op.Result != history.None {
			continue
		} else if c.trivial(op, soonest) {
			c.keep[i] = false
			c.count(op, -1)
		} else {
			left = true
		}
	}
	return left
}

// trivial reports whether the cell can't have held what a compare-and-set expected.
func (c *cells) trivial(op *history.Op, soonest []int64) bool {
	f := c.fact(op.Expect)
	if f.sources != 1 {
		return f.sources == 0
	}
	after := 0 // the first operation that was called after the value was there
	if !f.startsIt {
		source := &c.o.Ops[f.source]
		if source.Call > op.Return {
			return true
		}
		if source.Outcome != history.OK {
			return false
		}
		after = sort.Search(len(c.o.Ops), func(i int) bool { return c.o.Ops[i].Call > source.Return })
	}
	return soonest[after] < op.Call
}

// dropUnasked leaves out unknown operations whose value nobody asks for, and reports
// whether there were any: then what they expected may be asked for no more.
func (c *cells) dropUnasked() (some bool) {
	for i := range c.o.Ops {
		op := &c.o.Ops[i]
		if c.keep[i] && op.Outcome != history.OK && c.fact(op.Value).asked == 0 {
			c.keep[i], some = false, true
			c.count(op, -1)
			c.fact(op.Value).sources--
		}
	}
	return some
}

// merge makes one value of all that nobody asks for.
func (c *cells) merge() {
	common := history.None
	for i := range c.o.Ops {
		op := &c.o.Ops[i]
		if !c.keep[i] || !stores(op) || c.fact(op.Value).asked > 0 {
			continue
		}
		if common == history.None {
			common = op.Value
		}
		if op.Value != common {
			c.fact(op.Value).sources--
			c.fact(common).sources++
			op.Value = common
		}
	}
	if common != history.None {
		c.fact(common).sources += 2 // it never stands for one state
	}
}

func (c *cells) holds(state history.Value) int32 {
	if n := c.values.Find(state); n >= 0 && c.facts[n].pinned {
		return n
	}
	return -1
}

func (c *cells) needs(op Op) int32 {
	switch {
	case op.Kind == history.Write:
		return -1
	case op.Kind == history.CAS && !op.Mismatch:
		return c.holds(op.Expect)
	case op.Result == history.None:
		return -1
	default:
		return c.holds(op.Result)
	}
}
