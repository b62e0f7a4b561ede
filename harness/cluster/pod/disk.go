package pod

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/disk"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// Where the disk's program and the data are in the container of a node whose disk
// may fail. The data is in a volume of the container's own, which goes with it.
const (
	diskProgram = "/seatrial-disk"
	diskBacking = "/seatrial-backing"
)

// diskWithin bounds the wait for a disk to answer that was just started.
const diskWithin = 10 * time.Second

// diskSetup is what puts nodes behind disks.
type diskSetup struct {
	binary, image string // the program, and an image of it; "" where no disk was asked for
	user          string // who runs the system's program
	device        string // of FUSE, where the engine runs
	capabilities  []string
	security      []string
	unavailable   error // why there are no disks, though asked for
}

// on says whether nodes are behind disks.
func (d diskSetup) on() bool { return d.image != "" && d.unavailable == nil }

// podDisk is what is known of one node's disk.
type podDisk struct {
	mu    sync.Mutex // held while its rules change and while the node is started
	rules map[string]disk.Rule
	stale bool // it may have one that it is no longer to have
	lost  *disk.Loss
}

// makeDisk makes sure of the disk's program, and of an image to try it in.
func (c *running) makeDisk(ctx context.Context, images *Images) (err error) {
	if c.disk.binary, err = images.ownProgram(ctx, diskPackage, "disk", envDisk); err != nil {
		return err
	}
	c.disk.image, err = images.FromBinary(ctx, diskName, c.disk.binary)
	return err
}

// setUpDisks asks the engine what disks need, and tries whether there can be any:
// it may have no device for them, or refuse to mount.
func (c *running) setUpDisks(ctx context.Context) error {
	if c.disk.image == "" {
		return nil
	}
	c.disk.device, c.disk.capabilities = "/dev/fuse", []string{"SYS_ADMIN"}
	info, err := c.docker.Info(ctx, client.InfoOptions{})
	if err != nil {
		return fmt.Errorf("ask the engine for its security options: %w", err)
	}
	if slices.ContainsFunc(info.Info.SecurityOptions, func(o string) bool { return strings.Contains(o, "apparmor") }) {
		c.disk.security = []string{"apparmor=unconfined"} // its usual profile refuses mount
	}
	image, err := c.docker.ImageInspect(ctx, c.image)
	if err != nil {
		return fmt.Errorf("ask for the user of the image %s: %w", c.image, err)
	}
	if image.Config != nil {
		c.disk.user = image.Config.User
	}
	c.disk.unavailable, err = c.tryDisk(ctx)
	if c.disk.unavailable != nil {
		c.options.Log("nodes are started without disks that can fail: " + c.disk.unavailable.Error())
	}
	return err
}

// tryDisk mounts a disk in a container of its own, and says why it could not.
func (c *running) tryDisk(ctx context.Context) (unavailable, err error) {
	making, cancel := uncut(ctx)
	defer cancel()
	request := testcontainers.ContainerRequest{
		Image: c.disk.image, Name: c.containerName("disk", roleTrial), Labels: c.labels(roleTrial, ""),
		Entrypoint: []string{"/" + diskName, disk.TryArgument},
		HostConfigModifier: func(host *container.HostConfig) {
			host.NetworkMode = "none"
			host.Resources = limits(agentMemory, 0, agentPIDs)
			host.LogConfig = logLimit("1m")
			c.disk.allow(host)
		},
	}
	made, err := testcontainers.GenericContainer(making, testcontainers.GenericContainerRequest{ContainerRequest: request, Logger: tclog.NewNoopLogger()})
	if err != nil {
		return nil, fmt.Errorf("make a container to try a disk in: %w", err)
	}
	id := made.GetContainerID()
	remove := func() error {
		_, err := c.docker.ContainerRemove(making, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		return err
	}
	if _, err := c.docker.ContainerStart(making, id, client.ContainerStartOptions{}); err != nil {
		if making.Err() != nil {
			return nil, errors.Join(fmt.Errorf("try a disk: %w", err), remove())
		}
		return fmt.Errorf("disk faults do not apply, because the engine refuses a container with %s and SYS_ADMIN: %w: load the kernel's module fuse where it runs, and let it give containers both", c.disk.device, err), remove()
	}
	waiting := c.docker.ContainerWait(making, id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case ended := <-waiting.Result:
		if ended.StatusCode != 0 {
			unavailable = c.ended(making, id, fmt.Sprintf("the trial of a disk ended with status %d", ended.StatusCode))
		}
		return unavailable, remove()
	case err = <-waiting.Error:
	case <-making.Done():
		err = context.Cause(making)
	}
	return nil, errors.Join(fmt.Errorf("wait for the trial of a disk: %w", err), remove())
}

// allow gives a container what mounting needs. The disk drops it before it starts
// the system's program.
func (d diskSetup) allow(host *container.HostConfig) {
	host.Devices = append(host.Devices, container.DeviceMapping{PathOnHost: d.device, PathInContainer: "/dev/fuse", CgroupPermissions: "rwm"})
	host.CapAdd = append(host.CapAdd, d.capabilities...)
	host.SecurityOpt = append(host.SecurityOpt, d.security...)
}

// putBehindDisk makes the disk's program the first process of a node's container,
// which runs the system's own command as the image's own user.
func (c *running) putBehindDisk(request *testcontainers.ContainerRequest, p *pod) {
	request.Entrypoint, request.Cmd = []string{diskProgram}, p.command.Args
	request.Files = append(request.Files, testcontainers.ContainerFile{HostFilePath: c.disk.binary, ContainerFilePath: diskProgram, FileMode: 0o755})
	maps.Copy(request.Env, map[string]string{
		wire.EnvToken: c.options.Owner.Token, disk.EnvMount: DataDir, disk.EnvBacking: diskBacking, disk.EnvUser: c.disk.user,
	})
	request.ConfigModifier = func(config *container.Config) {
		config.User = "0"
		config.Volumes = map[string]struct{}{diskBacking: {}}
	}
	plain := request.HostConfigModifier
	request.HostConfigModifier = func(host *container.HostConfig) {
		plain(host)
		c.disk.allow(host)
	}
}

// dataPath is where a node's data lies in its container.
func (c *running) dataPath() string {
	if c.disk.on() {
		return diskBacking + "/" + disk.BackingTree
	}
	return DataDir
}

// diskOf is the way to a node's disk: through its agent, as the harness's own
// questions go, on which no fault falls.
func (c *running) diskOf(p *pod) *disk.Client {
	return &disk.Client{
		Token:   c.options.Owner.Token,
		Address: net.JoinHostPort(p.name, strconv.Itoa(disk.Port)),
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return p.agent.Connect(ctx, cluster.Probes, address)
		},
	}
}

