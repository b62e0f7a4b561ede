// Package wire is the language between a run and the agents of its pods, and the
// run's side of it.
//
// A pod's agent has one TCP port. It is the only port that a pod publishes, and
// no fault ever touches it. A connection to it begins with one line, the
// [Preamble], which carries the run's token:
//
//	SEATRIAL <token> CONNECT <node-or-ip>:<port> AS <group>
//	SEATRIAL <token> CONTROL
//
// # CONNECT
//
// The agent dials the target first, then answers one line, and after OK the
// connection is the target's:
//
//	OK
//	ERR <errno's name> <text>
//
// So a refused connection is known to be refused: [Agent.Connect] gives an error
// that wraps syscall.ECONNREFUSED, and what the client wanted to ask definitely
// did not happen. A node's own name means the pod's own address, never loopback.
// Connect to a node through the agent of its own pod: through another one the
// connection would suffer the faults between the two pods as well.
//
// The connection belongs to the link (group, node). While the flow group>node is
// dropped or held there is no answer, and nothing passes: a black hole does not
// say that it is one. What was sent meanwhile is delivered afterwards, as TCP
// would by retransmission. While it is refused, new connections get
// ECONNREFUSED and those that exist are reset.
//
// # CONTROL
//
// After the line come requests and responses, one JSON object a line, in turn
// ([Request], [Response]). Every request may be sent twice without harm, so
// [Agent] repeats one whose connection broke. Configure comes first: it tells
// the agent which node it belongs to, and where the others are, and lays the
// redirects, so it must come before the system starts.
//
// An agent that hears nothing from its run for [HealAfter] undoes every effect,
// and one that hears nothing for [ExitAfter] ends. Any request counts as a
// heartbeat.
//
// # Probes
//
// A probe proves that a flow is open or cut, without asking the code that cuts.
// The agent at the flow's beginning sends a number ([Agent.ProbeSend]), and the
// agent at its end says, over its control port, whether it came
// ([Agent.ProbeReceived]). Nothing has to travel back through the pods' network,
// so a probe of A>B by [UDP] is not spoiled by a cut of B>A. By [TCP] it takes the
// path of a byte stream, through the redirect where there is one; it needs
// packets both ways for the handshake, so it says something about one flow only
// where packets pass in both. [Probe] does both halves.
//
// [Agent.Resolve] looks a name up as a program in the pod would, through whatever
// effects on names are in force ([Agent.ApplyNames]).
package wire
