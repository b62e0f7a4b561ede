package scenarios

import (
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/docker/etcd"
	"github.com/seatrial/seatrial/docker/redis"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/workloads"
)

// leaderLost takes the leader away in every way there is, and cuts the nodes so
// that each side may believe in another.
var leaderLost = []fault.Fault{
	fault.Kill{Target: fault.Leader},
	fault.BlackHole{Target: fault.Leader},
	fault.Reset{Target: fault.Leader},
	fault.Only{Fault: fault.BlackHole{Target: fault.Leader}, Direction: fault.Outbound},
	fault.Only{Fault: fault.BlackHole{Target: fault.Leader}, Direction: fault.Inbound},
	fault.Pause{Target: fault.Leader},
	fault.BlackHole{Target: fault.Ring},
	fault.BlackHole{Target: fault.Bridge},
}

// inTurn injects one fault after the other, each for a time and with a pause
// before it.
func inTurn(pause, length time.Duration, faults []fault.Fault) fault.Schedule {
	var all fault.Together
	for i, f := range faults {
		at := time.Duration(i)*(pause+length) + pause
		all = append(all, fault.After{Delay: at, Do: fault.For{Duration: length, Fault: f}})
	}
	return all
}

// EtcdFailover takes etcd's leader away in eight ways.
var EtcdFailover = harness.Scenario{
	Name:     "etcd/register/failover",
	About:    "etcd stays linearizable and serves again while its leader is killed, cut off and paused, one way and both, in a ring and over a bridge",
	Tags:     []string{"failover"},
	System:   etcd.Cluster{Nodes: 3},
	Workload: workloads.Registers{Keys: 12},
	Rate:     800,
	Duration: 44 * time.Second,
	Faults:   inTurn(2500*time.Millisecond, 2500*time.Millisecond, leaderLost),
	Check:    checkers.All{checkers.Linearizable{}, checkers.RecoveryTime{}},
}

// EtcdAppendsFailover is the same with lists.
var EtcdAppendsFailover = harness.Scenario{
	Name:     "etcd/append/failover",
	About:    "etcd loses no acknowledged append while its leader is killed, cut off and paused, one way and both, in a ring and over a bridge",
	Tags:     []string{"failover"},
	System:   etcd.Cluster{Nodes: 3},
	Workload: workloads.Appends{},
	Rate:     400,
	Duration: 44 * time.Second,
	Faults:   inTurn(2500*time.Millisecond, 2500*time.Millisecond, leaderLost),
	Check:    lossless,
}

// EtcdRecovery kills etcd's leader twenty times, and says how long nobody was served.
var EtcdRecovery = harness.Scenario{
	Name:     "etcd/register/recovery-time",
	About:    "how long etcd serves nobody when its leader is killed: twenty times in one run, with confidence intervals",
	Tags:     []string{"recovery-time"},
	System:   etcd.Cluster{Nodes: 3},
	Workload: workloads.Registers{Keys: 12},
	Rate:     400,
	Duration: 105 * time.Second,
	Faults: fault.Every{Period: 5 * time.Second, Do: fault.For{
		Duration: 2 * time.Second, Fault: fault.Kill{Target: fault.Leader}}},
	// An election takes 1 to 2 s, and twice that where the first vote is split.
	Check: checkers.All{checkers.Linearizable{}, checkers.RecoveryTime{Limit: 10 * time.Second}},
}

// RedisRecovery kills Redis's master twenty times. What was on the wire is lost
// each time, so what is asked is how long nobody was served.
var RedisRecovery = harness.Scenario{
	Name:     "redis/append/recovery-time",
	About:    "how long Redis with Sentinel serves nobody when its master is killed: twenty times in one run, with confidence intervals",
	Tags:     []string{"recovery-time"},
	System:   redis.Cluster{},
	Workload: workloads.Appends{},
	Rate:     200,
	Duration: 255 * time.Second,
	Faults: fault.Every{Period: 12 * time.Second, Do: fault.For{
		Duration: 5 * time.Second, Fault: fault.Kill{Target: fault.Leader}}},
	// A failover takes down-after (1 s) and an election; a split vote is tried again
	// after twice failover-timeout (4 s).
	Check: checkers.All{checkers.RecoveryTime{Limit: 20 * time.Second}},
}
