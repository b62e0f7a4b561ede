package scenarios

import "github.com/seatrial/seatrial/harness"

// TrackRecord lists the findings that must be reproduced, in the order in which
// they are shown.
func TrackRecord() []harness.Finding {
	lost := []string{"lost-acknowledgements"}
	return []harness.Finding{
		{
			Name:     "redis-sentinel-loss",
			About:    "a master that is cut off with its clients acknowledges writes that the failover loses",
			Scenario: RedisLoss, Broken: lost, Controls: []harness.Scenario{RedisMinReplicas},
		},
		{
			Name:     "redis-minreplicas-hole",
			About:    "min-replicas-to-write does not help when packets are swallowed and the allowed lag is the default of 10 s",
			Scenario: RedisHole, Broken: lost, Controls: []harness.Scenario{RedisSmallLag},
		},
		{
			Name:     "etcd-serializable-stale",
			About:    "serializable reads are stale on a member that is cut off",
			Scenario: EtcdSerializable, Broken: []string{"linearizable", "staleness"}, Controls: []harness.Scenario{EtcdMinorityCut},
		},
		{
			Name:     "etcd-kv",
			About:    "etcd's key-value store at its defaults is linearizable and loses nothing under cuts, kills, pauses and holds",
			Scenario: EtcdMixed, Controls: []harness.Scenario{EtcdAppends},
		},
		{
			Name:     "pg-ssi",
			About:    "PostgreSQL 15 at SERIALIZABLE commits write skew when a transaction stays open while more than 1220 others commit",
			Scenario: PostgresSSI, Broken: []string{"list-append"}, Shows: []string{"g2_item"}, Controls: []harness.Scenario{PostgresSSIControl},
		},
		{
			Name:     "pg-ssi-random",
			About:    "the same by list-append at random, on a server where it takes 160 others: it may have few backends",
			Scenario: PostgresSSIRandom, Broken: []string{"list-append"}, Shows: []string{"g2_item"}, Controls: []harness.Scenario{PostgresSSIRandomControl},
		},
		{
			Name:     "pg-lost-update",
			About:    "READ COMMITTED loses updates of registers",
			Scenario: PostgresLostUpdate, Broken: []string{"rw-register"}, Shows: []string{"lost_update"}, Controls: []harness.Scenario{PostgresRegister},
		},
		{
			Name:     "pg-lost-append",
			About:    "READ COMMITTED loses appends to lists that the client reads and writes back",
			Scenario: PostgresLostAppend, Broken: []string{"list-append"}, Shows: []string{"lost_update"}, Controls: []harness.Scenario{PostgresSnapshot},
		},
		{
			Name:     "pg-g-single",
			About:    "at READ COMMITTED a transaction sees half of another",
			Scenario: PostgresGSingle, Broken: []string{"list-append"}, Shows: []string{"g_single_item"}, Controls: []harness.Scenario{PostgresAppend},
		},
		{
			Name:     "pg-write-skew",
			About:    "REPEATABLE READ commits write skew",
			Scenario: PostgresSkew, Broken: []string{"list-append"}, Shows: []string{"g2_item"}, Controls: []harness.Scenario{PostgresNoSkew},
		},
		{
			Name:     "nats-power-loss",
			About:    "a JetStream server alone, at its defaults, loses messages that it acknowledged when its power goes: it syncs every two minutes",
			Scenario: NatsPowerLoss, Broken: lost, Controls: []harness.Scenario{NatsKillAlone, NatsPowerLossAlways},
		},
		{
			Name:     "nats-power-loss-all",
			About:    "three JetStream servers, at their defaults, lose messages that they acknowledged when all lose their power",
			Scenario: NatsPowerLossAll, Broken: lost, Controls: []harness.Scenario{NatsKillAll, NatsPowerLossAllAlways},
		},
		{
			Name:     "redis-everysec",
			About:    "Redis alone with a log that it syncs every second, its default, loses writes that it acknowledged when its power goes",
			Scenario: RedisPowerLoss, Broken: lost, Controls: []harness.Scenario{RedisKillAlone, RedisPowerLossAlways},
		},
		{
			Name:     "redis-fsync-no",
			About:    "Redis alone with a log that only the kernel syncs loses what it acknowledged when its power goes",
			Scenario: RedisPowerLossNo, Broken: lost, Controls: []harness.Scenario{RedisKillNo},
		},
		{
			Name:     "pg-fsync-off",
			About:    "PostgreSQL with fsync=off loses commits when its power goes",
			Scenario: PostgresPowerLoss, Broken: lost, Controls: []harness.Scenario{PostgresKillAlone, PostgresPowerLossFsync},
		},
		{
			Name:     "pg-async-commit",
			About:    "PostgreSQL with synchronous_commit=off loses the last commits when it is killed, without a loss of power",
			Scenario: PostgresKillAsync, Broken: lost, Controls: []harness.Scenario{PostgresKill},
		},
		{
			Name:     "etcd-power-loss",
			About:    "etcd at its defaults keeps what it acknowledged when all members lose their power at once, with torn writes",
			Scenario: EtcdPowerLoss, Controls: []harness.Scenario{EtcdKillAll},
		},
	}
}
