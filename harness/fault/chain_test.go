package fault_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/named"
)

// slow is a fault that takes far longer to undo than the quiet time after it.
type slow struct {
	fault.Target
	Name string
}

// ledger is what is in force, and being undone, as the acts themselves see it.
var ledger struct {
	sync.Mutex
	inForce, healing, most, mostHealing, whileHealing int
}

func (slow) FaultName() string { return "slow" }

func (f slow) Applies(cluster.System, cluster.Network) error { return nil }
func (f slow) Aim(context.Context, fault.Aim) (fault.Act, error) {
	if f.Name == "lost" {
		return nil, errors.New("nobody leads")
	}
	return slowAct{f.Name}, nil
}

type slowAct struct{ Name string }

func (a slowAct) Text() string  { return "slow " + a.Name }
func (slowAct) Nodes() []string { return []string{"n1"} }
func (slowAct) Inject(context.Context, cluster.Cluster, string) error {
	ledger.Lock()
	defer ledger.Unlock()
	ledger.inForce++
	if ledger.healing > 0 {
		ledger.whileHealing++
	}
	ledger.most = max(ledger.most, ledger.inForce+ledger.healing)
	return nil
}
func (slowAct) Bit(context.Context, cluster.Cluster, string) (bool, string, error) {
	return true, "seen", nil
}
func (slowAct) Undo(ctx context.Context, _ cluster.Cluster, _ string) error {
	ledger.Lock()
	ledger.inForce--
	ledger.healing++
	ledger.Unlock()
	timer := time.NewTimer(60 * time.Millisecond) // what undoing takes
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	ledger.Lock()
	defer ledger.Unlock()
	ledger.healing--
	return nil
}
func (slowAct) Undone(context.Context, cluster.Cluster, string) error { return nil }

func init() { named.Register(slow{}, slowAct{}) }

// carryOut runs the steps of a schedule and returns the events and the error.
func carryOut(t *testing.T, s fault.Schedule, duration time.Duration) ([]history.FaultEvent, error) {
	t.Helper()
	ledger.Lock()
	ledger.most, ledger.whileHealing = 0, 0
	ledger.Unlock()
	w := world(3)
	w.Runtime = "process"
	journal, err := fault.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	require.NoError(t, err)
	defer journal.Close()
	var mu sync.Mutex
	var events []history.FaultEvent
	injector := fault.NewInjector(wired{wires: newWires()}, w, func(context.Context) (string, error) { return "n2", nil },
		func(e history.FaultEvent) { mu.Lock(); defer mu.Unlock(); events = append(events, e) }, journal)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = injector.Run(ctx, fault.Plan(s, 3, w, duration))
	return events, err
}

func phases(events []history.FaultEvent, phase string) (list []history.FaultEvent) {
	for _, e := range events {
		if e.Phase == phase {
			list = append(list, e)
		}
	}
	return list
}

var quick = fault.Mix{Faults: []fault.Fault{slow{fault.Random, "a"}, slow{fault.Random, "b"}},
	QuietMin: time.Millisecond, QuietMax: 2 * time.Millisecond, ForMin: 20 * time.Millisecond, ForMax: 30 * time.Millisecond}

// A mix waits until the last fault is healed, however long that takes; only where
// it says so, the next begins meanwhile.
func TestTheNextFaultOfAMixWaitsForTheLast(t *testing.T) {
	events, err := carryOut(t, quick, 400*time.Millisecond)
	require.NoError(t, err)
	require.Greater(t, len(phases(events, "healed")), 5)
	require.Equal(t, 1, ledger.most)
	require.Zero(t, ledger.whileHealing)
	require.Equal(t, "slow by signals", phases(events, "injected")[0].Detail, "what does it is named")
}

func TestRollingWaitsForTheLast(t *testing.T) {
	rolling := fault.Rolling{Fault: slow{Name: "a"}, Duration: 20 * time.Millisecond, Quiet: time.Millisecond}
	events, err := carryOut(t, rolling, time.Second)
	require.NoError(t, err)
	require.Len(t, phases(events, "healed"), 3)
	require.Equal(t, 1, ledger.most)
}

// What has nothing to fall on is left out of a mix, and stops a run where it is named.
func TestAFaultWithoutATargetIsLeftOutOfAMix(t *testing.T) {
	mix := quick
	mix.Faults = []fault.Fault{slow{fault.Random, "a"}, slow{fault.Random, "lost"}}
	events, err := carryOut(t, mix, 300*time.Millisecond)
	require.NoError(t, err)
	require.NotEmpty(t, phases(events, "healed"))
	require.NotEmpty(t, phases(events, "no-bite"))
	require.Equal(t, "left out: aim: nobody leads", phases(events, "no-bite")[0].Detail)
	require.Empty(t, phases(events, "failed"))

	_, err = carryOut(t, fault.For{Duration: 20 * time.Millisecond, Fault: slow{fault.Random, "lost"}}, 300*time.Millisecond)
	require.ErrorContains(t, err, "nobody leads")
}

// Faults on the network overlap, over the links of a network that undoes slowly.
func TestAnOverlappingFaultBeginsWhileTheLastIsUndone(t *testing.T) {
	mix := quick
	mix.Faults, mix.Overlap = []fault.Fault{fault.BlackHole{Target: fault.Random}, fault.Reset{Target: fault.Random}, fault.Hold{Target: fault.Node("n1")}}, true
	slowly := &slowWires{wires: newWires(), applied: make(chan struct{})}
	run := func() {
		journal, err := fault.OpenJournal(filepath.Join(t.TempDir(), "journal"))
		require.NoError(t, err)
		defer journal.Close()
		injector := fault.NewInjector(slowCluster{net: slowly}, world(3), nil, func(history.FaultEvent) {}, journal)
		require.NoError(t, injector.Run(t.Context(), fault.Plan(mix, 3, world(3), 200*time.Millisecond)))
	}
	run()
	require.Positive(t, slowly.whileUndoing)
	mix.Overlap, mix.AtOnce, slowly.most = false, 2, 0
	run()
	require.LessOrEqual(t, slowly.most, 2, "never more than two at once")
}

// slowWires takes its time to undo, unless something is applied meanwhile.
type slowWires struct {
	*wires
	applied                     chan struct{}
	undoing, whileUndoing, most int
}

func (w *slowWires) Apply(ctx context.Context, id string, e link.Effect, flows []link.Flow) error {
	w.mu.Lock()
	if w.undoing > 0 {
		w.whileUndoing++
	}
	w.most = max(w.most, len(w.effects)+1)
	w.mu.Unlock()
	select {
	case w.applied <- struct{}{}:
	default:
	}
	return w.wires.Apply(ctx, id, e, flows)
}

func (w *slowWires) Undo(ctx context.Context, id string) error {
	w.mu.Lock()
	w.undoing++
	w.mu.Unlock()
	timer := time.NewTimer(300 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-w.applied:
	case <-timer.C:
	}
	w.mu.Lock()
	w.undoing--
	w.mu.Unlock()
	return w.wires.Undo(ctx, id)
}

func (w *slowWires) Probe(context.Context, link.Flow, time.Duration) (time.Duration, error) {
	return 0, cluster.ErrNoArrival
}

type slowCluster struct {
	cluster.Cluster
	net *slowWires
}

func (c slowCluster) Network() cluster.Network { return c.net }
func (slowCluster) System() cluster.System     { return ported{bare{count: 3}} }
