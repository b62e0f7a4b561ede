package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	goruntime "runtime"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/build"
)

// Runtime runs systems as processes of this machine. The zero value is ready.
type Runtime struct {
	// Builder builds the systems' programs; nil is a [build.Builder] for this machine.
	Builder cluster.ProgramBuilder
}

// The variables, beside [cluster.EnvRun], that each of a run's processes carries.
const (
	// EnvNode is the node's name.
	EnvNode = "SEATRIAL_NODE"
	// EnvOwner is the run's [cluster.Owner] as JSON, so that an orphan tells whose
	// it was even where the run's scratch folder is gone.
	EnvOwner = "SEATRIAL_OWNER"
)

// RuntimeName implements [cluster.Runtime].
func (Runtime) RuntimeName() string { return "process" }

// Available implements [cluster.Runtime].
func (Runtime) Available(context.Context) error {
	if goruntime.GOOS != "linux" {
		return fmt.Errorf("the process runtime wants Linux and its /proc, this is %s: use the pod runtime", goruntime.GOOS)
	}
	if _, err := statusOf(os.Getpid()); err != nil {
		return fmt.Errorf("the process runtime wants /proc mounted: %w", err)
	}
	return nil
}

// Start implements [cluster.Runtime]. The limits in the options do not apply.
func (r Runtime) Start(ctx context.Context, system cluster.System, options cluster.Options) (cluster.Cluster, error) {
	name := system.SystemName()
	programs, ok := system.(cluster.ProcessSystem)
	if !ok {
		return nil, fmt.Errorf("%s does not run as processes, because it is no cluster.ProcessSystem: use the pod runtime", name)
	}
	if options.Owner == nil {
		return nil, fmt.Errorf("start %s: the options name no owner: make one with cluster.NewOwner", name)
	}
	if err := r.Available(ctx); err != nil {
		return nil, err
	}
	if options.Log == nil {
		options.Log = func(string) {}
	}
	builder := r.Builder
	if builder == nil {
		builder = build.Builder{TempDir: options.Owner.Scratch, Log: options.Log}
	}
	path, err := programs.Program(ctx, builder)
	if err != nil {
		return nil, fmt.Errorf("find the program of %s: %w", name, err)
	}
	c := &runningCluster{system: programs, owner: options.Owner, log: options.Log, nodes: map[string]*node{}}
	if err := c.start(ctx, path); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s as processes: %w", name, err), c.abandon())
	}
	return c, nil
}
