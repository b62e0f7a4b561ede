package link

import (
	"fmt"
	"slices"
)

// Actions are all that there are.
var Actions = []Action{Drop, Refuse, HoldBack, Delay, Throttle, SlowClose, Slice, Limit, Break, Lose, Reorder, Duplicate, Corrupt}

// Validate says what is wrong with an effect: a parameter that its action needs
// and that is missing, or one that it does not have. An effect with a parameter
// that would be ignored is not what its author meant.
func (e Effect) Validate() error {
	if e.Latency < 0 || e.Jitter < 0 || e.BytesPerSecond < 0 || e.SliceBytes < 0 || e.LimitBytes < 0 || e.Probability < 0 || e.Burst < 0 {
		return fmt.Errorf("%s: no parameter of an effect is below zero: %+v", e.Action, e)
	}
	for _, p := range []struct {
		name string
		set  bool
		of   []Action
	}{
		{"latency", e.Latency != 0, []Action{Delay, SlowClose, Slice, Reorder}},
		{"jitter", e.Jitter != 0, []Action{Delay}},
		{"bytes_per_second", e.BytesPerSecond != 0, []Action{Throttle}},
		{"slice_bytes", e.SliceBytes != 0, []Action{Slice}},
		{"limit_bytes", e.LimitBytes != 0, []Action{Limit}},
		{"probability", e.Probability != 0, []Action{Lose, Reorder, Duplicate, Corrupt}},
		{"burst", e.Burst != 0, []Action{Lose}},
		{"packets", e.Packets, []Action{Delay, Throttle}},
	} {
		if p.set && !slices.Contains(p.of, e.Action) {
			return fmt.Errorf("%s has no %s: it is a parameter of %v", e.Action, p.name, p.of)
		}
	}
	switch e.Action {
	case Drop, Refuse, HoldBack, Break:
	case Delay:
		if e.Latency+e.Jitter <= 0 {
			return fmt.Errorf("%s wants a latency or a jitter above zero", e.Action)
		}
	case Throttle:
		if e.BytesPerSecond == 0 {
			return fmt.Errorf("%s wants bytes_per_second above zero; %s lets nothing pass at all", e.Action, HoldBack)
		}
	case SlowClose:
		if e.Latency == 0 {
			return fmt.Errorf("%s wants a latency above zero: how much later an end is passed on", e.Action)
		}
	case Slice:
		if e.SliceBytes == 0 {
			return fmt.Errorf("%s wants slice_bytes above zero: the size of a piece", e.Action)
		}
	case Limit:
		if e.LimitBytes == 0 {
			return fmt.Errorf("%s wants limit_bytes above zero: what passes before the reset; %s resets at once", e.Action, Refuse)
		}
	case Lose, Reorder, Duplicate, Corrupt:
		if !(e.Probability > 0 && e.Probability <= 1) {
			return fmt.Errorf("%s wants a probability above 0 and at most 1, not %v", e.Action, e.Probability)
		}
		if e.Action == Reorder && e.Latency == 0 {
			return fmt.Errorf("%s wants a latency above zero: how long a packet waits to be overtaken", e.Action)
		}
		if e.Burst > 1 && e.Probability == 1 {
			return fmt.Errorf("%s with probability 1 loses everything, so it has no bursts: %s does that", e.Action, Drop)
		}
		if most := float64(e.Burst) / float64(e.Burst+1); e.Burst > 1 && e.Probability > most {
			return fmt.Errorf("%s of %v of all packets, %d in a row on average, leaves less than one packet between two bursts: at most %.4g can be lost so, or make the burst longer",
				e.Action, e.Probability, e.Burst, most)
		}
	default:
		return fmt.Errorf("unknown action %q: there are %v", e.Action, Actions)
	}
	if e.Transport != "" && e.Transport != TCP && e.Transport != UDP {
		return fmt.Errorf("%s: unknown transport %q: there are %s and %s; nothing is both", e.Action, e.Transport, TCP, UDP)
	}
	if (e.Stream() || e.Action == Break) && e.Transport == UDP {
		return fmt.Errorf("%s works on connections, and datagrams have none", e.Action)
	}
	return nil
}
