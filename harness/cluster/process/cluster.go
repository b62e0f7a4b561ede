package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
)

// runningCluster implements [cluster.Cluster].
type runningCluster struct {
	system  cluster.ProcessSystem
	owner   *cluster.Owner
	log     func(line string)
	layout  *layout
	network *network
	nodes   map[string]*node

	closing sync.Mutex
	closed  bool
}

// start lays the nodes out and starts them. What a failure leaves is for abandon.
func (c *runningCluster) start(ctx context.Context, path string) error {
	var err error
	c.layout, err = newLayout(ctx, c.system, c.owner.Scratch)
	if err != nil {
		return err
	}
	c.network = &network{sw: c.layout.sw, ports: c.layout.ports}
	for _, name := range c.system.NodeNames() {
		if err := c.prepare(name, path); err != nil {
			return fmt.Errorf("node %s: %w", name, err)
		}
	}
	if err := c.layout.askedForUnknown(); err != nil {
		return err
	}
	return c.each(func(n *node) error {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("start node %s: %w", n.name, err)
		}
		return n.start()
	})
}

// prepare makes a node's folders and asks the system for its command.
func (c *runningCluster) prepare(name, path string) error {
	n := &node{name: name, dir: filepath.Join(c.owner.Scratch, name), path: path}
	if err := os.MkdirAll(c.layout.DataDir(name), 0o700); err != nil {
		return fmt.Errorf("make its data directory: %w", err)
	}
	command, err := c.system.ProcessCommand(name, c.layout)
	if err != nil {
		return fmt.Errorf("ask the system for its command: %w", err)
	}
	if len(command.Args) == 0 {
		return errors.New("the system gave a command without arguments: Args[0] stands for the program")
	}
	owner, err := json.Marshal(c.owner)
	if err != nil {
		return fmt.Errorf("write down its owner: %w", err)
	}
	n.args = command.Args[1:]
	n.env = append(os.Environ(), command.Env...)
	n.env = append(n.env, cluster.EnvRun+"="+c.owner.Run, EnvNode+"="+name, EnvOwner+"="+string(owner))
	n.tell = func(format string, args ...any) { c.log(fmt.Sprintf(format, args...)) }
	if n.log, err = openLog(filepath.Join(n.dir, "log"), logLimit); err != nil {
		return err
	}
	c.nodes[name] = n
	return nil
}

// each calls do for all nodes in parallel.
func (c *runningCluster) each(do func(*node) error) error {
	results := make(chan error, len(c.nodes))
	for _, n := range c.nodes {
		go func() { results <- do(n) }()
	}
	var errs []error
	for range c.nodes {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}

// abandon removes what a failed start made.
func (c *runningCluster) abandon() error {
	errs := []error{c.Close(context.Background())}
	for _, name := range c.system.NodeNames() {
		errs = append(errs, os.RemoveAll(filepath.Join(c.owner.Scratch, name)))
	}
	return errors.Join(errs...)
}

func (c *runningCluster) System() cluster.System   { return c.system }
func (c *runningCluster) Dialer() link.Dialer      { return dialer{c.layout} }
func (c *runningCluster) Network() cluster.Network { return c.network }

// with calls do with a node by name.
func (c *runningCluster) with(name string, do func(*node) error) error {
	n := c.nodes[name]
	if n == nil {
		return fmt.Errorf("there is no node %q, there are %v", name, c.system.NodeNames())
	}
	return do(n)
}

func (c *runningCluster) State(_ context.Context, name string) (state cluster.State, err error) {
	err = c.with(name, func(n *node) error {
		state = n.state()
		return nil
	})
	return state, err
}

func (c *runningCluster) StartNode(ctx context.Context, name string) error {
	return c.with(name, func(n *node) error {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("start node %s: %w", name, err)
		}
		return n.start()
	})
}

func (c *runningCluster) Kill(ctx context.Context, name string) error {
	return c.with(name, func(n *node) error { return n.kill(ctx) })
}

func (c *runningCluster) Stop(ctx context.Context, name string, grace time.Duration) error {
	return c.with(name, func(n *node) error { return n.stop(ctx, grace) })
}

func (c *runningCluster) Pause(ctx context.Context, name string) error {
	return c.with(name, func(n *node) error { return n.pause(ctx) })
}

func (c *runningCluster) Resume(ctx context.Context, name string) error {
	return c.with(name, func(n *node) error { return n.resume(ctx) })
}

func (c *runningCluster) Life(_ context.Context, name string) (life cluster.Life, err error) {
	err = c.with(name, func(n *node) error {
		life = n.lifeNow()
		return nil
	})
	return life, err
}

func (c *runningCluster) Suspend(ctx context.Context, name string) error {
	return c.with(name, func(n *node) error { return n.suspend(ctx) })
}

func (c *runningCluster) Continue(ctx context.Context, name string) error {
	return c.with(name, func(n *node) error { return n.carryOn(ctx) })
}

func (c *runningCluster) Logs(ctx context.Context, name string, to io.Writer) error {
	return c.with(name, func(n *node) error {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read the log of node %s: %w", name, err)
		}
		file, err := os.Open(filepath.Join(n.dir, "log"))
		if err != nil {
			return fmt.Errorf("read the log of node %s: %w", name, err)
		}
		defer file.Close()
		if _, err := io.Copy(to, file); err != nil {
			return fmt.Errorf("read the log of node %s: %w", name, err)
		}
		return nil
	})
}

func (c *runningCluster) Data(ctx context.Context, name string, to io.Writer) error {
	return c.with(name, func(n *node) error { return writeTar(ctx, c.layout.DataDir(name), to) })
}

// Close ends every process, those too that left their group, and every link.
func (c *runningCluster) Close(ctx context.Context) error {
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.closed {
		return nil
	}
	// An ended context must not leave processes behind: every wait below has its
	// own bound.
	ctx = context.WithoutCancel(ctx)
	err := c.each(func(n *node) error { return n.close(ctx) })
	_, strays := endStrays(ctx, c.strays)
	err = errors.Join(err, strays)
	if c.layout != nil {
		err = errors.Join(err, c.layout.close())
	}
	if err != nil {
		return fmt.Errorf("close the cluster: %w", err)
	}
	c.closed = true
	return nil
}

// strays says of a process whether it is one of this cluster's.
func (c *runningCluster) strays(p status) (string, bool) {
	env := environment(p.pid)
	name := env[EnvNode]
	return name, env[cluster.EnvRun] == c.owner.Run && c.nodes[name] != nil
}
