package canary

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// relay passes connections on to where it is aimed. While it is cut it resets
// them; while it is mute what comes back is swallowed.
type relay struct {
	listener net.Listener
	mu       sync.Mutex
	target   string
	isCut    bool
	isMute   bool
	mutedLen int // bytes swallowed since it was made mute
	open     map[net.Conn]struct{}
}

func startRelay(tb testing.TB) *relay {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	r := &relay{listener: listener, open: map[net.Conn]struct{}{}}
	go func() {
		for {
			conn, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			} else if err == nil {
				go r.pass(conn)
			}
		}
	}()
	tb.Cleanup(func() {
		listener.Close()
		r.cut(true)
	})
	return r
}

func (r *relay) aim(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = target
}

func (r *relay) cut(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.isCut = cut
	if cut {
		for conn := range r.open {
			conn.Close()
		}
	}
}

func (r *relay) mute(mute bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.isMute, r.mutedLen = mute, 0
}

// muted is how many bytes were swallowed.
func (r *relay) muted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mutedLen
}

// answers writes to conn what comes back, unless the relay is mute.
type answers struct {
	*relay
	conn net.Conn
}

func (a answers) Write(data []byte) (int, error) {
	a.mu.Lock()
	mute := a.isMute
	if mute {
		a.mutedLen += len(data)
	}
	a.mu.Unlock()
	if mute {
		return len(data), nil
	}
	return a.conn.Write(data)
}

func (r *relay) pass(in net.Conn) {
	defer in.Close()
	r.mu.Lock()
	target, cut := r.target, r.isCut
	r.mu.Unlock()
	if cut {
		return
	}
	out, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer out.Close()
	if !r.hold(in, out) {
		return
	}
	defer r.release(in, out)
	done := make(chan struct{}, 2)
	carry := func(to io.Writer, from io.Reader) {
		_, _ = io.Copy(to, from)
		done <- struct{}{}
	}
	go carry(out, in)
	go carry(answers{r, in}, out)
	<-done
}

func (r *relay) hold(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range conns {
		r.open[conn] = struct{}{}
	}
	return !r.isCut
}

func (r *relay) release(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range conns {
		delete(r.open, conn)
	}
}
