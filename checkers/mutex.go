package checkers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// MutualExclusion judges locks: a key with [history.Acquire]s and
// [history.Release]s is a lock, and a process is a client that takes it.
//
// Three things are violations, and each is named as what it is:
//
//   - two holders: two processes certainly held the lock at the same instant. A
//     process certainly holds it from the return of its acquire to the call of its
//     next release of it, whose outcome may be unknown: it may take effect at once. A
//     release that failed changes nothing. An acquire of unknown outcome may hold the
//     lock, and is never held against anybody. A process that is retired without a
//     release, by an operation of unknown outcome, certainly held the lock until the
//     call of that one: clients that give up close their session, which may free it.
//   - tokens do not grow: a lock was granted after another grant of it had returned,
//     with a fencing token (an integer) that is not greater; or two processes were
//     granted it with the same token. A process that acquires again what it has not
//     released may be told its own token again.
//   - a stale holder's effect: an operation that carried a token ([history.Op].Expect
//     of a write, append, enqueue or add) was acknowledged, though one with a greater
//     token of the same lock had been acknowledged before it was called, be it on
//     another key. The store should have refused it: Kleppmann, "How to do
//     distributed locking" (2016). Whose token it is, is told by the grant of its
//     process; where there is one lock only, all tokens are of that.
//
// That is less than linearizability of a lock: orders that can't be, and yet leave
// no instant with two holders, are not found.
//
// Without two processes that were granted the same lock the answer is inconclusive.
//
// Figures: locks, grants, contended (grants of a lock that another process had been
// granted before), holders_two (grants while another process certainly held the
// lock), tokens_not_growing, effects (with a token of a known lock),
// effects_stale, effects_of_unknown_lock.
type MutualExclusion struct {
	// Lease is for how long a lock is granted, counted from the acquire's call at
	// the earliest; a holder may have lost it after that, and overlapping with the next is
	// no violation by itself. Zero: until it is released. Where locks end with their
	// holder's session (etcd, Consul, ZooKeeper), it is the session's time to live.
	Lease time.Duration
}

// Check implements [Checker].
func (c MutualExclusion) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	m := exclusion{MutualExclusion: c}
	return runOrder(ctx, "mutual-exclusion", evidence, budget, m.judge, m.conclude)
}

// grant is an acquire that was answered with the lock.
type grant struct {
	place      int32
	release    int32 // the release that ended it for sure; none where none did
	seat       int32
	before     int32 // the same process's grant before, of this lock; none where there is none
	again      bool  // the process had not released that one
	flagged    bool  // its token was found wrong
	start, end int64 // it certainly held the lock from start until just before end
	token      history.Value
}

// clash is two operations that can't both be, the earlier first. Time is when the
// later one was answered.
type clash struct {
	count      int
	one, other grant
	first      int32 // for effects, the places of the two operations and their lock
	second     int32
	lock       history.Key
	time       int64
}

// note counts a clash and keeps the earliest one.
func (c *clash) note(x clash) {
	n := c.count + 1
	if c.count == 0 || x.time < c.time {
		*c = x
	}
	c.count = n
}

// exclusion is one call of Check.
type exclusion struct {
	MutualExclusion
	run    *orderRun
	seats  seats
	retire []int64 // by seat: the call of its operation of unknown outcome; Open where it has none
	held   []int32 // by seat: its last grant of the lock at hand
	heldOf []int32 // by seat: the lock, plus one, that held is of
	open   []bool  // by seat: it has not called a release since
	grants []grant // of the lock at hand
	sorted []zone
	owners tokenOwners

	locks, granted, contended int
	effects, unattributed     int
	holders, tokens, stale    clash
	onlyLock                  history.Key
}

func (m *exclusion) judge(r *orderRun) {
	type retirement struct {
		process int32
		call    int64
	}
	var retired []retirement
	keys := int32(len(r.h.Keys))
	lists, known := split(r.h, len(r.h.Keys)+1, func(op *history.Op) int32 {
		if op.Outcome == history.Info {
			retired = append(retired, retirement{op.Process, op.Call})
		}
		switch {
		case op.Kind == history.Acquire && op.Outcome == history.OK, op.Kind == history.Release && op.Outcome != history.Fail:
			return int32(op.Key)
		case carriesToken(op):
			return keys
		}
		return none
	})
	m.run, m.seats = r, known
	n := known.count
	m.retire, m.held, m.heldOf, m.open = make([]int64, n), make([]int32, n), make([]int32, n), make([]bool, n)
	for i := range m.retire {
		m.retire[i] = history.Open
	}
	for _, x := range retired {
		m.retire[m.seats.of(x.process)] = x.call
	}
	locks := lists[:keys]
	for key, places := range locks {
		if len(places) > 0 {
			m.locks++
			m.onlyLock = history.Key(key)
		}
	}
	for key, places := range locks {
		if len(places) == 0 {
			continue
		}
		if !r.alive() {
			return
		}
		m.lock(history.Key(key), places)
	}
	m.judgeEffects(lists[keys])
}

