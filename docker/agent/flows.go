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

// split sorts the flows of an effect into those whose packets are cut here and
// those whose streams are switched here. Flows between two other nodes are none
// of this agent's.
func split(config wire.Config, e link.Effect, flows []link.Flow) (inPackets, inStreams []link.Flow, err error) {
	isNode := func(end link.End) bool {
		_, peer := config.Peers[end]
		return peer || end == config.Node
	}
	if e.Queued() || e.Port != 0 || e.Transport != "" {
		return nil, nil, fmt.Errorf("%s of single packets, ports and transports is not known to this agent", e.Action)
	}
	for _, f := range flows {
		if slices.Contains(inPackets, f) || slices.Contains(inStreams, f) {
			continue
		}
		switch fromNode, toNode := isNode(f.From), isNode(f.To); {
		case !fromNode && !toNode:
			return nil, nil, fmt.Errorf("the flow %s has no node on either end", f)
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

// packetRules are the rules that an action on these flows means at the node.
func packetRules(config wire.Config, redirects []*redirect, action link.Action, flows []link.Flow) []rule {
	var rules []rule
	for _, f := range flows {
		if f.From == config.Node {
			for _, a := range config.Peers[f.To] {
				rules = append(rules, outgoing(action, a)...)
			}
			continue
		}
		for _, a := range config.Peers[f.From] {
			rules = append(rules, incoming(action, a)...)
		}
		for _, r := range redirects {
			if r.peer == f.From {
				rules = append(rules, answers(r))
			}
		}
	}
	return rules
}

// outgoing are the rules for packets to a peer.
func outgoing(action link.Action, peer netip.Addr) []rule {
	if action == link.Drop {
		return []rule{{chainOut, join(to(peer), protocol(unix.IPPROTO_TCP), countAndDrop())}}
	}
	return refusing(chainOut, to(peer))
}

// incoming are the rules for packets from a peer.
func incoming(action link.Action, peer netip.Addr) []rule {
	if action == link.Drop {
		return []rule{{chainIn, join(from(peer), countAndDrop())}}
	}
	return refusing(chainRefuse, from(peer))
}

func refusing(chain string, match []expr.Any) []rule {
	return []rule{
		{chain, join(match, protocol(unix.IPPROTO_TCP), notReset(), countAndReset())},
		{chain, join(match, notProtocol(unix.IPPROTO_TCP), notProtocol(unix.IPPROTO_ICMP),
			notProtocol(unix.IPPROTO_ICMPV6), countAndUnreachable())},
	}
}

// answers is the rule for what a relay says to the system in the peer's name.
// Resets pass: they are how the system learns that the relay gave up.
func answers(r *redirect) rule {
	return rule{chainOut, join(from(r.listen.Addr()), fromTCP(r.listen.Port()), notReset(), countAndDrop())}
}
