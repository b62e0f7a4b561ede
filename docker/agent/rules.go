package main

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/link"
)

// What a packet must be for a rule to act on it, and what the rule does. Each
// function is one match as nft(8) would write it.

const register = 1

func metaIs(key expr.MetaKey, op expr.CmpOp, data ...byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: key, Register: register},
		&expr.Cmp{Op: op, Register: register, Data: data},
	}
}

func payloadIs(base expr.PayloadBase, offset uint32, data []byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: register, Base: base, Offset: offset, Len: uint32(len(data))},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: data},
	}
}

// protocol is `meta l4proto p`.
func protocol(p byte) []expr.Any { return metaIs(expr.MetaKeyL4PROTO, expr.CmpOpEq, p) }

// notProtocol is `meta l4proto != p`.
func notProtocol(p byte) []expr.Any { return metaIs(expr.MetaKeyL4PROTO, expr.CmpOpNeq, p) }

// from is `ip saddr a`, or ip6.
func from(a netip.Addr) []expr.Any { return address(a, 12, 8) }

// to is `ip daddr a`, or ip6.
func to(a netip.Addr) []expr.Any { return address(a, 16, 24) }

func address(a netip.Addr, offset4, offset6 uint32) []expr.Any {
	family, offset := byte(unix.NFPROTO_IPV4), offset4
	if a.Is6() {
		family, offset = unix.NFPROTO_IPV6, offset6
	}
	return append(metaIs(expr.MetaKeyNFPROTO, expr.CmpOpEq, family),
		payloadIs(expr.PayloadBaseNetworkHeader, offset, a.AsSlice())...)
}

// fromTCP is `tcp sport p`.
func fromTCP(p uint16) []expr.Any { return tcpPort(p, 0) }

// toTCP is `tcp dport p`.
func toTCP(p uint16) []expr.Any { return tcpPort(p, 2) }

func tcpPort(p uint16, offset uint32) []expr.Any {
	return append(protocol(unix.IPPROTO_TCP), portAt(p, offset)...)
}

// portAt is `th sport p` at offset 0 and `th dport p` at offset 2, for a packet
// known to be TCP or UDP.
func portAt(p uint16, offset uint32) []expr.Any {
	return payloadIs(expr.PayloadBaseTransportHeader, offset, binary.BigEndian.AppendUint16(nil, p))
}

// narrowings are the matches of which a packet must meet one to be of the effect's
// port and transport. Each is for one protocol; 0 is every protocol.
func narrowings(e link.Effect) (each []narrowing) {
	protocols := []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP}
	switch {
	case e.Transport == link.TCP:
		protocols = protocols[:1]
	case e.Transport == link.UDP:
		protocols = protocols[1:]
	case e.Port == 0:
		return []narrowing{{}}
	}
	for _, p := range protocols {
		if e.Port == 0 {
			each = append(each, narrowing{p, protocol(p)})
			continue
		}
		for _, offset := range []uint32{0, 2} {
			each = append(each, narrowing{p, join(protocol(p), portAt(e.Port, offset))})
		}
	}
	return each
}

type narrowing struct {
	protocol byte
	match    []expr.Any
}

// allows reports whether packets of the protocol can meet the narrowing.
func (n narrowing) allows(protocol byte) bool { return n.protocol == 0 || n.protocol == protocol }

// notReset is `tcp flags & rst == 0`, for a packet known to be TCP.
func notReset() []expr.Any {
	const flagsOffset, rst = 13, 0x04
	return []expr.Any{
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: flagsOffset, Len: 1},
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 1, Mask: []byte{rst}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: []byte{0}},
	}
}

// arrivesOnLoopback is `iifname "lo"`.
func arrivesOnLoopback() []expr.Any {
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, "lo")
	return metaIs(expr.MetaKeyIIFNAME, expr.CmpOpEq, name...)
}

// neighbourDiscovery is `icmpv6 type 133-137`: router and neighbour
// solicitations, advertisements and redirects (RFC 4861).
func neighbourDiscovery() []expr.Any {
	return append(protocol(unix.IPPROTO_ICMPV6),
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		&expr.Range{Op: expr.CmpOpEq, Register: register, FromData: []byte{133}, ToData: []byte{137}},
	)
}

// notMarked is `meta mark != m`.
func notMarked(m uint32) []expr.Any {
	return metaIs(expr.MetaKeyMARK, expr.CmpOpNeq, binaryutil.NativeEndian.PutUint32(m)...)
}

func accept() []expr.Any { return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}} }

func countAndDrop() []expr.Any {
	return []expr.Any{&expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop}}
}

// countAndReset is `counter reject with tcp reset`.
func countAndReset() []expr.Any {
	return []expr.Any{&expr.Counter{}, &expr.Reject{Type: unix.NFT_REJECT_TCP_RST}}
}

// countAndUnreachable is `counter reject with icmpx port-unreachable`.
func countAndUnreachable() []expr.Any {
	return []expr.Any{&expr.Counter{}, &expr.Reject{
		Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_PORT_UNREACH}}
}

// toQueueByTarget is `queue num n bypass` by way of xt_NFQUEUE, struct
// xt_NFQ_info_v3: kernels have it that lack the expression of nftables.
func toQueueByTarget(number uint16) []expr.Any {
	const queues, bypass = 1, 1
	var info []byte
	for _, v := range []uint16{number, queues, bypass} {
		info = binary.NativeEndian.AppendUint16(info, v)
	}
	aligned := xt.Unknown(append(info, 0, 0)) // to 8 bytes, as x_tables wants it
	return []expr.Any{&expr.Target{Name: "NFQUEUE", Rev: 3, Info: &aligned}}
}

// toQueueByExpression is `queue flags bypass to n`.
func toQueueByExpression(number uint16) []expr.Any {
	return []expr.Any{&expr.Queue{Num: number, Total: 1, Flag: expr.QueueFlagBypass}}
}

// redirectTo is `redirect to :p`.
func redirectTo(p uint16) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: register, Data: binary.BigEndian.AppendUint16(nil, p)},
		&expr.Redir{RegisterProtoMin: register},
	}
}

// join makes one rule of matches and what it does.
func join(parts ...[]expr.Any) []expr.Any {
	var all []expr.Any
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}
