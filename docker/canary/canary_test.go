package canary

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/docker/canary/store"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/workloads"
)

func brief(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func requireReads(t testing.TB, client workloads.Register, key string, want history.Value) {
	t.Helper()
	got, err := client.Read(brief(t), key)
	require.NoError(t, err)
	require.Equal(t, want, got, "key %s", key)
}

func TestEveryNodeReadsWhatAnyNodeWrote(t *testing.T) {
	t.Parallel()
	r := startRig(t, "")
	for i, writer := range r.cluster.NodeNames() {
		value := history.Int(int64(100 + i))
		require.NoError(t, r.open(writer).Write(brief(t), "k", value))
		for _, reader := range r.cluster.NodeNames() {
			requireReads(t, r.open(reader), "k", value)
		}
	}
}

func TestCompareAndSet(t *testing.T) {
	t.Parallel()
	r := startRig(t, "")
	_, followers := r.leader(r.cluster.NodeNames()...)
	client := r.open(followers[0])
	steps := []struct {
		expect, value, saw history.Value
		swapped            bool
	}{
		{expect: 1, value: 2, saw: history.Nil},
		{expect: history.Nil, value: 1, swapped: true},
		{expect: history.Nil, value: 2, saw: 1},
		{expect: 1, value: 2, swapped: true},
		{expect: 1, value: 3, saw: 2},
		{expect: 2, value: history.Nil, swapped: true},
		{expect: 2, value: 4, saw: history.Nil},
	}
	for i, step := range steps {
		swapped, saw, err := client.CompareAndSet(brief(t), "k", step.expect, step.value)
		require.NoError(t, err, "step %d", i)
		require.Equal(t, step.swapped, swapped, "step %d", i)
		if !step.swapped {
			require.Equal(t, step.saw, saw, "step %d", i)
		}
	}
	requireReads(t, client, "k", history.Nil)
	require.NoError(t, client.Write(brief(t), "k", -7))
	require.NoError(t, client.Write(brief(t), "k", history.Nil))
	requireReads(t, client, "k", history.Nil)
}

func TestAcknowledgedWritesSurviveKills(t *testing.T) {
	t.Parallel()
	r := startRig(t, "")
	nodes := r.cluster.NodeNames()
	leader, followers := r.leader(nodes...)
	client := r.open(leader)
	const keys = 20
	for i := range keys {
		require.NoError(t, client.Write(brief(t), fmt.Sprint("k", i), history.Int(int64(i))))
	}

	r.kill(leader)
	r.waitReady(followers...)
	second, _ := r.leader(followers...)
	require.NotEqual(t, leader, second)
	survivor := r.open(followers[0])
	for i := range keys {
		requireReads(t, survivor, fmt.Sprint("k", i), history.Int(int64(i)))
	}
	require.NoError(t, survivor.Write(brief(t), "k0", 1000))

	r.start(leader)
	r.waitReady(leader)
	requireReads(t, r.open(leader), "k0", 1000)

	for _, node := range nodes {
		r.kill(node)
	}
	for _, node := range nodes {
		r.start(node)
	}
	r.waitReady(nodes...)
	again := r.open(followers[1])
	requireReads(t, again, "k0", 1000)
	requireReads(t, again, "k19", 19)
}

func TestDeadNodeIsADefiniteFailure(t *testing.T) {
	t.Parallel()
	r := startRig(t, "")
	r.kill("n2")
	client := r.open("n2")
	err := client.Write(brief(t), "k", 1)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.True(t, workloads.IsNotDone(err), "%v", err)
	require.Error(t, r.cluster.Ready(brief(t), r.session("n2")))
}

func TestSilentNodeIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	r := startRig(t, "")
	writer, swapper, reader := r.open("n1"), r.open("n1"), r.open("n1")
	for _, client := range []workloads.Register{writer, swapper, reader} {
		requireReads(t, client, "k", history.Nil) // connects
	}
	r.stop("n1")
	defer r.signal("n1", syscall.SIGCONT)
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	done := make(chan error, 2)
	go func() { done <- writer.Write(short, "k", 1) }()
	go func() {
		_, _, err := swapper.CompareAndSet(short, "k", history.Nil, 2)
		done <- err
	}()
	_, err := reader.Read(short, "k")
	require.Error(t, err)
	require.True(t, workloads.IsNotDone(err), "a read has no effect: %v", err)
	for range 2 {
		err := <-done
		require.Error(t, err)
		require.False(t, workloads.IsNotDone(err), "the node may carry it out when it goes on: %v", err)
	}

	err = writer.Write(short, "k", 3)
	require.True(t, workloads.IsNotDone(err), "the deadline was over before anything was sent: %v", err)
}

