package canary

import (
	"context"
	"errors"
	"fmt"

	"github.com/seatrial/seatrial/docker/canary/store"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/workloads"
)

// appender is a client of the store's lists.
type appender struct{ client }

// Append implements [workloads.Appender].
func (a *appender) Append(ctx context.Context, key string, element history.Value) error {
	wire, err := toWire(element)
	if err == nil && wire == nil {
		err = errors.New("nil is no element")
	}
	if err != nil {
		return workloads.NotDone(fmt.Errorf("append to %s: %w", key, err))
	}
	if _, err := a.do(ctx, store.Request{Op: store.OpAppend, Key: key, Value: wire}); err != nil {
		return fmt.Errorf("append to %s: %w", key, err)
	}
	return nil
}

// List implements [workloads.Appender].
func (a *appender) List(ctx context.Context, key string) ([]history.Value, error) {
	return a.read(ctx, store.OpList, key)
}

// ListLocal implements [workloads.Appender].
func (a *appender) ListLocal(ctx context.Context, key string) ([]history.Value, error) {
	return a.read(ctx, store.OpListLocal, key)
}

func (a *appender) read(ctx context.Context, op store.Op, key string) ([]history.Value, error) {
	response, err := a.do(ctx, store.Request{Op: op, Key: key})
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", op, key, err)
	}
	elements := make([]history.Value, 0, len(response.List))
	var garbage error
	for _, n := range response.List {
		element, err := fromWire(&n)
		if err != nil {
			garbage = fmt.Errorf("%s %s: %w", op, key, err)
			continue
		}
		elements = append(elements, element)
	}
	return elements, garbage
}
