package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// EnvPlaces overrides how many clusters run at a time on this host.
const EnvPlaces = "SEATRIAL_PLACES"

// What one cluster is given: three nodes and ten clients keep two cores busy, and
// the nodes, their agents and a judge at its limit stay under the memory.
const (
	placeCores  = 2
	placeMemory = 3 << 30 // bytes
)

// Places is how many clusters run at a time on this host, over all test binaries
// and commands of this user: one for every two cores and every 3 GiB of memory
// that is free now, and at least one. SEATRIAL_PLACES overrides it. More at a time
// would not be faster, and a system that gets no processor is late, which a judge
// of recovery or staleness can't tell from a failure.
func Places() (int, error) {
	if text := os.Getenv(EnvPlaces); text != "" {
		places, err := strconv.Atoi(text)
		if err != nil || places < 1 {
			return 0, UsageError{fmt.Errorf("%s=%s is not a number above zero", EnvPlaces, text)}
		}
		return places, nil
	}
	places := runtime.NumCPU() / placeCores
	if free, known := FreeMemory(); known {
		places = min(places, int(free/placeMemory))
	}
	return max(1, places), nil
}

// FreeMemory is how many bytes of memory new programs can have on this host
// without swapping, where the kernel tells.
func FreeMemory() (bytes int64, known bool) {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	defer file.Close()
	return availableMemory(file)
}

// availableMemory reads MemAvailable, which /proc/meminfo has in kibibytes.
func availableMemory(meminfo io.Reader) (bytes int64, known bool) {
	for lines := bufio.NewScanner(meminfo); lines.Scan(); {
		rest, found := strings.CutPrefix(lines.Text(), "MemAvailable:")
		if !found {
			continue
		}
		kibibytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
		return kibibytes << 10, err == nil
	}
	return 0, false
}

// takePlace waits for one of the places on this host. The kernel gives a place
// back when its holder dies.
func takePlace(ctx context.Context, say func(string)) (release func(), err error) {
	folder := cluster.ScratchRoot() + "-places"
	places, err := Places()
	if err != nil {
		return nil, err
	}
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
