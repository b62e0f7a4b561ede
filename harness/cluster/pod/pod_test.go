package pod

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
)

// echo is a system of echod servers.
type echo struct {
	nodes   int
	program string // where it is not empty, what is run instead of echod
}

func (e echo) SystemName() string    { return "echo" }
func (e echo) SystemVersion() string { return "1" }
func (e echo) Validate() error       { return nil }

func (e echo) NodeNames() []string {
	var names []string
	for i := range e.nodes {
		names = append(names, fmt.Sprintf("n%d", i+1))
	}
	return names
}

func (e echo) Ports() []cluster.Port {
	return []cluster.Port{{Name: "client", Number: 7001}, {Name: "peer", Number: 7002, Peer: true}}
}

func (e echo) Ready(ctx context.Context, session link.Session) error {
	conn, err := session.Dial(ctx, session.Node+":client")
	if err != nil {
		return err
	}
	return conn.Close()
}

func (e echo) Image(ctx context.Context, builder cluster.ImageBuilder) (string, error) {
	binary, err := builder.GoPackage(ctx, "github.com/seatrial/seatrial/harness/cluster/pod/internal/echod")
	if err != nil {
		return "", err
	}
	return builder.FromBinary(ctx, "echod", binary)
}

func (e echo) PodCommand(node string, at cluster.Addresses) (cluster.Command, error) {
	program := "/echod"
	if e.program != "" {
		program = e.program
	}
	return cluster.Command{Args: []string{program, at.DataDir(node), at.Listen(node, "client"), at.Listen(node, "peer")}}, nil
}

// needDocker skips a test without an engine, unless there must be one.
func needDocker(t testing.TB) *testcontainers.DockerClient {
	t.Helper()
	if err := (Runtime{}).Available(t.Context()); err != nil {
		if os.Getenv("SEATRIAL_REQUIRE_DOCKER") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	docker, err := connect(t.Context())
	require.NoError(t, err)
	return docker
}

// newOwner is a run whose scratch folder goes with the test.
func newOwner(t testing.TB) *cluster.Owner {
	t.Setenv("SEATRIAL_SCRATCH", t.TempDir())
	owner, err := cluster.NewOwner()
	require.NoError(t, err)
	return owner
}

// up starts a cluster and waits until each node serves.
func up(t testing.TB, system echo, streams bool) *running {
	t.Helper()
	return upWith(t, system, cluster.Options{Streams: streams})
}

// upWith is up with more options.
func upWith(t testing.TB, system echo, options cluster.Options) *running {
	t.Helper()
	needDocker(t)
	options.Owner, options.Log = newOwner(t), func(line string) { t.Log(line) }
	started, err := Runtime{}.Start(t.Context(), system, options)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, started.Close(ctx))
	})
	c := started.(*running)
	for _, node := range system.NodeNames() {
		serves(t, c, node)
	}
	return c
}

// serves waits until a node takes clients.
func serves(t testing.TB, c *running, node string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		conn, err := c.Dialer().DialAs(t.Context(), link.Clients, node+":client")
		if err == nil {
			conn.Close()
			return
		}
		require.True(t, time.Now().Before(deadline), "%s does not serve: %v", node, err)
		time.Sleep(10 * time.Millisecond) // the pace of asking
	}
}

// client is a connection to an echod.
type echoClient struct {
	net.Conn
	r *bufio.Reader
}

func open(t testing.TB, c *running, group link.End, address string) *echoClient {
	t.Helper()
	conn, err := c.Dialer().DialAs(t.Context(), group, address)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return &echoClient{conn, bufio.NewReader(conn)}
}

func (c *echoClient) do(t testing.TB, format string, args ...any) string {
	t.Helper()
	require.NoError(t, c.SetDeadline(time.Now().Add(30*time.Second)))
	_, err := fmt.Fprintf(c, format+"\n", args...)
	require.NoError(t, err)
	line, err := c.r.ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line)
}

// ask asks a node one thing over a connection of its own.
func ask(t testing.TB, c *running, node, format string, args ...any) string {
	t.Helper()
	client := open(t, c, link.Clients, node+":client")
	defer client.Close()
	return client.do(t, format, args...)
}

func stateOf(t testing.TB, c *running, node string) cluster.State {
	t.Helper()
	state, err := c.State(t.Context(), node)
	require.NoError(t, err)
	return state
}

// withRun lists what carries a run's label, containers and networks.
func withRun(t testing.TB, docker *testcontainers.DockerClient, run string) []string {
	t.Helper()
	filter := make(client.Filters).Add("label", cluster.LabelRun+"="+run)
	containers, err := docker.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: filter})
	require.NoError(t, err)
	networks, err := docker.NetworkList(t.Context(), client.NetworkListOptions{Filters: filter})
	require.NoError(t, err)
	var found []string
	for _, one := range containers.Items {
		found = append(found, "container "+strings.Join(one.Names, " "))
	}
	for _, one := range networks.Items {
		found = append(found, "network "+one.Name)
	}
	return found
}

