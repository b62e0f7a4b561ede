package redis

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/workloads"
)

// The names of the ports, and their numbers, which are Redis's defaults. Every
// node has both; a server listens on the first and a sentinel on the second.
const (
	ServerPort   = "server"   // 6379
	SentinelPort = "sentinel" // 26379
)

const (
	serverNumber   = 6379
	sentinelNumber = 26379

	version = "7.0.15"
	// masterName is the name under which the sentinels watch the servers.
	masterName = "main"

	defaultServers         = 3
	defaultSentinels       = 3
	defaultDownAfter       = time.Second
	defaultFailoverTimeout = 2 * time.Second
	maxServers             = 9
)

// Cluster is servers that replicate asynchronously, with sentinels that promote
// one when the master is gone; or one server alone.
type Cluster struct {
	// Servers is how many hold data, 1 to 9. Default 3. One alone has no sentinels.
	Servers int `json:"servers,omitempty"`
	// Sentinels is how many watch, an odd number from 3 to 9. Default 3. The quorum
	// is a majority of them.
	Sentinels int `json:"sentinels,omitempty"`
	// MinReplicasToWrite is how many replicas must be in touch for the master to
	// accept a write (min-replicas-to-write). Default 0: none.
	MinReplicasToWrite int `json:"min_replicas_to_write,omitempty"`
	// MinReplicasMaxLag is how long a replica may be silent and still count as in
	// touch (min-replicas-max-lag), in whole seconds. Default 10 s.
	MinReplicasMaxLag time.Duration `json:"min_replicas_max_lag,omitempty"`
	// DownAfter is how long a sentinel waits for an answer before it takes a server
	// for down (down-after-milliseconds). Default 1 s; Redis's own is 30 s.
	DownAfter time.Duration `json:"down_after,omitempty"`
	// FailoverTimeout is after how long a failover that does not get on is tried
	// again: twice this (failover-timeout). Default 2 s, because sentinels that see
	// a master go at the same instant often split their votes, and then none is
	// promoted until the next try; Redis's own is 3 min.
	FailoverTimeout time.Duration `json:"failover_timeout,omitempty"`
	// AppendOnly keeps a log of writes on disk (appendonly), and Fsync says when it
	// is synced (appendfsync): "always", "everysec" (the default) or "no".
	AppendOnly bool   `json:"append_only,omitempty"`
	Fsync      string `json:"fsync,omitempty"`
}

var (
	_ cluster.PodSystem      = Cluster{}
	_ cluster.Membered       = Cluster{}
	_ cluster.LeaderFinder   = Cluster{}
	_ cluster.Viewer         = Cluster{}
	_ cluster.Leisurely      = Cluster{}
	_ workloads.AppendOpener = Cluster{}
)

// Beyond is what the sentinels need to find each other, and to tell an old master
// that it is none any more: they do that after 8 s of its saying so.
func (Cluster) Beyond() time.Duration { return 30 * time.Second }

func (c Cluster) withDefaults() Cluster {
	if c.Servers == 0 {
		c.Servers = defaultServers
	}
	if c.Sentinels == 0 && c.Servers > 1 {
		c.Sentinels = defaultSentinels
	}
	if c.MinReplicasMaxLag == 0 {
		c.MinReplicasMaxLag = 10 * time.Second
	}
	if c.DownAfter == 0 {
		c.DownAfter = defaultDownAfter
	}
	if c.FailoverTimeout == 0 {
		c.FailoverTimeout = defaultFailoverTimeout
	}
	if c.Fsync == "" {
		c.Fsync = "everysec"
	}
	return c
}

// SystemName is "redis".
func (Cluster) SystemName() string { return "redis" }

// SystemVersion is the version of Debian 12's packages.
func (Cluster) SystemVersion() string { return version }

// Validate names what is wrong with the parameters.
func (c Cluster) Validate() error {
	alone := c.Servers == 1
	c = c.withDefaults()
	var wrong []error
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf("redis: "+format, args...)) }
	if c.Servers < 1 || c.Servers > maxServers {
		say("Servers is %d: 1 to %d are possible (0 means %d)", c.Servers, maxServers, defaultServers)
	}
	switch {
	case alone && c.Sentinels != 0:
		say("Sentinels is %d: one server alone has nobody to fail over to, leave it 0", c.Sentinels)
	case !alone && (c.Sentinels < 3 || c.Sentinels > maxServers || c.Sentinels%2 == 0):
		say("Sentinels is %d: want an odd number from 3 to %d", c.Sentinels, maxServers)
	}
	if c.MinReplicasToWrite < 0 || c.MinReplicasToWrite >= max(c.Servers, 1) {
		say("MinReplicasToWrite is %d of %d replicas: the master would never accept a write", c.MinReplicasToWrite, c.Servers-1)
	}
	if lag := c.MinReplicasMaxLag; lag < time.Second || lag%time.Second != 0 {
		say("MinReplicasMaxLag is %v: Redis takes whole seconds, from 1 s", lag)
	}
	if c.DownAfter < time.Millisecond || c.FailoverTimeout < time.Millisecond {
		say("DownAfter %v and FailoverTimeout %v must be at least 1 ms", c.DownAfter, c.FailoverTimeout)
	}
	if !slices.Contains([]string{"always", "everysec", "no"}, c.Fsync) {
		say("Fsync %q is none of always, everysec, no", c.Fsync)
	}
	return errors.Join(wrong...)
}

