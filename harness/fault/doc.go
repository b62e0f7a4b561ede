// Package fault breaks things on purpose, proves that they broke, and puts them back.
//
// A [Fault] says what: [BlackHole], [Reset], [Hold], [Loss], [Latency], [Kill],
// [Pause] and more; [All] lists them, as "seatrial faults" does. A [Target] says where:
// a node by name, the leader, a follower, a random node, a minority, a majority. A
// [Schedule] says when: [For], [Every], [After], [Mix], [Rolling], [Swizzle],
// [Together], and [Func] for what no schedule can say. All are data, so a plan can
// be printed and repeated without running it:
//
//	fault.Every{Period: 5 * time.Second, Do: fault.For{
//		Duration: 2 * time.Second, Fault: fault.BlackHole{Target: fault.Minority}}}
//
// # Four kinds of cut
//
// They are different faults, with opposite verdicts on one configuration.
//
//	black hole   packets are swallowed; nobody is told; timeouts decide
//	one way      packets are swallowed in one direction only: [Only]
//	reset        every packet is answered with a reset; both ends know at once
//	hold         bytes are kept, and delivered complete and in order when it ends
//
// # Narrower
//
// A fault on the network is one of all links of its target, both ways. [Between] aims
// it at fewer links, and [Only] narrows it to a direction, a port or a transport:
//
//	fault.Hold{Target: fault.Between(fault.Leader, fault.Follower)}
//	fault.Only{Fault: fault.BlackHole{Target: fault.Leader}, Direction: fault.Inbound}
//	fault.Only{Fault: fault.Loss{Target: fault.Random, Probability: 0.1}, Port: "peer", Transport: link.TCP}
//
// [Regions] puts distance between groups of nodes; it goes well [Together] with cuts.
//
// # Mixes
//
// A [Mix] draws one fault after another, each [Weighted], two at once or overlapping
// if it is told so. [Package] is every fault of some kinds. What does not apply to a
// system on its runtime is left out, and the plan says why; what turns out not to
// apply to the machine is left out when its time comes:
//
//	fault.Mix{AtOnce: 2, Faults: append(fault.Package(fault.KindNetwork),
//		fault.Weighted{Fault: fault.Kill{Target: fault.Leader}, Weight: 5})}
//
// [Rolling] takes a fault from node to node.
//
// # Names
//
// A fault on names belongs to the nodes that ask, not to a link: only what the
// target's program is told changes. It meets a system when that dials by name
// anew, at a restart or after a connection broke, so it is often worth having
// [Together] with one that breaks them. A name of the pod's own, in its hosts
// file, is not asked for; and what a program has cached before, it knows.
//
// # The life of a fault
//
// applies? → aimed (targets resolved) → undo written to the journal → injected →
// seen to bite → undone → checked. A named fault of a schedule must bite at least
// once; in a [Mix] a fault that did not bite is counted, and the run proves
// nothing only if none bit. The bite is proven by counters at the place that
// enforces the fault, or by a probe that shares no code with it.
//
// # What exists where
//
// The plan, and the event of the injection, name the engine: nftables, streams (a
// toxiproxy gate behind a redirect in pods, on the link itself between processes), or
// the queue, through which single packets pass in user space. "Seeded" draws come from
// the seed of the run; on which packets they fall is also a matter of when these come.
//
//	               pod                              process
//	black hole     nftables drop at raw priority    streams are held; a new connection is
//	                                                accepted and stays silent; kernel
//	                                                keepalives do not notice
//	reset          nftables reject with reset       connections are reset, new ones too
//	hold           streams                          streams
//	latency        streams, jitter seeded; with     streams, jitter seeded
//	               Packets the queue, seeded
//	bandwidth      streams; with Packets the queue  streams
//	slow close     streams                          streams
//	slice          streams                          streams
//	byte limit     streams                          streams
//	loss           queue, seeded                    does not apply: there are no packets
//	reorder        queue, seeded                    does not apply
//	duplicate      queue, seeded                    does not apply
//	corrupt        queue, seeded                    does not apply
//	regions        streams or queue, seeded         streams, seeded
//	only           as the fault; TCP and UDP        as the fault; there is no UDP
//	names fail     a relay of the pod's questions   does not apply: local processes
//	names slow     to name servers, behind a        share the host's resolver
//	names wrong    redirect; jitter seeded
//	kill           SIGKILL by the engine            SIGKILL
//	kill after     the same, after so many operations were acknowledged
//	stop           SIGTERM, then SIGKILL            SIGTERM, then SIGKILL
//	pause          freezer: all processes           SIGSTOP to all processes
//	  by signal    SIGSTOP to the first process; its children go on
//	crash loop, kill during start, restart: the same on both
//	cpu quota      the engine's update of the       does not apply: processes have no
//	               control group, version 1 or 2    control group of their own
//	cpu noise      a quota that comes and goes      does not apply
//	memory limit   the lowest that an engine        does not apply
//	               takes is 6 MiB
//	out of memory  the limit is lowered until       does not apply
//	               the kernel kills
//	process limit  pids of the control group        does not apply
//	power loss     a file system in front of the    does not apply: local processes
//	disk error     data, in user space; what of     share the machine's disk
//	slow disk      Torn survives is seeded
//	stall          the harness's own sessions: the same on both
//
// The links of clients are streams everywhere: what falls on single packets does not
// apply to them, and leaves the clients alone that sit beside a node.
//
// The bite of a process fault is the program's state and which of its lives it is
// in, as the kernel or the engine tells; that of a limit is the kernel's counters
// (throttled periods, meetings of the limit, processes), read by another way than
// the limit is set.
//
// # Disks
//
// A plan that holds a fault on disks has every node keep its data behind the disk
// of package harness/disk/layer; other plans have not. A kill then still loses
// nothing, but what was not synced is remembered, and a later [PowerLoss] takes it. A
// program that is down when the power goes loses nothing more. The disk counts
// to the node's limits of memory and processes.
//
// # Several faults at once
//
// Faults in force on one node do not undo each other. A node is down as long as any
// of them keeps it down, and is started by the end of the last one. It stands still
// as long as any keeps it still, also in a life that begins meanwhile. Of several
// limits of one kind the lowest holds, and the end of the last one restores what
// was there before the first.
//
// A program that ends by itself is seen by the next fault that would hide it, and
// at the end of the run, and is a violation; except under a limit of memory or
// processes, which it may end of.
//
// # Faults on clients
//
// A client group is slow by a fault on its links, for instance
// Latency{Target: Clients("x"), Latency: 200 * time.Millisecond}, and its sessions
// stop in the middle of transactions by [Stall].
//
// # What an act may do besides
//
// Optional powers of faults and acts are interfaces: [Placed] says where a fault
// does not exist, [Waiting] lets it come when something has happened, [Prepared] lets an
// act note what was there before, [Going] lets it go on while it is in force, and
// [Counting] tells at its end what it did. Whatever an act does to a node goes
// through the cluster that it is given, which knows what other faults want of it.
package fault
