package frontier

// table is a set of configurations of which none dominates another. A row is a
// word with the numbers of the state and of the usage, and the bits of what was
// taken of the operations that return.
type table struct {
	stride int
	rows   []uint64
	links  []int32 // the next row of the same state and changes; one more than its number
	dead   []bool  // rows that were dominated after they had been put in
	heads  []int32 // by hash: the first of these rows; one more than its number, 0 is free
	keys   int     // heads that are taken
	live   int     // rows that are not dominated
	// single keeps one row of those that differ in their usage only, and dropped says
	// that one was left out for that.
	single, dropped bool
	// joined makes one row of those that differ in their usage, or in the observers
	// that they took: one that dominates them all, though nobody may get there.
	joined bool
	made   []uint64
}

func rowOf(state, usage uint32) uint64 { return uint64(state) | uint64(usage)<<32 }

func (t *table) reset(stride int) {
	if len(t.heads) == 0 {
		t.heads = make([]int32, 64)
	} else if t.keys > 0 {
		if len(t.heads) > 1024 && t.keys < len(t.heads)/16 {
			t.heads = t.heads[:len(t.heads)/4]
		}
		clear(t.heads)
	}
	t.stride, t.rows, t.links, t.dead, t.keys, t.live = stride, t.rows[:0], t.links[:0], t.dead[:0], 0, 0
}

func (t *table) count() int { return len(t.links) }

func (t *table) row(n int) []uint64 { return t.rows[n*t.stride : (n+1)*t.stride] }

// masks are bits of the operations under way.
type masks struct {
	changes []uint64 // those that are no observers
	blind   []uint64 // those of these that are blind
	// free says that rows have, behind the bits of what was taken, as many for those
	// of which it makes no difference whether they were: see doc.go.
	free bool
}

// hash is of a row's state and of the changes that are not blind.
func (m *masks) hash(row []uint64) uint64 {
	h := (row[0] & 0xffffffff) * 0x9e3779b97f4a7c15
	for i, mask := range m.changes {
		h = (h ^ h>>29 ^ row[i+1]&mask&m.sorts(i)) * 0xbf58476d1ce4e5b9
	}
	return h ^ h>>32
}

// sorts are the bits that tell keys apart.
func (m *masks) sorts(i int) uint64 {
	if m.free {
		return ^m.blind[i]
	}
	return ^uint64(0)
}

// sameKey reports whether one of two rows may dominate the other.
func (m *masks) sameKey(a, b []uint64) bool {
	if uint32(a[0]) != uint32(b[0]) {
		return false
	}
	for i, mask := range m.changes {
		if (a[i+1]^b[i+1])&mask&m.sorts(i) != 0 {
			return false
		}
	}
	return true
}

// sameChanges reports whether two rows of one key took the same changes.
func (m *masks) sameChanges(a, b []uint64) bool {
	if !m.free {
		return true
	}
	words := len(m.changes)
	for i, mask := range m.changes {
		if (a[1+i]^b[1+i])&mask != 0 || a[1+words+i] != b[1+words+i] {
			return false
		}
	}
	return true
}

// contains reports whether a took all observers that b took, and the same changes, but
// for those of which it makes no difference to a.
func (m *masks) contains(a, b []uint64) bool {
	words := len(m.changes)
	for i, mask := range m.changes {
		free := uint64(0)
		if m.free {
			if free = a[1+words+i]; b[1+words+i]&^free != 0 {
				return false
			}
		}
		if (a[1+i]^b[1+i])&mask&^free != 0 || b[1+i]&^a[1+i]&^mask != 0 {
			return false
		}
	}
	return true
}

// dominates reports whether all that can follow b can follow a, which is of the
// same state.
func (m *masks) dominates(a, b []uint64, u *usages) bool {
	return m.contains(a, b) && u.within(uint32(a[0]>>32), uint32(b[0]>>32))
}

// put adds a row unless one is there that dominates it.
func (t *table) put(row []uint64, m *masks, u *usages) bool {
	mask := len(t.heads) - 1
	i := int(m.hash(row)) & mask
	for ; t.heads[i] != 0; i = (i + 1) & mask {
		first := t.heads[i] - 1
		if !m.sameKey(t.row(int(first)), row) {
			continue
		}
		return t.putInto(first, row, m, u)
	}
	t.rows = append(t.rows, row...)
	t.links, t.dead = append(t.links, 0), append(t.dead, false)
	t.heads[i] = int32(len(t.links))
	t.keys++
	t.live++
	if 2*t.keys > len(t.heads) {
		t.grow(m)
	}
	return true
}

// putInto adds a row to the chain of those that have its key. It is put after all
// rows that are there, so that who goes through the rows comes to it.
func (t *table) putInto(first int32, row []uint64, m *masks, u *usages) bool {
	if t.joined {
		row = t.join(first, row, m, u)
	}
	for n := first; n >= 0; n = t.links[n] - 1 {
		if t.dead[n] {
			continue
		}
		if m.dominates(t.row(int(n)), row, u) {
			return false
		}
		if t.single && m.contains(t.row(int(n)), row) {
			t.dropped = true
			return false
		}
	}
	for n := first; n >= 0; n = t.links[n] - 1 {
		if !t.dead[n] && m.dominates(row, t.row(int(n)), u) {
			t.dead[n] = true
			t.live--
		}
	}
	t.rows = append(t.rows, row...)
	t.links, t.dead = append(t.links, t.links[first]), append(t.dead, false)
	t.links[first] = int32(len(t.links))
	t.live++
	return true
}

// join is a row that dominates both a row and the one of its key that is there.
func (t *table) join(first int32, row []uint64, m *masks, u *usages) []uint64 {
	made := append(t.made[:0], row...)
	for n := first; n >= 0; n = t.links[n] - 1 {
		other := t.row(int(n))
		if t.dead[n] || !m.sameChanges(other, row) {
			continue
		}
		made[0] = rowOf(uint32(made[0]), u.both(uint32(made[0]>>32), uint32(other[0]>>32)))
		for i := 1; i < len(made); i++ {
			made[i] |= other[i]
		}
	}
	t.made = made
	return made
}

func (t *table) grow(m *masks) {
	heads := make([]int32, 2*len(t.heads))
	mask := len(heads) - 1
	for _, n := range t.heads {
		if n == 0 {
			continue
		}
		i := int(m.hash(t.row(int(n-1)))) & mask
		for heads[i] != 0 {
			i = (i + 1) & mask
		}
		heads[i] = n
	}
	t.heads = heads
}

func (t *table) size() int64 {
	return int64(cap(t.rows))*8 + int64(cap(t.links))*4 + int64(cap(t.dead)) + int64(cap(t.heads))*4
}
