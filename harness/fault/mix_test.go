package fault_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history/differential"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/named"
)

var (
	hole  = fault.BlackHole{Target: fault.Random}
	hold  = fault.Hold{Target: fault.Random}
	kill  = fault.Kill{Target: fault.Random}
	pause = fault.Pause{Target: fault.Random}
)

// randomMix is a mix of anything, as a property must hold of all.
func randomMix(draw *rand.Rand) fault.Mix {
	mix := fault.Mix{AtOnce: draw.IntN(4), Overlap: draw.IntN(2) == 0}
	faults := []fault.Fault{hole, hold, kill, pause, fault.Loss{Target: fault.Leader, Probability: 0.5}, fault.Stop{Target: fault.Follower}}
	for _, i := range draw.Perm(len(faults))[:1+draw.IntN(len(faults))] {
		if draw.IntN(2) == 0 {
			mix.Faults = append(mix.Faults, faults[i])
		} else {
			mix.Faults = append(mix.Faults, fault.Weighted{Fault: faults[i], Weight: 1 + draw.IntN(5)})
		}
	}
	if draw.IntN(2) == 0 {
		mix.QuietMin = time.Duration(1 + draw.Int64N(int64(time.Second)))
		mix.QuietMax = mix.QuietMin + time.Duration(draw.Int64N(int64(time.Second)))
		mix.ForMin = time.Duration(1 + draw.Int64N(int64(time.Second)))
		mix.ForMax = mix.ForMin + time.Duration(draw.Int64N(int64(time.Second)))
	}
	return mix
}

func end(s fault.Step) time.Duration { return s.At + s.For }

// Whatever a mix is: it keeps to its time, to its quiet times and to how many may
// be there at once, and its plan repeats by the seed, also when read from a file.
func TestAMixKeepsWhatItPromises(t *testing.T) {
	const duration = 30 * time.Second
	for seed := range differential.Count(t, 500) {
		mix := randomMix(rand.New(rand.NewPCG(uint64(seed), 9)))
		require.NoError(t, fault.Check(mix, ported{bare{count: 3}}, world(3)))
		steps := fault.Plan(mix, uint64(seed), world(3), duration)
		require.NotEmpty(t, steps)

		text, err := named.Marshal(struct{ Faults fault.Schedule }{mix})
		require.NoError(t, err)
		var back struct{ Faults fault.Schedule }
		require.NoError(t, named.Unmarshal(text, &back))
		require.Equal(t, steps, fault.Plan(back.Faults, uint64(seed), world(3), duration))

		quiet := mix.QuietMin
		if mix.QuietMax == 0 {
			quiet = 300 * time.Millisecond
		}
		var free time.Duration // when the steps that began together before had all ended
		for i := 0; i < len(steps); {
			together := 1
			for i+together < len(steps) && steps[i+together].At == steps[i].At {
				together++
			}
			begin := steps[i].At
			require.LessOrEqual(t, together, max(1, mix.AtOnce))
			if mix.Overlap && i > 0 {
				require.GreaterOrEqual(t, begin, free)
			} else {
				require.GreaterOrEqual(t, begin, free+quiet, "it is quiet in between")
			}
			processes := 0
			for _, s := range steps[i : i+together] {
				if s.Fault.FaultName() == "kill" || s.Fault.FaultName() == "stop" || s.Fault.FaultName() == "pause" {
					processes++
				}
				free = max(free, end(s))
				require.LessOrEqual(t, end(s), duration)
			}
			require.LessOrEqual(t, processes, 1, "no two work on programs at once")
			i += together
		}
	}
}

func TestWeightsAreMetToTheLetter(t *testing.T) {
	mix := fault.Mix{QuietMax: 1, ForMin: 10 * time.Millisecond, ForMax: 20 * time.Millisecond, Faults: []fault.Fault{
		hole, fault.Weighted{Fault: kill, Weight: 5}, fault.Weighted{Fault: hold, Weight: 2}}}
	for seed := range uint64(20) {
		for _, atOnce := range []int{1, 2} {
			mix.AtOnce = atOnce
			steps := fault.Plan(mix, seed, world(3), 20*time.Second)
			drawn := map[string]int{}
			decks := len(steps) / 8
			require.Greater(t, decks, 10)
			for _, s := range steps[:decks*8] {
				drawn[s.Fault.FaultName()]++
			}
			require.Equal(t, map[string]int{"black-hole": decks, "kill": 5 * decks, "hold": 2 * decks}, drawn)
			require.Empty(t, fault.Never(mix, steps))
		}
	}
}

func TestAnOverlapFollowsAtOnceAboutEverySecondTime(t *testing.T) {
	mix := fault.Mix{Faults: []fault.Fault{hole, hold, fault.Reset{Target: fault.Leader}}, Overlap: true}
	overlaps, of := 0, 0
	for seed := range uint64(50) {
		steps := fault.Plan(mix, seed, world(3), time.Minute)
		for i, s := range steps[1:] {
			of++
			if s.At == end(steps[i]) {
				overlaps++
			}
		}
	}
	require.InDelta(t, 0.5, float64(overlaps)/float64(of), 0.1)
}

// lacking is a network without a queue.
type lacking struct{ cluster.Network }

