package edn

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// What a nil that answers a read means; see [Options.NilRead].
const (
	// Wildcard means that nobody was told what the read found.
	Wildcard = "wildcard"
	// NilValue means that the key was absent.
	NilValue = "value"
)

// Options say how a history is to be understood, which it does not say itself.
type Options struct {
	// Model is one of [Models]. It decides what :f and :value mean.
	Model string
	// Initial is what every key holds at first, as EDN: "0", "nil", ":a". A bare
	// word is a string. Where it is empty, the initial value is nil; but that of a
	// register, multi-register or key-value map whose nil reads are wildcards is unknown.
	Initial string
	// NilRead is [Wildcard] or [NilValue]. Where it is empty it is Wildcard for
	// register, cas-register, multi-register, kv, set, linearizable-set, counter
	// and linearizable-counter, as in Knossos, and NilValue for all others.
	NilRead string
	// Unwrap takes plain values [k v] for key and value, as jepsen.independent
	// prints them. Tuples that have a tag are always taken so.
	Unwrap bool
}

// Import reads a history of Jepsen in any of the containers that the package's
// documentation lists. The path is for errors only, which are of type
// [*history.SyntaxError] where they have a place. The history is valid; it may be
// empty.
func Import(r io.Reader, path string, options Options) (*history.History, error) {
	im := &importer{p: &parser{}, path: path, h: &history.History{}, last: -1}
	if err := im.configure(options); err != nil {
		return nil, fmt.Errorf("import %s: %w", path, err)
	}
	im.p.open(r, path)
	im.read()
	if im.p.failure != nil {
		return nil, fmt.Errorf("import %s: %w", path, im.p.failure)
	}
	if im.p.problem != nil {
		return nil, im.p.problem
	}
	im.rename()
	im.h.Keys, im.h.Strings = im.keys.names, im.strings.names
	if err := im.h.Validate(); err != nil {
		return nil, fmt.Errorf("import %s: %w", path, err)
	}
	return im.h, nil
}

// importer makes a history of events.
type importer struct {
	p       *parser
	path    string
	model   *model
	wild    bool // nil is no answer to a read
	unwrap  bool
	h       *history.History
	keys    table
	strings table
	running processes
	last    int64 // the instant of the event before
	fresh   int32 // how many numbers were handed out to processes that need another
}

// configure checks the options and writes the header.
func (im *importer) configure(options Options) error {
	m, known := modelOf(options.Model)
	if !known {
		return fmt.Errorf("there is no model %q: expected one of %s", options.Model, strings.Join(Models(), ", "))
	}
	im.model, im.unwrap, im.wild = m, options.Unwrap, m.wild
	nilRead := NilValue
	switch options.NilRead {
	case "":
	case Wildcard, NilValue:
		im.wild = options.NilRead == Wildcard
	default:
		return fmt.Errorf("a nil read is %q or %q, not %q", Wildcard, NilValue, options.NilRead)
	}
	if im.wild {
		nilRead = Wildcard
	}
	header := &im.h.Header
	header.Schema, header.Model = history.SchemaVersion, m.name
	initial := "nil"
	switch {
	case options.Initial != "":
		value, err := im.initial(options.Initial)
		if err != nil {
			return err
		}
		initial, header.Initial = options.Initial, value
	case m.anything && im.wild:
		initial, header.InitialUnknown = "unknown", true
	}
	header.Options = map[string]string{
		"source": "edn", "initial": initial, "nil-read": nilRead, "unwrap": strconv.FormatBool(options.Unwrap),
	}
	return nil
}

// initial reads what every key holds at first. A string goes into the table, where
// [history.History.Initial] looks for it.
func (im *importer) initial(text string) (any, error) {
	q := &parser{}
	q.forms([]byte(text), "initial value", 1, 0)
	if q.blank(0) && q.form(0) && q.blank(0) {
		q.expected("the end after the initial value")
	}
	if q.problem == nil && len(q.nodes) == 0 {
		q.expected("a value")
	}
	if q.problem != nil {
		return nil, q.problem
	}
	if q.nodes[0].kind == kindSymbol {
		im.strings.number(q.bytes(0))
		return string(q.bytes(0)), nil
	}
	outer := im.p
	im.p = q
	value := im.valueOf(0)
	im.p = outer
	switch {
	case value == history.Nil:
		return nil, nil
	case value.IsInt():
		return int64(value), nil
	default:
		return im.strings.names[0], nil
	}
}

// processState is what one process is doing.
type processState struct {
	number  int32 // in the history; those that are not the file's own are negative
	op      int32 // one more than the place of the operation under way, 0 where there is none
	line    int32 // where it was called
	act     action
	known   bool // has a number
	retired bool // had an outcome that nobody knows
	field   bool // the operation under way named its key by a :key of its own
}

