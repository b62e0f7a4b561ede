// Command agent is the one program of seatrial in a pod: it owns the pod's
// network, and is where faults on links come from. Package link/wire is its
// language, and how a run speaks to it.
//
// It is one static program in an image made from scratch, and the only part with
// NET_ADMIN. Its environment: SEATRIAL_TOKEN (needed), SEATRIAL_CONTROL_PORT and
// SEATRIAL_PROBE_PORT. It prints what it does of its own accord on standard
// error. It ends with 0 after SIGTERM, with 3 when its run is dead or it could
// not start.
//
// # Packets
//
// Drop and Refuse between nodes are rules in `table inet seatrial`, set through
// netlink, each batch whole or not at all. No other table is touched: Docker's
// own rules for name resolution are in `table ip nat` of the same namespace. A
// rule carries the id of its effect, so what is in force, and how often it bit,
// is read from the kernel.
//
//	chain    hook        priority  what
//	out      output      raw       Drop and Refuse of own>peer; what a relay answers, for peer>own
//	in       prerouting  raw       Drop of peer>own
//	refuse   input       raw       Refuse of peer>own
//	redirect output      dstnat    own connections to peer:port → relay; only with streams
//
// Why there:
//
//   - At raw, and not in the filter hooks proper, where a redirected packet
//     already goes to 127.0.0.1: connects would succeed, and keepalives and user
//     timeouts never fire.
//   - Every packet is matched by its address, not only the first of a
//     connection. Neighbour discovery is left alone, as ARP is: it is the wire.
//   - A packet dropped on output makes sendto(2) fail with EPERM, and a black hole
//     tells nobody. TCP takes no notice of it, UDP and raw sockets do. So what is
//     not TCP is dropped where it arrives.
//   - A relay has acknowledged, on loopback, what the peer never saw. Where
//     peer>own is cut, the relay's packets to the system are dropped too, so that
//     the system's socket meets the silence that it would meet on the wire.
//   - A reset answers in the direction that the packet came from, so in `out` it
//     goes to the pod's own socket: ECONNREFUSED for a SYN, ECONNRESET for an
//     established connection. Resets themselves pass, so that both ends learn.
//     In prerouting a reject is newer than Linux 5.9; in input it has always been
//     possible. UDP is answered with port unreachable. ICMP passes, as it does to
//     a host whose ports are closed.
//   - A reject bites when a packet is sent. An idle connection stays until then.
//
// Refusing only A>B tells A alone: B's SYN reaches A, and A's answer is refused.
// A host that is not there refuses both flows.
//
// # Streams
//
// HoldBack and Delay between nodes, and every effect between a client group and
// a node, are switched in the gates of package link/stream. Between nodes they
// need redirects (Config.Streams), laid before the system starts: connection
// tracking decides at the first packet. The relays listen on loopback, above the
// ephemeral range; the agent's own sockets carry a mark that keeps them out of
// the redirect.
//
// A client's connection always runs through gates, so that its link can be cut at
// any time. That costs it about 15 µs a round trip over plain copying.
//
// # Alone
//
// Without a word from the run for ten seconds the agent undoes every effect, and
// after sixty it ends. Ending removes its table.
package main
