// Package canary is the store that ships with the harness, as a system that the
// harness runs: three nodes or more of
// [github.com/seatrial/seatrial/docker/canary/store], as local processes or in
// pods, from one static binary.
//
//	canary.Cluster{Nodes: 3}                          // correct: must pass every scenario
//	canary.Cluster{Nodes: 3, Defect: "stale-read"}    // must be caught
//
// [store.Defects] is the table of what can be broken and which scenario finds
// it. A harness that lets one of them pass, or that finds fault with the store
// that has none, is wrong: that is what this system is for.
//
// It offers registers and lists. A node is ready when it has caught up: from then on
// what was acknowledged before is in its own table.
//
// The adapter keeps one connection to its session's node and retries nothing, and
// neither does a node that hands a request to the leader. An operation is
// definitely not done where the node said so, where the connection could not be
// made, and where nothing was sent; a read that failed is never done. Everything
// else is unknown.
package canary