func TestANodeKeepsItsAddressItsDataAndItsLogAcrossItsLives(t *testing.T) {
	c := up(t, echo{nodes: 2}, false)
	ctx := t.Context()
	address := c.byName["n1"].address
	n1, err := c.docker.ContainerInspect(ctx, c.byName["n1"].nodeID, client.ContainerInspectOptions{})
	require.NoError(t, err)
	require.Empty(t, n1.Container.HostConfig.CapAdd, "the system's container needs no capability")
	require.NotContains(t, fmt.Sprint(n1.Container.Config.Labels, n1.Container.Config.Env), c.options.Owner.Token)

	require.Equal(t, "put", ask(t, c, "n1", "put fact kept"))
	require.Equal(t, "said", ask(t, c, "n1", "say before"))
	first := ask(t, c, "n1", "life")

	require.NoError(t, c.Kill(ctx, "n1"))
	require.Equal(t, cluster.Stopped, stateOf(t, c, "n1"))
	require.Equal(t, cluster.Running, stateOf(t, c, "n2"))
	require.NoError(t, c.Kill(ctx, "n1"), "a dead node is dead")
	require.Equal(t, "refused", ask(t, c, "n2", "dial n1:7002 5000"), "a dead node's pod answers for its host")
	data := readTar(t, c, "n1")
	require.Equal(t, "kept", data["fact"], "the data of a node that does not run")

	require.NoError(t, c.StartNode(ctx, "n1"))
	require.NoError(t, c.StartNode(ctx, "n1"), "a running node is left alone")
	serves(t, c, "n1")
	require.NotEqual(t, first, ask(t, c, "n1", "life"))
	require.Equal(t, "kept", ask(t, c, "n1", "get fact"))
	require.Contains(t, ask(t, c, "n2", "dial %s:7002 5000", address), "ok", "the same address and port")
	require.Equal(t, "said", ask(t, c, "n1", "say after"))

	require.NoError(t, c.Stop(ctx, "n1", 200*time.Millisecond))
	require.Equal(t, cluster.Stopped, stateOf(t, c, "n1"))
	require.NoError(t, c.Stop(ctx, "n1", time.Second), "a stopped node is stopped")
	require.ErrorContains(t, c.Kill(ctx, "n7"), "n7")

	var log bytes.Buffer
	require.NoError(t, c.Logs(ctx, "n1", &log))
	require.Equal(t, 2, strings.Count(log.String(), "echod starts\n"), "both lives: %s", log.String())
	for _, line := range []string{"out before\n", "err before\n", "out after\n", "err after\n"} {
		require.Contains(t, log.String(), line)
	}
}

// readTar reads a node's data directory.
func readTar(t *testing.T, c *running, node string) map[string]string {
	t.Helper()
	var archive bytes.Buffer
	require.NoError(t, c.Data(t.Context(), node, &archive))
	files := map[string]string{}
	for r := tar.NewReader(&archive); ; {
		header, err := r.Next()
		if err == io.EOF {
			return files
		}
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		files[header.Name] = string(text)
	}
}

func TestAPausedNodeAnswersAfterItResumes(t *testing.T) {
	c := up(t, echo{nodes: 1}, false)
	ctx := t.Context()
	life := ask(t, c, "n1", "life")
	conn := open(t, c, link.Clients, "n1:client")
	require.Equal(t, "a", conn.do(t, "echo a"))

	require.NoError(t, c.Pause(ctx, "n1"))
	require.NoError(t, c.Pause(ctx, "n1"), "a paused node is paused")
	require.Equal(t, cluster.Paused, stateOf(t, c, "n1"))
	_, err := fmt.Fprintln(conn, "echo buffered")
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(150*time.Millisecond)))
	_, err = conn.r.ReadString('\n')
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, c.Resume(ctx, "n1"))
	require.NoError(t, c.Resume(ctx, "n1"), "a running node is running")
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	line, err := conn.r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "buffered\n", line)

	require.NoError(t, c.Pause(ctx, "n1"))
	require.NoError(t, c.StartNode(ctx, "n1"), "starting a paused node resumes it")
	require.Equal(t, life, ask(t, c, "n1", "life"))

	require.NoError(t, c.Pause(ctx, "n1"))
	require.NoError(t, c.Kill(ctx, "n1"), "a paused node can be killed")
	require.Equal(t, cluster.Stopped, stateOf(t, c, "n1"))
	require.ErrorContains(t, c.Pause(ctx, "n1"), "does not run")
	require.NoError(t, c.Resume(ctx, "n1"), "a dead node is not paused")

	require.NoError(t, c.StartNode(ctx, "n1"))
	serves(t, c, "n1")
	require.NoError(t, c.Pause(ctx, "n1"))
	require.NoError(t, c.Stop(ctx, "n1", time.Second), "a paused node can be stopped")
	require.Equal(t, cluster.Stopped, stateOf(t, c, "n1"))

	require.NoError(t, c.StartNode(ctx, "n1"))
	require.NoError(t, c.Pause(ctx, "n1"))
	require.NoError(t, c.Close(ctx), "a cluster with a paused node can be closed")
	require.NoError(t, c.Close(ctx))
	require.Empty(t, withRun(t, c.docker, c.options.Owner.Run))
}

