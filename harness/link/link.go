package link

import (
	"context"
	"fmt"
	"net"
	"time"
)

// End is one end of a flow: the name of a node or of a client group.
type End string

// Clients is the client group that every client belongs to unless a scenario says otherwise.
const Clients End = "clients"

// Flow is everything that travels from one end to another, whoever dialled.
type Flow struct {
	From, To End
}

// String is "n1>n2".
func (f Flow) String() string { return string(f.From) + ">" + string(f.To) }

// Reverse is the flow the other way.
func (f Flow) Reverse() Flow { return Flow{From: f.To, To: f.From} }

// Between lists the flows from every end in a to every other end in b, and back.
func Between(a, b []End) []Flow {
	var flows []Flow
	for _, from := range a {
		for _, to := range b {
			if from != to {
				flows = append(flows, Flow{from, to}, Flow{to, from})
			}
		}
	}
	return flows
}

// Action is what a fault does to a flow.
type Action string

// The actions. They are different faults with opposite verdicts on one
// configuration, so there is no action called "partition".
const (
	// Drop swallows every packet, of established connections too: nobody is told anything.
	Drop Action = "drop"
	// Refuse answers every packet with a reset, as a host whose port is closed does.
	Refuse Action = "refuse"
	// HoldBack keeps bytes and releases them, in order and complete, when it is undone.
	HoldBack Action = "hold"
	// Delay adds latency with jitter to every byte.
	Delay Action = "delay"
	// Throttle lets a number of bytes a second pass.
	Throttle Action = "throttle"
	// SlowClose passes the end of a stream on later than it came.
	SlowClose Action = "slow-close"
	// Slice cuts what passes into small pieces, with a pause between them.
	Slice Action = "slice"
	// Limit resets a connection once so many bytes have passed on it.
	Limit Action = "limit"
	// Break resets the connections that there are, idle ones too, once: new ones
	// are let through. It acts on a link, whichever of its flows is named, and
	// undoing it changes nothing.
	Break Action = "break"
	// Lose drops packets at random, alone or in bursts.
	Lose Action = "lose"
	// Reorder lets packets at random be overtaken by those behind them.
	Reorder Action = "reorder"
	// Duplicate sends packets at random twice.
	Duplicate Action = "duplicate"
	// Corrupt flips a bit in packets at random; their checksum stays as it was.
	Corrupt Action = "corrupt"
)

// Transport is what a packet carries.
type Transport string

// The transports. As a parameter of an effect "" is every packet.
const (
	TCP Transport = "tcp"
	UDP Transport = "udp"
)

// Effect is an action with its parameters.
type Effect struct {
	Action Action `json:"action"`
	// Latency and Jitter are for Delay: each chunk or packet waits Latency ± a
	// uniform draw up to Jitter; none overtakes another. For SlowClose Latency is how
	// long the end waits, for Slice the pause between two pieces, and for Reorder how
	// long a packet waits to be overtaken.
	Latency time.Duration `json:"latency,omitempty"`
	Jitter  time.Duration `json:"jitter,omitempty"`
	// Seed makes the draws of Jitter and Probability repeatable.
	Seed uint64 `json:"seed,omitempty"`
	// BytesPerSecond is for Throttle: what passes on each connection of the flow, or
	// with Packets on the flow, headers of IP and above included.
	BytesPerSecond int64 `json:"bytes_per_second,omitempty"`
	// SliceBytes is for Slice: the size of a piece.
	SliceBytes int `json:"slice_bytes,omitempty"`
	// LimitBytes is for Limit: what passes on each connection of the flow before it is reset.
	LimitBytes int64 `json:"limit_bytes,omitempty"`
	// Probability is for Lose, Reorder, Duplicate and Corrupt: the share of packets
	// that they fall on, above 0 and at most 1.
	Probability float64 `json:"probability,omitempty"`
	// Burst is for Lose: how many packets are lost in a row on average. The share
	// stays Probability, which is at most Burst/(Burst+1): a packet passes between
	// two bursts. 0 and 1 lose each packet for itself.
	Burst int `json:"burst,omitempty"`
	// Packets lets Delay and Throttle work on packets of every protocol instead of
	// on byte streams: the link stays plain, and no redirect is needed.
	Packets bool `json:"packets,omitempty"`
	// Port narrows an effect to connections and datagrams of that port, at either
	// end: a flow's port 2380 is what is sent to that port and what is answered
	// from it. 0 is every port. Transport narrows it to TCP or UDP.
	Port      uint16    `json:"port,omitempty"`
	Transport Transport `json:"transport,omitempty"`
}

// Stream reports whether the effect works on byte streams through a proxy, and so
// needs a link between nodes to be redirected before the system starts.
func (e Effect) Stream() bool {
	switch e.Action {
	case HoldBack, SlowClose, Slice, Limit:
		return true
	case Delay, Throttle:
		return !e.Packets
	}
	return false
}

// Queued reports whether the effect works on single packets that pass through a
// queue in user space.
func (e Effect) Queued() bool {
	switch e.Action {
	case Lose, Reorder, Duplicate, Corrupt:
		return true
	case Delay, Throttle:
		return e.Packets
	}
	return false
}

// Count is what an effect did to real traffic.
type Count struct {
	Packets uint64 `json:"packets"` // packets, or chunks of a stream
	Bytes   uint64 `json:"bytes"`
	// Missed are packets that the effect might have met and did not: the queue was
	// full. What the kernel could not queue has passed untouched; what had no
	// room to wait is lost.
	Missed uint64 `json:"missed,omitempty"`
}

// Add sums two counts.
func (c Count) Add(d Count) Count {
	return Count{Packets: c.Packets + d.Packets, Bytes: c.Bytes + d.Bytes, Missed: c.Missed + d.Missed}
}

// String is "3 packets, 180 bytes", and with Missed ", 2 packets missed".
func (c Count) String() string {
	text := fmt.Sprintf("%d packets, %d bytes", c.Packets, c.Bytes)
	if c.Missed > 0 {
		text += fmt.Sprintf(", %d packets missed: the queue was full", c.Missed)
	}
	return text
}

// Dialer opens connections from a client group to a node.
type Dialer interface {
	// DialAs connects to address, which is "node:port" with a port's name or
	// number, or any host:port that the system handed out. A refused connection
	// is an error that wraps syscall.ECONNREFUSED: nothing was sent, so what the
	// client wanted to ask definitely did not happen.
	DialAs(ctx context.Context, group End, address string) (net.Conn, error)
}

// Session is a client's place on the network, given to the adapter that opens
// the client. The adapter's connections all come from Dial.
type Session struct {
	// Process and Slot as in package history.
	Process, Slot int
	// Group is the client group whose links the session's connections use.
	Group End
	// Node is the node that the session talks to.
	Node string
	// Timeout bounds a connection attempt.
	Timeout time.Duration
	Dialer  Dialer
}

// Dial connects to address as [Dialer.DialAs] does, within the session's timeout.
func (s Session) Dial(ctx context.Context, address string) (net.Conn, error) {
	if s.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Timeout)
		defer cancel()
	}
	return s.Dialer.DialAs(ctx, s.Group, address)
}
