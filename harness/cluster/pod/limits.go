package pod

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/seatrial/seatrial/harness/cluster"
)

// running implements [cluster.Resources] by the engine's update of a container's
// control group, of either version. On a container that does not run the engine
// notes the limits for its next start.
var _ cluster.Resources = (*running)(nil)

// quotaPeriod is the kernel's period for quotas of processor time, in microseconds,
// where none is asked for.
const quotaPeriod = 100_000

// Limits implements [cluster.Resources].
func (c *running) Limits(ctx context.Context, node string) (limits cluster.Limits, err error) {
	err = c.control(ctx, "ask for the limits of", node, func(ctx context.Context, p *pod) error {
		seen, err := c.docker.ContainerInspect(ctx, p.nodeID, client.ContainerInspectOptions{})
		if err != nil {
			return err
		}
		limits = limitsOf(seen.Container.HostConfig.Resources)
		return nil
	})
	return limits, err
}

func limitsOf(r container.Resources) cluster.Limits {
	l := cluster.Limits{CPUs: cluster.Unlimited, MemoryBytes: cluster.Unlimited, Processes: cluster.Unlimited}
	switch {
	case r.NanoCPUs > 0:
		l.CPUs = float64(r.NanoCPUs) / 1e9
	case r.CPUQuota > 0 && r.CPUPeriod > 0:
		l.CPUs = float64(r.CPUQuota) / float64(r.CPUPeriod)
	case r.CPUQuota > 0:
		l.CPUs = float64(r.CPUQuota) / quotaPeriod
	}
	if r.Memory > 0 {
		l.MemoryBytes = r.Memory
	}
	if r.PidsLimit != nil && *r.PidsLimit > 0 {
		l.Processes = *r.PidsLimit
	}
	return l
}

// Limit implements [cluster.Resources].
func (c *running) Limit(ctx context.Context, node string, limits cluster.Limits) error {
	return c.control(ctx, "limit", node, func(ctx context.Context, p *pod) error {
		seen, err := c.docker.ContainerInspect(ctx, p.nodeID, client.ContainerInspectOptions{})
		if errdefs.IsNotFound(err) {
			return nil // its limits went with it
		}
		if err != nil {
			return err
		}
		change := changeOf(seen.Container.HostConfig.Resources, limits)
		// A program may end at this moment: for a while the engine does not know it,
		// and its runtime refuses.
		settled := settle(ctx, func() (done bool, _ error) {
			_, err = c.docker.ContainerUpdate(ctx, p.nodeID, client.ContainerUpdateOptions{Resources: &change})
			return err == nil || !strings.Contains(err.Error(), "stopped container"), nil
		})
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		if ctx.Err() != nil {
			return settled
		}
		if strings.Contains(err.Error(), "unable to set memory limit") || strings.Contains(err.Error(), "device or resource busy") {
			return fmt.Errorf("to %d bytes of memory: %w (the engine says: %w)", limits.MemoryBytes, cluster.ErrBelowUsage, brief(err))
		}
		return fmt.Errorf("the engine does not change its limits: %w", brief(err))
	})
}

// changeOf is what to ask the engine for. It takes a quota only in the form in
// which the container has one, and a memory limit only together with that of
// memory and swap, whose difference to it stays.
func changeOf(now container.Resources, to cluster.Limits) container.Resources {
	var change container.Resources
	switch {
	case to.CPUs == 0:
	case now.NanoCPUs > 0 && to.CPUs > 0:
		change.NanoCPUs = int64(math.Round(to.CPUs * 1e9))
	case to.CPUs > 0:
		change.CPUQuota = int64(math.Round(to.CPUs * quotaPeriod))
	default:
		change.CPUQuota = cluster.Unlimited
	}
	if to.MemoryBytes != 0 {
		change.Memory = to.MemoryBytes
		change.MemorySwap = now.MemorySwap
		if now.MemorySwap > 0 {
			change.MemorySwap = to.MemoryBytes + now.MemorySwap - now.Memory
		}
	}
	if to.Processes != 0 {
		change.PidsLimit = &to.Processes
	}
	return change
}

// Usage implements [cluster.Resources]. The engine reads it from the kernel; limits
// are written by its runtime.
func (c *running) Usage(ctx context.Context, node string) (usage cluster.Usage, err error) {
	err = c.control(ctx, "ask for the usage of", node, func(ctx context.Context, p *pod) error {
		answer, err := c.docker.ContainerStats(ctx, p.nodeID, client.ContainerStatsOptions{})
		if err != nil {
			return err
		}
		var seen container.StatsResponse
		err = json.NewDecoder(answer.Body).Decode(&seen)
		if err = errors.Join(err, answer.Body.Close()); err != nil {
			return fmt.Errorf("read the engine's statistics: %w", err)
		}
		usage = cluster.Usage{
			Throttled:   seen.CPUStats.ThrottlingData.ThrottledPeriods,
			MemoryBytes: int64(seen.MemoryStats.Usage),
			// In control groups of version 1 it is rss, of version 2 anon.
			FirmBytes:     int64(max(seen.MemoryStats.Stats["rss"], seen.MemoryStats.Stats["anon"])),
			AtMemoryLimit: seen.MemoryStats.Failcnt,
			Processes:     int64(seen.PidsStats.Current),
		}
		return nil
	})
	return usage, err
}