// lock judges one lock by its grants.
func (m *exclusion) lock(key history.Key, places []int32) {
	m.grants = m.grants[:0]
	for _, place := range places {
		op := &m.run.h.Ops[place]
		seat := m.seats.of(op.Process)
		if m.heldOf[seat] != int32(key)+1 {
			m.heldOf[seat], m.held[seat], m.open[seat] = int32(key)+1, none, false
		}
		if op.Kind == history.Release {
			m.release(seat, place)
			continue
		}
		g := grant{place: place, release: none, seat: seat, before: m.held[seat], again: m.open[seat], start: op.Return, end: m.retire[seat], token: op.Result}
		if m.Lease > 0 {
			g.end = min(g.end, op.Call+int64(m.Lease))
		}
		m.held[seat], m.open[seat] = int32(len(m.grants)), true
		m.grants = append(m.grants, g)
		if m.locks > 1 {
			m.owners.add(key, seat, op.Result)
		}
	}
	m.granted += len(m.grants)
	m.sorted = m.sorted[:0]
	for n := range m.grants {
		m.sorted = append(m.sorted, zone{f: m.grants[n].start, root: int32(n)})
	}
	sortZones(m.sorted)
	m.findHolders(key)
	m.findTokens(key)
	m.findTwins(key)
}

// release ends what a process certainly holds: all grants since its last release.
func (m *exclusion) release(seat, place int32) {
	if !m.open[seat] {
		return
	}
	m.open[seat] = false
	for n := m.held[seat]; n != none; n = m.grants[n].before {
		g := &m.grants[n]
		g.release, g.end = place, min(g.end, m.run.h.Ops[place].Call)
		if !g.again {
			return
		}
	}
}

// best knows the greatest of some numbers, and the greatest of another process.
type best struct {
	value [2]int64
	grant [2]int32
	seat  [2]int32
}

func noBest() best { return best{grant: [2]int32{none, none}, seat: [2]int32{none, none}} }

func (b *best) add(value int64, grant, seat int32) {
	switch {
	case b.grant[0] == none || seat == b.seat[0]:
		if b.grant[0] == none || value > b.value[0] {
			b.value[0], b.grant[0], b.seat[0] = value, grant, seat
		}
	case value > b.value[0]:
		b.value[1], b.grant[1], b.seat[1] = b.value[0], b.grant[0], b.seat[0]
		b.value[0], b.grant[0], b.seat[0] = value, grant, seat
	case b.grant[1] == none || value > b.value[1]:
		b.value[1], b.grant[1], b.seat[1] = value, grant, seat
	}
}

// other returns the greatest that is not of a process, and its grant or none.
func (b *best) other(seat int32) (int64, int32) {
	if b.seat[0] == seat {
		return b.value[1], b.grant[1]
	}
	return b.value[0], b.grant[0]
}

// findHolders goes through the grants in the order in which they began: the lock was
// held by another process at that instant if it was until later.
func (m *exclusion) findHolders(key history.Key) {
	held := noBest()
	for _, z := range m.sorted {
		g := &m.grants[z.root]
		until, other := held.other(g.seat)
		if other != none {
			m.contended++
		}
		if other != none && until > g.start && g.end > g.start {
			m.holders.note(clash{one: m.grants[other], other: *g, lock: key, time: g.start})
		}
		held.add(g.end, z.root, g.seat)
	}
}

// findTokens compares each token with those of the grants that had returned before.
func (m *exclusion) findTokens(key history.Key) {
	granted, next := noBest(), 0
	for n := range m.grants { // in the order of their calls
		g := &m.grants[n]
		call := m.run.h.Ops[g.place].Call
		for ; next < len(m.sorted) && m.sorted[next].f < call; next++ {
			if have := &m.grants[m.sorted[next].root]; have.token.IsInt() {
				granted.add(int64(have.token), m.sorted[next].root, have.seat)
			}
		}
		if !g.token.IsInt() {
			continue
		}
		token, wrong := granted.other(g.seat)
		if wrong != none && int64(g.token) > token {
			wrong = none
		}
		own, again := g.before, g.again
		for ; own != none && !m.grants[own].token.IsInt(); own = m.grants[own].before {
			again = again && m.grants[own].again
		}
		if own != none && (g.token < m.grants[own].token || g.token == m.grants[own].token && !again) {
			wrong = own
		}
		if wrong != none {
			g.flagged = true
			m.tokens.note(clash{one: m.grants[wrong], other: *g, lock: key, time: g.start})
		}
	}
}

