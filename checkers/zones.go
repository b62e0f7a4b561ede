package checkers

import (
	"cmp"
	"slices"
	"sort"

	"github.com/seatrial/seatrial/harness/history"
)

// Deciding a register by zones.
//
// Gibbons and Korach ("Testing Shared Memories", 1997) decide a register in
// which no value is written twice, and every read says what it saw, by sorting.
// What follows extends it to compare-and-set and to unknown outcomes.
//
// Which operations. An unknown operation whose value nobody saw may be left
// out: take it out of any legal order, and what is left is legal, since nobody
// asked for its value. One whose value was seen happened, because nobody else
// could have stored that value; and if it is a compare-and-set, what it expected
// was there, so the argument goes on with that value. An operation that is left
// out is no loss, and one that is kept certainly happened: exact.
//
// Chains. A value is stored once, so it is there for one stretch of time. A
// swap from a to b ends a's stretch and begins b's with nothing in between. So
// blocks that are linked by swaps make a chain, and in any legal order a chain's
// operations are contiguous: the write of its first value, reads of it, the swap,
// reads of the second value, and so on. The initial value is a value stored
// before everything by an operation with call and return at the start.
//
// When an order is legal. Take operations in some order. It respects real time
// if and only if no operation returned before the call of one that stands
// before it:
//
//	(R)  for all x before y in the order:  call(x) ≤ return(y)
//
// Hence the two conditions, which together are necessary and sufficient:
//
//	(1) inside each chain, (R) holds for every x and y that the chain's order
//	    forces: those of different values, and a value's writer and its reads.
//	    (Reads of one value may be put in the order of their calls.)
//	(2) the chains can be put in a total order such that (R) holds for x and y
//	    of different chains. With f(K) the earliest return in K and l(K) the
//	    latest call in K, K may stand before K' iff l(K) ≤ f(K'). So K must
//	    stand before K' if f(K) < l(K'); a total order exists iff "must" has no
//	    cycle.
//
// No cycle of "must" is as good as no pair of chains that must each stand before
// the other. In a cycle of three or more, let K have the least f, J stand before
// K in it and I before J: f(I) < l(J), and f(K) ≤ f(I), so K must stand before J;
// J must stand before K: that is a pair. So it is a violation iff
//
//	f(K) < l(K')  and  f(K') < l(K)      for some pair of chains,
//
// which is Gibbons and Korach's condition with a whole chain in place of a
// block: "forward zones" (f < l) may touch but not overlap, and a backward zone
// [l, f] may not lie inside a forward one.
//
// The initial value's chain has f at the start, so the same condition says that
// it stands first.

// flaw is the way in which a key is not linearizable.
type flaw int

const (
	noFlaw           flaw = iota
	flawContradicted      // a compare-and-set was told "not x" and "x" in one answer
	flawGarbage           // block a: seen, and nobody stored it
	flawTwoSwaps          // blocks a and b were both swapped from the same value
	flawCircle            // block a is in a circle of swaps
	flawOrder             // condition (1) fails in the chain that begins with block a
	flawOverlap           // condition (2) fails for the chains that begin with a and b
	flawSearch            // found by trying orders
)

// zoneAnswer is what the zones say of one key.
type zoneAnswer struct {
	flaw flaw
	// a and b are numbers of blocks; for flawContradicted, a is an operation's place.
	a, b int32
	// exact is false where the key does not meet the conditions: then a flaw is
	// proven all the same, but no flaw proves nothing.
	exact bool
}

// zones decides keys. Its memory is used again from key to key.
type zones struct {
	blockTable
	list              []zone // forward zones from its front, backward ones from its end
	forward, backward []zone
	chains            int  // how many there are
	needed, visited   int  // blocks that are in chains, and that were found in one
	repeated          bool // a value has two sources
	vague             bool // a mismatch did not say what it saw
}

