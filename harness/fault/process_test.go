package fault_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
)

var n1 = fault.Node("n1")

// once is a plan that injects a fault at once for at most that long.
func once(f fault.Fault, length time.Duration) []fault.Step {
	return fault.Plan(fault.For{Duration: length, Fault: f}, 7, fault.World{Nodes: []string{"n1"}}, time.Hour)
}

func TestACrashLoopKillsAgainAndAgain(t *testing.T) {
	r := onProcess(t)
	first := r.life().ID
	heal := r.inject(fault.CrashLoop{Target: n1, Up: 10 * time.Millisecond})
	r.until("it was killed five times", func() bool { return r.count("again", "killed n1") >= 5 })
	heal()
	require.Contains(t, r.last("bit").Detail, "another life than before")
	require.Regexp(t, `killed n1 \d+ times; started n1 \d+ times`, r.last("healed").Detail)
	r.is(cluster.Running)
	require.NotEqual(t, first, r.life().ID)
	r.serves()

	// One that has its number of kills is over before its time, and leaves the node up.
	require.NoError(t, r.Run(r.ctx, once(fault.CrashLoop{Target: n1, Up: 10 * time.Millisecond, Times: 3}, time.Hour)))
	require.Equal(t, "killed n1 3 times; started n1 3 times", r.last("healed").Detail)
	r.serves()
	require.Zero(t, r.count("crashed", ""))
}

func TestAKillCutsAStartShort(t *testing.T) {
	r := onProcess(t)
	first := r.life().ID
	heal := r.inject(fault.KillDuringStart{Target: n1})
	r.is(cluster.Stopped)
	require.NotEqual(t, first, r.life().ID, "it had begun another life")
	heal()
	require.Contains(t, r.last("bit").Detail, "n1 is stopped, in another life than before")
	r.serves()

	step := once(fault.KillDuringStart{Target: n1}, time.Second)[0]
	require.Regexp(t, `^kill during start n1, \d+ms up$`, step.Text)
	require.Equal(t, step, once(fault.KillDuringStart{Target: n1}, time.Second)[0], "the moment is of the seed")
}

func TestARestartIsOverWhenTheNodeServes(t *testing.T) {
	r := onProcess(t)
	for _, f := range []fault.Fault{fault.Restart{Target: n1}, fault.Restart{Target: n1, Kill: true}} {
		before := r.life().ID
		require.NoError(t, r.Run(r.ctx, once(f, time.Hour)))
		require.NotEqual(t, before, r.life().ID)
		require.Contains(t, r.last("bit").Detail, "another life")
		require.Contains(t, r.last("healed").Detail, "n1 served again after")
		r.serves()
	}
}

func TestAPauseBySignalIsSeenAndEnds(t *testing.T) {
	r := onProcess(t)
	heal := r.inject(fault.Pause{Target: n1, Signal: true})
	require.True(t, r.life().Suspended)
	heal()
	require.Equal(t, "n1 is suspended", r.last("bit").Detail)
	require.False(t, r.life().Suspended)
	r.serves()
}

// someLoad acknowledges as many operations as it is told to.
type someLoad struct {
	fault.Load
	mu    sync.Mutex
	count int64
	more  chan struct{}
}

func (l *someLoad) Acknowledged() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

