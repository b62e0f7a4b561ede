// Command agent is the one program of seatrial in a pod: it owns the pod's
// network, and is where faults on links come from. Package link/wire is its
// language, and how a run speaks to it.
//
// It is one static program in an image made from scratch, and the only part with
// NET_ADMIN, and with NET_RAW, which Duplicate needs. Its environment: SEATRIAL_TOKEN (needed), SEATRIAL_CONTROL_PORT and
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
//	queue    prerouting  raw+1     peer>own to user space, where an effect is on single packets
//	redirect output      dstnat    own connections to peer:port → relay; only with streams
//	names    output      dstnat-10 own questions to a name server → relay; only with names
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
//   - A reject bites when a packet is sent, and a connection that is idle would
//     stay until then. So where both flows of a link are refused, its connections
//     are also aborted at once (SOCK_DESTROY), before the rules are laid and after.
//
// # Ports and transports
//
// An effect of port P is on packets of TCP and UDP from P or to P. A flow's port 2380
// is so what is sent to that port and what is answered from it, whoever dialled. In
// gates it is the port that was dialled. Of a datagram in fragments only the first
// has ports; losing that loses the datagram.
//
// # Breaking connections once
//
// Break aborts the node's own TCP sockets to the peer (SOCK_DESTROY), at both ends,
// and lays no rule: new connections pass. It counts sockets, so a connection up to
// twice. The end whose socket was aborted first reads ECONNABORTED, the other
// ECONNRESET.
//
// # Single packets
//
// Lose, Reorder, Duplicate and Corrupt, and Delay and Throttle with Packets, need a
// packet to be looked at, kept and changed one by one. Kernels without netem have one
// way for that: a rule sends packets to a queue (NFQUEUE), and this program says of
// each when it may go on, and as what.
//
// The queue is where packets arrive, and each agent answers for the flows to its own
// node. Where they leave, a packet that waits would count against its socket, and
// TCP would send no more than a few at a time (TCP small queues): a delay would be a
// throttle. Where they arrive nobody waits for them; a packet is one as the wire has
// it, because the kernel takes large segments apart and completes checksums before
// it queues; and a link that is redirected has one wire, so it acts there once, on
// what the relay sends. The chain comes after `in`, so what is dropped is not queued;
// packets that wait when a Drop or a Refuse is laid on them are swallowed by it. It
// comes before connection tracking, which sees only what goes on.
//
//   - Lose draws for each packet; in bursts by a chain of two states (Gilbert).
//   - Corrupt flips one bit of what the transport carries, or of the checksum where it
//     carries nothing, and leaves the checksum as it was, complete: the receiver's
//     kernel discards the packet and counts it (InCsumErrors). A datagram that was
//     sent without a checksum arrives changed.
//   - Duplicate lets a packet go on, and sends the same once more to the pod's own
//     address by a raw socket. The copy comes over loopback, with a mark by which
//     rules of Drop and Refuse know it.
//   - Throttle is a line: a packet leaves when its last byte would have been
//     transmitted, headers of IP and above included. The line keeps what half a second
//     carries, at least 32 KiB and at most 4 MiB, and loses what comes then.
//   - Delay keeps order: none leaves before one that came earlier.
//   - Reorder lets a packet wait alone, while those behind it pass. It counts those
//     that were overtaken; one that nothing followed was only late.
//
// A packet meets all effects of its flow, its port and its transport, in this order,
// whatever the order in which they were applied. All packets of the peer are met,
// ICMP too; neighbour discovery and the control port are not. When an effect is
// undone, what it alone kept leaves at once, in order; what another keeps as well
// waits for that.
//
// Draws come from the effect's seed, the flow's name and the action: the n-th packet
// that meets the effect has the same fate in every run. Which packet is the n-th is
// the system's doing, and of TCP never the same twice.
//
// # When the queue is full
//
// At most 16384 packets and 16 MiB wait, and what comes then is lost, as in a router.
// Where this program is too slow to read, the kernel lets packets pass untouched
// (fail open). Both are counted apart ([link.Count].Missed), the latter for every
// effect of this agent, because nobody has seen whose packets they were. When this program dies, its queue is gone with it, with what
// waited there; the rules it leaves then let packets pass (bypass).
//
// The queue exists only while an effect needs it. NFQUEUE is a target of x_tables;
// kernels have it that lack the expression of nftables, and where it is missing the
// expression is used. Hello says what is missing where there is neither.
//
// # Refusing one flow only
//
// Refusing A>B answers every packet that A sends to B, acknowledgements too, and
// tells A. What each end sees, on a direct and on a redirected link alike:
//
//	what happens           A sees                           B sees
//	A sends                reset, at once                   nothing, until it sends: then A's
//	                                                        kernel, whose socket is gone, resets it
//	B sends                the bytes, then a reset: its     reset, when it sends again what was
//	                       acknowledgement was refused      not acknowledged (0.2 s)
//	A connects             refused                          nothing
//	B connects             nothing: its kernel's answer     a timeout: its SYN arrives, and the
//	                       to B's SYN is refused            answer does not
//	A sends a datagram     refused                          nothing
//	B sends a datagram     the datagram                     nothing
//	nobody sends           nothing                          nothing
//
// So it is no quiet fault: a connection ends at both ends as soon as either sends,
// but new connections are refused at one end and time out at the other. A host that
// is not there refuses both flows.
//
// # Streams
//
// HoldBack, Delay, Throttle, SlowClose, Slice and Limit between nodes, and every effect
// between a client group and a node, are switched in the gates of package
// link/stream. Between nodes they
// need redirects (Config.Streams), laid before the system starts: connection
// tracking decides at the first packet. The relays listen on loopback, above the
// ephemeral range; the agent's own sockets carry a mark that keeps them out of
// the redirect.
//
// A connection runs through one relay, of the node that dialled it, so both of its
// flows are shaped there and none of them twice. HoldBack and what shapes streams
// leave datagrams alone.
//
// A client's connection always runs through gates, so that its link can be cut at
// any time, and because both its halves end in the agent, Refuse of either flow
// resets both at once and refuses new ones. While no effect is on it, it costs
// what plain copying through another process does; see
// BenchmarkClientRoundTrip.
//
// # Names
//
// Effects on names fall on the questions (DNS, by UDP and TCP) that the pod's
// programs ask the servers in its resolv.conf:
//
//	action          the asker is told
//	no-such-name    NXDOMAIN
//	server-failure  SERVFAIL
//	query-refused   REFUSED
//	no-answer       nothing, until its own timeout
//	late-answer     what the name server says, later; the lateness is seeded
//	wrong-answer    another address (A or AAAA); none of the other version of IP
//
// They need redirects (Config.Names), laid before the system starts and for its
// whole life, for the same reason as those of streams: a program may keep its
// socket, and a socket may get the port of one before it. Where no effect falls on
// a question its relay passes it on, and the answer back, byte for byte. Docker's
// own name server is at 127.0.0.11:53 by a rule in a table of its own, so the
// redirect comes before that; the relay's sockets carry the mark, as do the
// agent's own questions, so that no effect falls on them.
//
// No answer of an effect may be kept: addresses live for 0 seconds, and failures
// have no SOA record. Several effects may fall on one question: their delays add
// up, and the first of those that answer it does. What is no question for exactly
// one thing passes. Not asked, and so not changed, is what stands in the hosts
// file, the pod's own name among it. A server that is not in resolv.conf is left
// alone: it may be a node of the system.
//
// # Alone
//
// Without a word from the run for ten seconds the agent undoes every effect, and
// after sixty it ends. Ending removes its table.
package main
