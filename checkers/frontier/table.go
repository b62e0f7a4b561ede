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

// hash is of a row's state and changes.
func hash(row, changes []uint64) uint64 {
	h := (row[0] & 0xffffffff) * 0x9e3779b97f4a7c15
	for i, mask := range changes {
		h = (h ^ h>>29 ^ row[i+1]&mask) * 0xbf58476d1ce4e5b9
	}
	return h ^ h>>32
}

func sameKey(a, b, changes []uint64) bool {
	if uint32(a[0]) != uint32(b[0]) {
		return false
	}
	for i, mask := range changes {
		if (a[i+1]^b[i+1])&mask != 0 {
			return false
		}
	}
	return true
}

// contains reports whether a took all operations that return and that b took.
func contains(a, b []uint64) bool {
	for i := 1; i < len(a); i++ {
		if b[i]&^a[i] != 0 {
			return false
		}
	}
	return true
}

// dominates reports whether all that can follow b can follow a, which is of the
// same state and took the same changes.
func dominates(a, b []uint64, u *usages) bool {
	return contains(a, b) && u.within(uint32(a[0]>>32), uint32(b[0]>>32))
}

// put adds a row unless one is there that dominates it. changes are the bits of
// operations that are no observers.
func (t *table) put(row, changes []uint64, u *usages) bool {
	mask := len(t.heads) - 1
	i := int(hash(row, changes)) & mask
	for ; t.heads[i] != 0; i = (i + 1) & mask {
		first := t.heads[i] - 1
		if !sameKey(t.row(int(first)), row, changes) {
			continue
		}
		return t.putInto(first, row, u)
	}
	t.rows = append(t.rows, row...)
	t.links, t.dead = append(t.links, 0), append(t.dead, false)
	t.heads[i] = int32(len(t.links))
	t.keys++
	t.live++
	if 2*t.keys > len(t.heads) {
		t.grow(changes)
	}
	return true
}

// putInto adds a row to the chain of those that have its key. It is put after all
// rows that are there, so that who goes through the rows comes to it.
func (t *table) putInto(first int32, row []uint64, u *usages) bool {
	if t.joined {
		row = t.join(first, row, u)
	}
	for n := first; n >= 0; n = t.links[n] - 1 {
		if t.dead[n] {
			continue
		}
		if dominates(t.row(int(n)), row, u) {
			return false
		}
		if t.single && contains(t.row(int(n)), row) {
			t.dropped = true
			return false
		}
	}
	for n := first; n >= 0; n = t.links[n] - 1 {
		if !t.dead[n] && dominates(row, t.row(int(n)), u) {
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
func (t *table) join(first int32, row []uint64, u *usages) []uint64 {
	made := append(t.made[:0], row...)
	for n := first; n >= 0; n = t.links[n] - 1 {
		if t.dead[n] {
			continue
		}
		other := t.row(int(n))
		made[0] = rowOf(uint32(made[0]), u.both(uint32(made[0]>>32), uint32(other[0]>>32)))
		for i := 1; i < len(made); i++ {
			made[i] |= other[i]
		}
	}
	t.made = made
	return made
}

func (t *table) grow(changes []uint64) {
	heads := make([]int32, 2*len(t.heads))
	mask := len(heads) - 1
	for _, n := range t.heads {
		if n == 0 {
			continue
		}
		i := int(hash(t.row(int(n-1)), changes)) & mask
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
