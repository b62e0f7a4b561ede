// Package disk is the language between a run and the disks of its nodes, and the
// run's side of it. Package layer is the disk itself, and docker/disk the program
// that puts it under a system in a container.
//
// A disk is a file system in front of the node's data directory. While nothing is
// wrong it is as exact as a plain directory: mappings, locks, links, holes. What
// can go wrong with it:
//
//   - A [Rule] makes operations fail, be short, late, held or slow, by operation,
//     path and chance.
//   - [Client.PowerLoss] takes back what was never synced.
//   - [Client.Kill] ends the node's processes and takes nothing.
//
// # Where what bites
//
// A rule is about requests that reach the disk. What the kernel's page cache
// answers does not, as on any machine: so when a rule about reads is applied the
// cache is dropped once, and a page that was read since is not read again. Writes
// always reach the disk at once, unless they go to a shared mapping, of which the
// kernel writes the pages back in its own time, at msync, munmap and fsync.
//
// Times, Probability and Seed make an error rare or single: an fsync that fails
// once is
//
//	disk.Rule{Action: disk.Fail, Error: "EIO", Ops: []disk.Op{disk.OpFsync}, Times: 1}
//
// # Protocol
//
// A disk has one TCP port. A connection begins with the line of package link/wire,
// for CONTROL, and carries one request and one response, each a line of JSON:
//
//	SEATRIAL <token> CONTROL
//	{"op":"apply","id":"f7","rule":{"action":"fail","ops":["fsync"],"error":"EIO"}}
//	→ {}
//
//	request     with     answered by
//	hello                version, stats
//	heartbeat
//	apply       id,rule
//	undo        id
//	count       id       count
//	active               active
//	heal
//	power-loss  power    loss; then the node ends
//	kill                 the node ends
//	suspend
//
// All but power-loss and kill may be sent twice without harm. A disk that hears nothing
// from its run for [HealAfter] undoes every rule. Where the connection breaks after
// power-loss or kill was sent, the state of the node's container says whether it
// was done: the container ends only when it was.
package disk
