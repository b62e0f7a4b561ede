package pod

import (
	"context"
	"path/filepath"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/build"
)

// lock takes a lock of that name beside those of the built programs.
func lock(ctx context.Context, name string) (unlock func(), err error) {
	cache, err := build.CacheDir()
	if err != nil {
		return nil, err
	}
	return cluster.Lock(ctx, nil, filepath.Join(cache, "locks", name))
}
