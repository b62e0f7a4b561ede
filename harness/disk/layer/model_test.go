package layer_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// model is a disk with a cache in front of it, written from the rules in doc.go and
// sharing no code with the layer: it goes forward from what the disk holds, where
// the layer goes back from what the cache holds.
type model struct {
	strict bool
	live   names // what programs see
	disk   names // what the disk holds
	files  map[int]*modelFile
	lastID int
	// log holds the operations on names that the disk does not have; default only.
	log []modelOp
}

// names are directories: by id, what each name in them is. 0 is the root.
type names map[int]map[string]int

type modelOp []modelChange

type modelChange struct {
	dir           int
	name          string
	before, after int // -1 where there is nothing
}

const none = -1

type modelFile struct {
	dir        bool
	live, disk []byte
	dirty      map[int]bool // pages that were changed since an fsync was tried
}

func newModel(strict bool) *model {
	return &model{strict: strict, live: names{0: {}}, disk: names{0: {}}, files: map[int]*modelFile{0: {dir: true}}}
}

func (m *model) get(dir int, name string) int {
	if id, ok := m.live[dir][name]; ok {
		return id
	}
	return none
}

func (m *model) create(dir int, name string, isDir bool) int {
	m.lastID++
	m.files[m.lastID] = &modelFile{dir: isDir, dirty: map[int]bool{}}
	if isDir {
		m.live[m.lastID], m.disk[m.lastID] = map[string]int{}, map[string]int{}
	}
	m.do(modelChange{dir, name, none, m.lastID})
	return m.lastID
}

// do changes names, all at once.
func (m *model) do(changes ...modelChange) {
	for _, c := range changes {
		m.live.set(c)
	}
	if !m.strict {
		m.log = append(m.log, changes)
	}
}

func (n names) set(c modelChange) {
	if c.after == none {
		delete(n[c.dir], c.name)
	} else {
		n[c.dir][c.name] = c.after
	}
}

func (n names) refer(id int) bool {
	for _, dir := range n {
		for _, to := range dir {
			if to == id {
				return true
			}
		}
	}
	return false
}

// mark says that bytes were changed.
func (f *modelFile) mark(off, length int) {
	for p := off / 4096; p*4096 < off+length; p++ {
		f.dirty[p] = true
	}
}

func (f *modelFile) write(off int, data []byte) {
	f.live = grow(f.live, off+len(data))
	copy(f.live[off:], data)
	f.mark(off, len(data))
}

func (f *modelFile) truncate(size int) {
	if size < len(f.live) {
		f.mark(size, len(f.live)-size)
		f.live = bytes.Clone(f.live[:size])
	}
	f.live = grow(f.live, size)
}

func grow(b []byte, size int) []byte {
	if len(b) < size {
		b = append(bytes.Clone(b), make([]byte, size-len(b))...)
	}
	return b
}

func (f *modelFile) syncData() {
	disk := grow(f.disk, len(f.live))[:len(f.live)]
	disk = bytes.Clone(disk)
	for p := range f.dirty {
		if p*4096 < len(disk) {
			copy(disk[p*4096:min(len(disk), p*4096+4096)], f.live[p*4096:])
		}
	}
	f.disk = disk
	clear(f.dirty)
}

// failSync is an fsync that failed: the pages are clean now.
func (f *modelFile) failSync() { clear(f.dirty) }

func (m *model) syncFile(id int) {
	m.files[id].syncData()
	if !m.strict {
		m.commit(func(c modelChange) bool { return c.after == id && m.get(c.dir, c.name) == id })
	}
}

func (m *model) syncDir(id int) {
	if m.strict {
		m.disk[id] = maps.Clone(m.live[id])
		return
	}
	m.commit(func(c modelChange) bool {
		return c.dir == id || c.after == id && m.get(c.dir, c.name) == id
	})
}

// commit gives the disk the operations that are asked for and those that they need.
func (m *model) commit(asked func(modelChange) bool) {
	in := make([]bool, len(m.log))
	for i, op := range m.log {
		in[i] = slices.ContainsFunc(op, asked)
	}
	for again := true; again; {
		again = false
		after := m.withOps(func(i int) bool { return in[i] })
		for i := range m.log {
			for j := range m.log {
				if in[i] && !in[j] && m.needs(i, j, after) {
					in[j], again = true, true
				}
			}
		}
	}
	m.disk = m.withOps(func(i int) bool { return in[i] })
	var rest []modelOp
	for i, op := range m.log {
		if !in[i] {
			rest = append(rest, op)
		}
	}
	m.log = rest
}

// needs reports whether operation i on the disk needs operation j there.
func (m *model) needs(i, j int, after names) bool {
	for _, c := range m.log[i] {
		for _, d := range m.log[j] {
			if j < i && c.dir == d.dir && c.name == d.name || c.after != none && d.after == c.dir {
				return true
			}
			if c.before > 0 && m.files[c.before].dir && d.dir == c.before && !after.refer(c.before) && !m.live.refer(c.before) {
				return true // it happened in a directory that is gone for good
			}
		}
	}
	return false
}

// withOps is the disk's names with some operations of the log.
func (m *model) withOps(in func(i int) bool) names {
	n := names{}
	for id, dir := range m.disk {
		n[id] = maps.Clone(dir)
	}
	for i, op := range m.log {
		if in(i) {
			for _, c := range op {
				n.set(c)
			}
		}
	}
	return n
}

