package layer

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// key tells files of the backing tree apart.
type key struct{ dev, ino uint64 }

// inode is a file, directory or other thing that the kernel knows, or that
// something unsynced is about.
type inode struct {
	id   uint64 // the kernel's name for it, never used again
	key  key
	kind uint32 // S_IFREG, S_IFDIR, …
	fd   int    // O_PATH

	lookups uint64 // guarded by table: how often the kernel was told of it
	pins    int    // guarded by table: how many unsynced things are about it

	// guarded by Layer.tree
	names  []slot // those that were seen; a file without names keeps its last
	buried string // its name in the undo folder, which is one of its links
	wanted int    // changes in pending that could bring it back
	about  int    // changes in pending that name it

	data  sync.Mutex
	open  int   // descriptor for reading and writing, -1 where it is closed
	users int   // how many handles use open
	dirt  *dirt // what the disk holds, nil where it holds the same as the tree
}

// proc is a path to the file itself, whatever it is called now.
func (n *inode) proc() string { return "/proc/self/fd/" + strconv.Itoa(n.fd) }

// slot is one name in one directory.
type slot struct {
	dir  *inode
	name string
}

// seen notes a name, and unseen that it is gone; the caller has Layer.tree.
func (n *inode) seen(dir *inode, name string) {
	if s := (slot{dir, name}); !slices.Contains(n.names, s) {
		n.names = append(n.names, s)
	}
}

func (n *inode) unseen(dir *inode, name string) {
	if i := slices.Index(n.names, slot{dir, name}); i >= 0 && len(n.names) > 1 {
		n.names = slices.Delete(n.names, i, i+1)
	}
}

// path is one of the file's, relative to the root; the caller has Layer.tree.
func (n *inode) path() string {
	if len(n.names) == 0 {
		return ""
	}
	return join(n.names[0].dir.path(), n.names[0].name)
}

// paths are all that were seen; the root has an empty one.
func (n *inode) paths() []string {
	if len(n.names) == 0 {
		return []string{""}
	}
	all := make([]string, len(n.names))
	for i, s := range n.names {
		all[i] = join(s.dir.path(), s.name)
	}
	return all
}

func join(dir, name string) string {
	if dir == "" || name == "" {
		return dir + name
	}
	return dir + "/" + name
}

// file is the descriptor for reading and writing, opened if need be. It stays open
// while handles use it. The caller has n.data, and calls closeUnused before it
// gives that back.
func (n *inode) file() (fd int, err error) {
	if n.open < 0 {
		fd, err := unix.Open(n.proc(), unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, err
		}
		n.open = fd
	}
	return n.open, nil
}

// closeUnused closes the descriptor when no handle uses it; the caller has n.data.
func (n *inode) closeUnused() {
	if n.users == 0 && n.open >= 0 {
		unix.Close(n.open)
		n.open = -1
	}
}

// rootID is the kernel's name for the root.
const rootID = 1

// table finds inodes by the kernel's name and by the backing tree's.
type table struct {
	mu     sync.RWMutex
	byID   map[uint64]*inode
	byKey  map[key]*inode
	lastID uint64
	root   *inode
}

func (t *table) open(root string) error {
	t.byID, t.byKey, t.lastID = map[uint64]*inode{}, map[key]*inode{}, rootID-1
	fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: root, Err: err}
	}
	t.root, err = t.enter(fd)
	if err != nil {
		return fmt.Errorf("stat %s: %w", root, err)
	}
	t.pin(t.root) // never forgotten
	return nil
}

func (t *table) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.byKey {
		unix.Close(n.fd)
		if n.open >= 0 {
			unix.Close(n.open)
			n.open = -1
		}
	}
	clear(t.byKey)
	clear(t.byID)
}

func (t *table) node(id uint64) *inode {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byID[id]
}

func (t *table) each(do func(*inode)) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, n := range t.byID {
		do(n)
	}
}

// enter finds the inode of an O_PATH descriptor, or makes it. It takes the
// descriptor. The inode is pinned: whoever asked unpins it.
func (t *table) enter(fd int) (*inode, error) {
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		unix.Close(fd)
		return nil, err
	}
	k := key{s.Dev, s.Ino}
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.byKey[k]; n != nil {
		unix.Close(fd)
		n.pins++
		return n, nil
	}
	t.lastID++
	n := &inode{id: t.lastID, key: k, kind: s.Mode & unix.S_IFMT, fd: fd, open: -1, pins: 1}
	t.byID[n.id], t.byKey[k] = n, n
	return n, nil
}

func (t *table) pin(n *inode) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.pins++
}

func (t *table) unpin(n *inode) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.pins--
	t.drop(n)
}

// tell counts that the kernel was told of the inode.
func (t *table) tell(n *inode) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.lookups++
}

func (t *table) forget(id, times uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.byID[id]; n != nil {
		n.lookups -= min(times, n.lookups)
		t.drop(n)
	}
}

// drop closes what nobody knows any more; the caller has t.mu.
func (t *table) drop(n *inode) {
	if n.lookups > 0 || n.pins > 0 || t.byKey[n.key] != n {
		return
	}
	delete(t.byID, n.id)
	delete(t.byKey, n.key)
	unix.Close(n.fd)
	if n.open >= 0 { // its last handle is gone: the kernel forgets a file after its releases
		unix.Close(n.open)
		n.open = -1
	}
}
