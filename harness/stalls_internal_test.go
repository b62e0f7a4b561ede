package harness

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/docker/canary"
	"github.com/seatrial/seatrial/harness/fault"
)

func stallClients() *clients {
	return &clients{scenario: Scenario{System: canary.Cluster{}, Groups: []ClientGroup{{Name: "readers", Clients: 4}, {Name: "writers", Clients: 8}}}}
}

// held are the slots whose next transaction would be held open.
func held(c *clients) []int {
	var slots []int
	for _, at := range c.scenario.places() {
		if c.stalls.hold(at.number) != nil {
			slots = append(slots, at.number)
		}
	}
	return slots
}

func TestAStallFallsOnItsShareOfItsGroup(t *testing.T) {
	c := stallClients()
	count, err := c.Stall("a", fault.StallAct{Group: "writers", Share: 25, Seed: 7})
	require.NoError(t, err)
	require.Equal(t, 2, count)
	first := held(c)
	require.Len(t, first, 2)
	for _, slot := range first {
		require.GreaterOrEqual(t, slot, 4, "the first four are readers")
	}
	c.Release("a")
	c.Release("a")
	require.Empty(t, held(c))
	again := stallClients()
	_, err = again.Stall("b", fault.StallAct{Group: "writers", Share: 25, Seed: 7})
	require.NoError(t, err)
	require.Equal(t, first, held(again), "the choice is of the seed")

	count, err = c.Stall("one", fault.StallAct{Group: "readers"})
	require.NoError(t, err)
	require.Equal(t, 1, count)
	_, err = c.Stall("none", fault.StallAct{Group: "nobody"})
	require.ErrorContains(t, err, "nobody")
}

// Who holds a transaction open is counted while it does, and goes on when the stall
// is released, or the load ends.
func TestStalledSessionsGoOn(t *testing.T) {
	for name, end := range map[string]func(*clients){
		"released":     func(c *clients) { c.Release("a") },
		"the load end": func(c *clients) { c.stalls.end() },
	} {
		t.Run(name, func(t *testing.T) {
			c := stallClients()
			_, err := c.Stall("a", fault.StallAct{Group: "writers", Share: 100, Written: true})
			require.NoError(t, err)
			hold := c.stalls.hold(5)
			require.True(t, hold.Written)
			late := c.stalls.hold(6)
			went := make(chan struct{})
			go func() { hold.Wait(t.Context()); close(went) }()
			require.Eventually(t, func() bool { now, _ := c.Stalled("a"); return now == 1 }, time.Minute, time.Millisecond)
			end(c)
			<-went
			late.Wait(t.Context()) // it reached its middle when all was over
			now, _ := c.Stalled("a")
			require.Zero(t, now)
			require.Empty(t, held(c))
		})
	}
}
