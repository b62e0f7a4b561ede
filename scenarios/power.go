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
// page cache; one whose power goes has what it synced, and where the loss is torn,
// some sectors of the rest.
var (
	killed     = []fault.Fault{fault.Kill{Target: fault.Node("n1")}}
	powerLoss  = []fault.Fault{fault.PowerLoss{Target: fault.Node("n1")}}
	powerTorn  = append([]fault.Fault{fault.PowerLoss{Target: fault.Node("n1"), Torn: true}}, powerLoss...)
	killedAll  = []fault.Fault{fault.Kill{Target: fault.EveryNode}}
	powerOfAll = []fault.Fault{fault.PowerLoss{Target: fault.EveryNode}}
	tornOfAll  = append([]fault.Fault{fault.PowerLoss{Target: fault.EveryNode, Torn: true}}, powerOfAll...)
	powerOfOne = []fault.Fault{fault.PowerLoss{Target: fault.Leader}, fault.PowerLoss{Target: fault.Random}}
	tornOfOne  = []fault.Fault{fault.PowerLoss{Target: fault.Leader, Torn: true}, fault.PowerLoss{Target: fault.Random}}
)

// again takes nodes down for as long as the load goes on, at moments drawn from the
// seed, with quiet, and up to two seconds more, before each: long enough that
// something is acknowledged between one loss and the next.
func again(quiet time.Duration, faults ...fault.Fault) fault.Mix {
	return fault.Mix{Faults: faults, QuietMin: quiet, QuietMax: quiet + 2*time.Second,
		ForMin: 600 * time.Millisecond, ForMax: 1200 * time.Millisecond}
}

// brief is the quiet that is enough for a system that serves again at once.
const brief = 1500 * time.Millisecond

// down is a system whose nodes go down in the midst of the load and come back.
func down(name, about string, system cluster.System, faults []fault.Fault) harness.Scenario {
	return harness.Scenario{
		Name: system.SystemName() + "/append/" + name, About: about, Tags: []string{"durability", "power"},
		System: system, Workload: workloads.Appends{RetireAfter: 100},
		Rate: 200, Duration: 10 * time.Second,
		Faults: again(brief, faults...),
		Check:  checkers.All{checkers.NothingLost{}},
	}
}

// NATS acknowledges a message when it is written, and syncs every two minutes.
var (
	NatsPowerLoss = down("power-loss", "NATS JetStream alone, at its defaults, keeps acknowledged messages when its power goes",
		nats.Cluster{Nodes: 1}, powerLoss)
	NatsKillAlone = down("kill-alone", "NATS JetStream alone, at its defaults, keeps acknowledged messages when it is killed",
		nats.Cluster{Nodes: 1}, killed)
	NatsPowerLossAlways = down("power-loss-sync-always", "NATS JetStream that syncs each message keeps what it acknowledged when its power goes",
		nats.Cluster{Nodes: 1, SyncInterval: nats.Always}, powerLoss)
)

// natsDown takes some of three servers down. They take 4 to 9 s to elect a leader
// when they have lost one, and longer when all come back at once.
func natsDown(name, about, sync string, quiet time.Duration, faults []fault.Fault) harness.Scenario {
	s := down(name, about, nats.Cluster{Nodes: 3, SyncInterval: sync}, faults)
	s.Tags = append(s.Tags, long)
	s.Faults, s.Duration = again(quiet, faults...), 20*time.Second
	return s
}

// NATS on three servers.
var (
	NatsPowerLossAll = natsDown("power-loss-all", "NATS JetStream on three servers, at its defaults, keeps acknowledged messages when all lose their power",
		"", 10*time.Second, powerOfAll)
	NatsPowerLossAllAlways = natsDown("power-loss-all-sync-always", "NATS JetStream on three servers that sync each message keeps what it acknowledged when all lose their power",
		nats.Always, 10*time.Second, powerOfAll)
	NatsPowerLossOneAlways = natsDown("power-loss-one-sync-always", "NATS JetStream on three servers that sync each message keeps what it acknowledged when one after the other, often the leader, loses its power",
		nats.Always, 6*time.Second, powerOfOne)
)

// redisAlone is one server with its log, synced as said.
func redisAlone(fsync string) redis.Cluster {
	return redis.Cluster{Servers: 1, AppendOnly: true, Fsync: fsync}
}

// Redis acknowledges a write when it is in the log. With everysec it syncs that once
// a second: power that goes just after takes little, or nothing, so it goes more than
// once, at moments drawn to the millisecond.
var (
	RedisPowerLoss = down("power-loss", "Redis with its log synced every second keeps acknowledged writes when its power goes",
		redisAlone("everysec"), powerLoss)
	RedisKillAlone = down("kill-alone", "Redis with its log synced every second keeps acknowledged writes when it is killed",
		redisAlone("everysec"), killed)
	RedisPowerLossAlways = down("power-loss-fsync-always", "Redis that syncs its log for each write keeps what it acknowledged when its power goes",
		redisAlone("always"), powerLoss)
	RedisPowerLossNo = down("power-loss-fsync-no", "Redis that leaves the syncing of its log to the kernel keeps acknowledged writes when its power goes",
		redisAlone("no"), powerLoss)
	RedisKillNo = down("kill-fsync-no", "Redis that leaves the syncing of its log to the kernel keeps acknowledged writes when it is killed",
		redisAlone("no"), killed)
)

var (
	fsyncOff    = postgres.Cluster{Settings: map[string]string{"fsync": "off"}}
	asyncCommit = postgres.Cluster{Settings: map[string]string{"synchronous_commit": "off"}}
)

// PostgreSQL syncs its log before it acknowledges a commit, unless it is told not
// to. With fsync=off a commit is in the page cache, with synchronous_commit=off it
// is in the server's own memory for up to 0.6 s.
var (
	PostgresPowerLoss      = down("power-loss-fsync-off", "PostgreSQL with fsync=off keeps commits when its power goes", fsyncOff, powerLoss)
	PostgresKillAlone      = down("kill-fsync-off", "PostgreSQL with fsync=off keeps commits when it is killed", fsyncOff, killed)
	PostgresPowerLossFsync = down("power-loss", "PostgreSQL at its defaults keeps commits when its power goes, with torn writes", postgres.Cluster{}, powerTorn)
	PostgresKillAsync      = down("kill-async-commit", "PostgreSQL with synchronous_commit=off keeps commits when it is killed", asyncCommit, killed)
	PostgresKill           = down("kill", "PostgreSQL at its defaults keeps commits when it is killed", postgres.Cluster{}, killed)
)

// etcdDown takes members down again and again.
func etcdDown(name, about string, faults []fault.Fault) harness.Scenario {
	s := down(name, about, etcd.Cluster{Nodes: 3}, faults)
	s.Workload, s.Rate, s.Duration, s.Check = workloads.Appends{}, 400, 16*time.Second, lossless
	return s
}

// etcd syncs its log before it acknowledges anything.
var (
	EtcdPowerLoss    = etcdDown("power-loss-all", "etcd keeps every acknowledged append when all members lose their power at once, with torn writes", tornOfAll)
	EtcdPowerLossOne = etcdDown("power-loss-one", "etcd keeps every acknowledged append when one member after the other, often the leader, loses its power, with torn writes", tornOfOne)
	EtcdKillAll      = etcdDown("kill-all", "etcd keeps every acknowledged append when all members are killed at once", killedAll)
)
