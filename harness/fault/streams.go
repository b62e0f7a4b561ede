package fault

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
)

// Latency delays every byte between the target and the other nodes by
// Latency ± a uniform draw of up to Jitter, each way. With Packets it delays every
// packet instead, of every protocol, on links that need no proxy.
type Latency struct {
	Target
	Latency time.Duration
	Jitter  time.Duration
	Packets bool
}

// Bandwidth lets BytesPerSecond pass on each connection between the target and
// the other nodes, each way. Nothing is lost; what does not fit waits. With Packets
// it is a rate of the whole link each way, and what the queue does not hold is lost.
type Bandwidth struct {
	Target
	BytesPerSecond int64
	Packets        bool
}

// SlowClose passes the end of a connection between the target and the other
// nodes on by Delay later than it came, a reset as well: until then the other
// side holds a connection whose peer is gone.
type SlowClose struct {
	Target
	Delay time.Duration
}

// Slice cuts what passes between the target and the other nodes into pieces of
// at most Bytes, with Pause after each: a reader that takes what one read gives
// for a whole message meets parts of it.
type Slice struct {
	Target
	Bytes int
	Pause time.Duration
}

// ByteLimit resets each connection between the target and the other nodes once
// Bytes have passed on it: in the middle of a message, and again after reconnecting.
type ByteLimit struct {
	Target
	Bytes int64
}

// FaultName is "latency".
func (Latency) FaultName() string { return "latency" }

// FaultName is "bandwidth".
func (Bandwidth) FaultName() string { return "bandwidth" }

// FaultName is "slow-close".
func (SlowClose) FaultName() string { return "slow-close" }

// FaultName is "slice".
func (Slice) FaultName() string { return "slice" }

// FaultName is "byte-limit".
func (ByteLimit) FaultName() string { return "byte-limit" }

func (f Latency) words() string {
	return fmt.Sprintf("latency %v ± %v%s", f.Latency, f.Jitter, ofPackets(f.Packets))
}
func (f Bandwidth) words() string {
	return "bandwidth " + rate(f.BytesPerSecond) + ofPackets(f.Packets)
}
func (f SlowClose) words() string { return fmt.Sprintf("slow close %v", f.Delay) }
func (f Slice) words() string     { return fmt.Sprintf("slice %d bytes, pause %v,", f.Bytes, f.Pause) }
func (f ByteLimit) words() string { return fmt.Sprintf("byte limit %d", f.Bytes) }

func ofPackets(packets bool) string {
	if packets {
		return " of packets"
	}
	return ""
}

func (f Latency) effect() link.Effect {
	return link.Effect{Action: link.Delay, Latency: f.Latency, Jitter: f.Jitter, Packets: f.Packets}
}
func (f Bandwidth) effect() link.Effect {
	return link.Effect{Action: link.Throttle, BytesPerSecond: f.BytesPerSecond, Packets: f.Packets}
}
func (f SlowClose) effect() link.Effect {
	return link.Effect{Action: link.SlowClose, Latency: f.Delay}
}
func (f Slice) effect() link.Effect {
	return link.Effect{Action: link.Slice, SliceBytes: f.Bytes, Latency: f.Pause}
}
func (f ByteLimit) effect() link.Effect {
	return link.Effect{Action: link.Limit, LimitBytes: f.Bytes}
}

// Validate wants a latency, and a jitter that is no longer.
func (f Latency) Validate() error {
	if f.Latency <= 0 || f.Jitter < 0 || f.Jitter > f.Latency {
		return fmt.Errorf("latency %v with jitter %v: the latency must be above zero, and the jitter between zero and the latency", f.Latency, f.Jitter)
	}
	return nil
}

// Validate wants a rate.
func (f Bandwidth) Validate() error {
	if f.BytesPerSecond <= 0 {
		return fmt.Errorf("bandwidth: BytesPerSecond is %d: it must be above zero; fault.Hold lets nothing pass", f.BytesPerSecond)
	}
	return nil
}

