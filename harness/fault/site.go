package fault

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
)

// Faults on one node meet in its keep: what each in force wants of the node. So the
// end of one does not undo another: a node is down as long as any of them keeps it
// down, stands still as long as any keeps it still, and of several limits the
// lowest holds. A program that is started anew while a fault in force had stopped
// the last one where it stood is stopped again.
type keep struct {
	mu                      sync.Mutex // held while a node is started or resumed
	down, frozen, suspended map[string]bool
	limits                  map[string]cluster.Limits
	before                  cluster.Limits  // before the first of the limits
	excused, seen           map[string]bool // by injections: it may end; its crash was told
}

// keeps are those of all nodes of a cluster.
type keeps struct {
	mu    sync.Mutex
	nodes map[string]*keep
}

func (k *keeps) of(node string) *keep {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.nodes == nil {
		k.nodes = map[string]*keep{}
	}
	if k.nodes[node] == nil {
		k.nodes[node] = &keep{down: map[string]bool{}, frozen: map[string]bool{}, suspended: map[string]bool{},
			limits: map[string]cluster.Limits{}, excused: map[string]bool{}, seen: map[string]bool{}}
	}
	return k.nodes[node]
}

// forget drops what an injection wanted, when it is over.
func (k *keeps) forget(id string) {
	k.mu.Lock()
	nodes := maps.Clone(k.nodes)
	k.mu.Unlock()
	for _, n := range nodes {
		n.mu.Lock()
		for _, ids := range []map[string]bool{n.down, n.frozen, n.suspended, n.excused, n.seen} {
			delete(ids, id)
		}
		delete(n.limits, id)
		n.mu.Unlock()
	}
}

// besides says whether an injection beside that one is among them.
func besides(ids map[string]bool, id string) bool {
	return len(ids) > 1 || len(ids) == 1 && !ids[id]
}

// site is the cluster as one injection works on it.
type site struct {
	cluster.Cluster
	keeps *keeps
	id    string
	load  Load
	// crashed is told of a program that had ended by itself: to kill what is down
	// would take the credit for it, and to start it would hide it.
	crashed func(node string)
}

// siteOf is the injection's site; for an act that is carried out on a cluster
// itself, one of its own.
func siteOf(c cluster.Cluster, id string) *site {
	if s, ok := c.(*site); ok {
		return s
	}
	return &site{Cluster: c, keeps: &keeps{}, id: id, crashed: func(string) {}}
}

// seeCrashed looks whether the node's program ended by itself. The keep is locked.
func (s *site) seeCrashed(ctx context.Context, node string, k *keep) {
	if len(k.down) > 0 || len(k.excused) > 0 || k.seen[s.id] {
		return
	}
	if state, err := s.Cluster.State(ctx, node); err == nil && state == cluster.Stopped {
		k.seen[s.id] = true
		s.crashed(node)
	}
}

// keepDown notes that the injection wants the node down.
func (s *site) keepDown(ctx context.Context, node string) {
	k := s.keeps.of(node)
	k.mu.Lock()
	defer k.mu.Unlock()
	s.seeCrashed(ctx, node, k)
	k.down[s.id] = true
}

// excuse notes that the node's program may end of what the injection does to it.
func (s *site) excuse(node string) {
	k := s.keeps.of(node)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.excused[s.id] = true
}

// keptDown says whether a fault beside this one keeps the node down.
func (s *site) keptDown(node string) bool {
	k := s.keeps.of(node)
	k.mu.Lock()
	defer k.mu.Unlock()
	return besides(k.down, s.id)
}

// stays says what of the node other faults in force keep as it is.
func (s *site) stays(node string) string {
	k := s.keeps.of(node)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case besides(k.down, s.id):
		return node + " stays down for another fault"
	case besides(k.frozen, s.id), besides(k.suspended, s.id):
		return node + " stays paused for another fault"
	}
	return ""
}

func (s *site) Kill(ctx context.Context, node string) error {
	s.keepDown(ctx, node)
	return s.Cluster.Kill(ctx, node)
}

func (s *site) Stop(ctx context.Context, node string, grace time.Duration) error {
	s.keepDown(ctx, node)
	return s.Cluster.Stop(ctx, node, grace)
}

