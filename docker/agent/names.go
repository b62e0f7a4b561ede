package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// names are the effects on what the node is told about names, and the relays
// through which it asks.
type names struct {
	relays []*nameRelay // guarded by agent.mu

	mu      sync.Mutex
	effects []*nameEffect // in the order in which they were applied
}

// nameEffect is an effect on names in force.
type nameEffect struct {
	link.NameEffect
	id     string
	answer []netip.Addr  // of WrongAnswer
	undone chan struct{} // closed when it is
	draws  *rand.Rand    // guarded by names.mu
	count  link.Count    // guarded by names.mu
}

// applyNames puts an effect on names in force.
func (a *agent) applyNames(id string, e link.NameEffect) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.config == nil {
		return errUnconfigured
	}
	if !a.config.Names {
		return fmt.Errorf("effect %q: %s needs the pod's questions for names redirected: start the cluster with names", id, e.Action)
	}
	if old, ok := a.effects[id]; ok {
		return fmt.Errorf("effect %q is in force as %s on %v: undo it first", id, old.effect.Action, old.flows)
	}
	answer, err := a.addressesOf(e.Answer)
	if err != nil {
		return fmt.Errorf("effect %q: %w", id, err)
	}
	if err := a.names.apply(id, e, answer); err != nil {
		return err
	}
	a.past.forget(id)
	return nil
}

// addressesOf are those of a node, or of what is an address already.
func (a *agent) addressesOf(answer string) ([]netip.Addr, error) {
	if answer == "" {
		return nil, nil
	}
	if link.End(answer) == a.config.Node {
		return a.own, nil
	}
	if of, ok := a.config.Peers[link.End(answer)]; ok {
		return of, nil
	}
	address, err := netip.ParseAddr(answer)
	if err != nil {
		return nil, fmt.Errorf("the answer %q is neither a node, of which there are %v, nor an IP address",
			answer, append(sortedEnds(a.config.Peers), a.config.Node))
	}
	return []netip.Addr{address}, nil
}

func (n *names) apply(id string, e link.NameEffect, answer []netip.Addr) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if old := n.find(id); old != nil {
		if reflect.DeepEqual(old.NameEffect, e) {
			return nil
		}
		return fmt.Errorf("effect %q is in force as %s: undo it first", id, old.Action)
	}
	n.effects = append(n.effects, &nameEffect{
		NameEffect: e, id: id, answer: answer, undone: make(chan struct{}), draws: rand.New(rand.NewPCG(e.Seed, 1)),
	})
	return nil
}

// find is the effect of that id; the caller has n.mu.
func (n *names) find(id string) *nameEffect {
	for _, e := range n.effects {
		if e.id == id {
			return e
		}
	}
	return nil
}

// unused is an error where an id is that of an effect on names.
func (n *names) unused(id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if old := n.find(id); old != nil {
		return fmt.Errorf("effect %q is in force as %s on names: undo it first", id, old.Action)
	}
	return nil
}

// undo takes an effect away, and lets go of the questions that it holds.
func (n *names) undo(id string, past *pastCounts) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e := n.find(id); e != nil {
		n.effects = slices.DeleteFunc(n.effects, func(o *nameEffect) bool { return o == e })
		close(e.undone)
		past.keep(id, e.count)
	}
}

// active are the ids of the effects on names.
func (n *names) active() (ids []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.effects {
		ids = append(ids, e.id)
	}
	return ids
}

// count is how many questions the effect fell on.
func (n *names) count(id string) link.Count {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e := n.find(id); e != nil {
		return e.count
	}
	return link.Count{}
}

// judge does to a question what the effects on it say: it waits, and then
// returns what is answered, or that the question passes. With neither nobody
// answers. What is no question passes.
func (n *names) judge(ctx context.Context, message []byte) (answer []byte, pass bool, err error) {
	q, ok := parseQuestion(message)
	if !ok {
		return nil, true, nil
	}
	for _, p := range n.pauses(q) {
		if !p.wait(ctx) {
			return nil, false, nil
		}
	}
	// Asked only now: what was undone while the question waited falls on it no more.
	e := n.answering(q)
	switch {
	case e == nil:
		return nil, true, nil
	case e.Action == link.NoAnswer:
		return nil, false, nil
	}
	answer, err = q.answer(e)
	return answer, false, err
}

// pause is how long one effect keeps one question.
type pause struct {
	length time.Duration
	undone chan struct{}
}

// wait waits until the pause is over or its effect undone; false means that the agent ends.
func (p pause) wait(ctx context.Context) bool {
	timer := time.NewTimer(p.length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.undone:
	case <-ctx.Done():
		return false
	}
	return true
}

// pauses draws how long each effect keeps the question.
func (n *names) pauses(q question) (all []pause) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.effects {
		if e.Action != link.LateAnswer || !e.FallsOn(q.name()) {
			continue
		}
		length := e.Latency
		if e.Jitter > 0 {
			length += time.Duration(e.draws.Int64N(int64(2*e.Jitter)+1)) - e.Jitter
		}
		e.count = e.count.Add(link.Count{Packets: 1, Bytes: uint64(q.size)})
		all = append(all, pause{length, e.undone})
	}
	return all
}

// answering is the effect that answers the question, nil where none does.
func (n *names) answering(q question) *nameEffect {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.effects {
		if e.Action == link.LateAnswer || e.Action == link.WrongAnswer && !q.forAddress() || !e.FallsOn(q.name()) {
			continue
		}
		e.count = e.count.Add(link.Count{Packets: 1, Bytes: uint64(q.size)})
		return e
	}
	return nil
}

// markedResolver looks names up for the agent itself: no effect falls on it.
var markedResolver = &net.Resolver{PreferGo: true, Dial: dialMarked}

// lookUp looks a name up as a program in the system's container would: by sockets
// without the mark.
func lookUp(ctx context.Context, spec wire.ResolveSpec) *link.Resolution {
	ctx, cancel := context.WithTimeout(ctx, spec.Timeout)
	defer cancel()
	began := time.Now()
	found, err := (&net.Resolver{PreferGo: true}).LookupNetIP(ctx, "ip", spec.Name)
	r := &link.Resolution{Took: time.Since(began)}
	var failed *net.DNSError
	switch {
	case errors.As(err, &failed):
		r.Failure, r.NotFound, r.TimedOut = failed.Err, failed.IsNotFound, failed.IsTimeout
	case err != nil:
		r.Failure = err.Error()
	}
	for _, address := range found {
		r.Addresses = append(r.Addresses, address.Unmap())
	}
	slices.SortFunc(r.Addresses, netip.Addr.Compare)
	r.Addresses = slices.Compact(r.Addresses)
	return r
}
