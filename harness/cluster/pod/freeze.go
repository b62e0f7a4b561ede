package pod

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/client"

	"github.com/seatrial/seatrial/harness/cluster"
)

// The engine's own word on whether a container is paused can be wrong for some
// milliseconds. A call sets it at once, and containerd's event about that call
// sets it again, when it arrives:
//
//	us      resume ─ ok    pause ─ ok        start: "runs", so nothing to do
//	engine  paused=false   paused=true       paused=false            paused=true
//	events                          resumed ┘ (of the first)  paused ┘
//
// and the node stays frozen for ever. So we remember what we did last, ask again
// while the engine disagrees, and believe it when it goes on disagreeing: then
// somebody else paused or resumed the container.
const (
	settleLimit = 2 * time.Second
	settlePause = 10 * time.Millisecond
)

// settled is a node's state, when the engine has caught up with what was done.
func (c *running) settled(ctx context.Context, p *pod) (cluster.State, error) {
	var state cluster.State
	err := settle(ctx, func() (done bool, err error) {
		frozen := p.frozen.Load()
		state, err = c.state(ctx, p)
		return state == cluster.Stopped || (state == cluster.Paused) == frozen, err
	})
	if errors.Is(err, errUnsettled) {
		err = nil
	}
	return state, err
}

var errUnsettled = fmt.Errorf("the engine did not agree within %v", settleLimit)

// settle asks until it is done, or an error comes, or the time is up.
func settle(ctx context.Context, ask func() (done bool, err error)) error {
	limit := time.NewTimer(settleLimit)
	defer limit.Stop()
	for {
		if done, err := ask(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-limit.C:
			return errUnsettled
		case <-time.After(settlePause):
		}
	}
}

// Pause implements [cluster.Cluster], by the kernel's freezer. A node that does
// not run is an error; one that is paused is not.
func (c *running) Pause(ctx context.Context, node string) error {
	return c.control(ctx, "pause", node, func(ctx context.Context, p *pod) error {
		p.freezing.Lock()
		defer p.freezing.Unlock()
		var refused error
		err := settle(ctx, func() (done bool, err error) {
			_, refused = c.docker.ContainerPause(ctx, p.nodeID, client.ContainerPauseOptions{})
			if refused == nil {
				p.frozen.Store(true)
				return true, nil
			}
			state, err := c.state(ctx, p)
			if err == nil && state == cluster.Stopped {
				err = errors.New("its program does not run")
			}
			return state == cluster.Paused && p.frozen.Load(), err
		})
		if err != nil {
			return errors.Join(err, refused)
		}
		return nil
	})
}

// Resume implements [cluster.Cluster]. A node that is not paused is no error.
func (c *running) Resume(ctx context.Context, node string) error {
	return c.control(ctx, "resume", node, c.resume)
}

func (c *running) resume(ctx context.Context, p *pod) error {
	if err := c.unpause(ctx, p); err != nil {
		return err
	}
	return c.renewRules(ctx, p)
}

func (c *running) unpause(ctx context.Context, p *pod) error {
	p.freezing.Lock()
	defer p.freezing.Unlock()
	var refused error
	err := settle(ctx, func() (done bool, err error) {
		_, refused = c.docker.ContainerUnpause(ctx, p.nodeID, client.ContainerUnpauseOptions{})
		if refused == nil {
			p.frozen.Store(false)
			return true, nil
		}
		state, err := c.state(ctx, p)
		return state == cluster.Stopped || state == cluster.Running && !p.frozen.Load(), err
	})
	if errors.Is(err, errUnsettled) {
		if state, stateErr := c.state(ctx, p); stateErr == nil && state == cluster.Running {
			p.frozen.Store(false) // somebody else resumed it
			return nil
		}
	}
	if err != nil {
		return errors.Join(err, refused)
	}
	if p.goesOn.Swap(false) {
		return c.carryOn(ctx, p)
	}
	return nil
}
