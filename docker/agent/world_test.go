package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// A world is a few pods without containers: a network namespace each, joined by a
// bridge in one more, where the run is. This test binary is their agent.

const (
	envRole   = "SEATRIAL_TEST_ROLE"
	envHeal   = "SEATRIAL_TEST_HEAL"
	envExit   = "SEATRIAL_TEST_EXIT"
	testToken = "s3cret"
	peerPort  = 5000
	peerPort2 = 5001
	within    = 10 * time.Second
	// soon is how long something that must not happen is waited for.
	soon = 150 * time.Millisecond
)

func TestMain(m *testing.M) {
	if os.Getenv(envRole) != "agent" {
		os.Exit(m.Run())
	}
	if os.Getenv(envHeal) == "" {
		main()
		return
	}
	s, err := fromEnvironment(os.Getenv)
	if err == nil {
		s.healAfter, err = time.ParseDuration(os.Getenv(envHeal))
	}
	if err == nil {
		s.exitAfter, err = time.ParseDuration(os.Getenv(envExit))
	}
	s.log = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		err = run(ctx, s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitDead)
	}
}

type world struct {
	prefix string
	nodes  []*node
}

type node struct {
	name   link.End
	ns     string
	v4, v6 netip.Addr
	agent  *wire.Agent
	cmd    *exec.Cmd
	log    bytes.Buffer
	exited chan error
}

var worlds atomic.Int64

// newWorld makes pods n1, n2, …, with agents that are not configured yet.
func newWorld(t testing.TB, nodes int, env ...string) *world {
	t.Helper()
	needNamespaces(t)
	w := &world{prefix: fmt.Sprintf("seatrial-%d-%d", os.Getpid(), worlds.Add(1))}
	hub := w.hub()
	t.Cleanup(func() { w.remove(t) })
	sh(t, "ip", "netns", "add", hub)
	sh(t, "ip", "-n", hub, "link", "add", "br0", "type", "bridge")
	sh(t, "ip", "-n", hub, "addr", "add", "10.77.0.254/24", "dev", "br0")
	sh(t, "ip", "-n", hub, "link", "set", "br0", "up")
	for i := 1; i <= nodes; i++ {
		n := &node{
			name: link.End(fmt.Sprintf("n%d", i)), ns: fmt.Sprintf("%s-%d", w.prefix, i),
			v4: netip.MustParseAddr(fmt.Sprintf("10.77.0.%d", i)), v6: netip.MustParseAddr(fmt.Sprintf("fd00:5ea::%d", i)),
		}
		w.nodes = append(w.nodes, n)
		w.wire(t, n, i)
		n.agent = &wire.Agent{
			Address: netip.AddrPortFrom(n.v4, wire.ControlPort).String(), Token: testToken,
			DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
				inNamespace(hub, func() { conn, err = new(net.Dialer).DialContext(ctx, network, address) })
				return conn, err
			},
		}
		t.Cleanup(func() { n.agent.Close() })
	}
	for _, n := range w.nodes { // once all is there: one that nobody asks ends
		n.start(t, env...)
	}
	for _, n := range w.nodes {
		require.Eventually(t, func() bool { _, err := n.agent.Hello(t.Context()); return err == nil },
			within, 5*time.Millisecond, "agent of %s: %s", n.name, &n.log)
	}
	return w
}

func (w *world) hub() string { return w.prefix + "-hub" }

// wire plugs a node into the bridge.
func (w *world) wire(t testing.TB, n *node, i int) {
	port := fmt.Sprintf("p%d", i)
	sh(t, "ip", "netns", "add", n.ns)
	sh(t, "ip", "link", "add", port, "netns", w.hub(), "type", "veth", "peer", "name", "eth0", "netns", n.ns)
	sh(t, "ip", "-n", w.hub(), "link", "set", port, "master", "br0", "up")
	sh(t, "ip", "-n", n.ns, "link", "set", "lo", "up")
	sh(t, "ip", "-n", n.ns, "link", "set", "eth0", "up")
	sh(t, "ip", "-n", n.ns, "addr", "add", n.v4.String()+"/24", "dev", "eth0")
	sh(t, "ip", "-n", n.ns, "addr", "add", n.v6.String()+"/64", "dev", "eth0", "nodad")
}

