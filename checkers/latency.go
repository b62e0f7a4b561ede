package checkers

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// Latency says how long clients waited for what was acknowledged: for each kind of
// operation of the load, over all clients and over those of each node, the median,
// the 99th percentile and the longest (nearest rank). What was not acknowledged is
// none of them; [Availability] and [RecoveryTime] tell of that.
//
// Without limits the checker only reports. With P99, a kind whose 99th percentile over
// all clients is longer is a violation. Where nothing was acknowledged, the answer is
// inconclusive.
//
// Figures: for each kind p50_seconds_<kind>, p99_seconds_<kind> and
// max_seconds_<kind>, each also with _at_<node>.
type Latency struct {
	// P99 is the longest 99th percentile allowed for each kind. Zero: any is.
	P99 time.Duration
}

// Check implements [Checker].
func (c Latency) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	return everyday(ctx, evidence, budget, "latency", func(r *everydayRun) error {
		all := map[history.Kind][]int64{}
		at := map[string]map[history.Kind][]int64{}
		seats := placesOf(r.h)
		// The final reads are of no load, and long ones at that.
		until := history.Open
		if mark, found := r.h.Find(MarkFinal); found {
			until = mark.Time
		}
		for i := range r.h.Ops {
			if err := r.tick(i); err != nil {
				return err
			}
			op := &r.h.Ops[i]
			if op.Outcome != history.OK || op.Call >= until {
				continue
			}
			if err := r.take(16); err != nil {
				return err
			}
			took := op.Return - op.Call
			all[op.Kind] = append(all[op.Kind], took)
			if node := seats.node(op.Process); node != "" {
				if at[node] == nil {
					at[node] = map[history.Kind][]int64{}
				}
				at[node][op.Kind] = append(at[node][op.Kind], took)
			}
		}
		var found, texts []string
		for _, kind := range history.Kinds() {
			if len(all[kind]) == 0 {
				continue
			}
			text, p99 := r.latencies(all[kind], kind.String())
			texts = append(texts, kind.String()+" "+text)
			if c.P99 > 0 && p99 > int64(c.P99) {
				found = append(found, fmt.Sprintf("the 99th percentile of %s is %v: the limit is %v", kind, time.Duration(p99), c.P99))
			}
			for _, node := range slices.Sorted(maps.Keys(at)) {
				if took := at[node][kind]; len(took) > 0 {
					r.latencies(took, kind.String()+"_at_"+node)
				}
			}
		}
		var open []string
		if len(texts) == 0 {
			open = []string{"nothing was acknowledged, so there is no latency"}
		}
		r.decide(found, open, func() string { return strings.Join(texts, "; ") })
		return nil
	})
}

// latencies notes the figures of some operations and says them.
func (r *everydayRun) latencies(took []int64, name string) (text string, p99 int64) {
	slices.Sort(took)
	rank := func(share float64) int64 { return took[max(int(math.Ceil(share*float64(len(took))))-1, 0)] }
	p50, p99, longest := rank(0.5), rank(0.99), took[len(took)-1]
	for word, value := range map[string]int64{"p50": p50, "p99": p99, "max": longest} {
		r.result.Figures[word+"_seconds_"+name] = time.Duration(value).Seconds()
	}
	round := func(ns int64) time.Duration { return time.Duration(ns).Round(100 * time.Microsecond) }
	return fmt.Sprintf("p50 %v, p99 %v, at most %v", round(p50), round(p99), round(longest)), p99
}
