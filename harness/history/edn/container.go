package edn

import (
	"bytes"
	"math"
	"strconv"

	"github.com/seatrial/seatrial/harness/history"
)

// step is the type of an event.
type step uint8

const (
	invoke step = iota
	ok
	fail
	info
)

var stepNames = [...]string{"invoke", "ok", "fail", "info"}

func stepOf(name []byte) (step, bool) {
	for s, known := range stepNames {
		if string(name) == known {
			return step(s), true
		}
	}
	return 0, false
}

// event is one entry of a history: an invocation or a completion. Its parts are
// numbers of nodes, -1 where it has none.
type event struct {
	step          step
	client        bool // its process is an integer; all others are those of a nemesis
	process, time int64
	f, value, key int
	at            int    // where it begins, in buf
	actor, detail []byte // of a nemesis: who, and what it says
}

// nemesis is what Jepsen calls the process that injects faults.
const nemesis = "nemesis"

// name is what a keyword, or a string in JSON, is called.
func (p *parser) name(n int) []byte {
	switch p.nodes[n].kind {
	case kindKeyword:
		return p.bytes(n)[1:]
	case kindString, kindEscaped:
		return p.content(n)
	}
	return p.bytes(n)
}

// The fields of an operation that are read; all others are skipped.
const (
	fieldType = 1 << iota
	fieldProcess
	fieldF
	fieldValue
	fieldTime
	fieldKey
)

func fieldOf(name []byte) uint {
	switch string(name) {
	case "type":
		return fieldType
	case "process":
		return fieldProcess
	case "f":
		return fieldF
	case "value":
		return fieldValue
	case "time":
		return fieldTime
	case "key":
		return fieldKey
	}
	return 0
}

// operation takes an event from the form that was read, which is the first node.
func (p *parser) operation(e *event) bool {
	*e = event{f: -1, value: -1, key: -1, time: math.MinInt64, at: p.at(0)}
	n := 0
	for p.nodes[n].kind == kindTagged {
		n += 2 // #jepsen.history.Op{…}
	}
	if p.nodes[n].kind != kindMap {
		return p.expectedAt(e.at, "an operation, which is a map such as {:type :invoke, :f :read, :process 0}")
	}
	has, end := uint(0), p.next(n)
	for n++; n < end; {
		name := n
		n = p.next(n)
		value := n
		n = p.next(n)
		if k := p.nodes[name].kind; k != kindKeyword && (k != kindString || !p.json) {
			continue
		}
		f := fieldOf(p.name(name))
		if has&f != 0 {
			return p.wrong(p.at(name), "%s is there twice in one operation", p.name(name))
		}
		has |= f
		if !p.field(e, f, value) {
			return false
		}
	}
	switch {
	case has&fieldType == 0:
		return p.wrong(e.at, "the operation needs a :type, which is :invoke, :ok, :fail or :info")
	case has&fieldProcess == 0:
		return p.wrong(e.at, "the operation needs a :process, which is an integer, or :nemesis")
	}
	return true
}

func (p *parser) field(e *event, f uint, n int) (well bool) {
	switch f {
	case fieldType:
		if e.step, well = stepOf(p.name(n)); !well {
			return p.expectedAt(p.at(n), ":invoke, :ok, :fail or :info")
		}
	case fieldProcess:
		if p.nodes[n].kind != kindInteger {
			e.actor = append(e.actor, p.name(n)...)
			return true
		}
		e.client = true
		if e.process, well = p.integer(n); !well {
			return p.expectedAt(p.at(n), "a process number of 64 bits")
		}
	case fieldF:
		e.f = n
	case fieldValue:
		e.value = n
	case fieldKey:
		e.key = n
	case fieldTime:
		if p.nodes[n].kind == kindNil {
			return true
		}
		if p.nodes[n].kind != kindInteger {
			return p.expectedAt(p.at(n), "a time in nanoseconds, which is an integer")
		}
		if e.time, well = p.integer(n); !well || e.time > latest {
			return p.expectedAt(p.at(n), "a time in nanoseconds, which is less than 2^61")
		}
	}
	return true
}

// latest is the last instant that an event may have: some way from
// history.Open, as later events come after it, a nanosecond each at least.
const latest = int64(1)<<61 - 1

// read takes every event of the input.
func (im *importer) read() bool {
	p := im.p
	for _, c := range []byte("\ufeff") { // a mark that some editors begin a file with
		if p.peek(0) == c {
			p.pos++
		}
	}
	p.begin()
	if !p.blank(0) {
		return p.problem == nil
	}
	first, second := p.glance()
	switch {
	case first == '{' && second == '"', first == '[' && second == '{' && im.jsonInside():
		p.json = true
		return im.jsonOperations()
	case first == '{', first == '#':
		return im.operations(0)
	case first == '[' && bytes.IndexByte([]byte("{#]\x00"), second) >= 0:
		p.pos++
		return im.operations(']')
	case first == '(' && bytes.IndexByte([]byte("{#)\x00"), second) >= 0:
		p.pos++
		return im.operations(')')
	default:
		return im.logLines()
	}
}

// glance is the byte at pos, and the next after it that is neither blank nor in a comment.
func (p *parser) glance() (first, second byte) {
	_, second = p.ahead(1)
	return p.buf[p.pos], second
}

// ahead is the first byte, from so many after pos on, that is neither blank nor in
// a comment, with its distance from pos.
func (p *parser) ahead(from int) (int, byte) {
	for i := from; ; i++ {
		switch c := p.peek(i); {
		case c == ';':
			for c != 0 && c != '\n' {
				i++
				c = p.peek(i)
			}
		case class[c]&isBlank == 0:
			return i, c
		}
	}
}

