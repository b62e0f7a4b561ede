package layer

import (
	"errors"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/disk"
)

// cachedFor is how long the kernel may believe what it was told: nobody else
// changes the tree.
const cachedFor = time.Hour

// child finds the inode of a name and pins it; nil where there is nothing. The
// caller has l.tree.
func (l *Layer) child(dir *inode, name string) (*inode, error) {
	fd, err := unix.Openat(dir.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n, err := l.table.enter(fd)
	if err != nil {
		return nil, err
	}
	if n != l.table.root {
		n.seen(dir, name)
	}
	return n, nil
}

// answer tells the kernel of an inode; the caller has l.tree.
func (l *Layer) answer(n *inode, out *fuse.EntryOut) fuse.Status {
	if err := l.attr(n, &out.Attr); err != nil {
		return fuse.ToStatus(err)
	}
	out.NodeId = n.id
	out.SetEntryTimeout(cachedFor)
	out.SetAttrTimeout(cachedFor)
	l.table.tell(n)
	return fuse.OK
}

// Lookup finds a name.
func (l *Layer) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if status := l.pass(); !status.Ok() {
		return status
	}
	defer l.gate.RUnlock()
	l.tree.Lock()
	defer l.tree.Unlock()
	n, err := l.child(l.table.node(in.NodeId), name)
	if err != nil {
		return fuse.ToStatus(err)
	}
	if n == nil {
		return fuse.ENOENT
	}
	defer l.table.unpin(n)
	return l.answer(n, out)
}

// Forget ends the kernel's knowledge of an inode.
func (l *Layer) Forget(id, times uint64) { l.table.forget(id, times) }

// add makes a new name by what make does in the tree, and returns the inode,
// pinned. The owner is who asked.
func (l *Layer) add(in *fuse.InHeader, name string, mode uint32, out *fuse.EntryOut, make func(dir int) error) (*inode, fuse.Status) {
	dir := l.table.node(in.NodeId)
	if status := l.enter(disk.OpCreate, dir, name, 0); !status.Ok() {
		return nil, status
	}
	defer l.gate.RUnlock()
	l.tree.Lock()
	defer l.tree.Unlock()
	if err := make(dir.fd); err != nil {
		return nil, fuse.ToStatus(err)
	}
	n, err := l.child(dir, name)
	if err == nil && n == nil {
		err = unix.EIO
	}
	if err != nil {
		return nil, fuse.ToStatus(err)
	}
	if err = own(dir, n, in.Uid, in.Gid, mode); err == nil {
		status := l.answer(n, out)
		if status.Ok() {
			l.created(dir, name, n)
			return n, fuse.OK
		}
		err = unix.Errno(status)
	}
	l.table.unpin(n)
	flags := 0
	if n.kind == unix.S_IFDIR {
		flags = unix.AT_REMOVEDIR
	}
	_ = unix.Unlinkat(dir.fd, name, flags) // it was never seen
	return nil, fuse.ToStatus(err)
}

// created records a new name of a new inode.
func (l *Layer) created(dir *inode, name string, n *inode) {
	if n.kind == unix.S_IFREG {
		n.data.Lock()
		if n.dirt == nil {
			l.setDirt(n, &dirt{pages: map[int64]page{}})
		}
		n.data.Unlock()
	}
	l.pending.record(l, &change{dir: dir, name: name, after: n})
}

// own gives a new inode its owner and mode: the layer made it as root. A directory
// with the set-group-id bit hands its group down.
func own(dir, n *inode, uid, gid, mode uint32) error {
	var s unix.Stat_t
	if err := unix.Fstat(dir.fd, &s); err != nil {
		return err
	}
	if s.Mode&unix.S_ISGID != 0 {
		gid = s.Gid
		if n.kind == unix.S_IFDIR {
			mode |= unix.S_ISGID
		}
	}
	if err := unix.Fchownat(n.fd, "", int(uid), int(gid), unix.AT_EMPTY_PATH); err != nil {
		return err
	}
	if n.kind == unix.S_IFLNK {
		return nil
	}
	return unix.Chmod(n.proc(), mode&0o7777)
}

// Create makes and opens a file.
func (l *Layer) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	n, status := l.add(&in.InHeader, name, in.Mode, &out.EntryOut, func(dir int) error {
		fd, err := unix.Openat(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return err
		}
		return unix.Close(fd)
	})
	if !status.Ok() {
		return status
	}
	defer l.table.unpin(n)
	return l.openNode(n, &out.OpenOut)
}

// Mknod makes a file, a pipe, a socket or a device.
func (l *Layer) Mknod(cancel <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	return l.added(l.add(&in.InHeader, name, in.Mode, out, func(dir int) error {
		return unix.Mknodat(dir, name, in.Mode&unix.S_IFMT|0o600, int(in.Rdev))
	}))
}

// Mkdir makes a directory.
func (l *Layer) Mkdir(cancel <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return l.added(l.add(&in.InHeader, name, in.Mode, out, func(dir int) error {
		return unix.Mkdirat(dir, name, 0o700)
	}))
}

// Symlink makes a symbolic link.
func (l *Layer) Symlink(cancel <-chan struct{}, in *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	return l.added(l.add(in, name, 0, out, func(dir int) error {
		return unix.Symlinkat(target, dir, name)
	}))
}

func (l *Layer) added(n *inode, status fuse.Status) fuse.Status {
	if status.Ok() {
		l.table.unpin(n)
	}
	return status
}

// Link gives a file one more name.
func (l *Layer) Link(cancel <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	dir, n := l.table.node(in.NodeId), l.table.node(in.Oldnodeid)
	if status := l.enter(disk.OpCreate, dir, name, 0); !status.Ok() {
		return status
	}
	defer l.gate.RUnlock()
	l.tree.Lock()
	defer l.tree.Unlock()
	if err := unix.Linkat(unix.AT_FDCWD, n.proc(), dir.fd, name, unix.AT_SYMLINK_FOLLOW); err != nil {
		return fuse.ToStatus(err)
	}
	n.seen(dir, name)
	l.pending.record(l, &change{dir: dir, name: name, after: n})
	return l.answer(n, out)
}

// Readlink reads a symbolic link.
func (l *Layer) Readlink(_ <-chan struct{}, in *fuse.InHeader) ([]byte, fuse.Status) {
	if status := l.pass(); !status.Ok() {
		return nil, status
	}
	defer l.gate.RUnlock()
	into := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(l.table.node(in.NodeId).fd, "", into)
	if err != nil {
		return nil, fuse.ToStatus(err)
	}
	return into[:n], fuse.OK
}
