package pod

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/seatrial/seatrial/harness/cluster"
)

// removeLimit bounds the removal of one cluster or one dead run, and removePause
// is the pace of looking again.
const (
	removeLimit = time.Minute
	removePause = 50 * time.Millisecond
)

// removeAll removes what carries the labels in the filter, until a look finds
// nothing: containers with their anonymous volumes, then networks, then volumes.
// It looks more than once because somebody else may be removing the same, and
// because a container that the engine was still making for a client that died
// appears late and keeps its network busy. It returns a line for each thing that
// it removed itself, ended with note.
func removeAll(ctx context.Context, docker *testcontainers.DockerClient, filter client.Filters, note string) (removed []string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, removeLimit, fmt.Errorf("not removed within %v", removeLimit))
	defer cancel()
	for {
		containers, rest, err := list(ctx, docker, filter)
		if err != nil {
			return removed, err
		}
		if len(containers)+len(rest) == 0 {
			return removed, nil
		}
		lines, err := removeThings(ctx, containers, note)
		removed = append(removed, lines...)
		if err == nil && len(lines) == len(containers) {
			lines, err = removeThings(ctx, rest, note)
			removed = append(removed, lines...)
			if err == nil && len(lines) == len(rest) {
				continue
			}
		}
		select {
		case <-ctx.Done():
			return removed, errors.Join(context.Cause(ctx), err)
		case <-time.After(removePause):
		}
	}
}

// thing is something on the engine that can be removed.
type thing struct {
	text   string
	remove func(context.Context) error
}

// list finds the containers with those labels, and apart from them what can only
// go when they have gone.
func list(ctx context.Context, docker *testcontainers.DockerClient, filter client.Filters) (containers, rest []thing, err error) {
	allContainers, err := docker.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, nil, fmt.Errorf("list containers: %w", err)
	}
	for _, one := range allContainers.Items {
		text := fmt.Sprintf("container %s, the %s of %s", strings.TrimPrefix(strings.Join(one.Names, " "), "/"),
			one.Labels[cluster.LabelRole], one.Labels[cluster.LabelNode])
		containers = append(containers, thing{text, func(ctx context.Context) error {
			_, err := docker.ContainerRemove(ctx, one.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			return err
		}})
	}
	networks, err := docker.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		return nil, nil, fmt.Errorf("list networks: %w", err)
	}
	for _, one := range networks.Items {
		rest = append(rest, thing{"network " + one.Name, func(ctx context.Context) error {
			_, err := docker.NetworkRemove(ctx, one.ID, client.NetworkRemoveOptions{})
			return err
		}})
	}
	volumes, err := docker.VolumeList(ctx, client.VolumeListOptions{Filters: filter})
	if err != nil {
		return nil, nil, fmt.Errorf("list volumes: %w", err)
	}
	for _, one := range volumes.Items {
		rest = append(rest, thing{"volume " + one.Name, func(ctx context.Context) error {
			_, err := docker.VolumeRemove(ctx, one.Name, client.VolumeRemoveOptions{Force: true})
			return err
		}})
	}
	return containers, rest, nil
}

// removeThings removes all at once. What somebody else removed, or is removing,
// is neither an error nor in the lines.
func removeThings(ctx context.Context, things []thing, note string) (removed []string, err error) {
	errs := make([]error, len(things))
	done := make(chan int, len(things))
	for i, one := range things {
		go func() {
			errs[i] = one.remove(ctx)
			done <- i
		}()
	}
	for range things {
		switch i := <-done; {
		case errs[i] == nil:
			removed = append(removed, things[i].text+note)
		case !gone(errs[i]):
			err = errors.Join(err, fmt.Errorf("remove %s: %w", things[i].text, errs[i]))
		}
	}
	return removed, err
}
