package layer

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// saved is what is not synced, for the next layer on the same backing directory.
// Files are named by their number in the tree: their names may have changed.
type saved struct {
	Changes []savedChange     `json:"changes"`
	Files   []savedFile       `json:"files"`
	Buried  map[string]uint64 `json:"buried"` // names in the undo folder
	Last    uint64            `json:"last"`   // number of the last name there
	Slots   int64             `json:"slots"`
}

type savedChange struct {
	Group  uint64 `json:"group"`
	Dir    uint64 `json:"dir"`
	Name   []byte `json:"name"`
	Before uint64 `json:"before,omitempty"`
	After  uint64 `json:"after,omitempty"`
}

type savedFile struct {
	Ino   uint64        `json:"ino"`
	Size  int64         `json:"size"`
	Mtime unix.Timespec `json:"mtime"`
	Pages []savedPage   `json:"pages,omitempty"`
	Attrs *attrs        `json:"attrs,omitempty"`
}

type savedPage struct {
	Number int64 `json:"n"`
	Slot   int64 `json:"slot"`
	Lost   bool  `json:"lost,omitempty"`
}

func (n *inode) ino() uint64 {
	if n == nil {
		return 0
	}
	return n.key.ino
}

// remember writes what is not synced; the caller holds the gate for writing.
func (l *Layer) remember() error {
	l.tree.Lock()
	defer l.tree.Unlock()
	s := saved{Buried: map[string]uint64{}}
	for _, c := range l.pending.changes {
		s.Changes = append(s.Changes, savedChange{c.group, c.dir.ino(), []byte(c.name), c.before.ino(), c.after.ino()})
		for _, n := range []*inode{c.before, c.after} {
			if n != nil && n.buried != "" {
				s.Buried[n.buried] = n.ino()
			}
		}
	}
	for n := range l.undo.allDirty() {
		var stat unix.Stat_t
		if err := unix.Fstat(n.fd, &stat); err != nil {
			return err
		}
		if stat.Nlink == 0 {
			continue // it ends with its last handle
		}
		f := savedFile{Ino: n.ino(), Size: n.dirt.size, Mtime: n.dirt.mtime, Attrs: n.dirt.attrs}
		for _, number := range sortedPages(n.dirt.pages) {
			p := n.dirt.pages[number]
			f.Pages = append(f.Pages, savedPage{number, p.slot, p.lost})
		}
		s.Files = append(s.Files, f)
	}
	l.undo.mu.Lock()
	s.Last, s.Slots = l.undo.buried, l.undo.slots
	l.undo.mu.Unlock()
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	// Written aside and renamed: half a file would lose what it must not.
	name := filepath.Join(l.undo.folder, savedName)
	if err := os.WriteFile(name+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// recall reads what the layer before this one remembered. Where it was killed
// there is nothing, and what is in the undo folder has no meaning any more.
func (l *Layer) recall() error {
	half := filepath.Join(l.undo.folder, losingName)
	if _, err := os.Lstat(half); err == nil {
		return fmt.Errorf("%s is there: the layer before this one ended in the middle of a power loss, and what it left means nothing: remove %s",
			half, l.options.Backing)
	}
	name := filepath.Join(l.undo.folder, savedName)
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return errors.Join(l.clearUndo(), l.undo.pages.Truncate(0))
	}
	if err != nil {
		return err
	}
	var s saved
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("%s, which says what is not synced: %w", name, err)
	}
	if err := l.restore(&s); err != nil {
		return fmt.Errorf("%s, which says what is not synced: %w", name, err)
	}
	return os.Remove(name) // it is true for one start only
}

func (l *Layer) restore(s *saved) error {
	found, err := l.find(s)
	if err != nil {
		return err
	}
	for name, ino := range s.Buried {
		if n := found[ino]; n != nil {
			n.buried = name
		}
	}
	for _, c := range s.Changes {
		change := &change{group: c.Group, dir: found[c.Dir], name: string(c.Name), before: found[c.Before], after: found[c.After]}
		if change.dir == nil || c.Before != 0 && change.before == nil {
			return fmt.Errorf("what it says of %q names a file that is not there: was the backing directory changed?", c.Name)
		}
		l.pending.add(l, change)
		l.pending.groups = max(l.pending.groups, c.Group)
	}
	used := map[int64]bool{}
	for _, f := range s.Files {
		n := found[f.Ino]
		if n == nil {
			return fmt.Errorf("it names the file number %d, which is not there: was the backing directory changed?", f.Ino)
		}
		d := &dirt{size: f.Size, mtime: f.Mtime, attrs: f.Attrs, pages: map[int64]page{}}
		for _, p := range f.Pages {
			d.pages[p.Number] = page{p.Slot, p.Lost}
			used[p.Slot] = true
		}
		l.setDirt(n, d)
	}
	l.undo.buried, l.undo.slots = s.Last, s.Slots
	for slot := range s.Slots {
		if !used[slot] {
			l.undo.free = append(l.undo.free, slot)
		}
	}
	for _, n := range found {
		if n != nil {
			l.table.unpin(n)
		}
	}
	return nil
}

// find finds the files that are named, in the tree and in the undo folder, and
// pins them. The names of directories are set on the way.
func (l *Layer) find(s *saved) (map[uint64]*inode, error) {
	found := map[uint64]*inode{}
	for _, c := range s.Changes {
		for _, ino := range []uint64{c.Dir, c.Before, c.After} {
			found[ino] = nil
		}
	}
	for _, f := range s.Files {
		found[f.Ino] = nil
	}
	delete(found, 0)
	if _, ok := found[l.table.root.ino()]; ok {
		l.table.pin(l.table.root)
		found[l.table.root.ino()] = l.table.root
	}
	if err := l.findIn(l.table.root, found); err != nil {
		return nil, err
	}
	fd, err := unix.Open(l.undo.folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	folder := &inode{fd: fd, kind: unix.S_IFDIR}
	entries, err := readDir(folder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name, "removed-") {
			continue
		}
		n, err := l.child(folder, e.Name)
		if err != nil {
			return nil, err
		}
		n.unseen(folder, e.Name)
		l.keepFound(n, found)
	}
	return found, nil
}

func (l *Layer) findIn(dir *inode, found map[uint64]*inode) error {
	entries, err := readDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name == "." || e.Name == ".." {
			continue
		}
		_, wanted := found[e.Ino]
		if !wanted && e.Mode != unix.S_IFDIR {
			continue
		}
		n, err := l.child(dir, e.Name)
		if err != nil {
			return err
		}
		if n.kind == unix.S_IFDIR {
			err = l.findIn(n, found)
		}
		l.keepFound(n, found)
		if err != nil {
			return err
		}
	}
	return nil
}

// keepFound keeps the pin of a file that is looked for.
func (l *Layer) keepFound(n *inode, found map[uint64]*inode) {
	if have, wanted := found[n.ino()]; wanted && have == nil {
		found[n.ino()] = n
		return
	}
	l.table.unpin(n)
}
