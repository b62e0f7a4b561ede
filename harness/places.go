package harness

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// takePlace waits for one of the places on this host: as many clusters run at a
// time as there are pairs of cores, over all test binaries and commands of this
// user. The kernel gives a place back when its holder dies.
func takePlace(ctx context.Context, say func(string)) (release func(), err error) {
	folder := cluster.ScratchRoot() + "-places"
	places := max(1, runtime.NumCPU()/2)
	var paths []string
	for n := range places {
		paths = append(paths, filepath.Join(folder, strconv.Itoa(n)))
	}
	release, err = cluster.Lock(ctx, func() {
		say(fmt.Sprintf("waiting for another run on this host to end: %d may run at a time", places))
	}, paths...)
	if err != nil {
		return nil, fmt.Errorf("take a place on this host: %w", err)
	}
	return release, nil
}

// CollectGarbage removes what dead runs of this host left behind: containers,
// networks, processes and temporary files; nothing else. It returns one line for
// each thing removed.
func CollectGarbage(ctx context.Context) (removed []string, err error) {
	for _, r := range []cluster.Runtime{pod.Runtime{}, process.Runtime{}} {
		lines, e := r.CollectGarbage(ctx)
		removed = append(removed, lines...)
		err = errors.Join(err, e)
	}
	return removed, err
}
