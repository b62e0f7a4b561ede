package model

import (
	"context"
	"slices"
	"time"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/harness/history"
)

// Explanation is the few operations that prove that an object is not legal.
type Explanation struct {
	// Places are those of the operations in the object's Ops, in the order of their calls.
	Places []int
	// Forgotten says of each that the proof holds though nobody knew whether it
	// happened, or what it was told.
	Forgotten []bool
	// Values are those that matter, where others were left out of the lists that
	// operations were told.
	Values []history.Value
	// Refuted is the place of the operation at whose return no order was left.
	Refuted int
	// Before is how many operations went before that are not among these, and
	// Start the states that they can have left, whatever their order, if it explains
	// what was told up to the refuted operation.
	Before int
	Start  []string
	// Open is how many more operations were under way: whether and when they took
	// effect makes no difference.
	Open int
	// Found are the states in which the refuted operation was tried: it was told
	// what it can be told in none of them.
	Found []string
	// Why is an argument that needs no search: a sentence on what the refuted operation
	// finds.
	Why string
	// Whole says that there was no time to find fewer operations.
	Whole bool
}

// bruteUpTo is how many operations are judged by trying every order: where each order
// leaves another state, as on a list, there are 40,320 of eight.
const bruteUpTo = 8

// handful is how many operations a person follows.
const handful = 12

// explainer makes one explanation.
type explainer[S comparable] struct {
	spec   Spec[S]
	ctx    context.Context
	limits frontier.Limits
	object *Object // whose places are asked for
}

// Explain finds the few operations that prove that an object is not legal: it is
// cut to the shortest part from the beginning that is not, then values are left out
// where the model says that they live apart, or all that went before is put as the
// states that it can have left; then single operations are left out or
// forgotten. Each step is judged again. It is false where the object is not found
// to be illegal within the limits.
func (s Spec[S]) Explain(ctx context.Context, o *Object, limits frontier.Limits) (Explanation, bool) {
	x := &explainer[S]{spec: s, ctx: ctx, limits: limits, object: o}
	if r, refuted := s.refuted(o); refuted {
		if cut := o.until(o.Ops[r.place].Return, x.observes(o)); len(cut.Ops) > 4*handful {
			return x.argue(r), true
		}
	}
	answer := s.Judge(ctx, o, limits)
	if answer.Verdict != frontier.Illegal {
		return Explanation{}, false
	}
	cut, answer := x.prefix(answer)
	if s.Separable {
		cut = x.fewValues(cut)
		cut, answer = x.fewOps(cut), Answer{} // it was on more than what is left
		if len(cut.Ops) <= handful {
			return x.tell(cut), true
		}
	}
	if told, ok := x.fromStates(cut, answer); ok {
		return told, true
	}
	return x.tell(x.fewOps(cut)), true
}

// argue is an explanation by what the model knows without a search, about an object that
// is too large to show the operations that it counts.
func (x *explainer[S]) argue(r refutation) Explanation {
	told := Explanation{Places: append([]int{r.place}, r.with...), Refuted: r.place, Why: r.why}
	slices.Sort(told.Places)
	told.Forgotten = make([]bool, len(told.Places))
	told.Found = r.finds()
	for i := range x.object.Ops {
		if x.object.Ops[i].Call <= x.object.Ops[r.place].Return {
			told.Before++
		}
	}
	told.Before -= len(told.Places)
	return told
}

func (x *explainer[S]) inTime() bool {
	return x.ctx.Err() == nil && (x.limits.Deadline.IsZero() || time.Now().Before(x.limits.Deadline))
}

// illegal reports whether an object is proven to be illegal.
func (x *explainer[S]) illegal(o *Object) bool {
	if len(o.Ops) <= bruteUpTo {
		legal, err := x.spec.BruteForce(o)
		return err == nil && !legal
	}
	return x.inTime() && x.spec.Judge(x.ctx, o, x.limits).Verdict == frontier.Illegal
}

func (x *explainer[S]) observes(o *Object) func(op Op) bool {
	spec := x.spec.fresh(o)
	return spec.observes
}

// prefix finds the first return up to which the object is illegal. It is not before
// the one at which the search gave up, and seldom long after it. The answer is that on the
// part, Undecided where it is not known.
func (x *explainer[S]) prefix(answer Answer) (*Object, Answer) {
	returns := x.object.returns()
	observes := x.observes(x.object)
	low, _ := slices.BinarySearch(returns, answer.Until) // the one before is legal, or nearly
	low--
	var last Answer
	shows := func(at int) *Object {
		cut := x.object.until(returns[at], observes)
		one := x.spec.Judge(x.ctx, cut, x.limits)
		if one.Verdict != frontier.Illegal {
			return nil
		}
		last = one
		return cut
	}
	best, high := x.object, len(returns)-1
	for step := 1; ; step *= 4 {
		at := low + step
		if at >= high {
			break
		}
		if cut := shows(at); cut != nil {
			best, high = cut, at
			break
		}
		low = at
	}
	for low+1 < high && x.inTime() {
		middle := (low + high) / 2
		if cut := shows(middle); cut != nil {
			best, high = cut, middle
		} else {
			low = middle
		}
	}
	if best == x.object {
		best = x.object.until(returns[high], observes)
	}
	return best, last
}

