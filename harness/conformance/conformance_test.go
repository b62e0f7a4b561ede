package conformance_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/pod/podtest"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
)

func TestNothingIsSeenWithoutAFault(t *testing.T) {
	for runtime := range runtimes {
		t.Run(runtime, func(t *testing.T) {
			w := newWorld(t, runtime)
			for range 3 {
				require.NoError(t, w.look(t).whole(runtime))
			}
		})
	}
}

// notLooked are faults that no lookout can see: they are of what clients do, and
// their tests are where clients are.
var notLooked = map[string]bool{"stall": true}

func TestEveryFaultHasItsSight(t *testing.T) {
	for _, e := range fault.All() {
		_, seen := sees[e.Name()]
		require.NotEqual(t, seen, notLooked[e.Name()], "say in sees_test.go what lookouts see of %s", e.Name())
	}
}

// Every fault that applies is seen by the lookouts while it is in force, and not
// before or after; it leaves nothing behind; it and its end are recorded; and a
// cluster beside it notices nothing.
func TestEveryFaultBitesAndIsGone(t *testing.T) {
	for runtime := range runtimes {
		t.Run(runtime, func(t *testing.T) {
			applied := everyFaultBites(t, newWorld(t, runtime), func(e fault.Entry) bool { return e.Kind != fault.KindDisk })
			require.Greater(t, applied, 10)
		})
	}
}

// example is the fault as it is listed, unless it would not fall on a program as
// small as a lookout.
func example(e fault.Entry) fault.Fault {
	if e.Name() == "memory-limit" {
		return fault.MemoryLimit{Target: fault.Random, Bytes: 44 << 20}
	}
	return e.Example
}

// sees wants a fault in force to be seen: at once, or if it comes and goes after a
// few looks.
func (w *world) sees(t *testing.T, name string, before *picture, on []string) {
	t.Helper()
	var err error
	for range 8 {
		if err = sees[name](scene{before: before, during: w.look(t), on: on, runtime: w.runtime}); err == nil {
			return
		}
	}
	require.NoError(t, err)
}

// The same of faults on disks, on nodes whose disks can fail.
func TestEveryFaultOfDisksBitesAndIsGone(t *testing.T) {
	w := worldOnDisks(t)
	applied := everyFaultBites(t, w, func(e fault.Entry) bool { return e.Kind == fault.KindDisk })
	require.Equal(t, 3, applied)
}

// A node that is down when the power goes loses nothing more, and stays down until
// both faults are undone.
func TestANodeThatIsDownHasNoPowerToLose(t *testing.T) {
	w := worldOnDisks(t)
	before := w.left(t)
	node := fault.Node("n1")
	undo, err := w.inject(t, fault.PowerLoss{Target: node})
	require.NoError(t, err)
	require.NoError(t, undo(t.Context()))
	w.settle(t, before)
	start, err := w.inject(t, fault.Kill{Target: node})
	require.NoError(t, err)
	w.recorded()
	undo, err = w.inject(t, fault.PowerLoss{Target: node})
	require.NoError(t, err)
	require.NoError(t, start(t.Context()))
	state, err := w.State(t.Context(), "n1")
	require.NoError(t, err)
	require.Equal(t, cluster.Stopped, state)
	require.NoError(t, undo(t.Context()))
	for _, e := range w.recorded() {
		require.NotEqual(t, "crashed", e.Phase)
		if e.Phase == "no-bite" {
			require.Contains(t, e.Detail, "n1 was down before")
			w.settle(t, before)
			return
		}
	}
	t.Fatal("the power loss did not say that it found nothing to take")
}

func worldOnDisks(t *testing.T) *world {
	t.Helper()
	w := newWorldOn(t, "pod", true)
	if err := w.Cluster.(cluster.Disks).DisksApply(); err != nil {
		podtest.SkipOrFail(t, err)
	}
	return w
}

// everyFaultBites tries those faults that are meant, and says how many apply.
func everyFaultBites(t *testing.T, w *world, meant func(fault.Entry) bool) (applied int) {
	t.Helper()
	decoy := newWorld(t, w.runtime)
	before, quiet := w.left(t), decoy.left(t)
	normal := w.look(t)
	require.NoError(t, normal.whole(w.runtime))
	lives := decoy.look(t)
	require.NoError(t, lives.whole(w.runtime))
	for _, e := range fault.All() {
		if notLooked[e.Name()] || !meant(e) {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			if err := fault.Applies(e.Example, w.place); err != nil {
				require.NotEmpty(t, err.Error())
				t.Log("does not apply:", err)
				return
			}
			applied++
			w.recorded()
			heal, err := w.inject(t, example(e))
			require.NoError(t, err)
			events := w.recorded()
			w.sees(t, e.Name(), normal, targets(events))
			beside := decoy.look(t)
			require.NoError(t, heal(t.Context()))
			life(t, e, append(events, w.recorded()...))
			normal = w.settle(t, before)
			require.NoError(t, beside.whole(w.runtime), "the cluster beside it")
			for node, seen := range beside.nodes {
				require.Equal(t, lives.nodes[node].Life, seen.Life, "%s of the cluster beside it", node)
			}
		})
	}
	require.Equal(t, quiet, decoy.left(t), "the cluster beside it")
	return applied
}

