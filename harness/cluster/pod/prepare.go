package pod

import (
	"context"
	"fmt"

	"github.com/seatrial/seatrial/harness/cluster"
)

// Prepare builds the images that a system needs, the agent's included, so that a
// later start does not wait for them. It returns the tag of the system's image.
func (r Runtime) Prepare(ctx context.Context, system cluster.PodSystem, log func(line string)) (tag string, err error) {
	return r.prepare(ctx, system, cluster.Options{Log: log})
}

// PrepareDisks is Prepare for a start with [cluster.Options].Disk.
func (r Runtime) PrepareDisks(ctx context.Context, system cluster.PodSystem, log func(line string)) error {
	_, err := r.prepare(ctx, system, cluster.Options{Log: log, Disk: true})
	return err
}

func (r Runtime) prepare(ctx context.Context, system cluster.PodSystem, options cluster.Options) (tag string, err error) {
	if err := system.Validate(); err != nil {
		return "", err
	}
	docker, err := connect(ctx)
	if err != nil {
		return "", err
	}
	defer docker.Close()
	owner, err := cluster.NewOwner()
	if err != nil {
		return "", err
	}
	defer owner.Remove()
	options.Owner = owner
	images, err := r.images(ctx, docker, options)
	if err != nil {
		return "", err
	}
	c := &running{system: system, options: options, docker: docker}
	if err := c.makeImages(ctx, images); err != nil {
		return "", fmt.Errorf("prepare %s: %w", system.SystemName(), err)
	}
	return c.image, nil
}
