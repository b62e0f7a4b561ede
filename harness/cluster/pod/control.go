package pod

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/seatrial/seatrial/harness/cluster"
)

// controlLimit bounds what is asked of one node, beside a Stop's grace: the engine
// takes a tenth of a second on an idle machine.
const controlLimit = 30 * time.Second

// State implements [cluster.Cluster]. The engine is asked: what testcontainers
// remembers does not know of a kill.
func (c *running) State(ctx context.Context, node string) (state cluster.State, err error) {
	err = c.control(ctx, "ask for the state of", node, func(ctx context.Context, p *pod) error {
		state, err = c.settled(ctx, p)
		return err
	})
	return state, err
}

func (c *running) state(ctx context.Context, p *pod) (cluster.State, error) {
	seen, err := c.docker.ContainerInspect(ctx, p.nodeID, client.ContainerInspectOptions{})
	if err != nil {
		return "", fmt.Errorf("ask the engine for its state: %w", err)
	}
	switch seen.Container.State.Status {
	case container.StatePaused:
		return cluster.Paused, nil
	case container.StateRunning:
		return cluster.Running, nil
	}
	return cluster.Stopped, nil
}

// StartNode implements [cluster.Cluster]. A paused node is resumed.
func (c *running) StartNode(ctx context.Context, node string) error {
	return c.control(ctx, "start", node, func(ctx context.Context, p *pod) error {
		state, err := c.settled(ctx, p)
		switch {
		case err != nil || state == cluster.Running:
			return err
		case state == cluster.Paused:
			return c.resume(ctx, p)
		}
		if _, err = c.docker.ContainerStart(ctx, p.nodeID, client.ContainerStartOptions{}); err == nil {
			p.frozen.Store(false)
			p.suspended.Store(false)
			p.goesOn.Store(false)
			return errors.Join(c.seeStarved(ctx, p), c.renewRules(ctx, p))
		}
		if agentErr := c.agentRuns(ctx, p); agentErr != nil {
			err = fmt.Errorf("%w: the pod's agent does not run: %w", err, agentErr)
		}
		return err
	})
}

// seeStarved notes what the engine says of the node's last life, as it begins another.
func (c *running) seeStarved(ctx context.Context, p *pod) error {
	seen, err := c.docker.ContainerInspect(ctx, p.nodeID, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("ask the engine for its life: %w", err)
	}
	p.starved.Store(seen.Container.State.OOMKilled)
	return nil
}

// Kill implements [cluster.Cluster]. A paused node dies without having run again:
// the signal is pending when it is thawed. One whose disk may fail is thawed first,
// because its disk is frozen with it and must remember what was not synced.
func (c *running) Kill(ctx context.Context, node string) error {
	return c.control(ctx, "kill", node, c.kill)
}

func (c *running) kill(ctx context.Context, p *pod) error {
	if c.disk.on() {
		if done, err := c.killByDisk(ctx, p); done || err != nil {
			return err
		}
	}
	err := c.signal(ctx, p, "SIGKILL")
	if err == nil {
		soon, cancel := context.WithTimeout(ctx, settleLimit)
		err = c.awaitStopped(soon, p)
		cancel()
	}
	if err == nil {
		return nil
	}
	// Engines differ in what they do to a paused container. This one thaws it as it
	// signals; one may leave it frozen with the signal pending, or refuse.
	state, stateErr := c.state(ctx, p)
	if stateErr != nil {
		return errors.Join(err, stateErr)
	}
	if state == cluster.Paused {
		if thaw := errors.Join(c.unpause(ctx, p), c.signal(ctx, p, "SIGKILL")); thaw != nil {
			return errors.Join(err, thaw)
		}
	}
	return c.awaitStopped(ctx, p)
}

// signal sends a signal to the node's first process. A node that does not run is
// no error.
func (c *running) signal(ctx context.Context, p *pod, signal string) error {
	_, err := c.docker.ContainerKill(ctx, p.nodeID, client.ContainerKillOptions{Signal: signal})
	if errdefs.IsConflict(err) {
		if state, stateErr := c.state(ctx, p); stateErr == nil && state == cluster.Stopped {
			return nil
		}
	}
	return err
}

// awaitStopped waits until the node's program is gone.
func (c *running) awaitStopped(ctx context.Context, p *pod) error {
	waiting := c.docker.ContainerWait(ctx, p.nodeID, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case <-waiting.Result:
		p.frozen.Store(false)
		return nil
	case err := <-waiting.Error:
		return fmt.Errorf("wait for its end: %w", err)
	case <-ctx.Done():
		return fmt.Errorf("wait for its end: %w", context.Cause(ctx))
	}
}

// Stop implements [cluster.Cluster]. The signal is SIGTERM unless the image names
// another. A paused node is resumed first. The engine's own stop counts its grace
// in whole seconds.
func (c *running) Stop(ctx context.Context, node string, grace time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, grace+controlLimit, fmt.Errorf("no end within %v after a grace of %v", controlLimit, grace))
	defer cancel()
	return c.control(ctx, "stop", node, func(limited context.Context, p *pod) error {
		seen, err := c.docker.ContainerInspect(limited, p.nodeID, client.ContainerInspectOptions{})
		if err != nil {
			return err
		}
		signal := "SIGTERM"
		if seen.Container.Config != nil && seen.Container.Config.StopSignal != "" {
			signal = seen.Container.Config.StopSignal
		}
		if p.frozen.Load() { // it could not take the signal
			if err := c.unpause(limited, p); err != nil {
				return err
			}
		}
		if err := c.signal(limited, p, signal); err != nil {
			return err
		}
		if p.suspended.Load() { // nor could it
			if err := c.signal(limited, p, "SIGCONT"); err != nil {
				return err
			}
		}
		gentle, stop := context.WithTimeout(ctx, grace)
		err = c.awaitStopped(gentle, p)
		stop()
		if err == nil {
			return nil
		}
		return c.kill(ctx, p)
	})
}

// control finds the node, bounds what is done to it and says what it was.
func (c *running) control(ctx context.Context, doing, node string, do func(context.Context, *pod) error) error {
	p, err := c.pod(node)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, controlLimit, fmt.Errorf("the engine did not do it within %v", controlLimit))
	defer cancel()
	if err := do(ctx, p); err != nil {
		return fmt.Errorf("%s node %s: %w", doing, node, err)
	}
	return nil
}
