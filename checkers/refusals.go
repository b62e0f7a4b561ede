package checkers

import (
	"cmp"
	"slices"
	"sort"

	"github.com/seatrial/seatrial/harness/history"
)

// Refusals that do not say what they saw.
//
// The zones leave them out: a violation among the other operations is one, but no
// violation proves nothing yet. Where the zones find an order of the others, it is
// written down here, each operation at an instant within its interval, and then
// every refusal is put where the register held something else than it expected.
// A refusal changes nothing, so each can be placed for itself; if all find a place
// this is an order of everything. If one does not, another order may have one: then
// nothing is proven, and the search decides.
//
// The order. A forward zone [f, l] does not overlap another one. Its operations take
// place from f on, in the order of the chain, each at the latest call so far: that is
// within [f, l], not before its own call and, by condition (1), not after its own
// return. The operations of a backward zone [l, f] have all been called by l, and none
// has returned before f: they take place together, at l, or where l is within a
// forward zone, at the end of that, which by condition (2) is not after f. At one
// instant, backward zones go before the forward zone that begins there.
//
// So each value is there from the instant of its writer to that of the next writer in
// the order, and never again. A refusal that expected it finds a place if it was called
// by the former, or had not returned before the latter: at the same instant it goes
// before the one writer or after the other. What was never there excludes nothing.

// stretch is when a value is there, in the order that was found.
type stretch struct{ from, to int64 }

// refusalsFit reports whether all refusals that do not say what they saw find a place
// in an order of the others. The zones have just found that there is one.
func (z *zones) refusalsFit(ops []history.Op, index []int32) bool {
	when := z.stretches()
	n := len(index)
	if index == nil {
		n = len(ops)
	}
	for i := range n {
		op := &ops[i]
		if index != nil {
			op = &ops[index[i]]
		}
		if !op.Mismatch || op.Result != history.None {
			continue
		}
		b := z.find(op.Expect)
		if b == none || !z.blocks[b].needed && z.blocks[b].writer != byStart {
			continue
		}
		if began := when[b].from; began != atStart && op.Call <= began {
			continue
		}
		if op.Return < when[b].to {
			return false
		}
	}
	return true
}

// stretches writes the order down: for each block when its value is there.
func (z *zones) stretches() []stretch {
	chains := make([]zone, 0, len(z.forward)+len(z.backward))
	chains = append(chains, z.forward...)
	for _, k := range z.backward {
		at := k.l
		// Of forward zones that begin before l, only the last can reach beyond it.
		if i := sort.Search(len(z.forward), func(i int) bool { return z.forward[i].f >= k.l }) - 1; i >= 0 {
			at = max(at, z.forward[i].l)
		}
		chains = append(chains, zone{f: at, l: at, root: k.root})
	}
	slices.SortFunc(chains, func(a, b zone) int {
		return cmp.Or(cmp.Compare(a.f, b.f), cmp.Compare(a.l, b.l), cmp.Compare(a.root, b.root))
	})
	when := make([]stretch, len(z.blocks))
	last := int32(0) // the initial value, which is there first, needed or not
	when[last] = stretch{atStart, history.Open}
	for _, k := range chains {
		now := k.f
		for n := k.root; n != none; n = z.blocks[n].next {
			b := &z.blocks[n]
			now = max(now, b.call)
			if n != last {
				when[n], when[last].to = stretch{now, history.Open}, now
			}
			last = n
			now = max(now, b.readCall)
		}
	}
	return when
}
