package main

import (
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/checkers/internal/synthetic"
	"github.com/seatrial/seatrial/harness/history"
)

// scanCells are the checkers that read a history once. A set is read ten times.
func scanCells(operations int) []cell {
	load := synthetic.Load{Operations: operations, Keys: 1, Clients: 50, Unknown: 0.05}
	sets := func() synthetic.System { return &synthetic.Sets{Every: operations / 10} }
	queues := func() synthetic.System { return &synthetic.Queues{} }
	scan := func(work string, system func() synthetic.System, plant func(*history.History), checker checkers.Checker) cell {
		return cell{work: work, load: load, system: system, plant: plant, checker: checker}
	}
	cells := []cell{
		scan("set-full", sets, nil, checkers.SetFull{}),
		scan("set-full", sets, loss, checkers.SetFull{Linearizable: true}),
		{work: "set", load: load, system: sets, finish: synthetic.ReadSets, checker: checkers.Set{}},
		scan("causal-reverse", sets, nil, checkers.CausalReverse{}),
		scan("causal-reverse", sets, loss, checkers.CausalReverse{}),
		{work: "total-queue", load: load, system: queues, finish: synthetic.DrainQueues, checker: checkers.TotalQueue{}},
		scan("per-key-order", queues, nil, checkers.PerKeyOrder{}),
		scan("unique-ids", func() synthetic.System { return &synthetic.IDs{} }, nil, checkers.UniqueIDs{}),
		scan("counter", func() synthetic.System { return &synthetic.Counters{} }, nil, checkers.CounterBounds{}),
		scan("bank", func() synthetic.System { return &synthetic.Bank{} }, nil, checkers.Bank{}),
		scan("bank", func() synthetic.System { return &synthetic.Bank{} }, at(synthetic.PlantWrongBalance), checkers.Bank{}),
	}
	for _, keys := range []int{1, 100} {
		load.Keys = keys
		cells = append(cells,
			scan("staleness", registers(0.1, false), nil, checkers.Staleness{Bound: time.Millisecond}),
			scan("sessions", registers(0.1, false), nil, checkers.Sessions{}))
	}
	cells = append(cells,
		scan("staleness", registers(0.1, false), staleRead, checkers.Staleness{Bound: time.Nanosecond}),
		scan("sessions", registers(0.1, false), func(h *history.History) { synthetic.PlantForgottenWrite(h, len(h.Ops)/2) }, checkers.Sessions{}))
	return append(cells, certainCells(operations)...)
}

// certainCells are of systems whose clients always learn the outcome.
func certainCells(operations int) []cell {
	var cells []cell
	add := func(work string, keys int, system func() synthetic.System, plant func(*history.History), checker checkers.Checker) {
		load := synthetic.Load{Operations: operations, Keys: keys, Clients: 50}
		cells = append(cells, cell{work: work, load: load, system: system, checker: checker},
			cell{work: work, load: load, system: system, plant: plant, checker: checker})
	}
	add("long-fork", 1, func() synthetic.System { return &synthetic.Groups{} }, func(h *history.History) { synthetic.PlantFork(h, len(h.Ops)/2) }, checkers.LongFork{})
	add("stream-order", 10, func() synthetic.System { return &synthetic.Streams{} }, at(synthetic.PlantGap), checkers.StreamOrder{})
	add("mutual-exclusion", 100, func() synthetic.System { return &synthetic.Locks{} }, at(synthetic.PlantSecondHolder), checkers.MutualExclusion{})
	return cells
}

// at plants in the middle of a history.
func at(plant func(h *history.History, after int)) func(*history.History) {
	return func(h *history.History) { plant(h, len(h.Ops)/2) }
}
