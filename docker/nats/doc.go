// Package nats is NATS with JetStream, unmodified, as a system under test.
//
// A [Cluster] is a value that a scenario names:
//
//	System: nats.Cluster{Nodes: 3, Version: "2.12.1", SyncInterval: nats.Always}
//
// It runs in pods. Its image holds one static program, built by the Go toolchain
// from a module of a few lines that starts nats-server at a fixed version; no
// registry is involved. The versions offered are those of [Cluster.Versions]. Every
// setting is that version's default, but for names, addresses, the store's folder
// and what the parameters say.
//
// # What it offers
//
// Lists ([Cluster.OpenAppender]): one stream with a replica on every node holds all
// of them, a list is the subject list.<name>, and an append publishes a message and
// waits for the stream's acknowledgement. No message has an id, so the server drops
// none as a duplicate, and one that was stored twice is listed twice. A list is read
// message by message from the stream's leader (the request STREAM.MSG.GET);
// ListLocal reads with DIRECT.GET, which any replica answers and which a server
// hands to its own replica where that has caught up. NATS documents neither read as
// linearizable: only those after the load, when all is healed, are evidence of what
// was kept.
//
// Readiness ([Cluster.Ready]) asks through the node for the stream, makes it where
// it is not there yet, and wants a leader and every replica current: so a node that
// came back is ready when it has caught up. [Cluster.Leader] is the stream's leader.
//
// # What a client is told
//
// A client has one connection, to its session's node, dialled through the session;
// the library's reconnecting and its retries are off. Each message is published at
// most once. An error counts as "definitely did not happen" ([workloads.NotDone])
// where no connection was there to send it on, where it was a read, and where the
// server said that nobody listens to the subject (status 503, "no responders"): then
// no replica was handed the message. Everything else means that nobody knows.
package nats
