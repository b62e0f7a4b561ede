package layer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/disk"
)

// The folders in the backing directory.
const (
	treeName = "tree" // what is mounted
	undoName = "undo" // what a power loss goes back to
)

// Options say what to mount where.
type Options struct {
	// Backing is the directory that holds the data, made where it is missing. It
	// lies on one file system, outside of Mount, and belongs to one layer at a time.
	Backing string
	// Mount is the directory that the system sees the data in; it exists. What it
	// holds is copied where the backing directory is new.
	Mount string
	// Strict makes a name durable only by an fsync of its directory, see doc.go.
	Strict bool
	// UnsyncedMax bounds the changes of names, and PagesMax the pages of 4 KiB, that
	// are kept to go back to. Beyond them the layer makes everything durable by
	// itself, as a kernel does with too many dirty pages. 0 is 50,000 and 4 GiB.
	UnsyncedMax, PagesMax int
	// Log takes what the layer does of its own accord; nil drops it.
	Log func(format string, args ...any)
}

// The limits on what is kept, where the options have none.
const (
	unsyncedMax = 50_000
	pagesMax    = 1 << 20
)

// Layer is a mounted disk. Its methods may be called at the same time.
type Layer struct {
	fuse.RawFileSystem // answers ENOSYS to what is not implemented

	options Options
	rules   *rules
	server  *fuse.Server
	served  chan struct{} // closed when no request will be answered any more
	device  uint32        // the connection's number in fusectl

	// gate is held by every request for reading, and by what must see none for writing.
	gate sync.RWMutex
	down bool // guarded by gate: the power is lost

	table   table
	streams streams

	// tree guards names: the backing tree, inode.names and buried, and pending.
	tree    sync.Mutex
	pending pending

	undo   *undo
	filled atomic.Bool // a limit is reached, and writing back is on its way

	requests    map[disk.Op]*atomic.Uint64
	writtenBack atomic.Uint64
	closing     sync.Once
	closed      error
}

var _ disk.Disk = (*Layer)(nil)

// Mount mounts a disk. What a layer before it left unsynced, and could not
// remember because it was killed, counts as durable.
func Mount(options Options) (*Layer, error) {
	l, err := open(options)
	if err != nil {
		return nil, fmt.Errorf("mount the disk layer on %s: %w", options.Mount, err)
	}
	if err := l.mount(); err != nil {
		l.table.close()
		l.undo.close()
		return nil, fmt.Errorf("mount the disk layer on %s: %w", options.Mount, err)
	}
	return l, nil
}

// open makes the layer without mounting it.
func open(options Options) (*Layer, error) {
	if options.UnsyncedMax == 0 {
		options.UnsyncedMax = unsyncedMax
	}
	if options.PagesMax == 0 {
		options.PagesMax = pagesMax
	}
	if options.Log == nil {
		options.Log = func(string, ...any) {}
	}
	backing, err := filepath.Abs(options.Backing)
	if err != nil {
		return nil, err
	}
	options.Backing = backing
	if err := prepare(options); err != nil {
		return nil, err
	}
	options.UnsyncedMax = min(options.UnsyncedMax, mostFiles()/4)
	l := &Layer{
		RawFileSystem: fuse.NewDefaultRawFileSystem(),
		options:       options, rules: newRules(), served: make(chan struct{}),
		requests: map[disk.Op]*atomic.Uint64{},
	}
	for _, op := range disk.Ops() {
		l.requests[op] = new(atomic.Uint64)
	}
	l.streams.open = map[uint64]*stream{}
	if err := l.table.open(filepath.Join(backing, treeName)); err != nil {
		return nil, err
	}
	if l.undo, err = openUndo(filepath.Join(backing, undoName)); err != nil {
		l.table.close()
		return nil, err
	}
	if err := l.recall(); err != nil {
		l.table.close()
		l.undo.close()
		return nil, err
	}
	return l, nil
}

// prepare makes the backing directory's folders. A new tree begins as a copy of the
// directory that it will cover.
func prepare(options Options) error {
	if err := os.MkdirAll(filepath.Join(options.Backing, undoName), 0o700); err != nil {
		return err
	}
	tree := filepath.Join(options.Backing, treeName)
	if _, err := os.Lstat(tree); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// Aside first: whoever kills the layer meanwhile leaves no half of a tree.
	half := tree + ".new"
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	if err := copyTree(options.Mount, half); err != nil {
		return err
	}
	return os.Rename(half, tree)
}

// mostFiles is how many descriptors there may be: the layer holds one for each file
// that the kernel knows. The Go runtime has raised the limit as far as it may be.
func mostFiles() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<24))
}

