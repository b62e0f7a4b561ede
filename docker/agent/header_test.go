package main

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/link"
)

// ipv4 and ipv6 are packets with a transport's part.
func ipv4(protocol byte, fragment uint16, part ...byte) []byte {
	p := make([]byte, 24) // with an option
	p[0], p[9] = 4<<4|6, protocol
	binary.BigEndian.PutUint16(p[2:], uint16(24+len(part)))
	binary.BigEndian.PutUint16(p[6:], fragment)
	copy(p[12:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	return append(p, part...)
}

func ipv6(next byte, part ...byte) []byte {
	p := make([]byte, 40)
	p[0], p[6] = 6<<4, next
	from, to := netip.MustParseAddr("fd00::1").As16(), netip.MustParseAddr("fd00::2").As16()
	copy(p[8:], from[:])
	copy(p[24:], to[:])
	return append(p, part...)
}

func udp(payload ...byte) []byte {
	return append([]byte{0x14, 0xb4, 0x23, 0x82, 0, byte(8 + len(payload)), 0xab, 0xcd}, payload...)
}

func tcp(payload ...byte) []byte {
	p := make([]byte, 24) // with an option
	copy(p, []byte{0x14, 0xb4, 0x23, 0x82})
	p[12] = 6 << 4
	return append(p, payload...)
}

func TestHeadersOfPackets(t *testing.T) {
	v4 := [2]netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")}
	v6 := [2]netip.Addr{netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")}
	ports := [2]uint16{5300, 9090}
	options := []byte{unix.IPPROTO_UDP, 1, 14: 0, 15: 0}
	fragment := func(offset uint16) []byte {
		return []byte{unix.IPPROTO_UDP, 0, byte(offset >> 5), byte(offset << 3), 7: 0}
	}
	for name, c := range map[string]struct {
		packet []byte
		want   header
	}{
		"UDP":            {ipv4(unix.IPPROTO_UDP, 0, udp(1)...), header{v4[0], v4[1], link.UDP, ports, 30, 32}},
		"TCP":            {ipv4(unix.IPPROTO_TCP, 0, tcp()...), header{v4[0], v4[1], link.TCP, ports, 40, 48}},
		"first fragment": {ipv4(unix.IPPROTO_UDP, 0x2000, udp(1)...), header{v4[0], v4[1], link.UDP, ports, 30, 32}},
		"later fragment": {ipv4(unix.IPPROTO_UDP, 0x2001, udp(1)...), header{v4[0], v4[1], "", [2]uint16{}, 0, 24}},
		"ICMP":           {ipv4(unix.IPPROTO_ICMP, 0, udp(1)...), header{v4[0], v4[1], "", [2]uint16{}, 26, 32}},
		"other":          {ipv4(132, 0, udp(1)...), header{v4[0], v4[1], "", [2]uint16{}, 0, 24}},
		"cut short":      {ipv4(unix.IPPROTO_TCP, 0, 1, 2), header{v4[0], v4[1], "", [2]uint16{}, 0, 24}},
		"UDP over IPv6":  {ipv6(unix.IPPROTO_UDP, udp(1)...), header{v6[0], v6[1], link.UDP, ports, 46, 48}},
		"options":        {ipv6(unix.IPPROTO_DSTOPTS, append(options, udp(1)...)...), header{v6[0], v6[1], link.UDP, ports, 62, 64}},
		"fragmented":     {ipv6(unix.IPPROTO_FRAGMENT, append(fragment(0), udp(1)...)...), header{v6[0], v6[1], link.UDP, ports, 54, 56}},
		"later of IPv6":  {ipv6(unix.IPPROTO_FRAGMENT, append(fragment(1), udp(1)...)...), header{v6[0], v6[1], "", [2]uint16{}, 0, 48}},
	} {
		got, ok := parseHeader(c.packet)
		require.True(t, ok, name)
		require.Equal(t, c.want, got, name)
	}
	for _, bad := range [][]byte{nil, make([]byte, 19), make([]byte, 60), ipv6(0)[:39], append([]byte{4<<4 | 15}, make([]byte, 30)...)} {
		_, ok := parseHeader(bad)
		require.False(t, ok, "%x", bad)
	}
	h, _ := parseHeader(ipv4(unix.IPPROTO_UDP, 0, udp(1)...))
	for _, c := range []struct {
		transport link.Transport
		port      uint16
		meets     bool
	}{{"", 0, true}, {link.UDP, 0, true}, {link.TCP, 0, false}, {"", 5300, true}, {"", 9090, true}, {link.UDP, 1, false}, {link.TCP, 5300, false}} {
		require.Equal(t, c.meets, h.meets(link.Effect{Transport: c.transport, Port: c.port}), "%+v", c)
	}
}

// What a flip may touch: what is carried, and where nothing is, the checksum. A UDP
// checksum never becomes 0, which would mean that there is none.
func TestFlipChangesOneBitThatAChecksumCovers(t *testing.T) {
	draws := rand.New(rand.NewPCG(1, 1))
	empty := udp()
	empty[6], empty[7] = 0x80, 0
	for _, packet := range [][]byte{
		ipv4(unix.IPPROTO_UDP, 0, udp(1, 2, 3)...), ipv4(unix.IPPROTO_TCP, 0, tcp()...), ipv4(unix.IPPROTO_UDP, 0, empty...),
		ipv6(unix.IPPROTO_TCP, tcp(7)...), ipv4(unix.IPPROTO_UDP, 0x2001, 1, 2, 3), ipv6(unix.IPPROTO_ICMPV6, udp()...),
	} {
		h, ok := parseHeader(packet)
		require.True(t, ok)
		begin, end := h.payload, len(packet)
		if begin == end {
			begin, end = h.checksum, h.checksum+2
		}
		for range 500 {
			flipped := bytes.Clone(packet)
			require.True(t, h.flip(flipped, draws))
			require.NotEqual(t, packet, flipped)
			require.Equal(t, packet[:begin], flipped[:begin])
			require.Equal(t, packet[end:], flipped[end:])
			if h.transport == link.UDP {
				require.NotZero(t, binary.BigEndian.Uint16(flipped[h.checksum:]))
			}
		}
	}
	h, _ := parseHeader(ipv4(132, 0))
	require.False(t, h.flip(ipv4(132, 0), draws), "there is nothing to flip")
}

func FuzzHeader(f *testing.F) {
	f.Add(ipv4(unix.IPPROTO_UDP, 0, udp(1)...))
	f.Add(ipv4(unix.IPPROTO_TCP, 0, tcp(1)...))
	f.Add(ipv6(unix.IPPROTO_HOPOPTS, append(make([]byte, 8), udp(1)...)...))
	f.Add(ipv6(unix.IPPROTO_FRAGMENT, append([]byte{17, 7: 0}, udp(1)...)...))
	f.Fuzz(func(t *testing.T, packet []byte) {
		h, ok := parseHeader(packet)
		if !ok {
			return
		}
		before := bytes.Clone(packet)
		if h.flip(packet, rand.New(rand.NewPCG(1, 1))) == bytes.Equal(before, packet) {
			t.Fatalf("%x became %x", before, packet)
		}
	})
}

func FuzzAsked(f *testing.F) {
	message := make([]byte, messageHeader+genericHeader)
	binary.NativeEndian.PutUint16(message[4:], subsystemQueue<<8|messagePacket)
	message = append(message, 11, 0, attributePacketHeader, 0, 0, 0, 0, 7, 8, 0, 0, 0)
	f.Add(append(message, 7, 0, attributePayload, 0, 1, 2, 3))
	f.Fuzz(func(t *testing.T, message []byte) {
		if p, ok := parseAsked(message); ok && (len(p.data) > len(message) || p.size < 0) {
			t.Fatalf("%+v", p)
		}
	})
}

func TestPacketsAsTheKernelGivesThem(t *testing.T) {
	message := make([]byte, messageHeader+genericHeader)
	binary.NativeEndian.PutUint16(message[4:], subsystemQueue<<8|messagePacket)
	attribute := func(kind uint16, value ...byte) {
		message = binary.NativeEndian.AppendUint16(message, uint16(4+len(value)))
		message = append(binary.NativeEndian.AppendUint16(message, kind), value...)
		message = append(message, make([]byte, -len(message)&3)...)
	}
	attribute(attributePacketHeader, 0, 0, 1, 2, 8, 0, 3)
	attribute(9, 1, 2, 3)
	attribute(attributeCapLength, 0, 1, 0, 0)
	attribute(attributePayload, 5, 6, 7)
	p, ok := parseAsked(message)
	require.True(t, ok)
	require.Equal(t, asked{id: 258, data: []byte{5, 6, 7}, size: 65536}, p)
	_, ok = parseAsked(message[:len(message)-4])
	require.False(t, ok, "cut short")
	q := &queue{effects: map[string]*queuedEffect{"x": {}}}
	for _, id := range []uint32{1, 2, 5} {
		q.missed(id)
	}
	require.EqualValues(t, 2, q.effects["x"].count.Missed, "the kernel let 3 and 4 pass")
}

// The chain of bursts gives the share and the length that were asked for.
func TestBurstsAreAsLongAsAsked(t *testing.T) {
	const draws = 400_000
	for _, e := range []link.Effect{{Probability: 0.01, Burst: 10}, {Probability: 0.3, Burst: 2}, {Probability: 0.75, Burst: 3}, {Probability: 0.5, Burst: 50}} {
		e.Action = link.Lose
		require.NoError(t, e.Validate())
		s := newStage(&queuedEffect{Effect: e}, there)
		lost, bursts, before := 0, 0, false
		for range draws {
			now := s.falls()
			if now {
				lost++
				if !before {
					bursts++
				}
			}
			before = now
		}
		r := 1 - 1/float64(e.Burst)*(1+e.Probability/(1-e.Probability))
		spread := math.Sqrt(e.Probability * (1 - e.Probability) * (1 + r) / (1 - r) / draws)
		require.InDelta(t, e.Probability, float64(lost)/draws, sigmas*spread, "%+v", e)
		mean := float64(e.Burst)
		require.InDelta(t, mean, float64(lost)/float64(bursts), sigmas*math.Sqrt(mean*(mean-1)/float64(bursts)), "%+v", e)
	}
}

// A line never lets more pass than its rate, keeps order, and has room for what is
// said; what takes time keeps order.
func TestLinesKeepTheirRateAndOrder(t *testing.T) {
	at := time.Now()
	s := newStage(&queuedEffect{Effect: link.Effect{Action: link.Throttle, BytesPerSecond: 100_000}}, there)
	fit := 0
	for s.room(at, 1000) {
		fit++
		require.Equal(t, at.Add(time.Duration(fit)*10*time.Millisecond), s.leaves(at, 0, 1000))
	}
	require.Equal(t, 50, fit, "half a second's worth")
	later := at.Add(time.Second)
	require.True(t, s.room(later, 1000))
	require.Equal(t, later.Add(10*time.Millisecond), s.leaves(later, 0, 1000), "an idle line saves nothing up")

	s = newStage(&queuedEffect{Effect: link.Effect{Action: link.Delay, Latency: time.Second, Jitter: 3 * time.Second, Seed: 1}}, there)
	var last time.Time
	for range 1000 {
		at = at.Add(time.Millisecond)
		wait := s.wait()
		require.True(t, wait >= 0 && wait <= 4*time.Second, "%v", wait)
		out := s.leaves(at, wait, 1)
		require.False(t, out.Before(last) || out.Before(at.Add(wait)))
		last = out
	}
}
