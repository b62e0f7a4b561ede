package main

import (
	"fmt"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/checkers/internal/synthetic"
	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// cell is one line of the table: a history and who judges it.
type cell struct {
	work    string
	load    synthetic.Load
	system  func() synthetic.System
	finish  func(h *history.History) // what belongs to the end of a valid one, if anything
	plant   func(h *history.History) // nil for a valid history
	checker checkers.Checker
	// made makes the history where load and system don't.
	made func() *history.History
	// second is the model for porcupine, nil where it has nothing to say.
	second model.Model
}

func (c cell) history() *history.History {
	var h *history.History
	if c.made != nil {
		h = c.made()
	} else {
		h = c.load.History(c.system(), 7)
	}
	if c.finish != nil {
		c.finish(h)
	}
	if c.plant != nil {
		c.plant(h)
	}
	return h
}

// want is the only right verdict; inconclusive is no wrong one.
func (c cell) want() checkers.Verdict {
	if c.plant != nil {
		return checkers.Violation
	}
	return checkers.Pass
}

const (
	thousand = 1_000
	million  = 1_000_000
)

func staleRead(h *history.History) { synthetic.PlantStaleRead(h, len(h.Ops)/2) }
func reorder(h *history.History)   { synthetic.PlantReorder(h, len(h.Ops)/2) }
func loss(h *history.History)      { synthetic.PlantLost(h, len(h.Ops)/2) }

func registers(swaps float64, silent bool) func() synthetic.System {
	return func() synthetic.System { return &synthetic.Registers{Swaps: swaps, Silent: silent} }
}

func registerCell(work string, load synthetic.Load, swaps float64, silent bool, plant func(*history.History)) cell {
	return cell{
		work: work, load: load, system: registers(swaps, silent), plant: plant, checker: checkers.Linearizable{},
		second: model.CASRegister(),
	}
}

// cells are the lines of the table, in its order.
func cells() []cell {
	var all []cell
	for _, n := range []int{thousand, 10 * thousand, 100 * thousand, million} {
		all = append(all, registerCell("register", synthetic.Load{Operations: n, Keys: 1, Clients: 50, Unknown: 0.05}, 0, false, nil))
	}
	all = append(all,
		registerCell("register", synthetic.Load{Operations: thousand, Keys: 1, Clients: 5}, 0, false, nil),
		registerCell("register", synthetic.Load{Operations: 10 * thousand, Keys: 1, Clients: 10}, 0, false, nil),
		registerCell("register", synthetic.Load{Operations: million, Keys: 1, Clients: 100, Unknown: 0.01}, 0, false, nil),
		registerCell("register", synthetic.Load{Operations: million, Keys: 100, Clients: 50, Unknown: 0.05}, 0, false, nil),
		registerCell("register", synthetic.Load{Operations: thousand, Keys: 1, Clients: 10, Unknown: 0.02}, 0, false, staleRead),
		registerCell("register", synthetic.Load{Operations: million, Keys: 1, Clients: 50, Unknown: 0.05}, 0, false, staleRead),
		registerCell("register", synthetic.Load{Operations: million, Keys: 100, Clients: 50, Unknown: 0.05}, 0, false, staleRead),
		registerCell("register, swaps", synthetic.Load{Operations: million, Keys: 1, Clients: 50, Unknown: 0.05}, 0.3, false, nil),
		registerCell("register, silent refusals", synthetic.Load{Operations: thousand, Keys: 1, Clients: 20, Unknown: 0.05}, 0.3, true, nil),
		registerCell("register, silent refusals", synthetic.Load{Operations: million, Keys: 1, Clients: 20, Unknown: 0.05}, 0.3, true, nil),
		registerCell("register, silent refusals", synthetic.Load{Operations: million, Keys: 100, Clients: 20, Unknown: 0.05}, 0.3, true, nil),
		registerCell("register, silent refusals", synthetic.Load{Operations: 100 * thousand, Keys: 1, Clients: 20, Unknown: 0.05}, 0.3, true, staleRead),
	)
	all = append(all, fewValueCells()...)
	all = append(all, multiCells()...)
	all = append(all, queueCells()...)
	all = append(all, ownModelCells()...)
	all = append(all, scanCells(million)...)
	return append(all, transactionCells()...)
}

func (c cell) describe() string {
	planted := "valid"
	if c.plant != nil {
		planted = "1 planted"
	}
	return fmt.Sprintf("| %s | %s | %d | %g %% | %d | %s", c.work, countText(c.load.Operations), c.load.Clients, 100*c.load.Unknown, c.load.Keys, planted)
}

func countText(n int) string {
	switch {
	case n >= million:
		return fmt.Sprintf("%d M", n/million)
	case n >= thousand:
		return fmt.Sprintf("%d k", n/thousand)
	default:
		return fmt.Sprint(n)
	}
}
