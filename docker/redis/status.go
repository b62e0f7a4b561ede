package redis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/link"
)

// Ready asks the session's node. A sentinel must see the master, every replica and
// its quorum. A server must be the master that every sentinel names, with every
// other server in touch, or a replica of it that is in touch. So an old master
// that was not told yet is not ready, and no server is while sentinels disagree.
func (c Cluster) Ready(ctx context.Context, session link.Session) error {
	c = c.withDefaults()
	v, err := c.View(ctx, session)
	if err != nil {
		return err
	}
	if !v.Linked {
		return fmt.Errorf("redis at %s is not ready: %s", session.Node, v.Why)
	}
	if v.Role == "sentinel" {
		return nil
	}
	for _, sentinel := range c.sentinels() {
		master, err := patiently(ctx, session, sentinel)
		if err != nil {
			return fmt.Errorf("redis at %s is not ready: ask sentinel %s who is master: %w", session.Node, sentinel, err)
		}
		if master != v.Master {
			return fmt.Errorf("redis at %s is not ready: it takes %s for the master, and sentinel %s takes %s", session.Node, v.Master, sentinel, master)
		}
	}
	switch {
	case v.Role == "master" && len(v.Replicas) < c.Servers-1:
		return fmt.Errorf("redis at %s is not ready: the master is in touch with %d of %d replicas", session.Node, len(v.Replicas), c.Servers-1)
	}
	return nil
}

// Leader is the master that the session's node believes in. The word of a
// sentinel, with its configuration epoch, outweighs that of a server.
func (c Cluster) Leader(ctx context.Context, session link.Session) (node string, term uint64, err error) {
	v, err := c.View(ctx, session)
	switch {
	case err != nil:
		return "", 0, err
	case v.Role == "sentinel":
		return v.Master, v.Epoch + 1, nil
	case v.Role == "master":
		return v.Node, 0, nil
	}
	return "", 0, nil // a replica knows only whom it follows
}

// Seen implements [cluster.Viewer].
func (c Cluster) Seen(ctx context.Context, session link.Session) (string, error) {
	v, err := c.View(ctx, session)
	if err != nil {
		return "", err
	}
	return v.String(), nil
}

// String says it in a few words.
func (v View) String() string {
	switch v.Role {
	case "sentinel":
		return fmt.Sprintf("master %s, epoch %d", v.Master, v.Epoch)
	case "master":
		var replicas []string
		for _, node := range slices.Sorted(maps.Keys(v.Replicas)) {
			replicas = append(replicas, fmt.Sprintf("%s lag %v", node, v.Replicas[node]))
		}
		if len(replicas) == 0 {
			return "master without replicas"
		}
		return "master of " + strings.Join(replicas, " and ")
	}
	if !v.Linked {
		return "replica, out of touch with " + v.Master
	}
	return "replica of " + v.Master
}
