package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/stream"
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

// socket is one end of a TCP connection, as the kernel lists it.
type socket struct {
	remote                netip.Addr
	localPort, remotePort uint16
}

// abortConnections resets the TCP connections of this namespace that are chosen,
// at both ends, and says how many. A kernel without CONFIG_INET_DIAG_DESTROY
// aborts none.
func abortConnections(choose func(socket) bool) (aborted int, err error) {
	conn, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if noSuchKernel(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("open netlink for sockets: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(netlinkTimeout)); err != nil {
		return 0, fmt.Errorf("list sockets: %w", err)
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
			return aborted, fmt.Errorf("list sockets: %w", err)
		}
		for _, a := range answers {
			if len(a.Data) < idInAnswer+idSize {
				continue
			}
			id := a.Data[idInAnswer : idInAnswer+idSize]
			s := socketOf(family, id)
			if !choose(s) {
				continue
			}
			_, err := conn.Execute(netlink.Message{
				Header: netlink.Header{Type: sockDestroy, Flags: netlink.Request | netlink.Acknowledge},
				Data:   socketRequest(family, connectedStates, id),
			})
			switch {
			case err == nil:
				aborted++
			case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP):
				// It ended by itself meanwhile; or the kernel can't, or not in the state
				// that this socket is in by now.
			default:
				all = errors.Join(all, fmt.Errorf("abort a connection to %s: %w", s.remote, err))
			}
		}
	}
	return aborted, all
}

// canAbort says why connections can't be aborted here, by aborting one of our own.
func canAbort() error {
	near, far, err := stream.Loopback(context.Background())
	if err != nil {
		return err
	}
	defer near.Close()
	defer far.Close()
	port := uint16(near.LocalAddr().(*net.TCPAddr).Port)
	aborted, err := abortConnections(func(s socket) bool { return s.remote.IsLoopback() && s.localPort == port })
	if err == nil && aborted == 0 {
		err = errors.New("none was aborted")
	}
	if err != nil {
		return fmt.Errorf("%w: that needs CONFIG_INET_DIAG_DESTROY in the kernel, and the capability NET_ADMIN for the agent's container", err)
	}
	return nil
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

// socketOf reads a struct inet_diag_sockid; an IPv6 socket may hold an IPv4 address.
func socketOf(family byte, id []byte) socket {
	const remote = 4 + 16
	s := socket{localPort: binary.BigEndian.Uint16(id), remotePort: binary.BigEndian.Uint16(id[2:])}
	if family == unix.AF_INET {
		s.remote = netip.AddrFrom4([4]byte(id[remote : remote+4]))
	} else {
		s.remote = netip.AddrFrom16([16]byte(id[remote : remote+16])).Unmap()
	}
	return s
}

// toPeers chooses the connections to some addresses that are of the effect's port.
func toPeers(e link.Effect, peers []netip.Addr) func(socket) bool {
	return func(s socket) bool {
		return slices.Contains(peers, s.remote) && (e.Port == 0 || e.Port == s.localPort || e.Port == s.remotePort)
	}
}

// abortedPeers are the addresses of those peers to which connections are aborted:
// by a Break of either flow; by a Refuse of both, because with one alone only one
// end is to learn of it.
func abortedPeers(config wire.Config, e link.Effect, flows []link.Flow) []netip.Addr {
	if e.Action != link.Refuse && e.Action != link.Break || e.Transport == link.UDP {
		return nil
	}
	var all []netip.Addr
	for name, addresses := range config.Peers {
		flow := link.Flow{From: config.Node, To: name}
		out, back := slices.Contains(flows, flow), slices.Contains(flows, flow.Reverse())
		if out && back || e.Action == link.Break && (out || back) {
			all = append(all, addresses...)
		}
	}
	return all
}