func (n *node) start(t testing.TB, env ...string) {
	t.Helper()
	n.cmd = exec.Command("ip", "netns", "exec", n.ns, os.Args[0])
	n.cmd.Env = append(os.Environ(), envRole+"=agent", wire.EnvToken+"="+testToken,
		"GORACE=atexit_sleep_ms=0") // the race detector's reports are written before
	n.cmd.Env = append(n.cmd.Env, env...)
	n.cmd.Stderr = &n.log
	n.exited = make(chan error, 1)
	require.NoError(t, n.cmd.Start())
	go func() { n.exited <- n.cmd.Wait() }()
}

// stop ends the agent as Docker would, and returns what it exits with.
func (n *node) stop(t testing.TB) error {
	t.Helper()
	_ = n.cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended
	select {
	case err := <-n.exited:
		n.exited <- err
		return err
	case <-time.After(within):
		t.Errorf("the agent of %s does not end: %s", n.name, &n.log)
		_ = n.cmd.Process.Kill()
		return <-n.exited
	}
}

func (w *world) remove(t testing.TB) {
	for _, n := range w.nodes {
		_ = n.stop(t) // tests that care have asked
		if strings.Contains(n.log.String(), "DATA RACE") {
			t.Errorf("the agent of %s has a data race", n.name)
		}
		if t.Failed() {
			t.Logf("agent of %s: %s", n.name, &n.log)
		}
		_ = exec.Command("ip", "netns", "del", n.ns).Run() // not there if the test failed early
	}
	_ = exec.Command("ip", "netns", "del", w.hub()).Run()
}

// configure tells every agent where it is.
func (w *world) configure(t testing.TB, streams bool) {
	t.Helper()
	for _, n := range w.nodes {
		c := wire.Config{Node: n.name, Peers: map[link.End][]netip.Addr{}, PeerPorts: []uint16{peerPort, peerPort2}, Streams: streams}
		for _, p := range w.nodes {
			if p != n {
				c.Peers[p.name] = []netip.Addr{p.v4, p.v6}
			}
		}
		require.NoError(t, n.agent.Configure(t.Context(), c))
	}
}

// apply puts an effect in force everywhere, and undo takes it away.
func (w *world) apply(t testing.TB, id string, e link.Effect, flows ...link.Flow) (undo func()) {
	t.Helper()
	for _, n := range w.nodes {
		require.NoError(t, n.agent.Apply(t.Context(), id, e, flows))
	}
	return func() {
		t.Helper()
		for _, n := range w.nodes {
			require.NoError(t, n.agent.Undo(t.Context(), id))
			active, err := n.agent.Active(t.Context())
			require.NoError(t, err)
			require.NotContains(t, active, id)
		}
	}
}

func (w *world) count(t testing.TB, id string) (sum link.Count) {
	t.Helper()
	for _, n := range w.nodes {
		c, err := n.agent.Count(t.Context(), id)
		require.NoError(t, err)
		sum = sum.Add(c)
	}
	return sum
}

var nonces atomic.Uint64

// probe is how long a probe of the flow travelled.
func (w *world) probe(t testing.TB, f link.Flow, transport link.Transport, timeout time.Duration) (time.Duration, error) {
	t.Helper()
	return wire.Probe(t.Context(), w.node(f.From).agent, w.node(f.To).agent, f.To, nonces.Add(1), transport, timeout)
}

func (w *world) node(name link.End) *node {
	for _, n := range w.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// ruleset is all that nft knows in the node's namespace, without counters.
func (n *node) ruleset(t testing.TB) string {
	t.Helper()
	return sh(t, "ip", "netns", "exec", n.ns, "nft", "-s", "list", "ruleset")
}

// inNamespace runs a function with the sockets of a network namespace. The thread
// is given up afterwards: it never comes back to the others.
func inNamespace(name string, do func()) {
	done := make(chan any)
	go func() {
		runtime.LockOSThread()
		var failed any
		defer func() { done <- failed }()
		fd, err := os.Open("/run/netns/" + name)
		if err == nil {
			err = unix.Setns(int(fd.Fd()), unix.CLONE_NEWNET)
			fd.Close()
		}
		if err != nil {
			failed = fmt.Errorf("enter the namespace %s: %w", name, err)
			return
		}
		do()
	}()
	if failed := <-done; failed != nil {
		panic(failed)
	}
}

func needNamespaces(t testing.TB) {
	t.Helper()
	missing := ""
	if os.Getuid() != 0 {
		missing = "root"
	}
	for _, program := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = "the program " + program
		}
	}
	if missing == "" {
		return
	}
	if os.Getenv("SEATRIAL_REQUIRE_DOCKER") == "1" {
		t.Fatalf("network namespaces need %s", missing)
	}
	t.Skipf("network namespaces need %s: the agent's faults on links are not tested", missing)
}

func sh(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
	return string(out)
}
