package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/disk"
	"github.com/seatrial/seatrial/harness/disk/layer"
)

// deathWithin bounds the wait for processes that were killed.
const deathWithin = 20 * time.Second

// node is the disk together with the container's processes.
type node struct {
	*layer.Layer
	settings settings

	exited  chan int // the command's code
	command int      // its process

	mu     sync.Mutex
	ending bool // whoever sets it ends the container
	once   sync.Once
	ended  chan struct{}
}

// start runs the command, passes signals on to it and reaps what ends.
func (n *node) start(who user) (code int, err error) {
	n.exited = make(chan int, 1)
	program, err := lookPath(n.settings.args[0], n.settings.env)
	if err != nil {
		return exitNotFound, fmt.Errorf("start: %w", err)
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	pid, err := syscall.ForkExec(program, n.settings.args, &syscall.ProcAttr{
		Env: who.environment(n.settings.env), Files: []uintptr{0, 1, 2},
		Sys: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: who.uid, Gid: who.gid, Groups: who.groups}},
	})
	if err != nil {
		return exitNoRun, fmt.Errorf("start %s: %w", program, err)
	}
	go func() {
		for s := range signals {
			if s != syscall.SIGCHLD && s != syscall.SIGURG && s != syscall.SIGPIPE { // these are about this process
				_ = syscall.Kill(pid, s.(syscall.Signal)) // it may have ended
			}
		}
	}()
	n.command = pid
	go n.reap(pid)
	return 0, nil
}

// lookPath finds a program as the command's own PATH says.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, pair := range env {
		if path, ok := strings.CutPrefix(pair, "PATH="); ok {
			if err := os.Setenv("PATH", path); err != nil {
				return "", err
			}
		}
	}
	return exec.LookPath(name)
}

// reap collects every process that ends, orphans too, and says how the command did.
func (n *node) reap(command int) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return // there is none any more, and none will come: the command was the last
		case pid == command && status.Signaled():
			n.exited <- 128 + int(status.Signal())
		case pid == command:
			n.exited <- status.ExitStatus()
		}
	}
}

// leave ends the container after its command has ended.
func (n *node) leave() error {
	if !n.takeEnd() {
		select { // PowerLoss or Kill ended it, and answers first
		case <-n.ended:
		case <-time.After(deathWithin):
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), deathWithin)
	defer cancel()
	return errors.Join(killAll(ctx), n.Remember())
}

// takeEnd reports whether the caller is the one who ends the container.
func (n *node) takeEnd() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ending {
		return false
	}
	n.ending = true
	return true
}

var errEnding = errors.New("the container is already ending")

// PowerLoss implements [disk.Node].
func (n *node) PowerLoss(ctx context.Context, power disk.Power) (disk.Loss, error) {
	if !n.takeEnd() {
		return disk.Loss{}, errEnding
	}
	release := n.Hold()
	err := signalAll()
	n.Heal() // lets go what rules hold
	release()
	if err == nil {
		err = allDead(ctx)
	}
	if err != nil {
		return disk.Loss{}, err
	}
	return n.Layer.PowerLoss(power)
}

// Kill implements [disk.Node].
func (n *node) Kill(ctx context.Context) error {
	if !n.takeEnd() {
		return errEnding
	}
	n.Heal()
	if err := killAll(ctx); err != nil {
		return err
	}
	return n.Remember()
}

// Suspend implements [disk.Node].
func (n *node) Suspend() error { return unix.Kill(n.command, unix.SIGSTOP) }

// End implements [disk.Node].
func (n *node) End() { n.once.Do(func() { close(n.ended) }) }

func killAll(ctx context.Context) error {
	if err := signalAll(); err != nil {
		return err
	}
	return allDead(ctx)
}

// signalAll kills every process of the container but this one, at once.
func signalAll() error {
	if os.Getpid() != 1 {
		return errors.New("kill all processes: this is not the first process of a container")
	}
	if err := unix.Kill(-1, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill all processes: %w", err)
	}
	return nil
}

// allDead waits until no process but this one runs. A dead one whose parent is
// outside of the container, as those of `docker exec`, may stay as a zombie.
func allDead(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deathWithin)
	defer cancel()
	for {
		alive, err := living()
		if err != nil {
			return err
		}
		if len(alive) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until the processes %v are dead: %w", alive, ctx.Err())
		case <-time.After(time.Millisecond): // the pace of asking
		}
		if err := signalAll(); err != nil { // one may have been about to fork
			return err
		}
	}
}

// living lists the processes with a thread that still runs.
func living() (pids []int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == 1 {
			continue
		}
		threads, err := filepath.Glob(filepath.Join("/proc", e.Name(), "task", "*", "stat"))
		if err != nil {
			return nil, err
		}
		for _, thread := range threads {
			if text, err := os.ReadFile(thread); err == nil && !dead(string(text)) {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids, nil
}

// dead reads a thread's state from its stat, after the name in parentheses.
func dead(stat string) bool {
	rest := stat[strings.LastIndexByte(stat, ')')+1:]
	return strings.HasPrefix(rest, " Z") || strings.HasPrefix(rest, " X")
}
