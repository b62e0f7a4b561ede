package process

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/stream"
)

// network implements [cluster.Network] over the switch that all relays share.
type network struct {
	sw     *stream.Switch
	probes atomic.Uint64
}

// Network answers what applies to links between nodes on this runtime, before any
// cluster runs. It has no nodes, and does nothing else.
func (Runtime) Network() cluster.Network { return &network{} }

func (n *network) Applies(effect link.Effect) error {
	if effect.Stream() || effect.Action == link.Drop || effect.Action == link.Refuse {
		return nil
	}
	return fmt.Errorf("%s of packets does not apply to the process runtime: its links are byte streams through a proxy, without packets of their own; run it in pods", effect.Action)
}

func (n *network) Apply(ctx context.Context, id string, effect link.Effect, flows []link.Flow) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("apply effect %q: %w", id, err)
	}
	if err := n.Applies(effect); err != nil {
		return fmt.Errorf("apply effect %q: %w", id, err)
	}
	return n.sw.Apply(id, effect, flows)
}

func (n *network) Count(_ context.Context, id string) (link.Count, error) { return n.sw.Count(id), nil }

// Undo works in memory, so an ended context is no reason to leave a link cut.
func (n *network) Undo(_ context.Context, id string) error {
	n.sw.Undo(id)
	return nil
}

func (n *network) Active(context.Context) ([]string, error) { return n.sw.Active(), nil }

// Probe sends a number through a relay of its own with the flow's gate, and takes
// it out at the far end: nothing comes back over the network, so one direction is
// tested, and the time is that of one way.
func (n *network) Probe(ctx context.Context, flow link.Flow, timeout time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	relay := &stream.Relay{Switch: n.sw, From: flow.From, To: flow.To, Port: "probe", Probe: true}
	defer relay.Close() // resets what a cut still holds
	near, in, err := stream.Loopback(ctx)
	if err != nil {
		return 0, fmt.Errorf("probe %s: %w", flow, err)
	}
	defer near.Close()
	out, far, err := stream.Loopback(ctx)
	if err != nil {
		in.Close()
		return 0, fmt.Errorf("probe %s: %w", flow, err)
	}
	defer far.Close()
	defer context.AfterFunc(ctx, func() { expire(near); expire(far) })()

	if err := relay.Join(in, out); err != nil { // refused
		return 0, fmt.Errorf("probe %s: %w: %w", flow, cluster.ErrNoArrival, err)
	}
	var sent, got [8]byte
	binary.BigEndian.PutUint64(sent[:], n.probes.Add(1))
	began := time.Now()
	if _, err := near.Write(sent[:]); err != nil {
		return 0, fmt.Errorf("probe %s: %w: send: %w", flow, cluster.ErrNoArrival, err)
	}
	if _, err := io.ReadFull(far, got[:]); err != nil {
		if ctx.Err() != nil {
			return 0, fmt.Errorf("probe %s: %w within %v: %w", flow, cluster.ErrNoArrival, timeout, os.ErrDeadlineExceeded)
		}
		return 0, fmt.Errorf("probe %s: %w: receive: %w", flow, cluster.ErrNoArrival, err)
	}
	if got != sent {
		return 0, fmt.Errorf("probe %s: sent %x, and %x arrived", flow, sent, got)
	}
	return time.Since(began), nil
}

func expire(conn net.Conn) { _ = conn.SetDeadline(time.Unix(1, 0)) }

// dialer implements [link.Dialer].
type dialer struct{ layout *layout }

// DialAs waits until the group's flow to the node passes, dials the node itself,
// so that a refused connection is known to be refused, and only then puts the
// relay between.
func (d dialer) DialAs(ctx context.Context, group link.End, address string) (net.Conn, error) {
	if group == "" {
		group = link.Clients
	}
	to, err := d.layout.resolve(address)
	if err != nil {
		return nil, fmt.Errorf("dial as %s: %w", group, err)
	}
	fail := func(err error) (net.Conn, error) {
		return nil, fmt.Errorf("dial %s of node %s as %s: %w", to.port, to.node, group, err)
	}
	if err := d.layout.sw.Admit(ctx, group, link.End(to.node)); err != nil {
		return fail(err)
	}
	node, err := stream.DialTo(d.layout.reserved[to].address(), nil)(ctx)
	if err != nil {
		return fail(err)
	}
	client, near, err := stream.Loopback(ctx)
	if err != nil {
		node.Close()
		return fail(err)
	}
	if err := d.layout.client(hop{group, to}).Join(near, node); err != nil {
		client.Close()
		return fail(err)
	}
	return client, nil
}
