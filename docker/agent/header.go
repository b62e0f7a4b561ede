package main

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/link"
)

// header is what an effect must know of a packet.
type header struct {
	from, to  netip.Addr
	transport link.Transport // "" is neither TCP nor UDP
	ports     [2]uint16      // source and destination; 0 in a later fragment
	// checksum is where the transport's checksum is, and payload where what it
	// carries begins; 0 where there is none that is known.
	checksum, payload int
}

// parseHeader reads an IPv4 or IPv6 packet.
func parseHeader(data []byte) (h header, ok bool) {
	if len(data) < 20 {
		return h, false
	}
	switch data[0] >> 4 {
	case 4:
		length := int(data[0]&0xf) * 4
		if length < 20 || len(data) < length {
			return h, false
		}
		h.from, h.to = netip.AddrFrom4([4]byte(data[12:16])), netip.AddrFrom4([4]byte(data[16:20]))
		if first := binary.BigEndian.Uint16(data[6:])&0x1fff == 0; first {
			h.transported(data, data[9], length)
		} else {
			h.payload = length
		}
		return h, true
	case 6:
		if len(data) < 40 {
			return h, false
		}
		h.from, h.to = netip.AddrFrom16([16]byte(data[8:24])), netip.AddrFrom16([16]byte(data[24:40]))
		h.extended(data)
		return h, true
	}
	return h, false
}

// extended finds the transport behind IPv6's extension headers.
func (h *header) extended(data []byte) {
	next, at := data[6], 40
	for len(data) >= at+8 {
		switch next {
		case unix.IPPROTO_HOPOPTS, unix.IPPROTO_ROUTING, unix.IPPROTO_DSTOPTS:
			next, at = data[at], at+8+int(data[at+1])*8
		case unix.IPPROTO_FRAGMENT:
			if later := binary.BigEndian.Uint16(data[at+2:])&^7 != 0; later {
				h.payload = at + 8
				return
			}
			next, at = data[at], at+8
		default:
			h.transported(data, next, at)
			return
		}
	}
}

// transported reads the transport's header.
func (h *header) transported(data []byte, protocol byte, at int) {
	rest := data[at:]
	switch {
	case protocol == unix.IPPROTO_TCP && len(rest) >= 20:
		h.transport, h.checksum, h.payload = link.TCP, at+16, at+int(rest[12]>>4)*4
	case protocol == unix.IPPROTO_UDP && len(rest) >= 8:
		h.transport, h.checksum, h.payload = link.UDP, at+6, at+8
	case (protocol == unix.IPPROTO_ICMP || protocol == unix.IPPROTO_ICMPV6) && len(rest) >= 8:
		h.checksum, h.payload = at+2, at+8
	default:
		h.payload = at
	}
	if h.transport != "" {
		h.ports = [2]uint16{binary.BigEndian.Uint16(rest), binary.BigEndian.Uint16(rest[2:])}
	}
}

// meets reports whether the packet is one of those that the effect is narrowed to.
func (h header) meets(e link.Effect) bool {
	return (e.Transport == "" || e.Transport == h.transport) &&
		(e.Port == 0 || h.transport != "" && slices.Contains(h.ports[:], e.Port))
}

// flip changes one bit of what the packet carries, and leaves the checksum as it
// was; in a packet that carries nothing, one bit of the checksum itself.
func (h header) flip(data []byte, draws *rand.Rand) bool {
	begin, end := h.payload, len(data)
	if begin >= end {
		begin, end = h.checksum, h.checksum+2
	}
	if begin == 0 || end > len(data) {
		return false
	}
	bit := draws.IntN((end - begin) * 8)
	data[begin+bit/8] ^= 1 << (bit % 8)
	if h.payload >= len(data) && h.transport == link.UDP && binary.BigEndian.Uint16(data[begin:]) == 0 {
		data[begin+1-bit/8] ^= 1 // UDP takes a checksum of 0 for none
	}
	return true
}
