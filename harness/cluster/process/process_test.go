package process_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/process"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/link"
)

func TestAKilledNodeComesBackOnItsAddressWithItsData(t *testing.T) {
	r := start(t, parrots{})
	c := r.dial("", "n1:client")
	require.Equal(t, "n1: hello", r.must(c, "hello"))
	require.Equal(t, "kept", r.must(c, "keep treasure"))
	require.Equal(t, "n2: hello", r.must(c, "ask n2 hello"))
	r.stateIs("n1", cluster.Running)

	require.NoError(t, r.Kill(t.Context(), "n1"))
	r.stateIs("n1", cluster.Stopped)
	require.NoError(t, r.Kill(t.Context(), "n1"), "a dead node is as killed as can be")
	_, err := c.ask("hello")
	require.Error(t, err)
	_, err = r.Dialer().DialAs(t.Context(), "", "n1:client")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.ErrorContains(t, err, "n1")

	require.NoError(t, r.StartNode(t.Context(), "n1"))
	require.NoError(t, r.StartNode(t.Context(), "n1"), "a running node is left alone")
	require.NoError(t, cluster.WaitReady(t.Context(), r, within))
	require.Equal(t, "n1: again", r.must(r.dial("", "n1:client"), "again"))

	var log, data bytes.Buffer
	require.NoError(t, r.Logs(t.Context(), "n1", &log))
	require.Equal(t, 2, strings.Count(log.String(), "node begins: n1"), "the log of both lives: %s", &log)
	require.NoError(t, r.Kill(t.Context(), "n1"))
	require.NoError(t, r.Data(t.Context(), "n1", &data))
	require.Equal(t, map[string]string{"kept": "treasure"}, untar(t, &data))
	require.Empty(t, r.lines(), "an end that was asked for is no news")

	_, err = r.State(t.Context(), "n9")
	require.ErrorContains(t, err, "n9")
}

func untar(t *testing.T, from io.Reader) map[string]string {
	t.Helper()
	files := map[string]string{}
	for r := tar.NewReader(from); ; {
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

func TestAPausedNodeAnswersWhenItIsResumed(t *testing.T) {
	r := start(t, parrots{})
	c := r.dial("", "n1:client")
	r.must(c, "hello")
	require.NoError(t, r.Pause(t.Context(), "n1"))
	r.stateIs("n1", cluster.Paused)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(60*time.Millisecond)))
	_, err := c.ask("are you there")
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, r.Resume(t.Context(), "n1"))
	r.stateIs("n1", cluster.Running)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(within)))
	reply, err := c.reader.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "n1: are you there\n", reply)

	require.NoError(t, r.Pause(t.Context(), "n1"))
	require.NoError(t, r.Kill(t.Context(), "n1"), "a paused node can be killed")
	require.NoError(t, r.Resume(t.Context(), "n1"), "undoing a pause works on a dead node")
	require.ErrorContains(t, r.Pause(t.Context(), "n1"), "does not run")
}

func TestStopAsksBeforeItKills(t *testing.T) {
	r := start(t, parrots{})
	require.NoError(t, r.Pause(t.Context(), "n2"))
	require.NoError(t, r.Stop(t.Context(), "n1", within))
	require.NoError(t, r.Stop(t.Context(), "n2", within))
	for _, node := range []string{"n1", "n2"} {
		r.stateIs(node, cluster.Stopped)
		var log bytes.Buffer
		require.NoError(t, r.Logs(t.Context(), node, &log))
		require.Contains(t, log.String(), "told to end")
	}

	stubborn := start(t, parrots{Stubborn: true})
	require.NoError(t, stubborn.Stop(t.Context(), "n1", 50*time.Millisecond))
	stubborn.stateIs("n1", cluster.Stopped)
}

func TestANodesChildrenEndWithIt(t *testing.T) {
	r := start(t, parrots{})
	c := r.dial("", "n1:client")
	child := atoi(t, r.must(c, "child"))
	require.True(t, running(child))
	require.NoError(t, r.Kill(t.Context(), "n1"))
	require.False(t, running(child), "a child in the group outlived its node")

	c = r.dial("", "n2:client")
	escaped := atoi(t, r.must(c, "child escaped"))
	require.True(t, running(escaped))
	require.NoError(t, r.Close(t.Context()))
	require.False(t, running(escaped), "a child outside of the group outlived its cluster")
	require.NoError(t, r.Close(t.Context()))
	require.ErrorContains(t, r.StartNode(t.Context(), "n1"), "closed")
}

