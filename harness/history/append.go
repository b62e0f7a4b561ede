package history

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// prepareHeader returns the header as it goes into a file: with this package's
// schema version, and an initial value that comes back as it was written.
func prepareHeader(header Header) (Header, error) {
	if header.Schema != 0 && header.Schema != SchemaVersion {
		return header, fmt.Errorf("header has schema version %d; this program writes version %d: leave it zero", header.Schema, SchemaVersion)
	}
	header.Schema = SchemaVersion
	initial, err := normalInitial(header.Initial)
	if err != nil {
		return header, err
	}
	header.Initial = initial
	if len(header.Options) == 0 {
		header.Options = nil
	}
	if len(header.Nodes) == 0 {
		header.Nodes = nil
	}
	return header, nil
}

// normalInitial returns a header's initial value as nil, an int64 or a string:
// a float64 would lose the last digits of a large integer.
func normalInitial(initial any) (any, error) {
	var n int64
	switch x := initial.(type) {
	case nil:
		return nil, nil
	case string:
		if !utf8.ValidString(x) {
			return nil, fmt.Errorf("the initial value %q is not UTF-8, which a header must be", x)
		}
		return x, nil
	case int:
		n = int64(x)
	case int64:
		n = x
	case Value:
		if x == Nil {
			return nil, nil
		}
		if !x.IsInt() {
			return nil, fmt.Errorf("the initial value is %#x, which stands for no integer: give a string as a Go string", int64(x))
		}
		n = int64(x)
	case float64:
		if x != math.Trunc(x) || math.Abs(x) > 1<<53 {
			return nil, fmt.Errorf("the initial value is %v: it must be an integer, a string or null", x)
		}
		n = int64(x)
	case json.Number:
		var err error
		if n, err = strconv.ParseInt(x.String(), 10, 64); err != nil {
			return nil, fmt.Errorf("the initial value is %s: it must be an integer, a string or null", x)
		}
	default:
		return nil, fmt.Errorf("the initial value is a %T: it must be an integer, a string or null", initial)
	}
	if n < MinInt || n > MaxInt {
		return nil, fmt.Errorf("the initial value is %d: an integer must be from %d to %d", n, MinInt, MaxInt)
	}
	return n, nil
}

// appendHeader appends the first line; the header is one that [prepareHeader] returned.
func appendHeader(b []byte, header Header) ([]byte, error) {
	text, err := json.Marshal(header)
	if err != nil {
		return b, fmt.Errorf("write the header of a history: %w", err)
	}
	return append(append(b, text...), '\n'), nil
}

// lines appends event lines; quoted holds the string table as JSON.
type lines struct {
	quoted [][]byte
}

// addString appends a string to the table.
func (l *lines) addString(s string) {
	l.quoted = append(l.quoted, appendQuoted(nil, s))
}

// knows reports whether v can be written: a string must be in the table.
func (l *lines) knows(v Value) bool {
	if v.IsString() {
		return int64(v-stringBase) < int64(len(l.quoted))
	}
	return v == None || v == Nil || v.IsInt()
}

func (l *lines) call(b []byte, time int64, process int32, kind Kind, key string, value, expect Value) []byte {
	b = appendStart(b, time, `,"e":"call","p":`)
	b = strconv.AppendInt(b, int64(process), 10)
	b = append(b, `,"f":"`...)
	b = append(b, kindNames[kind]...)
	b = append(b, `","k":`...)
	b = appendQuoted(b, key)
	b = l.value(b, `,"x":`, expect)
	b = l.value(b, `,"v":`, value)
	return append(b, '}', '\n')
}

func (l *lines) completion(b []byte, time int64, process int32, outcome Outcome, result Value, mismatch bool) []byte {
	switch outcome {
	case OK:
		b = appendStart(b, time, `,"e":"ok","p":`)
	case Fail:
		b = appendStart(b, time, `,"e":"fail","p":`)
	default:
		b = appendStart(b, time, `,"e":"info","p":`)
	}
	b = strconv.AppendInt(b, int64(process), 10)
	b = l.value(b, `,"r":`, result)
	if mismatch {
		b = append(b, `,"mismatch":true`...)
	}
	return append(b, '}', '\n')
}

