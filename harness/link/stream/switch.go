package stream

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/seatrial/seatrial/harness/link"
)

// Switch holds what is done to which flow, and switches the gates of all relays
// that were given it. All methods may be called at any time, by any goroutine.
type Switch struct {
	server *toxiproxy.ApiServer // toxiproxy wants one; it never listens

	mu   sync.Mutex
	ways map[link.Flow]*way
	// effects are those in force and those undone: a count outlives its effect.
	effects map[string]*effect
}

// NewSwitch returns a switch on which every flow passes.
func NewSwitch() *Switch {
	registerGate()
	return &Switch{
		server:  toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()),
		ways:    map[link.Flow]*way{},
		effects: map[string]*effect{},
	}
}

// effect is one Apply.
type effect struct {
	link.Effect
	id     string
	flows  []link.Flow
	undone bool // guarded by Switch.mu

	packets, bytes atomic.Uint64
}

func (e *effect) count(bytes int) {
	e.packets.Add(1)
	e.bytes.Add(uint64(bytes))
}

// way is one flow: what is done to it, and its part by port. A port that is used
// for the first time meets the effects that are there already.
type way struct {
	effects []*effect // in the order they were applied
	cells   map[uint16]*cell
}

// cell is one port of a flow: its table, and the connections that run through it.
type cell struct {
	flow  link.Flow
	port  uint16
	table atomic.Pointer[table]
	pairs map[*pair]struct{} // guarded by Switch.mu
	// joined counts the connections so far: each draws its jitter from a stream of its own.
	joined uint64
}

// table is what is done to a flow. It is never changed: a new one replaces it.
type table struct {
	effects []*effect // in the order they were applied
	refuse  bool
	hold    bool
	delay   bool
	shape   shape
	// changed is closed when another table has taken this one's place.
	changed chan struct{}
}

func newTable(effects []*effect) *table {
	t := &table{effects: effects, changed: make(chan struct{})}
	for _, e := range effects {
		switch e.Action {
		case link.Refuse:
			t.refuse = true
		case link.Drop, link.HoldBack:
			t.hold = true
		case link.Delay:
			t.delay = true
		case link.Throttle, link.Slice:
			t.shape.add(e)
		}
	}
	return t
}

func (t *table) passes() bool { return !t.refuse && !t.hold }

// latency is the sum of the delays, without their jitter.
func (t *table) latency() (sum time.Duration) {
	for _, e := range t.effects {
		if e.Action == link.Delay {
			sum += e.Latency
		}
	}
	return sum
}

// charge counts a packet of so many bytes for the effects of one kind.
func (t *table) charge(bytes int, kind func(link.Action) bool) {
	for _, e := range t.effects {
		if kind(e.Action) {
			e.count(bytes)
		}
	}
}

func holds(a link.Action) bool   { return a == link.Drop || a == link.HoldBack }
func refuses(a link.Action) bool { return a == link.Refuse }
func delays(a link.Action) bool  { return a == link.Delay }

func throttles(a link.Action) bool { return a == link.Throttle }
func cuts(a link.Action) bool      { return a == link.Slice }
func closes(a link.Action) bool    { return a == link.SlowClose }

// admits reports whether the action concerns a connection that is being made.
func admits(a link.Action) bool { return holds(a) || refuses(a) || delays(a) }

// reaches reports whether the effect is on that port.
func (e *effect) reaches(port uint16) bool { return e.Port == 0 || e.Port == port }

// wayOf returns the flow's way; the caller has s.mu.
func (s *Switch) wayOf(flow link.Flow) *way {
	w := s.ways[flow]
	if w == nil {
		w = &way{cells: map[uint16]*cell{}}
		s.ways[flow] = w
	}
	return w
}

// cellOf returns the cell of a port of the flow; the caller has s.mu.
func (s *Switch) cellOf(flow link.Flow, port uint16) *cell {
	w := s.wayOf(flow)
	c := w.cells[port]
	if c == nil {
		c = newCell(flow, port)
		c.table.Store(w.tableFor(port))
		w.cells[port] = c
	}
	return c
}

func newCell(flow link.Flow, port uint16) *cell {
	c := &cell{flow: flow, port: port, pairs: map[*pair]struct{}{}}
	c.table.Store(newTable(nil))
	return c
}

// tableFor is what is done on that port.
func (w *way) tableFor(port uint16) *table {
	var on []*effect
	for _, e := range w.effects {
		if e.reaches(port) {
			on = append(on, e)
		}
	}
	return newTable(on)
}

// Apply puts an effect on every flow, under an id of the caller's. The same call
// again does nothing; another effect under an id in force is an error. An id that
// was undone may be used again, and counts from zero.
func (s *Switch) Apply(id string, e link.Effect, flows []link.Flow) error {
	if err := validate(id, e, flows); err != nil {
		return err
	}
	s.mu.Lock()
	if old := s.effects[id]; old != nil && !old.undone {
		s.mu.Unlock()
		if old.Effect == e && slices.Equal(old.flows, flows) {
			return nil
		}
		return fmt.Errorf("apply effect %q: the id is in use for %s on %v: undo it first", id, old.Action, old.flows)
	}
	added := &effect{Effect: e, id: id, flows: slices.Clone(flows)}
	s.effects[id] = added
	if e.Action != link.Break { // which is over as soon as it was applied
		s.swap(added, func(effects []*effect) []*effect { return append(effects, added) })
	}
	var ended map[*pair]struct{}
	if e.Action == link.Break || e.Action == link.Refuse {
		ended = s.connections(added)
	}
	s.mu.Unlock()

	for p := range ended {
		if !p.probe() {
			added.count(0)
		}
		p.abort()
	}
	return nil
}