func atoi(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

func TestAnUnexpectedEndIsTold(t *testing.T) {
	r := start(t, parrots{})
	_, err := r.dial("", "n3:client").ask("die out of rum")
	require.Error(t, err)
	require.Eventually(t, func() bool { return r.lines() != "" }, within, time.Millisecond)
	r.stateIs("n3", cluster.Stopped)
	require.Contains(t, r.lines(), "n3")
	require.Contains(t, r.lines(), "exit status 3")
	require.Contains(t, r.lines(), "panic: out of rum")
}

func TestClientsReachANodeByAnyOfItsAddresses(t *testing.T) {
	r := start(t, parrots{})
	layout := r.must(r.dial("", "n1:4000"), "hello")
	require.Equal(t, "n1: hello", layout)
	listens, relay := addresses(t, r.owner, "n2")
	require.Equal(t, "n2: x", r.must(r.dial("", listens), "x"))
	require.Equal(t, "n3: x", r.must(r.dial("beside", relay), "x"), "a relay's address, as n2 would hand it out")

	for _, wrong := range []string{"n1:gossip", "n9:client", "127.0.0.1:1", "nonsense"} {
		_, err := r.Dialer().DialAs(t.Context(), "", wrong)
		require.ErrorContains(t, err, wrong)
	}
}

// addresses reads from a node's command line where it listens for clients and
// where it dials n3.
func addresses(t *testing.T, owner *cluster.Owner, node string) (listens, n3 string) {
	t.Helper()
	for _, pid := range alive(t, owner.Run) {
		line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		require.NoError(t, err)
		args := strings.Split(string(line), "\x00")
		if filepath.Base(filepath.Dir(args[1])) == node {
			return args[2], strings.TrimPrefix(args[6], "n3=")
		}
	}
	t.Fatalf("no process of %s", node)
	return "", ""
}

func TestAFailedStartLeavesNothing(t *testing.T) {
	owner := newOwner(t)
	_, err := process.Runtime{}.Start(t.Context(), parrots{Bad: true}, cluster.Options{Owner: owner})
	require.ErrorContains(t, err, "gossip")
	require.Empty(t, alive(t, owner.Run))
	left, err := os.ReadDir(owner.Scratch)
	require.NoError(t, err)
	require.Len(t, left, 1, "only the owner's file stays: %v", left)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = process.Runtime{}.Start(ended, parrots{}, cluster.Options{Owner: owner})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, alive(t, owner.Run))

	_, err = process.Runtime{}.Start(t.Context(), parrots{}, cluster.Options{})
	require.ErrorContains(t, err, "owner")
}

func TestCutsBetweenNodes(t *testing.T) {
	r := start(t, parrots{})
	ctx := t.Context()
	c := r.dial("", "n1:client")
	require.Equal(t, "n2: 1", r.must(c, "ask n2 1"))

	there := []link.Flow{{From: "n1", To: "n2"}}
	for _, action := range []link.Action{link.Drop, link.HoldBack} {
		require.NoError(t, r.Network().Apply(ctx, string(action), link.Effect{Action: action}, there))
		active, err := r.Network().Active(ctx)
		require.NoError(t, err)
		require.Equal(t, []string{string(action)}, active)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(60*time.Millisecond)))
		_, err = c.ask("ask n2 2")
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(within)))
		require.Eventually(t, func() bool {
			count, err := r.Network().Count(ctx, string(action))
			return err == nil && count == link.Count{Packets: 1, Bytes: 2}
		}, within, time.Millisecond, "the request, and nothing else, is counted")
		require.Equal(t, "n3: free", r.must(r.dial("", "n1:client"), "ask n3 free"))
		require.NoError(t, r.Network().Undo(ctx, string(action)))
		reply, err := c.reader.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "n2: 2\n", reply)
	}

	require.NoError(t, r.Network().Apply(ctx, "reset", link.Effect{Action: link.Refuse}, there))
	require.Contains(t, r.must(c, "ask n2 3"), "reset")
	count, err := r.Network().Count(ctx, "reset")
	require.NoError(t, err)
	require.NotZero(t, count.Packets)
	require.NoError(t, r.Network().Undo(ctx, "reset"))
	require.Eventually(t, func() bool { return r.must(c, "ask n2 4") == "n2: 4" }, within, time.Millisecond)

	require.ErrorContains(t, r.Network().Applies(link.Effect{Action: link.Reorder}), "reorder")
	require.Error(t, r.Network().Apply(ctx, "x", link.Effect{Action: "reorder"}, there))
	require.ErrorContains(t, fault.NamesFail{Target: fault.Random}.Applies(parrots{}, r.Network()), "the host's resolver")
}

