package history

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// SyntaxError says where a history file can't be understood, and why.
type SyntaxError struct {
	Path string // empty where the history came from no file
	// Line and Column count from 1; a column is a byte.
	Line, Column int
	Problem      string
}

// Error reads like "history.jsonl:17:23: what is wrong and what was expected".
func (e *SyntaxError) Error() string {
	path := e.Path
	if path == "" {
		path = "history"
	}
	return fmt.Sprintf("%s:%d:%d: %s", path, e.Line, e.Column, e.Problem)
}

// decoder makes a history of lines.
type decoder struct {
	path    string
	history *History
	headed  bool // the header was read
	row     int  // the line's number, from 1
	scanner scanner
	event   event
	running processes
	sorted  bool // so far, calls are in the order of their times
}

func newDecoder(path string) *decoder {
	return &decoder{path: path, history: &History{}, sorted: true}
}

// problem is an error at a place (from 0) of the present line.
func (d *decoder) problem(at int, format string, args ...any) *SyntaxError {
	return &SyntaxError{Path: d.path, Line: d.row, Column: at + 1, Problem: fmt.Sprintf(format, args...)}
}

// line takes the next line, which ends in a newline.
func (d *decoder) line(line []byte) *SyntaxError {
	d.row++
	if line[0] != '{' && len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	if !d.headed {
		return d.header(line)
	}
	e := &d.event
	if !d.scanner.scan(line, e) {
		return d.problem(d.scanner.wrongAt, "%s", d.scanner.problem)
	}
	const always = 1<<fieldEvent | 1<<fieldTime
	if e.has&always != always {
		return d.missing(fieldTime, fieldEvent)
	}
	if e.time == Open {
		return d.problem(e.at[fieldTime], "time %d means that an end was never seen: no event has it", e.time)
	}
	switch {
	case e.name == eventCall:
		return d.call()
	case e.name <= eventInfo:
		return d.completion()
	default:
		return d.rare(line)
	}
}

var fieldNames = [fieldCount]string{
	`"t", the time in nanoseconds`, `"e", the event`, `"p", the process`, `"f", the kind of operation`, `"k", the key`,
	`"x", the value expected`, `"v", the value`, `"r", the result`, `"mismatch"`,
}

// missing says which of the fields the present event lacks.
func (d *decoder) missing(needs ...field) *SyntaxError {
	what := "an event"
	if d.event.carries(fieldEvent) {
		what = fmt.Sprintf("the event %q", eventNames[d.event.name])
	}
	for _, f := range needs {
		if !d.event.carries(f) {
			return d.problem(0, "%s needs %s, which is not there", what, fieldNames[f])
		}
	}
	return nil
}

// process returns the present event's process and checks its clock.
func (d *decoder) process() (*processState, *SyntaxError) {
	e := &d.event
	if e.process < 0 || e.process > 1<<31-1 {
		return nil, d.problem(e.at[fieldProcess], "a process number is from 0 to %d, not %d", 1<<31-1, e.process)
	}
	state := d.running.at(int32(e.process))
	if state.began && e.time < state.last {
		return nil, d.problem(e.at[fieldTime], "time goes back: process %d was at %d ns before and is now at %d ns", e.process, state.last, e.time)
	}
	return state, nil
}

func (d *decoder) call() *SyntaxError {
	e, h := &d.event, d.history
	const needs = 1<<fieldProcess | 1<<fieldKind | 1<<fieldKey
	if e.has&needs != needs {
		return d.missing(fieldProcess, fieldKind, fieldKey)
	}
	state, problem := d.process()
	if problem != nil {
		return problem
	}
	if state.retired {
		return d.problem(e.at[fieldProcess], "process %d calls again after an outcome that nobody knows (info): its successor must have a new number", e.process)
	}
	if state.op != 0 {
		under := &h.Ops[state.op-1]
		return d.problem(e.at[fieldProcess], "process %d calls while its %s of %q, called at %d ns, is under way: expected that to end first",
			e.process, under.Kind, d.scanner.keys.names[under.Key], under.Call)
	}
	if e.asks != (e.kind == Txn) {
		return d.misplacedSteps()
	}
	if wrong := misfit(e.kind, e.value, e.expect); wrong != "" {
		return d.problem(e.at[fieldKind], "%s", wrong)
	}
	if n := len(h.Ops); n > 0 && e.time < h.Ops[n-1].Call {
		d.sorted = false
	}
	h.Ops = append(h.Ops, Op{
		Call: e.time, Return: Open, Value: e.value, Expect: e.expect, Result: None,
		Key: Key(d.scanner.keys.number(e.key)), Process: int32(e.process), Kind: e.kind, Outcome: Info,
	})
	state.began, state.last, state.op = true, e.time, int32(len(h.Ops))
	if e.asks {
		return d.asked(&h.Ops[len(h.Ops)-1])
	}
	return nil
}

func (d *decoder) completion() *SyntaxError {
	e := &d.event
	if !e.carries(fieldProcess) {
		return d.missing(fieldProcess)
	}
	state, problem := d.process()
	if problem != nil {
		return problem
	}
	if state.op == 0 {
		return d.problem(e.at[fieldProcess], "process %d has nothing under way that could end with %q", e.process, eventNames[e.name])
	}
	o := &d.history.Ops[state.op-1]
	switch e.name {
	case eventOK:
		o.Outcome, o.Return = OK, e.time
	case eventFail:
		o.Outcome, o.Return = Fail, e.time
	default:
		state.retired = true
	}
	if e.mismatch || state.retired || e.listed || o.ReadsList() || o.Kind == Txn {
		if wrong := misfitEnd(o.Kind, o.Outcome, e.result, e.mismatch, e.listed); wrong != "" {
			return d.problem(e.endAt(), "%s", wrong)
		}
	}
	o.Result, o.Mismatch = e.result, e.mismatch
	switch {
	case e.answers || e.listed && o.Kind == Txn:
		if problem := d.answered(o); problem != nil {
			return problem
		}
	case e.listed:
		d.scanner.take(o)
	}
	state.last, state.op = e.time, 0
	return nil
}

