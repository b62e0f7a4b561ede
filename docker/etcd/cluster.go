package etcd

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/workloads"
)

// The names of the ports, and their numbers in a pod, which are etcd's defaults.
const (
	ClientPort = "client" // 2379: requests
	PeerPort   = "peer"   // 2380: raft
)

const (
	defaultNodes   = 3
	defaultVersion = "3.5.35"
	// maxNodes is above what etcd's documentation advises (7); a larger cluster
	// on one machine tests the machine.
	maxNodes = 9
)

// Cluster is an etcd cluster of fixed membership. The zero value is three nodes
// of the default version.
type Cluster struct {
	// Nodes is the number of members, 1 to 9. Default 3.
	Nodes int `json:"nodes,omitempty"`
	// Version is one of [Cluster.Versions]. Default 3.5.35.
	Version string `json:"version,omitempty"`
	// Serializable makes reads serializable: a member answers from its own store
	// without asking the leader, so a read may be stale. Writes, compare-and-sets
	// and appends are not affected.
	Serializable bool `json:"serializable,omitempty"`
}

var (
	_ cluster.PodSystem        = Cluster{}
	_ cluster.Versioned        = Cluster{}
	_ cluster.LeaderFinder     = Cluster{}
	_ workloads.RegisterOpener = Cluster{}
	_ workloads.AppendOpener   = Cluster{}
)

// SystemName is "etcd".
func (c Cluster) SystemName() string { return "etcd" }

// SystemVersion is the version of the servers.
func (c Cluster) SystemVersion() string {
	if c.Version == "" {
		return defaultVersion
	}
	return c.Version
}

// WithVersion is the same cluster in another version.
func (c Cluster) WithVersion(version string) cluster.System {
	c.Version = version
	return c
}

// Validate names what is wrong with the parameters and what is offered instead.
func (c Cluster) Validate() error {
	var wrong []error
	if c.Nodes < 0 || c.Nodes > maxNodes {
		wrong = append(wrong, fmt.Errorf("etcd: Nodes is %d: 1 to %d are possible (0 means %d)", c.Nodes, maxNodes, defaultNodes))
	}
	if _, err := recipeOf(c.SystemVersion()); err != nil {
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

// NodeNames are n1, n2 and so on.
func (c Cluster) NodeNames() []string {
	count := c.Nodes
	if count == 0 {
		count = defaultNodes
	}
	names := make([]string, 0, max(count, 0))
	for i := 1; i <= count; i++ {
		names = append(names, "n"+strconv.Itoa(i))
	}
	return names
}

// Ports are 2379 for clients and 2380 for peers.
func (c Cluster) Ports() []cluster.Port {
	return []cluster.Port{
		{Name: ClientPort, Number: 2379},
		{Name: PeerPort, Number: 2380, Peer: true},
	}
}

// PodCommand starts a member of a new cluster; a member that finds its data
// directory goes on with that. All members must be told the same peer address for
// a member, so a runtime that gives every pair of nodes its own is refused.
func (c Cluster) PodCommand(node string, at cluster.Addresses) (cluster.Command, error) {
	r, err := recipeOf(c.SystemVersion())
	if err != nil {
		return cluster.Command{}, err
	}
	names := c.NodeNames()
	if !slices.Contains(names, node) {
		return cluster.Command{}, fmt.Errorf("etcd: there is no node %q: the nodes are %s", node, strings.Join(names, ", "))
	}
	members := make([]string, 0, len(names))
	for _, member := range names {
		own, dialled := at.Dial(member, member, PeerPort), at.Dial(node, member, PeerPort)
		if own != dialled {
			return cluster.Command{}, fmt.Errorf("etcd: %s is to reach %s at %s, but %s is at %s: etcd needs one address for each member, so it runs in pods only",
				node, member, dialled, member, own)
		}
		members = append(members, member+"=http://"+dialled)
	}
	return cluster.Command{Args: []string{
		r.program,
		"--name", node,
		"--data-dir", at.DataDir(node),
		"--listen-client-urls", "http://" + at.Listen(node, ClientPort),
		"--advertise-client-urls", "http://" + at.Dial(node, node, ClientPort),
		"--listen-peer-urls", "http://" + at.Listen(node, PeerPort),
		"--initial-advertise-peer-urls", "http://" + at.Dial(node, node, PeerPort),
		"--initial-cluster", strings.Join(members, ","),
		"--initial-cluster-state", "new",
		"--initial-cluster-token", "seatrial",
		// Elections and lost peers are logged at level info, and little else is.
		// 3.4 has another logger by default.
		"--logger", "zap",
		"--log-level", "info",
		"--log-outputs", "stderr",
	}}, nil
}
