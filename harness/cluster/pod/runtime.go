package pod

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/build"
	"github.com/seatrial/seatrial/harness/disk"
)

// Runtime runs systems in pods. The zero value is ready.
type Runtime struct {
	// Builder builds the programs of images; nil is a [build.Builder] for the
	// engine's architecture.
	Builder cluster.ProgramBuilder
}

// startLimit bounds a start once its images are there.
const startLimit = 2 * time.Minute

// labelCluster tells the clusters of one run apart: closing one leaves the others.
const labelCluster = "io.seatrial.cluster"

// The roles, in [cluster.LabelRole].
const (
	roleAgent   = "agent"
	roleNode    = "node"
	roleNetwork = "network"
	roleTrial   = "trial"
)

// RuntimeName implements [cluster.Runtime].
func (Runtime) RuntimeName() string { return "pod" }

// Available implements [cluster.Runtime].
func (Runtime) Available(ctx context.Context) error {
	if err := available(ctx); err != nil {
		return fmt.Errorf("the pod runtime can't be used here: %w", err)
	}
	return nil
}

// Start implements [cluster.Runtime].
func (r Runtime) Start(ctx context.Context, system cluster.System, options cluster.Options) (cluster.Cluster, error) {
	pods, err := checkStart(system, options)
	if err != nil {
		return nil, err
	}
	options.Log = oneAtATime(options.Log)
	if err := r.Available(ctx); err != nil {
		return nil, err
	}
	docker, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	images, err := r.images(ctx, docker, options)
	if err != nil {
		return nil, err
	}
	c, err := newRunning(pods, options, docker)
	if err != nil {
		return nil, err
	}
	if err := c.makeImages(ctx, images); err != nil {
		return nil, fmt.Errorf("start %s in pods: %w", system.SystemName(), err)
	}
	if err := c.start(ctx); err != nil {
		// The cause may be that the context ended: what was made must go anyway.
		return nil, errors.Join(fmt.Errorf("start %s in pods: %w", system.SystemName(), err), c.Close(context.WithoutCancel(ctx)))
	}
	return c, nil
}

// oneAtATime lets the parts of a start, which go on at once, share the caller's log.
func oneAtATime(log func(string)) func(string) {
	if log == nil {
		return func(string) {}
	}
	var mu sync.Mutex
	return func(line string) {
		mu.Lock()
		defer mu.Unlock()
		log(line)
	}
}

// nodeName is what docker's resolver, a host's name and a flow can all be called.
var nodeName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// checkStart finds what would otherwise fail late or in a pod.
func checkStart(system cluster.System, options cluster.Options) (cluster.PodSystem, error) {
	name := system.SystemName()
	pods, ok := system.(cluster.PodSystem)
	if !ok {
		return nil, fmt.Errorf("%s does not run in pods, because it is no cluster.PodSystem: use the process runtime", name)
	}
	if options.Owner == nil || options.Owner.Token == "" {
		return nil, fmt.Errorf("start %s: the options name no owner with a token: make one with cluster.NewOwner", name)
	}
	if err := system.Validate(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	nodes := system.NodeNames()
	if len(nodes) == 0 {
		return nil, fmt.Errorf("start %s: it has no nodes", name)
	}
	seen := map[string]bool{}
	for _, node := range nodes {
		if !nodeName.MatchString(node) || seen[node] {
			return nil, fmt.Errorf("start %s: a node can't be called %q: use each name once, of up to 32 lower case letters, digits and dashes", name, node)
		}
		seen[node] = true
	}
	for _, port := range system.Ports() {
		if port.Number < 1 || port.Number > 65535 {
			return nil, fmt.Errorf("start %s: its port %q has the number %d", name, port.Name, port.Number)
		}
		if options.Disk && port.Number == disk.Port {
			return nil, fmt.Errorf("start %s: its port %q has the number %d, on which the disk of a node takes what a run asks of it: give it another", name, port.Name, port.Number)
		}
	}
	return pods, nil
}

// images is the image builder for the engine.
func (r Runtime) images(ctx context.Context, docker *testcontainers.DockerClient, options cluster.Options) (*Images, error) {
	builder := r.Builder
	if builder == nil {
		version, err := docker.ServerVersion(ctx, client.ServerVersionOptions{})
		if err != nil {
			return nil, fmt.Errorf("ask the engine for its architecture: %w", err)
		}
		builder = build.Builder{GOARCH: version.Arch, TempDir: options.Owner.Scratch, Log: options.Log}
	}
	return &Images{ProgramBuilder: builder, docker: docker, log: options.Log}, nil
}

func newRunning(system cluster.PodSystem, options cluster.Options, docker *testcontainers.DockerClient) (*running, error) {
	var serial [3]byte
	if _, err := rand.Read(serial[:]); err != nil {
		return nil, fmt.Errorf("draw a cluster's identifier: %w", err)
	}
	c := &running{
		system: system, options: options, docker: docker,
		id:     options.Owner.Run + "-" + hex.EncodeToString(serial[:]),
		byName: map[string]*pod{},
	}
	for _, name := range system.NodeNames() {
		p := &pod{name: name}
		c.pods, c.byName[name] = append(c.pods, p), p
	}
	c.network = &network{pods: c.pods, byName: c.byName, ports: c.system.Ports(), streams: options.Streams, names: options.Names}
	return c, nil
}

// names of containers are for people; nothing is found by them.
func (c *running) containerName(node, role string) string {
	return strings.Join([]string{"seatrial", c.id, node, role}, "-")
}
