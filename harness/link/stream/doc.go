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
//	relay := &stream.Relay{Switch: sw, From: "n1", To: "n2", Port: "peer", Number: 2380,
//		Dial: stream.DialTo("127.0.0.1:2380", nil)}
//	go relay.Serve(listener)
//	sw.Apply("cut", link.Effect{Action: link.Drop}, link.Between(a, b))
//	sw.Undo("cut")
//	relay.Close()
//
// A flow has a table for every port, because an effect can be narrowed to one: to
// what is sent to that port and what is answered from it. A port that is used for
// the first time meets what is in force on its flow.
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
//
//   - Drop does the same. A stream that loses bytes in the middle and carries on is
//     corruption, not a network: TCP would send them again until it gives up. What
//     was sent into a black hole comes out when it heals, if the connection lives.
//
//   - Delay stamps each chunk when it arrives, so chunks wait side by side and
//     latency does not throttle bandwidth. Order is kept. Undone, what waits is
//     released at once.
//
//   - Refuse resets the connections of the flow, and every new one (SO_LINGER 0).
//
//   - Throttle lets bytes leave as a line of that rate would: each when it would
//     have been transmitted, in pieces of a hundredth of a second. Every connection
//     and direction has a line of its own. At no time has more arrived than the rate
//     allows; a lane that fell behind, because a timer was late or the receiver
//     stood still, catches up at most 50 ms.
//
//   - Slice cuts each chunk that was read into pieces of that size, with a pause
//     after each piece. Small chunks are not joined: a stream has no messages.
//
//   - SlowClose passes the end of a direction on that much later than it came. A
//     reset is an end too, and comes as late; so for that long the far side holds a
//     connection whose peer is gone. Bytes in front of the end are not slowed.
//
//   - Limit lets so many bytes of a connection pass, from when it was applied or the
//     connection was made, and then resets it, at both ends. What passed last may be
//     lost with it where the receiver has not room for it, as TCP's own resets lose it.
//
//   - Break resets the connections that there are, both ends, idle ones too, and is
//     over. It puts nothing into the tables, so a link that it was on costs nothing.
//
// Several effects may be on one flow. Refuse wins, then hold and drop: while they
// last nothing else is begun. Then a chunk waits for its delays, which add; then its
// pieces wait for their turn, by the lowest of the rates, in the smallest of the
// sizes, with the longest of the pauses. The end of a stream waits behind its
// bytes; its delays and its slow closes add. When an effect is undone, what only
// it kept leaves at once, in order.
//
// A limit counts what has passed all others, and the lowest resets the connection.
//
// What each counts: hold, drop and delay the chunks and ends that met them; refuse,
// break and limit the connections; throttle the pieces that it made wait; slice the pieces of
// chunks that it cut, so that a chunk shorter than a piece proves nothing; slow
// close the ends.
//
// A new connection waits, accepted and silent, until both directions pass and
// their latency is over (a handshake takes one round trip), and only then is the
// upstream dialled. If that fails, the client's side is reset. A handshake is not
// throttled, cut, slowed or limited by the others.
//
// A gate keeps at most 16 MiB, and 256 KiB where it only throttles or cuts; then
// it stops reading, and the sender's own buffers fill, as they would without a proxy.
//
// # What a relay costs
//
// A link on which nothing is in force costs what any proxy does. toxiproxy's
// chain hands a chunk from the reader to a no-op, to the gate and to the writer,
// and each hand-over wakes a goroutine: 70 µs a round trip, where 18 go direct.
// So while no effect is on the flow and no byte is under way in the chain, the
// reader writes to the far socket itself: 34 µs, as plain copying. The first chunk
// that is read after an effect was applied takes the chain again. See
// BenchmarkRoundTrip.
//
// # What a proxy can't do
//
// The kernel acknowledges what a relay has read: keepalives and TCP_USER_TIMEOUT
// never see a cut. A client's connect succeeds before the upstream was dialled.
package stream
