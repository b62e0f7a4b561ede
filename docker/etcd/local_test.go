package etcd

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/build"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// localCluster runs a Cluster's members as processes on 127.0.0.1. It is what
// [cluster.Addresses] and [link.Dialer] are to the code under test.
type localCluster struct {
	t       testing.TB
	system  Cluster
	program string
	dir     string
	ports   map[string]int // by "n1:client"
	members map[string]*member
}

type member struct {
	command *exec.Cmd
	ended   chan struct{}
}

// startLocal starts a cluster and waits until every member is ready.
func startLocal(t testing.TB, system Cluster) *localCluster {
	t.Helper()
	building, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	r, err := recipeOf(system.SystemVersion())
	require.NoError(t, err)
	files, err := cluster.Recipe(recipes, r.folder)
	require.NoError(t, err)
	program, err := r.build(building, build.Builder{}, files)
	require.NoError(t, err)

	l := &localCluster{t: t, system: system, program: program, dir: t.TempDir(),
		ports: map[string]int{}, members: map[string]*member{}}
	for _, node := range system.NodeNames() {
		for _, port := range system.Ports() {
			l.ports[node+":"+port.Name] = reservePort(t)
		}
	}
	t.Cleanup(l.end)
	for _, node := range system.NodeNames() {
		l.start(node)
	}
	for _, node := range system.NodeNames() {
		l.waitReady(node)
	}
	return l
}

// reservePort finds a port and keeps it for the length of the test: a bound
// socket that does not listen refuses connections as a free port does, and with
// SO_REUSEPORT nobody gets the port but who asks for it by number.
func reservePort(t testing.TB) int {
	t.Helper()
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(socket) })
	require.NoError(t, unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	require.NoError(t, unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	name, err := unix.Getsockname(socket)
	require.NoError(t, err)
	return name.(*unix.SockaddrInet4).Port
}

func (l *localCluster) Listen(node, port string) string {
	return "127.0.0.1:" + strconv.Itoa(l.ports[node+":"+port])
}
func (l *localCluster) Dial(_, to, port string) string { return l.Listen(to, port) }
func (l *localCluster) DataDir(node string) string     { return filepath.Join(l.dir, node) }

func (l *localCluster) DialAs(ctx context.Context, _ link.End, address string) (net.Conn, error) {
	port, known := l.ports[address]
	if !known {
		return nil, fmt.Errorf("there is no %q", address)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(port))
}

func (l *localCluster) session(node string) link.Session {
	return link.Session{Group: link.Clients, Node: node, Timeout: time.Second, Dialer: l}
}

func (l *localCluster) open(node string) workloads.Register {
	l.t.Helper()
	register, err := l.system.OpenRegister(context.Background(), l.session(node))
	require.NoError(l.t, err)
	l.t.Cleanup(func() { _ = register.Close() })
	return register
}

func (l *localCluster) openAppender(node string) workloads.Appender {
	l.t.Helper()
	appender, err := l.system.OpenAppender(context.Background(), l.session(node))
	require.NoError(l.t, err)
	l.t.Cleanup(func() { _ = appender.Close() })
	return appender
}

func (l *localCluster) start(node string) {
	l.t.Helper()
	how, err := l.system.PodCommand(node, l)
	require.NoError(l.t, err)
	log, err := os.OpenFile(l.log(node), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(l.t, err)
	defer func() { _ = log.Close() }() // the process has its own
	args := append(how.Args[1:], "--socket-reuse-port")
	if len(l.system.NodeNames()) == 1 {
		// Nobody else's heartbeat can be late.
		args = append(args, "--heartbeat-interval", "10", "--election-timeout", "100")
	}
	m := &member{command: exec.Command(l.program, args...), ended: make(chan struct{})}
	m.command.Stdout, m.command.Stderr = log, log
	// A killed test binary leaves no etcd behind.
	m.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(l.t, m.command.Start())
	l.members[node] = m
	go func() {
		_ = m.command.Wait() // killed: how it ended is no news
		close(m.ended)
	}()
}

func (l *localCluster) log(node string) string { return filepath.Join(l.dir, node+".log") }

func (l *localCluster) signal(node string, signal syscall.Signal) {
	l.t.Helper()
	require.NoError(l.t, l.members[node].command.Process.Signal(signal))
}

// pause stops a member and waits until each of its threads stands still: the
// signal is under way for a moment, in which a request could be answered.
func (l *localCluster) pause(node string) {
	l.t.Helper()
	l.signal(node, syscall.SIGSTOP)
	tasks := fmt.Sprintf("/proc/%d/task/*/stat", l.members[node].command.Process.Pid)
	l.eventually(node+" stands still", func(context.Context) error {
		files, err := filepath.Glob(tasks)
		if err != nil || len(files) == 0 {
			return fmt.Errorf("no %s: %w", tasks, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if !strings.Contains(string(text), ") T ") {
				return fmt.Errorf("it runs: %s", text)
			}
		}
		return nil
	})
}

func (l *localCluster) kill(node string) {
	l.t.Helper()
	l.signal(node, syscall.SIGKILL)
	<-l.members[node].ended
}

// end kills what still runs, and shows the logs of a failed test.
func (l *localCluster) end() {
	for node, m := range l.members {
		_ = m.command.Process.Kill() // an error says that it has ended
		<-m.ended
		if text, err := os.ReadFile(l.log(node)); err == nil && l.t.Failed() {
			l.t.Logf("the end of the log of %s:\n%s", node, text[max(0, len(text)-3000):])
		}
	}
}

func (l *localCluster) waitReady(node string) {
	l.t.Helper()
	l.eventually("etcd at "+node+" is ready", func(ctx context.Context) error {
		return l.system.Ready(ctx, l.session(node))
	})
}

// eventually asks again until there is no error.
func (l *localCluster) eventually(what string, ask func(context.Context) error) {
	l.t.Helper()
	waitFor(l.t, context.Background(), what, ask)
}

func within(t testing.TB, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}
