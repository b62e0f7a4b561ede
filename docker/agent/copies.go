package main

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// copyMark is on packets that this program sends to its own pod in a peer's name.
// They come over loopback, and cuts act on them as on the peer's own.
const copyMark = 0x5ea8

// copies sends packets a second time: to the pod's own address, whole and with
// their own headers, so that they arrive as the first did.
type copies struct{ v4, v6 int }

// openCopies wants CAP_NET_RAW, and CAP_NET_ADMIN for the mark.
func openCopies() (*copies, error) {
	v4, err := rawSocket(unix.AF_INET, unix.IPPROTO_IP, unix.IP_HDRINCL)
	if err != nil {
		return nil, err
	}
	v6, err := rawSocket(unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_HDRINCL)
	if errors.Is(err, unix.EAFNOSUPPORT) { // then no such packet will come either
		return &copies{v4, -1}, nil
	}
	if err != nil {
		unix.Close(v4)
		return nil, err
	}
	return &copies{v4, v6}, nil
}

func rawSocket(family, level, headerIncluded int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
	if err != nil {
		return -1, fmt.Errorf("open a raw socket: %w", err)
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, level, headerIncluded, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, copyMark),
	)
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("prepare a raw socket: %w", err)
	}
	return fd, nil
}

func (c *copies) send(to netip.Addr, data []byte) error {
	if to.Is4() {
		return unix.Sendto(c.v4, data, 0, &unix.SockaddrInet4{Addr: to.As4()})
	}
	return unix.Sendto(c.v6, data, 0, &unix.SockaddrInet6{Addr: to.As16()})
}

func (c *copies) close() error {
	err := unix.Close(c.v4)
	if c.v6 >= 0 {
		err = errors.Join(err, unix.Close(c.v6))
	}
	return err
}
