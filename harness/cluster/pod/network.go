package pod

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// network implements [cluster.Network]: it asks the agents, who enforce.
type network struct {
	pods    []*pod
	byName  map[string]*pod
	ports   []cluster.Port
	streams bool
	names   bool
	nonce   atomic.Uint64
}

// Network answers what applies to links between nodes on this runtime, before any
// cluster runs: all that a machine may have. It has no nodes, and does nothing else.
func (Runtime) Network() cluster.Network { return &network{streams: true, names: true} }

// Applies implements [cluster.Network]. It answers for links between nodes; on
// those between a client group and a node every action on streams exists, see Apply.
func (n *network) Applies(effect link.Effect) error { return n.applies(effect, true) }

// applies says whether the effect exists: between nodes it is one on packets, or
// needs redirected links; a client's connection always runs through gates.
func (n *network) applies(effect link.Effect, betweenNodes bool) error {
	action := effect.Action
	if err := cluster.Declares(n.ports, effect); err != nil {
		return err
	}
	switch {
	case effect.Transport == link.UDP && !betweenNodes:
		return fmt.Errorf("%s of UDP does not apply to the link of a client group: it is a byte stream through the agent", action)
	case effect.Queued():
		if !betweenNodes {
			return fmt.Errorf("%s of packets does not apply to the link of a client group: it is a byte stream through the agent", action)
		}
		for _, p := range n.pods {
			if p.info.Queue != "" {
				return fmt.Errorf("%s does not apply: in the pod of %s packets can't be queued: %s", action, p.name, p.info.Queue)
			}
			if action == link.Duplicate && p.info.Duplicate != "" {
				return fmt.Errorf("%s does not apply: in the pod of %s packets can't be sent twice: %s", action, p.name, p.info.Duplicate)
			}
		}
	case action == link.Break:
		for _, p := range n.pods {
			if betweenNodes && p.info.Break != "" {
				return fmt.Errorf("%s does not apply: in the pod of %s connections can't be aborted: %s", action, p.name, p.info.Break)
			}
		}
	case !effect.Stream():
		for _, p := range n.pods {
			if betweenNodes && p.info.Packets != "" {
				return fmt.Errorf("%s does not apply: in the pod of %s packets can't be cut: %s", action, p.name, p.info.Packets)
			}
		}
	case betweenNodes && !n.streams:
		return fmt.Errorf("%s does not apply between nodes: the cluster was started without Options.Streams, so these links are plain TCP without a proxy", action)
	}
	return nil
}

// betweenNodes reports whether some flow has a node at either end.
func (n *network) betweenNodes(flows []link.Flow) bool {
	return slices.ContainsFunc(flows, func(f link.Flow) bool {
		return n.byName[string(f.From)] != nil && n.byName[string(f.To)] != nil
	})
}

// Apply implements [cluster.Network]. With an error the effect is nowhere in
// force, or the error says where it could not be taken away. A context that ends
// in the middle does not cut the requests off: an agent may carry out one whose
// connection broke, and if that were after the undoing it would stay in force.
func (n *network) Apply(ctx context.Context, id string, effect link.Effect, flows []link.Flow) error {
	if err := n.applies(effect, n.betweenNodes(flows)); err != nil {
		return fmt.Errorf("apply %s: %w", id, err)
	}
	agents, err := n.ends(flows)
	if err != nil {
		return fmt.Errorf("apply %s: %w", id, err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("apply %s: %w", id, context.Cause(ctx))
	}
	ctx = context.WithoutCancel(ctx)
	err = all(agents, func(p *pod) error { return p.agent.Apply(ctx, id, effect, flows) })
	if err == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("apply %s: %w", id, err), n.Undo(ctx, id))
}

