package fault_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/disk"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/link"
)

// A node whose power goes is cut from everybody, once in each direction, others
// without power and clients among them.
func TestNothingIsHeardOfNodesWithoutPower(t *testing.T) {
	act, err := fault.PowerLoss{Target: fault.Nodes("n1", "n2")}.Aim(t.Context(),
		fault.Aim{World: nodeWorld(), Draw: rand.New(rand.NewPCG(1, 1))})
	require.NoError(t, err)
	var want []link.Flow
	for _, pair := range [][2]link.End{{"n1", "n2"}, {"n1", "n3"}, {"n1", "writers"}, {"n2", "n3"}, {"n2", "writers"}} {
		want = append(want, link.Flow{From: pair[0], To: pair[1]}, link.Flow{From: pair[1], To: pair[0]})
	}
	require.ElementsMatch(t, want, act.(fault.PowerAct).Flows)
	require.Equal(t, "power loss n1 n2", act.Text())
}

func TestAPlanSaysWhetherItNeedsDisks(t *testing.T) {
	require.True(t, fault.PlanNeedsDisk(once(fault.PowerLoss{Target: n1}, time.Second)))
	require.True(t, fault.PlanNeedsDisk(once(fault.SlowDisk{Target: n1, Delay: time.Second}, time.Second)))
	require.False(t, fault.PlanNeedsDisk(once(fault.Kill{Target: n1}, time.Second)))
}

// noDisks is a cluster on a machine that can't have disks that fail.
type noDisks struct {
	cluster.Cluster
	cluster.Disks
}

func (noDisks) DisksApply() error { return context.Canceled }

func TestADiskFaultSaysWhyItDoesNotApplyOnAMachine(t *testing.T) {
	r := onProcess(t)
	for _, f := range []fault.Fault{fault.PowerLoss{Target: n1}, fault.DiskError{Target: n1, Errno: "EIO", Operation: disk.OpFsync}, fault.SlowDisk{Target: n1, Delay: 1}} {
		_, err := r.Inject(r.ctx, f)
		require.ErrorContains(t, err, "run the scenario in pods")
		_, err = rigOn(r.ctx, t, noDisks{Cluster: r.Cluster}).Inject(r.ctx, f)
		require.ErrorIs(t, err, context.Canceled)
	}
	// One of a mix is left out.
	steps := once(fault.PowerLoss{Target: n1}, time.Second)
	steps[0].Mix = true
	require.NoError(t, r.Run(r.ctx, steps))
	require.Contains(t, r.last("no-bite").Detail, "left out: nodes here are processes")
	r.is(cluster.Running)
}

// latelyEnds is a cluster whose program has met an error of its disk, and ends of it
// just after the rule was undone.
type latelyEnds struct {
	cluster.Cluster
	cluster.Disks
	undone, ended bool
}

func (*latelyEnds) DisksApply() error                                             { return nil }
func (*latelyEnds) ApplyRule(context.Context, string, disk.Rule, []string) error  { return nil }
func (*latelyEnds) ActiveRules(context.Context, string) (ids []string, err error) { return nil, nil }
func (*latelyEnds) CountRule(context.Context, string, string) (disk.Count, error) {
	return disk.Count{Times: 1}, nil
}
func (l *latelyEnds) UndoRule(context.Context, string) error { l.undone = true; return nil }

func (l *latelyEnds) State(ctx context.Context, node string) (cluster.State, error) {
	state, err := l.Cluster.State(ctx, node)
	if l.undone && !l.ended {
		l.ended = true
		return state, l.Kill(ctx, node)
	}
	return state, err
}

// The end of a program that comes a little after its error is the fault's, and not
// called a crash; it is started again.
func TestAProgramThatEndsLateOfADiskErrorIsStartedAgain(t *testing.T) {
	r := onProcess(t)
	late := rigOn(r.ctx, t, &latelyEnds{Cluster: r.Cluster})
	before := r.life().ID
	late.inject(fault.DiskError{Target: n1, Errno: "EIO", Operation: disk.OpFsync})()
	r.is(cluster.Running)
	require.NotEqual(t, before, r.life().ID)
	require.Zero(t, late.count("crashed", ""))
}
