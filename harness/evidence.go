package harness

import (
	"errors"
	"fmt"
	"io"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/results"
)

// faultsOf tells the life of every fault, with when its step was planned.
func faultsOf(steps []fault.Step, h *history.History) []results.Fault {
	load, _ := h.Find("load")
	faults := results.FaultsOf(h)
	for i := range faults {
		for _, s := range steps {
			if s.Number == faults[i].Step {
				faults[i].Planned = load.Time + int64(s.At)
			}
		}
	}
	return faults
}

// savePicture draws the failing key of a violation.
func savePicture(dir *results.Dir, h *history.History, result checkers.Result) error {
	if result.Proof == nil || result.Proof.Key == "" {
		return nil
	}
	for number, name := range h.Keys {
		if name != result.Proof.Key {
			continue
		}
		draw := func(w io.Writer) error { return checkers.Picture(h, history.Key(number), w) }
		if err := dir.WriteFile(results.PictureFile, draw); errors.Is(err, checkers.ErrNotDrawn) {
			return nil // the report shows its proof
		} else if err != nil {
			return fmt.Errorf("draw key %s: %w", name, err)
		}
	}
	return nil
}
