package harness_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// Shelf is a system of one node: registers in memory, behind a line protocol.
// Its program is the test binary itself, told by an environment variable.
type Shelf struct{}

func (Shelf) SystemName() string    { return "shelf" }
func (Shelf) SystemVersion() string { return "1" }
func (Shelf) Validate() error       { return nil }
func (Shelf) NodeNames() []string   { return []string{"n1"} }
func (Shelf) Ports() []cluster.Port { return []cluster.Port{{Name: "client", Number: 7000}} }

// Ready does what a client would.
func (s Shelf) Ready(ctx context.Context, session link.Session) error {
	c, err := s.OpenRegister(ctx, session)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Read(ctx, "ready")
	return err
}

func (Shelf) Program(context.Context, cluster.ProgramBuilder) (string, error) { return os.Executable() }

func (Shelf) ProcessCommand(node string, at cluster.Addresses) (cluster.Command, error) {
	return cluster.Command{Args: []string{"shelf"}, Env: []string{envShelf + "=" + at.Listen(node, "client")}}, nil
}

// OpenRegister connects at once: a refused connection means that nothing was asked.
func (Shelf) OpenRegister(ctx context.Context, session link.Session) (workloads.Register, error) {
	conn, err := session.Dial(ctx, session.Node+":client")
	if err != nil {
		return nil, workloads.NotDone(err)
	}
	return &shelfClient{conn: conn, answers: bufio.NewReader(conn)}, nil
}

type shelfClient struct {
	conn    net.Conn
	answers *bufio.Reader
}

// ask sends one line and reads one. After the send an error leaves the outcome
// unknown, of a read too: its answer may still arrive, and must not be taken for
// that of the next question. The harness retires the process with its connection.
func (c *shelfClient) ask(ctx context.Context, format string, args ...any) (string, error) {
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.conn.SetDeadline(deadline); err != nil {
			return "", err
		}
	}
	if _, err := fmt.Fprintf(c.conn, format+"\n", args...); err != nil {
		return "", err
	}
	line, err := c.answers.ReadString('\n')
	return strings.TrimSpace(line), err
}

func (c *shelfClient) Read(ctx context.Context, key string) (history.Value, error) {
	answer, err := c.ask(ctx, "read %s", key)
	if err != nil {
		return history.None, err
	}
	return shelfValue(answer)
}

func (c *shelfClient) Write(ctx context.Context, key string, value history.Value) error {
	_, err := c.ask(ctx, "write %s %d", key, value)
	return err
}

func (c *shelfClient) CompareAndSet(ctx context.Context, key string, expect, value history.Value) (bool, history.Value, error) {
	want := "nil"
	if expect != history.Nil {
		want = strconv.FormatInt(int64(expect), 10)
	}
	answer, err := c.ask(ctx, "cas %s %s %d", key, want, value)
	if err != nil || answer == "swapped" {
		return err == nil, history.None, err
	}
	saw, err := shelfValue(answer)
	return false, saw, err
}

func (c *shelfClient) Close() error { return c.conn.Close() }

func shelfValue(text string) (history.Value, error) {
	if text == "nil" {
		return history.Nil, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return history.Value(n), err
}

// TestASystemOfOnesOwn runs it: a store that is paused keeps its promise.
func TestASystemOfOnesOwn(t *testing.T) {
	harness.Test(t, harness.Scenario{
		Name: "shelf/register/pause", System: Shelf{}, Workload: workloads.Registers{Keys: 3},
		Clients: 4, Duration: 3 * time.Second,
		Faults: fault.After{Delay: time.Second, Do: fault.For{Duration: time.Second, Fault: fault.Pause{Target: fault.Random}}},
		Check:  checkers.All{checkers.Linearizable{}},
	})
}

// TestAStoreInMemoryForgetsWhenKilled is its counterpart: what must break, breaks.
func TestAStoreInMemoryForgetsWhenKilled(t *testing.T) {
	harness.TestFinds(t, harness.Scenario{
		Name: "shelf/register/kill", System: Shelf{}, Workload: workloads.Registers{Keys: 3},
		Clients: 4, Duration: 3 * time.Second,
		Faults: fault.After{Delay: time.Second, Do: fault.For{Duration: 500 * time.Millisecond, Fault: fault.Kill{Target: fault.Node("n1")}}},
		Check:  checkers.All{checkers.Linearizable{}},
	}, "linearizable")
}

const envShelf = "SEATRIAL_TEST_SHELF"

// serveShelf is the store: it never returns.
func serveShelf(address string) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var mu sync.Mutex
	cells := map[string]string{}
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			os.Exit(0)
		} else if err != nil {
			continue
		}
		go func() {
			defer conn.Close()
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				words := strings.Fields(lines.Text())
				mu.Lock()
				answer, ok := cells[words[1]]
				if !ok {
					answer = "nil"
				}
				switch {
				case words[0] == "write":
					cells[words[1]], answer = words[2], "written"
				case words[0] == "cas" && words[2] == answer:
					cells[words[1]], answer = words[3], "swapped"
				}
				mu.Unlock()
				fmt.Fprintln(conn, answer)
			}
		}()
	}
}
