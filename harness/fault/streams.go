package fault

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/named"
)

// Bandwidth lets BytesPerSecond pass on each connection between the target and
// the other nodes, each way. Nothing is lost; what does not fit waits.
type Bandwidth struct {
	Target         Target
	BytesPerSecond int64
}

// SlowClose passes the end of a connection between the target and the other
// nodes on by Delay later than it came, a reset as well: until then the other
// side holds a connection whose peer is gone.
type SlowClose struct {
	Target Target
	Delay  time.Duration
}

// Slice cuts what passes between the target and the other nodes into pieces of
// at most Bytes, with Pause after each: a reader that takes what one read gives
// for a whole message meets parts of it.
type Slice struct {
	Target Target
	Bytes  int
	Pause  time.Duration
}

// FaultName is "bandwidth".
func (Bandwidth) FaultName() string { return "bandwidth" }

// FaultName is "slow-close".
func (SlowClose) FaultName() string { return "slow-close" }

// FaultName is "slice".
func (Slice) FaultName() string { return "slice" }

// At is the target.
func (f Bandwidth) At() Target { return f.Target }

// At is the target.
func (f SlowClose) At() Target { return f.Target }

// At is the target.
func (f Slice) At() Target { return f.Target }

func (f Bandwidth) effect() link.Effect {
	return link.Effect{Action: link.Throttle, BytesPerSecond: f.BytesPerSecond}
}
func (f SlowClose) effect() link.Effect {
	return link.Effect{Action: link.SlowClose, Latency: f.Delay}
}
func (f Slice) effect() link.Effect {
	return link.Effect{Action: link.Slice, SliceBytes: f.Bytes, Latency: f.Pause}
}

// Applies needs a second node and a rate.
func (f Bandwidth) Applies(s cluster.System, n cluster.Network) error {
	if f.BytesPerSecond <= 0 {
		return fmt.Errorf("bandwidth: BytesPerSecond is %d: it must be above zero; fault.Hold lets nothing pass", f.BytesPerSecond)
	}
	return cutApplies(f, s, n)
}

// Applies needs a second node and a delay.
func (f SlowClose) Applies(s cluster.System, n cluster.Network) error {
	if f.Delay <= 0 {
		return fmt.Errorf("slow close: Delay is %v: it must be above zero", f.Delay)
	}
	return cutApplies(f, s, n)
}

// Applies needs a second node and the size of a piece.
func (f Slice) Applies(s cluster.System, n cluster.Network) error {
	if f.Bytes <= 0 || f.Pause < 0 {
		return fmt.Errorf("slice: Bytes is %d and Pause %v: Bytes must be above zero, and Pause not below it", f.Bytes, f.Pause)
	}
	return cutApplies(f, s, n)
}

// Aim throttles the links from the target to every other node, both ways.
func (f Bandwidth) Aim(ctx context.Context, aim Aim) (Act, error) {
	return aimCut(ctx, aim, f.Target, "bandwidth "+rate(f.BytesPerSecond), f.effect())
}

// Aim slows the closing of connections from the target to every other node, both ways.
func (f SlowClose) Aim(ctx context.Context, aim Aim) (Act, error) {
	return aimCut(ctx, aim, f.Target, fmt.Sprintf("slow close %v", f.Delay), f.effect())
}

// Aim cuts what the target and every other node send each other into pieces.
func (f Slice) Aim(ctx context.Context, aim Aim) (Act, error) {
	return aimCut(ctx, aim, f.Target, fmt.Sprintf("slice %d bytes, pause %v,", f.Bytes, f.Pause), f.effect())
}

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

func init() { named.Register(Bandwidth{}, SlowClose{}, Slice{}) }
