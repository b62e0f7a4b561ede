package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// OpenAppender connects a client that keeps every element in a row of its own.
func (c Cluster) OpenAppender(ctx context.Context, session link.Session) (workloads.Appender, error) {
	t, err := c.open(ctx, session)
	if err != nil {
		return nil, err
	}
	return &appender{t}, nil
}

type appender struct{ *transactor }

// Append inserts one row, in a transaction of its own.
func (a *appender) Append(ctx context.Context, key string, element history.Value) error {
	err := a.within(ctx, func() error {
		return a.change(ctx, "INSERT INTO appends (list, element) VALUES ($1, $2)", key, element)
	})
	if err != nil {
		return fmt.Errorf("append to %s: %w", key, err)
	}
	return nil
}

// List reads the rows of a list in the order in which their numbers were drawn,
// which need not be that of their commits.
func (a *appender) List(ctx context.Context, key string) ([]history.Value, error) {
	var elements []history.Value
	var garbage error
	err := a.within(ctx, func() error {
		rows, err := a.connection.ask(ctx, "SELECT element FROM appends WHERE list = $1 ORDER BY id", text(key))
		for _, row := range rows {
			value, err := valueOf(row[0])
			if err != nil {
				garbage = err
				continue
			}
			elements = append(elements, value)
		}
		return err
	})
	if err != nil {
		return nil, workloads.NotDone(fmt.Errorf("list %s: %w", key, err)) // a read has no effect
	}
	return elements, garbage
}

// ListLocal is List: there is one node.
func (a *appender) ListLocal(ctx context.Context, key string) ([]history.Value, error) {
	return a.List(ctx, key)
}

// within runs statements in a transaction.
func (a *appender) within(ctx context.Context, statements func() error) error {
	if err := a.Begin(ctx); err != nil {
		return err
	}
	if err := statements(); err != nil {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		return workloads.NotDone(errors.Join(err, a.Rollback(ending)))
	}
	return a.Commit(ctx)
}
