package layer

import (
	"errors"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/disk"
)

// enter begins a request: it counts it, lets the rules act, and passes the gate.
// On OK the caller calls l.gate.RUnlock when the request is done.
func (l *Layer) enter(op disk.Op, n *inode, name string, bytes int) fuse.Status {
	_, status := l.enterPart(op, n, name, bytes, false)
	return status
}

// enterPart is enter for a request of which a part may be done: of bytes it moves
// allowed.
func (l *Layer) enterPart(op disk.Op, n *inode, name string, bytes int, part bool) (allowed int, status fuse.Status) {
	l.requests[op].Add(1)
	allowed = bytes
	if l.rules.any() {
		l.tree.Lock()
		paths := n.paths()
		l.tree.Unlock()
		for i := range paths {
			paths[i] = join(paths[i], name)
		}
		var errno unix.Errno
		if allowed, errno = l.rules.meet(op, paths, bytes, part); errno != 0 {
			return 0, fuse.Status(errno)
		}
	}
	return allowed, l.pass()
}

// pass passes the gate.
func (l *Layer) pass() fuse.Status {
	l.gate.RLock()
	if l.down {
		l.gate.RUnlock()
		return fuse.EIO
	}
	return fuse.OK
}

// Open opens a file. O_TRUNC comes as a SetAttr of its own.
func (l *Layer) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n := l.table.node(in.NodeId)
	if status := l.enter(disk.OpOpen, n, "", 0); !status.Ok() {
		return status
	}
	defer l.gate.RUnlock()
	return l.openNode(n, out)
}

func (l *Layer) openNode(n *inode, out *fuse.OpenOut) fuse.Status {
	n.data.Lock()
	defer n.data.Unlock()
	if _, err := n.file(); err != nil {
		return fuse.ToStatus(err)
	}
	n.users++
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return fuse.OK
}

// Release ends a handle.
func (l *Layer) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	n := l.table.node(in.NodeId)
	n.data.Lock()
	defer n.data.Unlock()
	n.users--
	n.closeUnused()
}

// Flush is close(2), which makes nothing durable.
func (l *Layer) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }

// Read reads data.
func (l *Layer) Read(cancel <-chan struct{}, in *fuse.ReadIn, into []byte) (fuse.ReadResult, fuse.Status) {
	n := l.table.node(in.NodeId)
	if status := l.enter(disk.OpRead, n, "", len(into)); !status.Ok() {
		return nil, status
	}
	defer l.gate.RUnlock()
	n.data.Lock()
	fd, err := n.file()
	n.data.Unlock() // the handle that reads keeps it open
	if err != nil {
		return nil, fuse.ToStatus(err)
	}
	got, err := preadFull(fd, into, int64(in.Offset))
	if err != nil {
		return nil, fuse.ToStatus(err)
	}
	return fuse.ReadResultData(into[:got]), fuse.OK
}

// Write writes data, through to the tree at once.
func (l *Layer) Write(cancel <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	n := l.table.node(in.NodeId)
	mapped := in.WriteFlags&fuse.WRITE_CACHE != 0
	allowed, status := l.enterPart(disk.OpWrite, n, "", len(data), !mapped)
	if !status.Ok() {
		return 0, status
	}
	defer l.gate.RUnlock()
	n.data.Lock()
	defer n.data.Unlock()
	defer n.closeUnused()
	fd, err := n.file()
	if err != nil {
		return 0, fuse.ToStatus(err)
	}
	if err := l.keepPages(n, fd, int64(in.Offset), int64(allowed)); err != nil {
		return 0, fuse.ToStatus(err)
	}
	written, err := pwriteFull(fd, data[:allowed], int64(in.Offset))
	if written == 0 && err != nil {
		return 0, fuse.ToStatus(err)
	}
	if in.Flags&unix.O_DSYNC != 0 { // O_SYNC has that bit too
		if err := l.syncData(n, in.Flags&unix.O_SYNC == unix.O_SYNC); err != nil {
			return 0, fuse.ToStatus(err)
		}
	}
	return uint32(written), fuse.OK
}

func pwriteFull(fd int, data []byte, off int64) (int, error) {
	done := 0
	for done < len(data) {
		n, err := unix.Pwrite(fd, data[done:], off+int64(done))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// Fsync makes data durable, and the file's new names unless the layer is strict.
func (l *Layer) Fsync(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	n := l.table.node(in.NodeId)
	if status := l.enter(disk.OpFsync, n, "", 0); !status.Ok() {
		if status == fuse.EIO {
			return l.failFsync(n)
		}
		return status
	}
	defer l.gate.RUnlock()
	n.data.Lock()
	err := l.syncData(n, in.FsyncFlags&fsyncDataOnly == 0)
	n.data.Unlock()
	if err != nil {
		return fuse.ToStatus(err)
	}
	l.syncNames(n)
	return fuse.OK
}

// failFsync is the answer to an fsync that a rule fails with EIO.
func (l *Layer) failFsync(n *inode) fuse.Status {
	if status := l.pass(); !status.Ok() {
		return status
	}
	defer l.gate.RUnlock()
	n.data.Lock()
	defer n.data.Unlock()
	if err := l.loseData(n); err != nil {
		l.options.Log("fsync of a file that a rule fails: %v", err)
	}
	return fuse.EIO
}

// Fallocate reserves space, punches holes and writes zeros.
func (l *Layer) Fallocate(cancel <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	n := l.table.node(in.NodeId)
	if status := l.enter(disk.OpAllocate, n, "", 0); !status.Ok() {
		return status
	}
	defer l.gate.RUnlock()
	n.data.Lock()
	defer n.data.Unlock()
	defer n.closeUnused()
	fd, err := n.file()
	if err != nil {
		return fuse.ToStatus(err)
	}
	length := int64(in.Length)
	if in.Mode&^uint32(unix.FALLOC_FL_KEEP_SIZE) == 0 {
		length = 0 // it changes no byte before the end
	}
	if err := l.keepPages(n, fd, int64(in.Offset), length); err != nil {
		return fuse.ToStatus(err)
	}
	for {
		err := unix.Fallocate(fd, in.Mode, int64(in.Offset), int64(in.Length))
		if !errors.Is(err, unix.EINTR) {
			return fuse.ToStatus(err)
		}
	}
}

// truncate gives a file a new size; the caller has n.data.
func (l *Layer) truncate(n *inode, size int64) error {
	defer n.closeUnused()
	fd, err := n.file()
	if err != nil {
		return err
	}
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		return err
	}
	if err := l.keepPages(n, fd, size, max(0, s.Size-size)); err != nil {
		return err
	}
	return unix.Ftruncate(fd, size)
}

// Lseek finds data and holes; the kernel does the other kinds itself.
func (l *Layer) Lseek(_ <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	n := l.table.node(in.NodeId)
	n.data.Lock()
	defer n.data.Unlock()
	defer n.closeUnused()
	fd, err := n.file()
	if err != nil {
		return fuse.ToStatus(err)
	}
	at, err := unix.Seek(fd, int64(in.Offset), int(in.Whence))
	out.Offset = uint64(at)
	return fuse.ToStatus(err)
}

// CopyFileRange is not passed on: the kernel reads and writes instead, so the
// rules see it.
func (l *Layer) CopyFileRange(<-chan struct{}, *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	return 0, fuse.ENOSYS
}

// fsyncDataOnly is the flag FUSE_FSYNC_FDATASYNC of a request.
const fsyncDataOnly = 1
