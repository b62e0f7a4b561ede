package script

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
)

// Barrier is a state that a script waits for.
type Barrier interface {
	// Text says what is waited for, for instance "n2 leads".
	Text() string
	// Reached asks once. saw is what was seen, for whoever reads why it was not
	// reached. An error ends the script; what may pass is no error, but seen.
	Reached(ctx context.Context, on *Runner) (reached bool, saw string, err error)
}

// Acknowledged waits for that many more operations, of sessions in the background
// and of clients beside the script, to be acknowledged.
type Acknowledged struct{ More int }

// LeaderIs waits until the nodes say that one of them leads.
type LeaderIs struct{ Node string }

// LeaderIsNot waits until the nodes say that another one leads. Without a Node it
// is the one that led when the script began.
type LeaderIsNot struct{ Node string }

// Seen waits until what a node says of itself holds a text; see [cluster.Viewer].
type Seen struct{ Node, Contains string }

// LogLine waits until a node's log has a line with a text that it did not have when
// the script began.
type LogLine struct{ Node, Contains string }

// Serves waits until every node serves.
type Serves struct{}

// Blocked waits until a session's step in the background has been under way for a
// time, so that it is likely to wait for somebody.
type Blocked struct {
	Session string
	// For is how long. Default 200 ms.
	For time.Duration
}

// Text says how many.
func (b Acknowledged) Text() string {
	return fmt.Sprintf("%d more operations are acknowledged", b.More)
}

// Text names the node.
func (b LeaderIs) Text() string { return b.Node + " leads" }

// Text names the node.
func (b LeaderIsNot) Text() string {
	if b.Node == "" {
		return "another node leads than at the beginning"
	}
	return "another node leads than " + b.Node
}

// Text says where what is seen.
func (b Seen) Text() string { return fmt.Sprintf("%s says %q of itself", b.Node, b.Contains) }

// Text says where what is logged.
func (b LogLine) Text() string { return fmt.Sprintf("%s logs %q", b.Node, b.Contains) }

// Text is "every node serves".
func (Serves) Text() string { return "every node serves" }

// Text names the session.
func (b Blocked) Text() string {
	return fmt.Sprintf("%s has waited for %v", b.Session, b.length())
}

// Reached counts, and is told at once of the last one.
func (b Acknowledged) Reached(ctx context.Context, on *Runner) (bool, string, error) {
	before := on.acknowledged
	look, cancel := context.WithTimeout(ctx, askEvery)
	defer cancel()
	err := on.on.Record.AwaitAcknowledged(look, before+int64(b.More))
	return err == nil, fmt.Sprintf("%d more", on.on.Record.Acknowledged()-before), nil
}

// askWithin bounds one question of a barrier.
const askWithin = 2 * time.Second

// Reached asks the nodes.
func (b LeaderIs) Reached(ctx context.Context, on *Runner) (bool, string, error) {
	leader, saw := on.leader(ctx)
	return leader == b.Node, saw, nil
}

// Reached asks the nodes.
func (b LeaderIsNot) Reached(ctx context.Context, on *Runner) (bool, string, error) {
	not := b.Node
	if not == "" {
		not = on.firstLeader
	}
	leader, saw := on.leader(ctx)
	return leader != "" && leader != not, saw, nil
}

// leader is who leads, "" where nobody says so.
func (r *Runner) leader(ctx context.Context) (leader, saw string) {
	leader, err := cluster.FindLeader(ctx, r.on.Cluster, askWithin)
	if err != nil {
		return "", err.Error()
	}
	return leader, leader + " leads"
}

// Reached asks the node.
func (b Seen) Reached(ctx context.Context, on *Runner) (bool, string, error) {
	viewer, ok := on.on.Cluster.System().(cluster.Viewer)
	if !ok {
		return false, "", fmt.Errorf("%s says nothing of itself", on.on.Cluster.System().SystemName())
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	view, err := viewer.Seen(ctx, cluster.ProbeSession(on.on.Cluster, b.Node))
	if err != nil {
		return false, err.Error(), nil
	}
	return strings.Contains(view, b.Contains), view, nil
}

// Reached reads the log.
func (b LogLine) Reached(ctx context.Context, on *Runner) (bool, string, error) {
	log, err := on.log(ctx, b.Node)
	if err != nil {
		return false, "", err
	}
	now, before := strings.Count(log, b.Contains), strings.Count(on.logs[b.Node], b.Contains)
	return now > before, fmt.Sprintf("%d such lines, as at the beginning", now), nil
}

func (r *Runner) log(ctx context.Context, node string) (string, error) {
	var log bytes.Buffer
	if err := r.on.Cluster.Logs(ctx, node, &log); err != nil {
		return "", fmt.Errorf("read the log of %s: %w", node, err)
	}
	return log.String(), nil
}

// Reached asks every node once.
func (Serves) Reached(ctx context.Context, on *Runner) (bool, string, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var wrong error
	for _, node := range on.on.Cluster.System().NodeNames() {
		wrong = errors.Join(wrong, on.on.Cluster.System().Ready(ctx, cluster.ProbeSession(on.on.Cluster, node)))
	}
	if wrong != nil {
		return false, wrong.Error(), nil
	}
	return true, "all serve", nil
}

func (b Blocked) length() time.Duration {
	if b.For == 0 {
		return 200 * time.Millisecond
	}
	return b.For
}

// Reached asks how long the session's step has been under way.
func (b Blocked) Reached(_ context.Context, on *Runner) (bool, string, error) {
	s := on.sessions[b.Session]
	if s == nil || s.pending == nil {
		return false, "", fmt.Errorf("%s has no step in the background", b.Session)
	}
	select {
	case <-s.pending:
		return false, "", stuck{fmt.Errorf("%s did not have to wait", b.Session)}
	default:
	}
	waited := time.Since(s.since)
	return waited >= b.length(), fmt.Sprintf("%v so far", waited.Round(time.Millisecond)), nil
}
