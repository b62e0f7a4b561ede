package fault_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/disk"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/named"
)

// nodeFaults are those of processes, resources and clients, with every parameter.
func nodeFaults() []fault.Fault {
	return []fault.Fault{
		fault.Kill{Target: n1}, fault.Stop{Target: n1, Grace: time.Second}, fault.Pause{Target: n1, Signal: true},
		fault.KillAfter{Target: n1, Acknowledged: 7}, fault.CrashLoop{Target: n1, Up: time.Second, Times: 3},
		fault.KillDuringStart{Target: n1, Within: time.Second}, fault.Restart{Target: n1, Grace: time.Second}, fault.Restart{Target: n1, Kill: true},
		fault.CPUQuota{Target: n1, CPUs: 0.25}, fault.CPUNoise{Target: n1, Share: 0.5, Period: 2 * time.Second},
		fault.MemoryLimit{Target: n1, Bytes: 64 << 20}, fault.ProcessLimit{Target: n1, Processes: 12},
		fault.OutOfMemory{Target: n1, Within: time.Second},
		fault.Stall{Target: fault.Clients("writers"), Share: 30, Written: true},
		fault.PowerLoss{Target: n1, Torn: true}, fault.SlowDisk{Target: n1, Delay: time.Second, Operation: disk.OpWrite, Path: "*.log"},
		fault.DiskError{Target: n1, Errno: "ENOSPC", Operation: disk.OpWrite, Path: "wal/**", Probability: 0.5},
	}
}

func nodeWorld() fault.World {
	return fault.World{Nodes: nodes(3), Groups: []fault.Group{{Name: "writers"}}}
}

// Faults and acts go to the plan and the journal and back, and what is drawn is of
// the seed.
func TestFaultsOfNodesAndClientsAreData(t *testing.T) {
	type record struct {
		Fault fault.Fault
		Act   fault.Act
	}
	for _, f := range nodeFaults() {
		aim := func() fault.Act {
			act, err := f.Aim(t.Context(), fault.Aim{World: nodeWorld(), Draw: rand.New(rand.NewPCG(3, 1))})
			require.NoError(t, err)
			return act
		}
		wrote := record{f, aim()}
		require.Equal(t, wrote.Act, aim())
		text, err := named.Marshal(wrote)
		require.NoError(t, err)
		var read record
		require.NoError(t, named.Unmarshal(text, &read), "%s", text)
		require.Equal(t, wrote, read)
		require.NoError(t, fault.Check(fault.For{Duration: 1, Fault: f}, bare{count: 3}, nodeWorld()), f.FaultName())
	}
	// What an act found before is in the journal, too.
	prepared := record{Act: fault.LimitAct{Label: "x", Targets: []string{"n1"}, Limits: cluster.Limits{CPUs: 0.5},
		Before: map[string]cluster.Limits{"n1": {CPUs: cluster.Unlimited, MemoryBytes: 1 << 30}}, Used: map[string]cluster.Usage{"n1": {Throttled: 5}}, Lives: map[string]string{"n1": "x"}}}
	text, err := named.Marshal(prepared)
	require.NoError(t, err)
	var read record
	require.NoError(t, named.Unmarshal(text, &read))
	require.Equal(t, prepared, read)
}

func TestMistakesInFaultsOfNodesAreSaidBeforeARun(t *testing.T) {
	for says, f := range map[string]fault.Fault{
		"Acknowledged is 0":                  fault.KillAfter{Target: n1},
		"Up is 1ns":                          fault.CrashLoop{Target: n1, Up: 1},
		"Times -1":                           fault.CrashLoop{Target: n1, Times: -1},
		"Within is 1h0m0s":                   fault.KillDuringStart{Target: n1, Within: time.Hour},
		"a kill gives none":                  fault.Restart{Target: n1, Kill: true, Grace: 1},
		"CPUs is 0":                          fault.CPUQuota{Target: n1},
		"Share is 1.5":                       fault.CPUNoise{Target: n1, Share: 1.5},
		"Period is 1ms":                      fault.CPUNoise{Target: n1, Share: 0.5, Period: time.Millisecond},
		"Bytes is 5":                         fault.MemoryLimit{Target: n1, Bytes: 5},
		"Processes is 0":                     fault.ProcessLimit{Target: n1},
		"Share is 101":                       fault.Stall{Target: fault.Clients("writers"), Share: 101},
		"sessions are stalled by their":      fault.Stall{Target: n1},
		`there is no client group "clients"`: fault.Stall{},
		`unknown error "ENOENT"`:             fault.DiskError{Target: n1, Errno: "ENOENT"},
		`unknown operation "sync"`:           fault.DiskError{Target: n1, Errno: "EIO", Operation: "sync"},
		"delay wants latency":                fault.SlowDisk{Target: n1},
		"that is a target for faults":        fault.PowerLoss{Target: fault.Halves},
	} {
		require.ErrorContains(t, fault.Check(fault.For{Duration: 1, Fault: f}, bare{count: 3}, nodeWorld()), says)
	}
	for _, f := range nodeFaults() {
		w := nodeWorld()
		w.Runtime, w.NoTransactions = "process", context.Canceled
		err := fault.Applies(f, w)
		switch f.(type) {
		case fault.CPUQuota, fault.CPUNoise, fault.MemoryLimit, fault.ProcessLimit, fault.OutOfMemory, fault.PowerLoss, fault.DiskError, fault.SlowDisk:
			require.ErrorContains(t, err, "run the scenario in pods")
		case fault.Stall:
			require.ErrorIs(t, err, context.Canceled)
		default:
			require.NoError(t, err)
		}
		w.Runtime, w.NoTransactions = "pod", nil
		require.NoError(t, fault.Applies(f, w))
	}
	require.NoError(t, fault.Check(fault.For{Duration: 1, Fault: fault.Stall{}}, bare{count: 3},
		fault.World{Nodes: nodes(3), Groups: []fault.Group{{Name: link.Clients}}}))
}
