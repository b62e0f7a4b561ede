package process_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/process"
	"github.com/seatrial/seatrial/harness/link"
)

const within = 10 * time.Second

// envRole makes the test binary a node, a sleeping process, or a runner that is to be killed.
const envRole = "SEATRIAL_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(envRole) {
	case "":
		os.Exit(m.Run())
	case "node":
		fmt.Println("node ends:", beNode(os.Args[1], os.Args[2], os.Args[3], os.Args[4:]))
	case "sleeper":
		fmt.Println("asleep")
		select {}
	case "runner":
		beRunner()
	}
	os.Exit(1)
}

// parrots is a system of three nodes that answer lines of text. Stubborn ones
// ignore SIGTERM.
type parrots struct {
	Stubborn bool
	Arg      string
	Bad      bool
}

func (parrots) SystemName() string    { return "parrots" }
func (parrots) SystemVersion() string { return "1" }
func (parrots) Validate() error       { return nil }
func (parrots) NodeNames() []string   { return []string{"n1", "n2", "n3"} }
func (parrots) Ports() []cluster.Port {
	return []cluster.Port{{Name: "client", Number: 4000}, {Name: "peer", Number: 4001, Peer: true}}
}

func (parrots) Ready(ctx context.Context, s link.Session) error {
	conn, err := s.Dial(ctx, s.Node+":client")
	if err != nil {
		return err
	}
	return conn.Close()
}

func (parrots) Program(context.Context, cluster.ProgramBuilder) (string, error) {
	return os.Executable()
}

func (p parrots) ProcessCommand(node string, at cluster.Addresses) (cluster.Command, error) {
	if p.Bad {
		_ = at.Listen(node, "gossip")
	}
	args := []string{"", at.DataDir(node), at.Listen(node, "client"), at.Listen(node, "peer")}
	for _, peer := range p.NodeNames() {
		args = append(args, peer+"="+at.Dial(node, peer, "peer"))
	}
	return cluster.Command{Args: args, Env: []string{envRole + "=node", fmt.Sprintf("STUBBORN=%v", p.Stubborn), "NAME=" + node}}, nil
}

// beNode serves clients and peers until it is told to end.
func beNode(data, clients, peers string, others []string) error {
	fmt.Println("node begins:", os.Getenv("NAME"))
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	// A group whose parent dies while it is stopped gets SIGHUP and SIGCONT.
	signal.Ignore(syscall.SIGHUP)
	go func() {
		for range term {
			fmt.Println("told to end")
			if os.Getenv("STUBBORN") != "true" {
				os.Exit(0)
			}
		}
	}()
	n := &parrot{data: data, links: map[string]*client{}, peers: map[string]string{}}
	for _, other := range others {
		name, address, _ := strings.Cut(other, "=")
		n.peers[name] = address
	}
	failed := make(chan error)
	for _, address := range []string{clients, peers} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		go func() { failed <- n.serve(listener) }()
	}
	return <-failed
}

type parrot struct {
	data  string
	peers map[string]string
	mu    sync.Mutex
	links map[string]*client
}

func (n *parrot) serve(listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				fmt.Fprintln(conn, n.answer(lines.Text()))
			}
		}()
	}
}

func (n *parrot) answer(line string) string {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "ask": // ask n2 text: over a connection that is kept
		peer, text, _ := strings.Cut(rest, " ")
		reply, err := n.link(peer).ask(text)
		if err != nil {
			return "error: " + err.Error()
		}
		return reply
	case "keep":
		if err := os.WriteFile(filepath.Join(n.data, "kept"), []byte(rest), 0o600); err != nil {
			return "error: " + err.Error()
		}
		return "kept"
	case "child": // in the group, or out of it
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), envRole+"=sleeper")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: rest == "escaped"}
		if err := cmd.Start(); err != nil {
			return "error: " + err.Error()
		}
		return strconv.Itoa(cmd.Process.Pid)
	case "die":
		fmt.Println("panic: " + rest)
		os.Exit(3)
	}
	return os.Getenv("NAME") + ": " + line
}

func (n *parrot) link(peer string) *client {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.links[peer]
	if c == nil || c.broken {
		conn, err := net.Dial("tcp", n.peers[peer])
		c = &client{Conn: conn, err: err}
		n.links[peer] = c
	}
	return c
}

// client asks a node line by line.
type client struct {
	net.Conn
	err    error
	reader *bufio.Reader
	broken bool
}

func (c *client) ask(line string) (string, error) {
	if c.err != nil {
		c.broken = true
		return "", c.err
	}
	if c.reader == nil {
		c.reader = bufio.NewReader(c.Conn)
	}
	_, err := fmt.Fprintln(c.Conn, line)
	var reply string
	if err == nil {
		reply, err = c.reader.ReadString('\n')
	}
	if err != nil {
		c.broken = true
	}
	return strings.TrimSpace(reply), err
}

// beRunner starts a cluster and waits for its own death.
func beRunner() {
	err := func() error {
		owner, err := cluster.NewOwner()
		if err != nil {
			return err
		}
		c, err := process.Runtime{}.Start(context.Background(), parrots{}, cluster.Options{Owner: owner})
		if err != nil {
			return err
		}
		if err := cluster.WaitReady(context.Background(), c, within); err != nil {
			return err
		}
		fmt.Println("run", owner.Run)
		select {}
	}()
	fmt.Println("error", err)
}

// rig is a cluster under test.
type rig struct {
	cluster.Cluster
	t     *testing.T
	owner *cluster.Owner
	mu    sync.Mutex
	told  []string
}

func (r *rig) tell(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, line)
}

func (r *rig) lines() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.told, "\n")
}

func newOwner(t *testing.T) *cluster.Owner {
	t.Helper()
	t.Setenv("SEATRIAL_SCRATCH", t.TempDir())
	owner, err := cluster.NewOwner()
	require.NoError(t, err)
	return owner
}

func start(t *testing.T, system parrots) *rig {
	t.Helper()
	r := &rig{t: t, owner: newOwner(t)}
	c, err := process.Runtime{}.Start(t.Context(), system, cluster.Options{Owner: r.owner, Log: r.tell})
	require.NoError(t, err)
	r.Cluster = c
	t.Cleanup(func() {
		require.NoError(t, c.Close(context.Background()))
		require.Empty(t, alive(t, r.owner.Run), "processes are left")
	})
	require.NoError(t, cluster.WaitReady(t.Context(), c, within))
	return r
}

// dial connects as a client group.
func (r *rig) dial(group link.End, address string) *client {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), within)
	defer cancel()
	conn, err := r.Dialer().DialAs(ctx, group, address)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { conn.Close() })
	require.NoError(r.t, conn.SetDeadline(time.Now().Add(within)))
	return &client{Conn: conn}
}

// must asks, and wants an answer.
func (r *rig) must(c *client, line string) string {
	r.t.Helper()
	reply, err := c.ask(line)
	require.NoError(r.t, err)
	return reply
}

func (r *rig) stateIs(node string, want cluster.State) {
	r.t.Helper()
	got, err := r.State(r.t.Context(), node)
	require.NoError(r.t, err)
	require.Equal(r.t, want, got)
}

// alive lists the live processes that carry a run's name.
func alive(t *testing.T, run string) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		environ, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if err == nil && strings.Contains(string(environ), cluster.EnvRun+"="+run+"\x00") && running(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// running reports whether a process is there and no zombie.
func running(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			return false
		}
		panic(err)
	}
	_, after, _ := strings.Cut(string(text), ") ")
	return after[0] != 'Z' && after[0] != 'X'
}
