package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// The parts of linux/sock_diag.h and linux/inet_diag.h that are used here.
const (
	sockDiagByFamily = 20
	sockDestroy      = 21
	// idSize is struct inet_diag_sockid: ports, addresses, interface, cookie.
	idSize = 48
	// requestSize is struct inet_diag_req_v2, and idInAnswer where the id begins
	// in struct inet_diag_msg.
	requestSize = 8 + idSize
	idInAnswer  = 4
	idInRequest = 8
)

// connectedStates are those in which a TCP socket has a peer that can be told:
// all but CLOSE (7), LISTEN (10) and TIME_WAIT (6); see net/tcp_states.h.
const connectedStates = ^uint32(1<<7 | 1<<10 | 1<<6)

// abortConnections resets every TCP connection of this namespace to one of the
// peers, at both ends: a rule that rejects bites only when a packet is sent, and
// until then a system would write into a connection that is dead. A kernel
// without CONFIG_INET_DIAG_DESTROY can't; then the rules alone must do.
func abortConnections(peers []netip.Addr) error {
	conn, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if noSuchKernel(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open netlink for sockets: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(netlinkTimeout)); err != nil {
		return fmt.Errorf("list sockets: %w", err)
	}
	var all error
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		answers, err := conn.Execute(netlink.Message{
			Header: netlink.Header{Type: sockDiagByFamily, Flags: netlink.Request | netlink.Dump},
			Data:   socketRequest(family, connectedStates, nil),
		})
		if noSuchKernel(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("list sockets: %w", err)
		}
		for _, a := range answers {
			if len(a.Data) < idInAnswer+idSize {
				continue
			}
			id := a.Data[idInAnswer : idInAnswer+idSize]
			if !slices.Contains(peers, remoteOf(family, id)) {
				continue
			}
			_, err := conn.Execute(netlink.Message{
				Header: netlink.Header{Type: sockDestroy, Flags: netlink.Request | netlink.Acknowledge},
				Data:   socketRequest(family, connectedStates, id),
			})
			// ENOENT: it ended by itself meanwhile. EOPNOTSUPP: the kernel can't, or
			// not in the state that this socket is in by now.
			if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EOPNOTSUPP) {
				all = errors.Join(all, fmt.Errorf("abort a connection to %s: %w", remoteOf(family, id), err))
			}
		}
	}
	return all
}

// noSuchKernel reports whether an error says that the kernel lists no sockets.
func noSuchKernel(err error) bool {
	return errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.ENOENT)
}

// socketRequest is a struct inet_diag_req_v2.
func socketRequest(family byte, states uint32, id []byte) []byte {
	data := make([]byte, requestSize)
	data[0], data[1] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(data[4:], states)
	copy(data[idInRequest:], id)
	return data
}

// remoteOf is the far address of a socket; an IPv6 socket may hold an IPv4 one.
func remoteOf(family byte, id []byte) netip.Addr {
	const remote = 4 + 16
	if family == unix.AF_INET {
		return netip.AddrFrom4([4]byte(id[remote : remote+4]))
	}
	return netip.AddrFrom16([16]byte(id[remote : remote+16])).Unmap()
}

// refusedPeers are the addresses of those peers that are refused both ways: with
// one way alone, only one end is to learn of it.
func refusedPeers(config wire.Config, e link.Effect, flows []link.Flow) []netip.Addr {
	if e.Action != link.Refuse {
		return nil
	}
	var all []netip.Addr
	for name, addresses := range config.Peers {
		out := link.Flow{From: config.Node, To: name}
		if slices.Contains(flows, out) && slices.Contains(flows, out.Reverse()) {
			all = append(all, addresses...)
		}
	}
	return all
}