// findTwins finds two processes with the same token, though neither was granted
// the lock before the other.
func (m *exclusion) findTwins(key history.Key) {
	for i := range m.sorted {
		m.sorted[i].f = int64(m.grants[m.sorted[i].root].token)
	}
	sortZones(m.sorted)
	for i := 1; i < len(m.sorted); i++ {
		one, other := &m.grants[m.sorted[i-1].root], &m.grants[m.sorted[i].root]
		if one.token != other.token || !one.token.IsInt() || one.seat == other.seat || one.flagged || other.flagged {
			continue
		}
		m.tokens.note(clash{one: *one, other: *other, lock: key, time: max(one.start, other.start)})
	}
}

// tokenOwners says of which lock a process's token is.
type tokenOwners struct {
	table *valuetable.Table
	all   []tokenOwner
}

type tokenOwner struct {
	lock  history.Key // none where it is of several
	seat  int32
	token history.Value
}

// mix makes one number of a process and a token; whoever finds it compares them.
func mix(seat int32, token history.Value) history.Value {
	return history.Value((uint64(token)^uint64(seat)<<44)*0x9e3779b97f4a7c15 ^ uint64(seat))
}

func (o *tokenOwners) add(lock history.Key, seat int32, token history.Value) {
	if !token.IsInt() {
		return
	}
	if o.table == nil {
		o.table = valuetable.New(1024)
	}
	n, fresh := o.table.At(mix(seat, token))
	switch {
	case fresh:
		o.all = append(o.all, tokenOwner{lock, seat, token})
	case o.all[n] != tokenOwner{lock, seat, token}:
		o.all[n].lock = history.Key(none) // nobody can tell
	}
}

// find returns the lock of a token, none where that is not known.
func (o *tokenOwners) find(seat int32, token history.Value) history.Key {
	if o.table == nil {
		return history.Key(none)
	}
	n := o.table.Find(mix(seat, token))
	if n == none || o.all[n].seat != seat || o.all[n].token != token {
		return history.Key(none)
	}
	return o.all[n].lock
}

// carriesToken says that an operation has an effect under a lock.
func carriesToken(op *history.Op) bool {
	switch op.Kind {
	case history.Write, history.Append, history.Enqueue, history.Add:
		return op.Expect.IsInt() && op.Outcome == history.OK
	}
	return false
}

// judgeEffects compares each acknowledged effect with those acknowledged before its call.
func (m *exclusion) judgeEffects(places []int32) {
	switch {
	case m.locks == 0:
	case m.locks == 1:
		m.effects = len(places)
		m.effectsOf(m.onlyLock, places)
	default:
		h := m.run.h
		byLock := make([][]int32, len(h.Keys))
		for _, place := range places {
			op := &h.Ops[place]
			lock := m.owners.find(m.seats.of(op.Process), op.Expect)
			if lock == history.Key(none) {
				m.unattributed++
				continue
			}
			m.effects++
			byLock[lock] = append(byLock[lock], place)
		}
		for lock, places := range byLock {
			if len(places) > 0 && m.run.alive() {
				m.effectsOf(history.Key(lock), places)
			}
		}
	}
}

func (m *exclusion) effectsOf(lock history.Key, places []int32) {
	ops := m.run.h.Ops
	m.sorted = m.sorted[:0]
	for _, place := range places {
		m.sorted = append(m.sorted, zone{f: ops[place].Return, root: place})
	}
	sortZones(m.sorted)
	newest, next := none, 0
	for _, place := range places {
		op := &ops[place]
		for ; next < len(m.sorted) && m.sorted[next].f < op.Call; next++ {
			if have := m.sorted[next].root; newest == none || ops[have].Expect > ops[newest].Expect {
				newest = have
			}
		}
		if newest != none && ops[newest].Expect > op.Expect {
			m.stale.note(clash{first: newest, second: place, lock: lock, time: op.Return})
		}
	}
}

func (m *exclusion) conclude(r *orderRun) {
	m.run = r
	r.result.Figures = map[string]float64{
		"locks": float64(m.locks), "grants": float64(m.granted), "contended": float64(m.contended),
		"holders_two": float64(m.holders.count), "tokens_not_growing": float64(m.tokens.count),
		"effects": float64(m.effects), "effects_stale": float64(m.stale.count), "effects_of_unknown_lock": float64(m.unattributed),
	}
	found := m.findings()
	switch {
	case len(found) > 0:
		r.say(Violation, "%s", strings.Join(found, "; "))
		r.result.Proof = m.prove()
	case r.stopped != nil:
		r.say(Inconclusive, "not everything was judged: %v", r.stopped)
	case m.granted == 0:
		r.say(Inconclusive, "no lock was ever granted: the history proves nothing")
	case m.contended == 0:
		r.say(Inconclusive, "no lock was granted to two processes: the history proves nothing")
	default:
		text := fmt.Sprintf("no lock was certainly held by two processes at once: %s of %s", plural(m.granted, "grant"), plural(m.locks, "lock"))
		if m.effects > 0 {
			text += fmt.Sprintf("; none of %s with a token was a stale holder's", plural(m.effects, "effect"))
		}
		r.say(Pass, "%s", text)
	}
}
