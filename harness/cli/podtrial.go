package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/build"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// agentPackage is the program in every pod.
const agentPackage = build.Module + "/docker/agent"

// How long a probe between two empty pods may take, and what delay is tried.
const (
	trialProbe = 500 * time.Millisecond
	trialDelay = 50 * time.Millisecond
)

// podTrial is what two empty pods showed.
type podTrial struct {
	failed  error  // why there are no pods
	text    string // how they were reached
	packets error  // why packets can't be cut
	streams error  // why streams can't be delayed
	disks   error  // why disks can't fail
	// network stays after the pods are gone, to be asked what applies in them.
	network cluster.Network
}

// idle is a system of two nodes that do nothing: the agent's program once more,
// because that image is there anyway.
type idle struct{}

var _ cluster.PodSystem = idle{}

func (idle) SystemName() string                        { return "doctor" }
func (idle) SystemVersion() string                     { return "1" }
func (idle) Validate() error                           { return nil }
func (idle) NodeNames() []string                       { return []string{"n1", "n2"} }
func (idle) Ports() []cluster.Port                     { return []cluster.Port{{Name: "peer", Number: 7990, Peer: true}} }
func (idle) Ready(context.Context, link.Session) error { return nil }

// Image implements [cluster.PodSystem].
func (idle) Image(ctx context.Context, builder cluster.ImageBuilder) (string, error) {
	binary := os.Getenv("SEATRIAL_AGENT")
	if binary == "" {
		var err error
		if binary, err = builder.GoPackage(ctx, agentPackage); err != nil {
			return "", err
		}
	}
	return builder.FromBinary(ctx, "agent", binary)
}

// PodCommand implements [cluster.PodSystem]. Without privileges and on other
// ports this agent does nothing, until it ends because nobody speaks to it.
func (idle) PodCommand(string, cluster.Addresses) (cluster.Command, error) {
	return cluster.Command{Args: []string{"/agent"}, Env: []string{
		wire.EnvToken + "=idle", wire.EnvControlPort + "=7991", wire.EnvProbePort + "=7992"}}, nil
}

// tryPods starts two pods behind disks that can fail, cuts and delays what is between
// them, and removes them.
func tryPods(ctx context.Context, say func(string)) podTrial {
	var prepared, noDisks error
	within(ctx, buildWithin, func(ctx context.Context) {
		_, prepared = pod.Runtime{}.Prepare(ctx, idle{}, say)
	})
	if prepared != nil {
		return podTrial{failed: prepared}
	}
	within(ctx, buildWithin, func(ctx context.Context) { noDisks = pod.Runtime{}.PrepareDisks(ctx, idle{}, say) })
	trial := tryPodsOnce(ctx, true, noDisks == nil)
	if trial.failed != nil {
		// Redirects are laid, and disks mounted, as the pods start: without them there
		// may be pods yet.
		if plain := tryPodsOnce(ctx, false, false); plain.failed == nil {
			plain.streams = fmt.Errorf("pods start only without redirected streams and disks that can fail: %w", trial.failed)
			plain.disks = plain.streams
			trial = plain
		}
	}
	if noDisks != nil {
		trial.disks = fmt.Errorf("disk faults do not apply, because there is no program for them: %w", noDisks)
	}
	return trial
}

func tryPodsOnce(ctx context.Context, streams, disks bool) (trial podTrial) {
	within(ctx, checkWithin, func(ctx context.Context) {
		owner, err := cluster.NewOwner()
		if err != nil {
			trial.failed = err
			return
		}
		defer owner.Remove()
		c, err := pod.Runtime{}.Start(ctx, idle{}, cluster.Options{Owner: owner, Streams: streams, Names: streams, Disk: disks,
			Log: func(line string) { trial.text = line }}) // the last one says how they were reached
		if err != nil {
			trial.failed = err
			return
		}
		trial.network = c.Network()
		trial.packets = tryCut(ctx, trial.network)
		if streams {
			trial.streams = tryDelay(ctx, trial.network)
		}
		if disks {
			trial.disks = c.(cluster.Disks).DisksApply()
		}
		if err := c.Close(context.WithoutCancel(ctx)); err != nil {
			trial.text += fmt.Sprintf("; they could not be removed: %v", err)
		}
	})
	return trial
}

// tryCut cuts one way between the pods and back, and sees both with a probe.
func tryCut(ctx context.Context, network cluster.Network) error {
	flow := link.Flow{From: "n1", To: "n2"}
	if err := network.Applies(link.Effect{Action: link.Drop}); err != nil {
		return err
	}
	if _, err := network.Probe(ctx, flow, trialProbe); err != nil {
		return fmt.Errorf("before any cut: %w", err)
	}
	if err := network.Apply(ctx, "cut", link.Effect{Action: link.Drop}, []link.Flow{flow}); err != nil {
		return err
	}
	_, err := network.Probe(ctx, flow, trialProbe)
	switch {
	case err == nil:
		err = errors.New("a packet came through a cut")
	case errors.Is(err, cluster.ErrNoArrival):
		err = nil
	}
	if err := errors.Join(err, network.Undo(ctx, "cut")); err != nil {
		return err
	}
	if _, err := network.Probe(ctx, flow, trialProbe); err != nil {
		return fmt.Errorf("after the cut was undone: %w", err)
	}
	return nil
}

// tryDelay delays a stream between the pods, and sees it with a probe.
func tryDelay(ctx context.Context, network cluster.Network) error {
	flow := link.Flow{From: "n1", To: "n2"}
	if err := network.Applies(link.Effect{Action: link.Delay}); err != nil {
		return err
	}
	if err := network.Apply(ctx, "delay", link.Effect{Action: link.Delay, Latency: trialDelay}, []link.Flow{flow}); err != nil {
		return err
	}
	took, err := network.Probe(ctx, flow, trialDelay+trialProbe)
	if err == nil && took < trialDelay {
		err = fmt.Errorf("a stream that was to be delayed by %v came after %v", trialDelay, took)
	}
	return errors.Join(err, network.Undo(ctx, "delay"))
}
