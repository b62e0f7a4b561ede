package process

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"github.com/seatrial/seatrial/harness/cluster"
)

// lifeNow is asked of the kernel. Nobody limits the memory of a process here.
func (n *node) lifeNow() cluster.Life {
	l := n.current()
	if l == nil {
		return cluster.Life{State: cluster.Stopped}
	}
	// The kernel's count of ticks tells apart those that had the same number.
	now := cluster.Life{State: l.state(), ID: strconv.Itoa(l.pid) + " " + strconv.FormatUint(l.began, 10)}
	now.Suspended = now.State == cluster.Paused
	return now
}

// suspend stops the first process, and no other of its group.
func (n *node) suspend(ctx context.Context) error {
	l := n.current()
	if l == nil || !l.signal(syscall.SIGSTOP, false) {
		return fmt.Errorf("suspend node %s: its program does not run", n.name)
	}
	return await(ctx, signalTimeout, "node "+n.name+" is suspended", func() (bool, error) {
		switch l.state() {
		case cluster.Paused:
			return true, nil
		case cluster.Stopped:
			return false, errors.New("its program has ended")
		}
		return false, nil
	})
}

// carryOn lets the first process go on. One that has ended is not suspended any more.
func (n *node) carryOn(ctx context.Context) error {
	l := n.current()
	if l == nil || !l.signal(syscall.SIGCONT, false) {
		return nil
	}
	return await(ctx, signalTimeout, "node "+n.name+" goes on", func() (bool, error) {
		return l.state() != cluster.Paused, nil
	})
}