// losePower makes the cache what the disk holds.
func (m *model) losePower() {
	m.live = names{}
	m.reach(0)
	m.disk = names{}
	for id, dir := range m.live {
		m.disk[id] = maps.Clone(dir)
	}
	m.log = nil
	for id, f := range m.files {
		f.live, f.dirty = bytes.Clone(f.disk), map[int]bool{}
		if !m.live.refer(id) && id != 0 {
			delete(m.files, id)
		}
	}
}

func (m *model) reach(id int) {
	m.live[id] = maps.Clone(m.disk[id])
	for _, to := range m.disk[id] {
		if m.files[to].dir {
			m.reach(to)
		}
	}
}

// paths lists what is reachable, by path.
func (m *model) paths(n names) map[string]int {
	all := map[string]int{}
	var walk func(id int, prefix string)
	walk = func(id int, prefix string) {
		for name, to := range n[id] {
			all[prefix+name] = to
			if m.files[to].dir {
				walk(to, prefix+name+"/")
			}
		}
	}
	walk(0, "")
	return all
}

// tree is what is found on a real disk, by path.
type tree map[string]found

type found struct {
	ino     uint64
	dir     bool
	content []byte
}

// differs says how a tree differs from names whose files hold what accept accepts.
func (m *model) differs(have tree, n names, accept func(f *modelFile, content []byte) string) string {
	want := m.paths(n)
	if a, b := slices.Sorted(maps.Keys(have)), slices.Sorted(maps.Keys(want)); !slices.Equal(a, b) {
		return fmt.Sprintf("there are the names %v, and should be %v", a, b)
	}
	for path, id := range want {
		if f := m.files[id]; f.dir != have[path].dir {
			return path + " is a directory in one of both only"
		} else if !f.dir {
			if bad := accept(f, have[path].content); bad != "" {
				return path + " " + bad
			}
		}
	}
	return ""
}

// exactly accepts what the disk holds.
func exactly(f *modelFile, content []byte) string {
	if bytes.Equal(content, f.disk) {
		return ""
	}
	at := 0
	for at < min(len(content), len(f.disk)) && content[at] == f.disk[at] {
		at++
	}
	return fmt.Sprintf("has %d bytes and differs at %d, and should have %d", len(content), at, len(f.disk))
}

// maybeTorn accepts, sector by sector, what the disk holds or what the cache held.
func maybeTorn(f *modelFile, content []byte) string {
	if len(content) < min(len(f.live), len(f.disk)) || len(content) > max(len(f.live), len(f.disk)) {
		return fmt.Sprintf("has %d bytes: neither %d nor %d nor between", len(content), len(f.disk), len(f.live))
	}
	for off := 0; off < len(content); off += 512 {
		end := min(off+512, len(content))
		old, now := grow(f.disk, end)[off:end], grow(f.live, end)[off:end]
		if bytes.Equal(content[off:end], old) || f.dirty[off/4096] && bytes.Equal(content[off:end], now) {
			continue
		}
		return fmt.Sprintf("of %d bytes (%d before, %d written) holds at %d what was neither there nor written: %x, not %x nor %x",
			len(content), len(f.disk), len(f.live), off, content[off:end], old, now)
	}
	return ""
}

// dropPairs drops from the log what was made and removed again: the disk is free to
// never hear of it.
func (m *model) dropPairs() {
	touched := func(c modelChange, id int) bool { return c.dir == id || c.before == id || c.after == id }
	for i := 0; i < len(m.log); i++ {
		made := m.log[i][0]
		if len(m.log[i]) > 1 || made.before != none {
			continue
		}
		for j := i + 1; j < len(m.log); j++ {
			gone := m.log[j][0]
			if len(m.log[j]) == 1 && gone == (modelChange{made.dir, made.name, made.after, none}) {
				m.log = slices.Delete(slices.Delete(m.log, j, j+1), i, i+1)
				i--
				break
			}
			if slices.ContainsFunc(m.log[j], func(c modelChange) bool {
				return c.dir == made.dir && c.name == made.name || m.files[made.after].dir && touched(c, made.after)
			}) {
				break
			}
		}
	}
}

// maybeTornTree accepts a prefix of the log with torn files.
func (m *model) maybeTornTree(have tree) string {
	m.dropPairs()
	var why []string
	for prefix := 0; prefix <= len(m.log); prefix++ {
		bad := m.differs(have, m.withOps(func(i int) bool { return i < prefix }), maybeTorn)
		if bad == "" {
			return ""
		}
		why = append(why, fmt.Sprintf("%d of %d operations: %s", prefix, len(m.log), bad))
	}
	return strings.Join(why, "\n")
}

// adopt makes model and disk what was found: after a torn loss the rest of the run
// goes on from there.
func adopt(strict bool, have tree) *model {
	m := newModel(strict)
	ids, inos := map[string]int{"": 0}, map[uint64]int{}
	for _, path := range slices.Sorted(maps.Keys(have)) {
		dir, name := "", path
		if i := strings.LastIndexByte(path, '/'); i >= 0 {
			dir, name = path[:i], path[i+1:]
		}
		id, again := inos[have[path].ino]
		if again {
			m.do(modelChange{ids[dir], name, none, id})
		} else {
			id = m.create(ids[dir], name, have[path].dir)
			m.files[id].live, m.files[id].disk = have[path].content, bytes.Clone(have[path].content)
		}
		ids[path], inos[have[path].ino] = id, id
	}
	m.disk = names{}
	for id, dir := range m.live {
		m.disk[id] = maps.Clone(dir)
	}
	m.log = nil
	return m
}
