package layer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	pageBytes   = 4096
	sectorBytes = 512
	pagesName   = "pages"
	savedName   = "unsynced.json"
	losingName  = "losing-power" // is there while a power loss is under way
)

// undo keeps what a power loss goes back to: pages as the disk holds them, in one
// file of slots, and, in the same folder, files whose last name was removed.
type undo struct {
	folder string
	dir    int // O_PATH

	mu     sync.Mutex
	pages  *os.File
	free   []int64 // slots
	slots  int64   // how many the file has
	dirty  map[*inode]struct{}
	buried uint64 // number of the last name that was given in the folder
}

func openUndo(folder string) (*undo, error) {
	dir, err := unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: folder, Err: err}
	}
	pages, err := os.OpenFile(filepath.Join(folder, pagesName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		unix.Close(dir)
		return nil, err
	}
	return &undo{folder: folder, dir: dir, pages: pages, dirty: map[*inode]struct{}{}}, nil
}

func (u *undo) close() error {
	unix.Close(u.dir)
	return u.pages.Close()
}

// size is how many inodes are dirty, and how many slots are in use.
func (u *undo) size() (inodes, slots int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.dirty), int(u.slots) - len(u.free)
}

// bury gives a name for a file that is removed.
func (u *undo) bury() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.buried++
	return fmt.Sprintf("removed-%d", u.buried)
}

// zeros is the slot of a page that the disk holds as zeros.
const zeros = -1

// keep saves a page, of at most pageBytes.
func (u *undo) keep(content []byte) (slot int64, err error) {
	u.mu.Lock()
	if n := len(u.free); n > 0 {
		slot, u.free = u.free[n-1], u.free[:n-1]
	} else {
		slot = u.slots
		u.slots++
	}
	u.mu.Unlock()
	page := content
	if len(content) < pageBytes { // the slot may hold an older page
		page = make([]byte, pageBytes)
		copy(page, content)
	}
	if _, err := u.pages.WriteAt(page, slot*pageBytes); err != nil {
		u.release(slot)
		return 0, err
	}
	return slot, nil
}

func (u *undo) read(slot int64, page []byte) error {
	if slot == zeros {
		clear(page)
		return nil
	}
	_, err := u.pages.ReadAt(page, slot*pageBytes)
	return err
}