// all asks the agents at once, each for as long as a request may take, and waits
// for every answer.
func all(pods []*pod, ask func(*pod) error) error {
	errs := make([]error, len(pods))
	var wait sync.WaitGroup
	for i, p := range pods {
		wait.Go(func() { errs[i] = of(p, ask(p)) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// ends are the pods at which some flow begins or ends.
func (n *network) ends(flows []link.Flow) ([]*pod, error) {
	if len(flows) == 0 {
		return nil, errors.New("no flows")
	}
	met := map[*pod]bool{}
	for _, flow := range flows {
		from, to := n.byName[string(flow.From)], n.byName[string(flow.To)]
		if from == nil && to == nil {
			return nil, fmt.Errorf("neither end of the flow %s is a node", flow)
		}
		if from == to {
			return nil, fmt.Errorf("the flow %s has one end", flow)
		}
		for _, p := range []*pod{from, to} {
			if p != nil {
				met[p] = true
			}
		}
	}
	return slices.Collect(maps.Keys(met)), nil
}

// of says whose agent an error is from.
func of(p *pod, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// Count implements [cluster.Network].
func (n *network) Count(ctx context.Context, id string) (link.Count, error) {
	counts := make([]link.Count, len(n.pods))
	err := each(ctx, n.pods, func(ctx context.Context, p *pod) (err error) {
		counts[slices.Index(n.pods, p)], err = p.agent.Count(ctx, id)
		return of(p, err)
	})
	var sum link.Count
	for _, count := range counts {
		sum = sum.Add(count)
	}
	if err != nil {
		return sum, fmt.Errorf("count what %s did: %w", id, err)
	}
	return sum, nil
}

// Undo implements [cluster.Network]. Every agent is asked, also after one failed,
// and whatever becomes of the context: a cut must not outlive another trouble.
func (n *network) Undo(ctx context.Context, id string) error {
	ctx = context.WithoutCancel(ctx)
	if err := all(n.pods, func(p *pod) error { return p.agent.Undo(ctx, id) }); err != nil {
		return fmt.Errorf("undo %s: %w", id, err)
	}
	return nil
}

// Active implements [cluster.Network].
func (n *network) Active(ctx context.Context) ([]string, error) {
	lists := make([][]string, len(n.pods))
	err := each(ctx, n.pods, func(ctx context.Context, p *pod) (err error) {
		lists[slices.Index(n.pods, p)], err = p.agent.Active(ctx)
		return of(p, err)
	})
	if err != nil {
		return nil, fmt.Errorf("ask which effects are in force: %w", err)
	}
	ids := slices.Concat(lists...)
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// Probe implements [cluster.Network]. The duration is one way: the sender and the
// receiver both tell the run over their control ports, so a probe of A>B is not
// spoiled by a cut of B>A. The error wraps [wire.ErrProbeLate] where the flow is
// cut, and [wire.ErrAgent] where an agent is in trouble.
//
// A datagram shows whether packets pass. Where links are redirected a stream is
// probed as well, through the redirect; its handshake needs packets both ways, so
// a cut of B>A alone leaves only the datagram's word for A>B.
func (n *network) Probe(ctx context.Context, flow link.Flow, timeout time.Duration) (time.Duration, error) {
	from, to := n.byName[string(flow.From)], n.byName[string(flow.To)]
	switch {
	case from == nil && to == nil || from == to:
		return 0, fmt.Errorf("probe %s: a probe goes between two nodes, or a client group and a node", flow)
	case from == nil:
		return n.probeClient(ctx, flow.From, to, timeout)
	case to == nil:
		return n.probeClient(ctx, flow.To, from, timeout)
	}
	if !n.streams {
		return n.probeNodes(ctx, from, to, link.UDP, timeout)
	}
	type result struct {
		took time.Duration
		err  error
	}
	stream := make(chan result, 1)
	go func() {
		took, err := n.probeNodes(ctx, from, to, link.TCP, timeout)
		stream <- result{took, err}
	}()
	took, err := n.probeNodes(ctx, from, to, link.UDP, timeout)
	tcp := <-stream
	if err != nil {
		return 0, err
	}
	if tcp.err == nil {
		return max(took, tcp.took), nil
	}
	if _, err := n.probeNodes(ctx, to, from, link.UDP, timeout); errors.Is(err, wire.ErrProbeLate) {
		return took, nil
	}
	return 0, tcp.err
}

// arrival marks the errors that say that the flow is dead: an agent in trouble
// says nothing of the flow.
func arrival(err error) error {
	for _, dead := range []error{wire.ErrProbeLate, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ETIMEDOUT, syscall.EPIPE, syscall.EHOSTUNREACH} {
		if errors.Is(err, dead) {
			return fmt.Errorf("%w: %w", cluster.ErrNoArrival, err)
		}
	}
	return err
}

func (n *network) probeNodes(ctx context.Context, from, to *pod, transport link.Transport, timeout time.Duration) (time.Duration, error) {
	took, err := wire.Probe(ctx, from.agent, to.agent, link.End(to.name), n.nonce.Add(1), transport, timeout)
	if err != nil {
		return 0, fmt.Errorf("from %s: %w", from.name, arrival(err))
	}
	return took, nil
}

// probeClient opens a connection as a client would, to the agent's own port in
// the pod, which answers also where the node is dead. It is a round trip, so it
// does not tell a link's two flows apart.
func (n *network) probeClient(ctx context.Context, group link.End, node *pod, timeout time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	began := time.Now()
	conn, err := node.agent.Connect(ctx, group, fmt.Sprintf("%s:%d", node.name, wire.ProbePort))
	took := time.Since(began)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return 0, fmt.Errorf("probe between %s and %s: %w: %w", group, node.name, arrival(wire.ErrProbeLate), err)
	case err != nil:
		return 0, fmt.Errorf("probe between %s and %s: %w", group, node.name, err)
	}
	conn.Close()
	return took, nil
}
