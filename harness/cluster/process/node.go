package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/cluster"
)

// signalTimeout bounds the wait for what a signal does: the kernel needs
// microseconds, a machine that swaps or a process in disk sleep more.
const signalTimeout = 10 * time.Second

// node is a node's program across its lives.
type node struct {
	name string
	dir  string
	path string
	args []string
	env  []string
	log  *cappedLog
	tell func(format string, args ...any)

	mu     sync.Mutex
	life   *life // the latest; nil before the first
	closed bool
}

// life is one run of the program.
type life struct {
	cmd *exec.Cmd
	pid int // and the process group
	// began is when it began, in clock ticks since boot.
	began uint64

	mu     sync.Mutex
	ended  bool // the first process has ended and may be reaped: no more signals
	wanted bool // its end was asked for

	gone chan struct{} // closed when it is reaped and its group is empty
}

// start begins a life unless one is going on.
func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return fmt.Errorf("start node %s: the cluster is closed", n.name)
	}
	if n.life != nil {
		select {
		case <-n.life.gone:
		default:
			if n.life.state() != cluster.Stopped {
				return nil
			}
			<-n.life.gone // bounded: see reap
		}
	}
	cmd := exec.Command(n.path, n.args...)
	cmd.Dir, cmd.Env = n.dir, n.env
	cmd.Stdout, cmd.Stderr = n.log, n.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A process that left the group may keep the output open: its words are lost.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start node %s: %w", n.name, err)
	}
	l := &life{cmd: cmd, pid: cmd.Process.Pid, gone: make(chan struct{})}
	// It can't have been reaped yet, so the number is still its own.
	s, err := statusOf(l.pid)
	l.began = s.start
	n.life = l
	go n.reap(l)
	if err = errors.Join(err, n.note(s)); err != nil {
		l.signal(syscall.SIGKILL, true)
		<-l.gone
		return err
	}
	return nil
}

// note writes down which process this is, for a garbage collector that can't
// read it from the process: programs overwrite their environment.
func (n *node) note(s status) error {
	text := strconv.Itoa(s.pid) + " " + strconv.FormatUint(s.start, 10) + "\n"
	if err := os.WriteFile(filepath.Join(n.dir, pidFile), []byte(text), 0o600); err != nil {
		return fmt.Errorf("start node %s: %w", n.name, err)
	}
	return nil
}

const pidFile = "pid"

// reap waits for the end of a life. It learns of it before the process is reaped,
// so that no signal is ever sent to a number that belongs to somebody else, and
// kills what is left of the group.
func (n *node) reap(l *life) {
	defer close(l.gone)
	for unix.Waitid(unix.P_PID, l.pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	l.mu.Lock()
	l.ended = true
	wanted := l.wanted
	rest, err := members(l.pid)
	if err == nil && len(rest) > 0 {
		_ = syscall.Kill(-l.pid, syscall.SIGKILL)
	}
	l.mu.Unlock()

	ending := l.cmd.Wait()
	err = errors.Join(err, await(context.Background(), signalTimeout, "the rest of node "+n.name+" is killed", func() (bool, error) {
		return allEnded(rest), nil
	}))
	if err != nil {
		n.tell("%s: %v", n.name, err)
	}
	if !wanted {
		if ending == nil {
			ending = errors.New("exit status 0")
		}
		n.tell("%s: the program ended by itself: %v; its last words: %s", n.name, ending, n.log.tail())
	}
}

func allEnded(list []status) bool {
	for _, was := range list {
		if now, err := statusOf(was.pid); err == nil && now.start == was.start && !now.ended() {
			return false
		}
	}
	return true
}

// signal sends a signal to the whole group or to its first process. It reports
// false where the life is over.
func (l *life) signal(sig syscall.Signal, group bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	if sig == syscall.SIGKILL || sig == syscall.SIGTERM {
		l.wanted = true
	}
	to := l.pid
	if group {
		to = -l.pid
	}
	return syscall.Kill(to, sig) == nil
}

// state is asked of the kernel: what the program does, not what it was told.
func (l *life) state() cluster.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := statusOf(l.pid)
	switch {
	case l.ended || err != nil || s.ended():
		return cluster.Stopped
	case s.stopped():
		return cluster.Paused
	}
	return cluster.Running
}

func (n *node) current() *life {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.life
}

func (n *node) state() cluster.State {
	if l := n.current(); l != nil {
		return l.state()
	}
	return cluster.Stopped
}

// kill ends the group with SIGKILL, which works on a stopped one too.
func (n *node) kill(ctx context.Context) error {
	l := n.current()
	if l == nil {
		return nil
	}
	l.signal(syscall.SIGKILL, true)
	return n.awaitGone(ctx, l, "kill")
}

func (n *node) awaitGone(ctx context.Context, l *life, doing string) error {
	timer := time.NewTimer(2 * signalTimeout)
	defer timer.Stop()
	select {
	case <-l.gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s node %s: waited for process %d to be gone: %w", doing, n.name, l.pid, ctx.Err())
	case <-timer.C:
		return fmt.Errorf("%s node %s: process %d is not gone after %v", doing, n.name, l.pid, 2*signalTimeout)
	}
}

// stop asks the program to end. One that is paused is let go on, or it could not.
func (n *node) stop(ctx context.Context, grace time.Duration) error {
	l := n.current()
	if l == nil {
		return nil
	}
	l.signal(syscall.SIGTERM, false)
	l.signal(syscall.SIGCONT, true)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-l.gone:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	l.signal(syscall.SIGKILL, true)
	return n.awaitGone(ctx, l, "stop")
}

// pause stops the group and waits until each of it stands still.
func (n *node) pause(ctx context.Context) error {
	l := n.current()
	if l == nil || !l.signal(syscall.SIGSTOP, true) {
		return fmt.Errorf("pause node %s: its program does not run", n.name)
	}
	return await(ctx, signalTimeout, "node "+n.name+" is paused", func() (bool, error) {
		list, err := members(l.pid)
		if err == nil && len(list) == 0 {
			err = errors.New("its program has ended")
		}
		for _, s := range list {
			if !s.stopped() {
				return false, err
			}
		}
		return true, err
	})
}

// resume lets the group go on. A program that has ended is not paused any more.
func (n *node) resume(ctx context.Context) error {
	l := n.current()
	if l == nil || !l.signal(syscall.SIGCONT, true) {
		return nil
	}
	return await(ctx, signalTimeout, "node "+n.name+" is resumed", func() (bool, error) {
		list, err := members(l.pid)
		for _, s := range list {
			if s.stopped() {
				return false, err
			}
		}
		return true, err
	})
}

// close ends the program for good.
func (n *node) close(ctx context.Context) error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	err := n.kill(ctx)
	return errors.Join(err, n.log.close())
}
