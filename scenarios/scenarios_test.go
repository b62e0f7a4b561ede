package scenarios_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/docker/canary"
	"github.com/seatrial/seatrial/docker/canary/store"
	"github.com/seatrial/seatrial/docker/etcd"
	"github.com/seatrial/seatrial/docker/nats"
	"github.com/seatrial/seatrial/docker/postgres"
	"github.com/seatrial/seatrial/docker/redis"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/cluster/pod/podtest"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/workloads"
)

// The scenarios hold on the systems as people run them.

func TestCanaryMixed(t *testing.T)            { harness.Test(t, scenarios.CanaryMixed) }
func TestCanaryMinorityCut(t *testing.T)      { harness.Test(t, scenarios.CanaryMinorityCut) }
func TestCanaryLeaderCut(t *testing.T)        { harness.Test(t, scenarios.CanaryLeaderCut) }
func TestCanaryAppends(t *testing.T)          { harness.Test(t, scenarios.CanaryAppends) }
func TestCanaryAppendsLeaderCut(t *testing.T) { harness.Test(t, scenarios.CanaryAppendsLeaderCut) }
func TestCanaryAppendsKillAll(t *testing.T)   { harness.Test(t, scenarios.CanaryAppendsKillAll) }
func TestCanaryPowerLossAll(t *testing.T)     { harness.Test(t, scenarios.CanaryPowerLossAll) }
func TestEtcdAppendsFive(t *testing.T)        { harness.Test(t, scenarios.EtcdAppendsFive) }

// etcd is linearizable on disks that fail and slow down.
func TestEtcdDisks(t *testing.T)    { harness.Test(t, scenarios.EtcdDisks) }
func TestEtcdSlowDisk(t *testing.T) { harness.Test(t, scenarios.EtcdSlowDisk) }

// PostgreSQL keeps what it acknowledged while it is killed, paused and cut off.
func TestPostgresUnique(t *testing.T) { harness.Test(t, scenarios.PostgresUnique) }
func TestPostgresBank(t *testing.T)   { harness.Test(t, scenarios.PostgresBank) }

// NATS keeps what it acknowledged while its servers are killed, paused and cut off.
func TestNatsMixed(t *testing.T) { harness.Test(t, scenarios.NatsMixed) }

func TestEtcdMixedNextVersion(t *testing.T) {
	s := scenarios.EtcdMixed
	s.System = etcd.Cluster{Nodes: 3, Version: "3.6.16"}
	harness.Test(t, s)
}

func TestCanaryMixedInPods(t *testing.T) {
	s := scenarios.CanaryMixed
	s.Runtime = "pod"
	harness.Test(t, s)
}

// What is known to break is found, and its controls hold.
func TestTrackRecord(t *testing.T) {
	for _, f := range scenarios.TrackRecord() {
		t.Run(f.Name, func(t *testing.T) {
			if slices.Contains(f.Scenario.Tags, "long") {
				t.Skipf("it takes minutes: make soak ONLY=%s", f.Name)
			}
			harness.TestFinding(t, f)
		})
	}
}

// Every defect of the canary store is caught by the scenario made for it.
func TestCanaryDefectsAreCaught(t *testing.T) {
	defects := canary.Cluster{}.Defects()
	require.NotEmpty(t, defects)
	for _, defect := range defects {
		t.Run(defect.Name, func(t *testing.T) {
			for _, s := range scenarios.All() {
				if s.Name == defect.CaughtBy {
					s.System = canary.Cluster{Nodes: 3}.WithDefect(defect.Name)
					judge := "linearizable"
					if _, lists := s.Workload.(workloads.Appends); lists {
						judge = "set-full"
					}
					harness.TestFinds(t, s, judge)
					return
				}
			}
			t.Fatalf("no scenario %q catches %q", defect.CaughtBy, defect.Name)
		})
	}
}

// What was never synced outlives the program that wrote it: only a loss of power
// shows that defect.
func TestKillsDoNotShowThatTheCanaryNeverSyncs(t *testing.T) {
	s := scenarios.CanaryAppendsKillAll
	s.System = canary.Cluster{Nodes: 3, Defect: store.NoFsync}
	harness.Test(t, s)
}

func TestScenariosAreValidAndNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range scenarios.All() {
		require.NoError(t, s.Validate())
		require.NotEmpty(t, s.About, s.Name)
		require.False(t, seen[s.Name], "two scenarios are called %s", s.Name)
		seen[s.Name] = true
	}
}

// TestImagesBuild builds every image that the scenarios use, so a first test
// does not wait for it.
func TestImagesBuild(t *testing.T) {
	podtest.Need(t, pod.Runtime{})
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	systems := []cluster.PodSystem{canary.Cluster{}, redis.Cluster{}, postgres.Cluster{}}
	for _, version := range (nats.Cluster{}).Versions() {
		systems = append(systems, nats.Cluster{Version: version})
	}
	for _, version := range (etcd.Cluster{}).Versions() {
		systems = append(systems, etcd.Cluster{Version: version})
	}
	for _, system := range systems {
		tag, err := pod.Runtime{}.Prepare(ctx, system, func(line string) { t.Log(line) })
		require.NoError(t, err)
		t.Logf("%s %s: %s", system.SystemName(), system.SystemVersion(), tag)
	}
}
