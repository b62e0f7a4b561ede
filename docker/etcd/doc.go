// Package etcd is etcd, unmodified, as a system under test.
//
// A [Cluster] is a value that a scenario names:
//
//	System: etcd.Cluster{Nodes: 3, Version: "3.5.35"}
//
// It runs in pods. Its image holds one static program, built by the Go toolchain
// from a module of a few lines that calls etcd's own entry point at a fixed
// version; no registry is involved. Only 3.4, which has no such module, is Debian's
// package. The versions offered are those of [Cluster.Versions].
// Every setting is that version's default (heartbeat 100 ms, election 1000 ms,
// snapshots, quota; pre-vote, which 3.4 has off); only names, addresses and where
// to log are given.
//
// # What it offers
//
// Registers ([Cluster.OpenRegister]): a key holds an integer in decimal. A read is
// a Range, linearizable unless [Cluster.Serializable] is set; a write is a Put; a
// compare-and-set is one transaction, If(value = expect).Then(Put).Else(Range), so
// a client that is told no also learns what was there.
//
// Lists ([Cluster.OpenAppender]): an element is a key of its own, list/<list>/<element>,
// and an append is a plain Put of it. etcd's keys are a set, so the list alone would
// not show an element that was appended twice; but etcd counts the Puts of a key,
// its version, and the element is listed that often. A list is read by one Range, in
// the order in which its elements first came, so it is all of one point of etcd's log.
// It is read as registers are; [workloads.Appender]'s ListLocal is always serializable.
//
// Readiness ([Cluster.Ready]) is a linearizable read through the node: it needs a
// quorum and a leader, as a client's request does. [Cluster.Leader] asks one node
// for its own belief, without a quorum, so that two sides of a cut can be asked.
//
// # What a client is told
//
// A client has one connection, to its session's node, dialled through the
// session. Each request is sent at most once. etcd's client library is not in the
// path, because its interceptor retries; the requests are made on etcd's own gRPC
// stubs with gRPC's retry policies off. What gRPC still does on its own is to
// send a request again that never reached the server: it was never written, or the
// server refused the stream or named a lower one as its last (RFC 9113, sections
// 6.8 and 8.7). Such a request took no effect, so it still takes effect at most once.
//
// An error counts as "definitely did not happen" ([workloads.NotDone]) where
//   - nothing was sent: no connection became ready before the deadline, or it was
//     lost before the request began;
//   - it was a read: a read has no effect;
//   - etcd answered with one of the errors that it makes before it hands a request
//     to raft, such as "etcdserver: too many requests".
//
// Everything else (deadlines, a broken connection, "request timed out", "leader
// changed", "server stopped") means that nobody knows. So does "database space
// exceeded", although it sounds definite: etcd checks its quota a second time when
// it applies an entry, stores the value all the same, and then answers with this
// error.
package etcd
