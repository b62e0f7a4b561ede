package layer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness/disk"
)

// rollBack makes the tree what the disk holds; the caller holds the gate for
// writing.
func (l *Layer) rollBack(power disk.Power) (disk.Loss, error) {
	l.tree.Lock()
	defer l.tree.Unlock()
	half := filepath.Join(l.undo.folder, losingName)
	if err := os.WriteFile(half, nil, 0o600); err != nil {
		return disk.Loss{}, err
	}
	loss, err := l.rollBackAll(power)
	if err != nil {
		return loss, err
	}
	return loss, os.Remove(half)
}

func (l *Layer) rollBackAll(power disk.Power) (disk.Loss, error) {
	var t *torn
	undone := l.pending.changes
	if power.Torn {
		t = &torn{random: rand.New(rand.NewPCG(power.Seed, 1))}
		undone = t.lost(undone)
	}
	loss := disk.Loss{Names: len(undone)}
	if err := l.restoreNames(undone); err != nil {
		return loss, fmt.Errorf("put names back: %w", err)
	}
	if err := l.clearUndo(); err != nil { // first, so that files without a name count no more
		return loss, err
	}
	dirty := l.undo.allDirty()
	inOrder := make([]*inode, 0, len(dirty))
	for n := range dirty {
		inOrder = append(inOrder, n)
	}
	slices.SortFunc(inOrder, func(a, b *inode) int { return int(a.id) - int(b.id) }) // the draws repeat
	for _, n := range inOrder {
		if err := l.restoreData(n, t, &loss); err != nil {
			return loss, fmt.Errorf("put back what %q held: %w", n.path(), err)
		}
	}
	return loss, nil
}

// restoreNames undoes changes of names. What is in their places goes to the undo
// folder first, so that nothing depends on their order; then everything that
// belongs somewhere is put there.
func (l *Layer) restoreNames(undone []*change) error {
	want := map[slot]*inode{}
	var slots []slot
	for _, c := range slices.Backward(undone) {
		s := slot{c.dir, c.name}
		if _, seen := want[s]; !seen {
			slots = append(slots, s)
		}
		want[s] = c.before // of several the first change, which comes last here, decides
	}
	aside := map[*inode][]string{}
	for _, s := range slots {
		n, err := l.child(s.dir, s.name)
		if err != nil {
			return err
		}
		if n == nil {
			continue
		}
		grave := l.undo.bury()
		if err := unix.Renameat(s.dir.fd, s.name, l.undo.dir, grave); err != nil {
			return err
		}
		aside[n] = append(aside[n], grave) // it stays pinned: the layer is at its end
	}
	for _, s := range slots {
		n := want[s]
		if n == nil {
			continue
		}
		if n.buried != "" {
			aside[n] = append(aside[n], n.buried)
			n.buried = ""
		}
		if err := l.place(s, n, aside); err != nil {
			return fmt.Errorf("%s in %q: %w", s.name, s.dir.path(), err)
		}
	}
	return nil
}

// place gives a file a name: one that was set aside, or one more.
func (l *Layer) place(s slot, n *inode, aside map[*inode][]string) error {
	var err error
	if graves := aside[n]; len(graves) > 0 {
		err = unix.Renameat(l.undo.dir, graves[0], s.dir.fd, s.name)
		if err == nil {
			aside[n] = graves[1:]
			n.names = []slot{s}
		}
	} else if n.kind == unix.S_IFDIR {
		return nil // it is in its other place: half of a rename that a strict disk tore
	} else {
		err = unix.Linkat(unix.AT_FDCWD, n.proc(), s.dir.fd, s.name, unix.AT_SYMLINK_FOLLOW)
	}
	if errors.Is(err, unix.ENOENT) {
		return nil // its directory is gone for good, and so is it
	}
	return err
}

// restoreData makes a file what the disk holds of it.
func (l *Layer) restoreData(n *inode, t *torn, loss *disk.Loss) error {
	n.data.Lock()
	defer n.data.Unlock()
	d := n.dirt
	var s unix.Stat_t
	if err := unix.Fstat(n.fd, &s); err != nil || s.Nlink == 0 {
		return err // nobody will find it
	}
	loss.Files++
	if d.attrs != nil && !t.keepsAttrs() {
		if err := restoreAttrs(n, d.attrs); err != nil {
			return err
		}
	}
	if n.kind != unix.S_IFREG {
		return nil
	}
	defer n.closeUnused()
	fd, err := n.file()
	if err != nil {
		return err
	}
	size := t.size(d.size, s.Size)
	keeps := t.keepsSectors()
	if err := unix.Ftruncate(fd, size); err != nil {
		return err
	}
	loss.Bytes += max(0, s.Size-size)
	for _, number := range sortedPages(d.pages) {
		if number*pageBytes >= size {
			break
		}
		changed, err := l.restorePage(fd, number, d.pages[number], size, s.Size, keeps)
		if err != nil {
			return err
		}
		if changed {
			loss.Pages++
		}
	}
	if err := t.tearTail(fd, d, size, s.Size, keeps); err != nil {
		return err
	}
	if size == d.size {
		times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, d.mtime}
		if d.mtime != (unix.Timespec{}) {
			return unix.UtimesNanoAt(unix.AT_FDCWD, n.proc(), times, 0)
		}
	}
	return nil
}

// restorePage puts a page back, but for the sectors that survive: those that keeps
// says, of what is before the end that the file had.
func (l *Layer) restorePage(fd int, number int64, p page, size, hadSize int64, keeps func() bool) (changed bool, err error) {
	var content [pageBytes]byte
	if err := l.undo.read(p.slot, content[:]); err != nil {
		return false, err
	}
	for at := int64(0); at < pageBytes; at += sectorBytes {
		off := number*pageBytes + at
		if off >= size {
			break
		}
		if !p.lost && off < hadSize && keeps() {
			continue
		}
		changed = true
		length := min(sectorBytes, size-off)
		if _, err := pwriteFull(fd, content[at:at+length], off); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

func sortedPages(pages map[int64]page) []int64 {
	numbers := make([]int64, 0, len(pages))
	for number := range pages {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	return numbers
}

// clearUndo removes what nothing goes back to any more.
func (l *Layer) clearUndo() error {
	entries, err := os.ReadDir(l.undo.folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "removed-") || strings.HasPrefix(e.Name(), savedName) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(l.undo.folder, e.Name())))
		}
	}
	return err
}
