package scenarios_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/results"
	"github.com/seatrial/seatrial/scenarios"
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
