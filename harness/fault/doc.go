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
//	kill           SIGKILL by the engine            SIGKILL
//	stop           SIGTERM, then SIGKILL            SIGTERM, then SIGKILL
//	pause          freezer                          SIGSTOP
//
// The links of clients are streams everywhere: what falls on single packets does not
// apply to them, and leaves the clients alone that sit beside a node.
package fault
