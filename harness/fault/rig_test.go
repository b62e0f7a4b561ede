package fault_test

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/docker/canary"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/cluster/pod/podtest"
	"github.com/seatrial/seatrial/harness/cluster/process"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
)

// patience bounds what these tests wait for.
const patience = 2 * time.Minute

// rig is a running store of one node, n1, and an injector on it. It takes down what
// the injector records.
type rig struct {
	cluster.Cluster
	*fault.Injector
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	events []history.FaultEvent
}

func newRig(t *testing.T, runtime cluster.Runtime) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	podtest.Need(t, runtime)
	t.Setenv("SEATRIAL_SCRATCH", t.TempDir())
	owner, err := cluster.NewOwner()
	require.NoError(t, err)
	c, err := runtime.Start(ctx, canary.Cluster{Nodes: 1}, cluster.Options{Owner: owner})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, c.Close(ctx))
	})
	require.NoError(t, cluster.WaitReady(ctx, c, time.Minute))
	return rigOn(ctx, t, c)
}

func rigOn(ctx context.Context, t *testing.T, c cluster.Cluster) *rig {
	t.Helper()
	journal, err := fault.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	require.NoError(t, err)
	t.Cleanup(func() { journal.Close() })
	r := &rig{Cluster: c, t: t, ctx: ctx}
	leader := func(context.Context) (string, error) { return "n1", nil }
	r.Injector = fault.NewInjector(c, fault.World{Nodes: []string{"n1"}}, leader, func(e history.FaultEvent) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, e)
	}, journal)
	return r
}

func onProcess(t *testing.T) *rig { t.Helper(); return newRig(t, process.Runtime{}) }
func inPod(t *testing.T) *rig     { t.Helper(); return newRig(t, pod.Runtime{}) }

// inject injects a fault on n1, to be healed by what it returns.
func (r *rig) inject(f fault.Fault) (heal func()) {
	r.t.Helper()
	undo, err := r.Inject(r.ctx, f)
	require.NoError(r.t, err)
	return func() {
		r.t.Helper()
		require.NoError(r.t, undo(r.ctx))
	}
}

// last is the latest event of that phase.
func (r *rig) last(phase string) history.FaultEvent {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.events) - 1; i >= 0; i-- {
		if r.events[i].Phase == phase {
			return r.events[i]
		}
	}
	require.Failf(r.t, "no such event", "%s among %+v", phase, r.events)
	return history.FaultEvent{}
}

func (r *rig) count(phase, detail string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := 0
	for _, e := range r.events {
		if e.Phase == phase && strings.Contains(e.Detail, detail) {
			count++
		}
	}
	return count
}

// until waits for a state of affairs.
func (r *rig) until(what string, is func() bool) {
	r.t.Helper()
	for !is() {
		require.NoError(r.t, r.ctx.Err(), "waiting until %s", what)
		time.Sleep(5 * time.Millisecond) // the pace of asking
	}
}

func (r *rig) life() cluster.Life {
	r.t.Helper()
	life, err := r.Cluster.Life(r.ctx, "n1")
	require.NoError(r.t, err)
	return life
}

func (r *rig) is(state cluster.State) {
	r.t.Helper()
	require.Equal(r.t, state, r.life().State)
}

func (r *rig) serves() {
	r.t.Helper()
	require.NoError(r.t, cluster.WaitReady(r.ctx, r.Cluster, time.Minute))
}

// writes has clients write to the store until the test ends, and returns how many
// writes succeeded so far.
func (r *rig) writes(clients int) (done func() int) {
	var mu sync.Mutex
	count := 0
	ctx, cancel := context.WithCancel(r.ctx)
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for n := history.Value(1); ctx.Err() == nil; n++ {
				session := link.Session{Group: link.Clients, Node: "n1", Timeout: time.Second, Dialer: r.Dialer()}
				register, err := canary.Cluster{Nodes: 1}.OpenRegister(ctx, session)
				for err == nil && ctx.Err() == nil {
					attempt, stop := context.WithTimeout(ctx, time.Second)
					err = register.Write(attempt, "x", n)
					stop()
					if err == nil {
						mu.Lock()
						count++
						mu.Unlock()
					}
				}
				if register != nil {
					register.Close()
				}
			}
		})
	}
	r.t.Cleanup(func() { cancel(); all.Wait() })
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}