func (u *undo) release(slot int64) {
	if slot == zeros {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.free = append(u.free, slot)
}

// page is how the disk holds a page of a file.
type page struct {
	slot int64
	// lost is a page that an fsync failed to write: it counts as clean, so the
	// next fsync leaves it alone, but the disk does not have it.
	lost bool
}

// dirt is what the disk holds of a file whose tree has something else.
type dirt struct {
	size  int64 // the file's on the disk
	mtime unix.Timespec
	// pages are those that differ, or may: every page before size that was changed
	// since. What lies beyond size the disk does not have.
	pages map[int64]page
	attrs *attrs // nil where they are the same
}

// attrs are a file's attributes but its times.
type attrs struct {
	Mode   uint32            `json:"mode"`
	UID    int               `json:"uid"`
	GID    int               `json:"gid"`
	Xattrs map[string][]byte `json:"xattrs,omitempty"`
}

// soil makes sure that the inode has dirt; the caller has n.data.
func (l *Layer) soil(n *inode) error {
	if n.dirt != nil {
		return nil
	}
	var s unix.Stat_t
	if err := unix.Fstat(n.fd, &s); err != nil {
		return err
	}
	l.setDirt(n, &dirt{size: s.Size, mtime: s.Mtim, pages: map[int64]page{}})
	return nil
}

// setDirt gives a clean inode dirt; the caller has n.data, or made the inode.
func (l *Layer) setDirt(n *inode, d *dirt) {
	n.dirt = d
	l.table.pin(n)
	l.undo.mu.Lock()
	defer l.undo.mu.Unlock()
	l.undo.dirty[n] = struct{}{}
	if len(l.undo.dirty) > l.options.UnsyncedMax {
		l.fill()
	}
}

// clean forgets the dirt; the caller has n.data.
func (l *Layer) clean(n *inode) {
	for _, p := range n.dirt.pages {
		l.undo.release(p.slot)
	}
	n.dirt = nil
	l.undo.mu.Lock()
	delete(l.undo.dirty, n)
	l.undo.mu.Unlock()
	l.table.unpin(n)
}

// keepPages saves the pages of [off, off+length) that the disk holds, before they
// are changed; the caller has n.data, and fd is the file.
func (l *Layer) keepPages(n *inode, fd int, off, length int64) error {
	if err := l.soil(n); err != nil {
		return err
	}
	d := n.dirt
	var content [pageBytes]byte
	for p := off / pageBytes; p*pageBytes < off+length; p++ {
		old, kept := d.pages[p]
		if kept {
			if old.lost { // it is written again, and the next fsync writes it
				d.pages[p] = page{slot: old.slot}
			}
			continue
		}
		if p*pageBytes >= d.size {
			if len(d.pages) == 0 {
				return nil // nor is any later one
			}
			continue
		}
		want := min(pageBytes, d.size-p*pageBytes)
		got, err := preadFull(fd, content[:want], p*pageBytes)
		if err != nil {
			return err
		}
		clear(content[got:want])
		slot, err := l.undo.keep(content[:want])
		if err != nil {
			return err
		}
		d.pages[p] = page{slot: slot}
	}
	if _, slots := l.undo.size(); slots > l.options.PagesMax {
		l.fill()
	}
	return nil
}

func preadFull(fd int, into []byte, off int64) (int, error) {
	got := 0
	for got < len(into) {
		n, err := unix.Pread(fd, into[got:], off+int64(got))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return got, err
		}
		got += n
	}
	return got, nil
}

// syncData makes the file's data and size durable, and its attributes where
// everything is asked for; the caller has n.data.
func (l *Layer) syncData(n *inode, everything bool) error {
	d := n.dirt
	if d == nil {
		return nil
	}
	for number, p := range d.pages {
		if !p.lost {
			l.undo.release(p.slot)
			delete(d.pages, number)
		}
	}
	if everything {
		d.attrs = nil
	}
	if len(d.pages) == 0 && d.attrs == nil {
		l.clean(n)
		return nil
	}
	var s unix.Stat_t
	if err := unix.Fstat(n.fd, &s); err != nil {
		return err
	}
	d.size, d.mtime = s.Size, s.Mtim
	for number, p := range d.pages {
		if number*pageBytes >= d.size {
			l.undo.release(p.slot)
			delete(d.pages, number)
		}
	}
	return nil
}

// loseData is what a failed fsync does: every page that it should have written is
// clean, and the disk does not have it. The caller has n.data.
func (l *Layer) loseData(n *inode) error {
	d := n.dirt
	if d == nil {
		return nil
	}
	var s unix.Stat_t
	if err := unix.Fstat(n.fd, &s); err != nil {
		return err
	}
	for number, p := range d.pages {
		d.pages[number] = page{slot: p.slot, lost: true}
	}
	for p := (d.size + pageBytes - 1) / pageBytes; p*pageBytes < s.Size; p++ {
		if _, kept := d.pages[p]; !kept {
			d.pages[p] = page{slot: zeros, lost: true}
		}
	}
	return nil
}

// syncAll makes all data durable; the caller holds the gate for writing.
func (u *undo) syncAll(l *Layer) {
	for n := range u.allDirty() {
		n.data.Lock()
		l.clean(n)
		n.data.Unlock()
	}
}

// allDirty is a copy of the set.
func (u *undo) allDirty() map[*inode]struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := make(map[*inode]struct{}, len(u.dirty))
	for n := range u.dirty {
		all[n] = struct{}{}
	}
	return all
}
