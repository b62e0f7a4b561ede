package scenarios_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/docker/etcd"
	"github.com/seatrial/seatrial/docker/postgres"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/results"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/workloads"
)

// BenchmarkEtcdRun runs a 20 s scenario on three etcd pods, images built, and
// reports the time to the first acknowledged operation and what the run takes
// beyond its own duration.
func BenchmarkEtcdRun(b *testing.B) {
	if err := (pod.Runtime{}).Available(b.Context()); err != nil {
		b.Skipf("skipped: %v", err)
	}
	s := scenarios.EtcdMinorityCut
	_, err := pod.Runtime{}.Prepare(b.Context(), s.System.(cluster.PodSystem), nil)
	require.NoError(b, err)
	seed := uint64(1)
	for b.Loop() {
		began := time.Now()
		run, dir, err := harness.Run(b.Context(), s, harness.Options{Seed: &seed, Results: b.TempDir()})
		took := time.Since(began)
		require.NoError(b, err)
		require.Equal(b, checkers.Pass, run.Verdict, run.Summary)
		b.ReportMetric((took - s.Duration).Seconds(), "beyond-s")
		b.ReportMetric(firstAcknowledged(b, dir).Seconds(), "first-ack-s")
		b.ReportMetric(float64(run.Counted().Total()), "operations")
		for _, phase := range run.Took.List() {
			if phase.Name != "load" {
				b.ReportMetric(phase.Took.Seconds(), phaseUnit(phase.Name))
			}
		}
	}
}

func phaseUnit(name string) string {
	unit := []byte(name + "-s")
	for i, c := range unit {
		if c == ' ' {
			unit[i] = '-'
		}
	}
	return string(unit)
}

// firstAcknowledged is the time from the run's beginning to the first answer.
func firstAcknowledged(b *testing.B, dir *results.Dir) time.Duration {
	path, found := dir.History()
	require.True(b, found)
	h, err := history.ReadFile(path)
	require.NoError(b, err)
	first := history.Open
	for i := range h.Ops {
		if h.Ops[i].Outcome == history.OK {
			first = min(first, h.Ops[i].Return)
		}
	}
	return time.Duration(first)
}

// BenchmarkDiskLayer is what ten clients get done on a cluster whose nodes keep their
// data behind the disk layer, beside one without it, in turns of a second, and their
// ratio: above one, the layer makes the system faster than the machine's own disk does.
func BenchmarkDiskLayer(b *testing.B) {
	if err := (pod.Runtime{}).Available(b.Context()); err != nil {
		b.Skipf("skipped: %v", err)
	}
	for name, system := range map[string]cluster.System{
		"etcd": etcd.Cluster{Nodes: 3}, "postgres": postgres.Cluster{},
	} {
		b.Run(name, func(b *testing.B) {
			plain, layered := loadOn(b, system, false), loadOn(b, system, true)
			plain(-1) // to warm up
			layered(-1)
			done := map[string]int{}
			turns := 0
			for b.Loop() {
				done["plain"] += plain(turns)
				done["layer"] += layered(turns)
				turns++
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(done["plain"])/float64(turns), "plain-appends/s")
			b.ReportMetric(float64(done["layer"])/float64(turns), "layer-appends/s")
			b.ReportMetric(float64(done["layer"])/float64(done["plain"]), "layer/plain")
		})
	}
}

// loadOn starts a cluster with ten clients, and returns what makes them append for a
// second: it says how many appends were acknowledged.
func loadOn(b *testing.B, system cluster.System, disk bool) func(turn int) int {
	b.Helper()
	owner, err := cluster.NewOwner()
	require.NoError(b, err)
	b.Cleanup(owner.Remove)
	c, err := pod.Runtime{}.Start(b.Context(), system, cluster.Options{Owner: owner, Disk: disk})
	require.NoError(b, err)
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(b, c.Close(ctx))
	})
	if disk {
		require.NoError(b, c.(cluster.Disks).DisksApply())
	}
	require.NoError(b, cluster.WaitReady(b.Context(), c, time.Minute))
	var clients []workloads.Appender
	for i := range 10 {
		nodes := system.NodeNames()
		client, err := system.(workloads.AppendOpener).OpenAppender(b.Context(),
			link.Session{Node: nodes[i%len(nodes)], Group: link.Clients, Timeout: 5 * time.Second, Dialer: c.Dialer()})
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, client.Close()) })
		clients = append(clients, client)
	}
	return func(turn int) int {
		counts, errs := make([]int, len(clients)), make([]error, len(clients))
		end := time.Now().Add(time.Second)
		var busy sync.WaitGroup
		for i, client := range clients {
			busy.Go(func() {
				for ; errs[i] == nil && time.Now().Before(end); counts[i]++ {
					ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
					list := fmt.Sprintf("l%d.%d", turn, i)
					errs[i] = client.Append(ctx, list, history.Int(int64(counts[i])))
					cancel()
				}
			})
		}
		busy.Wait()
		require.NoError(b, errors.Join(errs...))
		sum := 0
		for _, n := range counts {
			sum += n
		}
		return sum
	}
}
