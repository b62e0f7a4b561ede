package checkers

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// prover finds the few operations that prove a key's violation, and makes sure
// that they do.
type prover struct {
	*keyOps
	search  *searcher
	sources map[history.Value][]int32 // places of those that may store a value
	stores  []int32                   // places of all that may store something
}

func newProver(k *keyOps, s *searcher) *prover {
	p := &prover{keyOps: k, search: s, sources: map[history.Value][]int32{}}
	for place := range k.index {
		op := k.op(int32(place))
		if mayStore(op) {
			p.sources[op.Value] = append(p.sources[op.Value], int32(place))
			p.stores = append(p.stores, int32(place))
		}
	}
	return p
}

// mayStore reports whether the key may hold something else after an operation
// than before. A swap of a value for itself leaves what it finds: it is a read.
func mayStore(op *history.Op) bool {
	return op.Outcome != history.Fail && (op.Kind == history.Write || op.Kind == history.CAS && !op.Mismatch && op.Value != op.Expect)
}

// alone returns a set of operations, given by places, as it may be judged by
// itself: where the result is not linearizable, neither is the key.
//
// That is not so for any set. Leave out a write and keep a read of its value, and
// the read looks like garbage. So take a legal order of all the key's operations
// and strike out what is not in the set. What is left must be legal:
//
//   - A read of v is legal if all that may store v are in the set. (Between the
//     one it saw and the read nothing was stored.) Otherwise it is left out.
//   - A swap from x is legal under the same condition. Otherwise it is weakened to
//     a write of its new value, which is legal anywhere.
//   - A compare-and-set that expected x, was refused and does not say why is legal
//     if everything is in the set that may have been stored between an x and it:
//     all but what was called after the refusal had returned, or had returned
//     before the first operation that may store x was called. Otherwise it is
//     left out.
func (p *prover) alone(set []int32) []history.Op {
	in := members(set)
	ops := make([]history.Op, 0, len(set))
	for _, place := range set {
		if op, keep := p.weaken(in, place); keep {
			ops = append(ops, op)
		}
	}
	return ops
}

// membership says which places are in a set.
type membership map[int32]bool

func members(set []int32) membership {
	in := make(membership, len(set))
	for _, place := range set {
		in[place] = true
	}
	return in
}

// weaken returns one operation as it may stand in a set; see alone.
func (p *prover) weaken(in membership, place int32) (op history.Op, keep bool) {
	op = *p.op(place)
	switch {
	case !model.Evidence(&op):
		return op, false
	case op.Mismatch && op.Result == op.Expect:
		return op, true // legal nowhere, whatever else happened
	case op.Mismatch && op.Result == history.None:
		return op, p.explained(in, &op)
	case op.Kind == history.Read || op.Mismatch:
		return op, p.complete(in, op.Result)
	case op.Kind == history.CAS && op.Expect == op.Value:
		return op, p.complete(in, op.Expect)
	case op.Kind == history.CAS && !p.complete(in, op.Expect):
		op.Kind, op.Expect = history.Write, history.None
	}
	return op, true
}

// complete reports whether all that may store a value are in the set.
func (p *prover) complete(in membership, v history.Value) bool {
	for _, place := range p.sources[v] {
		if !in[place] {
			return false
		}
	}
	return true
}

// explained reports whether all that may explain a refusal is in the set.
func (p *prover) explained(in membership, refused *history.Op) bool {
	first := history.Open // the earliest call of what may store the expected value
	for _, place := range p.sources[refused.Expect] {
		first = min(first, p.op(place).Call)
	}
	if refused.Expect == p.initial || p.anyhow {
		first = atStart
	}
	for _, place := range p.stores {
		if op := p.op(place); op.Call > refused.Return {
			break // and so do all that follow
		} else if op.Return >= first && !in[place] {
			return false
		}
	}
	return true
}

// bruteUpTo is how many operations are judged by trying every order.
const bruteUpTo = 14

// refuted reports whether the set by itself is proven not to be linearizable.
func (p *prover) refuted(set []int32, deadline time.Time) bool {
	ops := dropUnseen(p.alone(set))
	if len(ops) <= bruteUpTo {
		legal, err := p.bruteForce(ops)
		return err == nil && !legal
	}
	return p.judge(ops, deadline).Verdict == frontier.Illegal
}

func (p *prover) bruteForce(ops []history.Op) (legal bool, err error) {
	if p.anyhow {
		return model.CASRegister().BruteForce(p.object(ops))
	}
	return model.BruteForce(p.initial, ops)
}

// judge searches operations on the key.
func (p *prover) judge(ops []history.Op, deadline time.Time) model.Answer {
	return p.search.judge(model.CASRegister(), p.object(ops), deadline)
}

// minimise leaves out one operation at a time, while what is left is refuted.
// Those that must stay are kept. Observers go first: then their writers can.
func (p *prover) minimise(set, must []int32, deadline time.Time) []int32 {
	order := slices.Clone(set)
	slices.SortStableFunc(order, func(a, b int32) int {
		return -cmp.Compare(rank(p.op(a)), rank(p.op(b)))
	})
	for again := true; again; {
		again = false
		for _, place := range order {
			if slices.Contains(must, place) || !slices.Contains(set, place) || !time.Now().Before(deadline) {
				continue
			}
			less := slices.DeleteFunc(slices.Clone(set), func(other int32) bool { return other == place })
			if p.refuted(less, deadline) {
				set, again = less, true
			}
		}
	}
	return set
}