// zone is a chain's earliest return and latest call.
type zone struct {
	f, l int64
	root int32
}

// decide judges one key: its operations are ops, or those of ops at the places
// that index lists. Room is made for so many values beforehand.
func (z *zones) decide(ops []history.Op, index []int32, initial history.Value, values int) zoneAnswer {
	z.reset(values)
	if answer := z.gather(ops, index, initial); answer.flaw != noFlaw {
		return answer
	}
	if z.repeated {
		return z.decideRepeated()
	}
	answer := z.link()
	if answer.flaw == noFlaw {
		answer = z.walk()
	}
	if answer.flaw == noFlaw {
		answer = z.compare()
	}
	answer.exact = !z.vague
	return answer
}

// gather makes the blocks.
func (z *zones) gather(ops []history.Op, index []int32, initial history.Value) zoneAnswer {
	n := len(index)
	if index == nil {
		n = len(ops)
	}
	z.repeated, z.vague = false, false
	start := &z.blocks[z.at(initial)]
	start.writer, start.call, start.ret = byStart, atStart, atStart
	for i := range n {
		op := &ops[i]
		if index != nil {
			op = &ops[index[i]]
		}
		if op.Outcome == history.Fail {
			continue
		}
		switch op.Kind {
		case history.Read:
			if op.Outcome == history.OK && op.Result != history.None {
				z.saw(op.Result, op)
			}
		case history.Write:
			z.source(op.Value, int32(i), op)
		case history.CAS:
			if z.gatherCAS(op, int32(i)) {
				return zoneAnswer{flaw: flawContradicted, a: int32(i), exact: true}
			}
		}
	}
	return zoneAnswer{}
}

// gatherCAS reports whether the operation contradicts itself.
func (z *zones) gatherCAS(op *history.Op, place int32) (contradicted bool) {
	switch {
	case op.Mismatch && op.Result == history.None:
		z.vague = true
	case op.Mismatch:
		z.saw(op.Result, op)
		return op.Result == op.Expect
	case op.Expect == op.Value:
		// It leaves what it finds: a read of that value if it was answered, nothing if not.
		if op.Outcome == history.OK {
			z.saw(op.Value, op)
		}
	default:
		from := z.at(op.Expect)
		if b := z.source(op.Value, place, op); b != none {
			z.blocks[b].from = from
		}
	}
	return false
}

func (z *zones) saw(v history.Value, op *history.Op) {
	b := &z.blocks[z.at(v)]
	b.readReturn = min(b.readReturn, op.Return)
	b.readCall = max(b.readCall, op.Call)
}

// source notes who stores a value, and returns its block; none where the value
// has a source already.
func (z *zones) source(v history.Value, place int32, op *history.Op) int32 {
	n := z.at(v)
	b := &z.blocks[n]
	if b.writer != byNobody {
		z.repeated = true
		b.call = min(b.call, op.Call)
		return none
	}
	b.writer, b.call, b.ret = place, op.Call, op.Return
	b.needed = op.Outcome == history.OK
	return n
}

// decideRepeated finds what is wrong whoever stored a value: it was seen, and
// nobody did, or not yet.
func (z *zones) decideRepeated() zoneAnswer {
	for n := range z.blocks {
		b := &z.blocks[n]
		switch {
		case !b.read() || b.writer == byStart:
		case b.writer == byNobody:
			return zoneAnswer{flaw: flawGarbage, a: int32(n)}
		case b.readReturn < b.call:
			return zoneAnswer{flaw: flawOrder, a: int32(n)}
		}
	}
	return zoneAnswer{}
}

