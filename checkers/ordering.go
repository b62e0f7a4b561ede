package checkers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// orderRun is one call of a checker that reads a history key by key.
type orderRun struct {
	ctx      context.Context
	h        *history.History
	deadline time.Time
	steps    int
	stopped  error // why not everything was judged; nil where it was
	result   Result
}

// runOrder prepares a run, has the history judged, and concludes. What was found
// before time ran out stands; conclude looks at stopped after its findings.
func runOrder(ctx context.Context, name string, evidence Evidence, budget Budget, judge func(*orderRun), conclude func(*orderRun)) Result {
	began := time.Now()
	budget = budget.WithDefaults()
	r := orderRun{ctx: ctx, h: evidence.History, deadline: began.Add(budget.Time), result: Result{Checker: name, Method: "scan"}}
	if err := Sound(r.h); err != nil {
		r.say(Error, "%v", err)
	} else if need := r.bytes(); need > budget.Bytes {
		r.say(Inconclusive, "nothing was judged: it may take %d MB of memory, and the budget is %d MB", need>>20, budget.Bytes>>20)
	} else {
		if r.alive() {
			judge(&r)
		}
		conclude(&r)
	}
	r.result.Elapsed = time.Since(began)
	return r.result
}

// bytes is what the tables of the hungriest of these checkers take, at most.
func (r *orderRun) bytes() int64 {
	return 1<<16 + 200*int64(len(r.h.Ops)) + 100*int64(len(r.h.Elements)) + 64*int64(len(r.h.Keys))
}

func (r *orderRun) say(v Verdict, format string, args ...any) {
	r.result.Verdict, r.result.Summary = v, fmt.Sprintf(format, args...)
}

// alive reports whether there is time left.
func (r *orderRun) alive() bool {
	if r.stopped == nil {
		r.stopped = inTime(r.ctx, r.deadline)
	}
	return r.stopped == nil
}

// goOn is alive for inner loops: it looks at the clock now and then.
func (r *orderRun) goOn() bool {
	r.steps++
	return r.steps&(1<<15-1) != 0 || r.alive()
}

// split sorts the places in History.Ops into lists, in the order of their calls: slot
// says which list an operation is of, none for none. It is asked once for each, in
// that order. The seats of all processes come with it: one pass finds both.
func split(h *history.History, lists int, slot func(op *history.Op) int32) ([][]int32, seats) {
	counts, total, last := make([]int32, lists), int32(0), int32(0)
	slots := make([]int32, len(h.Ops))
	for i := range h.Ops {
		op := &h.Ops[i]
		last = max(last, op.Process)
		if slots[i] = slot(op); slots[i] != none {
			counts[slots[i]]++
			total++
		}
	}
	all, split := make([]int32, total), make([][]int32, lists)
	for n, count := range counts {
		split[n], all = all[:0:count], all[count:]
	}
	for i, n := range slots {
		if n != none {
			split[n] = append(split[n], int32(i))
		}
	}
	return split, numberSeats(h, last)
}

// seats gives processes numbers from zero on, so that arrays can be kept by them.
type seats struct {
	count  int32
	sparse map[int32]int32 // nil where processes are numbered densely themselves
}

func numberSeats(h *history.History, last int32) seats {
	if int(last) < 2*len(h.Ops)+1024 {
		return seats{count: last + 1}
	}
	s := seats{sparse: map[int32]int32{}}
	for i := range h.Ops {
		if _, known := s.sparse[h.Ops[i].Process]; !known {
			s.sparse[h.Ops[i].Process] = s.count
			s.count++
		}
	}
	return s
}

func (s *seats) of(process int32) int32 {
	if s.sparse == nil {
		return process
	}
	return s.sparse[process]
}

// bySeat links operations of one process to each other, so that the operations of
// a key can be read process by process. It is used for one key after the other.
type bySeat struct {
	seats
	first, last, stamp []int32 // by seat; valid where stamp is that of the key
	round              int32
	order              []int32 // the seats that the key has, in the order of their first operation
	next               []int32 // by number in the key's list
	batch              opBatch
}

func newBySeat(known seats) bySeat {
	s := bySeat{seats: known}
	s.first, s.last, s.stamp = make([]int32, s.count), make([]int32, s.count), make([]int32, s.count)
	return s
}

// begin makes ready to add so many operations.
func (s *bySeat) begin(operations int) {
	s.round++
	s.order, s.next = s.order[:0], slices.Grow(s.next[:0], operations)
}

// add links the next operation of a key.
func (s *bySeat) add(process int32) {
	seat, n := s.of(process), int32(len(s.next))
	s.next = append(s.next, none)
	if s.stamp[seat] != s.round {
		s.stamp[seat], s.first[seat] = s.round, n
		s.order = append(s.order, seat)
	} else {
		s.next[s.last[seat]] = n
	}
	s.last[seat] = n
}

// link makes ready to read the operations at some places.
func (s *bySeat) link(h *history.History, places []int32) {
	s.begin(len(places))
	for _, op := range s.batch.of(h, places) {
		s.add(op.Process)
	}
}
