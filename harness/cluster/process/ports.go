package process

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

const localhost = "127.0.0.1"

// reservation keeps a TCP port for a node, also while the node is down.
//
// It is a socket that is bound and never listens. It is bound without
// SO_REUSEADDR, so it conflicts with whatever has the port already; the option is
// set after, and then only a socket that has it too can share the port: the
// node's. The kernel gives a bound port to nobody who asks for any port, neither
// to listen nor to connect. Without a listener a connection is refused, as for any
// closed port.
type reservation struct {
	socket *os.File
	number int
}

func reserve() (*reservation, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("reserve a port: %w", err)
	}
	socket := os.NewFile(uintptr(fd), "reserved port")
	number, err := bindAny(fd)
	if err != nil {
		socket.Close()
		return nil, fmt.Errorf("reserve a port on %s: %w", localhost, err)
	}
	return &reservation{socket, number}, nil
}

func bindAny(fd int) (port int, err error) {
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return 0, err
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	return bound.(*unix.SockaddrInet4).Port, nil
}

func (r *reservation) address() string { return net.JoinHostPort(localhost, strconv.Itoa(r.number)) }

func (r *reservation) release() { _ = r.socket.Close() }

// listen opens a relay's own port.
func listen(ctx context.Context) (net.Listener, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(localhost, "0"))
	if err != nil {
		return nil, fmt.Errorf("open a relay's port: %w", err)
	}
	return listener, nil
}
