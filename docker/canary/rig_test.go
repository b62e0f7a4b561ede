package canary

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// binary is canaryd, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "canary-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, program)
		build := exec.Command("go", "build", "-o", binary, programPkg)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", programPkg, err, out)
			return 1
		}
		return m.Run()
	}())
}

// patience bounds every wait of these tests. It is generous: the machine is busy.
const patience = 20 * time.Second

// rig runs three nodes as processes, with a relay for each pair of them. It is
// the nodes' [cluster.Addresses] and the clients' [link.Dialer]. Nodes pick free
// ports themselves and print them, so two rigs never meet.
type rig struct {
	tb      testing.TB
	cluster Cluster
	dir     string
	relays  map[link.Flow]*relay

	mu      sync.Mutex
	running map[string]*exec.Cmd
	clients map[string]string // node → host:port of its client port
}

func startRig(tb testing.TB, defect string) *rig {
	tb.Helper()
	r := &rig{
		tb: tb, cluster: Cluster{Defect: defect}, dir: tb.TempDir(),
		relays: map[link.Flow]*relay{}, running: map[string]*exec.Cmd{}, clients: map[string]string{},
	}
	for _, from := range r.cluster.NodeNames() {
		for _, to := range r.cluster.NodeNames() {
			r.relays[link.Flow{From: link.End(from), To: link.End(to)}] = startRelay(tb)
		}
	}
	for _, node := range r.cluster.NodeNames() {
		r.start(node)
	}
	tb.Cleanup(func() {
		for _, node := range r.cluster.NodeNames() {
			r.kill(node)
		}
	})
	r.waitReady(r.cluster.NodeNames()...)
	return r
}

func (r *rig) Listen(string, string) string { return "127.0.0.1:0" }

func (r *rig) Dial(from, to, _ string) string {
	return r.relays[link.Flow{From: link.End(from), To: link.End(to)}].listener.Addr().String()
}

func (r *rig) DataDir(node string) string { return filepath.Join(r.dir, node) }

func (r *rig) DialAs(ctx context.Context, _ link.End, address string) (net.Conn, error) {
	node, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	target := r.clients[node]
	r.mu.Unlock()
	return (&net.Dialer{}).DialContext(ctx, "tcp", target)
}

func (r *rig) session(node string) link.Session {
	return link.Session{Group: link.Clients, Node: node, Timeout: time.Second, Dialer: r}
}

func (r *rig) open(node string) workloads.Register {
	client, err := r.cluster.OpenRegister(r.tb.Context(), r.session(node))
	require.NoError(r.tb, err)
	r.tb.Cleanup(func() { client.Close() })
	return client
}

func (r *rig) openLists(node string) workloads.Appender {
	client, err := r.cluster.OpenAppender(r.tb.Context(), r.session(node))
	require.NoError(r.tb, err)
	r.tb.Cleanup(func() { client.Close() })
	return client
}

var servesLine = regexp.MustCompile(`serves clients on (\S+) and peers on (\S+)`)

// start starts a node and waits until it printed its ports.
func (r *rig) start(node string) {
	r.tb.Helper()
	command, err := r.cluster.ProcessCommand(node, r)
	require.NoError(r.tb, err)
	process := exec.Command(binary, command.Args[1:]...)
	process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	output, err := process.StderrPipe()
	require.NoError(r.tb, err)
	require.NoError(r.tb, process.Start())
	log, err := os.OpenFile(filepath.Join(r.dir, node+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(r.tb, err)
	ports := make(chan []string, 1)
	go func() {
		defer log.Close()
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			fmt.Fprintln(log, lines.Text())
			if m := servesLine.FindStringSubmatch(lines.Text()); m != nil {
				ports <- m[1:]
			}
		}
	}()
	r.mu.Lock()
	r.running[node] = process
	r.mu.Unlock()
	select {
	case p := <-ports:
		r.mu.Lock()
		r.clients[node] = p[0]
		r.mu.Unlock()
		for flow, relay := range r.relays {
			if flow.To == link.End(node) {
				relay.aim(p[1])
			}
		}
	case <-time.After(patience):
		require.FailNow(r.tb, "a node did not start", "%s: %s", node, r.log(node))
	}
}

func (r *rig) log(node string) string {
	text, _ := os.ReadFile(filepath.Join(r.dir, node+".log"))
	return string(text)
}

func (r *rig) signal(node string, signal os.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	require.NoError(r.tb, r.running[node].Process.Signal(signal))
}

// stop sends SIGSTOP and waits until every thread of the node has stopped: one
// that runs on another processor may answer a request after the signal was sent.
func (r *rig) stop(node string) {
	r.tb.Helper()
	r.signal(node, syscall.SIGSTOP)
	r.mu.Lock()
	tasks := fmt.Sprintf("/proc/%d/task/*/stat", r.running[node].Process.Pid)
	r.mu.Unlock()
	r.eventually(node+" has stopped", func(context.Context) error {
		threads, err := filepath.Glob(tasks)
		if err != nil || len(threads) == 0 {
			return fmt.Errorf("no threads at %s (%v)", tasks, err)
		}
		for _, thread := range threads {
			text, err := os.ReadFile(thread)
			if err != nil {
				return err
			}
			// The state follows the command's name, which is in parentheses; see proc(5).
			if state := text[bytes.LastIndexByte(text, ')')+2]; state != 'T' {
				return fmt.Errorf("%s is in state %c", thread, state)
			}
		}
		return nil
	})
}

// kill ends a node with SIGKILL and waits until it is gone.
func (r *rig) kill(node string) {
	r.mu.Lock()
	process := r.running[node]
	delete(r.running, node)
	r.mu.Unlock()
	if process != nil {
		_ = process.Process.Kill()
		_ = process.Wait() // "signal: killed"
	}
}

// eventually tries until it works, or fails the test with the last error.
func (r *rig) eventually(what string, try func(ctx context.Context) error) {
	r.tb.Helper()
	ctx, cancel := context.WithTimeout(r.tb.Context(), patience)
	defer cancel()
	for {
		attempt, done := context.WithTimeout(ctx, time.Second)
		err := try(attempt)
		done()
		if err == nil {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			require.NoError(r.tb, err, "waited %v until %s", patience, what)
		}
	}
}

func (r *rig) waitReady(nodes ...string) {
	r.tb.Helper()
	for _, node := range nodes {
		r.eventually(node+" serves", func(ctx context.Context) error { return r.cluster.Ready(ctx, r.session(node)) })
	}
}

// leader waits until the nodes agree on a leader among them, and returns it first,
// then the others.
func (r *rig) leader(among ...string) (leader string, others []string) {
	r.tb.Helper()
	r.eventually("there is one leader", func(ctx context.Context) error {
		leader, others = "", nil
		for _, node := range among {
			says, _, err := r.cluster.Leader(ctx, r.session(node))
			if err != nil {
				return err
			}
			if says == "" || leader != "" && says != leader {
				return fmt.Errorf("%s says that %q leads, another said %q", node, says, leader)
			}
			leader = says
		}
		for _, node := range among {
			if node != leader {
				others = append(others, node)
			}
		}
		if len(others) == len(among) {
			return fmt.Errorf("the leader %s is not among %v", leader, among)
		}
		return nil
	})
	return leader, others
}

// cut ends all traffic between a node and the others, both ways.
func (r *rig) cut(node string, cut bool) {
	for flow, relay := range r.relays {
		if flow.From == link.End(node) || flow.To == link.End(node) {
			relay.cut(cut)
		}
	}
}
