package scenarios

import (
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/docker/etcd"
	"github.com/seatrial/seatrial/docker/nats"
	"github.com/seatrial/seatrial/docker/postgres"
	"github.com/seatrial/seatrial/docker/redis"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/workloads"
)

// The faults of these scenarios: a program that is killed has what it wrote in the
// page cache; one whose power goes has what it synced.
var (
	killAlone  = fault.Kill{Target: fault.Node("n1")}
	powerLoss  = fault.PowerLoss{Target: fault.Node("n1")}
	powerTorn  = fault.PowerLoss{Target: fault.Node("n1"), Torn: true}
	killAll    = fault.Kill{Target: fault.EveryNode}
	powerOfAll = fault.PowerLoss{Target: fault.EveryNode, Torn: true}
)

// alone is a system of one server that goes down in the midst of the load, which
// goes on when it is back.
func alone(name, about string, system cluster.System, f fault.Fault) harness.Scenario {
	return harness.Scenario{
		Name: system.SystemName() + "/append/" + name, About: about, Tags: []string{"durability", "power"},
		System: system, Workload: workloads.Appends{RetireAfter: 100},
		Rate: 200, Duration: 8 * time.Second,
		Faults: fault.After{Delay: 5 * time.Second, Do: fault.For{Duration: time.Second, Fault: f}},
		Check:  checkers.All{checkers.NothingLost{}},
	}
}

// NATS acknowledges a message when it is written, and syncs every two minutes.
var (
	NatsPowerLoss = alone("power-loss", "NATS JetStream alone, at its defaults, keeps acknowledged messages when its power goes",
		nats.Cluster{Nodes: 1}, powerLoss)
	NatsKillAlone = alone("kill-alone", "NATS JetStream alone, at its defaults, keeps acknowledged messages when it is killed",
		nats.Cluster{Nodes: 1}, killAlone)
	NatsPowerLossAlways = alone("power-loss-sync-always", "NATS JetStream that syncs each message keeps what it acknowledged when its power goes",
		nats.Cluster{Nodes: 1, SyncInterval: nats.Always}, powerLoss)
)

// oftener takes a server down three times, each at another part of a second.
func oftener(s harness.Scenario, f fault.Fault) harness.Scenario {
	s.Duration = 12 * time.Second
	var times fault.Together
	for _, at := range []time.Duration{3000, 6300, 9700} {
		times = append(times, fault.After{Delay: at * time.Millisecond, Do: fault.For{Duration: time.Second, Fault: f}})
	}
	s.Faults = times
	return s
}

// Redis acknowledges a write when it is in the log, and by default syncs that every
// second: power that goes just after that takes little, or nothing.
var (
	RedisPowerLoss = oftener(alone("power-loss", "Redis with its log synced every second keeps acknowledged writes when its power goes",
		redis.Cluster{Servers: 1, AppendOnly: true, Fsync: "everysec"}, powerLoss), powerLoss)
	RedisKillAlone = oftener(alone("kill-alone", "Redis with its log synced every second keeps acknowledged writes when it is killed",
		redis.Cluster{Servers: 1, AppendOnly: true, Fsync: "everysec"}, killAlone), killAlone)
	RedisPowerLossAlways = oftener(alone("power-loss-fsync-always", "Redis that syncs its log for each write keeps what it acknowledged when its power goes",
		redis.Cluster{Servers: 1, AppendOnly: true, Fsync: "always"}, powerLoss), powerLoss)
)

var fsyncOff = postgres.Cluster{Settings: map[string]string{"fsync": "off"}}

// PostgreSQL syncs its log before it acknowledges a commit, unless it is told not to.
var (
	PostgresPowerLoss      = alone("power-loss-fsync-off", "PostgreSQL with fsync=off keeps commits when its power goes", fsyncOff, powerLoss)
	PostgresKillAlone      = alone("kill-fsync-off", "PostgreSQL with fsync=off keeps commits when it is killed", fsyncOff, killAlone)
	PostgresPowerLossFsync = alone("power-loss", "PostgreSQL at its defaults keeps commits when its power goes, with torn writes", postgres.Cluster{}, powerTorn)
)

// etcdAllDown takes all members down at once, again and again.
func etcdAllDown(name, about string, f fault.Fault) harness.Scenario {
	return harness.Scenario{
		Name: "etcd/append/" + name, About: about, Tags: []string{"durability", "power"},
		System: etcd.Cluster{Nodes: 3}, Workload: workloads.Appends{},
		Rate: 400, Duration: 20 * time.Second,
		Faults: fault.Every{Period: 6 * time.Second, Do: fault.For{Duration: time.Second, Fault: f}},
		Check:  lossless,
	}
}

// etcd syncs its log before it acknowledges anything.
var (
	EtcdPowerLoss = etcdAllDown("power-loss-all", "etcd keeps every acknowledged append when all members lose their power at once, with torn writes", powerOfAll)
	EtcdKillAll   = etcdAllDown("kill-all", "etcd keeps every acknowledged append when all members are killed at once", killAll)
)
