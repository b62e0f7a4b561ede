// Package postgres is PostgreSQL 15, as Debian packages it, as a system under test:
// one server, in a pod.
//
//	System: postgres.Cluster{Level: postgres.Serializable}
//	System: postgres.Cluster{Level: postgres.ReadCommitted, AppendInTwo: true}
//	System: postgres.Cluster{Settings: map[string]string{"fsync": "off", "max_connections": "14"}}
//
// # What it offers
//
// Transactions ([Cluster.OpenTransactor]), at any isolation level: reads and writes
// of registers, appends to lists and reads of them, and additions, each one
// statement on a row found by its primary key. Their clients are interactive: a
// script can hold a transaction open. And appends ([Cluster.OpenAppender]), each of
// a row of its own.
//
// A process has one connection and makes it anew where it broke. There is no pool,
// no prepared statement that outlives its use, and nothing is tried again: the
// request to cancel that pgx sends on another connection when a statement is given
// up does not leave the client.
//
// # What is certain
//
// A transaction of which the commit was not asked for certainly did not happen:
// the server ends it with its connection. An answer to COMMIT is one of
//
//	COMMIT                                  it happened
//	COMMIT, and a warning before it         unknown: the server could not do all it was to do
//	ROLLBACK                                it did not happen: a statement before had failed
//	an error of class 40 or 23, not 40003   it did not happen: serialization, deadlock, constraint
//	any other error, or none                unknown
//
// # Settings
//
// Everything is PostgreSQL's default but what [Cluster.Settings] says. The database
// is made with the image, so a node starts within half a second; it is UTF8, C.UTF-8,
// without data checksums, as Debian's own first cluster. Everyone on the pod's
// network is trusted.
package postgres
