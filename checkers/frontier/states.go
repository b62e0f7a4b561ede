package frontier

import (
	"hash/maphash"
	"unsafe"
)

// states numbers the states that configurations are in, so that a configuration is
// a few words. Open addressing, at most half full.
type states[S comparable] struct {
	seed  maphash.Seed
	slots []int32 // one more than a number; 0 is free
	all   []S
	holds []int32
	extra int64 // bytes that states hold beyond their own size
	holdI func(S) int32
	bytes func(S) int64
}

func (t *states[S]) reset() {
	if len(t.slots) == 0 {
		t.seed = maphash.MakeSeed()
		t.slots = make([]int32, 256)
	} else {
		clear(t.slots)
	}
	clear(t.all)
	t.all, t.holds, t.extra = t.all[:0], t.holds[:0], 0
}

// number returns a state's number, which it gives it if need be.
func (t *states[S]) number(s S) uint32 {
	mask := len(t.slots) - 1
	i := int(maphash.Comparable(t.seed, s)) & mask
	for ; t.slots[i] != 0; i = (i + 1) & mask {
		if n := t.slots[i] - 1; t.all[n] == s {
			return uint32(n)
		}
	}
	n := int32(len(t.all))
	t.all = append(t.all, s)
	hold := None
	if t.holdI != nil {
		hold = t.holdI(s)
	}
	t.holds = append(t.holds, hold)
	if t.bytes != nil {
		t.extra += t.bytes(s)
	}
	t.slots[i] = n + 1
	if 2*len(t.all) > len(t.slots) {
		t.grow()
	}
	return uint32(n)
}

func (t *states[S]) grow() {
	t.slots = make([]int32, 2*len(t.slots))
	mask := len(t.slots) - 1
	for n, s := range t.all {
		i := int(maphash.Comparable(t.seed, s)) & mask
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = int32(n + 1)
	}
}

func (t *states[S]) size() int64 {
	var s S
	return int64(cap(t.slots))*4 + int64(cap(t.all))*int64(unsafe.Sizeof(s)) + int64(cap(t.holds))*4 + t.extra
}

// usages numbers what configurations took of the changes of unknown outcome: lists
// of a class and how many of it, in the order of the classes. Number 0 is nothing.
type usages struct {
	slots []int32
	ends  []int32  // where in words each list ends; it begins where the one before ends
	words []uint32 // class, count, class, count, …
	made  []uint32 // a list in the making
}

func (t *usages) reset() {
	if len(t.slots) == 0 {
		t.slots = make([]int32, 64)
	} else {
		clear(t.slots)
	}
	t.ends, t.words = t.ends[:0], t.words[:0]
	t.intern(nil)
}

func (t *usages) list(n uint32) []uint32 {
	begin := int32(0)
	if n > 0 {
		begin = t.ends[n-1]
	}
	return t.words[begin:t.ends[n]]
}

func hashWords(list []uint32) uint64 {
	h := uint64(len(list))
	for _, w := range list {
		h = (h ^ uint64(w)) * 0x9e3779b97f4a7c15
		h ^= h >> 32
	}
	return h
}

func (t *usages) intern(list []uint32) uint32 {
	mask := len(t.slots) - 1
	i := int(hashWords(list)) & mask
	for ; t.slots[i] != 0; i = (i + 1) & mask {
		if n := uint32(t.slots[i] - 1); equalWords(t.list(n), list) {
			return n
		}
	}
	n := int32(len(t.ends))
	t.words = append(t.words, list...)
	t.ends = append(t.ends, int32(len(t.words)))
	t.slots[i] = n + 1
	if 2*len(t.ends) > len(t.slots) {
		t.grow()
	}
	return uint32(n)
}

func (t *usages) grow() {
	t.slots = make([]int32, 2*len(t.slots))
	mask := len(t.slots) - 1
	for n := range t.ends {
		i := int(hashWords(t.list(uint32(n)))) & mask
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = int32(n + 1)
	}
}

func equalWords(a, b []uint32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// count is how many of a class a list has.
func (t *usages) count(n uint32, class int32) uint32 {
	if n == 0 {
		return 0
	}
	list := t.list(n)
	for i := 0; i < len(list); i += 2 {
		if list[i] == uint32(class) {
			return list[i+1]
		}
	}
	return 0
}

// plus is a list with one more of a class.
func (t *usages) plus(n uint32, class int32) uint32 {
	made, placed := t.made[:0], false
	list := t.list(n)
	for i := 0; i < len(list); i += 2 {
		c, count := list[i], list[i+1]
		if !placed && c >= uint32(class) {
			placed = true
			if c > uint32(class) {
				made = append(made, uint32(class), 1)
			} else {
				count++
			}
		}
		made = append(made, c, count)
	}
	if !placed {
		made = append(made, uint32(class), 1)
	}
	t.made = made
	return t.intern(made)
}

// both is a list of what two lists have in common.
func (t *usages) both(a, b uint32) uint32 {
	if t.within(a, b) {
		return a
	}
	made := t.made[:0]
	one, other := t.list(a), t.list(b)
	for i, j := 0, 0; i < len(one) && j < len(other); {
		switch {
		case one[i] < other[j]:
			i += 2
		case one[i] > other[j]:
			j += 2
		default:
			made = append(made, one[i], min(one[i+1], other[j+1]))
			i, j = i+2, j+2
		}
	}
	t.made = made
	return t.intern(made)
}

// within reports whether a took no more of any class than b.
func (t *usages) within(a, b uint32) bool {
	if a == b || a == 0 {
		return true
	}
	one, other := t.list(a), t.list(b)
	if len(one) > len(other) {
		return false
	}
	j := 0
	for i := 0; i < len(one); i += 2 {
		for j < len(other) && other[j] < one[i] {
			j += 2
		}
		if j == len(other) || other[j] != one[i] || other[j+1] < one[i+1] {
			return false
		}
	}
	return true
}

func (t *usages) size() int64 {
	return int64(cap(t.slots))*4 + int64(cap(t.ends))*4 + int64(cap(t.words))*4
}
