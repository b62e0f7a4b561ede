package layer

import (
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/disk"
)

// Unlink takes a name away.
func (l *Layer) Unlink(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return l.removeName(in, name)
}

// Rmdir takes an empty directory away.
func (l *Layer) Rmdir(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return l.removeName(in, name)
}

func (l *Layer) removeName(in *fuse.InHeader, name string) fuse.Status {
	dir := l.table.node(in.NodeId)
	if status := l.enter(disk.OpUnlink, dir, name, 0); !status.Ok() {
		return status
	}
	defer l.gate.RUnlock()
	l.tree.Lock()
	defer l.tree.Unlock()
	n, err := l.child(dir, name)
	if err != nil {
		return fuse.ToStatus(err)
	}
	if n == nil {
		return fuse.ENOENT
	}
	defer l.table.unpin(n)
	flags := 0
	if n.kind == unix.S_IFDIR {
		flags = unix.AT_REMOVEDIR
		if err := mustBeEmpty(n); err != nil {
			return fuse.ToStatus(err)
		}
	}
	n.unseen(dir, name)
	if l.pending.cancel(l, dir, name, n) {
		return fuse.ToStatus(unix.Unlinkat(dir.fd, name, flags))
	}
	if n.buried != "" { // another of its names is kept already
		err = unix.Unlinkat(dir.fd, name, flags)
	} else if grave := l.undo.bury(); true {
		if err = unix.Renameat(dir.fd, name, l.undo.dir, grave); err == nil {
			n.buried = grave
		}
	}
	if err != nil {
		return fuse.ToStatus(err)
	}
	l.pending.record(l, &change{dir: dir, name: name, before: n})
	return fuse.OK
}

// mustBeEmpty checks a directory that is about to be moved away: the tree's own
// check is that of rmdir, which is not what removes it.
func mustBeEmpty(n *inode) error {
	entries, err := readDir(n)
	if err != nil {
		return err
	}
	if len(entries) > 2 { // . and ..
		return unix.ENOTEMPTY
	}
	return nil
}

// Rename moves a name, over another one if there is one.
func (l *Layer) Rename(cancel <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	from, to := l.table.node(in.NodeId), l.table.node(in.Newdir)
	if in.Flags&^uint32(unix.RENAME_NOREPLACE|unix.RENAME_EXCHANGE) != 0 {
		return fuse.EINVAL
	}
	if status := l.enter(disk.OpRename, from, oldName, 0); !status.Ok() {
		return status
	}
	defer l.gate.RUnlock()
	l.tree.Lock()
	defer l.tree.Unlock()
	n, err := l.child(from, oldName)
	if err != nil {
		return fuse.ToStatus(err)
	}
	if n == nil {
		return fuse.ENOENT
	}
	defer l.table.unpin(n)
	victim, err := l.child(to, newName)
	if err != nil {
		return fuse.ToStatus(err)
	}
	if victim != nil {
		defer l.table.unpin(victim)
	}
	switch {
	case in.Flags&unix.RENAME_EXCHANGE != 0:
		return fuse.ToStatus(l.exchange(from, to, oldName, newName, n, victim))
	case victim == n:
		return fuse.OK // two names of one file: rename(2) leaves both
	case victim != nil && in.Flags&unix.RENAME_NOREPLACE != 0:
		return fuse.ToStatus(unix.EEXIST)
	}
	if victim == nil {
		err = unix.Renameat(from.fd, oldName, to.fd, newName)
	} else {
		err = l.replace(from, to, oldName, newName, n, victim)
	}
	if err != nil {
		return fuse.ToStatus(err)
	}
	if victim != nil {
		victim.unseen(to, newName)
	}
	n.seen(to, newName)
	n.unseen(from, oldName)
	l.pending.record(l,
		&change{dir: from, name: oldName, before: n},
		&change{dir: to, name: newName, before: victim, after: n})
	return fuse.OK
}

// replace renames over a victim, which is kept. Whoever kills the layer in between
// must not find the new name missing.
func (l *Layer) replace(from, to *inode, oldName, newName string, n, victim *inode) error {
	if victim.kind == unix.S_IFDIR {
		if n.kind != unix.S_IFDIR {
			return unix.EISDIR
		}
		if err := mustBeEmpty(victim); err != nil {
			return err
		}
		if err := unix.Renameat2(from.fd, oldName, to.fd, newName, unix.RENAME_EXCHANGE); err != nil {
			return err
		}
		grave := l.undo.bury()
		if err := unix.Renameat(from.fd, oldName, l.undo.dir, grave); err != nil {
			back := unix.Renameat2(from.fd, oldName, to.fd, newName, unix.RENAME_EXCHANGE)
			if back != nil {
				l.options.Log("rename over %s: %v, and back: %v", newName, err, back)
			}
			return err
		}
		victim.buried = grave
		return nil
	}
	if victim.buried != "" {
		return unix.Renameat(from.fd, oldName, to.fd, newName)
	}
	grave := l.undo.bury()
	if err := unix.Linkat(to.fd, newName, l.undo.dir, grave, 0); err != nil {
		return err
	}
	if err := unix.Renameat(from.fd, oldName, to.fd, newName); err != nil {
		_ = unix.Unlinkat(l.undo.dir, grave, 0)
		return err
	}
	victim.buried = grave
	return nil
}

func (l *Layer) exchange(from, to *inode, oldName, newName string, n, other *inode) error {
	if other == nil {
		return unix.ENOENT
	}
	if err := unix.Renameat2(from.fd, oldName, to.fd, newName, unix.RENAME_EXCHANGE); err != nil {
		return err
	}
	n.seen(to, newName)
	n.unseen(from, oldName)
	other.seen(from, oldName)
	other.unseen(to, newName)
	l.pending.record(l,
		&change{dir: from, name: oldName, before: n, after: other},
		&change{dir: to, name: newName, before: other, after: n})
	return nil
}
