package history

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// plain is an operation without numbers into tables.
type plain struct {
	op                                        Op
	key, value, expect, result                string
	valueString, expectString, resultIsString bool
	list                                      string
}

// plainOps makes the operations of two histories comparable, whose tables may be
// in different orders.
func plainOps(h *History) []plain {
	all := make([]plain, len(h.Ops))
	for i, o := range h.Ops {
		all[i] = plain{
			key: h.KeyName(o.Key), value: h.Text(o.Value), expect: h.Text(o.Expect), result: h.Text(o.Result),
			valueString: o.Value.IsString(), expectString: o.Expect.IsString(), resultIsString: o.Result.IsString(),
		}
		if o.Kind == Txn {
			all[i].list = plainSteps(h, &o)
		} else {
			all[i].list = plainList(h, h.List(&o))
		}
		o.Key, o.Value, o.Expect, o.Result, o.Offset = 0, 0, 0, 0, 0
		all[i].op = o
	}
	return all
}

func plainList(h *History, list []Value) (text string) {
	for _, v := range list {
		text += fmt.Sprintf("%t %q,", v.IsString(), h.Text(v))
	}
	return text
}

func plainSteps(h *History, o *Op) (text string) {
	for _, m := range h.Transaction(o) {
		text += fmt.Sprintf("%s %q %t %q, %t [%s];", m.Kind, h.KeyName(m.Key), m.Value.IsString(), h.Text(m.Value), m.Listed, plainList(h, h.MicroList(&m)))
	}
	return text
}

func requireSame(t *testing.T, want, got *History) {
	t.Helper()
	require.Equal(t, want.Header, got.Header)
	require.Equal(t, plainOps(want), plainOps(got))
	require.Equal(t, want.Sessions, got.Sessions)
	require.Equal(t, want.Faults, got.Faults)
	require.Equal(t, want.Marks, got.Marks)
}

func encoded(t *testing.T, h *History) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Encode(&b, h))
	return b.Bytes()
}

func TestWhatIsEncodedDecodesToTheSame(t *testing.T) {
	drawn := map[Kind]int{}
	for seed := range uint64(300) {
		draw := rand.New(rand.NewPCG(seed, 1))
		h := randomHistory(draw, 1+draw.IntN(80), 1+draw.IntN(6), 1+draw.IntN(4))
		text := encoded(t, h)
		got, err := Decode(bytes.NewReader(text))
		require.NoError(t, err, "seed %d\n%s", seed, text)
		require.Zero(t, got.Torn)
		requireSame(t, h, got)
		require.NoError(t, got.Validate())
		require.Equal(t, h.Initial(), got.Initial(), "the initial value")
		require.Equal(t, string(text), string(encoded(t, got)), "the same history has one text")
		for i := range h.Ops {
			drawn[h.Ops[i].Kind]++
		}
	}
	for _, kind := range Kinds() {
		require.Greater(t, drawn[kind], 50, "%s is hardly drawn", kind)
	}
}

// A file is cut at every byte: whatever is left is a history of the complete
// lines, and never an error once the header is there.
func TestEveryPrefixOfAHistoryDecodes(t *testing.T) {
	h := randomHistory(rand.New(rand.NewPCG(7, 7)), 12, 3, 2)
	text := encoded(t, h)
	header := bytes.IndexByte(text, '\n')
	for cut := header; cut <= len(text); cut++ {
		got, err := Decode(bytes.NewReader(text[:cut]))
		require.NoError(t, err, "cut at %d", cut)
		whole := bytes.Count(text[:cut], []byte("\n"))
		lines := bytes.SplitAfter(text[:cut], []byte("\n"))
		if last := lines[len(lines)-1]; bytes.HasSuffix(last, []byte("}")) && got.Torn == 0 {
			whole++ // only its newline is missing
		} else {
			require.Equal(t, len(last), got.Torn)
		}
		events := len(got.Sessions) + len(got.Faults) + len(got.Marks) + len(got.Ops)
		for _, o := range got.Ops {
			if o.Outcome != Info {
				events++
			}
		}
		require.Equal(t, whole-1, events, "cut at %d", cut)
	}
}

