package main

import (
	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/checkers/internal/synthetic"
	"github.com/seatrial/seatrial/harness/history"
)

// scanCells are the checkers that read a history once. A set is read ten times.
func scanCells() []cell {
	load := synthetic.Load{Operations: million, Keys: 1, Clients: 50, Unknown: 0.05}
	sets := func() synthetic.System { return &synthetic.Sets{Every: million / 10} }
	queues := func() synthetic.System { return &synthetic.Queues{} }
	scan := func(work string, system func() synthetic.System, plant func(*history.History), checker checkers.Checker) cell {
		return cell{work: work, load: load, system: system, plant: plant, checker: checker}
	}
	return []cell{
		scan("set-full", sets, nil, checkers.SetFull{}),
		scan("set-full", sets, loss, checkers.SetFull{Linearizable: true}),
		{work: "set", load: load, system: sets, finish: synthetic.ReadSets, checker: checkers.Set{}},
		{work: "total-queue", load: load, system: queues, finish: synthetic.DrainQueues, checker: checkers.TotalQueue{}},
		scan("unique-ids", func() synthetic.System { return &synthetic.IDs{} }, nil, checkers.UniqueIDs{}),
		scan("counter", func() synthetic.System { return &synthetic.Counters{} }, nil, checkers.CounterBounds{}),
	}
}
