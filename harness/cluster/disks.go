package cluster

import (
	"context"

	"github.com/seatrial/seatrial/harness/disk"
)

// Disks is a [Cluster] whose nodes' disks can fail, where it was started with
// [Options].Disk. Rules hold across the lives of a node. All but PowerLoss work on
// nodes in any state.
type Disks interface {
	// DisksApply says why disks can't fail here; nil means that they can.
	DisksApply() error
	// PowerLoss ends the node's program at once and takes back what it had never
	// synced. The node stays down until it is started. Of a node whose program
	// does not run nothing is taken: that is [ErrNotRunning].
	PowerLoss(ctx context.Context, node string, power disk.Power) (disk.Loss, error)
	// Lost is what the node's last power loss took; false where there was none.
	Lost(node string) (loss disk.Loss, ever bool)
	// ApplyRule puts a rule in force on the disks of some nodes, under an id of the
	// caller's. A node that does not run gets it when it is started.
	ApplyRule(ctx context.Context, id string, rule disk.Rule, nodes []string) error
	// UndoRule takes the rule of that id away everywhere. An unknown id is no error.
	UndoRule(ctx context.Context, id string) error
	// CountRule is how often the rule bit on the node in the life of its program
	// that runs now; zero where none does.
	CountRule(ctx context.Context, id, node string) (disk.Count, error)
	// ActiveRules lists the ids in force on the node's disk, as that says; none
	// where its program does not run.
	ActiveRules(ctx context.Context, node string) ([]string, error)
}
