package wire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seatrial/seatrial/harness/link"
)

// ErrProbeLate says that a probe did not come within its timeout: the flow is cut.
var ErrProbeLate = errors.New("the probe did not arrive")

// ProbeSend sends a probe to a peer and returns when it was sent, in nanoseconds
// on the host's monotonic clock. That it was sent does not say that it came.
func (a *Agent) ProbeSend(ctx context.Context, spec ProbeSpec) (sentAt int64, err error) {
	resp, err := a.do(ctx, Request{Op: OpProbeSend, Probe: &spec})
	return resp.At, err
}

// ProbeReceived waits for the probe with the nonce and returns when it came, in
// nanoseconds on the host's monotonic clock. It may be asked before or after the
// sending. The error is [ErrProbeLate] where it did not come within the timeout.
func (a *Agent) ProbeReceived(ctx context.Context, nonce uint64, timeout time.Duration) (receivedAt int64, err error) {
	resp, err := a.do(ctx, Request{Op: OpProbeReceived, Probe: &ProbeSpec{Nonce: nonce, Timeout: timeout}})
	return resp.At, err
}

// Probe sends a probe along the flow from the agent `from` to the agent `to`,
// which is the node named `name`, and returns how long it travelled one way. The
// nonce must not have been used with `to` before. The error wraps [ErrProbeLate]
// where the flow is cut. Pods on one host share its clock; elsewhere only the
// error means something.
func Probe(ctx context.Context, from, to *Agent, name link.End, nonce uint64, transport link.Transport, timeout time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type sent struct {
		at  int64
		err error
	}
	sending := make(chan sent, 1)
	go func() {
		at, err := from.ProbeSend(ctx, ProbeSpec{To: name, Nonce: nonce, Transport: transport, Timeout: timeout})
		sending <- sent{at, err}
	}()
	received, err := to.ProbeReceived(ctx, nonce, timeout)
	if err != nil {
		cancel()
		s := <-sending // a refused probe says why it did not come
		if s.err != nil && !errors.Is(s.err, context.Canceled) {
			err = fmt.Errorf("%w (%w)", err, s.err)
		}
		return 0, fmt.Errorf("probe to %s by %s: %w", name, transport, err)
	}
	s := <-sending
	if s.err != nil {
		return 0, fmt.Errorf("probe to %s by %s: %w", name, transport, s.err)
	}
	return time.Duration(received - s.at), nil
}
