package pod

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/client"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/disk"
)

// Life implements [cluster.Cluster].
func (c *running) Life(ctx context.Context, node string) (life cluster.Life, err error) {
	err = c.control(ctx, "ask for the life of", node, func(ctx context.Context, p *pod) error {
		if life.State, err = c.settled(ctx, p); err != nil {
			return err
		}
		seen, err := c.docker.ContainerInspect(ctx, p.nodeID, client.ContainerInspectOptions{})
		if err != nil {
			return fmt.Errorf("ask the engine for its life: %w", err)
		}
		life.ID = seen.Container.State.StartedAt
		// The engine's word stays through a start, until the next end.
		life.OutOfMemory = seen.Container.State.OOMKilled && (life.State == cluster.Stopped || !p.starved.Load())
		if life.State != cluster.Stopped && p.suspended.Load() {
			life.Suspended, err = c.suspended(ctx, p)
		}
		return err
	})
	return life, err
}

// suspended looks at the first process where the engine runs: its own word on a
// container knows of the freezer only.
func (c *running) suspended(ctx context.Context, p *pod) (bool, error) {
	seen, err := c.docker.ContainerInspect(ctx, p.nodeID, client.ContainerInspectOptions{})
	if err != nil {
		return false, fmt.Errorf("ask the engine for its first process: %w", err)
	}
	if !seen.Container.State.Running {
		return false, nil
	}
	// The short list of columns is what the ps of busybox has too.
	top, err := c.docker.ContainerTop(ctx, p.nodeID, client.ContainerTopOptions{Arguments: []string{"-o", "pid,ppid,stat"}})
	if err != nil {
		return false, fmt.Errorf("list its processes (the engine's host needs a ps): %w", err)
	}
	pid, parent, stat := slices.Index(top.Titles, "PID"), slices.Index(top.Titles, "PPID"), slices.Index(top.Titles, "STAT")
	if pid < 0 || parent < 0 || stat < 0 {
		return false, fmt.Errorf("list its processes: the engine's ps gives %v and no PID, PPID and STAT", top.Titles)
	}
	first := strconv.Itoa(seen.Container.State.Pid)
	for _, row := range top.Processes {
		// Behind a disk the program's first process is the disk's first child.
		if !c.disk.on() && row[pid] == first || c.disk.on() && row[parent] == first {
			return strings.HasPrefix(row[stat], "T"), nil
		}
	}
	return false, nil // it ended meanwhile
}

// Suspend implements [cluster.Cluster]. The kernel lets a signal that can't be
// caught through to the first process of a namespace if it comes from outside.
func (c *running) Suspend(ctx context.Context, node string) error {
	return c.control(ctx, "suspend", node, func(ctx context.Context, p *pod) error {
		if state, err := c.state(ctx, p); err != nil || state == cluster.Stopped {
			return errors.Join(err, errors.New("its program does not run"))
		}
		p.suspended.Store(true)
		p.goesOn.Store(false)
		if err := c.stand(ctx, p); err != nil {
			return err
		}
		return settle(ctx, func() (done bool, err error) {
			done, err = c.suspended(ctx, p)
			if state, stateErr := c.state(ctx, p); stateErr == nil && state == cluster.Stopped {
				err = errors.New("its program has ended")
			}
			return done, err
		})
	})
}

// stand stops the first process of the node's program.
func (c *running) stand(ctx context.Context, p *pod) error {
	if !c.disk.on() {
		return c.signal(ctx, p, "SIGSTOP")
	}
	// A frozen disk can't, and a plain signal would thaw it, too.
	if err := c.unpause(ctx, p); err != nil {
		return err
	}
	return c.askDisk(ctx, p, func(ctx context.Context, d *disk.Client) error { return d.Suspend(ctx) })
}

// Continue implements [cluster.Cluster]. The engine thaws a frozen container as it
// sends a signal: one that is paused is sent it when it is resumed.
func (c *running) Continue(ctx context.Context, node string) error {
	return c.control(ctx, "continue", node, func(ctx context.Context, p *pod) error {
		p.freezing.Lock()
		defer p.freezing.Unlock()
		if p.frozen.Load() {
			p.goesOn.Store(p.suspended.Load())
			return nil
		}
		return c.carryOn(ctx, p)
	})
}

func (c *running) carryOn(ctx context.Context, p *pod) error {
	if !p.suspended.Load() {
		return nil
	}
	if err := c.signal(ctx, p, "SIGCONT"); err != nil {
		return err
	}
	err := settle(ctx, func() (done bool, err error) {
		still, err := c.suspended(ctx, p)
		return !still, err
	})
	if err == nil {
		p.suspended.Store(false)
	}
	return err
}
