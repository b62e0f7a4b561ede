package layer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/disk"
)

// streams are the open directories. One shows the directory as it was when it was
// opened or rewound, so a name that stays is listed once, whatever changes
// meanwhile.
type streams struct {
	mu   sync.Mutex
	open map[uint64]*stream
	last uint64
}

type stream struct {
	mu      sync.Mutex
	entries []fuse.DirEntry
}

func (s *streams) add(one *stream) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.open[s.last] = one
	return s.last
}

func (s *streams) get(handle uint64) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[handle]
}

func (s *streams) remove(handle uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, handle)
}

func (s *streams) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.open)
}

// OpenDir opens a directory.
func (l *Layer) OpenDir(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n := l.table.node(in.NodeId)
	if status := l.enter(disk.OpOpen, n, "", 0); !status.Ok() {
		return status
	}
	defer l.gate.RUnlock()
	out.Fh = l.streams.add(new(stream))
	return fuse.OK
}

// ReleaseDir ends a handle.
func (l *Layer) ReleaseDir(in *fuse.ReleaseIn) { l.streams.remove(in.Fh) }

// ReadDir lists a directory, from the entry that the offset counts.
func (l *Layer) ReadDir(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	n := l.table.node(in.NodeId)
	if status := l.enter(disk.OpList, n, "", 0); !status.Ok() {
		return status
	}
	defer l.gate.RUnlock()
	s := l.streams.get(in.Fh)
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.Offset == 0 {
		l.tree.Lock() // not in the middle of a rename
		entries, err := readDir(n)
		l.tree.Unlock()
		if err != nil {
			return fuse.ToStatus(err)
		}
		s.entries = entries
	}
	for i := in.Offset; i < uint64(len(s.entries)); i++ {
		e := s.entries[i]
		e.Off = i + 1
		if !out.AddDirEntry(e) {
			break
		}
	}
	return fuse.OK
}

// FsyncDir makes the names in a directory durable.
func (l *Layer) FsyncDir(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	n := l.table.node(in.NodeId)
	if status := l.enter(disk.OpFsyncDir, n, "", 0); !status.Ok() {
		return status
	}
	defer l.gate.RUnlock()
	n.data.Lock()
	err := l.syncData(n, in.FsyncFlags&fsyncDataOnly == 0) // its attributes
	n.data.Unlock()
	if err != nil {
		return fuse.ToStatus(err)
	}
	l.syncDir(n)
	return fuse.OK
}

// readDir lists a directory of the tree, with . and ..
func readDir(n *inode) ([]fuse.DirEntry, error) {
	fd, err := unix.Openat(n.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var all []fuse.DirEntry
	buf := make([]byte, 32<<10)
	for {
		size, err := unix.Getdents(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || size == 0 {
			return all, err
		}
		// struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name with its 0
		for rest := buf[:size]; len(rest) > 19; {
			length := binary.NativeEndian.Uint16(rest[16:])
			name, _, _ := bytes.Cut(rest[19:length], []byte{0})
			all = append(all, fuse.DirEntry{
				Ino: binary.NativeEndian.Uint64(rest), Mode: uint32(rest[18]) << 12, Name: string(name),
			})
			rest = rest[length:]
		}
	}
}
