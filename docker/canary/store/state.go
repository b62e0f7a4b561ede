package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// state is what the store holds: registers and lists, each with keys of its own.
type state struct {
	Values map[string]int64   `json:"values"`
	Lists  map[string][]int64 `json:"lists"`
}

func newState() state { return state{Values: map[string]int64{}, Lists: map[string][]int64{}} }

// clone is a copy that stays as it is. Lists only ever grow, so the copy may share
// their elements, but not the room behind them: two lists would grow into it.
func (s state) clone() state {
	lists := maps.Clone(s.Lists)
	for key, list := range lists {
		lists[key] = slices.Clip(list)
	}
	return state{Values: maps.Clone(s.Values), Lists: lists}
}

// command is an operation as it stands in the log. Reads are not in the log.
type command struct {
	op            Op
	key           string
	value, expect *int64
}

// result is what a command answers.
type result struct {
	done bool    // it had an effect
	saw  *int64  // what the register held before
	list []int64 // of a read of a list
}

// run carries a command out. It is the sequential specification of the store.
func (c command) run(s state) result {
	switch c.op {
	case OpList:
		return result{list: slices.Clip(s.Lists[c.key])}
	case OpAppend:
		if len(s.Lists[c.key]) >= MaxListElements {
			return result{}
		}
		s.Lists[c.key] = append(s.Lists[c.key], *c.value)
		return result{done: true}
	}
	saw := lookup(s.Values, c.key)
	if c.op == OpRead || c.op == OpCAS && !equal(saw, c.expect) {
		return result{saw: saw}
	}
	if c.value == nil {
		delete(s.Values, c.key)
	} else {
		s.Values[c.key] = *c.value
	}
	return result{done: true, saw: saw}
}

// response is what the client is told about a command that was carried out.
func (r result) response(op Op) Response {
	switch {
	case op == OpWrite, op == OpAppend && r.done:
		return Response{Status: OK}
	case op == OpAppend:
		return notDone("the list holds %d elements, and no list holds more", MaxListElements)
	case op == OpCAS && r.done:
		return Response{Status: OK, Swapped: true}
	case op == OpList:
		return Response{Status: OK, List: r.list}
	default:
		return Response{Status: OK, Value: r.saw}
	}
}

func lookup(values map[string]int64, key string) *int64 {
	if v, ok := values[key]; ok {
		return &v
	}
	return nil
}

func equal(a, b *int64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// kinds are the first bytes of commands in the log.
var kinds = map[Op]byte{OpWrite: 'w', OpCAS: 'c', OpAppend: 'a'}

// encode writes the command for the log: its kind, the two values (each a byte
// that says whether there is one, then eight bytes), then the key.
func (c command) encode() []byte {
	out := append(make([]byte, 0, 19+len(c.key)), kinds[c.op])
	for _, v := range []*int64{c.value, c.expect} {
		if v == nil {
			out = append(out, 0)
		} else {
			out = binary.BigEndian.AppendUint64(append(out, 1), uint64(*v))
		}
	}
	return append(out, c.key...)
}

func decodeCommand(data []byte) (command, error) {
	if len(data) == 0 {
		return command{}, errors.New("decode a command: it is empty")
	}
	var c command
	for op, kind := range kinds {
		if kind == data[0] {
			c.op = op
		}
	}
	if c.op == "" {
		return command{}, fmt.Errorf("decode a command: unknown kind %#x", data[0])
	}
	rest := data[1:]
	for _, into := range []**int64{&c.value, &c.expect} {
		switch {
		case len(rest) >= 1 && rest[0] == 0:
			rest = rest[1:]
		case len(rest) >= 9 && rest[0] == 1:
			v := int64(binary.BigEndian.Uint64(rest[1:]))
			*into, rest = &v, rest[9:]
		default:
			return command{}, errors.New("decode a command: it ends within a value")
		}
	}
	if c.op == OpAppend && c.value == nil {
		return command{}, errors.New("decode a command: an append of nothing")
	}
	c.key = string(rest)
	return c, nil
}