func TestEncodeRefusesWhatDecodeWouldRefuse(t *testing.T) {
	sound := func() *History {
		return NewBuilder(Header{}).Write(1, "x", 1, 0, 10).Read(1, "x", 1, 20, 30).History()
	}
	require.NoError(t, sound().Validate())
	cases := []struct {
		name  string
		spoil func(h *History)
		says  string
	}{
		{"overlap within a process", func(h *History) { h.Ops[1].Call = 5 }, "two operations under way"},
		{"calls out of order", func(h *History) { slices.Reverse(h.Ops) }, "sort operations by their calls"},
		{"operation after info", func(h *History) { h.Ops[0].Outcome, h.Ops[0].Return = Info, Open }, "a process is retired then"},
		{"info that returned", func(h *History) { h.Ops[1].Outcome = Info }, "such an operation returns at Open"},
		{"ok that never returned", func(h *History) { h.Ops[1].Return = Open }, "it never returned"},
		{"return before call", func(h *History) { h.Ops[1].Return = 19 }, "before its call"},
		{"no such key", func(h *History) { h.Ops[1].Key = 1 }, "table of 1 keys"},
		{"no such string", func(h *History) { h.Ops[1].Result = StringValue(0) }, "table of 0 strings"},
		{"write of nothing", func(h *History) { h.Ops[0].Value = None }, "a write needs a value"},
		{"cas that expects nothing", func(h *History) { h.Ops[0].Kind = CAS }, "needs an expected value"},
		{"mismatch of a read", func(h *History) { h.Ops[1].Mismatch = true }, "only a compare-and-set"},
		{"no such kind", func(h *History) { h.Ops[1].Kind = KindUnknown }, "kind does not exist"},
		{"negative process", func(h *History) { h.Ops[0].Process = -1 }, "not negative"},
		{"elements of a read", func(h *History) { h.Ops[1].Count = 1 }, "only reads of lists and drains that were answered"},
		{"a place in the arena for nothing", func(h *History) { h.Ops[0].Offset = 1 }, "only reads of lists and drains that were answered"},
		{"elements beyond the arena", func(h *History) { listed(h, 1, 2); h.Ops[1].Count = 3 }, "elements 0 to 3 are not in the arena of 2"},
		{"no element, beyond the arena", func(h *History) { listed(h); h.Ops[1].Offset = 1 }, "elements 1 to 1 are not in the arena of 0"},
		{"elements far beyond the arena", func(h *History) { listed(h, 1); h.Ops[1].Offset, h.Ops[1].Count = 1<<32-1, 2 }, "are not in the arena"},
		{"an element that is none", func(h *History) { listed(h, 1, None) }, "element 1 of its list"},
		{"an element that is no string", func(h *History) { listed(h, StringValue(0)) }, "element 0 of its list"},
		{"a single value for a list", func(h *History) { listed(h, 1); h.Ops[1].Result = 1 }, "never a single value"},
		{"elements of a list that failed", func(h *History) { listed(h, 1); h.Ops[1].Outcome = Fail }, "only reads of lists and drains that were answered"},
		{"append of nothing", func(h *History) { h.Ops[0].Kind, h.Ops[0].Value = Append, None }, "an append needs an element"},
		{"an initial value that is no value", func(h *History) { h.Header.Initial = 1.5 }, "an integer, a string or null"},
		{"another schema", func(h *History) { h.Header.Schema = 9 }, "schema version 9"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := sound()
			c.spoil(h)
			require.ErrorContains(t, Encode(&bytes.Buffer{}, h), c.says)
		})
	}
}

