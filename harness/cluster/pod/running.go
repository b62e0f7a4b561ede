package pod

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// running implements [cluster.Cluster].
type running struct {
	system  cluster.PodSystem
	options cluster.Options
	docker  *testcontainers.DockerClient
	id      string // of this cluster, in labelCluster

	image, agentImage string
	disk              diskSetup
	networkName       string
	place             place
	pods              []*pod
	byName            map[string]*pod
	network           *network

	stopBeats context.CancelFunc // nil before the first beat
	beats     sync.WaitGroup

	closing sync.Mutex
	closed  bool // everything is removed; guarded by closing
}

// pod is an agent and a node. All but the flags is set once, during the start.
type pod struct {
	name    string
	command cluster.Command
	address netip.Addr

	agentID string
	agent   *wire.Agent
	info    wire.Info

	nodeID    string
	container testcontainers.Container

	freezing sync.Mutex  // is held while the node is paused and resumed
	frozen   atomic.Bool // the last of the two was a pause, and it has not ended since

	suspended atomic.Bool // its first process was sent SIGSTOP in this life
	starved   atomic.Bool // the engine said when this life began that it was out of memory
	goesOn    atomic.Bool // it is to be sent SIGCONT when it is resumed

	disk podDisk
}

func (c *running) System() cluster.System { return c.system }

func (c *running) Dialer() link.Dialer { return dialer{c} }

func (c *running) Network() cluster.Network { return c.network }

func (c *running) pod(node string) (*pod, error) {
	p := c.byName[node]
	if p == nil {
		return nil, fmt.Errorf("%q is no node of this cluster of %v", node, c.system.NodeNames())
	}
	return p, nil
}

// beat tells every agent, and every disk under a rule, that the run lives, until Close.
func (c *running) beat() {
	ctx, cancel := context.WithCancel(context.Background())
	c.stopBeats = cancel
	for _, p := range c.pods {
		if c.disk.on() {
			c.beats.Go(func() { c.beatDisk(ctx, p) })
		}
		c.beats.Go(func() {
			ticker := time.NewTicker(wire.HeartbeatEvery)
			defer ticker.Stop()
			for silent := false; ; {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
				}
				err := p.agent.Heartbeat(ctx)
				if ctx.Err() != nil {
					return
				}
				if (err != nil) != silent { // said once, not every two seconds
					silent = err != nil
					c.sayBeat(p, err)
				}
			}
		})
	}
}

func (c *running) sayBeat(p *pod, err error) {
	if err == nil {
		c.options.Log("the agent of " + p.name + " answers again")
		return
	}
	c.options.Log(fmt.Sprintf("the agent of %s does not take heartbeats: %v; without one it undoes its effects after %v and ends after %v",
		p.name, err, wire.HealAfter, wire.ExitAfter))
}

// Close implements [cluster.Cluster]. What is to be removed is found by label, so
// that a container is found, too, whose making was cut short.
func (c *running) Close(ctx context.Context) error {
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.closed {
		return nil
	}
	if c.stopBeats != nil {
		c.stopBeats()
		c.beats.Wait()
	}
	for _, p := range c.pods {
		if p.agent != nil {
			_ = p.agent.Close() // drops idle connections; its result says nothing of the cluster
		}
	}
	filter := make(client.Filters).Add("label", labelCluster+"="+c.id)
	if _, err := removeAll(ctx, c.docker, filter, ""); err != nil {
		return fmt.Errorf("remove the pods of run %s: %w", c.options.Owner.Run, err)
	}
	c.closed = true
	return nil
}
