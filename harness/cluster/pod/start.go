package pod

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	mobynet "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
	tcnet "github.com/testcontainers/testcontainers-go/network"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/disk"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// makeLimit bounds the making of one container or network.
const makeLimit = 30 * time.Second

// The limits of containers. A node's memory and processors are in cluster.Options.
const (
	nodeMemory  = 1 << 30
	nodePIDs    = 4096
	agentMemory = 512 << 20
	agentPIDs   = 1024
)

// makeImages makes sure of the agent's and the system's image, at the same time.
func (c *running) makeImages(ctx context.Context, images *Images) error {
	var agentErr, diskErr error
	var wait sync.WaitGroup
	wait.Go(func() { c.agentImage, agentErr = images.agentImage(ctx) })
	if c.options.Disk {
		wait.Go(func() { diskErr = c.makeDisk(ctx, images) })
	}
	image, err := c.system.Image(ctx, images)
	wait.Wait()
	if err != nil {
		err = fmt.Errorf("make the image of %s %s: %w", c.system.SystemName(), c.system.SystemVersion(), err)
	}
	c.image = image
	return errors.Join(err, agentErr, diskErr)
}

// start brings everything up. What it made is found by its labels, so an error
// needs no undoing here.
func (c *running) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("the pods were not up within %v", startLimit))
	defer cancel()
	if err := c.layOut(); err != nil {
		return err
	}
	if err := c.setUpDisks(ctx); err != nil {
		return err
	}
	began := time.Now()
	if err := c.makeNetwork(ctx); err != nil {
		return err
	}
	if err := each(ctx, c.pods, c.startAgent); err != nil {
		return err
	}
	c.beat()
	if err := each(ctx, c.pods, c.configure); err != nil {
		return err
	}
	agents := time.Since(began)
	err := each(ctx, c.pods, func(ctx context.Context, p *pod) error {
		if err := p.container.Start(ctx); err != nil {
			return fmt.Errorf("start node %s: %w", p.name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.options.Log(fmt.Sprintf("%d pods up after %v (agents %v), reached at %s",
		len(c.pods), time.Since(began).Round(time.Millisecond), agents.Round(time.Millisecond), c.pods[0].agent.Address))
	return nil
}

// layOut asks the system how each node is started.
func (c *running) layOut() error {
	at := addresses{ports: c.system.Ports()}
	for _, p := range c.pods {
		command, err := c.system.PodCommand(p.name, at)
		if err != nil {
			return fmt.Errorf("lay out node %s: %w", p.name, err)
		}
		if len(command.Args) == 0 {
			return fmt.Errorf("lay out node %s: its command is empty", p.name)
		}
		p.command = command
	}
	return nil
}

func (c *running) makeNetwork(ctx context.Context) error {
	making, cancel := uncut(ctx)
	defer cancel()
	made, err := tcnet.New(making, tcnet.WithLabels(c.labels(roleNetwork, "")))
	if err != nil {
		if strings.Contains(err.Error(), "address pool") {
			err = fmt.Errorf("%w: the engine has no addresses left, remove networks that nobody uses", err)
		}
		return fmt.Errorf("make the run's network: %w", err)
	}
	seen, err := c.docker.NetworkInspect(ctx, made.ID, client.NetworkInspectOptions{})
	if err != nil {
		return fmt.Errorf("inspect the run's network: %w", err)
	}
	var gateway netip.Addr
	for _, config := range seen.Network.IPAM.Config {
		gateway = config.Gateway
	}
	c.networkName = made.Name
	c.place = here(gateway, engineHost(c.docker))
	return nil
}

// uncut is a context for making something: the engine finishes what it was asked
// for, also when nobody waits any more, and the cleaning up would come too early.
func uncut(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() != nil {
		return context.WithCancel(ctx) // nothing new is begun
	}
	return context.WithTimeout(context.WithoutCancel(ctx), makeLimit)
}

func (c *running) labels(role, node string) map[string]string {
	labels := c.options.Owner.Labels(role, node)
	labels[labelCluster] = c.id
	return labels
}

// startAgent starts a pod's agent, makes the node's container beside it, and
// waits until the agent answers.
func (c *running) startAgent(ctx context.Context, p *pod) error {
	making, cancel := uncut(ctx)
	defer cancel()
	made, err := testcontainers.GenericContainer(making, c.agentRequest(p))
	if err != nil {
		return fmt.Errorf("start the agent of %s: %w", p.name, err)
	}
	p.agentID = made.GetContainerID()
	seen, err := c.docker.ContainerInspect(ctx, p.agentID, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("inspect the agent of %s: %w", p.name, err)
	}
	endpoint := seen.Container.NetworkSettings.Networks[c.networkName]
	if endpoint == nil || !endpoint.IPAddress.IsValid() {
		return fmt.Errorf("start the agent of %s: %w", p.name, c.ended(ctx, p.agentID, "it has no address"))
	}
	p.address = endpoint.IPAddress
	published := ""
	if bindings := seen.Container.NetworkSettings.Ports[controlPort]; len(bindings) > 0 {
		published = bindings[0].HostPort
	}
	reached := make(chan error, 1)
	go func() {
		var err error
		candidates := c.place.candidates(p.address, published)
		p.agent, p.info, err = reach(ctx, candidates, c.options.Owner.Token, func() error { return c.agentRuns(ctx, p) })
		reached <- err
	}()
	err = c.makeNode(ctx, p)
	if reachErr := <-reached; reachErr != nil {
		err = errors.Join(err, fmt.Errorf("reach the agent of %s: %w", p.name, reachErr))
	}
	return err
}

var controlPort = mobynet.MustParsePort(fmt.Sprintf("%d/tcp", wire.ControlPort))

func (c *running) agentRequest(p *pod) testcontainers.GenericContainerRequest {
	return testcontainers.GenericContainerRequest{
		Started: true,
		Logger:  tclog.NewNoopLogger(),
		ContainerRequest: testcontainers.ContainerRequest{
			Image:          c.agentImage,
			Name:           c.containerName(p.name, roleAgent),
			Entrypoint:     []string{"/" + agentName},
			Env:            map[string]string{wire.EnvToken: c.options.Owner.Token},
			Labels:         c.labels(roleAgent, p.name),
			ExposedPorts:   []string{controlPort.String()},
			Networks:       []string{c.networkName},
			NetworkAliases: map[string][]string{c.networkName: {p.name}},
			// The node's container inherits the name, and with it /etc/hosts.
			ConfigModifier: func(config *container.Config) { config.Hostname = p.name },
			HostConfigModifier: func(host *container.HostConfig) {
				host.NetworkMode = container.NetworkMode(c.networkName)
				host.PortBindings = mobynet.PortMap{controlPort: {{HostIP: c.place.bind(), HostPort: "0"}}}
				host.CapDrop = []string{"ALL"}
				host.CapAdd = []string{"NET_ADMIN", "NET_RAW"}
				host.SecurityOpt = []string{"no-new-privileges"}
				host.ReadonlyRootfs = true
				host.Resources = limits(agentMemory, 0, agentPIDs)
				host.LogConfig = logLimit("4m")
			},
		},
	}
}

// makeNode makes a node's container in its agent's namespace, without starting it.
func (c *running) makeNode(ctx context.Context, p *pod) error {
	env := map[string]string{}
	for _, pair := range p.command.Env {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	memory := c.options.MemoryBytes
	if memory == 0 {
		memory = nodeMemory
	}
	making, cancel := uncut(ctx)
	defer cancel()
	request := testcontainers.GenericContainerRequest{
		Logger: tclog.NewNoopLogger(),
		ContainerRequest: testcontainers.ContainerRequest{
			Image:      c.image,
			Name:       c.containerName(p.name, roleNode),
			Entrypoint: p.command.Args[:1],
			Cmd:        p.command.Args[1:],
			Env:        env,
			Labels:     c.labels(roleNode, p.name),
			HostConfigModifier: func(host *container.HostConfig) {
				host.NetworkMode = container.NetworkMode("container:" + p.agentID)
				host.Resources = limits(memory, c.options.CPUs, nodePIDs)
				host.LogConfig = logLimit("64m")
			},
		},
	}
	if c.disk.on() {
		c.putBehindDisk(&request.ContainerRequest, p)
	}
	made, err := testcontainers.GenericContainer(making, request)
	if err != nil {
		return fmt.Errorf("make the container of node %s from %s: %w", p.name, c.image, err)
	}
	p.container, p.nodeID = made, made.GetContainerID()
	return c.makeDataDir(ctx, p)
}

// makeDataDir makes the data directory where the image has none; one that is
// there keeps its owner and mode.
func (c *running) makeDataDir(ctx context.Context, p *pod) error {
	_, err := c.docker.ContainerStatPath(ctx, p.nodeID, client.ContainerStatPathOptions{Path: DataDir})
	if err == nil {
		return nil
	}
	if !errdefs.IsNotFound(err) {
		return fmt.Errorf("look for %s of node %s: %w", DataDir, p.name, err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(DataDir, "/") + "/", Mode: 0o777})
	if err = errors.Join(err, w.Close()); err == nil {
		_, err = c.docker.CopyToContainer(ctx, p.nodeID, client.CopyToContainerOptions{DestinationPath: "/", Content: &archive})
	}
	if err != nil {
		return fmt.Errorf("make %s of node %s: %w", DataDir, p.name, err)
	}
	return nil
}

func limits(memory int64, cpus float64, pids int64) container.Resources {
	// MemorySwap is memory and swap together: the same means no swap.
	return container.Resources{Memory: memory, MemorySwap: memory, NanoCPUs: int64(cpus * 1e9), PidsLimit: &pids}
}

func logLimit(size string) container.LogConfig {
	return container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": size, "max-file": "2"}}
}

// agentRuns says why an agent will never answer.
func (c *running) agentRuns(ctx context.Context, p *pod) error {
	seen, err := c.docker.ContainerInspect(ctx, p.agentID, client.ContainerInspectOptions{})
	if err != nil || seen.Container.State.Running {
		return err
	}
	return c.ended(ctx, p.agentID, fmt.Sprintf("it ended with status %d", seen.Container.State.ExitCode))
}

// configure tells an agent where it is.
func (c *running) configure(ctx context.Context, p *pod) error {
	config := wire.Config{Node: link.End(p.name), Peers: map[link.End][]netip.Addr{}, Streams: c.options.Streams, Names: c.options.Names}
	for _, other := range c.pods {
		if other != p {
			config.Peers[link.End(other.name)] = []netip.Addr{other.address}
		}
	}
	for _, port := range c.system.Ports() {
		config.DeclaredPorts = append(config.DeclaredPorts, uint16(port.Number))
		if port.Peer {
			config.PeerPorts = append(config.PeerPorts, uint16(port.Number))
		}
	}
	if c.disk.on() {
		config.DeclaredPorts = append(config.DeclaredPorts, disk.Port)
	}
	if err := p.agent.Configure(ctx, config); err != nil {
		return fmt.Errorf("configure the agent of %s: %w", p.name, err)
	}
	return nil
}

// each does something to all pods at once. The first error ends the others, and
// what they say of that is left out.
func each(ctx context.Context, pods []*pod, do func(context.Context, *pod) error) error {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(pods))
	for _, p := range pods {
		go func() { errs <- do(within, p) }()
	}
	var all error
	for range pods {
		err := <-errs
		if err == nil || all != nil && ctx.Err() == nil && errors.Is(err, context.Canceled) {
			continue
		}
		all = errors.Join(all, err)
		cancel()
	}
	if cause := context.Cause(ctx); all != nil && cause != nil && !errors.Is(all, cause) {
		all = errors.Join(cause, all)
	}
	return all
}

// addresses implements [cluster.Addresses].
type addresses struct{ ports []cluster.Port }

// DataDir is where every node keeps its state, in its own container.
const DataDir = "/data"

func (a addresses) Listen(_, port string) string   { return "0.0.0.0:" + a.number(port) }
func (a addresses) Dial(_, to, port string) string { return to + ":" + a.number(port) }
func (a addresses) DataDir(string) string          { return DataDir }

// number of a port; an unknown name stays, so that the program's own complaint shows it.
func (a addresses) number(name string) string {
	for _, port := range a.ports {
		if port.Name == name {
			return fmt.Sprint(port.Number)
		}
	}
	return name
}