func (lacking) Applies(e link.Effect) error {
	if e.Queued() {
		return errors.New("there is no queue")
	}
	return nil
}

func TestAMixLeavesOutWhatDoesNotApply(t *testing.T) {
	w := world(3)
	w.System, w.Network = bare{count: 3}, lacking{}
	loss := fault.Loss{Target: fault.Random, Probability: 0.1}
	mix := fault.Mix{Faults: []fault.Fault{hole, fault.Weighted{Fault: loss, Weight: 9}, fault.Kill{Target: fault.Leader}}}
	require.NoError(t, fault.Check(mix, w.System, w))
	require.Equal(t, []fault.LeftOut{
		{Fault: "loss of a random node", Reason: "there is no queue"},
		{Fault: "kill of the leader", Reason: "bare has no way to say who leads"},
	}, fault.Omissions(fault.Every{Period: 1, Do: mix}, w))
	steps := fault.Plan(mix, 1, w, time.Minute)
	require.NotEmpty(t, steps)
	for _, s := range steps {
		require.Equal(t, hole, s.Fault)
	}
	require.ErrorContains(t, fault.Check(fault.For{Duration: 1, Fault: loss}, w.System, w), "fault loss does not apply: there is no queue")
	require.ErrorContains(t, fault.Check(fault.Mix{Faults: []fault.Fault{loss}}, w.System, w), "nothing of the mix applies: loss: there is no queue")
	require.ErrorContains(t, fault.Check(fault.Mix{Faults: []fault.Fault{hole, fault.Loss{Target: fault.Random}}}, w.System, w), "Probability is 0", "a mistake is one also in a mix")
	require.Empty(t, fault.Omissions(fault.Mix{Faults: fault.Package()}, portedWorld()))
}

func TestMistakesInMixesAreSaidBeforeARun(t *testing.T) {
	for says, s := range map[string]fault.Schedule{
		"a weight counts in a fault.Mix only": fault.For{Duration: 1, Fault: fault.Weighted{Fault: hole, Weight: 2}},
		"the weight of black-hole is 0":       fault.Mix{Faults: []fault.Fault{fault.Weighted{Fault: hole}}},
		"has two weights":                     fault.Mix{Faults: []fault.Fault{fault.Weighted{Fault: fault.Weighted{Fault: hole, Weight: 1}, Weight: 1}}},
		"a fault is nil":                      fault.Mix{Faults: []fault.Fault{fault.Weighted{Weight: 1}}},
		"AtOnce is -1":                        fault.Mix{Faults: []fault.Fault{hole}, AtOnce: -1},
		"fault.Rolling: no Fault":             fault.Rolling{Duration: 1},
		"Duration is 0s":                      fault.Rolling{Fault: fault.Kill{}},
		"leave it empty":                      fault.Rolling{Fault: kill, Duration: 1},
		"has no field Target":                 fault.Rolling{Fault: fault.Regions{}, Duration: 1},
		"latency 0s":                          fault.Rolling{Fault: fault.Latency{}, Duration: 1},
	} {
		require.ErrorContains(t, fault.Check(s, ported{bare{count: 3}}, world(3)), says)
	}
}

// A rolling fault meets every member once, and leaves each in peace before the next.
func TestRollingGoesFromNodeToNode(t *testing.T) {
	w := world(5)
	w.Members = nodes(4) // n5 only watches
	for _, f := range []fault.Fault{fault.Kill{}, fault.Only{Fault: fault.Loss{Probability: 0.5}, Direction: fault.Inbound}} {
		for atOnce := range 4 {
			rolling := fault.Rolling{Fault: f, Duration: time.Second, Quiet: 2 * time.Second, AtOnce: atOnce}
			require.NoError(t, fault.Check(rolling, ported{bare{count: 5}}, w))
			orders := map[string]bool{}
			for seed := range uint64(20) {
				steps := fault.Plan(rolling, seed, w, 20*time.Second)
				met := map[string]int{}
				text := ""
				for i, s := range steps {
					act := aimIn(t, w, s.Fault)
					require.LessOrEqual(t, len(act.Nodes()), max(1, atOnce))
					for _, node := range act.Nodes() {
						met[node]++
						text += node
					}
					require.Equal(t, time.Duration(i)*3*time.Second, s.At)
					require.Equal(t, f.FaultName(), s.Fault.FaultName())
					require.False(t, s.Mix)
				}
				require.Equal(t, map[string]int{"n1": 1, "n2": 1, "n3": 1, "n4": 1}, met)
				require.Empty(t, fault.Never(rolling, steps))
				orders[text] = true
			}
			require.Greater(t, len(orders), 2, "the order is drawn")
			require.Equal(t, []string{"rolling " + f.FaultName()}, fault.Never(rolling, fault.Plan(rolling, 1, w, 3*time.Second)), "all nodes or none")
			require.True(t, reflect.DeepEqual(rolling, roundTrip(t, rolling)))
		}
	}
}

func roundTrip(t *testing.T, s fault.Schedule) fault.Schedule {
	t.Helper()
	text, err := named.Marshal(struct{ Faults fault.Schedule }{s})
	require.NoError(t, err)
	var back struct{ Faults fault.Schedule }
	require.NoError(t, named.Unmarshal(text, &back))
	return back.Faults
}