// StartNode starts the node unless another fault in force keeps it down: then that
// one's end starts it.
func (s *site) StartNode(ctx context.Context, node string) error {
	k := s.keeps.of(node)
	k.mu.Lock()
	defer k.mu.Unlock()
	if besides(k.down, s.id) {
		delete(k.down, s.id)
		return nil
	}
	s.seeCrashed(ctx, node, k)
	still := besides(k.frozen, s.id) || besides(k.suspended, s.id)
	if still {
		if state, err := s.Cluster.State(ctx, node); err == nil && state == cluster.Paused {
			delete(k.down, s.id)
			return nil // it runs, as far as the other fault lets it
		}
	}
	if err := s.Cluster.StartNode(ctx, node); err != nil {
		return err
	}
	delete(k.down, s.id)
	if !still {
		return nil
	}
	return s.stopAgain(ctx, node, k)
}

// stopAgain renews what makes the node stand still. A program that has ended
// meanwhile is beyond it. The keep is locked.
func (s *site) stopAgain(ctx context.Context, node string, k *keep) error {
	var err error
	if len(k.suspended) > 0 {
		err = s.Cluster.Suspend(ctx, node)
	}
	if len(k.frozen) > 0 {
		err = errors.Join(err, s.Cluster.Pause(ctx, node))
	}
	if err != nil {
		if state, asked := s.Cluster.State(ctx, node); asked == nil && state == cluster.Stopped {
			return nil
		}
	}
	return err
}

func (s *site) Pause(ctx context.Context, node string) error {
	return s.still(ctx, node, func(k *keep) map[string]bool { return k.frozen }, s.Cluster.Pause)
}

// Suspend may thaw the node as it sends its signal: a pause in force is renewed.
func (s *site) Suspend(ctx context.Context, node string) error {
	k := s.keeps.of(node)
	return s.still(ctx, node, func(k *keep) map[string]bool { return k.suspended }, func(ctx context.Context, node string) error {
		err := s.Cluster.Suspend(ctx, node)
		if err == nil && len(k.frozen) > 0 {
			err = s.Cluster.Pause(ctx, node)
		}
		return err
	})
}

// still makes the node stand still. One that another fault keeps down, or has
// ended, has nothing to stand still: that is no error, and no bite.
func (s *site) still(ctx context.Context, node string, set func(*keep) map[string]bool, do func(context.Context, string) error) error {
	k := s.keeps.of(node)
	k.mu.Lock()
	defer k.mu.Unlock()
	set(k)[s.id] = true
	err := do(ctx, node)
	if err == nil {
		return nil
	}
	if state, asked := s.Cluster.State(ctx, node); asked == nil && state == cluster.Stopped && len(k.down)+len(k.excused) > 0 {
		return nil
	}
	s.seeCrashed(ctx, node, k)
	return err
}

func (s *site) Resume(ctx context.Context, node string) error {
	return s.goOn(ctx, node, func(k *keep) map[string]bool { return k.frozen }, s.Cluster.Resume)
}

func (s *site) Continue(ctx context.Context, node string) error {
	return s.goOn(ctx, node, func(k *keep) map[string]bool { return k.suspended }, s.Cluster.Continue)
}

// goOn lets the node go on unless another fault makes it stand still in the same
// way. On some runtimes it lets it go on altogether, so the other way is renewed.
func (s *site) goOn(ctx context.Context, node string, set func(*keep) map[string]bool, do func(context.Context, string) error) error {
	k := s.keeps.of(node)
	k.mu.Lock()
	defer k.mu.Unlock()
	if besides(set(k), s.id) {
		delete(set(k), s.id)
		return nil
	}
	if err := do(ctx, node); err != nil {
		return err
	}
	delete(set(k), s.id)
	return s.stopAgain(ctx, node, k)
}

// Life is not asked for while another fault's end starts the node and stops it again.
func (s *site) Life(ctx context.Context, node string) (cluster.Life, error) {
	k := s.keeps.of(node)
	k.mu.Lock()
	defer k.mu.Unlock()
	return s.Cluster.Life(ctx, node)
}

// standsStill says whether another fault keeps the node from going on.
func (s *site) standsStill(node string) bool {
	k := s.keeps.of(node)
	k.mu.Lock()
	defer k.mu.Unlock()
	return besides(k.frozen, s.id) || besides(k.suspended, s.id)
}
