package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/seatrial/seatrial/harness/cluster"
)

// leftovers are what dead runs left.
type leftovers struct {
	runs, containers, networks, folders int
	err                                 error
}

// countLeftovers counts, and removes nothing.
func countLeftovers(ctx context.Context, engine bool) (l leftovers) {
	dead := map[string]bool{}
	owners, err := cluster.ScratchOwners()
	l.err = err
	for _, o := range owners {
		if o.Liveness() == cluster.Dead {
			dead[o.Run] = true
			l.folders++
		}
	}
	if engine {
		if err := l.countOnEngine(ctx, dead); err != nil {
			l.err = err
		}
	}
	l.runs = len(dead)
	return l
}

func (l *leftovers) countOnEngine(ctx context.Context, dead map[string]bool) error {
	docker, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return err
	}
	defer docker.Close()
	filter := make(client.Filters).Add("label", cluster.LabelRun)
	isDead := func(labels map[string]string) bool {
		var owner cluster.Owner
		if json.Unmarshal([]byte(labels[cluster.LabelOwner]), &owner) != nil || owner.Run == "" || owner.Liveness() != cluster.Dead {
			return false
		}
		dead[owner.Run] = true
		return true
	}
	containers, err := docker.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	for _, one := range containers.Items {
		if isDead(one.Labels) {
			l.containers++
		}
	}
	networks, err := docker.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		return fmt.Errorf("list networks: %w", err)
	}
	for _, one := range networks.Items {
		if isDead(one.Labels) {
			l.networks++
		}
	}
	return nil
}

func (l leftovers) diagnosis() diagnosis {
	switch {
	case l.err != nil:
		return diagnosis{Name: "leftovers", State: stateWarning, Text: oneLine(l.err), Costs: "what dead runs left is not known", Remedy: "seatrial gc says more"}
	case l.runs == 0:
		return diagnosis{Name: "leftovers", State: stateOK, Text: "none of dead runs"}
	}
	return diagnosis{Name: "leftovers", State: stateWarning, Remedy: "seatrial gc removes them; so does the next run",
		Text:  fmt.Sprintf("of %d dead runs: %d containers, %d networks, %d folders", l.runs, l.containers, l.networks, l.folders),
		Costs: "memory and disk"}
}
