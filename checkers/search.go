package checkers

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/checkers/model"
)

// searcher judges objects by frontier search, within limits.
type searcher struct {
	ctx      context.Context
	deadline time.Time
	bytes    int64
}

func newSearcher(ctx context.Context, deadline time.Time, bytes int64) *searcher {
	return &searcher{ctx: ctx, deadline: deadline, bytes: bytes}
}

// limits are those of a search that has to end at an instant, if not before.
func (s *searcher) limits(deadline time.Time) frontier.Limits {
	if s.deadline.Before(deadline) {
		deadline = s.deadline
	}
	return frontier.Limits{Deadline: deadline, Bytes: s.bytes}
}

// judge says whether an object is linearizable. Where a limit stopped the search,
// the answer is Undecided with the reason.
func (s *searcher) judge(m model.Model, o *model.Object, deadline time.Time) model.Answer {
	began := time.Now()
	answer := m.Judge(s.ctx, o, s.limits(deadline))
	if answer.Verdict == frontier.Undecided {
		answer.Reason = fmt.Sprintf("%s after %.1f s", answer.Reason, time.Since(began).Seconds())
	}
	return answer
}

// searched is what the search says of one object.
type searched struct {
	object *model.Object
	model.Answer
}

// judgeAll searches several objects at a time, small ones first: the search may grow
// as two to the number of operations under way. It ends at the first violation. Each
// object gets an even share of the time that is left.
func (s *searcher) judgeAll(m model.Model, objects []*model.Object) []searched {
	slices.SortStableFunc(objects, func(a, b *model.Object) int { return cmp.Compare(len(a.Ops), len(b.Ops)) })
	workers := max(1, min(runtime.GOMAXPROCS(0), len(objects)))
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	pool := *s
	pool.ctx, pool.bytes = ctx, s.bytes/int64(workers)
	answers := make([]searched, len(objects))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(objects) {
					return
				}
				left := time.Until(pool.deadline)
				share := left * time.Duration(workers) / time.Duration(len(objects)-i)
				answers[i] = searched{objects[i], pool.judge(m, objects[i], time.Now().Add(min(left, share)))}
				if answers[i].Verdict == frontier.Illegal {
					cancel()
				}
			}
		})
	}
	wait.Wait()
	return answers
}
