package link

import (
	"fmt"
	"slices"
)

// Validate says what is wrong with an effect: a parameter that its action needs
// and that is missing, or one that it does not have. An effect with a parameter
// that would be ignored is not what its author meant.
func (e Effect) Validate() error {
	if e.Latency < 0 || e.Jitter < 0 || e.BytesPerSecond < 0 || e.SliceBytes < 0 {
		return fmt.Errorf("%s: no parameter of an effect is below zero: %+v", e.Action, e)
	}
	for _, p := range []struct {
		name string
		set  bool
		of   []Action
	}{
		{"latency", e.Latency != 0, []Action{Delay, SlowClose, Slice}},
		{"jitter", e.Jitter != 0, []Action{Delay}},
		{"bytes_per_second", e.BytesPerSecond != 0, []Action{Throttle}},
		{"slice_bytes", e.SliceBytes != 0, []Action{Slice}},
	} {
		if p.set && !slices.Contains(p.of, e.Action) {
			return fmt.Errorf("%s has no %s: it is a parameter of %v", e.Action, p.name, p.of)
		}
	}
	switch e.Action {
	case Drop, Refuse, HoldBack:
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
	default:
		return fmt.Errorf("unknown action %q: there are %s, %s, %s, %s, %s, %s and %s",
			e.Action, Drop, Refuse, HoldBack, Delay, Throttle, SlowClose, Slice)
	}
	return nil
}