// Members are the servers.
func (c Cluster) Members() []string { return names("n", c.withDefaults().Servers) }

func (c Cluster) sentinels() []string { return names("s", c.withDefaults().Sentinels) }

// NodeNames are the servers n1, n2 … and the sentinels s1, s2 ….
func (c Cluster) NodeNames() []string { return append(c.Members(), c.sentinels()...) }

func names(prefix string, count int) []string {
	var all []string
	for i := range min(count, maxServers) {
		all = append(all, prefix+strconv.Itoa(i+1))
	}
	return all
}

func isSentinel(node string) bool { return strings.HasPrefix(node, "s") }

// Ports are 6379 of servers and 26379 of sentinels; both are dialled by other nodes.
func (Cluster) Ports() []cluster.Port {
	return []cluster.Port{
		{Name: ServerPort, Number: serverNumber, Peer: true},
		{Name: SentinelPort, Number: sentinelNumber, Peer: true},
	}
}

//go:embed image
var image embed.FS

// Image builds the image from Debian's packages.
func (Cluster) Image(ctx context.Context, builder cluster.ImageBuilder) (string, error) {
	files, err := cluster.Recipe(image, "image")
	if err != nil {
		return "", fmt.Errorf("redis: %w", err)
	}
	tag, err := builder.FromDockerfile(ctx, "redis", files)
	if err != nil {
		return "", fmt.Errorf("redis: make the image: %w", err)
	}
	return tag, nil
}

// PodCommand starts a server or a sentinel. Its configuration is written at the
// first start only.
func (c Cluster) PodCommand(node string, at cluster.Addresses) (cluster.Command, error) {
	if !slices.Contains(c.NodeNames(), node) {
		return cluster.Command{}, fmt.Errorf("redis: there is no node %q: the nodes are %s", node, strings.Join(c.NodeNames(), ", "))
	}
	program, file, lines := "/usr/bin/redis-server", "redis.conf", c.serverConfiguration(node, at.DataDir(node))
	if isSentinel(node) {
		program, file, lines = "/usr/bin/redis-sentinel", "sentinel.conf", c.sentinelConfiguration(node, at.DataDir(node))
	}
	return cluster.Command{
		Args: []string{"/usr/local/bin/once", at.DataDir(node) + "/" + file, program},
		Env:  []string{"CONFIGURATION=" + strings.Join(lines, "\n")},
	}, nil
}

func (c Cluster) serverConfiguration(node, data string) []string {
	c = c.withDefaults()
	lines := []string{
		"port " + strconv.Itoa(serverNumber),
		"bind 0.0.0.0",
		"protected-mode no",
		"dir " + data,
		`save ""`,
		"appendonly " + yes(c.AppendOnly),
		"appendfsync " + c.Fsync,
		"repl-diskless-sync-delay 0",
		"replica-announce-ip " + node,
		"min-replicas-to-write " + strconv.Itoa(c.MinReplicasToWrite),
		"min-replicas-max-lag " + strconv.Itoa(int(c.MinReplicasMaxLag/time.Second)),
	}
	if first := c.Members()[0]; node != first {
		lines = append(lines, fmt.Sprintf("replicaof %s %d", first, serverNumber))
	}
	return lines
}

func (c Cluster) sentinelConfiguration(node, data string) []string {
	c = c.withDefaults()
	return []string{
		"port " + strconv.Itoa(sentinelNumber),
		"bind 0.0.0.0",
		"protected-mode no",
		"dir " + data,
		"sentinel resolve-hostnames yes",
		"sentinel announce-hostnames yes",
		"sentinel announce-ip " + node,
		fmt.Sprintf("sentinel monitor %s %s %d %d", masterName, c.Members()[0], serverNumber, c.Sentinels/2+1),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", masterName, c.DownAfter.Milliseconds()),
		fmt.Sprintf("sentinel failover-timeout %s %d", masterName, c.FailoverTimeout.Milliseconds()),
	}
}

func yes(on bool) string {
	if on {
		return "yes"
	}
	return "no"
}
