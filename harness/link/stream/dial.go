package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Control prepares a socket before it is bound or connected; see [net.Dialer.Control].
type Control func(network, address string, socket syscall.RawConn) error

// DialTimeout bounds the dialling of an upstream.
const DialTimeout = 10 * time.Second

// DialTo returns a function for [Relay.Dial] that connects to a TCP address.
// The control function may be nil.
func DialTo(address string, control Control) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		dialer := net.Dialer{Timeout: DialTimeout, Control: control}
		return dialer.DialContext(ctx, "tcp", address)
	}
}

// Mark returns a control function that sets a socket's mark (SO_MARK), which
// wants CAP_NET_ADMIN.
func Mark(mark int) Control {
	return func(_, address string, socket syscall.RawConn) error {
		var failed error
		err := socket.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, mark)
		})
		if err := errors.Join(err, failed); err != nil {
			return fmt.Errorf("mark the socket for %s: %w", address, err)
		}
		return nil
	}
}

// errGone is what became of a connection whose client gave up while it waited.
var errGone = errors.New("the client closed the connection while it waited")

// reset closes a connection with a reset where it is TCP, and otherwise closes it.
func reset(conn net.Conn) {
	if tcp, ok := conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0) // fails only on a closed socket
	}
	_ = conn.Close()
}

// clientGone reports whether the far end of a TCP connection has closed it. Bytes
// may wait in front of the end, so reading would not tell: the kernel's state does.
func clientGone(conn net.Conn) bool {
	tcp, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return true
	}
	var info *unix.TCPInfo
	var failed error
	err = raw.Control(func(fd uintptr) {
		info, failed = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err != nil {
		return errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed)
	}
	if failed != nil {
		return false
	}
	return info.State != unix.BPF_TCP_ESTABLISHED
}

// Loopback returns the two ends of a TCP connection on 127.0.0.1, with everything
// that a connection has: deadlines, buffers, half-close and reset.
func Loopback(ctx context.Context) (near, far net.Conn, err error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("connect to ourselves: %w", err)
	}
	defer listener.Close()
	near, err = DialTo(listener.Addr().String(), nil)(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to ourselves: %w", err)
	}
	deadline := time.Now().Add(DialTimeout)
	if err := listener.(*net.TCPListener).SetDeadline(deadline); err != nil {
		near.Close()
		return nil, nil, fmt.Errorf("connect to ourselves: %w", err)
	}
	for {
		far, err = listener.Accept()
		if err != nil {
			near.Close()
			return nil, nil, fmt.Errorf("connect to ourselves: %w", err)
		}
		if far.RemoteAddr().String() == near.LocalAddr().String() {
			return near, far, nil
		}
		far.Close() // a stranger was faster
	}
}