// link marks which values were certainly there and joins the chains.
func (z *zones) link() zoneAnswer {
	z.needed, z.chains = 0, 0
	for n := range z.blocks {
		b := &z.blocks[n]
		if b.read() {
			b.needed = true
		}
	}
	for n := range z.blocks {
		// A needed swap makes what it expected needed: follow it back, until a
		// link that is there already.
		for at := int32(n); z.blocks[at].needed; {
			b := &z.blocks[at]
			if b.writer == byNobody {
				return zoneAnswer{flaw: flawGarbage, a: at}
			}
			if b.from == none {
				break
			}
			from := &z.blocks[b.from]
			if from.next == at {
				break
			}
			if from.next != none {
				return zoneAnswer{flaw: flawTwoSwaps, a: from.next, b: at}
			}
			from.next, from.needed = at, true
			at = b.from
		}
	}
	for n := range z.blocks {
		if b := &z.blocks[n]; b.needed {
			z.needed++
			if b.from == none {
				z.chains++
			}
		}
	}
	return zoneAnswer{}
}

// walk checks condition (1) along each chain and makes its zone.
func (z *zones) walk() zoneAnswer {
	z.visited = 0
	if cap(z.list) < z.chains {
		z.list = make([]zone, z.chains)
	}
	front, back := 0, z.chains
	list := z.list[:z.chains]
	for n := range z.blocks {
		b := &z.blocks[n]
		if !b.needed || b.from != none {
			continue
		}
		chain, ok := z.chain(int32(n))
		if !ok {
			return zoneAnswer{flaw: flawOrder, a: int32(n)}
		}
		if chain.f < chain.l {
			list[front] = chain
			front++
		} else {
			back--
			list[back] = chain
		}
	}
	z.forward, z.backward = list[:front], list[back:]
	if z.visited == z.needed {
		return zoneAnswer{}
	}
	for n := range z.blocks {
		if b := &z.blocks[n]; b.needed && !b.visited {
			return zoneAnswer{flaw: flawCircle, a: int32(n)}
		}
	}
	return zoneAnswer{}
}

// chain walks one chain; ok is false where an operation returned before the call
// of one that the chain puts before it.
func (z *zones) chain(root int32) (chain zone, ok bool) {
	chain = zone{f: history.Open, l: atStart, root: root}
	for n := root; n != none; n = z.blocks[n].next {
		b := &z.blocks[n]
		b.visited = true
		z.visited++
		if b.ret < chain.l {
			return chain, false
		}
		chain.l = max(chain.l, b.call)
		if b.readReturn < chain.l {
			return chain, false
		}
		chain.l = max(chain.l, b.readCall)
		chain.f = min(chain.f, b.ret, b.readReturn)
	}
	return chain, true
}

// compare checks condition (2).
func (z *zones) compare() zoneAnswer {
	sortZones(z.forward)
	latest := 0
	for i := 1; i < len(z.forward); i++ {
		if z.forward[i].f < z.forward[latest].l {
			return zoneAnswer{flaw: flawOverlap, a: z.forward[latest].root, b: z.forward[i].root}
		}
		latest = i // its l is the greatest so far: the zones up to here do not overlap
	}
	for _, k := range z.backward {
		// Of forward zones that begin before l(k), only the last can reach beyond f(k).
		i := sort.Search(len(z.forward), func(i int) bool { return z.forward[i].f >= k.l }) - 1
		if i >= 0 && k.f < z.forward[i].l {
			return zoneAnswer{flaw: flawOverlap, a: z.forward[i].root, b: k.root}
		}
	}
	return zoneAnswer{}
}

// sortZones sorts by f. Blocks come in the order of their writers' calls, so
// nearly every zone is a few places from where it belongs: insertion is faster
// than a general sort, as long as it moves little.
func sortZones(list []zone) {
	moves, allowed := 0, 64*len(list)
	for i := 1; i < len(list); i++ {
		k := list[i]
		j := i
		for ; j > 0 && list[j-1].f > k.f; j-- {
			list[j] = list[j-1]
		}
		list[j] = k
		if moves += i - j; moves > allowed {
			slices.SortFunc(list, func(a, b zone) int { return cmp.Compare(a.f, b.f) })
			return
		}
	}
}