func (l *someLoad) AwaitAcknowledged(ctx context.Context, count int64) error {
	for l.Acknowledged() < count {
		select {
		case <-l.more:
			l.mu.Lock()
			l.count++
			l.mu.Unlock()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func TestAKillComesAfterAcknowledgedOperations(t *testing.T) {
	r := onProcess(t)
	load := &someLoad{count: 40, more: make(chan struct{}, 9)}
	r.SetLoad(load)
	f := fault.KillAfter{Target: n1, Acknowledged: 3}
	require.Equal(t, "kill n1 after 3 acknowledged operations", once(f, time.Second)[0].Text)
	load.more <- struct{}{}
	load.more <- struct{}{}
	require.NoError(t, r.Run(r.ctx, once(f, 100*time.Millisecond)))
	require.Equal(t, "it was not injected: 2 of 3 operations were acknowledged", r.last("no-bite").Detail)
	require.Zero(t, r.count("injected", ""))
	r.serves()

	for range 3 {
		load.more <- struct{}{}
	}
	require.NoError(t, r.Run(r.ctx, once(f, time.Second)))
	require.Equal(t, "kill-after, 3 operations acknowledged by the time it was done", r.last("injected").Detail)
	require.Equal(t, "n1 is stopped", r.last("bit").Detail)
	r.serves()
}

// Two faults want the same node: the end of one does not undo the other, and the
// last one leaves the node running.
func TestFaultsOnOneNodeDoNotUndoEachOther(t *testing.T) {
	r := onProcess(t)
	kill, stop := fault.Kill{Target: n1}, fault.Stop{Target: n1}
	pause, suspend := fault.Pause{Target: n1}, fault.Pause{Target: n1, Signal: true}
	loop := fault.CrashLoop{Target: n1, Up: 10 * time.Millisecond}
	for name, c := range map[string]struct {
		first, second fault.Fault
		meanwhile     cluster.State // when the first is healed and the second is not
	}{
		"a kill ends while a stop is in force":       {kill, stop, cluster.Stopped},
		"a crash loop ends while a kill is in force": {loop, kill, cluster.Stopped},
		"a restart ends while a kill is in force":    {fault.Restart{Target: n1}, kill, cluster.Stopped},
		"a pause ends while another is in force":     {pause, pause, cluster.Paused},
		"a pause ends while a signal is in force":    {pause, suspend, cluster.Paused},
		"a signal ends while a pause is in force":    {suspend, pause, cluster.Paused},
		"a pause ends while a kill is in force":      {pause, kill, cluster.Stopped},
		"a kill ends, having ended a paused life":    {kill, pause, cluster.Paused},
		"a pause of what is down":                    {kill, fault.Pause{Target: n1}, cluster.Paused},
	} {
		t.Run(name, func(t *testing.T) {
			r.serves()
			healFirst := r.inject(c.first)
			healSecond := r.inject(c.second)
			healFirst()
			r.is(c.meanwhile)
			require.Contains(t, r.last("healed").Detail, "n1 stays")
			healSecond()
			r.is(cluster.Running)
			require.Zero(t, r.count("crashed", ""), "none of it ended by itself")
		})
	}
	t.Run("a crash loop waits for a kill to end", func(t *testing.T) {
		r.serves()
		healKill := r.inject(kill)
		healLoop := r.inject(loop)
		r.is(cluster.Stopped)
		before := r.life().ID
		healKill()
		r.until("the loop goes on", func() bool { return r.life().ID != before })
		healLoop()
		r.serves()
	})
}

// What ends by itself is told of, whichever fault comes next, and once for each.
func TestACrashIsSeenByEveryFaultThatWouldHideIt(t *testing.T) {
	r := onProcess(t)
	for _, f := range []fault.Fault{fault.Kill{Target: n1}, fault.CrashLoop{Target: n1, Up: 10 * time.Millisecond},
		fault.Restart{Target: n1}, fault.KillDuringStart{Target: n1}} {
		r.serves()
		r.events = nil
		require.NoError(t, r.Cluster.Kill(r.ctx, "n1")) // behind the injector's back, as a crash would be
		heal := r.inject(f)
		heal()
		require.Equal(t, 1, r.count("crashed", ""), f.FaultName())
		require.Equal(t, []string{"n1"}, r.last("crashed").Nodes)
		r.is(cluster.Running)
	}
	r.serves()
	require.NoError(t, r.Cluster.Kill(r.ctx, "n1"))
	_, err := r.Inject(r.ctx, fault.Pause{Target: n1})
	require.Error(t, err, "there is nothing to pause, and no fault that explains it")
	require.NoError(t, r.HealAll(r.ctx))
}

// What is in force at the end of the load is healed with everything else, also what
// goes on by itself.
func TestHealingAllEndsWhatGoesOn(t *testing.T) {
	r := onProcess(t)
	r.inject(fault.CrashLoop{Target: n1, Up: 10 * time.Millisecond})
	r.inject(fault.Kill{Target: n1})
	require.NoError(t, r.HealAll(r.ctx))
	r.is(cluster.Running)
	id := r.life().ID
	r.serves()
	require.Equal(t, id, r.life().ID, "nobody kills it any more")
	require.NoError(t, r.HealAll(r.ctx), "twice is no error")
}

// failing is a cluster that can't start nodes any more.
type failing struct{ cluster.Cluster }

var errBroken = errors.New("the machine is broken")

func (failing) StartNode(context.Context, string) error { return errBroken }

func TestAFaultThatCanNotGoOnSaysSo(t *testing.T) {
	r := onProcess(t)
	broken := rigOn(r.ctx, t, failing{r.Cluster})
	err := broken.Run(broken.ctx, once(fault.CrashLoop{Target: n1, Up: time.Second}, time.Second))
	require.ErrorIs(t, err, errBroken)
	require.NotEmpty(t, broken.last("failed").Detail)
	require.ErrorIs(t, broken.HealAll(broken.ctx), errBroken)
}
