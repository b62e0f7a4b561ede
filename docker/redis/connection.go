package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// defaultTimeout bounds what a session without a timeout of its own does.
const defaultTimeout = time.Second

// connection is one connection to one server or sentinel. It is used by one
// goroutine at a time, and not again after an answer did not come.
type connection struct {
	address string
	client  *goredis.Client
	conn    *goredis.Conn // the client's only connection
	sent    atomic.Int64  // bytes that left, ever
}

// connect opens a connection and makes sure that somebody answers on it.
func connect(ctx context.Context, session link.Session, address string) (*connection, error) {
	if session.Dialer == nil {
		return nil, errors.New("connect to redis: the session has no dialer")
	}
	timeout := session.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	// Dialled here and not by go-redis, which would try again after a second, and
	// print each failure on the process's standard error.
	dialled, err := session.Dial(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("connect to redis at %s: %w", address, err)
	}
	c := &connection{address: address}
	var used atomic.Bool
	c.client = goredis.NewClient(&goredis.Options{
		Addr: address,
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			if used.Swap(true) {
				return nil, net.ErrClosed
			}
			return counted{dialled, &c.sent}, nil
		},
		Protocol:                 2,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		MaxRetries:               -1,
		DialerRetries:            1,
		PoolSize:                 1,
		PipelinePoolSize:         -1,
		DialTimeout:              timeout,
		ReadTimeout:              timeout,
		WriteTimeout:             timeout,
		ContextTimeoutEnabled:    true,
	})
	c.conn = c.client.Conn()
	if err := c.conn.Ping(ctx).Err(); err != nil && !refused(err) {
		_ = dialled.Close() // also where go-redis never took it
		return nil, errors.Join(fmt.Errorf("connect to redis at %s: %w", address, err), c.close())
	}
	return c, nil
}

func (c *connection) close() error {
	err := errors.Join(c.conn.Close(), c.client.Close())
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// do sends one command, once. An error is marked as not done where Redis refused
// the command before it ran it, and where no byte of it left.
func (c *connection) do(ctx context.Context, command ...any) *goredis.Cmd {
	before := c.sent.Load()
	cmd := c.conn.Do(ctx, command...)
	if err := cmd.Err(); err != nil && err != goredis.Nil && (refused(err) || c.sent.Load() == before) {
		cmd.SetErr(workloads.NotDone(err))
	}
	return cmd
}

// counted counts the bytes that left.
type counted struct {
	net.Conn
	sent *atomic.Int64
}

func (c counted) Write(data []byte) (int, error) {
	n, err := c.Conn.Write(data)
	c.sent.Add(int64(n))
	return n, err
}

// answerOf is what a server said, without what was wrapped around it; false where
// err is nothing that a server said.
func answerOf(err error) (text string, said bool) {
	var answer goredis.Error
	if !errors.As(err, &answer) {
		return "", false
	}
	return answer.Error(), true
}

// refusals are the first words of the errors that processCommand in server.c of
// Redis 7.0.15 answers with before it calls the command.
var refusals = []string{"READONLY", "NOREPLICAS", "LOADING", "MASTERDOWN", "MISCONF", "OOM",
	"CLUSTERDOWN", "BUSY", "NOAUTH", "NOPERM", "DENIED"}

func refused(err error) bool {
	text, said := answerOf(err)
	word, _, _ := strings.Cut(text, " ")
	return said && slices.Contains(refusals, word)
}

// demoted reports whether a server said that it is no master.
func demoted(err error) bool {
	text, said := answerOf(err)
	return said && strings.HasPrefix(text, "READONLY")
}

func serverAddress(host string) string   { return net.JoinHostPort(host, strconv.Itoa(serverNumber)) }
func sentinelAddress(node string) string { return net.JoinHostPort(node, strconv.Itoa(sentinelNumber)) }

// ask makes some questions on a connection of their own.
func ask(ctx context.Context, session link.Session, address string, questions func(*connection) error) error {
	c, err := connect(ctx, session, address)
	if err != nil {
		return err
	}
	return errors.Join(questions(c), c.close())
}
