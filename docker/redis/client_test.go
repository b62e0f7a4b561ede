package redis

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// scripted is a stand-in for servers and sentinels on loopback, for what real ones
// do too rarely: it answers a command by its first words and the connection's number.
type scripted struct {
	t        *testing.T
	listener net.Listener
	answer   func(address string, command string, connection int) string

	mu    sync.Mutex
	dials []string
}

func startScripted(t *testing.T, answer func(address, command string, connection int) string) *scripted {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &scripted{t: t, listener: listener, answer: answer}
	t.Cleanup(func() { listener.Close() })
	return s
}

// DialAs implements [link.Dialer]: every address is the same listener.
func (s *scripted) DialAs(ctx context.Context, _ link.End, address string) (net.Conn, error) {
	s.mu.Lock()
	s.dials = append(s.dials, address)
	number := len(s.dials)
	s.mu.Unlock()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.listener.Addr().String())
	if err != nil {
		return nil, err
	}
	served, err := s.listener.Accept()
	if err != nil {
		return nil, err
	}
	go s.serve(served, address, number)
	return conn, nil
}

// serve reads commands in Redis's protocol, arrays of bulk strings.
func (s *scripted) serve(conn net.Conn, address string, number int) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		var count int
		if _, err := fmt.Fscanf(r, "*%d\r\n", &count); err != nil {
			return
		}
		var words []string
		for range count {
			var size int
			if _, err := fmt.Fscanf(r, "$%d\r\n", &size); err != nil {
				return
			}
			word := make([]byte, size+2)
			for n := 0; n < len(word); {
				got, err := r.Read(word[n:])
				if err != nil {
					return
				}
				n += got
			}
			words = append(words, strings.ToUpper(string(word[:size])))
		}
		if words[0] == "HELLO" { // as servers before Redis 6 say
			fmt.Fprint(conn, "-ERR unknown command 'HELLO'\r\n")
			continue
		}
		if _, err := fmt.Fprint(conn, s.answer(address, strings.Join(words, " "), number)); err != nil {
			return
		}
	}
}

func (s *scripted) count(address string) (count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.dials {
		if one == address {
			count++
		}
	}
	return count
}

const pong = "+PONG\r\n"

func roleAnswer(role string) string { return fmt.Sprintf("*1\r\n$%d\r\n%s\r\n", len(role), role) }
func hostAnswer(host string) string {
	return fmt.Sprintf("*2\r\n$%d\r\n%s\r\n$4\r\n6379\r\n", len(host), host)
}

func scriptedAppender(t *testing.T, s *scripted) workloads.Appender {
	t.Helper()
	a, err := Cluster{}.OpenAppender(t.Context(), link.Session{Node: "n1", Timeout: time.Second, Dialer: s})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	return a
}

// A master that was demoted under a client's connection refuses, and the client
// goes to the one that the sentinels name then.
func TestAClientLeavesAServerThatIsNoMasterAnyMore(t *testing.T) {
	refusing := 0
	s := startScripted(t, func(address, command string, connection int) string {
		switch {
		case strings.HasPrefix(command, "SENTINEL"):
			return hostAnswer("n1")
		case command == "ROLE":
			return roleAnswer("master")
		case strings.HasPrefix(command, "RPUSH"):
			if refusing == 0 || refusing == connection {
				refusing = connection // the first connection to the server, for good
				return "-READONLY You can't write against a read only replica.\r\n"
			}
			return ":1\r\n"
		}
		return pong
	})
	a := scriptedAppender(t, s)
	err := a.Append(t.Context(), "l", 1)
	require.ErrorContains(t, err, "READONLY")
	require.True(t, workloads.IsNotDone(err))
	require.NoError(t, a.Append(t.Context(), "l", 2), "on a connection of its own")
	require.Equal(t, 2, s.count("n1:6379"))
}

// A master with too few replicas refuses, and is the master still.
func TestAClientStaysWithAMasterThatRefuses(t *testing.T) {
	s := startScripted(t, func(_, command string, _ int) string {
		switch {
		case strings.HasPrefix(command, "SENTINEL"):
			return hostAnswer("n1")
		case command == "ROLE":
			return roleAnswer("master")
		case strings.HasPrefix(command, "RPUSH"):
			return "-NOREPLICAS Not enough good replicas to write.\r\n"
		}
		return pong
	})
	a := scriptedAppender(t, s)
	for range 3 {
		err := a.Append(t.Context(), "l", 1)
		require.True(t, workloads.IsNotDone(err))
	}
	require.Equal(t, 1, s.count("n1:6379"))
}

// A sentinel that names a server which is no master is not believed.
func TestAClientAsksTheServerWhetherItIsTheMaster(t *testing.T) {
	s := startScripted(t, func(address, command string, _ int) string {
		switch {
		case strings.HasPrefix(command, "SENTINEL") && strings.HasPrefix(address, "s1"):
			return hostAnswer("n1") // it does not know yet
		case strings.HasPrefix(command, "SENTINEL"):
			return hostAnswer("n2")
		case command == "ROLE" && strings.HasPrefix(address, "n1"):
			return roleAnswer("slave")
		case command == "ROLE":
			return roleAnswer("master")
		case strings.HasPrefix(command, "LRANGE") && strings.HasPrefix(address, "n2"):
			return "*1\r\n$1\r\n7\r\n"
		}
		return pong
	})
	a := scriptedAppender(t, s)
	elements, err := a.List(t.Context(), "l")
	require.NoError(t, err)
	require.Len(t, elements, 1)
	require.Equal(t, 1, s.count("s2:26379"), "the next sentinel was asked")
}
