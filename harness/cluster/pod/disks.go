package pod

import (
	"context"
	"errors"
	"slices"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/disk"
)

var _ cluster.Disks = (*running)(nil)

var errNoDisks = errors.New("disk faults do not apply, because the cluster was started without cluster.Options.Disk: its plan holds none")

// DisksApply implements [cluster.Disks].
func (c *running) DisksApply() error {
	if !c.options.Disk {
		return errNoDisks
	}
	return c.disk.unavailable
}

// onDisk does something to a node's disk.
func (c *running) onDisk(ctx context.Context, doing, node string, do func(context.Context, *pod) error) error {
	if err := c.DisksApply(); err != nil {
		return err
	}
	return c.control(ctx, doing, node, do)
}

// PowerLoss implements [cluster.Disks]. A paused node is thawed first: its disk is
// frozen, too.
func (c *running) PowerLoss(ctx context.Context, node string, power disk.Power) (loss disk.Loss, err error) {
	err = c.onDisk(ctx, "take the power of", node, func(ctx context.Context, p *pod) error {
		err := c.endByDisk(ctx, p, func(ctx context.Context, d *disk.Client) (err error) {
			loss, err = d.PowerLoss(ctx, power)
			return err
		})
		if err == nil {
			p.disk.mu.Lock()
			p.disk.lost = &loss
			p.disk.mu.Unlock()
		}
		return err
	})
	return loss, err
}

// Lost implements [cluster.Disks].
func (c *running) Lost(node string) (loss disk.Loss, ever bool) {
	p, err := c.pod(node)
	if err != nil {
		return loss, false
	}
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	if p.disk.lost == nil {
		return loss, false
	}
	return *p.disk.lost, true
}

// ApplyRule implements [cluster.Disks].
func (c *running) ApplyRule(ctx context.Context, id string, rule disk.Rule, nodes []string) error {
	if err := rule.Validate(); err != nil {
		return err
	}
	var all error
	for _, node := range nodes {
		all = errors.Join(all, c.onDisk(ctx, "put a rule on the disk of", node, func(ctx context.Context, p *pod) error {
			p.disk.mu.Lock()
			defer p.disk.mu.Unlock()
			if p.disk.rules == nil {
				p.disk.rules = map[string]disk.Rule{}
			}
			p.disk.rules[id] = rule
			return c.askRunning(ctx, p, func(ctx context.Context, d *disk.Client) error { return d.Apply(ctx, id, rule) })
		}))
	}
	return all
}

// renewRules makes a disk have the rules that it is to have, after its node was
// started or resumed. A started program runs already: its first requests may come
// before them.
func (c *running) renewRules(ctx context.Context, p *pod) error {
	if !c.disk.on() {
		return nil
	}
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	if len(p.disk.rules) == 0 && !p.disk.stale {
		return nil
	}
	err := c.askDisk(ctx, p, func(ctx context.Context, d *disk.Client) error {
		active, err := d.Active(ctx)
		if err != nil {
			return err
		}
		for _, id := range active {
			if _, ruled := p.disk.rules[id]; !ruled {
				if err := d.Undo(ctx, id); err != nil {
					return err
				}
			}
		}
		for id, rule := range p.disk.rules {
			if err := d.Apply(ctx, id, rule); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		p.disk.stale = false
	}
	return orStopped(err)
}

// UndoRule implements [cluster.Disks].
func (c *running) UndoRule(ctx context.Context, id string) error {
	var all error
	for _, p := range c.pods {
		p.disk.mu.Lock()
		_, ruled := p.disk.rules[id]
		p.disk.mu.Unlock()
		if !ruled {
			continue
		}
		all = errors.Join(all, c.onDisk(ctx, "take a rule from the disk of", p.name, func(ctx context.Context, p *pod) error {
			p.disk.mu.Lock()
			defer p.disk.mu.Unlock()
			err := c.askDisk(ctx, p, func(ctx context.Context, d *disk.Client) error { return d.Undo(ctx, id) })
			if errors.Is(err, cluster.ErrNotRunning) {
				p.disk.stale, err = true, nil // a paused one is told when it is resumed
			}
			if err == nil {
				delete(p.disk.rules, id)
			}
			return err
		}))
	}
	return all
}

// CountRule implements [cluster.Disks].
func (c *running) CountRule(ctx context.Context, id, node string) (count disk.Count, err error) {
	err = c.onDisk(ctx, "count a rule on the disk of", node, func(ctx context.Context, p *pod) error {
		return c.askRunning(ctx, p, func(ctx context.Context, d *disk.Client) (err error) {
			count, err = d.Count(ctx, id)
			return err
		})
	})
	return count, err
}

// ActiveRules implements [cluster.Disks].
func (c *running) ActiveRules(ctx context.Context, node string) (ids []string, err error) {
	err = c.onDisk(ctx, "ask for the rules on the disk of", node, func(ctx context.Context, p *pod) error {
		return c.askRunning(ctx, p, func(ctx context.Context, d *disk.Client) (err error) {
			ids, err = d.Active(ctx)
			return err
		})
	})
	slices.Sort(ids)
	return ids, err
}

// askRunning asks a disk unless its node does not run.
func (c *running) askRunning(ctx context.Context, p *pod, ask func(context.Context, *disk.Client) error) error {
	return orStopped(c.askDisk(ctx, p, ask))
}

// orStopped takes a node that does not run for one where nothing is to be done.
func orStopped(err error) error {
	if errors.Is(err, cluster.ErrNotRunning) {
		return nil
	}
	return err
}