func TestCutsOfClients(t *testing.T) {
	r := start(t, parrots{})
	ctx := t.Context()
	there := link.Flow{From: "far", To: "n1"}
	old := r.dial("far", "n1:client")
	r.must(old, "hello")

	require.NoError(t, r.Network().Apply(ctx, "hole", link.Effect{Action: link.Drop}, []link.Flow{there.Reverse()}))
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err := r.Dialer().DialAs(short, "far", "n1:client")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	r.must(r.dial("near", "n1:client"), "another group is not cut")
	r.must(r.dial("far", "n2:client"), "another node is not cut")
	require.NoError(t, r.Network().Undo(ctx, "hole"))
	r.must(old, "the connection lives")

	require.NoError(t, r.Network().Apply(ctx, "reject", link.Effect{Action: link.Refuse}, []link.Flow{there}))
	_, err = r.Dialer().DialAs(ctx, "far", "n1:client")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	_, err = old.ask("hello")
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.NoError(t, r.Network().Undo(ctx, "reject"))
	r.must(r.dial("far", "n1:client"), "hello")
}

func TestProbesSeeOneDirection(t *testing.T) {
	r := start(t, parrots{})
	ctx := t.Context()
	there := link.Flow{From: "n1", To: "n2"}
	probe := func(f link.Flow, timeout time.Duration) error {
		_, err := r.Network().Probe(ctx, f, timeout)
		return err
	}
	require.NoError(t, probe(there, within))
	require.NoError(t, r.Network().Apply(ctx, "cut", link.Effect{Action: link.Drop}, []link.Flow{there}))
	require.ErrorIs(t, probe(there, 50*time.Millisecond), os.ErrDeadlineExceeded)
	require.NoError(t, probe(there.Reverse(), within))
	require.NoError(t, probe(link.Flow{From: link.Clients, To: "n2"}, within))
	require.NoError(t, r.Network().Undo(ctx, "cut"))
	require.NoError(t, probe(there, within))

	require.NoError(t, r.Network().Apply(ctx, "reject", link.Effect{Action: link.Refuse}, []link.Flow{there}))
	require.ErrorIs(t, probe(there, within), syscall.ECONNREFUSED)
	require.NoError(t, r.Network().Undo(ctx, "reject"))

	slow := link.Effect{Action: link.Delay, Latency: 80 * time.Millisecond}
	require.NoError(t, r.Network().Apply(ctx, "slow", slow, []link.Flow{there}))
	took, err := r.Network().Probe(ctx, there, within)
	require.NoError(t, err)
	require.GreaterOrEqual(t, took, slow.Latency)
	for _, id := range []string{"cut", "reject", "slow"} {
		count, err := r.Network().Count(ctx, id)
		require.NoError(t, err)
		require.Equal(t, link.Count{}, count, "a probe is not what %s did to traffic", id)
	}
}

func TestADownNodesPortIsKept(t *testing.T) {
	r := start(t, parrots{})
	listens, _ := addresses(t, r.owner, "n1")
	require.NoError(t, r.Kill(t.Context(), "n1"))
	_, err := net.Dial("tcp", listens)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	// A stranger without SO_REUSEADDR can't have it; who asks for any port never gets it.
	stranger := net.ListenConfig{Control: func(_, _ string, socket syscall.RawConn) error {
		return socket.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 0)
		})
	}}
	_, err = stranger.Listen(t.Context(), "tcp", listens)
	require.ErrorIs(t, err, syscall.EADDRINUSE)
}
