package pod

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/seatrial/seatrial/harness/cluster"
)

// CollectGarbage implements [cluster.Runtime]. A run is dead when its process is
// gone; where that can't be seen from here, when its agents have ended, as they do
// without a heartbeat, or never came up. Only what carries [cluster.LabelRun] is
// looked at. Without an engine there is nothing to collect.
func (Runtime) CollectGarbage(ctx context.Context) (removed []string, err error) {
	if available(ctx) != nil {
		return nil, nil
	}
	docker, err := connect(ctx)
	if err != nil {
		return nil, nil
	}
	defer docker.Close()
	// A request of a killed runner may still be under way in the engine, and its
	// container appear after the first look: so look until nothing was there.
	for range maxLooks {
		lines, err := collectOnce(ctx, docker)
		removed = append(removed, lines...)
		if err != nil || len(lines) == 0 {
			return removed, err
		}
		select {
		case <-time.After(lookPause):
		case <-ctx.Done():
			return removed, ctx.Err()
		}
	}
	return removed, nil
}

// maxLooks and lookPause bound how long the collection waits for late containers:
// the engine takes some 100 ms to make one.
const (
	maxLooks  = 5
	lookPause = 400 * time.Millisecond
)

func collectOnce(ctx context.Context, docker *testcontainers.DockerClient) (removed []string, err error) {
	runs, err := listRuns(ctx, docker)
	if err != nil {
		return nil, fmt.Errorf("collect garbage: %w", err)
	}
	now := time.Now()
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(runs)) {
		if !runs[id].dead(now) {
			continue
		}
		filter := make(client.Filters).Add("label", cluster.LabelRun+"="+id)
		lines, err := removeAll(ctx, docker, filter, " of dead run "+id)
		removed = append(removed, lines...)
		if err != nil {
			errs = append(errs, fmt.Errorf("collect the garbage of run %s: %w", id, err))
		}
	}
	return removed, errors.Join(errs...)
}

// remains are what of a run is on the engine.
type remains struct {
	owner    *cluster.Owner // nil where no label tells
	agents   int            // those that run
	youngest time.Time      // when the youngest of it was made
}

// dead says whether nobody uses it any more.
func (r *remains) dead(now time.Time) bool {
	if r.owner != nil {
		switch r.owner.Liveness() {
		case cluster.Dead:
			return true
		case cluster.Alive:
			return false
		}
	}
	// Its process can't be seen from here. Agents end when their heartbeat is lost,
	// so a running one speaks for a live run. Something young may be of a run that
	// is just starting.
	return r.agents == 0 && now.Sub(r.youngest) > cluster.HeartbeatLost
}

// listRuns groups containers, networks and volumes by their run.
func listRuns(ctx context.Context, docker *testcontainers.DockerClient) (map[string]*remains, error) {
	filter := make(client.Filters).Add("label", cluster.LabelRun)
	runs := map[string]*remains{}
	containers, err := docker.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	for _, one := range containers.Items {
		r := noteRun(runs, one.Labels, time.Unix(one.Created, 0))
		runs := one.State == container.StateRunning || one.State == container.StatePaused
		if runs && one.Labels[cluster.LabelRole] == roleAgent {
			r.agents++
		}
	}
	networks, err := docker.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	for _, one := range networks.Items {
		noteRun(runs, one.Labels, one.Created)
	}
	volumes, err := docker.VolumeList(ctx, client.VolumeListOptions{Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	for _, one := range volumes.Items {
		created, _ := time.Parse(time.RFC3339, one.CreatedAt) // unknown counts as old
		noteRun(runs, one.Labels, created)
	}
	return runs, nil
}

func noteRun(runs map[string]*remains, labels map[string]string, created time.Time) *remains {
	id := labels[cluster.LabelRun]
	r := runs[id]
	if r == nil {
		r = &remains{}
		runs[id] = r
	}
	if created.After(r.youngest) {
		r.youngest = created
	}
	var owner cluster.Owner
	if r.owner == nil && json.Unmarshal([]byte(labels[cluster.LabelOwner]), &owner) == nil && owner.Run == id {
		r.owner = &owner
	}
	return r
}
