package checkers

import (
	"context"
	"fmt"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// guard watches a call of porcupine, which has no limits of its own.
type guard struct {
	ctx      context.Context
	deadline time.Time
	bytes    int64
	baseline int64 // the heap before
}

const guardEvery = 5 * time.Millisecond

// watch sets stop and returns the reason when a limit is reached, and returns ""
// when the call is done.
func (g *guard) watch(done <-chan struct{}, stop *atomic.Bool) string {
	tick := time.NewTicker(guardEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return ""
		case <-g.ctx.Done():
			stop.Store(true)
			return "the search was called off"
		case now := <-tick.C:
			switch {
			case now.After(g.deadline):
				stop.Store(true)
				return "the search ran out of time"
			case heapBytes()-g.baseline > g.bytes:
				stop.Store(true)
				return fmt.Sprintf("the search needed more than its %d MB of memory", g.bytes>>20)
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
