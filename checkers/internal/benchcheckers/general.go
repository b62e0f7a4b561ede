package main

import (
	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/checkers/internal/synthetic"
	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// maximum is a model of one's own: a cell that keeps the largest value written.
func maximum() model.Spec[history.Value] {
	return model.Spec[history.Value]{
		Name:    "max-register",
		Kinds:   []history.Kind{history.Read, history.Write},
		Initial: func(*model.Object) []history.Value { return []history.Value{0} },
		Step: func(state history.Value, op model.Op) (history.Value, bool) {
			if op.Kind == history.Read {
				return state, op.Told(state)
			}
			return max(state, op.Value), true
		},
		Observes: func(op model.Op) bool { return op.Kind == history.Read },
	}
}

func ownModelCells() []cell {
	system := func() synthetic.System { return &synthetic.Maxima{} }
	own := func(operations int, unknown float64, plant func(*history.History)) cell {
		return cell{
			work: "a model of one's own", load: synthetic.Load{Operations: operations, Keys: 1, Clients: 10, Unknown: unknown},
			system: system, plant: plant, checker: checkers.Linearizable{Model: maximum()}, second: maximum(),
		}
	}
	return []cell{own(thousand, 0, nil), own(100*thousand, 0, nil), own(100*thousand, 0.01, nil), own(100*thousand, 0, tooLow)}
}

// tooLow makes a read return less than a read before it.
func tooLow(h *history.History) {
	for i := len(h.Ops) / 2; i < len(h.Ops); i++ {
		if op := &h.Ops[i]; op.Kind == history.Read && op.Outcome == history.OK {
			op.Result -= 10_000
			return
		}
	}
}

// fewValueCells are registers of five values, as Jepsen's own tests write them.
func fewValueCells() []cell {
	few := func(operations int, plant func(*history.History)) cell {
		return cell{
			work: "register, five values", load: synthetic.Load{Operations: operations, Keys: 1, Clients: 20, Unknown: 0.02},
			system: func() synthetic.System { return &synthetic.Registers{Values: 5, Swaps: 0.3, Silent: true} }, plant: plant,
			checker: checkers.Linearizable{}, second: model.CASRegister(),
		}
	}
	return []cell{few(thousand, nil), few(100*thousand, nil), few(100*thousand, neverWritten)}
}

// neverWritten makes a read return what nobody wrote.
func neverWritten(h *history.History) {
	for i := len(h.Ops) / 2; i < len(h.Ops); i++ {
		if op := &h.Ops[i]; op.Kind == history.Read && op.Outcome == history.OK {
			op.Result = 1 << 40
			return
		}
	}
}

func multiCells() []cell {
	multi := func(operations int, plant func(*history.History)) cell {
		return cell{
			work: "multi-register", load: synthetic.Load{Operations: operations, Keys: 3, Clients: 20, Unknown: 0.02},
			system: func() synthetic.System { return &synthetic.Cells{} }, plant: plant,
			checker: checkers.Linearizable{}, second: model.MultiRegister(),
		}
	}
	half := func(h *history.History) { synthetic.PlantHalfRead(h, len(h.Ops)/2) }
	return []cell{multi(thousand, nil), multi(10*thousand, nil), multi(10*thousand, half), multi(100*thousand, nil)}
}

func queueCells() []cell {
	queue := func(operations int, unknown float64, plant func(*history.History)) cell {
		return cell{
			work: "FIFO queue", load: synthetic.Load{Operations: operations, Keys: 1, Clients: 20, Unknown: unknown},
			system: func() synthetic.System { return &synthetic.Queues{} }, plant: plant,
			checker: checkers.Linearizable{}, second: model.FIFOQueue(),
		}
	}
	return []cell{queue(thousand, 0, nil), queue(million, 0, nil), queue(million, 0.05, nil), queue(million, 0.02, reorder)}
}