// processes finds the state of a process by its number in the file.
type processes struct {
	dense  []processState
	sparse map[int64]*processState
}

const densest = 1 << 16

func (ps *processes) at(process int64) *processState {
	if uint64(process) < uint64(len(ps.dense)) {
		return &ps.dense[process]
	}
	if process >= 0 && process < densest {
		ps.dense = append(ps.dense, make([]processState, int(process)+1-len(ps.dense))...)
		return &ps.dense[process]
	}
	if ps.sparse == nil {
		ps.sparse = map[int64]*processState{}
	}
	if ps.sparse[process] == nil {
		ps.sparse[process] = &processState{}
	}
	return ps.sparse[process]
}

// largest is the largest process number that is kept as it is.
const largest = 1 << 30

// renumber gives a process a number that no other has. It is negative until the
// whole file was read and all of its numbers are known.
func (im *importer) renumber(s *processState) {
	im.fresh++
	s.number, s.known, s.retired = -im.fresh, true, false
}

// rename hands out numbers above all that the file has.
func (im *importer) rename() {
	if im.fresh == 0 {
		return
	}
	top := int32(-1)
	for i := range im.h.Ops {
		top = max(top, im.h.Ops[i].Process)
	}
	for i := range im.h.Ops {
		if o := &im.h.Ops[i]; o.Process < 0 {
			o.Process = top - o.Process
		}
	}
}

// event takes the next event of the file. The order of events is that of the
// file, whatever their times say: in old logs times go back, as a process takes
// its time before it gets its turn to write. An event's instant is its time where
// that is later than the event before, and a nanosecond after it otherwise.
func (im *importer) event(e *event) bool {
	im.last = max(im.last+1, e.time)
	if im.last > latest*3/2 {
		return im.p.wrong(e.at, "there are more events after the time %d than a history has room for", latest)
	}
	if !e.client {
		return im.nemesis(e)
	}
	s := im.running.at(e.process)
	if e.step == invoke {
		return im.invoke(e, s)
	}
	return im.complete(e, s)
}

// nemesis keeps what is no operation of a client as a mark. Faults of other
// harnesses say neither when they bit nor what would undo them, so they are no
// history.FaultEvent.
func (im *importer) nemesis(e *event) bool {
	p, name := im.p, string(e.actor)
	if name == "" {
		name = nemesis
	}
	if e.f >= 0 {
		name += " " + string(p.name(e.f))
	}
	detail := string(e.detail)
	if n := e.value; n >= 0 {
		switch p.nodes[n].kind {
		case kindNil:
		case kindString, kindEscaped:
			detail = string(p.content(n))
		default:
			detail = string(p.appendText(nil, n))
		}
	}
	im.h.Marks = append(im.h.Marks, history.Mark{Time: im.last, Name: name, Detail: detail})
	return true
}

// invoke begins an operation. One that is never completed stays as it is begun
// here: its outcome is not known.
func (im *importer) invoke(e *event, s *processState) bool {
	p, h := im.p, im.h
	line, _ := p.after(e.at)
	switch {
	case s.op != 0:
		return p.wrong(e.at, "process %d begins an operation while the one that it began on line %d is under way: expected that to end first", e.process, s.line)
	case s.retired:
		// Jepsen gives the successor of a process that crashed another number. Where a
		// log does not, this is a client that goes on while its operation may still
		// take effect: the same as a new client.
		im.renumber(s)
	case !s.known:
		if s.number, s.known = int32(e.process), true; e.process < 0 || e.process > largest {
			im.renumber(s)
		}
	}
	if e.f < 0 {
		return p.wrong(e.at, "the operation needs an :f, which for a %s is one of %s", im.model.name, im.model.takes())
	}
	act, known := im.model.action(p.name(e.f))
	if !known {
		return p.wrong(p.at(e.f), "the function %s means nothing for a %s, which takes %s", p.appendText(nil, e.f), im.model.name, im.model.takes())
	}
	if len(h.Ops) == math.MaxInt32 || len(h.Micros) > math.MaxUint32-1<<28 || len(h.Elements) > math.MaxUint32-1<<28 {
		return p.wrong(e.at, "the history is too large: expected at most 2^31 operations and 2^32 elements")
	}
	h.Ops = append(h.Ops, history.Op{
		Call: im.last, Return: history.Open, Value: history.None, Expect: history.None, Result: history.None,
		Process: s.number, Kind: kinds[act], Outcome: history.Info,
	})
	s.act, s.op, s.line = act, int32(len(h.Ops)), int32(min(line, math.MaxInt32))
	o := &h.Ops[len(h.Ops)-1]
	s.field = im.model.keyed && e.key >= 0
	key, value, separate := im.separate(e, s.field)
	switch {
	case separate:
		o.Key = im.keyOf(key)
	case im.model.keyed:
		return p.wrong(e.at, "an operation of a %s needs its key, as a :key of its own or as a :value [k v]", im.model.name)
	case im.unwrap:
		return im.unwrappable(e)
	default:
		o.Key = history.Key(im.keys.number([]byte(im.model.object)))
	}
	return im.argument(o, act, value, e)
}