// The engine's word on a pause lags behind: see freeze.go.
func TestPausesInQuickSuccession(t *testing.T) {
	c := up(t, echo{nodes: 1}, false)
	ctx := t.Context()
	conn := open(t, c, link.Clients, "n1:client")
	for range 20 {
		require.NoError(t, c.Pause(ctx, "n1"))
		require.Equal(t, cluster.Paused, stateOf(t, c, "n1"))
		require.NoError(t, c.Resume(ctx, "n1"))
		require.Equal(t, cluster.Running, stateOf(t, c, "n1"))
		require.NoError(t, c.Pause(ctx, "n1"))
		require.NoError(t, c.StartNode(ctx, "n1"))
		require.Equal(t, "hello", conn.do(t, "echo hello"))
	}
}

func TestADialSaysWhatItMet(t *testing.T) {
	c := up(t, echo{nodes: 2}, false)
	ctx := t.Context()
	for _, address := range []string{"n1:client", "n1:7001", c.byName["n1"].address.String() + ":7001", "n1:peer"} {
		require.Equal(t, "hello", open(t, c, link.Clients, address).do(t, "echo hello"), address)
	}
	_, err := c.Dialer().DialAs(ctx, link.Clients, "n1:9")
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "nothing listens there")
	for _, address := range []string{"n1", "n9:client", "n1:telnet", "127.0.0.1:7001", "192.0.2.1:7001"} {
		_, err := c.Dialer().DialAs(ctx, link.Clients, address)
		require.Error(t, err, address)
		require.NotErrorIs(t, err, syscall.ECONNREFUSED, "%s: it is not the node that refuses", address)
	}

	require.NoError(t, c.Network().Apply(ctx, "hole", link.Effect{Action: link.Drop}, []link.Flow{{From: link.Clients, To: "n1"}}))
	hurried, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err = c.Dialer().DialAs(hurried, link.Clients, "n1:client")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, "hello", open(t, c, "others", "n1:client").do(t, "echo hello"), "another group's link")
	_, err = c.Network().Probe(ctx, link.Flow{From: link.Clients, To: "n1"}, 100*time.Millisecond)
	require.Error(t, err)
	require.NoError(t, c.Network().Undo(ctx, "hole"))
	_, err = c.Network().Probe(ctx, link.Flow{From: link.Clients, To: "n1"}, 10*time.Second)
	require.NoError(t, err)
	require.Equal(t, "hello", open(t, c, link.Clients, "n1:client").do(t, "echo hello"))

	require.NoError(t, c.Kill(ctx, "n1"))
	_, err = c.Dialer().DialAs(ctx, link.Clients, "n1:client")
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "a dead node refuses")
	require.Equal(t, "hello", ask(t, c, "n2", "echo hello"))
}

func TestAFailedStartLeavesNothing(t *testing.T) {
	docker := needDocker(t)
	owner := newOwner(t)
	_, err := Runtime{}.Start(t.Context(), echo{nodes: 2, program: "/no-such-program"}, cluster.Options{Owner: owner})
	require.ErrorContains(t, err, "no-such-program")
	require.Empty(t, withRun(t, docker, owner.Run))

	hurried, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for len(agentsOf(hurried, docker, owner.Run)) == 0 && hurried.Err() == nil {
			time.Sleep(5 * time.Millisecond) // the pace of asking
		}
	}()
	_, err = Runtime{}.Start(hurried, echo{nodes: 2}, cluster.Options{Owner: owner})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, withRun(t, docker, owner.Run), "what a cancelled start made")
}

func TestRemovalTellsOfEachThing(t *testing.T) {
	c := up(t, echo{nodes: 2}, false)
	filter := make(client.Filters).Add("label", labelCluster+"="+c.id)
	removed, err := removeAll(t.Context(), c.docker, filter, " of a test")
	require.NoError(t, err)
	require.Len(t, removed, 5)
	all := strings.Join(removed, "\n")
	for _, one := range []string{"the agent of n1 of a test", "the node of n2 of a test", "network " + c.networkName + " of a test"} {
		require.Contains(t, all, one)
	}
	removed, err = removeAll(t.Context(), c.docker, filter, "")
	require.NoError(t, err)
	require.Empty(t, removed)
}

// agentsOf lists a run's agents, in any state; an error counts as none.
func agentsOf(ctx context.Context, docker *testcontainers.DockerClient, run string) []container.Summary {
	filter := make(client.Filters).Add("label", cluster.LabelRun+"="+run).Add("label", cluster.LabelRole+"="+roleAgent)
	list, err := docker.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil
	}
	return list.Items
}