// Undo takes the effect of that id away everywhere. An unknown id is fine.
func (s *Switch) Undo(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.effects[id]
	if e == nil || e.undone {
		return
	}
	e.undone = true
	s.swap(e, func(effects []*effect) []*effect {
		return slices.DeleteFunc(effects, func(o *effect) bool { return o == e })
	})
}

// swap changes the effects of each flow of e, and gives each port that e reaches a
// new table: all tables first, and the waking of gates after. The caller has s.mu.
func (s *Switch) swap(e *effect, change func([]*effect) []*effect) {
	var cells []*cell
	var next []*table
	seen := map[link.Flow]bool{}
	for _, flow := range e.flows {
		if seen[flow] {
			continue
		}
		seen[flow] = true
		w := s.wayOf(flow)
		w.effects = change(slices.Clone(w.effects))
		for port, c := range w.cells {
			if e.reaches(port) {
				cells = append(cells, c)
				next = append(next, w.tableFor(port))
			}
		}
	}
	old := make([]*table, len(cells))
	for i, c := range cells {
		old[i] = c.table.Swap(next[i])
	}
	for _, t := range old {
		close(t.changed)
	}
}

// connections are those that the effect reaches. Each runs both ways, so either of
// its flows will do. The caller has s.mu.
func (s *Switch) connections(e *effect) map[*pair]struct{} {
	on := map[*pair]struct{}{}
	for _, flow := range e.flows {
		for port, c := range s.wayOf(flow).cells {
			if e.reaches(port) {
				maps.Copy(on, c.pairs)
			}
		}
	}
	return on
}

// Count is what the effect of that id did so far: chunks held or delayed, ends of
// streams and new connections among them; connections reset and refused, by a limit
// with the bytes that it had let pass; pieces that a throttle made wait, or that
// were cut off longer chunks; ends that a slow close kept.
// It is still known after Undo. The count of an unknown id is zero.
func (s *Switch) Count(id string) link.Count {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.effects[id]
	if e == nil {
		return link.Count{}
	}
	return link.Count{Packets: e.packets.Load(), Bytes: e.bytes.Load()}
}

// Active lists the ids in force, sorted. A break is over at once, and listed until
// it is undone.
func (s *Switch) Active() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for id, e := range s.effects {
		if !e.undone {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Admit waits until a new connection may be made from one end to a port of another:
// until both directions pass and the latency of one round trip is over. It returns
// an error that wraps syscall.ECONNREFUSED where either direction is refused, and
// the context's error where it ends first.
func (s *Switch) Admit(ctx context.Context, from, to link.End, port uint16) error {
	flow := link.Flow{From: from, To: to}
	s.mu.Lock()
	out, back := s.cellOf(flow, port), s.cellOf(flow.Reverse(), port)
	s.mu.Unlock()
	return admit(ctx, out, back, false, nil)
}

// goneCheck is how often a client that waits to be admitted is asked whether it
// still wants to: it can only be seen by looking, and its descriptor is not kept
// for the length of a cut.
const goneCheck = 200 * time.Millisecond

// admit is Admit; silent counts nothing, and where gone is given and says so, it
// ends with errGone.
func admit(ctx context.Context, out, back *cell, silent bool, gone func() bool) error {
	var check <-chan time.Time
	if gone != nil {
		ticker := time.NewTicker(goneCheck)
		defer ticker.Stop()
		check = ticker.C
	}
	charged := map[*effect]bool{} // one waiting connection is one packet
	charge := func(t *table) {
		for _, e := range t.effects {
			if !silent && admits(e.Action) && !charged[e] {
				charged[e] = true
				e.count(0)
			}
		}
	}
	for {
		there, here := out.table.Load(), back.table.Load()
		if there.refuse || here.refuse {
			charge(there)
			charge(here)
			return fmt.Errorf("connection %s: refused by an effect: %w", out.flow, syscall.ECONNREFUSED)
		}
		var done <-chan time.Time
		if there.passes() && here.passes() {
			wait := there.latency() + here.latency()
			if wait == 0 {
				return nil
			}
			timer := time.NewTimer(wait)
			defer timer.Stop()
			done = timer.C
		}
		charge(there)
		charge(here)
		for again := false; !again; {
			select {
			case <-done:
				return nil
			case <-there.changed:
				again = true
			case <-here.changed:
				again = true
			case <-check:
				if gone() {
					return errGone
				}
			case <-ctx.Done():
				return fmt.Errorf("connection %s: waited to be let through: %w", out.flow, ctx.Err())
			}
		}
	}
}

func validate(id string, e link.Effect, flows []link.Flow) error {
	if err := e.Validate(); err != nil {
		return fmt.Errorf("apply effect %q: %w", id, err)
	}
	if e.Queued() || e.Transport == link.UDP {
		return fmt.Errorf("apply effect %q: %s of packets does not exist on a link of byte streams", id, e.Action)
	}
	if id == "" {
		return fmt.Errorf("apply %s: an effect wants an id", e.Action)
	}
	if len(flows) == 0 {
		return fmt.Errorf("apply effect %q: it names no flow", id)
	}
	return nil
}
