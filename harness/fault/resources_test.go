package fault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
)

func (r *rig) limits() cluster.Limits {
	r.t.Helper()
	limits, err := r.Cluster.(cluster.Resources).Limits(r.ctx, "n1")
	require.NoError(r.t, err)
	return limits
}

func (r *rig) usage() cluster.Usage {
	r.t.Helper()
	usage, err := r.Cluster.(cluster.Resources).Usage(r.ctx, "n1")
	require.NoError(r.t, err)
	return usage
}

// One store in a pod, so that this costs one start: each part leaves it as it was.
func TestResourcesAreTakenAwayAndGivenBack(t *testing.T) {
	r := inPod(t)
	before := r.limits()
	done := r.writes(4)
	works := func() {
		t.Helper()
		r.serves()
		have := done()
		r.until("clients are served", func() bool { return done() > have+10 })
		require.Equal(t, before, r.limits())
	}
	t.Run("processor time", func(t *testing.T) {
		works()
		heal := r.inject(fault.CPUQuota{Target: n1, CPUs: 0.05})
		require.Equal(t, 0.05, r.limits().CPUs)
		throttled := r.usage().Throttled
		r.until("it is throttled", func() bool { return r.usage().Throttled > throttled })
		heal()
		require.Regexp(t, `n1 had to stand still in \d+ periods`, r.last("bit").Detail)
		require.Regexp(t, `n1 had to stand still in \d+ periods`, r.last("healed").Detail)
		works()
	})
	t.Run("processor time, at times", func(t *testing.T) {
		heal := r.inject(fault.CPUNoise{Target: n1, Share: 0.5, Period: 500 * time.Millisecond})
		r.until("it came twice", func() bool { return r.count("again", "took the processors of n1") >= 2 })
		heal()
		require.Contains(t, r.last("healed").Detail, "took the processors of n1")
		require.Equal(t, "cpu-noise", r.last("injected").Detail)
		works()
	})
	t.Run("processes", func(t *testing.T) {
		heal := r.inject(fault.ProcessLimit{Target: n1, Processes: 2})
		require.Equal(t, int64(2), r.limits().Processes)
		heal()
		require.Regexp(t, `n1 (has \d+ processes and threads of 2|ended under it)`, r.last("bit").Detail)
		works()
	})
	t.Run("memory", func(t *testing.T) {
		_, err := r.Inject(r.ctx, fault.MemoryLimit{Target: n1, Bytes: before.MemoryBytes + 1})
		require.ErrorContains(t, err, "has lower limits already")
		heal := r.inject(fault.MemoryLimit{Target: n1, Bytes: 512 << 20})
		require.Equal(t, int64(512<<20), r.limits().MemoryBytes)
		heal()
		require.Contains(t, r.last("no-bite").Detail, "n1 met its limit 0 times", "nobody wanted that much")
		works()
	})
	t.Run("two limits, the lowest holds", func(t *testing.T) {
		half := r.inject(fault.CPUQuota{Target: n1, CPUs: 0.5})
		tenth := r.inject(fault.CPUQuota{Target: n1, CPUs: 0.1})
		memory := r.inject(fault.MemoryLimit{Target: n1, Bytes: 512 << 20})
		require.Equal(t, cluster.Limits{CPUs: 0.1, MemoryBytes: 512 << 20, Processes: before.Processes}, r.limits())
		half()
		require.Equal(t, 0.1, r.limits().CPUs)
		half = r.inject(fault.CPUQuota{Target: n1, CPUs: 0.5})
		tenth()
		require.Equal(t, 0.5, r.limits().CPUs)
		memory()
		half()
		works()
	})
	t.Run("killed and started in between", func(t *testing.T) {
		quota := r.inject(fault.CPUQuota{Target: n1, CPUs: 0.5})
		kill := r.inject(fault.Kill{Target: n1})
		quota()
		kill()
		works()
	})
	t.Run("paused by signal", func(t *testing.T) {
		heal := r.inject(fault.Pause{Target: n1, Signal: true})
		have := done()
		require.True(t, r.life().Suspended)
		r.is(cluster.Running) // the freezer has no part in it
		frozen := r.inject(fault.Pause{Target: n1})
		heal()
		r.is(cluster.Paused)
		require.LessOrEqual(t, done(), have+4, "what was under way may have been answered")
		frozen()
		works()
	})
}
