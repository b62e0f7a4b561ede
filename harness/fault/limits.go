package fault

import (
	"context"
	"errors"

	"github.com/seatrial/seatrial/harness/cluster"
)

var errNoResources = errors.New("nodes here are processes without a control group of their own: run the scenario in pods")

// resources are those of the cluster.
func (s *site) resources() (cluster.Resources, error) {
	r, ok := s.Cluster.(cluster.Resources)
	if !ok {
		return nil, errNoResources
	}
	return r, nil
}

// limitsBefore are the node's limits without those of faults in force.
func (s *site) limitsBefore(ctx context.Context, node string) (cluster.Limits, error) {
	r, err := s.resources()
	if err != nil {
		return cluster.Limits{}, err
	}
	k := s.keeps.of(node)
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.limits) > 0 {
		return k.before, nil
	}
	return r.Limits(ctx, node)
}

// limit puts the node under limits of this injection, in place of those that it
// had put it under before. Of the limits of several injections the lowest holds.
func (s *site) limit(ctx context.Context, node string, limits cluster.Limits) error {
	r, err := s.resources()
	if err != nil {
		return err
	}
	k := s.keeps.of(node)
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.limits) == 0 {
		if k.before, err = r.Limits(ctx, node); err != nil {
			return err
		}
	}
	had, has := k.limits[s.id]
	k.limits[s.id] = limits
	if limits.MemoryBytes != 0 || limits.Processes != 0 {
		k.excused[s.id] = true // a program may end of that
	}
	if err := r.Limit(ctx, node, only(k.lowest(), limits)); err != nil {
		if has {
			k.limits[s.id] = had
		}
		return err
	}
	return nil
}

// unlimit takes the limits of this injection away. before are those to go back to
// where nobody here knows what there was.
func (s *site) unlimit(ctx context.Context, node string, before cluster.Limits) error {
	r, err := s.resources()
	if err != nil {
		return err
	}
	k := s.keeps.of(node)
	k.mu.Lock()
	defer k.mu.Unlock()
	mine, has := k.limits[s.id]
	if !has {
		if len(k.limits) > 0 || before == (cluster.Limits{}) {
			return nil
		}
		return r.Limit(ctx, node, before)
	}
	delete(k.limits, s.id)
	if err := r.Limit(ctx, node, only(k.lowest(), mine)); err != nil {
		k.limits[s.id] = mine
		return err
	}
	return nil
}

// lowest are the limits that hold now.
func (k *keep) lowest() cluster.Limits {
	l := k.before
	for _, one := range k.limits {
		l.CPUs = lower(l.CPUs, one.CPUs)
		l.MemoryBytes = lower(l.MemoryBytes, one.MemoryBytes)
		l.Processes = lower(l.Processes, one.Processes)
	}
	return l
}

func lower[T int64 | float64](now, other T) T {
	if other > 0 && (now == cluster.Unlimited || other < now) {
		return other
	}
	return now
}

// only leaves out what some other limits say nothing of: that stays as it is.
func only(l, said cluster.Limits) cluster.Limits {
	if said.CPUs == 0 {
		l.CPUs = 0
	}
	if said.MemoryBytes == 0 {
		l.MemoryBytes = 0
	}
	if said.Processes == 0 {
		l.Processes = 0
	}
	return l
}

// limited says whether another fault in force limits the node.
func (s *site) limited(node string) bool {
	k := s.keeps.of(node)
	k.mu.Lock()
	defer k.mu.Unlock()
	for id := range k.limits {
		if id != s.id {
			return true
		}
	}
	return false
}
