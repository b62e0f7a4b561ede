package layer

import (
	"bytes"
	"errors"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/disk"
)

// attr reads the attributes; the caller has l.tree, or the inode is not removed
// while it asks.
func (l *Layer) attr(n *inode, out *fuse.Attr) error {
	var s unix.Stat_t
	if err := unix.Fstat(n.fd, &s); err != nil {
		return err
	}
	out.Ino, out.Size, out.Blocks, out.Blksize = s.Ino, uint64(s.Size), uint64(s.Blocks), uint32(s.Blksize)
	out.Mode, out.Nlink, out.Rdev = s.Mode, uint32(s.Nlink), uint32(s.Rdev)
	out.Uid, out.Gid = s.Uid, s.Gid
	out.Atime, out.Atimensec = uint64(s.Atim.Sec), uint32(s.Atim.Nsec)
	out.Mtime, out.Mtimensec = uint64(s.Mtim.Sec), uint32(s.Mtim.Nsec)
	out.Ctime, out.Ctimensec = uint64(s.Ctim.Sec), uint32(s.Ctim.Nsec)
	switch { // the name that is kept for a power loss is nobody's business
	case n.buried == "":
	case n.kind == unix.S_IFDIR:
		out.Nlink = 0
	default:
		out.Nlink--
	}
	return nil
}

// GetAttr is stat(2).
func (l *Layer) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	if status := l.pass(); !status.Ok() {
		return status
	}
	defer l.gate.RUnlock()
	return l.answerAttr(l.table.node(in.NodeId), out)
}

func (l *Layer) answerAttr(n *inode, out *fuse.AttrOut) fuse.Status {
	l.tree.Lock()
	defer l.tree.Unlock()
	out.SetTimeout(cachedFor)
	return fuse.ToStatus(l.attr(n, &out.Attr))
}

// SetAttr is truncate, chmod, chown and utimes.
func (l *Layer) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	n := l.table.node(in.NodeId)
	op := disk.OpAttributes
	size, resizes := in.GetSize()
	if resizes {
		op = disk.OpTruncate
	}
	if status := l.enter(op, n, "", 0); !status.Ok() {
		return status
	}
	defer l.gate.RUnlock()
	if err := l.setAttr(n, in, int64(size), resizes); err != nil {
		return fuse.ToStatus(err)
	}
	return l.answerAttr(n, out)
}

func (l *Layer) setAttr(n *inode, in *fuse.SetAttrIn, size int64, resizes bool) error {
	n.data.Lock()
	defer n.data.Unlock()
	uid, chowns := in.GetUID()
	gid, chgrps := in.GetGID()
	mode, chmods := in.GetMode()
	if chowns || chgrps || chmods {
		if err := l.keepAttrs(n); err != nil {
			return err
		}
	}
	if chowns || chgrps {
		owner, group := -1, -1
		if chowns {
			owner = int(uid)
		}
		if chgrps {
			group = int(gid)
		}
		if err := unix.Fchownat(n.fd, "", owner, group, unix.AT_EMPTY_PATH); err != nil {
			return err
		}
	}
	if chmods { // after chown, which takes set-user-id bits away
		if err := unix.Chmod(n.proc(), mode); err != nil {
			return err
		}
	}
	if resizes {
		if err := l.truncate(n, size); err != nil {
			return err
		}
	}
	return setTimes(n, in)
}

func setTimes(n *inode, in *fuse.SetAttrIn) error {
	if in.Valid&(fuse.FATTR_ATIME|fuse.FATTR_MTIME|fuse.FATTR_ATIME_NOW|fuse.FATTR_MTIME_NOW) == 0 {
		return nil
	}
	times := [2]unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Nsec: unix.UTIME_OMIT}}
	switch {
	case in.Valid&fuse.FATTR_ATIME_NOW != 0:
		times[0].Nsec = unix.UTIME_NOW
	case in.Valid&fuse.FATTR_ATIME != 0:
		times[0] = unix.Timespec{Sec: int64(in.Atime), Nsec: int64(in.Atimensec)}
	}
	switch {
	case in.Valid&fuse.FATTR_MTIME_NOW != 0:
		times[1].Nsec = unix.UTIME_NOW
	case in.Valid&fuse.FATTR_MTIME != 0:
		times[1] = unix.Timespec{Sec: int64(in.Mtime), Nsec: int64(in.Mtimensec)}
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, n.proc(), times[:], 0)
}

// keepAttrs saves the attributes that the disk holds, before they are changed; the
// caller has n.data.
func (l *Layer) keepAttrs(n *inode) error {
	if err := l.soil(n); err != nil {
		return err
	}
	if n.dirt.attrs != nil {
		return nil
	}
	var s unix.Stat_t
	if err := unix.Fstat(n.fd, &s); err != nil {
		return err
	}
	xattrs, err := readXattrs(n)
	if err != nil {
		return err
	}
	n.dirt.attrs = &attrs{Mode: s.Mode & 0o7777, UID: int(s.Uid), GID: int(s.Gid), Xattrs: xattrs}
	return nil
}

