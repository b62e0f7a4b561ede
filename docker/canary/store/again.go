package store

import (
	"context"
	"time"
)

// attemptLimit bounds one attempt of the defect [DoubleAppend]; it is shorter than
// any election.
const attemptLimit = 300 * time.Millisecond

// again is the defect [DoubleAppend]: a node that does not learn what became of an
// append does it again, and nothing in the second tells the leader that it is the
// first. Where an attempt was certainly in vain the outcome is still that of the
// attempts before it: unknown.
func again(ctx context.Context, once func(context.Context) Response) Response {
	const pause = 20 * time.Millisecond
	attempt := func() Response {
		bounded, cancel := context.WithTimeout(ctx, attemptLimit)
		defer cancel()
		return once(bounded)
	}
	outcome := attempt()
	for outcome.Status == Unknown {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return outcome
		}
		if next := attempt(); next.Status != NotDone {
			outcome = next
		}
	}
	return outcome
}