// endAt is where to look for what is wrong with a completion.
func (e *event) endAt() int {
	switch {
	case e.mismatch:
		return e.at[fieldMismatch]
	case e.carries(fieldResult):
		return e.at[fieldResult]
	default:
		return e.at[fieldEvent]
	}
}

// take gives the elements of the present line to an operation.
func (s *scanner) take(o *Op) {
	o.Offset, o.Count = uint32(s.taken), uint32(len(s.elements)-s.taken)
	s.taken = len(s.elements)
}

// header takes the first line.
func (d *decoder) header(line []byte) *SyntaxError {
	probe := struct {
		Schema *int            `json:"seatrial"`
		Event  json.RawMessage `json:"e"`
	}{}
	if err := json.Unmarshal(line, &probe); err != nil {
		return d.foreign(line, err)
	}
	switch {
	case probe.Schema == nil && probe.Event != nil:
		return d.problem(0, `the header is missing: expected a line with "seatrial" and the schema version before the first event`)
	case probe.Schema == nil:
		return d.problem(0, `expected a history's header, an object with the field "seatrial"`)
	case *probe.Schema != SchemaVersion:
		return d.problem(0, "the history has schema version %d, and this program reads version %d: use the version of seatrial that wrote it", *probe.Schema, SchemaVersion)
	}
	var header Header
	reader := json.NewDecoder(bytes.NewReader(line))
	reader.UseNumber() // a float64 would change large initial values
	if err := reader.Decode(&header); err != nil {
		return d.foreign(line, err)
	}
	header, err := prepareHeader(header)
	if err != nil {
		return d.problem(0, "%s", err)
	}
	d.history.Header, d.headed = header, true
	if initial, ok := header.Initial.(string); ok {
		d.scanner.strings.add(initial) // so that History.Initial finds it, and changes nothing
	}
	return nil
}

// rare takes a line that encoding/json is fast enough for. The scanner has
// already found that it is JSON.
func (d *decoder) rare(line []byte) *SyntaxError {
	e, h := &d.event, d.history
	var x struct {
		Slot   int32    `json:"slot"`
		Group  string   `json:"group"`
		Node   string   `json:"node"`
		Step   int      `json:"step"`
		Phase  string   `json:"phase"`
		Fault  string   `json:"fault"`
		Nodes  []string `json:"nodes"`
		Name   string   `json:"name"`
		Detail string   `json:"detail"`
	}
	if err := json.Unmarshal(line, &x); err != nil {
		return d.foreign(line, err)
	}
	switch e.name {
	case eventSession:
		if !e.carries(fieldProcess) {
			return d.missing(fieldProcess)
		}
		if e.process < 0 || e.process > 1<<31-1 {
			return d.problem(e.at[fieldProcess], "a process number is from 0 to %d, not %d", 1<<31-1, e.process)
		}
		h.Sessions = append(h.Sessions, Session{Time: e.time, Process: int32(e.process), Slot: x.Slot, Group: x.Group, Node: x.Node})
	case eventFault:
		if len(x.Nodes) == 0 {
			x.Nodes = nil
		}
		h.Faults = append(h.Faults, FaultEvent{Time: e.time, Step: x.Step, Phase: x.Phase, Fault: x.Fault, Nodes: x.Nodes, Detail: x.Detail})
	default:
		h.Marks = append(h.Marks, Mark{Time: e.time, Name: x.Name, Detail: x.Detail})
	}
	return nil
}

// foreign makes an error of encoding/json one with a place.
func (d *decoder) foreign(line []byte, err error) *SyntaxError {
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		at := min(int(syntax.Offset)-1, len(line)-1)
		return d.problem(max(at, 0), "not JSON: %s", syntax)
	case errors.As(err, &mismatch):
		at := max(int(mismatch.Offset)-1, 0)
		return d.problem(at, "expected %q to be %s, found a JSON %s", mismatch.Field, kindOfType(mismatch.Type.String()), mismatch.Value)
	default:
		return d.problem(0, "%s", err)
	}
}

// kindOfType says in words what a field of a Go type holds in JSON.
func kindOfType(name string) string {
	switch {
	case strings.HasPrefix(name, "[]"):
		return "a list of strings"
	case strings.HasPrefix(name, "map"):
		return "an object of strings"
	case strings.Contains(name, "int"):
		return "an integer that fits into " + name
	case name == "bool":
		return "true or false"
	case name == "string":
		return "a string"
	default:
		return "an object"
	}
}

// finish returns the history after its last line.
func (d *decoder) finish() *History {
	h := d.history
	h.Keys, h.Strings = d.scanner.keys.names, d.scanner.strings.names
	h.Elements = d.scanner.elements[:d.scanner.taken]
	if !d.sorted {
		slices.SortStableFunc(h.Ops, func(a, b Op) int { return cmp.Compare(a.Call, b.Call) })
	}
	h.sortRare()
	return h
}

// sortRare puts what belongs to no operation in the order of the times.
func (h *History) sortRare() {
	slices.SortStableFunc(h.Sessions, func(a, b Session) int { return cmp.Compare(a.Time, b.Time) })
	slices.SortStableFunc(h.Faults, func(a, b FaultEvent) int { return cmp.Compare(a.Time, b.Time) })
	slices.SortStableFunc(h.Marks, func(a, b Mark) int { return cmp.Compare(a.Time, b.Time) })
}
