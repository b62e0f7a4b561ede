// Package harness runs scenarios: it starts a real system, drives a workload
// while faults are injected, records what clients asked and were told, judges
// the record and writes a report.
//
// A [Scenario] is data:
//
//	var MinorityCut = harness.Scenario{
//		Name:     "etcd/register/minority-cut",
//		System:   etcd.Cluster{Nodes: 3, Version: "3.5.35"},
//		Workload: workloads.Registers{Keys: 12},
//		Clients:  10,
//		Duration: 20 * time.Second,
//		Faults: fault.Every{Period: 5 * time.Second, Do: fault.For{
//			Duration: 2 * time.Second, Fault: fault.BlackHole{Target: fault.Minority}}},
//		Check: checkers.All{checkers.Linearizable{}, checkers.RecoversWithin{Limit: 5 * time.Second}},
//	}
//
//	func TestMinorityCut(t *testing.T) { harness.Test(t, MinorityCut) }
//
// [Test] runs it in go test; [Run] anywhere else. Every run leaves a directory
// with its plan, history, undo journal, logs, verdict and report.
//
// # The life of a run
//
//	start        leftovers of dead runs are removed; the cluster comes up; every node serves
//	load         clients work, faults come and go
//	settle       everything is healed, and every node must serve again
//	final reads  every key is read once more
//	evidence     the history is closed, logs are saved
//	check        the judges read what is on disk
//	tear-down    after a failure the nodes' data is saved; then everything is removed
//
// # Environment
//
//	SEATRIAL_SEED            the seed of a test's run, to repeat it
//	SEATRIAL_REPEAT          run a test's scenario that many times and count
//	SEATRIAL_RESULTS         where run directories go
//	SEATRIAL_REQUIRE_DOCKER  1: a test that needs Docker fails without it
//	SEATRIAL_INCONCLUSIVE    skip: an inconclusive run skips its test instead of failing it
//	SEATRIAL_AGENT           a ready agent binary, for builds without network
//	SEATRIAL_CACHE           where built programs are kept
//	SEATRIAL_PLACES          how many clusters run at a time on this host
//	SEATRIAL_SCRATCH         where runs keep what is temporary
package harness
