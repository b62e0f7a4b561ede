package wire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seatrial/seatrial/harness/link"
)

// ResolveSpec is a name to look up.
type ResolveSpec struct {
	Name    string        `json:"name"`
	Timeout time.Duration `json:"timeout"`
}

// ApplyNames puts an effect on the questions for names that the agent's node
// asks, under an id of the caller's. [Agent.Undo], [Agent.Count], [Agent.Active]
// and [Agent.Heal] know it like any other. The configuration must have asked for
// Names. Where several effects fall on one question their delays add up, and of
// those that answer it the first that was applied does.
func (a *Agent) ApplyNames(ctx context.Context, id string, effect link.NameEffect) error {
	_, err := a.do(ctx, Request{Op: OpApplyNames, ID: id, Names: &effect})
	return err
}

// Resolve looks a name up as a program in the pod would: by the pod's hosts file
// and name servers, over sockets that every fault falls on. A name that was not
// found is no error.
func (a *Agent) Resolve(ctx context.Context, name string, timeout time.Duration) (link.Resolution, error) {
	resp, err := a.do(ctx, Request{Op: OpResolve, Resolve: &ResolveSpec{Name: name, Timeout: timeout}})
	if err != nil {
		return link.Resolution{}, err
	}
	if resp.Resolution == nil {
		return link.Resolution{}, fmt.Errorf("agent at %s: %s: the answer has no resolution", a.Address, OpResolve)
	}
	return *resp.Resolution, nil
}

func (r Request) validateApplyNames() error {
	if err := validateID(r.Op, r.ID); err != nil {
		return err
	}
	if r.Names == nil {
		return errors.New("apply-names: no effect")
	}
	if err := r.Names.Validate(); err != nil {
		return fmt.Errorf("apply-names: %w", err)
	}
	return nil
}

func (r Request) validateResolve() error {
	s := r.Resolve
	if s == nil || s.Name == "" {
		return errors.New("resolve: no name")
	}
	if s.Timeout <= 0 || s.Timeout > ProbeTimeoutMax {
		return fmt.Errorf("resolve: a timeout is more than 0 and at most %v, not %v", ProbeTimeoutMax, s.Timeout)
	}
	return nil
}
