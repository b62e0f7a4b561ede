package harness_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/fault"
)

// Faults that wait, and that go on, in a whole run: their ends have what they did.
func TestFaultsThatWaitAndGoOnAreInTheReport(t *testing.T) {
	s := short("going", Shelf{}, fault.Together{
		fault.For{Duration: time.Second, Fault: fault.KillAfter{Target: fault.Random, Acknowledged: 5}},
		fault.After{Delay: 1200 * time.Millisecond, Do: fault.For{Duration: time.Second, Fault: fault.CrashLoop{Target: fault.Random, Up: 50 * time.Millisecond, Times: 3}}},
		fault.After{Delay: 2400 * time.Millisecond, Do: fault.For{Duration: 500 * time.Millisecond, Fault: fault.Pause{Target: fault.Random, Signal: true}}},
	})
	s.Duration, s.RecoverWithin = 3*time.Second, 20*time.Second
	s.Check = nil // the shelf forgets when it is killed
	out, _ := run(t, s)
	require.Equal(t, checkers.Pass, out.Verdict, out.Summary)
	require.Len(t, out.Faults, 3)
	for _, f := range out.Faults {
		require.Equal(t, "bit", f.Fate(), f.Text)
		require.NotZero(t, f.Healed)
	}
	requireResult(t, out, "stays-up", checkers.Pass, "")
}

func TestFaultsThatDoNotExistHereAreSaidBeforeARun(t *testing.T) {
	for says, f := range map[string]fault.Fault{
		"run the scenario in pods":                  fault.CPUQuota{Target: fault.Random, CPUs: 0.5},
		"shelf offers no transactions to hold open": fault.Stall{},
	} {
		err := short("nowhere", Shelf{}, fault.For{Duration: time.Second, Fault: f}).Validate()
		var usage harness.UsageError
		require.ErrorAs(t, err, &usage)
		require.ErrorContains(t, err, says)
	}
}
