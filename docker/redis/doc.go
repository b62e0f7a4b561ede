// Package redis is Redis 7 with Sentinel, as Debian packages both, as a system
// under test.
//
// A [Cluster] is a value that a scenario names:
//
//	System: redis.Cluster{DownAfter: time.Second}                     // 3 servers, 3 sentinels
//	System: redis.Cluster{MinReplicasToWrite: 1, MinReplicasMaxLag: time.Second}
//	System: redis.Cluster{Servers: 1, AppendOnly: true, Fsync: "always"}
//
// It runs in pods: servers n1, n2, n3, of which n1 begins as the master, and
// sentinels s1, s2, s3 in pods of their own. Servers are the members; sentinels
// watch. Replication is asynchronous: Redis acknowledges a write before any replica
// has it, and promises no more. What a failover then loses is what scenarios measure.
//
// # What it offers
//
// Appends ([Cluster.OpenAppender]): RPUSH to a list, LRANGE to read it. A client
// asks the sentinels who is master, as Redis's guidelines for clients say
// (https://redis.io/docs/latest/develop/reference/sentinel-clients/), and keeps its
// connection until that breaks or the server says that it is a replica. Reading a
// node's own copy asks that node, master or not.
//
// An append is definitely not done where no byte of it left, and where Redis
// refused it before it ran: READONLY (a replica), NOREPLICAS (too few of them in
// touch), LOADING, MASTERDOWN, MISCONF, OOM, CLUSTERDOWN, BUSY, NOAUTH, NOPERM,
// DENIED: processCommand in server.c of 7.0.15 answers with these before it calls the
// command. Everything else is unknown. Nothing is retried: go-redis's retries, of
// commands and of dialling, are off.
//
// # Settings
//
// Everything that [Cluster] has no field for is Redis's default, but for these:
// hostnames are resolved and announced, so that a pod is known by its node's name;
// a full synchronisation begins at once instead of after 5 s
// (repl-diskless-sync-delay 0); and no snapshot is written on a schedule (save ""),
// so that AppendOnly alone says what a restart finds.
//
// The configuration is written once into the data directory: Redis and Sentinel
// rewrite it, and a killed node comes back in the role that they wrote.
package redis
