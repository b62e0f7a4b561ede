// Package cluster is what the harness knows of a running system: nodes that are
// started, killed and paused, and a network between them that is cut.
//
// A [System] says what its nodes are; a [Runtime] runs them. There are two.
// Package pod runs every node in containers: an agent that owns the network
// namespace, the addresses and the published port, and the system's own container
// that joins it, otherwise untouched. Package process runs real processes on
// 127.0.0.1, for machines without Docker.
//
// Everything a run makes carries its [Owner]: labels on containers and networks,
// an environment variable on processes, a folder for what is temporary. So a
// later run, or the gc command, finds what a killed run left, and nothing else.
package cluster
