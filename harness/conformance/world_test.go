package conformance_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/cluster/pod/podtest"
	"github.com/seatrial/seatrial/harness/cluster/process"
	"github.com/seatrial/seatrial/harness/conformance/internal/sight"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
)

// patience bounds every wait for a state. It is generous: the machine is busy.
const patience = time.Minute

// lookouts is a system of nodes that look around; see internal/sightd. n1 leads.
type lookouts struct{}

var _ interface {
	cluster.PodSystem
	cluster.ProcessSystem
	cluster.LeaderFinder
} = lookouts{}

const sightd = "github.com/seatrial/seatrial/harness/conformance/internal/sightd"

func (lookouts) SystemName() string    { return "lookouts" }
func (lookouts) SystemVersion() string { return "1" }
func (lookouts) Validate() error       { return nil }
func (lookouts) NodeNames() []string   { return []string{"n1", "n2", "n3"} }
func (lookouts) Ports() []cluster.Port {
	return []cluster.Port{{Name: "client", Number: 7001}, {Name: "peer", Number: 7002, Peer: true}}
}

func (lookouts) Leader(context.Context, link.Session) (string, uint64, error) { return "n1", 1, nil }

func (lookouts) Ready(ctx context.Context, session link.Session) error {
	_, err := ask(ctx, session, sight.Question{Heard: true})
	return err
}

func (lookouts) Image(ctx context.Context, builder cluster.ImageBuilder) (string, error) {
	binary, err := builder.GoPackage(ctx, sightd)
	if err != nil {
		return "", err
	}
	return builder.FromBinary(ctx, "sightd", binary)
}

func (lookouts) Program(ctx context.Context, builder cluster.ProgramBuilder) (string, error) {
	return builder.GoPackage(ctx, sightd)
}

func (l lookouts) PodCommand(node string, at cluster.Addresses) (cluster.Command, error) {
	return l.command(node, at), nil
}

func (l lookouts) ProcessCommand(node string, at cluster.Addresses) (cluster.Command, error) {
	return l.command(node, at), nil
}

func (l lookouts) command(node string, at cluster.Addresses) cluster.Command {
	var peers []string
	for _, peer := range l.NodeNames() {
		if peer != node {
			peers = append(peers, peer+"="+at.Dial(node, peer, "peer"))
		}
	}
	return cluster.Command{Args: []string{"/sightd"}, Env: []string{
		sight.EnvNode + "=" + node,
		sight.EnvData + "=" + at.DataDir(node),
		sight.EnvClient + "=" + at.Listen(node, "client"),
		sight.EnvPeer + "=" + at.Listen(node, "peer"),
		sight.EnvPeers + "=" + strings.Join(peers, " "),
	}}
}

// ask asks one node.
func ask(ctx context.Context, session link.Session, q sight.Question) (seen sight.Sight, err error) {
	conn, err := session.Dial(ctx, session.Node+":client")
	if err != nil {
		return seen, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	text, err := json.Marshal(q)
	if err != nil {
		return seen, err
	}
	if _, err := conn.Write(append(text, '\n')); err != nil {
		return seen, err
	}
	line, err := bufio.NewReader(conn).ReadBytes('\n')
	if err != nil {
		return seen, err
	}
	return seen, json.Unmarshal(line, &seen)
}

// world is a cluster of lookouts, and what injects faults into it.
type world struct {
	cluster.Cluster
	runtime  string
	options  cluster.Options
	place    fault.World
	injector *fault.Injector

	mu     sync.Mutex
	events []history.FaultEvent
	began  time.Time
}

var runtimes = map[string]cluster.Runtime{"pod": pod.Runtime{}, "process": process.Runtime{}}

// newWorld starts a cluster on a runtime; the test is skipped where there is none.
func newWorld(t *testing.T, runtime string) *world {
	t.Helper()
	return newWorldOn(t, runtime, false)
}

// newWorldOn is newWorld, with disks that can fail or without.
func newWorldOn(t *testing.T, runtime string, disks bool) *world {
	t.Helper()
	r := runtimes[runtime]
	podtest.Need(t, r)
	owner, err := cluster.NewOwner()
	require.NoError(t, err)
	w := &world{runtime: runtime, began: time.Now()}
	w.options = cluster.Options{Owner: owner, Streams: true, Names: runtime == "pod", Disk: disks, Log: func(line string) { t.Log(line) }}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // the first time, an image is built
	defer cancel()
	w.Cluster, err = r.Start(ctx, lookouts{}, w.options)
	require.NoError(t, err)
	t.Cleanup(func() {
		closing, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, w.Close(closing))
	})
	require.NoError(t, cluster.WaitReady(t.Context(), w, patience))
	journal, err := fault.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	require.NoError(t, err)
	t.Cleanup(func() { journal.Close() })
	w.place = fault.WorldOf(lookouts{})
	w.place.Groups = []fault.Group{{Name: link.Clients}}
	w.place.Runtime, w.place.Network = runtime, w.Network()
	w.injector = fault.NewInjector(w.Cluster, w.place,
		func(context.Context) (string, error) { return "n1", nil }, w.record, journal)
	w.injector.SetLoad(steady{time.Now()})
	return w
}

