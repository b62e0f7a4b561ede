// Package fault breaks things on purpose, proves that they broke, and puts them back.
//
// A [Fault] says what: [BlackHole], [OneWay], [Reset], [Hold], [Latency],
// [NamesFail], [NamesSlow], [NamesWrong], [Kill], [Stop], [Pause]. A [Target] says where: a node by name, the leader, a follower,
// a random node, a minority, a majority. A [Schedule] says when: [For], [Every],
// [After], [Mix], [Together], and [Func] for what no schedule can say. All are
// data, so a plan can be printed and repeated without running it:
//
//	fault.Every{Period: 5 * time.Second, Do: fault.For{
//		Duration: 2 * time.Second, Fault: fault.BlackHole{Target: fault.Minority}}}
//
// # Four kinds of cut
//
// They are different faults, with opposite verdicts on one configuration.
//
//	black hole   packets are swallowed; nobody is told; timeouts decide
//	one way      packets are swallowed in one direction only
//	reset        every packet is answered with a reset; both ends know at once
//	hold         bytes are kept, and delivered complete and in order when it ends
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
//	             pod                                process
//	black hole   nftables drop at raw priority      streams are held; a new connection is
//	                                                accepted and stays silent; kernel
//	                                                keepalives do not notice
//	one way      the same, one direction            the same, one direction
//	reset        nftables reject with reset         connections are reset, new ones too
//	hold         toxiproxy gate behind a redirect   toxiproxy gate
//	latency      toxiproxy gate behind a redirect   toxiproxy gate
//	             (jitter is seeded on both)
//	bandwidth    toxiproxy gate behind a redirect   toxiproxy gate
//	slow close   toxiproxy gate behind a redirect   toxiproxy gate
//	slice        toxiproxy gate behind a redirect   toxiproxy gate
//	names fail   a relay of the pod's DNS questions  does not apply: local processes
//	names slow   behind a redirect (UDP and TCP;     share the host's resolver
//	names wrong  jitter is seeded)
//	kill         SIGKILL by the engine              SIGKILL
//	stop         SIGTERM, then SIGKILL              SIGTERM, then SIGKILL
//	pause        freezer                            SIGSTOP
package fault