// restoreAttrs puts attributes back.
func restoreAttrs(n *inode, a *attrs) error {
	if err := unix.Fchownat(n.fd, "", a.UID, a.GID, unix.AT_EMPTY_PATH); err != nil {
		return err
	}
	if n.kind == unix.S_IFLNK {
		return nil
	}
	if err := unix.Chmod(n.proc(), a.Mode); err != nil {
		return err
	}
	now, err := readXattrs(n)
	if err != nil {
		return err
	}
	for name := range now {
		if _, keeps := a.Xattrs[name]; !keeps {
			err = errors.Join(err, unix.Removexattr(n.proc(), name))
		}
	}
	for name, value := range a.Xattrs {
		if !bytes.Equal(now[name], value) || now[name] == nil {
			err = errors.Join(err, unix.Setxattr(n.proc(), name, value, 0))
		}
	}
	return err
}

// xattrMax is the largest value and the longest list of names; see xattr(7).
const xattrMax = 64 << 10

func readXattrs(n *inode) (map[string][]byte, error) {
	if n.kind != unix.S_IFREG && n.kind != unix.S_IFDIR {
		return nil, nil
	}
	into := make([]byte, xattrMax)
	size, err := unix.Listxattr(n.proc(), into)
	if errors.Is(err, unix.ENOTSUP) || err == nil && size == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	value := make([]byte, xattrMax)
	for _, name := range bytes.Split(bytes.TrimSuffix(into[:size], []byte{0}), []byte{0}) {
		size, err := unix.Getxattr(n.proc(), string(name), value)
		if err != nil {
			return nil, err
		}
		all[string(name)] = bytes.Clone(value[:size])
		if size == 0 {
			all[string(name)] = []byte{}
		}
	}
	return all, nil
}

// GetXAttr reads an extended attribute.
func (l *Layer) GetXAttr(_ <-chan struct{}, in *fuse.InHeader, name string, into []byte) (uint32, fuse.Status) {
	if status := l.pass(); !status.Ok() {
		return 0, status
	}
	defer l.gate.RUnlock()
	size, err := unix.Getxattr(l.table.node(in.NodeId).proc(), name, into)
	return sized(size, err, into)
}

// ListXAttr lists the extended attributes.
func (l *Layer) ListXAttr(_ <-chan struct{}, in *fuse.InHeader, into []byte) (uint32, fuse.Status) {
	if status := l.pass(); !status.Ok() {
		return 0, status
	}
	defer l.gate.RUnlock()
	size, err := unix.Listxattr(l.table.node(in.NodeId).proc(), into)
	return sized(size, err, into)
}

// sized is the answer with a size, where no room asks for the size only.
func sized(size int, err error, into []byte) (uint32, fuse.Status) {
	if err != nil {
		return 0, fuse.ToStatus(err)
	}
	if len(into) == 0 && size > 0 {
		return uint32(size), fuse.ERANGE
	}
	return uint32(size), fuse.OK
}

// SetXAttr writes an extended attribute.
func (l *Layer) SetXAttr(cancel <-chan struct{}, in *fuse.SetXAttrIn, name string, value []byte) fuse.Status {
	return l.changeXattr(&in.InHeader, func(n *inode) error {
		return unix.Setxattr(n.proc(), name, value, int(in.Flags))
	})
}

// RemoveXAttr removes an extended attribute.
func (l *Layer) RemoveXAttr(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return l.changeXattr(in, func(n *inode) error { return unix.Removexattr(n.proc(), name) })
}

func (l *Layer) changeXattr(in *fuse.InHeader, change func(*inode) error) fuse.Status {
	n := l.table.node(in.NodeId)
	if status := l.enter(disk.OpAttributes, n, "", 0); !status.Ok() {
		return status
	}
	defer l.gate.RUnlock()
	n.data.Lock()
	defer n.data.Unlock()
	if err := l.keepAttrs(n); err != nil {
		return fuse.ToStatus(err)
	}
	return fuse.ToStatus(change(n))
}

// StatFs is statfs(2) of the backing file system.
func (l *Layer) StatFs(_ <-chan struct{}, in *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	if status := l.pass(); !status.Ok() {
		return status
	}
	defer l.gate.RUnlock()
	var s unix.Statfs_t
	if err := unix.Statfs(l.table.node(in.NodeId).proc(), &s); err != nil {
		return fuse.ToStatus(err)
	}
	out.Blocks, out.Bfree, out.Bavail, out.Files, out.Ffree = s.Blocks, s.Bfree, s.Bavail, s.Files, s.Ffree
	out.Bsize, out.Frsize, out.NameLen = uint32(s.Bsize), uint32(s.Frsize), uint32(s.Namelen)
	return fuse.OK
}

// Access is not asked: the kernel checks permissions by mode and owner.
func (l *Layer) Access(<-chan struct{}, *fuse.AccessIn) fuse.Status { return fuse.ENOSYS }
