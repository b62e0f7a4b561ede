package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seatrial/seatrial/harness/link"
)

// connection is one connection to a server, with nothing around it: no pool, no
// prepared statements, no retries.
type connection struct {
	conn *pgconn.PgConn
	wire net.Conn
	// warned is the last warning that the server sent, nil where it sent none
	// since it was cleared.
	warned *pgconn.Notice
}

// parameters say everything that pgconn would else look for in the environment
// and in the user's home.
const parameters = "host=node port=5432 user=postgres dbname=postgres password=none passfile=/dev/null " +
	"sslmode=disable gssencmode=disable target_session_attrs=any connect_timeout=0 servicefile=/dev/null"

// connect dials the session's node. Dialled here and not by pgconn: its own
// attempts to reach the server again, to cancel what was given up, must not.
func connect(ctx context.Context, session link.Session) (*connection, error) {
	if session.Dialer == nil {
		return nil, errors.New("connect to postgres: the session has no dialer")
	}
	failed := func(err error) error { return fmt.Errorf("connect to postgres at %s: %w", session.Node, err) }
	config, err := pgconn.ParseConfig(parameters)
	if err != nil {
		return nil, failed(err)
	}
	wire, err := session.Dial(ctx, net.JoinHostPort(session.Node, strconv.Itoa(clientNumber)))
	if err != nil {
		return nil, failed(err)
	}
	c := &connection{wire: wire}
	var used atomic.Bool
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		if used.Swap(true) {
			return nil, net.ErrClosed
		}
		return wire, nil
	}
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.RuntimeParams = map[string]string{"application_name": fmt.Sprintf("seatrial %d", session.Process)}
	config.Fallbacks = nil
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			c.warned = n
		}
	}
	if c.conn, err = pgconn.ConnectConfig(ctx, config); err != nil {
		wire.Close()
		return nil, failed(err)
	}
	return c, nil
}

// usable reports whether the connection can take another statement.
func (c *connection) usable() bool { return c != nil && !c.conn.IsClosed() }

// close closes the connection. One that is in trouble is not told goodbye.
func (c *connection) close() {
	if !c.usable() {
		c.wire.Close()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = c.conn.Close(ctx) // there is nobody to whom its error says more
}

// ask runs one statement and returns its rows as text. A NULL is an empty text.
func (c *connection) ask(ctx context.Context, statement string, arguments ...argument) ([][]string, error) {
	values, types := make([][]byte, len(arguments)), make([]uint32, len(arguments))
	for i, a := range arguments {
		values[i], types[i] = []byte(a.value), a.oid
	}
	result := c.conn.ExecParams(ctx, statement, values, types, nil, nil).Read()
	if result.Err != nil {
		return nil, c.leave(result.Err)
	}
	rows := make([][]string, len(result.Rows))
	for i, row := range result.Rows {
		for _, field := range row {
			rows[i] = append(rows[i], string(field))
		}
	}
	return rows, nil
}

// command runs one statement that returns no rows, and returns its tag.
func (c *connection) command(ctx context.Context, statement string) (string, error) {
	results, err := c.conn.Exec(ctx, statement).ReadAll()
	if err != nil {
		return "", c.leave(err)
	}
	return results[len(results)-1].CommandTag.String(), nil
}

// leave closes a connection that the error says nothing good of: an answer that
// comes late must not be taken for the next one.
func (c *connection) leave(err error) error {
	if answer := (*pgconn.PgError)(nil); !errors.As(err, &answer) || c.conn.IsClosed() {
		c.wire.Close()
	}
	return err
}

// argument is a value of a statement and the number of its type.
type argument struct {
	value string
	oid   uint32
}

// The numbers of types, from pg_type.dat.
const (
	oidBigint = 20
	oidText   = 25
)

func text(s string) argument  { return argument{s, oidText} }
func bigint(n int64) argument { return argument{strconv.FormatInt(n, 10), oidBigint} }
