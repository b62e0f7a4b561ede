package postgres

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// pretender is a stand-in for a server on loopback, for what a real one does too
// rarely: it answers every statement well, but COMMIT as it is told.
type pretender struct {
	listener net.Listener
	commit   func(b *pgproto3.Backend, conn net.Conn)
	insert   func(b *pgproto3.Backend, conn net.Conn)
	dials    atomic.Int32
}

func pretend(t *testing.T, p *pretender) *pretender {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p.listener = listener
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

func (p *pretender) DialAs(ctx context.Context, _ link.End, _ string) (net.Conn, error) {
	p.dials.Add(1)
	return (&net.Dialer{}).DialContext(ctx, "tcp", p.listener.Addr().String())
}

func (p *pretender) serve(conn net.Conn) {
	defer conn.Close()
	b := pgproto3.NewBackend(conn, conn)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return
	}
	b.Send(&pgproto3.AuthenticationOk{})
	done := func(tag string) {
		b.Send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
	}
	ready := func() {
		b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		_ = b.Flush()
	}
	ready()
	for {
		message, err := b.Receive()
		if err != nil {
			return
		}
		switch m := message.(type) {
		case *pgproto3.Query:
			if m.String == "COMMIT" {
				p.commit(b, conn)
			} else {
				done(m.String)
			}
			ready()
		case *pgproto3.Execute:
			if p.insert != nil {
				p.insert(b, conn)
			} else {
				done("INSERT 0 1")
			}
		case *pgproto3.Sync:
			ready()
		case *pgproto3.Parse:
			b.Send(&pgproto3.ParseComplete{})
		case *pgproto3.Bind:
			b.Send(&pgproto3.BindComplete{})
		case *pgproto3.Describe:
			b.Send(&pgproto3.NoData{})
		case *pgproto3.Terminate:
			return
		}
	}
}

func says(severity, code string) func(*pgproto3.Backend, net.Conn) {
	return func(b *pgproto3.Backend, _ net.Conn) {
		b.Send(&pgproto3.ErrorResponse{Severity: severity, SeverityUnlocalized: severity, Code: code, Message: "no"})
	}
}

func tags(tag string) func(*pgproto3.Backend, net.Conn) {
	return func(b *pgproto3.Backend, _ net.Conn) { b.Send(&pgproto3.CommandComplete{CommandTag: []byte(tag)}) }
}

func notices(severity string) func(*pgproto3.Backend, net.Conn) {
	return func(b *pgproto3.Backend, conn net.Conn) {
		b.Send(&pgproto3.NoticeResponse{Severity: severity, SeverityUnlocalized: severity, Code: "01000", Message: "canceling wait for synchronous replication"})
		tags("COMMIT")(b, conn)
	}
}

func hangsUp(_ *pgproto3.Backend, conn net.Conn) { conn.Close() }

// silent answers nothing until the client has hung up.
func silent(b *pgproto3.Backend, _ net.Conn) {
	for {
		if _, err := b.Receive(); err != nil {
			return
		}
	}
}

// Three answers to COMMIT are certain, and every other leaves the transaction unknown.
func TestWhatACommitSays(t *testing.T) {
	for name, c := range map[string]struct {
		commit func(*pgproto3.Backend, net.Conn)
		want   history.Outcome
	}{
		"committed":                     {tags("COMMIT"), history.OK},
		"a notice":                      {notices("NOTICE"), history.OK},
		"a warning":                     {notices("WARNING"), history.Info},
		"rolled back":                   {tags("ROLLBACK"), history.Fail},
		"another answer":                {tags("SELECT 1"), history.Info},
		"serialization failure":         {says("ERROR", "40001"), history.Fail},
		"deadlock":                      {says("ERROR", "40P01"), history.Fail},
		"completion unknown":            {says("ERROR", "40003"), history.Info},
		"a deferred constraint":         {says("ERROR", "23505"), history.Fail},
		"cancelled":                     {says("ERROR", "57014"), history.Info},
		"a shutdown":                    {says("FATAL", "57P01"), history.Info},
		"a fatal serialization failure": {says("FATAL", "40001"), history.Info},
		"hung up":                       {hangsUp, history.Info},
		"silence":                       {silent, history.Info},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pretend(t, &pretender{commit: c.commit})
			require.Equal(t, c.want, outcomeAt(t, p))
			require.EqualValues(t, 1, p.dials.Load(), "nothing is dialled but the connection")
		})
	}
}

// Whatever a statement says before the commit is asked for, the transaction never
// happened.
func TestWhatAStatementSays(t *testing.T) {
	for name, insert := range map[string]func(*pgproto3.Backend, net.Conn){
		"serialization failure": says("ERROR", "40001"), "deadlock": says("ERROR", "40P01"),
		"a shutdown": says("FATAL", "57P01"), "hung up": hangsUp, "silence": silent,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pretend(t, &pretender{commit: tags("COMMIT"), insert: insert})
			require.Equal(t, history.Fail, outcomeAt(t, p))
		})
	}
}

// outcomeAt runs a transaction and returns how it ended.
func outcomeAt(t *testing.T, p *pretender) history.Outcome {
	opened, err := Cluster{}.OpenTransactor(t.Context(), link.Session{Node: "n1", Dialer: p})
	require.NoError(t, err)
	defer opened.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err = opened.Transact(ctx, []history.Step{history.Writes("x", 1)})
	switch {
	case err == nil:
		return history.OK
	case workloads.IsNotDone(err):
		return history.Fail
	}
	return history.Info
}

func TestWhatIsNoValueIsGarbage(t *testing.T) {
	for array, want := range map[string][]history.Value{"{}": {}, "{7}": {7}, "{1,-2,3}": {1, -2, 3}} {
		elements, err := elementsOf(array)
		require.NoError(t, err, array)
		require.Equal(t, want, elements, array)
	}
	for _, array := range []string{"", "{1,NULL}", "{1", "1,2", "{1,,2}", "{{1}}", "{9223372036854775807}"} {
		_, err := elementsOf(array)
		require.Equal(t, workloads.Garbage{Text: array}, err, array)
	}
}