// inject injects a fault. One that waits for clients is told of some.
func (w *world) inject(t *testing.T, f fault.Fault) (heal func(context.Context) error, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return w.injector.Inject(ctx, f)
}

// settle waits until a cluster is as before, and says what still is not when the
// time is up: kept connections are made anew by looking, and programs start.
func (w *world) settle(t *testing.T, before []string) *picture {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		p := w.look(t)
		err := p.whole(w.runtime)
		left := w.left(t)
		if err == nil && slices.Equal(before, left) {
			return p
		}
		if time.Now().After(deadline) {
			require.NoError(t, err, "%v after the undo", patience)
			require.Equal(t, before, left, "%v after the undo", patience)
		}
	}
}

// targets are the nodes that the fault was injected on.
func targets(events []history.FaultEvent) []string {
	for _, e := range events {
		if e.Phase == "injected" {
			return e.Nodes
		}
	}
	return nil
}

// life wants a fault's whole life in what was recorded, in its order, with times
// and with what it did.
func life(t *testing.T, of fault.Entry, events []history.FaultEvent) {
	t.Helper()
	var phases []string
	last := int64(0)
	for _, e := range events {
		require.GreaterOrEqual(t, e.Time, last)
		last = e.Time
		// A lookout that nobody asks anything wants no memory, so the kernel may have no
		// cause to kill it before it is looked at, and does not say then why it did.
		if e.Phase == "no-bite" && of.Name() == "out-of-memory" {
			e.Phase = "bit"
		}
		if e.Phase != fault.PhaseAgain {
			phases = append(phases, e.Phase)
		}
		onTraffic := of.Kind == fault.KindNetwork || of.Kind == fault.KindName
		if e.Phase == "bit" || e.Phase == "healed" && onTraffic {
			require.NotEmpty(t, e.Detail, "%s: %s", e.Phase, e.Fault)
		}
	}
	require.Equal(t, []string{"planned", "injected", "bit", "healed"}, phases, "%+v", events)
}

// meanwhile is what becomes of a target while a fault is in force on it.
var meanwhile = map[string]func(context.Context, cluster.Cluster, string) error{
	"killed": func(ctx context.Context, c cluster.Cluster, node string) error { return c.Kill(ctx, node) },
	"restarted": func(ctx context.Context, c cluster.Cluster, node string) error {
		if err := c.Kill(ctx, node); err != nil {
			return err
		}
		return c.StartNode(ctx, node)
	},
}

// The undo of every fault works when its targets were killed, or started anew, in
// between by somebody else. In a short run half of the faults meet each.
func TestUndoWorksWhateverBecameOfTheTarget(t *testing.T) {
	for runtime := range runtimes {
		t.Run(runtime, func(t *testing.T) {
			undoWorks(t, newWorld(t, runtime), func(e fault.Entry) bool { return e.Kind != fault.KindDisk })
		})
	}
	t.Run("disk", func(t *testing.T) {
		undoWorks(t, worldOnDisks(t), func(e fault.Entry) bool { return e.Kind == fault.KindDisk })
	})
}

func undoWorks(t *testing.T, w *world, meant func(fault.Entry) bool) {
	t.Helper()
	before := w.left(t)
	w.settle(t, before)
	for i, e := range fault.All() {
		for j, became := range []string{"killed", "restarted"} {
			if notLooked[e.Name()] || !meant(e) || fault.Applies(e.Example, w.place) != nil || os.Getenv("SEATRIAL_SOAK") == "" && i%2 != j {
				continue
			}
			t.Run(e.Name()+"/"+became, func(t *testing.T) {
				w.recorded()
				heal, err := w.inject(t, example(e))
				require.NoError(t, err)
				for _, node := range targets(w.recorded()) {
					if err := meanwhile[became](t.Context(), w, node); err != nil {
						t.Logf("%s could not be %s: %v", node, became, err) // it is down, or has no memory to start
					}
				}
				require.NoError(t, heal(t.Context()))
				for _, node := range w.System().NodeNames() {
					require.NoError(t, w.StartNode(t.Context(), node))
				}
				w.settle(t, before)
			})
		}
	}
}

// oneOfEach are faults that are undone in different ways, for a short run.
var oneOfEach = []string{"black-hole", "hold", "loss", "kill", "pause", "cpu-quota", "names-fail", "crash-loop", "power-loss"}

// A fault whose target was removed altogether can still be undone, at once, and
// leaves nothing.
func TestUndoWorksOnRemovedTargets(t *testing.T) {
	for _, e := range fault.All() {
		if notLooked[e.Name()] || os.Getenv("SEATRIAL_SOAK") == "" && !slices.Contains(oneOfEach, e.Name()) {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			w := newWorldOn(t, "pod", e.Kind == fault.KindDisk)
			if err := fault.Applies(e.Example, w.place); err != nil {
				t.Skip(err)
			}
			heal, err := w.inject(t, example(e))
			require.NoError(t, err)
			on := targets(w.recorded())
			w.remove(t, on)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := heal(ctx); err != nil {
				require.NoError(t, ctx.Err(), "the undo did not end: %v", err)
				require.True(t, slices.ContainsFunc(on, func(node string) bool { return strings.Contains(err.Error(), node) }), "names the node: %v", err)
			}
			active, err := w.Network().Active(t.Context())
			require.NoError(t, err)
			require.Empty(t, active)
		})
	}
}