// jsonInside reports whether what follows [ { is the name of a field in quotes.
func (im *importer) jsonInside() bool {
	i, _ := im.p.ahead(1)
	_, c := im.p.ahead(i + 1)
	return c == '"'
}

// operations reads maps up to a closing bracket, or up to the end where that is 0.
func (im *importer) operations(closing byte) bool {
	p := im.p
	var e event
	for {
		if !p.blank(0) {
			if p.problem == nil && closing != 0 {
				return p.expected("an operation, or " + strconv.QuoteRune(rune(closing)) + " which closes the history")
			}
			return p.problem == nil
		}
		if closing != 0 && p.buf[p.pos] == closing {
			p.pos++
			if p.blank(0) {
				return p.expected("the end of the input after the history")
			}
			return p.problem == nil
		}
		p.begin()
		if !p.form(0) || !p.operation(&e) || !im.event(&e) {
			return false
		}
	}
}

// jsonOperations reads an array of objects, or one object after the other.
func (im *importer) jsonOperations() bool {
	p := im.p
	within := p.buf[p.pos] == '['
	if within {
		p.pos++
	}
	var e event
	for first := true; ; first = false {
		if !p.space() {
			if within && p.problem == nil {
				return p.expected("an object, or ']' which closes the history")
			}
			return p.problem == nil
		}
		if within && p.buf[p.pos] == ']' {
			p.pos++
			if p.space() {
				return p.expected("the end of the input after the history")
			}
			return p.problem == nil
		}
		if within && !first {
			if p.buf[p.pos] != ',' {
				return p.expected("a comma or ']'")
			}
			p.pos++
			if !p.space() {
				return p.expected("an object after the comma")
			}
		}
		p.begin()
		if !p.jsonForm(0) || !p.operation(&e) || !im.event(&e) {
			return false
		}
	}
}

// logLines reads what Jepsen logs and what is in its history.txt: lines of
// process, type, function and value with tabs between, after any prefix. Other
// lines say nothing of operations and are skipped, except one that looks like an
// operation of another type.
func (im *importer) logLines() bool {
	im.p.peek(40) // so that the error can say what is here
	lines := im.p.source
	row, column := lines.after(lines.pos)
	begins := history.SyntaxError{Path: im.path, Line: row, Column: column + 1,
		Problem: "expected a history (operations as maps, a vector or list of them, JSON objects, or Jepsen's log lines), found " + lines.found(lines.pos)}
	im.p = &parser{}
	none := true
	for {
		lines.mark = lines.pos
		line, more := lines.line()
		if !more {
			break
		}
		e, found := im.logLine(bytes.TrimRight(line, "\r\n"), row, column)
		if im.p.problem != nil {
			return false
		}
		if found {
			none = false
			if !im.event(&e) {
				return false
			}
		}
		row, column = row+1, 0
	}
	im.p.failure, im.p.problem = lines.failure, lines.problem
	if none && im.p.problem == nil {
		im.p.problem = &begins
	}
	return im.p.problem == nil
}

// line is what there is up to a newline, from pos on, which goes behind it.
func (s *source) line() (line []byte, more bool) {
	for from := s.pos; ; {
		if i := bytes.IndexByte(s.buf[from:s.end], '\n'); i >= 0 {
			s.pos = from + i + 1
			return s.buf[s.mark:s.pos], true
		}
		s.pos = s.end
		ahead := s.pos - s.mark
		if !s.more() {
			return s.buf[s.mark:s.end], s.end > s.mark
		}
		from = s.mark + ahead
	}
}

// logLine takes an event from a line, where there is one.
func (im *importer) logLine(line []byte, row, column int) (e event, found bool) {
	p := im.p
	from, to := findStep(line)
	if from < 0 || line[0] == ';' {
		return e, false
	}
	before := line[:from-2]
	processAt := bytes.LastIndexAny(before, " \t") + 1
	e = event{f: -1, value: -1, key: -1, time: math.MinInt64, actor: before[processAt:]}
	process, err := strconv.ParseInt(string(e.actor), 10, 64)
	e.process, e.client = process, err == nil
	known := false
	if e.step, known = stepOf(line[from:to]); !known {
		if e.client {
			p.forms(line, im.path, row, column)
			p.wrong(from-1, "expected :invoke, :ok, :fail or :info, found %q", clip(line[from-1:to]))
		}
		return e, false
	}
	rest := line[to+1:]
	p.forms(rest, im.path, row, column+to+1)
	if !p.blank(0) || !p.form(0) {
		return e, p.expected("what the operation does, such as :read")
	}
	e.f = 0
	if !e.client {
		e.actor, e.detail = bytes.TrimPrefix(e.actor, []byte{':'}), bytes.TrimSpace(p.buf[p.pos:p.end])
		if string(e.detail) == "nil" {
			e.detail = nil
		}
		return e, true
	}
	// What is told of an operation that was not answered is free text, as is the
	// fifth column.
	if e.step == invoke || e.step == ok {
		if value := len(p.nodes); p.blank(0) && p.form(0) {
			e.value = value
		}
	}
	return e, p.problem == nil
}

// findStep finds the first keyword of a line that stands between tabs, and is a
// type unless the line has none.
func findStep(line []byte) (from, to int) {
	firstFrom, firstTo := -1, -1
	for i := 0; ; {
		next := bytes.Index(line[i:], []byte("\t:"))
		if next < 0 {
			return firstFrom, firstTo
		}
		from = i + next + 2
		length := bytes.IndexByte(line[from:], '\t')
		if length < 0 {
			return firstFrom, firstTo
		}
		to = from + length
		if _, is := stepOf(line[from:to]); is {
			return from, to
		}
		if firstFrom < 0 {
			firstFrom, firstTo = from, to
		}
		i = from
	}
}
