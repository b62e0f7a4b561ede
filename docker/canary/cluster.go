package canary

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/docker/canary/store"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// Cluster is a cluster of the store.
type Cluster struct {
	// Nodes is how many there are: an odd number up to 9. Zero means 3.
	Nodes int `json:"nodes,omitempty"`
	// Defect is one of [store.Defects], or "" for the correct store.
	Defect string `json:"defect,omitempty"`
}

var (
	_ cluster.PodSystem        = Cluster{}
	_ cluster.ProcessSystem    = Cluster{}
	_ cluster.LeaderFinder     = Cluster{}
	_ cluster.Defective        = Cluster{}
	_ workloads.RegisterOpener = Cluster{}
	_ workloads.AppendOpener   = Cluster{}
)

// The names and, in a pod, the numbers of the ports.
const (
	clientPort       = "client"
	peerPort         = "peer"
	clientPortNumber = 7000
	peerPortNumber   = 7001

	defaultNodes = 3
	maxNodes     = 9

	version    = "1"
	program    = "canaryd"
	programPkg = "github.com/seatrial/seatrial/docker/canary/canaryd"
)

// SystemName implements [cluster.System].
func (c Cluster) SystemName() string { return "canary" }

// SystemVersion implements [cluster.System].
func (c Cluster) SystemVersion() string { return version }

// Validate implements [cluster.System].
func (c Cluster) Validate() error {
	var problems []error
	if n := c.nodes(); n < 1 || n > maxNodes || n%2 == 0 {
		problems = append(problems, fmt.Errorf("canary: %d nodes: want an odd number from 1 to %d", n, maxNodes))
	}
	if err := store.CheckDefect(c.Defect); err != nil {
		problems = append(problems, fmt.Errorf("canary: %w", err))
	}
	return errors.Join(problems...)
}

func (c Cluster) nodes() int {
	if c.Nodes == 0 {
		return defaultNodes
	}
	return c.Nodes
}

// NodeNames implements [cluster.System].
func (c Cluster) NodeNames() []string {
	names := make([]string, 0, maxNodes)
	for i := range min(c.nodes(), maxNodes) {
		names = append(names, "n"+strconv.Itoa(i+1))
	}
	return names
}

// Ports implements [cluster.System].
func (c Cluster) Ports() []cluster.Port {
	return []cluster.Port{
		{Name: clientPort, Number: clientPortNumber},
		{Name: peerPort, Number: peerPortNumber, Peer: true},
	}
}

// Ready implements [cluster.System]: it takes a leader, a majority, a way from the
// session's node to both, and that this node has caught up with them. So what its
// own table lacks afterwards is not merely late.
func (c Cluster) Ready(ctx context.Context, session link.Session) error {
	asking := &client{session: session}
	defer asking.Close()
	if _, err := asking.do(ctx, store.Request{Op: store.OpSync}); err != nil {
		return fmt.Errorf("canary: ask %s whether it serves: %w", session.Node, err)
	}
	return nil
}

// Leader implements [cluster.LeaderFinder] from what the session's node believes.
func (c Cluster) Leader(ctx context.Context, session link.Session) (node string, term uint64, err error) {
	asking := &client{session: session}
	defer asking.Close()
	status, err := asking.do(ctx, store.Request{Op: store.OpStatus})
	if err != nil {
		return "", 0, fmt.Errorf("canary: ask %s who leads: %w", session.Node, err)
	}
	return status.Leader, status.Term, nil
}

// OpenRegister implements [workloads.RegisterOpener]. It connects at the first operation.
func (c Cluster) OpenRegister(_ context.Context, session link.Session) (workloads.Register, error) {
	return &register{client{session: session}}, nil
}

// OpenAppender implements [workloads.AppendOpener]. It connects at the first operation.
func (c Cluster) OpenAppender(_ context.Context, session link.Session) (workloads.Appender, error) {
	return &appender{client{session: session}}, nil
}

// Defects implements [cluster.Defective]; it is the table of [store.Defects].
func (c Cluster) Defects() []cluster.Defect {
	var defects []cluster.Defect
	for _, d := range store.Defects() {
		defects = append(defects, cluster.Defect{Name: d.Name, About: d.Breaks, CaughtBy: d.CaughtBy})
	}
	return defects
}

// WithDefect implements [cluster.Defective]; "" is the correct store.
func (c Cluster) WithDefect(name string) cluster.System {
	c.Defect = name
	return c
}

// Program implements [cluster.ProcessSystem].
func (c Cluster) Program(ctx context.Context, builder cluster.ProgramBuilder) (string, error) {
	path, err := builder.GoPackage(ctx, programPkg)
	if err != nil {
		return "", fmt.Errorf("canary: build the store: %w", err)
	}
	return path, nil
}

// ProcessCommand implements [cluster.ProcessSystem].
func (c Cluster) ProcessCommand(node string, at cluster.Addresses) (cluster.Command, error) {
	return c.command(program, node, at)
}

// Image implements [cluster.PodSystem]: the binary and nothing else.
func (c Cluster) Image(ctx context.Context, builder cluster.ImageBuilder) (string, error) {
	binary, err := c.Program(ctx, builder)
	if err != nil {
		return "", err
	}
	tag, err := builder.FromBinary(ctx, program, binary)
	if err != nil {
		return "", fmt.Errorf("canary: make the image: %w", err)
	}
	return tag, nil
}

// PodCommand implements [cluster.PodSystem].
func (c Cluster) PodCommand(node string, at cluster.Addresses) (cluster.Command, error) {
	return c.command("/"+program, node, at)
}

func (c Cluster) command(path, node string, at cluster.Addresses) (cluster.Command, error) {
	if err := c.Validate(); err != nil {
		return cluster.Command{}, err
	}
	var peers []string
	known := false
	for _, peer := range c.NodeNames() {
		peers = append(peers, peer+"="+at.Dial(node, peer, peerPort))
		known = known || peer == node
	}
	if !known {
		return cluster.Command{}, fmt.Errorf("canary: no node %q: there are %s", node, strings.Join(c.NodeNames(), ", "))
	}
	args := []string{
		path,
		"--node", node,
		"--client-listen", at.Listen(node, clientPort),
		"--peer-listen", at.Listen(node, peerPort),
		"--peers", strings.Join(peers, ","),
		"--data", at.DataDir(node),
	}
	if c.Defect != "" {
		args = append(args, "--defect", c.Defect)
	}
	return cluster.Command{Args: args}, nil
}
