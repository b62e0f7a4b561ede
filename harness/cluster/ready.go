package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/link"
)

// Probes is the client group of the harness's own questions; no fault falls on it.
const Probes link.End = "harness"

// probePause is the pace of asking again for a state.
const probePause = 40 * time.Millisecond

// ProbeSession is a session of the harness itself with one node.
func ProbeSession(c Cluster, node string) link.Session {
	return link.Session{Process: -1, Slot: -1, Group: Probes, Node: node, Timeout: time.Second, Dialer: c.Dialer()}
}

// WaitReady asks every node until it serves, and then all of them once more until
// all say so of one time: a cluster in which one node after the other has served
// may be about to change its leader. The error names the nodes that did not within
// the time, with what each said last.
func WaitReady(ctx context.Context, c Cluster, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		if err := eachNode(c, func(node string) error { return waitNode(ctx, c, node, within) }); err != nil {
			return err
		}
		err := eachNode(c, func(node string) error { return askReady(ctx, c, node) })
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the nodes did not all serve at one time within %v: %w", within, err)
		case <-time.After(probePause):
		}
	}
}

func eachNode(c Cluster, ask func(node string) error) error {
	nodes := c.System().NodeNames()
	answers := make(chan error)
	for _, node := range nodes {
		go func() { answers <- ask(node) }()
	}
	var all error
	for range nodes {
		all = errors.Join(all, <-answers)
	}
	return all
}

func askReady(ctx context.Context, c Cluster, node string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return c.System().Ready(ctx, ProbeSession(c, node))
}

// WaitNode asks one node until it serves.
func WaitNode(ctx context.Context, c Cluster, node string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return waitNode(ctx, c, node, within)
}

func waitNode(ctx context.Context, c Cluster, node string, within time.Duration) error {
	var last error
	for {
		err := askReady(ctx, c, node)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s did not serve within %v: %w", node, within, last)
		case <-time.After(probePause):
		}
	}
}

// FindLeader asks all nodes who leads, until one names a node; of several
// answers the one with the highest term counts.
func FindLeader(ctx context.Context, c Cluster, within time.Duration) (string, error) {
	finder, ok := c.System().(LeaderFinder)
	if !ok {
		return "", fmt.Errorf("%s has no way to say who leads", c.System().SystemName())
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		leader, err := askLeader(ctx, c, finder)
		if leader != "" {
			return leader, nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("no node named a leader within %v: %w", within, err)
		case <-time.After(probePause):
		}
	}
}

func askLeader(ctx context.Context, c Cluster, finder LeaderFinder) (string, error) {
	type answer struct {
		leader string
		term   uint64
		err    error
	}
	nodes := c.System().NodeNames()
	answers := make(chan answer)
	for _, node := range nodes {
		go func() {
			attempt, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			leader, term, err := finder.Leader(attempt, ProbeSession(c, node))
			answers <- answer{leader, term, err}
		}()
	}
	var best answer
	err := errors.New("no node knows one")
	for range nodes {
		a := <-answers
		if a.err != nil {
			err = a.err
		} else if a.leader != "" && (best.leader == "" || a.term > best.term) {
			best = a
		}
	}
	return best.leader, err
}

// Views is how every node sees the cluster, in one line: what a [Viewer] says, or
// else whom each node takes for the leader. A node that does not answer within a
// second says so.
func Views(ctx context.Context, c Cluster) string {
	nodes := c.System().NodeNames()
	views := make([]string, len(nodes))
	var all sync.WaitGroup
	for i, node := range nodes {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			views[i] = node + ": " + seen(ctx, c, node)
		})
	}
	all.Wait()
	return strings.Join(views, "; ")
}

func seen(ctx context.Context, c Cluster, node string) string {
	var text string
	var err error
	switch s := c.System().(type) {
	case Viewer:
		text, err = s.Seen(ctx, ProbeSession(c, node))
	case LeaderFinder:
		var leader string
		var term uint64
		leader, term, err = s.Leader(ctx, ProbeSession(c, node))
		text = fmt.Sprintf("leader %s, term %d", leader, term)
		if leader == "" {
			text = fmt.Sprintf("no leader, term %d", term)
		}
	default:
		text = "not asked"
	}
	if err != nil {
		return "no answer"
	}
	return text
}
