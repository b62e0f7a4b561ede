package checkers

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// everydayRun is one call of Check of a checker that scans a history.
type everydayRun struct {
	h        *history.History
	ctx      context.Context
	deadline time.Time
	limit    int64 // bytes that may be taken in all
	taken    int64
	result   Result
}

// everyday asks a judge, which says by an error why it has no answer: then the
// answer is inconclusive, and the figures that were found so far stay.
func everyday(ctx context.Context, evidence Evidence, budget Budget, name string, judge func(r *everydayRun) error) Result {
	began, budget := time.Now(), budget.WithDefaults()
	r := &everydayRun{h: evidence.History, ctx: ctx, deadline: began.Add(budget.Time), limit: budget.Bytes,
		result: Result{Checker: name, Method: "scan", Figures: map[string]float64{}}}
	if err := Sound(r.h); err != nil {
		r.result.Verdict, r.result.Summary = Error, err.Error()
	} else if err := judge(r); err != nil {
		r.result.Verdict, r.result.Summary, r.result.Proof = Inconclusive, err.Error(), nil
	}
	r.result.Elapsed = time.Since(began)
	return r.result
}

// take notes that so many bytes are about to be allocated, and says why not.
func (r *everydayRun) take(bytes int64) error {
	if r.taken += bytes; r.taken > r.limit {
		return fmt.Errorf("out of memory: %d MB are needed at least, and %d MB may be used", r.taken>>20+1, r.limit>>20)
	}
	return nil
}

// stride is after how many operations a scan looks at the clock.
const stride = 1 << 14

// tick says why no more may be judged; n counts what was done since the start.
func (r *everydayRun) tick(n int) error {
	if n%stride != 0 {
		return nil
	}
	return inTime(r.ctx, r.deadline)
}

func (r *everydayRun) figure(name string, n int) { r.result.Figures[name] = float64(n) }

// decide turns findings into the answer: a violation where there are any, then
// inconclusive where something is open, else a pass.
func (r *everydayRun) decide(found, open []string, passed func() string) {
	switch {
	case len(found) > 0:
		r.result.Verdict, r.result.Summary = Violation, strings.Join(found, "; ")
	case len(open) > 0:
		r.result.Verdict, r.result.Summary = Inconclusive, strings.Join(open, "; ")
	default:
		r.result.Summary = passed()
	}
}

// keyPart is what happened on one key: places in History.Ops, in the order of the calls.
type keyPart struct {
	key    history.Key
	places []int32
}

// splitPlaces lists the keys that have operations of some kinds, with these.
// Each key is judged as if it were alone, as jepsen.independent does: another key
// is another set, queue or counter.
func (r *everydayRun) splitPlaces(kinds ...history.Kind) ([]keyPart, error) {
	var wanted [256]bool
	for _, k := range kinds {
		wanted[k] = true
	}
	if err := r.take(int64(4*len(r.h.Ops) + 8*len(r.h.Keys))); err != nil {
		return nil, err
	}
	counts, total := make([]int32, len(r.h.Keys)), 0
	for i := range r.h.Ops {
		if op := &r.h.Ops[i]; wanted[op.Kind] {
			counts[op.Key]++
			total++
		}
	}
	all, number := make([]int32, total), make([]int32, len(r.h.Keys))
	var parts []keyPart
	for key, count := range counts {
		if count > 0 {
			number[key] = int32(len(parts))
			parts = append(parts, keyPart{history.Key(key), all[:0:count]})
			all = all[count:]
		}
	}
	for i := range r.h.Ops {
		if op := &r.h.Ops[i]; wanted[op.Kind] {
			p := &parts[number[op.Key]]
			p.places = append(p.places, int32(i))
		}
	}
	return parts, nil
}

// lastRead returns the place of the answered read of a list that returned last;
// of several at one instant that which was called last.
func lastRead(h *history.History, places []int32) int32 {
	last := none
	for _, place := range places {
		op := &h.Ops[place]
		if op.Kind == history.ReadList && op.Outcome == history.OK && (last == none || op.Return >= h.Ops[last].Return) {
			last = place
		}
	}
	return last
}

// addUp adds, and reports whether the sum fits.
func addUp(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (sum > a) == (b > 0)
}

// wide is a sum that never overflows: 128 bits, in two's complement.
type wide struct {
	high int64
	low  uint64
}

func (w wide) plus(n int64) wide {
	low, carry := bits.Add64(w.low, uint64(n), 0)
	return wide{w.high + n>>63 + int64(carry), low}
}

// float is the sum as a figure can hold it.
func (w wide) float() float64 { return float64(w.high)*math.Exp2(64) + float64(w.low) }

func (w wide) less(v wide) bool { return w.high < v.high || w.high == v.high && w.low < v.low }

func (w wide) String() string {
	if w.high == int64(w.low)>>63 {
		return fmt.Sprint(int64(w.low))
	}
	return fmt.Sprintf("%.6g", w.float())
}
