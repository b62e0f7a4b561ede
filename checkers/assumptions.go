package checkers

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// Sound checks what every judge of operations assumes: operations are in the
// order of their calls, a process has one at a time and none after an unknown
// outcome, nothing returns before its call, and keys and values exist. A history
// that breaks one of these was recorded wrongly, and a verdict on it would be
// worth nothing: the error says "the history is malformed" and where.
func Sound(h *history.History) error {
	if h == nil {
		return errors.New("the evidence has no history")
	}
	if err := h.Validate(); err != nil {
		return fmt.Errorf("the history is malformed: %w", err)
	}
	return nil
}

// listModel is the model of a history of lists.
const listModel = "append-list"

// initialValue returns what every key held at first. Unlike
// [history.History.Initial] it leaves the history as it is, and it does not
// panic on numbers that no value can hold.
func initialValue(h *history.History) (history.Value, error) {
	integer := func(n int64) (history.Value, error) {
		if n < history.MinInt || n > history.MaxInt {
			return history.None, fmt.Errorf("the header's initial value %d is beyond what a value can hold", n)
		}
		return history.Int(n), nil
	}
	switch x := h.Header.Initial.(type) {
	case nil:
		return history.Nil, nil
	case int:
		return integer(int64(x))
	case int64:
		return integer(x)
	case float64:
		if x != math.Trunc(x) || math.Abs(x) > 1<<53 {
			return history.None, fmt.Errorf("the header's initial value %v is not an integer that JSON can carry exactly", x)
		}
		return integer(int64(x))
	case string:
		if i := slices.Index(h.Strings, x); i >= 0 {
			return history.StringValue(i), nil
		}
		return history.StringValue(len(h.Strings)), nil // no operation can have it
	default:
		return history.None, fmt.Errorf("the header's initial value %v is neither null, an integer nor a string", x)
	}
}