var kinds = [...]history.Kind{
	read: history.Read, write: history.Write, swap: history.CAS, add: history.Append, list: history.ReadList,
	enqueue: history.Enqueue, dequeue: history.Dequeue, drain: history.Drain, increase: history.Add,
	generate: history.Generate, acquire: history.Acquire, release: history.Release,
	transact: history.Txn, balances: history.Txn, transfer: history.Txn,
}

// separate finds an operation's key and its value: -1 where there is none.
func (im *importer) separate(e *event, field bool) (key, value int, separate bool) {
	p, n := im.p, e.value
	if field {
		return e.key, n, e.key >= 0
	}
	if n < 0 {
		return -1, -1, false
	}
	plain := im.unwrap || im.model.keyed
	for p.nodes[n].kind == kindTagged && tuple(string(p.bytes(n+1))) {
		n, plain = n+2, true
	}
	if !plain || p.nodes[n].kind != kindVector || !p.parts(n, 2) {
		return -1, e.value, false
	}
	return n + 1, p.next(n + 1), true
}

// tuple reports whether a tag is one that pairs of independent keys are printed with.
func tuple(tag string) bool {
	tag = tag[strings.LastIndexAny(tag, "./")+1:]
	return strings.EqualFold(tag, "tuple") || tag == "MapEntry"
}

// parts reports whether a collection has so many parts.
func (p *parser) parts(n, want int) bool {
	have := 0
	for i := n + 1; i < p.next(n) && have <= want; i = p.next(i) {
		have++
	}
	return have == want
}

func (im *importer) unwrappable(e *event) bool {
	at := e.at
	if e.value >= 0 {
		at = im.p.at(e.value)
	}
	return im.p.wrong(at, "expected a value [k v], as keys are to be unwrapped")
}

// keyOf is the key that a form names.
func (im *importer) keyOf(n int) history.Key {
	return history.Key(im.keys.number(im.p.plain(n, true)))
}

// valueOf is what a form stands for.
func (im *importer) valueOf(n int) history.Value {
	p := im.p
	switch p.nodes[n].kind {
	case kindNil:
		return history.Nil
	case kindInteger:
		if v, fits := p.integer(n); fits && v <= history.MaxInt && v >= history.MinInt {
			return history.Value(v)
		}
	case kindNumber:
		// 4/2 is 2.
		text := appendNumber(nil, p.bytes(n))
		if v, err := strconv.ParseInt(string(text), 10, 64); err == nil && v <= history.MaxInt && v >= history.MinInt {
			return history.Value(v)
		}
	}
	return history.StringValue(int(im.strings.number(p.plain(n, false))))
}

// argument takes what an operation is asked to do from its invocation; and from
// its completion, where that says it again, which then counts: Knossos and Elle
// judge what completions say.
func (im *importer) argument(o *history.Op, act action, n int, e *event) bool {
	p := im.p
	switch act {
	case write, add, enqueue, increase:
		if n < 0 {
			return p.wrong(e.at, "a %s needs a :value", p.appendText(nil, e.f))
		}
		o.Value = im.valueOf(n)
		if act == increase && !o.Value.IsInt() {
			return p.expectedAt(p.at(n), "an amount, which is an integer")
		}
	case swap:
		if n < 0 || p.nodes[n].kind != kindVector && p.nodes[n].kind != kindList || !p.parts(n, 2) {
			return p.wrong(im.where(n, e), "a compare-and-set needs a :value [old new]")
		}
		o.Expect, o.Value = im.valueOf(n+1), im.valueOf(p.next(n+1))
	case read:
		return im.unwrapped(n)
	case transact:
		return im.transaction(o, n, e)
	case transfer:
		return im.transfer(o, n, e)
	}
	return true
}

// where is the place of a form, and that of the operation where there is no form.
func (im *importer) where(n int, e *event) int {
	if n < 0 {
		return e.at
	}
	return im.p.at(n)
}

