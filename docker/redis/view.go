package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/link"
)

// View is what one node says of the cluster.
type View struct {
	Node string
	// Role is "master", "slave" or "sentinel", as the node sees itself.
	Role string
	// Master is the node that it takes for the master: a server that is one names itself.
	Master string
	// Epoch is a sentinel's configuration epoch: the higher one is newer.
	Epoch uint64
	// Linked says of a replica that it is in touch with its master, and of a
	// sentinel that the master it sees is up, that its quorum can be reached and
	// that it sees every replica up.
	Linked bool
	// Replicas are those that a master is in touch with, with how long each has
	// been silent, in whole seconds as Redis reports it.
	Replicas map[string]time.Duration
	// Why says what keeps Linked from being true.
	Why string
}

// View asks the session's node how it sees the cluster.
func (c Cluster) View(ctx context.Context, session link.Session) (View, error) {
	v := View{Node: session.Node}
	var err error
	if isSentinel(session.Node) {
		err = ask(ctx, session, sentinelAddress(session.Node), func(s *connection) error { return v.ofSentinel(ctx, c.withDefaults(), s) })
	} else {
		err = ask(ctx, session, serverAddress(session.Node), func(s *connection) error { return v.ofServer(ctx, s) })
	}
	if err != nil {
		return v, fmt.Errorf("ask redis at %s how it sees the cluster: %w", session.Node, err)
	}
	return v, nil
}

func (v *View) ofServer(ctx context.Context, s *connection) error {
	text, err := s.do(ctx, "INFO", "replication").Text()
	if err != nil {
		return err
	}
	info := fields(text)
	v.Role = info["role"]
	if v.Role != "master" {
		v.Master = info["master_host"]
		v.Linked = info["master_link_status"] == "up" && info["master_sync_in_progress"] == "0"
		if !v.Linked {
			v.Why = fmt.Sprintf("its link to the master %s is %s", v.Master, info["master_link_status"])
		}
		return nil
	}
	v.Master, v.Linked, v.Replicas = v.Node, true, map[string]time.Duration{}
	for name, value := range info {
		if _, err := strconv.Atoi(strings.TrimPrefix(name, "slave")); err != nil || !strings.HasPrefix(name, "slave") {
			continue
		}
		// slave0:ip=n2,port=6379,state=online,offset=14,lag=1
		replica := map[string]string{}
		for _, part := range strings.Split(value, ",") {
			key, value, _ := strings.Cut(part, "=")
			replica[key] = value
		}
		lag, err := strconv.Atoi(replica["lag"])
		if replica["state"] == "online" && err == nil {
			v.Replicas[replica["ip"]] = time.Duration(lag) * time.Second
		}
	}
	return nil
}

// fields reads the lines name:value of INFO.
func fields(text string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			all[name] = value
		}
	}
	return all
}

func (v *View) ofSentinel(ctx context.Context, c Cluster, s *connection) error {
	v.Role = "sentinel"
	flat, err := s.do(ctx, "SENTINEL", "MASTER", masterName).StringSlice()
	if err != nil {
		return err
	}
	master := pairs(flat)
	if v.Master, err = s.masterHost(ctx); err != nil {
		return err
	}
	if v.Epoch, err = strconv.ParseUint(master["config-epoch"], 10, 64); err != nil {
		return fmt.Errorf("its configuration epoch is %q: %w", master["config-epoch"], err)
	}
	quorum := s.do(ctx, "SENTINEL", "CKQUORUM", masterName).Err()
	replicas, err := s.do(ctx, "SENTINEL", "REPLICAS", masterName).Slice()
	if err != nil {
		return err
	}
	v.judge(c, master, replicas, quorum)
	return nil
}

// judge says whether a sentinel sees everything in order.
func (v *View) judge(c Cluster, master map[string]string, replicas []any, quorum error) {
	up := 0
	var trouble string
	for _, one := range replicas {
		replica := pairs(texts(one))
		// Whom a replica follows, and whether it is in touch, a sentinel knows from
		// a report that may be ten seconds old: the replica itself is asked for that.
		if replica["flags"] == "slave" {
			up++
		} else {
			trouble = fmt.Sprintf(": %s is %s", replica["name"], replica["flags"])
		}
	}
	switch {
	case master["flags"] != "master":
		v.Why = fmt.Sprintf("it sees the master %s as %s", v.Master, master["flags"])
	case master["num-other-sentinels"] != strconv.Itoa(c.Sentinels-1):
		v.Why = fmt.Sprintf("it knows %s other sentinels of %d", master["num-other-sentinels"], c.Sentinels-1)
	case quorum != nil:
		v.Why = fmt.Sprintf("no quorum: %v", quorum)
	case up != c.Servers-1:
		v.Why = fmt.Sprintf("it sees %d of %d replicas up%s", up, c.Servers-1, trouble)
	default:
		v.Linked = true
	}
}

// pairs reads a flat list of names and values.
func pairs(flat []string) map[string]string {
	all := map[string]string{}
	for i := 0; i+1 < len(flat); i += 2 {
		all[flat[i]] = flat[i+1]
	}
	return all
}

func texts(list any) []string {
	var all []string
	items, _ := list.([]any)
	for _, item := range items {
		all = append(all, fmt.Sprint(item))
	}
	return all
}
