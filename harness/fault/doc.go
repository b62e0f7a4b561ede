// Package fault breaks things on purpose, proves that they broke, and puts them back.
//
// A [Fault] says what: [BlackHole], [OneWay], [Reset], [Hold], [Latency], [Kill],
// [Stop], [Pause]; see the table below. A [Target] says where: a node by name, the leader, a follower,
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
//	kill         SIGKILL by the engine              SIGKILL
//	kill after   the same, after so many operations were acknowledged
//	stop         SIGTERM, then SIGKILL              SIGTERM, then SIGKILL
//	pause        freezer: all processes             SIGSTOP to all processes
//	  by signal  SIGSTOP to the first process; its children go on
//	crash loop, kill during start, restart: the same on both
//	cpu quota    the engine's update of the         not here: processes have no control
//	             control group, version 1 or 2      group of their own
//	cpu noise    a quota that comes and goes        not here
//	memory       a memory limit; the lowest that    not here
//	limit        an engine takes is 6 MiB
//	out of       the limit is lowered until the     not here
//	memory       kernel kills
//	process      pids of the control group          not here
//	limit
//	stall        the harness's own sessions: the same on both
//
// The bite of a process fault is the program's state and which of its lives it is
// in, as the kernel or the engine tells; that of a limit is the kernel's counters
// (throttled periods, meetings of the limit, processes), read by another way than
// the limit is set.
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