// list is the completion of a read that was answered with the elements of a list.
func (l *lines) list(b []byte, time int64, process int32, elements []Value) []byte {
	b = appendStart(b, time, `,"e":"ok","p":`)
	b = strconv.AppendInt(b, int64(process), 10)
	b = append(b, `,"r":`...)
	return append(l.elements(b, elements), '}', '\n')
}

func (l *lines) elements(b []byte, elements []Value) []byte {
	b = append(b, '[')
	for i, v := range elements {
		separator := ","
		if i == 0 {
			separator = ""
		}
		b = l.value(b, separator, v)
	}
	return append(b, ']')
}

// beginTxn begins the call of a transaction; its steps and [endSteps] follow.
func beginTxn(b []byte, time int64, process int32, key string) []byte {
	b = appendStart(b, time, `,"e":"call","p":`)
	b = strconv.AppendInt(b, int64(process), 10)
	b = append(b, `,"f":"txn","k":`...)
	b = appendQuoted(b, key)
	return append(b, `,"v":[`...)
}

// beginAnswer begins the completion of a transaction that was answered; its steps
// and [endSteps] follow.
func beginAnswer(b []byte, time int64, process int32) []byte {
	b = appendStart(b, time, `,"e":"ok","p":`)
	b = strconv.AppendInt(b, int64(process), 10)
	return append(b, `,"r":[`...)
}

func endSteps(b []byte) []byte { return append(b, ']', '}', '\n') }

// step appends a step of a transaction; first says that no other precedes it.
func (l *lines) step(b []byte, first bool, s *Step) []byte {
	if !first {
		b = append(b, ',')
	}
	b = append(b, '[', '"')
	b = append(b, kindNames[s.kind]...)
	b = append(b, '"', ',')
	b = appendQuoted(b, s.key)
	if s.listed {
		b = l.elements(append(b, ','), s.elements)
	} else {
		b = l.value(b, ",", s.value)
	}
	return append(b, ']')
}

func (l *lines) value(b []byte, name string, v Value) []byte {
	if v == None {
		return b
	}
	b = append(b, name...)
	switch {
	case v == Nil:
		return append(b, "null"...)
	case v.IsString():
		return append(b, l.quoted[v-stringBase]...)
	default:
		return strconv.AppendInt(b, int64(v), 10)
	}
}

func appendStart(b []byte, time int64, rest string) []byte {
	b = append(b, `{"t":`...)
	b = strconv.AppendInt(b, time, 10)
	return append(b, rest...)
}

func appendSession(b []byte, s Session) []byte {
	b = appendStart(b, s.Time, `,"e":"session","p":`)
	b = strconv.AppendInt(b, int64(s.Process), 10)
	b = append(b, `,"slot":`...)
	b = strconv.AppendInt(b, int64(s.Slot), 10)
	b = appendText(b, `,"group":`, s.Group)
	b = appendText(b, `,"node":`, s.Node)
	return append(b, '}', '\n')
}

func appendFault(b []byte, f FaultEvent) []byte {
	b = appendStart(b, f.Time, `,"e":"fault","step":`)
	b = strconv.AppendInt(b, int64(f.Step), 10)
	b = appendText(b, `,"phase":`, f.Phase)
	b = appendText(b, `,"fault":`, f.Fault)
	if len(f.Nodes) > 0 {
		b = append(b, `,"nodes":[`...)
		for i, node := range f.Nodes {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendQuoted(b, node)
		}
		b = append(b, ']')
	}
	b = appendText(b, `,"detail":`, f.Detail)
	return append(b, '}', '\n')
}

func appendMark(b []byte, m Mark) []byte {
	b = appendStart(b, m.Time, `,"e":"mark","name":`)
	b = appendQuoted(b, m.Name)
	b = appendText(b, `,"detail":`, m.Detail)
	return append(b, '}', '\n')
}

// appendText appends a field unless its text is empty.
func appendText(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	return appendQuoted(append(b, name...), text)
}

// appendQuoted appends s as a JSON string. Bytes that are no UTF-8 are kept as
// they are: to replace them, as encoding/json does, would make one value of two
// different ones and so invent or hide a violation.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	clean := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[clean:i]...)
		clean = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		case '\r':
			b = append(b, '\\', 'r')
		default:
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, s[clean:]...), '"')
}
