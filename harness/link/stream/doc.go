// Package stream cuts, holds and delays byte streams: toxiproxy as a library,
// shared by the process runtime and by the agent in each pod.
//
// A [Switch] holds what is done to which flow. A [Relay] is one proxied link: it
// accepts, dials, and hands both connections to toxiproxy, with a toxic of our
// own ("seatrial_gate") on each direction from the start. A gate reads one
// atomically swapped table of its flow before it lets a chunk pass, so many flows
// change at once, within microseconds, without touching a single connection.
//
//	sw := stream.NewSwitch()
//	relay := &stream.Relay{Switch: sw, From: "n1", To: "n2", Port: "peer",
//		Dial: stream.DialTo("127.0.0.1:2380", nil)}
//	go relay.Serve(listener)
//	sw.Apply("cut", link.Effect{Action: link.Drop}, link.Between(a, b))
//	sw.Undo("cut")
//	relay.Close()
//
// # Why toxiproxy's own accept loop is not used
//
// toxiproxy.Proxy dials its upstream without a deadline, inside the loop that
// Stop waits for. So the proxy is never started: a relay accepts and dials, with
// a context, a deadline and a socket mark, and calls Toxics.StartLink for each
// direction. Two more things are its own:
//
//   - toxiproxy leaves a chain behind when a write fails: nobody reads its output
//     any more, and its goroutines wait for ever. A gate knows when its writer is
//     gone, and then discards.
//   - toxiproxy closes a connection where its peer only ended its own direction.
//     Here a half-close stays one, and a reset is passed on as a reset.
//
// # What the actions do to a stream
//
//   - HoldBack keeps bytes, and ends of streams, in order, and releases them when undone.
//   - Drop does the same. A stream that loses bytes in the middle and carries on is
//     corruption, not a network: TCP would send them again until it gives up. What
//     was sent into a black hole comes out when it heals, if the connection lives.
//   - Delay stamps each chunk when it arrives, so chunks wait side by side and
//     latency does not throttle bandwidth. Order is kept. Undone, what waits is
//     released at once.
//   - Refuse resets the connections of the flow, and every new one (SO_LINGER 0).
//
// Several effects may be on one flow: refuse wins, then hold and drop, and delays add.
//
// A new connection waits, accepted and silent, until both directions pass and
// their latency is over (a handshake takes one round trip), and only then is the
// upstream dialled. If that fails, the client's side is reset.
//
// A gate keeps at most 16 MiB; then it stops reading, and the sender's own
// buffers fill, as they would without a proxy.
//
// # What a proxy can't do
//
// The kernel acknowledges what a relay has read: keepalives and TCP_USER_TIMEOUT
// never see a cut. A client's connect succeeds before the upstream was dialled.
package stream
