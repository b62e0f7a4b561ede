package scenarios

import "github.com/seatrial/seatrial/harness"

// All lists every scenario, in the order in which they are shown.
func All() []harness.Scenario {
	return []harness.Scenario{
		CanaryMixed, CanaryMinorityCut, CanaryLeaderCut, CanaryEverything,
		CanaryAppends, CanaryAppendsLeaderCut, CanaryAppendsKillAll,
		EtcdMixed, EtcdMinorityCut, EtcdSerializable, EtcdEverything, EtcdDisks, EtcdSlowDisk, EtcdRegions,
		EtcdAppends, EtcdAppendsFive,
		EtcdFailover, EtcdAppendsFailover, EtcdRecovery, RedisRecovery,
		RedisLoss, RedisMinReplicas, RedisHole, RedisSmallLag,
		PostgresUnique, PostgresAppend, PostgresRegister, PostgresSnapshot, PostgresBank, PostgresBankSerializable,
		PostgresLostUpdate, PostgresLostAppend, PostgresGSingle, PostgresSkew, PostgresNoSkew,
		PostgresSSI, PostgresSSIControl, PostgresSSIRandom, PostgresSSIRandomControl,
		NatsKillAll, NatsMixed,
		NatsPowerLoss, NatsKillAlone, NatsPowerLossAlways, RedisPowerLoss, RedisKillAlone, RedisPowerLossAlways,
		PostgresPowerLoss, PostgresKillAlone, PostgresPowerLossFsync, EtcdPowerLoss, EtcdKillAll,
	}
}