// fewValues leaves out as many values as it can: it tries the latest ones, twice as
// many each time, and then part by part (Zeller and Hildebrandt's delta debugging).
func (x *explainer[S]) fewValues(o *Object) *Object {
	all := o.valuesByAge()
	base := o
	only := func(values []history.Value) *Object {
		in := make(map[history.Value]bool, len(values))
		for _, v := range values {
			in[v] = true
		}
		return base.without(func(v history.Value) bool { return !in[v] })
	}
	kept, best := all, o
	for count := 2; count < len(all) && x.inTime(); count *= 2 {
		if part := only(all[:count]); x.illegal(part) {
			kept, best = all[:count], part
			break
		}
	}
	base = best
	for chunk := len(kept) / 2; chunk > 0 && x.inTime(); {
		removed := false
		for from := 0; from < len(kept) && x.inTime(); {
			less := slices.Delete(slices.Clone(kept), from, min(from+chunk, len(kept)))
			if part := only(less); x.illegal(part) {
				kept, best, removed = less, part, true
			} else {
				from += chunk
			}
		}
		if !removed || chunk > len(kept) {
			chunk /= 2
		}
	}
	return best
}

// fewOps leaves out observers, and forgets what it can; what is forgotten and tells
// nothing is left out too.
func (x *explainer[S]) fewOps(o *Object) *Object {
	observes := x.observes(o)
	var loose []int // places that may be left out: as many at once as possible
	for i := range o.Ops {
		if observes(o.Op(i)) {
			loose = append(loose, i)
		}
	}
	out := map[int]bool{}
	part := func() *Object { return o.filter(func(i int) bool { return !out[i] }) }
	for chunk := len(loose); chunk > 0 && x.inTime(); chunk /= 2 {
		for from := 0; from < len(loose) && x.inTime(); from += chunk {
			piece := loose[from:min(from+chunk, len(loose))]
			piece = slices.DeleteFunc(slices.Clone(piece), func(i int) bool { return out[i] })
			for _, i := range piece {
				out[i] = true
			}
			if len(piece) > 0 && !x.illegal(part()) {
				for _, i := range piece {
					delete(out, i)
				}
			}
		}
	}
	o = part()
	if len(o.Ops) > 4*handful {
		return o
	}
	return x.forget(o)
}

// forget makes operations unknown one by one where the object stays illegal, and
// leaves out what the model's reduction then leaves out.
func (x *explainer[S]) forget(o *Object) *Object {
	for i := 0; i < len(o.Ops) && x.inTime(); i++ {
		if o.Ops[i].Outcome != history.OK || o.Ops[i].Kind == history.Dequeue && o.Ops[i].Result == history.Nil {
			continue
		}
		ops := slices.Clone(o.Ops)
		ops[i] = forgotten(ops[i])
		if less := o.with(ops, o.Index); x.illegal(less) {
			o = less
		}
	}
	spec := x.spec.fresh(o)
	if spec.Reduce == nil {
		return o
	}
	kept := map[int32]bool{}
	for _, index := range spec.Reduce(&spec, o).Index {
		kept[index] = true
	}
	less := o.filter(func(i int) bool { return kept[o.Index[i]] })
	if len(less.Ops) < len(o.Ops) && x.illegal(less) {
		return less
	}
	return o
}

// tell is an explanation by operations alone.
func (x *explainer[S]) tell(o *Object) Explanation {
	told := Explanation{Refuted: -1, Whole: len(o.Ops) > 4*handful}
	c := x.spec.compile(o, false)
	x.place(&told, o)
	if found, ok := x.refute(c); ok {
		told.Refuted = x.object.placeOf(o.Index[c.places[found.at]])
		told.Found = found.found
	}
	if o.H != x.object.H {
		told.Values = o.valuesByAge()
	}
	return told
}

// place notes where operations are in the object.
func (x *explainer[S]) place(told *Explanation, o *Object) {
	places := make(map[int32]int, len(x.object.Index))
	for i, index := range x.object.Index {
		if _, has := places[index]; !has {
			places[index] = i
		}
	}
	for i := range o.Ops {
		place := places[o.Index[i]]
		if n := len(told.Places); n > 0 && told.Places[n-1] == place {
			continue // parts of one operation
		}
		told.Places = append(told.Places, place)
		told.Forgotten = append(told.Forgotten, o.Ops[i].Outcome == history.Info && x.object.Ops[place].Outcome != history.Info)
	}
}
