package checkers

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// searcher judges by trying orders, with porcupine, within limits that porcupine
// itself does not have. Its search needs at least n²/8 bytes for n operations.
type searcher struct {
	ctx      context.Context
	deadline time.Time
	bytes    int64
	baseline int64 // the heap before the first search
}

func newSearcher(ctx context.Context, deadline time.Time, bytes int64) *searcher {
	return &searcher{ctx: ctx, deadline: deadline, bytes: bytes, baseline: heapBytes()}
}

const guardEvery = 5 * time.Millisecond

// judge says whether operations on one key are linearizable. Where a limit
// stopped the search, the result is Unknown with the reason.
func (s *searcher) judge(initial history.Value, ops []history.Op, deadline time.Time) (porcupine.CheckResult, string) {
	if s.deadline.Before(deadline) {
		deadline = s.deadline
	}
	began := time.Now()
	if !began.Before(deadline) {
		return porcupine.Unknown, "no time was left"
	}
	var stop atomic.Bool
	cell := model.Cell(initial, nil)
	step := cell.Step
	cell.Step = func(state, input, output any) (bool, any) {
		if stop.Load() {
			return false, state // nothing is legal any more: the search unwinds
		}
		return step(state, input, output)
	}
	done, reason := make(chan struct{}), make(chan string, 1)
	go func() { reason <- s.guard(done, deadline, &stop) }()
	result := porcupine.CheckOperationsTimeout(cell, model.Convert(ops), 0)
	close(done)
	why := <-reason
	if why != "" && result != porcupine.Ok {
		// What unwound is no proof. An order that was found is one.
		return porcupine.Unknown, fmt.Sprintf("%s after %.1f s", why, time.Since(began).Seconds())
	}
	return result, ""
}

// guard watches one search. It sets stop and returns the reason when a limit is
// reached, and returns "" when the search is done.
func (s *searcher) guard(done <-chan struct{}, deadline time.Time, stop *atomic.Bool) string {
	tick := time.NewTicker(guardEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return ""
		case <-s.ctx.Done():
			stop.Store(true)
			return "the search was called off"
		case now := <-tick.C:
			switch {
			case now.After(deadline):
				stop.Store(true)
				return "the search ran out of time"
			case heapBytes()-s.baseline > s.bytes:
				stop.Store(true)
				return fmt.Sprintf("the search needed more than its %d MB of memory", s.bytes>>20)
			}
		}
	}
}

func heapBytes() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(sample[0].Value.Uint64())
}

// searched is what the search says of one key.
type searched struct {
	key    *keyOps
	result porcupine.CheckResult
	reason string
}

// judgeKeys searches several keys at a time, small ones first, since the search
// may grow as two to the number of operations. It ends at the first violation.
// Each key gets an even share of the time that is left.
func (s *searcher) judgeKeys(keys []*keyOps) []searched {
	slices.SortStableFunc(keys, func(a, b *keyOps) int { return cmp.Compare(len(a.index), len(b.index)) })
	workers := min(runtime.GOMAXPROCS(0), len(keys))
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	pool := *s
	pool.ctx = ctx
	answers := make([]searched, len(keys))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(keys) {
					return
				}
				left := time.Until(pool.deadline)
				share := left * time.Duration(workers) / time.Duration(len(keys)-i)
				answers[i] = searched{key: keys[i]}
				answers[i].result, answers[i].reason = pool.judge(keys[i].initial, keys[i].searchable(), time.Now().Add(min(left, share)))
				if answers[i].result == porcupine.Illegal {
					cancel()
				}
			}
		})
	}
	wait.Wait()
	return answers
}
