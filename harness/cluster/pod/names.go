package pod

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seatrial/seatrial/harness/link"
)

// NamesApply implements [cluster.NameNetwork].
func (n *network) NamesApply() error {
	if !n.names {
		return errors.New("names do not apply: the cluster was started without Options.Names, so its nodes ask their name servers themselves")
	}
	return nil // without nftables the start would have failed
}

// ApplyNames implements [cluster.NameNetwork]. As with Apply, an error means that
// the effect is nowhere in force, or says where it could not be taken away.
func (n *network) ApplyNames(ctx context.Context, id string, effect link.NameEffect, nodes []string) error {
	if err := n.NamesApply(); err != nil {
		return fmt.Errorf("apply %s: %w", id, err)
	}
	if len(nodes) == 0 {
		return fmt.Errorf("apply %s: no nodes", id)
	}
	var pods []*pod
	for _, node := range nodes {
		p := n.byName[node]
		if p == nil {
			return fmt.Errorf("apply %s: %q is no node", id, node)
		}
		pods = append(pods, p)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("apply %s: %w", id, context.Cause(ctx))
	}
	ctx = context.WithoutCancel(ctx)
	err := all(pods, func(p *pod) error { return p.agent.ApplyNames(ctx, id, effect) })
	if err == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("apply %s: %w", id, err), n.Undo(ctx, id))
}

// Resolve implements [cluster.NameNetwork].
func (n *network) Resolve(ctx context.Context, node, name string, timeout time.Duration) (link.Resolution, error) {
	p := n.byName[node]
	if p == nil {
		return link.Resolution{}, fmt.Errorf("resolve %s: %q is no node", name, node)
	}
	r, err := p.agent.Resolve(ctx, name, timeout)
	if err != nil {
		return r, fmt.Errorf("resolve %s: %w", name, of(p, err))
	}
	return r, nil
}
