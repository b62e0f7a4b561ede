package checkers

import (
	"errors"
	"fmt"

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
