package main

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seatrial/seatrial/harness/link"
)

// queuedEffect is one effect on single packets that is in force.
type queuedEffect struct {
	link.Effect
	count link.Count
}

func (e *queuedEffect) bit(bytes int) {
	e.count.Packets++
	e.count.Bytes += uint64(bytes)
}

// stage is one effect on one flow. A packet goes through all stages of its flow
// that it meets, one after the other.
type stage struct {
	effect *queuedEffect
	draws  *rand.Rand
	// bursting says that the next packet is lost in a burst.
	bursting bool
	// last is when the newest packet leaves the stage: none leaves before it.
	last time.Time
}

// newStage seeds the draws by the effect's seed, the flow's name and the action,
// so that neither another flow nor another effect moves them.
func newStage(e *queuedEffect, flow link.Flow) *stage {
	name := fnv.New64a()
	_, _ = fmt.Fprintf(name, "%s %s", flow, e.Action)
	s := &stage{effect: e, draws: rand.New(rand.NewPCG(e.Seed, name.Sum64()))}
	if e.Burst > 1 {
		s.bursting = s.draws.Float64() < e.Probability
	}
	return s
}

// order is that of a flow's stages: what is lost needs no line, a line is in front
// of the way that takes time, and overtaking comes last, because every stage before
// it keeps order.
var order = []link.Action{link.Lose, link.Corrupt, link.Duplicate, link.Throttle, link.Delay, link.Reorder}

func byOrder(a, b *stage) int {
	return cmp.Compare(slices.Index(order, a.effect.Action), slices.Index(order, b.effect.Action))
}

// falls draws whether the effect falls on the next packet. Bursts are a chain of
// two states (Gilbert): each packet of a burst is its last with 1/Burst, and the
// gaps between are as long as Probability wants.
func (s *stage) falls() bool {
	if s.effect.Burst <= 1 {
		return s.draws.Float64() < s.effect.Probability
	}
	lost := s.bursting
	ends := 1 / float64(s.effect.Burst)
	if lost {
		s.bursting = s.draws.Float64() >= ends
	} else {
		s.bursting = s.draws.Float64() < ends*s.effect.Probability/(1-s.effect.Probability)
	}
	return lost
}

// wait draws how long a Delay or a Reorder keeps the next packet.
func (s *stage) wait() time.Duration {
	wait := s.effect.Latency
	if s.effect.Jitter > 0 {
		wait += time.Duration(s.draws.Int64N(2*int64(s.effect.Jitter)+1)) - s.effect.Jitter
	}
	return max(wait, 0)
}

// The line of a Throttle keeps what half a second carries, within these bounds, and
// loses what comes then.
const (
	lineMin = 32 << 10
	lineMax = 4 << 20
)

// room reports whether a packet that comes now finds room in the line.
func (s *stage) room(now time.Time, bytes int) bool {
	waiting := s.last.Sub(now)
	if waiting <= 0 {
		return true
	}
	rate := s.effect.BytesPerSecond
	kept := float64(rate) * waiting.Seconds()
	return kept+float64(bytes) <= float64(min(max(rate/2, lineMin), lineMax))
}

// takes is how long the line needs for so many bytes.
func (s *stage) takes(bytes int) time.Duration {
	rate := s.effect.BytesPerSecond
	return time.Duration((int64(bytes)*int64(time.Second) + rate - 1) / rate)
}

// leaves is when a packet leaves that enters at a time, and drew a wait. A line
// begins with it when the one before has left.
func (s *stage) leaves(enters time.Time, wait time.Duration, bytes int) time.Time {
	switch s.effect.Action {
	case link.Throttle:
		s.last = latest(enters, s.last).Add(s.takes(bytes))
	case link.Delay:
		s.last = latest(enters.Add(wait), s.last)
	default: // a Reorder keeps no order
		return enters.Add(wait)
	}
	return s.last
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
