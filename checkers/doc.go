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
// Of objects that clients share:
//
//	Linearizable     every operation took effect at one instant between its call and its return; of any model
//	Sessions         no session sees its own or others' writes go backwards: the four session guarantees, where the order of versions is known
//	Staleness        how old the values were that reads of registers were told; with a bound, none is older
//	MutualExclusion  no two processes certainly held a lock at once, its tokens grow, and no stale holder had an effect
//	UniqueIDs        no identifier was given out twice
//	CounterBounds    each read of a counter is between what was certainly and what was possibly added
//	Bank             every read of all accounts adds up to the same total, without debts
//	LongFork         no two reads of the same keys each lack a write that the other saw
//	CausalReverse    no read holds a write and lacks one that was over before it began
//
// Transactions have a package of their own, checkers/txn.
//
// Of what was put in and must come out:
//
//	NothingLost      every append to a list that was acknowledged is in the final read of the list
//	SetFull          what became of each element of each list: stable, lost, stale, vanished, duplicated, out of nowhere; with Jepsen, as Jepsen's set-full
//	Set              the last read of a set holds what was acknowledged, and nothing that nobody added (Jepsen's set)
//	TotalQueue       what was enqueued came out, and nothing else did; on request once, and in each producer's order
//	ExactlyOnce      every acknowledged effect is there exactly once, however often it was delivered
//	PerKeyOrder      what one process sent to one key is seen in its order
//	StreamOrder      every watcher of a stream was told one order, without gap or step back
//	Convergence      all replicas hold the same within a time after the faults are undone
//
// Of the system's service:
//
//	RecoversWithin   every node serves again in time after the faults are undone
//	RecoveryTime     how long operations were not served because of each fault, and after its heal; with limits, not longer
//	RecoveryPoint    how many acknowledged appends each fault lost, and of how long a time; with limits, not more
//	Availability     what share of each kind of operation was acknowledged, overall and by the second; with floors, enough
//	StaysUp          no node's program ended by itself
//	LogPattern       no node logged a panic, a failed assertion or corruption
//
// Of the run itself, without which the others prove little:
//
//	LoadFloor        every kind of operation that was tried was answered often enough to prove something
//	FaultsBit        the faults did what they say
//	Complete         the history is that of a whole run
//
// [ForModel] finds the checker of a history by the name of its model.
//
// [Sound] is no checker of the system but of the record: judges of operations
// ask it first, and a malformed history is an error.
//
// # How linearizability is decided
//
// Each key is judged by itself, unless the model is of all keys together, and in
// the fastest way that decides it:
//
//   - Registers by zones (Gibbons and Korach 1997), in O(n log n), where no value is
//     stored twice, nor the initial one again, and a compare-and-set that is refused
//     says what it saw. Workloads should see to both. The proof is in zones.go.
//   - FIFO queues and bags in which no value is enqueued twice by bad patterns
//     (Henzinger, Sezgin and Vafeiadis 2013), sets that only grow by the order of the
//     contents read, both in O(n log n). The proofs are in fifo.go and linearset.go.
//   - Everything else, with models of one's own, by frontier search (package
//     frontier), within the [Budget]. When that runs out the answer is inconclusive.
//
// All are exact with unknown outcomes. [Result.Method] says which way decided.
//
// An operation that failed never happened. One with an unknown outcome may take
// effect at any time after its call, or never. Two operations are concurrent
// also where one returned at the very instant at which the other was called.
//
// Where nobody knows what a register held at first (history.Header.InitialUnknown),
// it is legal if any initial value makes it so. There is one exception: what is seen
// after somebody had tried to store it and was told that this failed, and that
// nobody else stored, counts as the trace of the failed attempt.
//
// A history in which nothing was answered is inconclusive, though it is linearizable:
// it proves nothing. Knossos and porcupine call it valid.
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
// [Convergence] and [RecoveryPoint] judge lists too. [Linearizable] judges a list where
// it is told so: by model.Set, or by model.AppendList for the order of its elements.
//
// # Proofs
//
// A [Proof] holds a few operations that can't all be true, and says why in words.
// Taken by themselves they are not linearizable, and that implies that the whole
// history is not: prover.go says what may be left out of a history without
// making it wrong, and model.Spec.Explain does so for general models. Both are tested against BruteForce in package model.
//
// [Picture] draws a register with its proof.
//
// # A checker of one's own
//
// Implement [Checker]; look at LoadFloor for a small one. A model of one's own is a
// model.Spec of about 30 lines: [Linearizable] judges it, and so does porcupine.
package checkers
