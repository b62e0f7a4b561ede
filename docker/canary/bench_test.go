package canary

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// BenchmarkMixed is ten clients on twelve keys, spread over the nodes: two reads
// to one write and one compare-and-set.
func BenchmarkMixed(b *testing.B) {
	const clients, keys = 10, 12
	r := startRig(b, "")
	var next atomic.Int64
	var group sync.WaitGroup
	b.ResetTimer()
	for i := range clients {
		client := r.open(r.cluster.NodeNames()[i%3])
		group.Go(func() {
			var seen [keys]history.Value
			for i := range seen {
				seen[i] = history.Nil
			}
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				at := int(n) % keys
				key := fmt.Sprint("k", at)
				var err error
				switch n / keys % 4 {
				case 0:
					err = client.Write(b.Context(), key, history.Int(n))
				case 1:
					_, _, err = client.CompareAndSet(b.Context(), key, seen[at], history.Int(n))
				default:
					seen[at], err = client.Read(b.Context(), key)
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// BenchmarkFailover is the time from the leader's SIGKILL until a survivor serves.
func BenchmarkFailover(b *testing.B) {
	r := startRig(b, "")
	var sum, worst time.Duration
	for b.Loop() {
		b.StopTimer()
		leader, followers := r.leader(r.cluster.NodeNames()...)
		client := r.open(followers[0])
		b.StartTimer()
		began := time.Now()
		r.kill(leader)
		r.eventually("a survivor serves", func(ctx context.Context) error {
			_, err := client.Read(ctx, "k")
			return err
		})
		took := time.Since(began)
		b.StopTimer()
		sum, worst = sum+took, max(worst, took)
		r.start(leader)
		r.waitReady(leader)
		require.NoError(b, client.Write(b.Context(), "k", 1))
		b.StartTimer()
	}
	b.ReportMetric(float64(sum.Milliseconds())/float64(b.N), "mean-ms")
	b.ReportMetric(float64(worst.Milliseconds()), "worst-ms")
}