// listed makes the second operation a read of a list.
func listed(h *History, elements ...Value) {
	h.Elements = elements
	o := &h.Ops[1]
	o.Kind, o.Result, o.Count = ReadList, None, uint32(len(elements))
}

func TestEncodeReportsAFailedWrite(t *testing.T) {
	h := NewBuilder(Header{}).Write(1, "x", 1, 0, 10).History()
	full := errors.New("no room")
	require.ErrorIs(t, Encode(failingWriter{full}, h), full)
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func FuzzDecode(f *testing.F) {
	for seed := range uint64(4) {
		draw := rand.New(rand.NewPCG(seed, 2))
		var b bytes.Buffer
		require.NoError(f, Encode(&b, randomHistory(draw, 8, 2, 2)))
		f.Add(b.Bytes())
	}
	const header = `{"seatrial":1,"initial":null}` + "\n"
	for _, c := range malformed {
		f.Add([]byte(c.text))
	}
	for _, c := range malformedSteps {
		f.Add([]byte(strings.Replace(c.text, "¿", "", 1)))
	}
	f.Add([]byte(answerOf(`[["read","x",7],["write","y",3],["append","z",4],["read-list","z",[1,2]],["add","a",-5]]`)))
	f.Add([]byte(txnOf(`[["read","x"],["read-list","z"]]`) + `{"t":6,"e":"ok","p":3,"r":[["read","x",null],["read-list","z",[]]]}` + "\n" +
		`{"t":7,"e":"call","p":3,"f":"drain","k":"q"}` + "\n" + `{"t":8,"e":"ok","p":3,"r":[1,"x"]}` + "\n"))
	f.Add([]byte(header + "{\"t\":1,\"e\":\"mark\",\"name\":\"x\"}\n\x00\x00abc\n\x00"))
	f.Add([]byte(header + `{"t":1,"e":"call","p":1,"f":"read-list","k":"l"}` + "\n" + `{"t":2,"e":"ok","p":1,"r":[7],"r":[ 1,"x" , null,-3]}` + "\n" +
		`{"t":3,"e":"call","p":1,"f":"read-local","k":"l","r":[5]}` + "\n" + `{"t":4,"e":"ok","p":1,"r":[]}` + "\n"))
	f.Add([]byte(header + strings.Repeat(" \r\n", 3) + ` { "new" : [ {"a":"\u00e9"} ] , "e":"call","f":"read" ,"p":0,"k":"\ud83d\ude00","t":-5}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := Decode(bytes.NewReader(text))
		if err != nil {
			return
		}
		first := encoded(t, h)
		again, err := Decode(bytes.NewReader(first))
		require.NoError(t, err, "%s", first)
		requireSame(t, h, again)
		require.Equal(t, string(first), string(encoded(t, again)))
		for i := range h.Ops {
			require.NotEmpty(t, h.Describe(i))
		}
	})
}

// A file of several buffers, whose beginning says little about its end: lists and
// transactions come late, and grow.
func TestLargeHistoriesDecodeToTheSame(t *testing.T) {
	b := NewBuilder(Header{})
	for i := range int64(20_000) {
		b.Write(1, "x", Int(i), 10*i, 10*i+1)
		if i < 15_000 {
			continue
		}
		list := ints(int(i-15_000) / 50)
		b.List(2, "l", list, 10*i, 10*i+1).Txn(3, OK, 10*i, 10*i+1, Appends("l", Int(i)), Lists("l", list...), Reads("x", Int(i)))
	}
	h := b.History()
	text := encoded(t, h)
	require.Greater(t, len(text), 2*chunk)
	got, err := Decode(bytes.NewReader(text))
	require.NoError(t, err)
	require.True(t, slices.Equal(h.Ops, got.Ops), "the operations")
	require.True(t, slices.Equal(h.Micros, got.Micros), "the steps")
	require.True(t, slices.Equal(h.Elements, got.Elements), "the elements")
}
