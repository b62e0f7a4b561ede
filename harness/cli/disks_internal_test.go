package cli

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/docker/etcd"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/disk"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/script"
	"github.com/seatrial/seatrial/workloads"
)

// withoutFuse is a machine whose pods run, and whose engine lets no container mount.
func withoutFuse() *machine {
	return &machine{pods: podTrial{network: pod.Runtime{}.Network(),
		disks: errors.New("the disk layer does not apply, because mount(2) says no")}}
}

// The faults on disks do not apply, with the reason, and no other is lost.
func TestFaultsWithoutFuse(t *testing.T) {
	with := (&machine{pods: podTrial{network: pod.Runtime{}.Network()}}).faults()
	without := withoutFuse().faults()
	require.Equal(t, len(with.Faults), len(without.Faults))
	disks := 0
	for i, f := range without.Faults {
		if f.Kind != string(fault.KindDisk) {
			require.Equal(t, with.Faults[i], f)
			continue
		}
		disks++
		require.True(t, with.Faults[i].Runtimes["pod"].Applies, f.Name)
		require.Equal(t, faultHere{Why: "the disk layer does not apply, because mount(2) says no"}, f.Runtimes["pod"], f.Name)
	}
	require.Equal(t, 3, disks)
	require.Contains(t, notHere(without), "disk-error, slow-disk, power-loss in pods")
}

// Doctor says what is missing, what that costs and what to do, and which scenarios
// can't run for it.
func TestDoctorWithoutFuse(t *testing.T) {
	scenario := func(name string) harness.Scenario {
		return harness.Scenario{Name: name, System: etcd.Cluster{}, Workload: workloads.Registers{}}
	}
	power, byScript, mixed, cut := scenario("power"), scenario("script"), scenario("mix"), scenario("cut")
	power.Faults = fault.Every{Period: 1e9, Do: fault.For{Duration: 1e8, Fault: fault.PowerLoss{Target: fault.Leader}}}
	byScript.Script = script.Script{Steps: script.Steps{
		script.Inject{Name: "slow", Fault: fault.SlowDisk{Target: fault.Leader, Delay: 1e9, Operation: disk.OpFsync}}}}
	mixed.Faults = fault.Mix{Faults: []fault.Fault{fault.PowerLoss{Target: fault.Leader}, fault.Kill{Target: fault.Leader}}}
	cut.Faults = fault.Every{Period: 1e9, Do: fault.For{Duration: 1e8, Fault: fault.BlackHole{Target: fault.Leader}}}

	m := withoutFuse()
	for _, s := range []harness.Scenario{power, byScript} {
		_, lacks := m.canRun(s)
		require.ErrorContains(t, lacks, "in pods: the disk layer does not apply, because mount(2) says no", s.Name)
	}
	for _, s := range []harness.Scenario{mixed, cut} {
		runtime, lacks := m.canRun(s)
		require.NoError(t, lacks, s.Name)
		require.Equal(t, "pod", runtime)
	}

	fuse := func(m *machine, of ...harness.Scenario) diagnosis {
		for _, d := range m.kernelChecks(faultNames(of)) {
			if d.Name == "fuse" {
				return d
			}
		}
		t.Fatal("there is no such check")
		return diagnosis{}
	}
	for _, s := range []harness.Scenario{power, byScript} {
		d := fuse(m, s)
		require.Equal(t, stateWarning, d.State)
		require.False(t, d.Inferred, "it was tried")
		require.Equal(t, "the disk layer does not apply, because mount(2) says no", d.Text)
		require.Equal(t, "faults of disks: power loss, disk error, slow disk", d.Costs)
		require.Contains(t, d.Remedy, "modprobe fuse")
		require.Contains(t, d.Remedy, "SYS_ADMIN")
	}
	require.Contains(t, fuse(m, cut).Costs, "no scenario of this program has one")
	m.pods.disks = nil
	require.Equal(t, stateOK, fuse(m, power).State)
}