// askDisk asks something of a running node's disk; of one that was just started,
// as soon as it answers. A node that does not run, or stands still with its disk, is
// [cluster.ErrNotRunning], also where it ends meanwhile, by itself.
func (c *running) askDisk(ctx context.Context, p *pod, ask func(context.Context, *disk.Client) error) error {
	limited, cancel := context.WithTimeoutCause(ctx, diskWithin, fmt.Errorf("its disk did not do it within %v", diskWithin))
	defer cancel()
	for {
		if p.frozen.Load() {
			return cluster.ErrNotRunning
		}
		err := ask(limited, c.diskOf(p)) // the engine is not asked first: that takes a while
		if !errors.Is(err, disk.ErrDisk) {
			return err // it was done, or the disk says why not
		}
		if state, stateErr := c.settled(limited, p); stateErr != nil {
			return errors.Join(stateErr, err)
		} else if state != cluster.Running {
			return cluster.ErrNotRunning
		}
		select {
		case <-limited.Done():
			return fmt.Errorf("%w: %w", context.Cause(limited), err)
		case <-time.After(settlePause):
		}
	}
}

// endByDisk has the disk end the node's program and waits until it is gone.
func (c *running) endByDisk(ctx context.Context, p *pod, end func(context.Context, *disk.Client) error) error {
	if p.frozen.Load() { // the disk is frozen, too
		if err := c.unpause(ctx, p); err != nil {
			return err
		}
	}
	if err := c.askDisk(ctx, p, end); err != nil {
		return err
	}
	return c.awaitStopped(ctx, p)
}

// killByDisk kills the node's program so that what it had not synced is remembered.
// Where the disk does not do it, that is said, and the engine is to.
func (c *running) killByDisk(ctx context.Context, p *pod) (done bool, err error) {
	err = c.endByDisk(ctx, p, func(ctx context.Context, d *disk.Client) error { return d.Kill(ctx) })
	if err == nil {
		return true, nil
	}
	// It may be ending by itself, which also remembers.
	soon, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	if c.awaitStopped(soon, p) == nil {
		return true, nil
	}
	if ctx.Err() != nil {
		return false, err
	}
	c.options.Log(fmt.Sprintf("the disk of %s did not kill its program (%v): the engine does, and what was not synced counts as synced", p.name, err))
	return false, nil
}

// beatDisk tells a node's disk that the run lives as long as it has rules. What it
// answers does not matter: the node may be down.
func (c *running) beatDisk(ctx context.Context, p *pod) {
	ticker := time.NewTicker(wire.HeartbeatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		p.disk.mu.Lock()
		ruled := len(p.disk.rules) > 0
		p.disk.mu.Unlock()
		if !ruled {
			continue
		}
		beat, cancel := context.WithTimeout(ctx, wire.HeartbeatEvery)
		_ = c.diskOf(p).Heartbeat(beat)
		cancel()
	}
}
