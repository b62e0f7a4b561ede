package synthetic_test

import (
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/internal/synthetic"
	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

func TestHistoriesAreValidAndRepeat(t *testing.T) {
	load := synthetic.Load{Operations: 2000, Keys: 3, Clients: 10, Unknown: 0.05}
	for name, fresh := range map[string]func() synthetic.System{
		"registers": func() synthetic.System { return &synthetic.Registers{Swaps: 0.3} },
		"silent":    func() synthetic.System { return &synthetic.Registers{Swaps: 0.3, Silent: true} },
		"queues":    func() synthetic.System { return &synthetic.Queues{} },
		"counters":  func() synthetic.System { return &synthetic.Counters{} },
		"maxima":    func() synthetic.System { return &synthetic.Maxima{} },
		"sets":      func() synthetic.System { return &synthetic.Sets{Every: 100} },
		"ids":       func() synthetic.System { return &synthetic.IDs{} },
		"bank":      func() synthetic.System { return &synthetic.Bank{} },
		"groups":    func() synthetic.System { return &synthetic.Groups{} },
		"streams":   func() synthetic.System { return &synthetic.Streams{} },
		"locks":     func() synthetic.System { return &synthetic.Locks{} },
	} {
		h := load.History(fresh(), 1)
		require.NoError(t, h.Validate(), name)
		require.Len(t, h.Ops, 2000, name)
		require.Equal(t, h, load.History(fresh(), 1), "%s: the same seed", name)
		require.NotEqual(t, h, load.History(fresh(), 2), "%s: another seed", name)
	}
}

func TestRegistersAreLinearizableUntilAReadIsMadeStale(t *testing.T) {
	load := synthetic.Load{Operations: 300, Keys: 1, Clients: 4, Unknown: 0.02}
	for seed := range uint64(20) {
		h := load.History(&synthetic.Registers{Swaps: 0.2}, seed)
		legal := func() bool {
			return porcupine.CheckOperations(model.CASRegister().Porcupine(model.Objects(h, model.CASRegister(), history.Nil)[0]))
		}
		require.True(t, legal(), "seed %d", seed)
		read, _, _ := synthetic.PlantStaleRead(h, 150)
		require.Positive(t, read)
		require.False(t, legal(), "seed %d", seed)
	}
}
