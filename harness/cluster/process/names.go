package process

import (
	"context"
	"errors"
	"time"

	"github.com/seatrial/seatrial/harness/link"
)

var errNames = errors.New("names do not apply to the process runtime: local processes share the host's resolver; run it in pods")

// NamesApply implements [cluster.NameNetwork].
func (*network) NamesApply() error { return errNames }

// ApplyNames implements [cluster.NameNetwork].
func (*network) ApplyNames(context.Context, string, link.NameEffect, []string) error { return errNames }

// Resolve implements [cluster.NameNetwork].
func (*network) Resolve(context.Context, string, string, time.Duration) (link.Resolution, error) {
	return link.Resolution{}, errNames
}
