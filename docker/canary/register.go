package canary

import (
	"context"
	"errors"
	"fmt"

	"github.com/seatrial/seatrial/docker/canary/store"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/workloads"
)

// register is a client of the store's registers.
type register struct{ client }

// Read implements [workloads.Register].
func (r *register) Read(ctx context.Context, key string) (history.Value, error) {
	response, err := r.do(ctx, store.Request{Op: store.OpRead, Key: key})
	if err != nil {
		return history.None, fmt.Errorf("read %s: %w", key, err)
	}
	value, err := fromWire(response.Value)
	if err != nil {
		return history.None, fmt.Errorf("read %s: %w", key, err)
	}
	return value, nil
}

// Write implements [workloads.Register].
func (r *register) Write(ctx context.Context, key string, value history.Value) error {
	wire, err := toWire(value)
	if err != nil {
		return workloads.NotDone(fmt.Errorf("write %s: %w", key, err))
	}
	if _, err := r.do(ctx, store.Request{Op: store.OpWrite, Key: key, Value: wire}); err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

// CompareAndSet implements [workloads.Register].
func (r *register) CompareAndSet(
	ctx context.Context, key string, expect, value history.Value,
) (swapped bool, saw history.Value, err error) {
	wireExpect, err1 := toWire(expect)
	wireValue, err2 := toWire(value)
	if err := errors.Join(err1, err2); err != nil {
		return false, history.None, workloads.NotDone(fmt.Errorf("compare-and-set %s: %w", key, err))
	}
	response, err := r.do(ctx, store.Request{Op: store.OpCAS, Key: key, Expect: wireExpect, Value: wireValue})
	if err != nil {
		return false, history.None, fmt.Errorf("compare-and-set %s: %w", key, err)
	}
	if response.Swapped {
		return true, expect, nil
	}
	saw, err = fromWire(response.Value)
	if err != nil {
		return false, history.None, fmt.Errorf("compare-and-set %s: %w", key, err)
	}
	return false, saw, nil
}
