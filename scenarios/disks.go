package scenarios

import (
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/docker/etcd"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/disk"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/script"
	"github.com/seatrial/seatrial/workloads"
)

// EtcdDisks lets disks fail beside the network, so that a member that lost its power
// or its disk meets others that are cut off.
var EtcdDisks = harness.Scenario{
	Name:     "etcd/register/disks",
	About:    "etcd is linearizable while disks lose their power, fail and slow down and members are cut off, two at a time",
	Tags:     []string{"power"},
	System:   etcd.Cluster{Nodes: 3},
	Workload: workloads.Registers{Keys: 12},
	Rate:     800,
	Duration: 22 * time.Second,
	Faults: fault.Mix{AtOnce: 2, Overlap: true, QuietMin: 800 * time.Millisecond, QuietMax: 1600 * time.Millisecond,
		Faults: append(fault.Package(fault.KindDisk),
			fault.SlowDisk{Target: fault.Random, Operation: disk.OpFsync, Delay: time.Second},
			fault.BlackHole{Target: fault.Leader},
			fault.BlackHole{Target: fault.Minority},
			fault.Only{Fault: fault.BlackHole{Target: fault.Random}, Direction: fault.Outbound},
			fault.Reset{Target: fault.Minority},
			fault.Hold{Target: fault.Random},
			fault.Latency{Target: fault.Random, Latency: 60 * time.Millisecond, Jitter: 40 * time.Millisecond})},
	Check: linearizable,
}

// slowSync makes the syncs of the leader's disk take long, until a barrier.
func slowSync(delay time.Duration, until script.Barrier) script.Steps {
	name := "syncs of " + delay.String()
	return script.Steps{
		script.Inject{Name: name, Fault: fault.SlowDisk{Target: fault.Leader, Operation: disk.OpFsync, Delay: delay}},
		script.Until{Barrier: until, Within: 20 * time.Second},
		script.Heal{Name: name},
		script.Until{Barrier: script.Serves{}, Within: 20 * time.Second},
	}
}

// EtcdSlowDisk slows the disk of etcd's leader down, which goes on leading where it
// can and is replaced where it can't, and then has it fail.
var EtcdSlowDisk = harness.Scenario{
	Name:     "etcd/register/slow-disk",
	About:    "etcd is linearizable while syncs of its leader's disk take from 10 ms to 5 s, which moves the leadership, and while one fails, which ends the leader",
	Tags:     []string{"slow-disk"},
	System:   etcd.Cluster{Nodes: 3},
	Workload: workloads.Registers{Keys: 12},
	Clients:  10,
	Rate:     400,
	Duration: 60 * time.Second, // the script is over long before
	// A leader that syncs within a second goes on leading: an answer takes that long.
	OperationTimeout: 4 * time.Second,
	Script: script.Script{Steps: append(append(append(append(
		slowSync(5*time.Second, script.LeaderIsNot{}),
		slowSync(10*time.Millisecond, script.Acknowledged{More: 300})...),
		slowSync(100*time.Millisecond, script.Acknowledged{More: 150})...),
		slowSync(time.Second, script.Acknowledged{More: 10})...),
		script.Inject{Name: "EIO", Fault: fault.DiskError{Target: fault.Leader, Errno: "EIO", Operation: disk.OpFsync}},
		script.Until{Barrier: script.Acknowledged{More: 200}, Within: 20 * time.Second},
		script.Heal{Name: "EIO"},
		script.Until{Barrier: script.Acknowledged{More: 200}, Within: 20 * time.Second},
	)},
	Check: checkers.All{checkers.Linearizable{}},
}