// rank orders operations by how readily a proof does without them.
func rank(op *history.Op) int {
	switch {
	case op.Outcome == history.Info:
		return 2
	case !mayStore(op):
		return 1
	default:
		return 0
	}
}

var errDisagree = errors.New("the zones call it a violation and the search does not: this is a mistake in seatrial, please report it with the history")

// proofTime bounds the work on one proof, after the verdict; the budget does too.
const proofTime = 10 * time.Second

// until is when the work on a proof ends: after a share of the time that there is.
func (s *searcher) until(share float64) time.Time {
	left := min(proofTime, time.Until(s.deadline))
	return time.Now().Add(time.Duration(share * float64(left)))
}

// fromZones makes the proof of what the zones found. The operations are verified
// by themselves; should that fail, which would be a mistake in the zones, the
// search has the last word.
func (p *prover) fromZones(z *zones, answer zoneAnswer) (*Proof, error) {
	deadline := p.search.until(1)
	a := p.argue(z, answer)
	if !answer.exact {
		a.set = p.withSources(a.set) // there may be several
	}
	if p.refuted(a.set, deadline) {
		a.set = p.minimise(a.set, a.must(), deadline)
		return p.tell(a), nil
	}
	ops := p.searchable()
	switch found := p.judge(ops, p.search.deadline); found.Verdict {
	case frontier.Legal:
		return nil, errDisagree
	case frontier.Illegal:
		return p.fromSearch(found), nil
	}
	// The budget ended before the argument could be checked by searching. The
	// zones' own proof stands, unminimised.
	return p.tell(a), nil
}

// handful is how many operations a person follows.
const handful = 12

// fromSearch makes a proof of a key that the search refuted. Where leaving out
// operations does not come down to a handful in half of the time, it is one that
// begins with what the key can have held, if that has fewer.
func (p *prover) fromSearch(found model.Answer) *Proof {
	deadline := p.search.until(0.5)
	set := p.minimise(p.shrink(found.Until, deadline), nil, deadline)
	least := time.Now().Before(deadline)
	if len(set) > handful {
		cell, o := model.CASRegister(), p.whole()
		if told, ok := cell.Explain(p.search.ctx, o, p.search.limits(p.search.until(1))); ok && len(told.Places) < len(set) {
			proof := tellGeneral(p.h, cell, o, told)
			proof.Key = p.h.KeyName(p.key)
			return proof
		}
	}
	return p.tell(argument{flaw: flawSearch, set: set, least: least})
}

// shrink finds a small refuted set: first the operations that were called before
// the violation shows, then without chunk after chunk of them (Zeller and
// Hildebrandt's delta debugging). It returns all operations where time is short.
func (p *prover) shrink(notBefore int64, deadline time.Time) []int32 {
	set := p.prefix(notBefore, deadline)
	for chunk := len(set) / 2; chunk > 0 && time.Now().Before(deadline); {
		removed := false
		for from := 0; from < len(set) && time.Now().Before(deadline); {
			less := slices.Delete(slices.Clone(set), from, min(from+chunk, len(set)))
			if p.refuted(less, deadline) {
				set, removed = less, true
			} else {
				from += chunk
			}
		}
		if !removed || chunk > len(set) {
			chunk /= 2
		}
	}
	return set
}

// prefix returns the operations called up to the instant at which the violation
// shows, which is not before the one at which the search gave up. A refuted prefix
// stays refuted when more is added: so the instant is found by doubling and halving.
// What returned later is unknown to a prefix.
func (p *prover) prefix(notBefore int64, deadline time.Time) []int32 {
	var returns []int64
	var all []int32
	for place := range p.index {
		op := p.op(int32(place))
		if !model.Evidence(op) {
			continue
		}
		all = append(all, int32(place))
		if op.Outcome == history.OK {
			returns = append(returns, op.Return)
		}
	}
	slices.Sort(returns)
	shows := func(count int) bool {
		until := returns[count-1]
		ops := make([]history.Op, 0, 4*count)
		for _, place := range all {
			op := *p.op(place)
			if op.Call > until {
				break
			}
			if op.Return > until {
				if !mayStore(&op) {
					continue
				}
				op.Outcome, op.Return = history.Info, history.Open
			}
			ops = append(ops, op)
		}
		return p.judge(dropUnseen(ops), deadline).Verdict == frontier.Illegal
	}
	low, _ := slices.BinarySearch(returns, notBefore) // shows(low) is false
	high := low + 1
	for step := 1; high < len(returns) && !shows(high); step *= 2 {
		low, high = high, high+step
	}
	high = min(high, len(returns))
	for low+1 < high && time.Now().Before(deadline) {
		if middle := (low + high) / 2; shows(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	until := returns[high-1]
	set := slices.DeleteFunc(slices.Clone(all), func(place int32) bool { return p.op(place).Call > until })
	if p.refuted(set, deadline) {
		return set
	}
	// A read that shows the violation may have seen a write that was called later.
	if set = p.withSources(set); p.refuted(set, deadline) {
		return set
	}
	return all
}

// withSources adds all that may have stored what the set's operations saw.
func (p *prover) withSources(set []int32) []int32 {
	var more []int32
	for _, place := range set {
		if op := p.op(place); op.Kind == history.CAS && !op.Mismatch {
			more = append(more, p.sources[op.Expect]...)
		} else if op.Kind != history.Write {
			more = append(more, p.sources[op.Result]...)
		}
	}
	return sorted(append(more, set...))
}

// sorted puts a set in order, each place once.
func sorted(set []int32) []int32 {
	slices.Sort(set)
	return slices.Compact(set)
}
