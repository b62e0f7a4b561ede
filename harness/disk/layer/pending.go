package layer

import (
	"slices"

	"golang.org/x/sys/unix"
)

// change is what happened to one name. A rename is two of one group.
type change struct {
	group         uint64
	dir           *inode
	name          string
	before, after *inode // nil where there was or is nothing
}

// pending are the changes of names that no fsync has made durable, in order. It is
// guarded by Layer.tree.
type pending struct {
	changes []*change
	groups  uint64
}

// record adds the changes of one operation.
func (p *pending) record(l *Layer, changes ...*change) {
	p.groups++
	for _, c := range changes {
		c.group = p.groups
		p.add(l, c)
	}
	if len(p.changes) > l.options.UnsyncedMax {
		l.fill()
	}
}

func (p *pending) add(l *Layer, c *change) {
	p.changes = append(p.changes, c)
	for _, n := range []*inode{c.dir, c.before, c.after} {
		if n != nil {
			l.table.pin(n)
			n.about++
		}
	}
	if c.before != nil {
		c.before.wanted++
	}
}

// remove takes changes away that are durable now, or never happened.
func (p *pending) remove(l *Layer, gone map[*change]bool) {
	p.changes = slices.DeleteFunc(p.changes, func(c *change) bool { return gone[c] })
	for c := range gone {
		if c.before != nil {
			c.before.wanted--
			l.unbury(c.before)
		}
		for _, n := range []*inode{c.dir, c.before, c.after} {
			if n != nil {
				n.about--
				l.table.unpin(n)
			}
		}
	}
}

// unbury removes a file for good that no power loss can bring back any more.
func (l *Layer) unbury(n *inode) {
	if n.wanted > 0 || n.buried == "" {
		return
	}
	flags := 0
	if n.kind == unix.S_IFDIR {
		flags = unix.AT_REMOVEDIR
	}
	if err := unix.Unlinkat(l.undo.dir, n.buried, flags); err != nil {
		l.options.Log("remove %s, which is not needed any more: %v", n.buried, err)
	}
	n.buried = ""
}

// commit makes changes durable: those that are asked for, and, unless the layer is
// strict, those that all of ext4, XFS and Btrfs make durable with them.
func (p *pending) commit(l *Layer, asked func(*change) bool) {
	s := p.selection()
	for _, c := range p.changes {
		if asked(c) {
			s.take(c)
		}
	}
	for {
		if !l.options.Strict {
			s.close()
		}
		if !s.takeRemoved() {
			break
		}
	}
	p.remove(l, s.taken)
}

// commitAll makes every change durable.
func (p *pending) commitAll(l *Layer) {
	all := make(map[*change]bool, len(p.changes))
	for _, c := range p.changes {
		all[c] = true
	}
	p.remove(l, all)
}

// selection is a growing set of pending changes.
type selection struct {
	taken map[*change]bool
	todo  []*change // taken, but what they entail is not

	at      map[*change]int // place in the order
	ofGroup map[uint64][]*change
	ofSlot  map[slot][]*change
	ofAfter map[*inode][]*change
	ofDir   map[*inode][]*change
}

func (p *pending) selection() *selection {
	s := &selection{
		taken: map[*change]bool{}, at: map[*change]int{}, ofGroup: map[uint64][]*change{},
		ofSlot: map[slot][]*change{}, ofAfter: map[*inode][]*change{}, ofDir: map[*inode][]*change{},
	}
	for i, c := range p.changes {
		s.at[c] = i
		s.ofGroup[c.group] = append(s.ofGroup[c.group], c)
		s.ofSlot[slot{c.dir, c.name}] = append(s.ofSlot[slot{c.dir, c.name}], c)
		s.ofDir[c.dir] = append(s.ofDir[c.dir], c)
		if c.after != nil {
			s.ofAfter[c.after] = append(s.ofAfter[c.after], c)
		}
	}
	return s
}

func (s *selection) take(changes ...*change) {
	for _, c := range changes {
		if !s.taken[c] {
			s.taken[c] = true
			s.todo = append(s.todo, c)
		}
	}
}

// close takes what the taken changes entail.
func (s *selection) close() {
	for len(s.todo) > 0 {
		c := s.todo[len(s.todo)-1]
		s.todo = s.todo[:len(s.todo)-1]
		s.take(s.ofGroup[c.group]...) // a rename is one thing
		for _, other := range s.ofSlot[slot{c.dir, c.name}] {
			if s.at[other] < s.at[c] { // what happened to one name did so in this order
				s.take(other)
			}
		}
		if c.after != nil { // a name is found only through its directory's
			s.take(s.ofAfter[c.dir]...)
		}
	}
}

// takeRemoved takes what happened in directories that are removed for good now,
// and reports whether there was any.
func (s *selection) takeRemoved() bool {
	before := len(s.taken)
	bringBack := map[*inode]int{}
	for c := range s.taken {
		if c.before != nil && c.before.buried != "" {
			bringBack[c.before]++
		}
	}
	for n, taken := range bringBack {
		if n.kind == unix.S_IFDIR && taken == n.wanted {
			s.take(s.ofDir[n]...)
		}
	}
	return len(s.taken) > before
}

// cancel takes back the creation of a name that is removed again, as if neither
// had happened: temporary files would pile up. It reports whether it could.
func (p *pending) cancel(l *Layer, dir *inode, name string, n *inode) bool {
	if n.kind == unix.S_IFDIR && n.about > 1 {
		return false // things happened in it
	}
	for i := len(p.changes) - 1; i >= 0; i-- {
		c := p.changes[i]
		if c.dir != dir || c.name != name {
			continue
		}
		if c.before != nil || c.after != n || p.grouped(i) {
			return false
		}
		p.remove(l, map[*change]bool{c: true})
		return true
	}
	return false
}

// grouped reports whether the change is one of several of its operation.
func (p *pending) grouped(i int) bool {
	group := p.changes[i].group
	return i > 0 && p.changes[i-1].group == group || i+1 < len(p.changes) && p.changes[i+1].group == group
}

// last is the last change of each name: what it made of the name still holds.
func (p *pending) last() map[slot]*change {
	last := map[slot]*change{}
	for _, c := range p.changes {
		last[slot{c.dir, c.name}] = c
	}
	return last
}

// syncNames is what the fsync of a file does to names: to those that it has now.
func (l *Layer) syncNames(n *inode) {
	if l.options.Strict {
		return
	}
	l.tree.Lock()
	defer l.tree.Unlock()
	if n.about > 0 {
		last := l.pending.last()
		l.pending.commit(l, func(c *change) bool { return c.after == n && last[slot{c.dir, c.name}] == c })
	}
}

// syncDir is what the fsync of a directory does to names.
func (l *Layer) syncDir(n *inode) {
	l.tree.Lock()
	defer l.tree.Unlock()
	if n.about > 0 {
		last := l.pending.last()
		l.pending.commit(l, func(c *change) bool {
			return c.dir == n || !l.options.Strict && c.after == n && last[slot{c.dir, c.name}] == c
		})
	}
}
