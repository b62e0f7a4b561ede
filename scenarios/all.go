package scenarios

import "github.com/seatrial/seatrial/harness"

// long is the tag of what takes too long for each go test.
const long = "long"

// All lists every scenario, in the order in which they are shown.
func All() []harness.Scenario {
	return []harness.Scenario{
		CanaryMixed, CanaryMinorityCut, CanaryLeaderCut, CanaryEverything,
		CanaryAppends, CanaryAppendsLeaderCut, CanaryAppendsKillAll, CanaryPowerLossAll,
		EtcdMixed, EtcdMinorityCut, EtcdSerializable, EtcdEverything, EtcdDisks, EtcdSlowDisk, EtcdRegions,
		EtcdAppends, EtcdAppendsFive,
		EtcdFailover, EtcdAppendsFailover, EtcdRecovery, RedisRecovery,
		RedisLoss, RedisMinReplicas, RedisHole, RedisSmallLag,
		PostgresUnique, PostgresAppend, PostgresRegister, PostgresSnapshot, PostgresBank, PostgresBankSerializable,
		PostgresLostUpdate, PostgresLostAppend, PostgresGSingle, PostgresSkew, PostgresNoSkew,
		PostgresSSI, PostgresSSIControl, PostgresSSIRandom, PostgresSSIRandomControl,
		NatsKillAll, NatsMixed,
		NatsPowerLoss, NatsKillAlone, NatsPowerLossAlways, NatsPowerLossAll, NatsPowerLossAllAlways, NatsPowerLossOneAlways,
		RedisPowerLoss, RedisKillAlone, RedisPowerLossAlways, RedisPowerLossNo, RedisKillNo,
		PostgresPowerLoss, PostgresKillAlone, PostgresPowerLossFsync, PostgresKillAsync, PostgresKill,
		EtcdPowerLoss, EtcdPowerLossOne, EtcdKillAll,
	}
}