// steady is clients of which an operation succeeds every 5 ms.
type steady struct{ since time.Time }

const pace = 5 * time.Millisecond

func (s steady) Acknowledged() int64 { return int64(time.Since(s.since) / pace) }

func (s steady) AwaitAcknowledged(ctx context.Context, count int64) error {
	timer := time.NewTimer(time.Until(s.since.Add(time.Duration(count) * pace)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (steady) Stall(string, fault.StallAct) (int, error) { return 0, errors.New("nobody is here") }
func (steady) Stalled(string) (now, ever int)            { return 0, 0 }
func (steady) Release(string)                            {}

func (w *world) record(e history.FaultEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e.Time = int64(time.Since(w.began))
	w.events = append(w.events, e)
}

// recorded are the events since the last call.
func (w *world) recorded() []history.FaultEvent {
	w.mu.Lock()
	defer w.mu.Unlock()
	events := w.events
	w.events = nil
	return events
}

// picture is what is seen of a cluster at one time.
type picture struct {
	nodes map[string]*sight.Sight // nil: it did not answer
	// datagrams are the numbers of those that came, by sender and receiver.
	datagrams map[link.Flow][]int
	// client is how a client got on that asked each node.
	client map[string]sight.Look
	lives  map[string]cluster.State
}

const (
	// glance bounds each single look: far above what anything takes that no fault is on.
	glance    = 1200 * time.Millisecond
	datagrams = 60
	bulk      = 60_000
)

var marks atomic.Int64

// look takes a picture. Every node looks at the same time.
func (w *world) look(t *testing.T) *picture {
	t.Helper()
	p := &picture{nodes: map[string]*sight.Sight{}, datagrams: map[link.Flow][]int{}, client: map[string]sight.Look{}, lives: map[string]cluster.State{}}
	q := sight.Question{Within: glance, Bulk: bulk, Work: true, Mark: fmt.Sprintf("m%d", marks.Add(1))}
	if w.runtime == "pod" {
		q.Datagrams = datagrams // the process runtime's links are streams
		q.Names = []string{"localname.invalid"}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, node := range w.System().NodeNames() {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 8*glance)
			defer cancel()
			seen, err := ask(ctx, cluster.ProbeSession(w, node), q)
			asking, stop := context.WithTimeout(t.Context(), patience)
			defer stop()
			state, stateErr := w.State(asking, node)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				p.nodes[node] = &seen
			}
			if stateErr == nil {
				p.lives[node] = state
			}
		})
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), glance)
			defer cancel()
			session := cluster.ProbeSession(w, node)
			session.Group = link.Clients
			began := time.Now()
			_, err := ask(ctx, session, sight.Question{Heard: true})
			look := sight.Look{End: sight.OK, Took: time.Since(began)}
			if err != nil {
				look.End = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			p.client[node] = look
		})
	}
	all.Wait()
	if q.Datagrams > 0 {
		w.collect(t, p, q.Mark)
	}
	return p
}

// collect asks every node which datagrams of that picture came.
func (w *world) collect(t *testing.T, p *picture, mark string) {
	t.Helper()
	for node := range p.nodes {
		ctx, cancel := context.WithTimeout(t.Context(), glance)
		seen, err := ask(ctx, cluster.ProbeSession(w, node), sight.Question{Heard: true, Mark: mark})
		cancel()
		if err != nil {
			continue
		}
		for from, numbers := range seen.Heard {
			p.datagrams[link.Flow{From: link.End(from), To: link.End(node)}] = numbers
		}
	}
}

// whole says what of a picture is not as it is on a cluster without faults.
func (p *picture) whole(runtime string) error {
	var all error
	say := func(format string, args ...any) { all = errors.Join(all, fmt.Errorf(format, args...)) }
	nodes := lookouts{}.NodeNames()
	for _, node := range nodes {
		seen := p.nodes[node]
		if seen == nil {
			say("%s does not answer", node)
			continue
		}
		if p.client[node].End != sight.OK {
			say("a client of %s: %s", node, p.client[node].End)
		}
		for _, peer := range nodes {
			if peer == node {
				continue
			}
			to := seen.Peers[peer]
			for what, look := range map[string]sight.Look{"dial": to.Dial, "kept": to.Kept, "bulk": to.Bulk, "close": to.Close} {
				if look.End != sight.OK {
					say("%s > %s %s: %s after %v", node, peer, what, look.End, look.Took)
				}
			}
			flow := link.Flow{From: link.End(node), To: link.End(peer)}
			if got := p.datagrams[flow]; runtime == "pod" && !slices.Equal(got, inOrder(datagrams)) {
				say("%s: %d of %d datagrams came, or not in their order", flow, len(got), datagrams)
			}
		}
		if seen.Work.Child != sight.OK {
			say("%s could not start a child: %s", node, seen.Work.Child)
		}
		if seen.Work.Fsync.End != sight.OK {
			say("%s could not sync a file: %s", node, seen.Work.Fsync.End)
		}
	}
	return all
}

func inOrder(count int) []int {
	all := make([]int, count)
	for i := range all {
		all[i] = i
	}
	return all
}