// withCutLeader cuts the leader off and tries at once, before it gives up leading.
// Where that came too late (this machine may be busy) it heals and tries again.
func (r *rig) withCutLeader(try func(leader string, client workloads.Register) error) (leader string, followers []string) {
	r.tb.Helper()
	nodes := r.cluster.NodeNames()
	var err error
	for range 5 {
		leader, followers = r.leader(nodes...)
		client := r.open(leader)
		requireReads(r.tb, client, "connected", history.Nil)
		r.cut(leader, true)
		if err = try(leader, client); err == nil {
			return leader, followers
		}
		r.cut(leader, false)
		r.waitReady(nodes...)
	}
	require.NoError(r.tb, err)
	return leader, followers
}

func TestLeaderWithoutMajority(t *testing.T) {
	t.Parallel()
	r := startRig(t, "")
	require.NoError(t, r.open("n1").Write(brief(t), "k", 1))
	leader, followers := r.withCutLeader(func(_ string, client workloads.Register) error {
		err := client.Write(brief(t), "k", 2)
		require.Error(t, err)
		if workloads.IsNotDone(err) {
			return fmt.Errorf("the entry is in its log, and yet: %w", err)
		}
		return nil
	})
	client := r.open(leader)
	_, err := client.Read(brief(t), "k")
	require.True(t, workloads.IsNotDone(err), "%v", err)
	r.eventually("it gave up leading", func(ctx context.Context) error {
		if err := client.Write(ctx, "k", 3); !workloads.IsNotDone(err) {
			return fmt.Errorf("not a definite failure: %w", err)
		}
		return nil
	})
	r.waitReady(followers...)
	requireReads(t, r.open(followers[0]), "k", 1)
	r.cut(leader, false)
	r.waitReady(leader)
	requireReads(t, client, "k", 1)
}

func TestValidateNamesWhatThereIs(t *testing.T) {
	require.NoError(t, Cluster{}.Validate())
	require.Len(t, Cluster{}.Defects(), 8)
	for _, d := range (Cluster{}).Defects() {
		require.NoError(t, Cluster{Nodes: 5}.WithDefect(d.Name).Validate())
		require.ErrorContains(t, Cluster{Defect: "rust"}.Validate(), d.Name)
		require.NotEmpty(t, d.About)
		require.True(t, strings.HasPrefix(d.CaughtBy, "canary/"))
	}
	require.ErrorContains(t, Cluster{Nodes: 4}.Validate(), "odd")
	require.ErrorContains(t, Cluster{Nodes: -1}.Validate(), "odd")
	require.ErrorContains(t, Cluster{Nodes: 11}.Validate(), "odd")
}

func TestClusterIsData(t *testing.T) {
	text, err := json.Marshal(Cluster{Nodes: 5, Defect: store.StaleRead})
	require.NoError(t, err)
	require.JSONEq(t, `{"nodes":5,"defect":"stale-read"}`, string(text))
	require.Equal(t, []string{"n1", "n2", "n3"}, Cluster{}.NodeNames())
	require.Equal(t, []string{"n1", "n2", "n3", "n4", "n5"}, Cluster{Nodes: 5}.NodeNames())
}

// pairwise gives every pair of nodes its own address.
type pairwise struct{}

func (pairwise) Listen(node, port string) string   { return node + "-" + port }
func (pairwise) Dial(from, to, port string) string { return from + "-to-" + to + "-" + port }
func (pairwise) DataDir(node string) string        { return "/data/" + node }

func TestEachNodeDialsByItsOwnTable(t *testing.T) {
	command, err := Cluster{Defect: store.NonatomicCAS}.PodCommand("n2", pairwise{})
	require.NoError(t, err)
	require.Equal(t, []string{
		"/canaryd", "--node", "n2", "--client-listen", "n2-client", "--peer-listen", "n2-peer",
		"--peers", "n1=n2-to-n1-peer,n2=n2-to-n2-peer,n3=n2-to-n3-peer", "--data", "/data/n2",
		"--defect", "nonatomic-cas",
	}, command.Args)
	_, err = Cluster{}.ProcessCommand("n4", pairwise{})
	require.ErrorContains(t, err, "n4")
}

func TestClosedClientDoesNothing(t *testing.T) {
	client, err := Cluster{}.OpenRegister(t.Context(), (&rig{}).session("n1"))
	require.NoError(t, err)
	require.NoError(t, client.Close())
	require.NoError(t, client.Close())
	err = client.Write(t.Context(), "k", 1)
	require.True(t, workloads.IsNotDone(err))
	require.True(t, errors.Is(err, errClosed))
	err = client.Write(t.Context(), "k", history.StringValue(0))
	require.True(t, workloads.IsNotDone(err), "the store holds no strings")
}
