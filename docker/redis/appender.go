package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// sentinelPatience is how long a client waits for one sentinel before it asks
// the next: those on the other side of a cut never answer.
const sentinelPatience = 250 * time.Millisecond

// OpenAppender returns a client of whoever is master. It connects at the first operation.
func (c Cluster) OpenAppender(_ context.Context, session link.Session) (workloads.Appender, error) {
	if session.Dialer == nil {
		return nil, errors.New("open a client of redis: the session has no dialer")
	}
	return &appender{cluster: c.withDefaults(), session: session, asked: max(session.Slot, 0)}, nil
}

type appender struct {
	cluster Cluster
	session link.Session
	master  *connection // nil where the next operation is to find the master
	asked   int         // the place of the sentinel that is asked first
	local   *connection // to the session's own node, where it was asked for
}

// Append is RPUSH.
func (a *appender) Append(ctx context.Context, key string, element history.Value) error {
	if !element.IsInt() {
		return workloads.NotDone(fmt.Errorf("append to %s: an element must be an integer", key))
	}
	if err := a.findMaster(ctx); err != nil {
		return workloads.NotDone(fmt.Errorf("append to %s: %w", key, err))
	}
	err := a.master.do(ctx, "RPUSH", key, int64(element)).Err()
	if err != nil {
		err = fmt.Errorf("append to %s at %s: %w", key, a.master.address, err)
		a.leave(err, &a.master)
	}
	return err
}

// List is LRANGE at the master.
func (a *appender) List(ctx context.Context, key string) ([]history.Value, error) {
	if err := a.findMaster(ctx); err != nil {
		return nil, workloads.NotDone(fmt.Errorf("list %s: %w", key, err))
	}
	return a.list(ctx, &a.master, key)
}

// ListLocal is LRANGE at the session's node.
func (a *appender) ListLocal(ctx context.Context, key string) ([]history.Value, error) {
	if a.local == nil {
		var err error
		if a.local, err = connect(ctx, a.session, serverAddress(a.session.Node)); err != nil {
			return nil, workloads.NotDone(fmt.Errorf("list %s: %w", key, err))
		}
	}
	return a.list(ctx, &a.local, key)
}

// list reads: whatever goes wrong, a read has no effect.
func (a *appender) list(ctx context.Context, on **connection, key string) ([]history.Value, error) {
	texts, err := (*on).do(ctx, "LRANGE", key, 0, -1).StringSlice()
	if err != nil {
		err = fmt.Errorf("list %s at %s: %w", key, (*on).address, err)
		a.leave(err, on)
		return nil, workloads.NotDone(err)
	}
	elements := make([]history.Value, 0, len(texts))
	var garbage error
	for _, text := range texts {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < history.MinInt || n > history.MaxInt || strconv.FormatInt(n, 10) != text {
			garbage = workloads.Garbage{Text: text}
			continue
		}
		elements = append(elements, history.Int(n))
	}
	return elements, garbage
}

// leave drops a connection that is of no use any more: an answer that comes late
// must not be taken for the next one, and a replica takes no writes. A master that
// refuses for another reason is still the master.
func (a *appender) leave(err error, on **connection) {
	if _, said := answerOf(err); said && !demoted(err) {
		return
	}
	_ = (*on).close() // its own error says nothing more
	*on = nil
}

// findMaster makes sure of a connection to the master: it asks the sentinels in
// turn who that is, the one that answered last first, and then the server itself,
// as clients must: a sentinel may not know yet that it is none any more.
func (a *appender) findMaster(ctx context.Context) error {
	if a.master != nil {
		return nil
	}
	sentinels := a.cluster.sentinels()
	if len(sentinels) == 0 {
		var err error
		a.master, err = connect(ctx, a.session, serverAddress(a.cluster.Members()[0]))
		return err
	}
	var all error
	for range sentinels {
		sentinel := sentinels[a.asked%len(sentinels)]
		host, err := patiently(ctx, a.session, sentinel)
		if err == nil {
			if a.master, err = connectMaster(ctx, a.session, host); err == nil {
				return nil
			}
		}
		all = errors.Join(all, fmt.Errorf("by the word of sentinel %s: %w", sentinel, err))
		a.asked++
	}
	return all
}

// connectMaster connects to a server that says of itself that it is the master.
func connectMaster(ctx context.Context, session link.Session, host string) (*connection, error) {
	c, err := connect(ctx, session, serverAddress(host))
	if err != nil {
		return nil, err
	}
	role, err := c.do(ctx, "ROLE").Slice()
	if err == nil && (len(role) == 0 || role[0] != "master") {
		err = fmt.Errorf("%s is no master: it says %.40q", host, fmt.Sprint(role...))
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// patiently asks one sentinel, for a while.
func patiently(ctx context.Context, session link.Session, sentinel string) (host string, err error) {
	ctx, cancel := context.WithTimeout(ctx, sentinelPatience)
	defer cancel()
	return masterOf(ctx, session, sentinel)
}

// masterOf is the host of the master as a sentinel sees it.
func masterOf(ctx context.Context, session link.Session, sentinel string) (host string, err error) {
	err = ask(ctx, session, sentinelAddress(sentinel), func(s *connection) error {
		var err error
		host, err = s.masterHost(ctx)
		return err
	})
	return host, err
}

// masterHost is the host that a sentinel tells clients to go to; during a failover
// it names the promoted server before SENTINEL MASTER does.
func (c *connection) masterHost(ctx context.Context) (string, error) {
	answer, err := c.do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName).StringSlice()
	if err != nil {
		return "", err
	}
	if len(answer) != 2 {
		return "", fmt.Errorf("asked for the master's address it answered %q", answer)
	}
	return answer[0], nil
}

// Close closes the connections.
func (a *appender) Close() error {
	var err error
	for _, on := range []**connection{&a.master, &a.local} {
		if *on != nil {
			err = errors.Join(err, (*on).close())
			*on = nil
		}
	}
	return err
}
