package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// closeTimeout bounds the goodbye of a connection and the rollback of a
// transaction that failed.
const closeTimeout = time.Second

// TransactionSteps are reads and writes of registers, appends to lists and reads
// of them, and additions to registers.
func (Cluster) TransactionSteps() []history.Kind {
	return []history.Kind{history.Read, history.Write, history.Append, history.ReadList, history.Add}
}

// OpenTransactor connects a client.
func (c Cluster) OpenTransactor(ctx context.Context, session link.Session) (workloads.Transactor, error) {
	return c.open(ctx, session)
}

func (c Cluster) open(ctx context.Context, session link.Session) (*transactor, error) {
	c = c.withDefaults()
	t := &transactor{session: session, begin: "BEGIN ISOLATION LEVEL " + strings.ToUpper(strings.ReplaceAll(c.Level, "-", " ")), appendInTwo: c.AppendInTwo}
	var err error
	if t.connection, err = connect(ctx, session); err != nil {
		return nil, err
	}
	return t, nil
}

// transactor is a client with one connection, which it makes anew where it broke.
type transactor struct {
	session     link.Session
	begin       string
	appendInTwo bool
	connection  *connection
}

// Transact implements [workloads.Transactor].
func (t *transactor) Transact(ctx context.Context, steps []history.Step) ([]history.Step, error) {
	return workloads.StepByStep(ctx, t, steps)
}

// Begin implements [workloads.Interactive].
func (t *transactor) Begin(ctx context.Context) error {
	if !t.connection.usable() {
		var err error
		if t.connection, err = connect(ctx, t.session); err != nil {
			return workloads.NotDone(err)
		}
	}
	if _, err := t.connection.command(ctx, t.begin); err != nil {
		return workloads.NotDone(fmt.Errorf("begin: %w", err))
	}
	return nil
}

// Step implements [workloads.Interactive].
func (t *transactor) Step(ctx context.Context, step history.Step) (history.Step, error) {
	switch key, value := step.Key(), step.Value(); step.Kind() {
	case history.Read:
		return t.read(ctx, key)
	case history.ReadList:
		elements, err := t.list(ctx, key)
		return history.Lists(key, elements...), err
	case history.Write:
		return step, t.change(ctx, "INSERT INTO registers VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
	case history.Add:
		return step, t.change(ctx, "INSERT INTO registers VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = registers.value + excluded.value", key, value)
	case history.Append:
		if t.appendInTwo {
			return step, t.rewrite(ctx, key, value)
		}
		return step, t.change(ctx, "INSERT INTO lists VALUES ($1, ARRAY[$2]) ON CONFLICT (key) DO UPDATE SET elements = lists.elements || excluded.elements", key, value)
	}
	return step, fmt.Errorf("postgres offers no step %v", step.Kind())
}

// read returns the value of a register, and nil where there is no row.
func (t *transactor) read(ctx context.Context, key string) (history.Step, error) {
	rows, err := t.connection.ask(ctx, "SELECT value FROM registers WHERE key = $1", text(key))
	if err != nil || len(rows) == 0 {
		return history.Reads(key, history.Nil), err
	}
	value, err := valueOf(rows[0][0])
	return history.Reads(key, value), err
}

// list returns the elements of a list, none where there is no row.
func (t *transactor) list(ctx context.Context, key string) ([]history.Value, error) {
	rows, err := t.connection.ask(ctx, "SELECT elements FROM lists WHERE key = $1", text(key))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return elementsOf(rows[0][0])
}

// rewrite appends as an application without array_append does.
func (t *transactor) rewrite(ctx context.Context, key string, element history.Value) error {
	elements, err := t.list(ctx, key)
	if err != nil {
		return err
	}
	var list strings.Builder
	for _, e := range elements {
		fmt.Fprintf(&list, "%d,", int64(e))
	}
	_, err = t.connection.ask(ctx, "INSERT INTO lists VALUES ($1, $2::text::bigint[]) ON CONFLICT (key) DO UPDATE SET elements = excluded.elements",
		text(key), text(fmt.Sprintf("{%s%d}", list.String(), int64(element))))
	return err
}

func (t *transactor) change(ctx context.Context, statement, key string, value history.Value) error {
	if !value.IsInt() {
		return errors.New("a value must be an integer")
	}
	_, err := t.connection.ask(ctx, statement, text(key), bigint(int64(value)))
	return err
}

// Commit implements [workloads.Interactive]. Three answers are certain: COMMIT
// without a warning; ROLLBACK, which is the answer where a statement of the
// transaction had failed; and an error that says that the transaction was refused.
// A warning says that something went wrong with a transaction that stands, for
// instance that a wait for a standby was given up: whether it lasts is unknown.
func (t *transactor) Commit(ctx context.Context) error {
	t.connection.warned = nil
	tag, err := t.connection.command(ctx, "COMMIT")
	switch warning := t.connection.warned; {
	case err != nil && refusesCommit(err):
		return workloads.NotDone(fmt.Errorf("commit: %w", err))
	case err != nil:
		return fmt.Errorf("commit: %w", err)
	case tag == "ROLLBACK":
		return workloads.NotDone(errors.New("commit: it was answered with ROLLBACK"))
	case tag != "COMMIT":
		return fmt.Errorf("commit: it was answered with %.40q", tag)
	case warning != nil:
		return fmt.Errorf("commit: it was answered with a warning: %s (%s)", warning.Message, warning.Code)
	}
	return nil
}

// refusesCommit reports whether an answer to COMMIT says that nothing was
// committed. Of class 40, transaction rollback, 40003 says that nobody knows; class
// 23 are constraints that were deferred. Anything FATAL, such as a shutdown, may
// come after the commit was written.
func refusesCommit(err error) bool {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) || answer.SeverityUnlocalized != "ERROR" || answer.Code == "40003" {
		return false
	}
	return strings.HasPrefix(answer.Code, "40") || strings.HasPrefix(answer.Code, "23")
}

// Rollback implements [workloads.Interactive].
func (t *transactor) Rollback(ctx context.Context) error {
	if !t.connection.usable() {
		return nil // the server ends it with the connection
	}
	if _, err := t.connection.command(ctx, "ROLLBACK"); err != nil {
		t.connection.wire.Close()
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// Close closes the connection.
func (t *transactor) Close() error {
	if t.connection != nil {
		t.connection.close()
	}
	return nil
}

// valueOf reads an integer. What is none is garbage, for a judge to see.
func valueOf(text string) (history.Value, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < history.MinInt || n > history.MaxInt {
		return history.None, workloads.Garbage{Text: text}
	}
	return history.Int(n), nil
}

// elementsOf reads an array as PostgreSQL prints one of bigints: {1,2,3}.
func elementsOf(array string) ([]history.Value, error) {
	inner, opened := strings.CutPrefix(array, "{")
	inner, closed := strings.CutSuffix(inner, "}")
	if !opened || !closed {
		return nil, workloads.Garbage{Text: array}
	}
	elements := make([]history.Value, 0, 1+strings.Count(inner, ","))
	for text := range strings.SplitSeq(inner, ",") {
		if text == "" && inner == "" {
			break
		}
		value, err := valueOf(text)
		if err != nil {
			return nil, workloads.Garbage{Text: array}
		}
		elements = append(elements, value)
	}
	return elements, nil
}
