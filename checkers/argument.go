package checkers

import (
	"cmp"
	"slices"

	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// start is the place of the operation, which nobody called, that stored a key's
// initial value before everything.
const start = int32(-2)

// argument is why a key is not linearizable.
type argument struct {
	flaw flaw
	// set are the places of the operations that prove it.
	set []int32
	// least says that without any one of them the rest can be explained.
	least bool
	// before are pairs of which the first had returned before the second was called.
	before [][2]int32
	// value is what the argument is about: the garbage, or what was swapped twice.
	value history.Value
	// first and second are the values of the two chains that overlap.
	first, second []history.Value
}

// must are the operations that the argument names.
func (a *argument) must() []int32 {
	var places []int32
	for _, pair := range a.before {
		for _, place := range pair {
			if place != start {
				places = append(places, place)
			}
		}
	}
	if a.flaw == flawTwoSwaps {
		places = append(places, a.set...)
	}
	return sorted(places)
}

// member is an operation of a chain.
type member struct {
	place     int32
	at        int  // the value's number in the chain
	opens     bool // it stored the value; otherwise it saw it
	call, ret int64
	known     bool // it certainly happened, whoever else saw what
}

// argue makes the argument for what the zones found. The zones still hold the
// key's blocks.
func (p *prover) argue(z *zones, answer zoneAnswer) argument {
	a := argument{flaw: answer.flaw}
	switch answer.flaw {
	case flawContradicted:
		a.set = []int32{answer.a}
	case flawGarbage:
		a.value = z.value(answer.a)
		chain := p.chain(z, z.downFrom(answer.a))
		a.add(ground(chain, 0, nil))
	case flawTwoSwaps:
		p.argueTwoSwaps(z, answer, &a)
	case flawCircle:
		p.argueCircle(z, answer.a, &a)
	case flawOrder:
		p.argueOrder(z, z.downFrom(answer.a), &a)
	case flawOverlap:
		p.argueOverlap(p.chain(z, z.downFrom(answer.a)), p.chain(z, z.downFrom(answer.b)), &a)
	}
	a.set = sorted(slices.DeleteFunc(a.set, func(place int32) bool { return place < 0 }))
	return a
}

func (a *argument) add(members []member) {
	for _, m := range members {
		a.set = append(a.set, m.place)
	}
}

// downFrom lists blocks along a chain, once round where it is a circle.
func (z *zones) downFrom(root int32) []int32 {
	list := []int32{root}
	for n := z.blocks[root].next; n != none && n != root; n = z.blocks[n].next {
		list = append(list, n)
	}
	return list
}

// chain lists the operations of blocks, in an order of the chain.
func (p *prover) chain(z *zones, blocks []int32) []member {
	at := make(map[int32]int, len(blocks))
	var members []member
	for i, n := range blocks {
		at[n] = i
		if b := &z.blocks[n]; b.writer == byStart {
			members = append(members, member{place: start, at: i, opens: true, call: atStart, ret: atStart, known: true})
		} else if b.writer >= 0 {
			op := p.op(b.writer)
			members = append(members, member{b.writer, i, true, op.Call, op.Return, op.Outcome == history.OK})
		}
	}
	for place := range p.index {
		op := p.op(int32(place))
		v, saw := sawValue(op)
		if !saw {
			continue
		}
		if n := z.find(v); n != none {
			if i, in := at[n]; in {
				members = append(members, member{int32(place), i, false, op.Call, op.Return, true})
			}
		}
	}
	slices.SortStableFunc(members, func(a, b member) int {
		if a.at != b.at || a.opens == b.opens {
			return cmp.Compare(a.at, b.at)
		} else if a.opens {
			return -1
		}
		return 1
	})
	return members
}

// sawValue returns the value that a completed operation saw and left there.
func sawValue(op *history.Op) (history.Value, bool) {
	switch {
	case !model.Evidence(op) || op.Outcome != history.OK || op.Kind == history.Write:
		return history.None, false
	case op.Kind == history.CAS && !op.Mismatch:
		return op.Value, op.Value == op.Expect
	default:
		return op.Result, op.Result != history.None
	}
}

// ground returns what shows that the chain reached a value: operations that
// certainly happened and saw or swapped it, following the swaps of unknown
// outcome down to the first. Nothing is needed where one of have does.
func ground(chain []member, at int, have []member) []member {
	for _, m := range have {
		if m.known && m.at >= at {
			return nil
		}
	}
	var needed []member
	for _, m := range chain {
		if m.at < at || m.at == at && m.opens && !m.known {
			continue
		}
		needed = append(needed, m)
		if m.known {
			break
		}
	}
	return needed
}

// span adds what links the operations of one chain: the swaps between their
// values, who stored the first of these, and what shows that the last was there.
func (a *argument) span(chain []member, ops ...member) {
	low, high := ops[0].at, ops[0].at
	for _, m := range ops {
		low, high = min(low, m.at), max(high, m.at)
	}
	linked := slices.Clone(ops)
	for _, m := range chain {
		if m.opens && m.at >= low && m.at <= high {
			linked = append(linked, m)
		}
	}
	a.add(linked)
	a.add(ground(chain, high, linked))
}

func (p *prover) argueTwoSwaps(z *zones, answer zoneAnswer, a *argument) {
	from := z.blocks[answer.a].from
	a.value = z.value(from)
	if w := z.blocks[from].writer; w >= 0 {
		a.set = append(a.set, w)
	}
	for _, n := range []int32{answer.a, answer.b} {
		chain := p.chain(z, z.downFrom(n))
		a.span(chain, chain[0])
	}
}

// argueCircle takes the swaps of a circle, and one answer that shows that they
// happened.
func (p *prover) argueCircle(z *zones, n int32, a *argument) {
	shown := false
	for _, m := range p.chain(z, z.downFrom(n)) {
		if m.opens || m.known && !shown {
			a.set = append(a.set, m.place)
		}
		shown = shown || m.known
	}
}

// argueOrder finds two operations of a chain of which the later one returned
// before the call of the earlier one.
func (p *prover) argueOrder(z *zones, blocks []int32, a *argument) {
	chain := p.chain(z, blocks)
	latest := atStart // the latest call of those that must stand before
	within := atStart // the latest call of reads of the value at hand
	for i, m := range chain {
		if i > 0 && m.at != chain[i-1].at {
			latest, within = max(latest, within), atStart
		}
		if m.ret < latest {
			first := lastCalledAfter(chain[:i], m)
			a.before = [][2]int32{{m.place, first.place}}
			a.span(chain, first, m)
			return
		}
		if m.opens {
			latest = max(latest, m.call)
		} else {
			within = max(within, m.call)
		}
	}
}

// lastCalledAfter returns the operation nearest in the chain that stands before
// m and was called after m had returned.
func lastCalledAfter(chain []member, m member) member {
	for i := len(chain) - 1; ; i-- {
		if c := chain[i]; c.call > m.ret && (c.at < m.at || c.opens) {
			return c
		}
	}
}

// argueOverlap finds, in each of two chains, an operation that had returned
// before one of the other was called.
func (p *prover) argueOverlap(one, two []member, a *argument) {
	a2, b2 := extremes(two)
	a1, b1 := nearest(one, b2.call, a2.ret)
	a2, b2 = nearest(two, b1.call, a1.ret)
	a.before = [][2]int32{{a1.place, b2.place}, {a2.place, b1.place}}
	a.first, a.second = p.values(one, a1, b1), p.values(two, a2, b2)
	a.span(one, a1, b1)
	a.span(two, a2, b2)
}

// extremes returns the members with the earliest return and the latest call.
func extremes(chain []member) (earliest, latest member) {
	earliest, latest = chain[0], chain[0]
	for _, m := range chain {
		if m.ret < earliest.ret {
			earliest = m
		}
		if m.call > latest.call {
			latest = m
		}
	}
	return earliest, latest
}

// nearest returns two members as near to each other in the chain as can be, of
// which the first returned before an instant and the second was called after
// another. There is such a pair.
func nearest(chain []member, returnedBefore, calledAfter int64) (first, second member) {
	var early, late *member
	best := -1
	for i := range chain {
		m := &chain[i]
		if m.ret < returnedBefore && (early == nil || early.at < m.at) {
			early = m
		}
		if m.call > calledAfter && (late == nil || late.at < m.at) {
			late = m
		}
		if early == nil || late == nil {
			continue
		}
		if distance := max(early.at, late.at) - min(early.at, late.at); best < 0 || distance < best {
			best, first, second = distance, *early, *late
		}
	}
	return first, second
}

// values lists what a chain held from one member to another.
func (p *prover) values(chain []member, one, other member) []history.Value {
	low, high := min(one.at, other.at), max(one.at, other.at)
	var list []history.Value
	for _, m := range chain {
		if !m.opens || m.at < low || m.at > high {
			continue
		}
		if m.place == start {
			list = append(list, p.initial)
		} else {
			list = append(list, p.op(m.place).Value)
		}
	}
	return list
}
