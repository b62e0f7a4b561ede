package main

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// split sorts the flows of an effect into those between nodes and those whose
// streams are switched here. Flows between two other nodes are none of this agent's.
func split(config wire.Config, e link.Effect, flows []link.Flow) (inPackets, inStreams []link.Flow, err error) {
	isNode := func(end link.End) bool {
		_, peer := config.Peers[end]
		return peer || end == config.Node
	}
	for _, f := range flows {
		if slices.Contains(inPackets, f) || slices.Contains(inStreams, f) {
			continue
		}
		switch fromNode, toNode := isNode(f.From), isNode(f.To); {
		case !fromNode && !toNode:
			return nil, nil, fmt.Errorf("the flow %s has no node on either end", f)
		case fromNode != toNode && (e.Queued() || e.Transport == link.UDP):
			return nil, nil, fmt.Errorf("%s of packets on the flow %s does not exist: a client's link is a byte stream through the agent", e.Action, f)
		case fromNode != toNode:
			inStreams = append(inStreams, f)
		case f.From != config.Node && f.To != config.Node:
		case !e.Stream():
			inPackets = append(inPackets, f)
		case !config.Streams:
			return nil, nil, fmt.Errorf("%s on the flow %s needs a redirected link: start the cluster with streams", e.Action, f)
		default:
			inStreams = append(inStreams, f)
		}
	}
	return inPackets, inStreams, nil
}

// packetRules are the rules that a cut of these flows means at the node.
func packetRules(config wire.Config, redirects []*redirect, e link.Effect, flows []link.Flow) []rule {
	var rules []rule
	for _, f := range flows {
		if f.From == config.Node {
			for _, a := range config.Peers[f.To] {
				rules = append(rules, outgoing(e, a)...)
			}
			continue
		}
		for _, a := range config.Peers[f.From] {
			rules = append(rules, incoming(e, a)...)
		}
		for _, r := range redirects {
			if r.peer == f.From && r.carries(e) {
				rules = append(rules, answers(r))
			}
		}
	}
	return rules
}

// carries reports whether the redirect's connections are of the effect's port and
// transport.
func (r *redirect) carries(e link.Effect) bool {
	return e.Transport != link.UDP && (e.Port == 0 || e.Port == r.upstream.Port())
}

// outgoing are the rules for packets to a peer.
func outgoing(e link.Effect, peer netip.Addr) (rules []rule) {
	if e.Action != link.Drop {
		return refusing(chainOut, e, to(peer))
	}
	for _, n := range narrowings(e) {
		if n.allows(unix.IPPROTO_TCP) {
			rules = append(rules, rule{chainOut, join(to(peer), protocol(unix.IPPROTO_TCP), n.match, countAndDrop())})
		}
	}
	return rules
}

// incoming are the rules for packets from a peer.
func incoming(e link.Effect, peer netip.Addr) (rules []rule) {
	if e.Action != link.Drop {
		return refusing(chainRefuse, e, from(peer))
	}
	for _, n := range narrowings(e) {
		rules = append(rules, rule{chainIn, join(from(peer), n.match, countAndDrop())})
	}
	return rules
}

func refusing(chain string, e link.Effect, match []expr.Any) (rules []rule) {
	for _, n := range narrowings(e) {
		if n.allows(unix.IPPROTO_TCP) {
			rules = append(rules, rule{chain, join(match, protocol(unix.IPPROTO_TCP), n.match, notReset(), countAndReset())})
		}
		if n.protocol != unix.IPPROTO_TCP {
			rules = append(rules, rule{chain, join(match, notProtocol(unix.IPPROTO_TCP), notProtocol(unix.IPPROTO_ICMP),
				notProtocol(unix.IPPROTO_ICMPV6), n.match, countAndUnreachable())})
		}
	}
	return rules
}

// answers is the rule for what a relay says to the system in the peer's name.
// Resets pass: they are how the system learns that the relay gave up.
func answers(r *redirect) rule {
	return rule{chainOut, join(from(r.listen.Addr()), fromTCP(r.listen.Port()), notReset(), countAndDrop())}
}

// queueRules are the rules that send what comes from a peer to user space.
func queueRules(e link.Effect, peer netip.Addr, toQueue []expr.Any) (rules []rule) {
	for _, n := range narrowings(e) {
		rules = append(rules, rule{chainQueue, join(from(peer), n.match, toQueue)})
	}
	return rules
}
