// Package process runs a system as real processes on 127.0.0.1, for machines
// without Docker: real kill -9, SIGSTOP and restarts, and links that are cut.
//
//	c, err := process.Runtime{}.Start(ctx, system, cluster.Options{Owner: owner})
//	defer c.Close(ctx)
//	c.Network().Apply(ctx, "cut", link.Effect{Action: link.Drop}, flows)
//	c.Kill(ctx, "n1")
//	c.StartNode(ctx, "n1")
//
// Each node has ports of its own, which stay its own while it is down. For every
// ordered pair of nodes and every peer port there is a relay (package stream) in
// this process, and [cluster.Addresses].Dial is the relay's address. So a system
// runs here if each node can be told where to dial each peer. Links are relayed
// with or without [cluster.Options].Streams. Clients reach a node through the
// cluster's Dialer, which relays too.
//
// A node's program stays in the foreground, in its own process group: when the
// first process ends, the rest of the group is killed. It must bind with
// SO_REUSEADDR, as servers do that restart, because its port is kept reserved by a
// socket that is bound and never listens.
//
// In the owner's scratch folder each node has a folder <node> with its data
// directory "data", its output "log" (of all its lives, at most 64 MiB) and "pid".
// Close leaves them; the owner of the scratch folder removes it.
//
// # What exists here, and how it differs from pods
//
//	action    here                                       in a pod
//	drop      bytes wait in the relay and are delivered  packets vanish; the kernel sends them
//	          when undone, if the connection lives;      again and at last gives up: keepalive
//	          keepalive and TCP_USER_TIMEOUT see         and TCP_USER_TIMEOUT end the
//	          nothing; a new connection to a cut peer    connection; a new connection times
//	          is accepted, and silent                    out
//	refuse    connections are reset at once, idle ones   a packet is answered with a reset;
//	          too; a new one is accepted and reset       a new connection is refused
//	hold      the same                                   the same
//	delay,    the same; only TCP                         the same; only TCP
//	throttle,
//	slow-close,
//	slice, limit
//	break     connections are reset at once; new ones    the same
//	          pass
//	lose,     do not apply: there are no packets of      packets, one by one, through a
//	reorder,  a link's own                               queue in user space
//	duplicate,
//	corrupt
//	one port  the number that the system declares, not   the port
//	          the one that it listens on here
//	dead peer the relay accepts, then resets             refused
//	kill,     the same: signals to the process group     the same; pause is the freezer
//	stop,
//	pause
//	suspend   SIGSTOP to the first process               the same
//	limits    of memory, CPU and processes do not        cgroups
//	          apply: there is no cgroup of our own
//	UDP       passes no relay, so it can't be cut        cut like TCP
//
// For clients the two agree more: their dialer sees a refused connection as
// refused, and a connection into a cut times out with the caller's context.
package process
