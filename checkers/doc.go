// Package checkers judges what a run left behind.
//
// A [Checker] is a pure function from [Evidence] to a [Result]: pass, violation
// with the smallest proof it can give, or inconclusive with the reason. It needs
// no Docker and no system's client, so a saved run can be judged anywhere:
//
//	checks := checkers.All{checkers.Linearizable{}, checkers.LoadFloor{}}
//	results := checks.Judge(ctx, checkers.Evidence{History: h}, checkers.Budget{})
//	verdict := checkers.Worst(results)
//
// # Which checker decides what
//
//	Linearizable    every operation on a register took effect at one instant between its call and its return
//	Staleness       how old the values were that reads of registers were told; with a bound, none is older
//	NothingLost     every append to a list that was acknowledged is in the final read of the list
//	SetFull         what became of each element of each list: stable, lost, stale, vanished, duplicated, out of nowhere
//	LoadFloor       every kind of operation that was tried was answered often enough to prove something
//	RecoversWithin  every node serves again in time after the faults are undone
//	StaysUp         no node's program ended by itself
//	FaultsBit       the faults did what they say
//	Complete        the history is that of a whole run
//
// [Sound] is no checker of the system but of the record: judges of operations
// ask it first, and a malformed history is an error.
//
// # How linearizability is decided
//
// Each key is judged by itself. First by zones, in O(n log n) and with a proof
// in the comments of zones.go: exact for registers with compare-and-set and
// unknown outcomes, if
//
//   - no value is stored twice on the key, and the initial value never again;
//   - a compare-and-set that is refused says what it saw.
//
// Workloads should see to both. Where they do not hold, a violation that the
// zones find is one all the same (a read of what nobody stored; any violation
// among the operations without the refusals that say nothing); otherwise
// porcupine searches, within the [Budget], and the answer is inconclusive when
// that runs out. [Result.Method] says how many keys were decided in which way.
//
// An operation that failed never happened. One with an unknown outcome may take
// effect at any time after its call, or never. Two operations are concurrent
// also where one returned at the very instant at which the other was called.
//
// # How lists are judged
//
// Elements are only ever added, and are told apart by their values. So one that was
// certainly there at an instant (its append had been acknowledged, or a read that
// held it had returned) must be in every read that is called later. [NothingLost]
// asks that of the final reads ([MarkFinal]), and says how much was lost, in what
// time it had been acknowledged, and who still has it; [SetFull] asks it of all
// reads, and says of each element what became of it. Both are scans, linear in the
// elements of all reads. What a node's own copy holds (history.ReadLocal) is shown
// and proves nothing: nobody promised it.
//
// [Linearizable] judges registers only: where there are lists it is inconclusive.
//
// # Proofs
//
// A [Proof] holds a few operations that can't all be true, and says why in words.
// Taken by themselves they are not linearizable, and that implies that the whole
// history is not: prover.go says what may be left out of a history without
// making it wrong. Both are tested against BruteForce in package model.
//
// [Picture] draws a register with its proof.
//
// # A checker of one's own
//
// Implement [Checker]; look at LoadFloor for a small one. Models of one's own for
// porcupine are written like CASRegister in package model.
package checkers
