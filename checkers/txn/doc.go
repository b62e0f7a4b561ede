// Package txn judges transactions: which consistency models a history of them
// refutes, with the smallest cycle that does, in words and as a drawing.
//
//	result := txn.ListAppend{Level: "snapshot-isolation"}.Check(ctx, evidence, budget)
//
// [ListAppend] judges transactions that append to lists and read them whole,
// [Register] such that write and read registers. Both do what Elle does (Kingsbury
// and Alvaro, Elle: Inferring Isolation Anomalies from Experimental Observations,
// VLDB 2020), and use its names.
//
// # Words
//
// What one transaction did says of another that it came before:
//
//	ww        it wrote the version that the other overwrote
//	wr        it wrote the version that the other read
//	rw        it read the version that the other overwrote
//	process   the other is the next one of its process
//	realtime  it had returned before the other was called
//
// A cycle of those is an anomaly, named by what it consists of:
//
//	G0                  ww only
//	G1c                 ww and wr
//	G-single-item       one rw: a read that is older than another one, or than a write
//	G-nonadjacent-item  several rw, no two in a row: a long fork
//	G2-item             two rw in a row: write skew
//
// and "-process" or "-realtime" behind the name says that it needs edges of that
// kind. [Anomaly] values also name what is wrong without a cycle: see the constants.
// The item in the names is Elle's: no predicates are read, only keys.
//
// # What the answer means
//
// Anomalies refute models; see [Boundary]. That a model is not refuted proves nothing
// in general. For [ListAppend] it does where reads show the order of all versions:
// a history without any anomaly is then strictly serializable, and one without those
// that a level forbids is serializable, or strongly so by sessions. (The last appends
// to a key that no read holds may have any order, and harm none.) Snapshot isolation
// can go unrefuted where two appends to a key are in no read: they must not have been
// concurrent, and nothing says which one was first.
//
// For [Register] the levels monotonic-atomic-view, read-atomic and, with sessions,
// read-atomic and causal are decided exactly from who read from whom. Others are
// refuted as far as the order of versions is known: the first version is the oldest,
// and what a transaction read is older than what it wrote over it; so read before
// you write. At strong-snapshot-isolation and strict-serializable a key's versions are
// also in the order of real time, and that is used for those two. SequentialKeys and
// LinearizableKeys take such orders for every level, if they hold.
//
// # Unknown outcomes
//
// A transaction of unknown outcome may have happened. What it read nobody knows. If
// anything that it wrote was read it was committed, all of it, and other writes of it
// count; otherwise nothing follows from it. One that failed never happened: whoever
// read from it shows G1a.
//
// # Where this differs from Elle
//
//   - A read of a value that nobody wrote is garbage, and refutes read-committed. Elle
//     takes it for an initial state in registers, and stops at it in lists. See
//     InitialUnknown.
//   - Registers: where a transaction read one version and wrote another, the first is
//     taken to be older always. Elle asks for :wfr-keys?; but from read-committed on
//     it can't be otherwise.
//   - Registers: what transactions of unknown outcome wrote is read from, too; and the
//     two levels that hold in real time are judged with its order of versions, so that
//     a stale read among blind writes refutes them.
//   - Process and realtime edges are there at once, and process edges also where one
//     transaction is called at the very instant at which the one before returned.
//   - The weak levels decided from reads alone are no part of Elle: they are those of
//     Biswas and Enea (2019), found as AWDIT does (PLDI 2025).
//
// # Speed
//
// Everything is linear but the search for the smallest cycles, which is bounded by
// steps and by the budget, and sees only transactions that are on some cycle. A
// million transactions take half a second (lists) or 1.3 (registers, with all levels),
// and some 120 or 450 bytes each; 300 or 520 where something is found. The causal
// level takes transactions times processes; beyond 20 million, or 400 million where a
// causal level is asked for, it is left undecided, and the figure causal_undecided
// says so.
package txn