// Apply puts a rule in force. Where it is about reads, what the page cache holds
// is dropped first, so that the next reads reach the disk.
func (l *Layer) Apply(id string, rule disk.Rule) error {
	if err := rule.Validate(); err != nil {
		return err
	}
	if rule.About(disk.OpRead) {
		l.dropCaches(rule.Matcher())
	}
	return l.rules.apply(id, rule)
}

// dropWithin bounds how long applying a rule waits for pages that are in use.
const dropWithin = 2 * time.Second

func (l *Layer) dropCaches(m disk.Matcher) {
	if l.server == nil {
		return
	}
	var ids []uint64
	l.tree.Lock()
	l.table.each(func(n *inode) {
		if n.kind == unix.S_IFREG && slices.ContainsFunc(n.paths(), m.Match) {
			ids = append(ids, n.id)
		}
	})
	l.tree.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, id := range ids {
			l.server.InodeNotify(id, 0, 0) // a file that the kernel forgot has no cache
		}
	}()
	select {
	case <-done:
	case <-time.After(dropWithin):
		l.options.Log("the page cache is in use after %v: reads that it answers do not reach the disk", dropWithin)
	}
}

// Undo takes a rule away. An unknown id does nothing.
func (l *Layer) Undo(id string) { l.rules.undo(id) }

// Count is how often a rule bit.
func (l *Layer) Count(id string) disk.Count { return l.rules.count(id) }

// Active lists the ids in force, sorted.
func (l *Layer) Active() []string { return l.rules.active() }

// Heal undoes every rule and returns their ids.
func (l *Layer) Heal() []string { return l.rules.heal() }

// Stats is what the layer did and holds.
func (l *Layer) Stats() disk.Stats {
	s := disk.Stats{Requests: map[disk.Op]uint64{}, WrittenBack: l.writtenBack.Load()}
	for op, n := range l.requests {
		s.Requests[op] = n.Load()
	}
	l.tree.Lock()
	s.UnsyncedNames = len(l.pending.changes)
	l.tree.Unlock()
	s.UnsyncedFiles, s.KeptPages = l.undo.size()
	return s
}

// Hold stops every request until the returned function is called, so that
// processes can be killed at one moment. A request that was held is answered with
// an error: whoever sent it is dead.
func (l *Layer) Hold() (release func()) {
	l.gate.Lock()
	l.down = true
	return l.gate.Unlock
}

// PowerLoss takes back what was never synced. From its call on every request fails
// with EIO; close the layer and mount a new one on the same backing directory to
// go on. The processes must be dead: what they saw is no longer true.
func (l *Layer) PowerLoss(power disk.Power) (disk.Loss, error) {
	l.rules.heal()
	l.gate.Lock()
	defer l.gate.Unlock()
	l.down = true
	loss, err := l.rollBack(power)
	if err != nil {
		return loss, fmt.Errorf("lose the power of %s: %w", l.options.Mount, err)
	}
	return loss, nil
}

// Remember saves what is not synced, so that the next layer on the same backing
// directory knows it. Without it everything counts as durable then. From its call
// on every request fails with EIO.
func (l *Layer) Remember() error {
	l.gate.Lock()
	defer l.gate.Unlock()
	l.down = true
	if err := l.remember(); err != nil {
		return fmt.Errorf("save what is not synced on %s: %w", l.options.Mount, err)
	}
	return nil
}

// closeWithin bounds how long Close waits for requests that are under way.
const closeWithin = 10 * time.Second

// Close unmounts. Where processes still use the mount it is detached and the
// connection aborted: their requests fail, and nothing hangs.
func (l *Layer) Close() error {
	l.closing.Do(func() { l.closed = l.close() })
	return l.closed
}

func (l *Layer) close() error {
	l.rules.heal()
	err := l.unmount()
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	select {
	case <-l.served:
	case <-ctx.Done():
		return errors.Join(err, fmt.Errorf("unmount %s: requests are still under way after %v", l.options.Mount, closeWithin))
	}
	l.streams.close()
	l.table.close()
	return errors.Join(err, l.undo.close())
}

// String is the file system's name.
func (l *Layer) String() string { return "seatrial" }

// discard drops the library's own words: it has no way to say them to us.
func discard() *log.Logger { return log.New(io.Discard, "", 0) }

// fill makes everything durable when too much is kept.
func (l *Layer) fill() {
	if l.filled.Swap(true) {
		return
	}
	go func() {
		l.gate.Lock()
		defer l.gate.Unlock()
		defer l.filled.Store(false)
		if l.down {
			return
		}
		l.tree.Lock()
		l.pending.commitAll(l)
		l.tree.Unlock()
		l.undo.syncAll(l)
		l.writtenBack.Add(1)
	}()
}
