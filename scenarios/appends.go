package scenarios

import (
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/docker/etcd"
	"github.com/seatrial/seatrial/docker/redis"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/named"
	"github.com/seatrial/seatrial/workloads"
)

func init() { named.Register(redis.Cluster{}) }

// everyCut is a cut of each kind and shape, and what is done to byte streams.
var everyCut = []fault.Fault{
	fault.BlackHole{Target: fault.Halves},
	fault.BlackHole{Target: fault.Ring},
	fault.BlackHole{Target: fault.Bridge},
	fault.BlackHole{Target: fault.Clients(string(link.Clients))},
	fault.Reset{Target: fault.Bridge},
	fault.Reset{Target: fault.Clients(string(link.Clients))},
	fault.Hold{Target: fault.Halves},
	fault.Only{Fault: fault.BlackHole{Target: fault.Leader}, Direction: fault.Outbound},
	fault.Only{Fault: fault.BlackHole{Target: fault.Leader}, Direction: fault.Inbound},
	fault.Only{Fault: fault.Reset{Target: fault.Random}, Direction: fault.Outbound},
	fault.Only{Fault: fault.Hold{Target: fault.Random}, Direction: fault.Inbound},
	fault.Bandwidth{Target: fault.Leader, BytesPerSecond: 20_000},
	fault.SlowClose{Target: fault.Random, Delay: 500 * time.Millisecond},
	fault.Slice{Target: fault.Random, Bytes: 64, Pause: time.Millisecond},
}

// lossless is what a store with a quorum must keep of its lists.
var lossless = checkers.All{checkers.NothingLost{}, checkers.SetFull{Linearizable: true}}

// EtcdAppends cuts, throttles and kills etcd's members in every way there is.
var EtcdAppends = harness.Scenario{
	Name:     "etcd/append/mixed",
	About:    "etcd keeps every acknowledged append, once, under every kind of cut and kill",
	Tags:     []string{"durability"},
	System:   etcd.Cluster{Nodes: 3},
	Workload: workloads.Appends{},
	Rate:     800,
	Duration: 20 * time.Second,
	Faults: fault.Mix{Faults: append(append([]fault.Fault{}, everyFault...), everyCut...),
		QuietMin: 800 * time.Millisecond, QuietMax: 1600 * time.Millisecond},
	Check: lossless,
}

// EtcdAppendsFive isolates five members one by one, after cuts that only five
// members make different from each other.
var EtcdAppendsFive = harness.Scenario{
	Name:     "etcd/append/five-nodes",
	About:    "five etcd members keep every acknowledged append in a ring, over a bridge, and isolated one by one",
	Tags:     []string{"durability"},
	System:   etcd.Cluster{Nodes: 5},
	Workload: workloads.Appends{},
	Rate:     400,
	Duration: 24 * time.Second,
	Faults: fault.Together{
		fault.After{Delay: 2 * time.Second, Do: fault.For{Duration: 3 * time.Second, Fault: fault.BlackHole{Target: fault.Ring}}},
		fault.After{Delay: 7 * time.Second, Do: fault.For{Duration: 3 * time.Second, Fault: fault.Reset{Target: fault.Bridge}}},
		fault.After{Delay: 12 * time.Second, Do: fault.Swizzle{Step: 800 * time.Millisecond}},
	},
	Check: lossless,
}

// masterAndClients are clients beside the first master, which are cut off with
// it, and clients that stay with the majority and follow the failover.
var masterAndClients = []harness.ClientGroup{
	{Name: "near", Clients: 5, Beside: fault.Node("n1")},
	{Name: "far", Clients: 3, Beside: fault.Majority},
}

// redisFailover cuts Redis's master, with the clients beside it, off from the
// sentinels and the replicas, for long enough that another server is promoted.
func redisFailover(name, about string, system redis.Cluster, cut fault.Fault, within time.Duration) harness.Scenario {
	return harness.Scenario{
		Name: "redis/append/" + name, About: about, Tags: []string{"failover"},
		System: system, Workload: workloads.Appends{}, Groups: masterAndClients,
		Rate: 250, Duration: 17 * time.Second,
		Faults: fault.After{Delay: 3 * time.Second, Do: fault.For{Duration: 12 * time.Second, Fault: cut}},
		Check:  checkers.All{checkers.NothingLost{Within: within}},
	}
}

// The recovery points that are asked of Redis: what was acknowledged in at most
// this time may be lost. Replication is asynchronous, so what is on the wire when a
// link breaks is lost even where the master knows at once.
const (
	onTheWire = 500 * time.Millisecond
	declared  = 3 * time.Second
)

// Redis with Sentinel, in four configurations under one cut of the master.
var (
	RedisLoss = redisFailover("loss",
		"shows that a cut-off master goes on acknowledging, and that the failover loses all of it",
		redis.Cluster{}, fault.BlackHole{Target: fault.Leader}, onTheWire)
	RedisMinReplicas = redisFailover("min-replicas",
		"with min-replicas-to-write 1 a master whose replicas are reset accepts nothing more, so a failover loses only what was on the wire",
		redis.Cluster{MinReplicasToWrite: 1}, fault.Reset{Target: fault.Leader}, onTheWire)
	RedisHole = redisFailover("min-replicas-hole",
		"shows that min-replicas-to-write 1 loses more than 3 s of writes when packets are swallowed: the lag it allows is 10 s",
		redis.Cluster{MinReplicasToWrite: 1}, fault.BlackHole{Target: fault.Leader}, declared)
	RedisSmallLag = redisFailover("min-replicas-small-lag",
		"with min-replicas-max-lag 1 a failover loses at most 3 s of writes when packets are swallowed",
		redis.Cluster{MinReplicasToWrite: 1, MinReplicasMaxLag: time.Second}, fault.BlackHole{Target: fault.Leader}, declared)
)
