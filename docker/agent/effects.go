package main

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/seatrial/seatrial/harness/link"
)

// apply puts an effect in force, whole or not at all.
func (a *agent) apply(id string, e link.Effect, flows []link.Flow) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.config == nil {
		return errUnconfigured
	}
	if old, ok := a.effects[id]; ok {
		if old.effect == e && slices.Equal(old.flows, flows) {
			return nil
		}
		return fmt.Errorf("effect %q is in force as %s on %v: undo it first", id, old.effect.Action, old.flows)
	}
	if err := a.names.unused(id); err != nil {
		return err
	}
	inPackets, inStreams, err := split(*a.config, e, flows)
	if err != nil {
		return fmt.Errorf("effect %q: %w", id, err)
	}
	a.past.forget(id)
	if len(inPackets) > 0 {
		if err := a.applyToPackets(id, e, inPackets); err != nil {
			return fmt.Errorf("effect %q: %w", id, err)
		}
	}
	if len(inStreams) > 0 {
		if err := a.gates.Apply(id, e, inStreams); err != nil {
			return fmt.Errorf("effect %q: %w", id, errors.Join(err, a.undo(id)))
		}
	}
	a.effects[id] = applied{e, slices.Clone(flows)}
	return nil
}

// applyToPackets puts an effect on flows between nodes.
func (a *agent) applyToPackets(id string, e link.Effect, flows []link.Flow) error {
	switch {
	case e.Action == link.Break:
		if a.noBreak != nil {
			return a.noBreak
		}
		aborted, err := abortConnections(toPeers(e, abortedPeers(*a.config, e, flows)))
		a.past.keep(id, link.Count{Packets: uint64(aborted)})
		return err
	case a.noPackets != nil:
		return a.noPackets
	case e.Queued():
		return a.enqueue(id, e, flows)
	}
	return a.cut(id, e, flows)
}

// cut lays the rules of an effect. Connections that it refuses are aborted before,
// so that nobody writes into one that only the rules know to be dead, and after,
// for those that were made meanwhile.
//
// What waits in the queue of a flow that is cut is swallowed by the cut, as
// packets on the way are.
func (a *agent) cut(id string, e link.Effect, flows []link.Flow) error {
	refused := abortedPeers(*a.config, e, flows)
	if len(refused) > 0 {
		if _, err := abortConnections(toPeers(e, refused)); err != nil {
			return err
		}
	}
	if err := a.packets.apply(id, packetRules(*a.config, a.redirects, e, flows)); err != nil {
		return err
	}
	if a.queue != nil {
		a.queue.discard(e, flows)
	}
	if len(refused) == 0 {
		return nil
	}
	if _, err := abortConnections(toPeers(e, refused)); err != nil {
		_, undoing := a.packets.undo(id)
		return errors.Join(err, undoing)
	}
	return nil
}

// enqueue lets an effect on single packets act on the flows to this node; its flows
// to others act there.
func (a *agent) enqueue(id string, e link.Effect, flows []link.Flow) error {
	if a.noQueue != nil {
		return a.noQueue
	}
	if e.Action == link.Duplicate && a.noCopies != nil {
		return a.noCopies
	}
	to := map[link.Flow][]netip.Addr{}
	var rules []rule
	for _, f := range flows {
		if f.To != a.config.Node {
			continue
		}
		to[f] = a.config.Peers[f.From]
		for _, peer := range to[f] {
			rules = append(rules, queueRules(e, peer, a.packets.toQueue(queueNumber))...)
		}
	}
	if len(rules) == 0 {
		return nil
	}
	if a.queue == nil {
		q, err := openQueue(a.copies, a.settings.log)
		if err != nil {
			return err
		}
		a.queue = q
	}
	a.queue.apply(id, e, to)
	if err := a.packets.apply(id, rules); err != nil {
		return errors.Join(err, a.undo(id))
	}
	return nil
}

// dequeue takes effects on single packets away; their rules are gone already.
func (a *agent) dequeue(ids []string) error {
	if a.queue == nil {
		return nil
	}
	for id, c := range a.queue.undo(ids...) {
		a.past.keep(id, c)
	}
	if !a.queue.empty() {
		return nil
	}
	err := a.queue.close()
	a.queue = nil
	return err
}

// undo takes effects away; the caller has a.mu. What the kernel would not let go
// of stays known, so that it is tried again.
func (a *agent) undo(ids ...string) error {
	for _, id := range ids {
		a.gates.Undo(id)
		a.names.undo(id, &a.past)
	}
	if a.noPackets == nil && a.config != nil {
		counts, err := a.packets.undo(ids...)
		if err != nil {
			return fmt.Errorf("undo %q: %w", ids, err)
		}
		for id, c := range counts {
			a.past.keep(id, c)
		}
		if err := a.dequeue(ids); err != nil {
			return fmt.Errorf("undo %q: %w", ids, err)
		}
	}
	for _, id := range ids {
		delete(a.effects, id)
	}
	return nil
}

// undoOne is undo for a request.
func (a *agent) undoOne(id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.undo(id)
}

// heal undoes every effect and says which there were.
func (a *agent) heal() (undone []string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids, err := a.inForce()
	if err != nil {
		// The kernel can't be asked; what this agent remembers can still be undone.
		ids = nil
	}
	known := slices.Concat(ids, slices.Collect(maps.Keys(a.effects)), a.gates.Active(), a.names.active())
	slices.Sort(known)
	known = slices.Compact(known)
	if len(known) == 0 {
		return nil, err
	}
	return known, errors.Join(err, a.undo(known...))
}

// inForce lists the ids that the kernel and the gates have; the caller has a.mu.
// A break has left nothing there, and is listed until it is undone.
func (a *agent) inForce() ([]string, error) {
	ids := slices.Concat(a.gates.Active(), a.names.active())
	for id, is := range a.effects {
		if is.effect.Action == link.Break {
			ids = append(ids, id)
		}
	}
	if a.noPackets == nil && a.config != nil {
		inKernel, err := a.packets.active()
		if err != nil {
			return nil, err
		}
		ids = append(ids, inKernel...)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (a *agent) active() ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.inForce()
}

// count is what an effect has done so far, or did until it was undone.
func (a *agent) count(id string) (link.Count, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	count := a.gates.Count(id).Add(a.names.count(id)).Add(a.past.counts[id])
	if a.noPackets == nil && a.config != nil {
		counts, err := a.packets.counts()
		if err != nil {
			return link.Count{}, fmt.Errorf("count of effect %q: %w", id, err)
		}
		count = count.Add(counts[id])
	}
	if a.queue != nil {
		count = count.Add(a.queue.count(id))
	}
	return count, nil
}

// pastMax is how many undone effects are remembered.
const pastMax = 4096

// pastCounts are the counts of effects that were undone: their rules are gone.
type pastCounts struct {
	counts map[string]link.Count
	order  []string
}

func (p *pastCounts) keep(id string, c link.Count) {
	p.forget(id)
	if p.counts == nil {
		p.counts = map[string]link.Count{}
	}
	if len(p.order) == pastMax {
		delete(p.counts, p.order[0])
		p.order = p.order[1:]
	}
	p.counts[id] = c
	p.order = append(p.order, id)
}

func (p *pastCounts) forget(id string) {
	if _, ok := p.counts[id]; ok {
		delete(p.counts, id)
		p.order = slices.DeleteFunc(p.order, func(o string) bool { return o == id })
	}
}
