package nats

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

// The names of the ports, and their numbers, which are those of NATS's documentation.
const (
	ClientPort = "client" // 4222
	RoutePort  = "route"  // 6222: between servers
)

const (
	clientNumber = 4222
	routeNumber  = 6222

	defaultNodes = 3
	maxNodes     = 5 // NATS allows no more replicas of a stream
)

// Always is the sync interval that syncs each message before it is acknowledged.
const Always = "always"

// Cluster is servers with one stream that has a replica on each. The zero value is
// three of the default version.
type Cluster struct {
	// Nodes is the number of servers: 1, 3 or 5. Default 3.
	Nodes int `json:"nodes,omitempty"`
	// Version is one of [Cluster.Versions].
	Version string `json:"version,omitempty"`
	// SyncInterval is how often what was written is synced to disk
	// (jetstream.sync_interval), a duration as Go writes it, for instance "10s";
	// [Always] syncs each message before its acknowledgement. Empty is the server's
	// default, two minutes.
	SyncInterval string `json:"sync_interval,omitempty"`
}

var (
	_ cluster.PodSystem      = Cluster{}
	_ cluster.Versioned      = Cluster{}
	_ cluster.LeaderFinder   = Cluster{}
	_ cluster.Viewer         = Cluster{}
	_ workloads.AppendOpener = Cluster{}
)

// SystemName is "nats".
func (Cluster) SystemName() string { return "nats" }

// SystemVersion is the version of the servers.
func (c Cluster) SystemVersion() string {
	if c.Version == "" {
		return versions[0]
	}
	return c.Version
}

// WithVersion is the same cluster in another version.
func (c Cluster) WithVersion(version string) cluster.System {
	c.Version = version
	return c
}

// versions are those offered, the default first.
var versions = []string{"2.12.1", "2.10.23", "2.15.2"}

// Versions are those offered, the default first.
func (Cluster) Versions() []string { return slices.Clone(versions) }

func (c Cluster) count() int {
	if c.Nodes == 0 {
		return defaultNodes
	}
	return c.Nodes
}

// Validate names what is wrong with the parameters and what is offered instead.
func (c Cluster) Validate() error {
	var wrong []error
	if n := c.count(); n < 1 || n > maxNodes || n%2 == 0 {
		wrong = append(wrong, fmt.Errorf("nats: Nodes is %d: want 1, 3 or %d (0 means %d)", c.Nodes, maxNodes, defaultNodes))
	}
	if !slices.Contains(versions, c.SystemVersion()) {
		wrong = append(wrong, fmt.Errorf("nats: version %q is not offered: the versions are %s", c.Version, strings.Join(versions, ", ")))
	}
	if d, err := time.ParseDuration(c.SyncInterval); c.SyncInterval != "" && c.SyncInterval != Always && (err != nil || d <= 0) {
		wrong = append(wrong, fmt.Errorf("nats: SyncInterval is %q: want a time above zero, for instance \"10s\", or nats.Always", c.SyncInterval))
	}
	return errors.Join(wrong...)
}

// NodeNames are n1, n2 and so on.
func (c Cluster) NodeNames() []string {
	var names []string
	for i := range min(max(c.count(), 0), maxNodes) {
		names = append(names, "n"+strconv.Itoa(i+1))
	}
	return names
}

// Ports are 4222 for clients and 6222 between servers.
func (Cluster) Ports() []cluster.Port {
	return []cluster.Port{
		{Name: ClientPort, Number: clientNumber},
		{Name: RoutePort, Number: routeNumber, Peer: true},
	}
}

// recipes holds a module for each minor version that builds the server. A folder
// with its own go.mod belongs to no other module and can't be embedded, hence the
// suffix that its files lose when they are written out.
//
//go:embed recipe
var recipes embed.FS

// program is the name of the server in its image.
const program = "nats"

// Image builds the server of the cluster's version, and an image of nothing else.
func (c Cluster) Image(ctx context.Context, builder cluster.ImageBuilder) (string, error) {
	failed := func(err error) (string, error) {
		return "", fmt.Errorf("make the image of nats %s: %w", c.SystemVersion(), err)
	}
	minor := c.SystemVersion()[:strings.LastIndexByte(c.SystemVersion(), '.')]
	files, err := cluster.Recipe(recipes, "recipe/"+minor)
	if err != nil {
		return failed(err)
	}
	path, err := builder.GoTemplate(ctx, "nats-"+c.SystemVersion(), files)
	if err != nil {
		return failed(err)
	}
	tag, err := builder.FromBinary(ctx, program, path)
	if err != nil {
		return failed(err)
	}
	return tag, nil
}

// PodCommand starts a server. It finds the others by their addresses, and what it
// stored in its data directory.
func (c Cluster) PodCommand(node string, at cluster.Addresses) (cluster.Command, error) {
	if !slices.Contains(c.NodeNames(), node) {
		return cluster.Command{}, fmt.Errorf("nats: there is no node %q: the nodes are %s", node, strings.Join(c.NodeNames(), ", "))
	}
	return cluster.Command{
		Args: []string{"/" + program, "-c", "/nats.conf"},
		Env:  []string{"NATS_CONFIGURATION=" + strings.Join(c.configuration(node, at), "\n")},
	}, nil
}

func (c Cluster) configuration(node string, at cluster.Addresses) []string {
	lines := []string{
		"server_name: " + node,
		fmt.Sprintf("listen: %q", at.Listen(node, ClientPort)),
		"jetstream {",
		fmt.Sprintf("  store_dir: %q", at.DataDir(node)),
		"  max_memory_store: 64MB",
		"  max_file_store: 4GB",
	}
	if c.SyncInterval != "" {
		lines = append(lines, fmt.Sprintf("  sync_interval: %q", c.SyncInterval))
	}
	lines = append(lines, "}")
	if c.count() > 1 {
		lines = append(lines, "cluster {", "  name: seatrial", fmt.Sprintf("  listen: %q", at.Listen(node, RoutePort)), "  routes: [")
		for _, peer := range c.NodeNames() {
			if peer != node {
				lines = append(lines, fmt.Sprintf("    %q", "nats://"+at.Dial(node, peer, RoutePort)))
			}
		}
		lines = append(lines, "  ]", "}")
	}
	return lines
}
