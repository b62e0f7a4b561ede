// Package store is a replicated store of registers, named cells that hold a
// 64-bit integer or nothing, and of lists of 64-bit integers. It is what the
// harness tests itself against, so it is a real system (hashicorp/raft, a log on
// disk that is synced before it is acknowledged, elections, snapshots), it is
// linearizable by default, and it has a [Defect] to switch on for each thing that
// a checker must catch.
//
// A node is a [Store], opened with [Open]. It has two ports.
//
// # The client port
//
// One connection carries one [Request] at a time, as a line of JSON, and one
// [Response] to each:
//
//	{"op":"write","key":"r1","value":17}            {"status":"ok"}
//	{"op":"read","key":"r1"}                        {"status":"ok","value":17}
//	{"op":"cas","key":"r1","expect":17,"value":23}  {"status":"ok","swapped":true}
//	{"op":"cas","key":"r1","expect":17,"value":24}  {"status":"ok","value":23}
//	{"op":"append","key":"l1","value":5}            {"status":"ok"}
//	{"op":"list","key":"l1"}                        {"status":"ok","list":[5]}
//	{"op":"list-local","key":"l1"}                  {"status":"ok"}
//	{"op":"sync"}                                   {"status":"ok","applied":8}
//	{"op":"status"}                                 {"status":"ok","node":"n1","leader":"n2","term":3,"applied":9}
//
// A value that is null or not there means "the key is absent"; a compare-and-set
// that was refused answers with the value it saw. A list that is not there is
// empty, and an append adds to its end. Registers and lists have keys of their own.
// Status is "ok", [NotDone] (it did not happen and never will) or [Unknown] (nobody
// knows).
//
// Any node takes any request. A follower hands it to the leader, once, and passes
// the answer back; where no leader is known the answer is "not-done", and where the
// leader's answer does not come it is "unknown": a request carries nothing by which
// the leader could tell a second from the first, so it is never sent again.
//
// Two requests are about the node that is asked. A list-local reads its own table,
// however old that is. A sync is answered once that table holds all that was
// acknowledged, by any node, before it was asked.
//
// # The peer port
//
// The first byte of a connection says what follows: 'R' raft's own messages, 'F'
// requests handed to the leader, in the client port's format, after the leader's
// greeting. Both use the one link between two nodes, so whatever cuts it cuts both.
// Raft's configuration holds node names, not addresses: each node has its own table
// of where to dial the others, because behind a fault-injecting proxy they differ
// from node to node.
//
// # Reads
//
// A read of a register or a list waits for a barrier, an entry of the leader's own
// term that a majority stores after the read was asked for, then looks at the
// local state. See barriers for why asking the followers "do I still lead?" is not
// used.
package store