// unwrapped refuses to read [k nil], which can only be the key of an independent
// register: taken for a value, it would be one that nobody ever wrote.
func (im *importer) unwrapped(n int) bool {
	p := im.p
	if n < 0 || im.unwrap || im.model.keyed || p.nodes[n].kind != kindVector || !p.parts(n, 2) || p.nodes[p.next(n+1)].kind != kindNil {
		return true
	}
	return p.wrong(p.at(n), "a read is asked for %s, which looks like the key of an independent register: unwrap keys", clip(p.bytes(n)))
}

// complete ends the operation that a process has under way.
func (im *importer) complete(e *event, s *processState) bool {
	p := im.p
	if s.op == 0 {
		return p.wrong(e.at, "process %d ends an operation with :%s and has none under way: expected an :invoke before", e.process, stepNames[e.step])
	}
	if e.f >= 0 {
		if act, known := im.model.action(p.name(e.f)); !known || act != s.act {
			return p.wrong(p.at(e.f), "process %d ends a %s, and what it has under way since line %d is another operation", e.process, p.appendText(nil, e.f), s.line)
		}
	}
	o := &im.h.Ops[s.op-1]
	s.op = 0
	switch e.step {
	case info:
		s.retired = true
		return true
	case fail:
		o.Outcome, o.Return = history.Fail, im.last
		return true
	}
	o.Outcome, o.Return = history.OK, im.last
	n := e.value
	key, value, separate := im.separate(e, s.field)
	switch {
	case separate:
		if im.keyOf(key) != o.Key {
			return p.wrong(p.at(key), "process %d ends an operation on the key %s, and the one that it began on line %d is on %s",
				e.process, p.plain(key, true), s.line, im.keys.names[o.Key])
		}
		n = value
	case (im.unwrap || im.model.keyed) && !s.field && n >= 0 && p.nodes[n].kind != kindNil:
		return im.unwrappable(e)
	}
	return im.answer(o, s, n, e)
}

// answer takes what an operation was told from its completion, which may say nothing.
func (im *importer) answer(o *history.Op, s *processState, n int, e *event) bool {
	p := im.p
	null := n < 0 || p.nodes[n].kind == kindNil
	switch s.act {
	case read:
		if n >= 0 && !(null && im.wild) {
			o.Result = im.valueOf(n)
		}
	case dequeue, generate:
		if n >= 0 {
			o.Result = im.valueOf(n)
		}
	case acquire:
		if im.model.fenced {
			return im.token(o, n)
		}
	case list, drain:
		return im.elements(o, s, n)
	case balances:
		return im.balances(o, n)
	case release:
	default:
		if !null {
			return im.argument(o, s.act, n, e)
		}
	}
	return true
}

// token takes a fencing token: the value, or its :fence.
func (im *importer) token(o *history.Op, n int) bool {
	p := im.p
	if n < 0 || p.nodes[n].kind == kindNil {
		return true
	}
	token := n
	if p.nodes[n].kind == kindMap {
		token = -1
		for i := n + 1; i < p.next(n); {
			name := i
			i = p.next(i)
			if string(p.name(name)) == "fence" {
				token = i
			}
			i = p.next(i)
		}
	}
	if token < 0 || p.nodes[token].kind != kindInteger {
		return p.expectedAt(p.at(n), "a fencing token: an integer, or a map with an integer as its :fence")
	}
	o.Result = im.valueOf(token)
	return true
}

// elements takes the answer to a read of all elements, or to a drain. Where it
// says nothing, a read, which has no effect, is kept as one that failed, and a
// drain took nobody knows what: its outcome is not known, and its process retired.
func (im *importer) elements(o *history.Op, s *processState, n int) bool {
	p := im.p
	null := n >= 0 && p.nodes[n].kind == kindNil
	switch {
	case n >= 0 && !null, null && !im.wild:
		return im.list(n, &o.Offset, &o.Count)
	case s.act == list:
		o.Outcome = history.Fail
	default:
		o.Outcome, o.Return, s.retired = history.Info, history.Open, true
	}
	return true
}

// list keeps the elements of a collection, of nil none.
func (im *importer) list(n int, offset, count *uint32) bool {
	p, from := im.p, len(im.h.Elements)
	for p.nodes[n].kind == kindTagged {
		n += 2 // a sorted set, and the like
	}
	switch p.nodes[n].kind {
	case kindNil:
		return true
	case kindVector, kindList, kindSet:
	default:
		return p.expectedAt(p.at(n), "a collection of elements")
	}
	for i := n + 1; i < p.next(n); i = p.next(i) {
		im.h.Elements = append(im.h.Elements, im.valueOf(i))
	}
	if len(im.h.Elements) > from {
		*offset, *count = uint32(from), uint32(len(im.h.Elements)-from)
	}
	return true
}
