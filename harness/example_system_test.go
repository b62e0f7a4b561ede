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

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// Shelf is one node: registers in memory. Its program is the test binary itself.
type Shelf struct{}

func (Shelf) SystemName() string    { return "shelf" }
func (Shelf) SystemVersion() string { return "1" }
func (Shelf) Validate() error       { return nil }
func (Shelf) NodeNames() []string   { return []string{"n1"} }
func (Shelf) Ports() []cluster.Port { return []cluster.Port{{Name: "client", Number: 7000}} }

func (s Shelf) Ready(ctx context.Context, session link.Session) error {
	c, err := s.OpenRegister(ctx, session)
	if err != nil {
		return err
	}
	_, err = c.Read(ctx, "ready") // as a client would
	return errors.Join(err, c.Close())
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
	deadline, _ := ctx.Deadline()
	setting := c.conn.SetDeadline(deadline)
	_, sending := fmt.Fprintf(c.conn, format+"\n", args...)
	line, reading := c.answers.ReadString('\n')
	return strings.TrimSpace(line), errors.Join(setting, sending, reading)
}

func (c *shelfClient) Read(ctx context.Context, key string) (history.Value, error) {
	return shelfValue(c.ask(ctx, "read %s", key))
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
	saw, err := shelfValue(answer, nil)
	return false, saw, err
}

func (c *shelfClient) Close() error { return c.conn.Close() }

func shelfValue(text string, err error) (history.Value, error) {
	if err != nil || text == "nil" {
		return history.Nil, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return history.Value(n), err
}