// Validate wants a delay.
func (f SlowClose) Validate() error {
	if f.Delay <= 0 {
		return fmt.Errorf("slow close: Delay is %v: it must be above zero", f.Delay)
	}
	return nil
}

// Validate wants the size of a piece.
func (f Slice) Validate() error {
	if f.Bytes <= 0 || f.Pause < 0 {
		return fmt.Errorf("slice: Bytes is %d and Pause %v: Bytes must be above zero, and Pause not below it", f.Bytes, f.Pause)
	}
	return nil
}

// Validate wants a number of bytes.
func (f ByteLimit) Validate() error {
	if f.Bytes <= 0 {
		return fmt.Errorf("byte limit: Bytes is %d: it must be above zero; fault.Reset lets nothing pass", f.Bytes)
	}
	return nil
}

// Applies needs a second node.
func (f Latency) Applies(s cluster.System, n cluster.Network) error { return networkApplies(f, s, n) }

// Applies needs a second node.
func (f Bandwidth) Applies(s cluster.System, n cluster.Network) error { return networkApplies(f, s, n) }

// Applies needs a second node.
func (f SlowClose) Applies(s cluster.System, n cluster.Network) error { return networkApplies(f, s, n) }

// Applies needs a second node.
func (f Slice) Applies(s cluster.System, n cluster.Network) error { return networkApplies(f, s, n) }

// Applies needs a second node.
func (f ByteLimit) Applies(s cluster.System, n cluster.Network) error { return networkApplies(f, s, n) }

// Aim delays the links from the target to every other node, both ways.
func (f Latency) Aim(ctx context.Context, aim Aim) (Act, error) { return aimNetwork(ctx, aim, f) }

// Aim throttles the links from the target to every other node, both ways.
func (f Bandwidth) Aim(ctx context.Context, aim Aim) (Act, error) { return aimNetwork(ctx, aim, f) }

// Aim slows the closing of connections from the target to every other node, both ways.
func (f SlowClose) Aim(ctx context.Context, aim Aim) (Act, error) { return aimNetwork(ctx, aim, f) }

// Aim cuts what the target and every other node send each other into pieces.
func (f Slice) Aim(ctx context.Context, aim Aim) (Act, error) { return aimNetwork(ctx, aim, f) }

// Aim limits the connections between the target and every other node.
func (f ByteLimit) Aim(ctx context.Context, aim Aim) (Act, error) { return aimNetwork(ctx, aim, f) }

// rate is "20 kB/s"; a kB is 1000 bytes.
func rate(bytesPerSecond int64) string {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"GB/s", 1e9}, {"MB/s", 1e6}, {"kB/s", 1e3}} {
		if bytesPerSecond >= unit.bytes {
			return strconv.FormatFloat(float64(bytesPerSecond)/float64(unit.bytes), 'g', 4, 64) + " " + unit.name
		}
	}
	return strconv.FormatInt(bytesPerSecond, 10) + " B/s"
}

func init() {
	slow := Latency{Target: Random, Latency: 60 * time.Millisecond, Jitter: 40 * time.Millisecond}
	slowPackets := slow
	slowPackets.Packets = true
	Register(
		Entry{Kind: KindNetwork, Example: slow,
			About: "delays every byte, or with Packets every packet of every protocol",
			More:  []Fault{slowPackets}},
		Entry{Kind: KindNetwork, Example: Bandwidth{Target: Leader, BytesPerSecond: 20_000},
			About: "lets so many bytes a second pass on each connection, or with Packets on each link",
			More:  []Fault{Bandwidth{Target: Leader, BytesPerSecond: 100_000, Packets: true}}},
		Entry{Kind: KindNetwork, Example: SlowClose{Target: Random, Delay: 500 * time.Millisecond},
			About: "passes the end of a connection on later than it came"},
		Entry{Kind: KindNetwork, Example: Slice{Target: Random, Bytes: 64, Pause: time.Millisecond},
			About: "cuts byte streams into small pieces, with a pause after each"},
		Entry{Kind: KindNetwork, Example: ByteLimit{Target: Random, Bytes: 20_000},
			About: "resets each connection once so many bytes have passed on it"},
	)
}
